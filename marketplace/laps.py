"""How long the stages of one piece of work take: a clock that is passed along unseen.

Who wants to know begins the clock; what does the work says where a stage ends, and
neither has to know the other. Where no clock runs, a lap costs a look at a variable.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["lap", "timed"]


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.since = time.perf_counter()


_running: ContextVar[_Clock | None] = ContextVar("laps", default=None)


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Run the clock for the block: seconds by stage, filled as laps come in; copies of the context share it."""
    clock = _Clock()
    token = _running.set(clock)
    try:
        yield clock.seconds
    finally:
        _running.reset(token)


def lap(stage: str) -> None:
    """Say that ``stage`` ends here: what has passed since the lap before is counted as its time."""
    clock = _running.get()
    if clock is not None:
        now = time.perf_counter()
        clock.seconds[stage] = clock.seconds.get(stage, 0.0) + now - clock.since
        clock.since = now
