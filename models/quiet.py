"""LightGBM's own messages: heard once, by Python's logging, and never on the terminal.

What it warns of is logged for debugging (`LOGGER`); what it refuses is raised as an error of ours by whoever called it
(`marketplace.errors`). LightGBM writes a fatal message to standard error before it raises, past any logger: whoever
fits therefore asks beforehand for what it is known to refuse.
"""

from __future__ import annotations

import functools
import logging

__all__ = ["LOGGER", "route_log"]

LOGGER = "collabrank.lightgbm"
"""The logger's name."""

_log = logging.getLogger(LOGGER)


class _Quiet:
    """A logger as LightGBM wants one: everything is for debugging."""

    def info(self, message: str) -> None:
        _log.debug(message.strip())

    def warning(self, message: str) -> None:
        _log.debug(message.strip())


@functools.cache
def route_log() -> None:
    """Send LightGBM's messages to `LOGGER`; once a process, whoever asks first."""
    import lightgbm as lgb  # with scikit-learn behind it the slowest to import of all

    lgb.register_logger(_Quiet())
