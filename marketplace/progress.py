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
