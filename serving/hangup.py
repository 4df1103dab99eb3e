"""SIGHUP to `collabrank serve`: look at once for what is new on disk, and go on serving.

A worker looks at bundle, snapshot, challenger and settings of exploration at once, tries what it refused once more,
and answers meanwhile. The parent of several workers hands the signal to each of them (uvicorn's own would start every
worker anew, and load everything twice meanwhile). While a worker is starting it takes none: it reads all of it anyway.

A terminal that goes away sends SIGHUP, too. Whoever was started on a terminal that is not there any more stops.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["held_back", "look_on_hangup", "on_terminal"]

_log = logging.getLogger("collabrank.serving")


@contextmanager
def held_back() -> Iterator[None]:
    """Processes that are started in the block have SIGHUP wait until they take it (`look_on_hangup`)."""
    # A new process has the mask of the thread that made it, and so have the threads that it makes.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def look_on_hangup(look: Callable[[], None]) -> None:
    """Have SIGHUP call ``look`` in this process's event loop; nothing where none is running.

    Parameters
    ----------
    look : callable
        Must return at once.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    had = on_terminal()

    def hung_up() -> None:
        if had and not on_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
            return
        _log.info("told to look for what is new on disk (SIGHUP)")
        look()

    loop.add_signal_handler(signal.SIGHUP, hung_up)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def on_terminal() -> bool:
    """Whether this process has a controlling terminal now."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
