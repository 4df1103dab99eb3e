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

from uvicorn.supervisors import Multiprocess

__all__ = ["Workers", "held_back", "look_on_hangup"]

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
    had = _on_terminal()

    def hung_up() -> None:
        if had and not _on_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
            return
        _log.info("told to look for what is new on disk (SIGHUP)")
        look()

    loop.add_signal_handler(signal.SIGHUP, hung_up)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def _on_terminal() -> bool:
    """Whether this process has a controlling terminal now."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class Workers(Multiprocess):
    """Several workers, which are told of SIGHUP instead of being started anew."""

    def init_processes(self) -> None:
        """Start all, each of which takes SIGHUP once it is ready for it."""
        self._had_terminal = _on_terminal()
        with held_back():
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        """Start anew those that have died."""
        with held_back():
            super().keep_subprocess_alive()

    def handle_hup(self) -> None:
        """Hand it on."""
        if self._had_terminal and not _on_terminal():
            self.should_exit.set()
            return
        for process in self.processes:
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, signal.SIGHUP)
