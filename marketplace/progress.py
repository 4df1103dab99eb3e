"""Progress of long work: a bar on a terminal, plain lines elsewhere.

Both go to standard error, so that what a program reads on standard output
stays clean.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeElapsedColumn
from rich.progress_bar import ProgressBar

__all__ = ["countdown", "say", "track"]

T = TypeVar("T")

_EVERY_S = 30.0


def say(text: str) -> None:
    """One plain line on standard error."""
    print(text, file=sys.stderr, flush=True)


def track(items: Iterable[T], what: str, *, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` while showing how far the work has come.

    On a terminal a bar; elsewhere a line at the start, one at the end, and one every half minute between.
    """
    if sys.stderr.isatty():
        with Progress(console=Console(stderr=True), transient=True) as bar:
            yield from bar.track(items, total=total, description=what)
        return
    started = time.perf_counter()
    say(f"{what} …")
    said, count = started, 0
    for item in items:
        yield item
        count += 1
        now = time.perf_counter()
        if now - said >= _EVERY_S:
            of = "" if total is None else f" of {total}"
            say(f"{what}: {count}{of} after {now - started:.0f} s")
            said = now
    say(f"{what}: {count} done in {time.perf_counter() - started:.1f} s")


@contextmanager
def countdown(what: str, seconds: float) -> Iterator[Callable[[str], None]]:
    """Show how much of a budget of time is used while the block runs; it gets a function that tells the news.

    On a terminal a bar that fills with time, the latest news beside it; elsewhere one line each.
    """
    if not sys.stderr.isatty():
        yield say
        return
    # rich redraws by a thread of its own; the bar's own clock fills it.
    bar = Progress(TextColumn("{task.description}"), _Clock(), TimeElapsedColumn(), console=Console(stderr=True))
    with bar:
        task = bar.add_task(what, total=max(seconds, 1e-9))
        yield lambda news: bar.update(task, description=news)


class _Clock(BarColumn):
    """A bar as full as the task is old."""

    def render(self, task: Task) -> ProgressBar:
        task.completed = min(task.elapsed or 0.0, task.total or 0.0)
        return super().render(task)
