"""Shadow rankings: made after the answer, one at a time, and left out and counted when there are too many."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

__all__ = ["Shadows"]

_log = logging.getLogger("collabrank.serving")

AFTER_SECONDS = 0.05
"""Between the handing over and the ranking, so that the answer has gone before its shadow begins."""


class Shadows:
    """Work that nobody waits for.

    Parameters
    ----------
    longest : int
        Rankings that may wait; one more is dropped and counted.
    after : float
        Seconds between the handing over and the beginning.
    count : callable
        Called with ``"ranked"``, ``"failed"`` or ``"dropped"`` for each.
    """

    def __init__(
        self, *, longest: int = 16, after: float = AFTER_SECONDS, count: Callable[[str], None] = lambda _: None
    ) -> None:
        self._count = count
        self._after = after
        self._waiting: queue.Queue[tuple[float, Callable[[], None]] | None] = queue.Queue(maxsize=longest)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work_all, name="shadow-rankings", daemon=True)
        self._thread.start()

    def offer(self, work: Callable[[], None]) -> bool:
        """Hand ``work`` over without waiting; False (and a count) where too much waits already."""
        try:
            self._waiting.put_nowait((time.monotonic() + self._after, work))
        except queue.Full:
            self._count("dropped")
            return False
        return True

    def _work_all(self) -> None:
        while (entry := self._waiting.get()) is not None:
            begins, work = entry
            if self._stopping.wait(max(begins - time.monotonic(), 0.0)):
                self._count("dropped")
                continue
            try:
                work()
            except Exception:  # a shadow that fails must not end those after it
                self._count("failed")
                _log.exception("a shadow ranking failed")
            else:
                self._count("ranked")

    def close(self) -> None:
        """End after the ranking under way; those that wait are dropped and counted."""
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join(timeout=10.0)
