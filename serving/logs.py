"""The service's own log on standard error: plain lines, or JSON lines where COLLABRANK_LOG=json.

What clients send may stand in a line (a method, a path), so control characters
are escaped: nobody can write a line of their own, or move a terminal's cursor.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import textwrap
from datetime import UTC, datetime
from typing import IO, Any

from marketplace.errors import HomeError
from marketplace.text import printable

__all__ = ["FORMATS", "JsonLines", "PlainLines", "log_format", "start_logging"]

FORMATS = ("plain", "json")
FIELDS = ("request_id", "key_id", "method", "route", "status", "ms")
"""What a line may tell beside its words, in this order; given to the logger as ``extra``."""


class PlainLines(logging.Formatter):
    """``2026-01-31 12:00:00,000 INFO collabrank.serving words``; a trace follows on lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line, its words escaped."""
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """The trace, set in, so that no line of it passes for one of the log's own."""
        return textwrap.indent(printable(super().formatException(ei), lines=True), "  ")


class JsonLines(logging.Formatter):
    """One object a line: ``at`` (UTC), ``level``, ``logger``, ``message``, `FIELDS`, ``trace`` of a fault."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; ASCII alone, so that every control character is an escape."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, object] = {
            "at": at,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def start_logging(stream: IO[str] | None = None) -> None:
    """Log from INFO on to ``stream`` (standard error), in the format that ``COLLABRANK_LOG`` names.

    Raises
    ------
    HomeError
        It names no format.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonLines() if log_format() == "json" else PlainLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def log_format() -> str:
    """The one of `FORMATS` that ``COLLABRANK_LOG`` names; plain where it is not set.

    Raises
    ------
    HomeError
        It names none.
    """
    asked = os.environ.get("COLLABRANK_LOG", "").strip().lower() or FORMATS[0]
    if asked not in FORMATS:
        raise HomeError(" or ".join(FORMATS), received=asked, look="the environment variable COLLABRANK_LOG")
    return asked
