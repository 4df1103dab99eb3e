"""Progress of long work: a bar on a terminal, plain lines elsewhere.

Both go to standard error, so that what a program reads on standard output
stays clean.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

__all__ = ["say", "track"]

T = TypeVar("T")


def say(text: str) -> None:
    """One plain line on standard error."""
    print(text, file=sys.stderr, flush=True)


def track(items: Iterable[T], what: str, *, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` while showing how far the work has come.

    On a terminal a bar; elsewhere one line at the start and one at the end.
    """
    if sys.stderr.isatty():
        with Progress(console=Console(stderr=True), transient=True) as bar:
            yield from bar.track(items, total=total, description=what)
        return
    started = time.perf_counter()
    say(f"{what} …")
    count = 0
    for item in items:
        yield item
        count += 1
    say(f"{what}: {count} done in {time.perf_counter() - started:.1f} s")
