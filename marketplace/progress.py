"""Progress of long work: a bar with the time left on a terminal, plain lines elsewhere.

Both go to standard error, so that what a program reads on standard output
stays clean. In a notebook, where standard error is red, progress is one line
beneath the cell that goes when the cell is done, and what is told besides is
plain output. `track` follows a loop, `staged` a function whose stages take known
shares of its time, `countdown` a budget of time. What is begun within another
piece of work shows its bar beneath.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar, ParamSpec, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress_bar import ProgressBar
from rich.text import Text

__all__ = ["countdown", "say", "stage", "staged", "track"]

T = TypeVar("T")
P = ParamSpec("P")

_EVERY_S = 30.0


def say(text: str) -> None:
    """One plain line on standard error; in a notebook on standard output."""
    print(text, file=sys.stdout if _kernel() else sys.stderr, flush=True)


def _kernel() -> Any:
    """The IPython of a notebook's kernel; None elsewhere."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell if hasattr(shell, "kernel") else None


def track(items: Iterable[T], what: str, *, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` while showing how far the work has come.

    On a terminal a bar; elsewhere a line at the start, one at the end, and one every half minute between.
    """
    with _work(what, total) as work:
        for item in items:
            yield item
            work.advance(1)


def staged(what: str, shares: Mapping[str, float]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Show how far a function has come that calls `stage` as it goes.

    Parameters
    ----------
    what : str
        The work in a word.
    shares : mapping of stage to float
        In their order, about how much of the time each takes; any unit.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            with _work(what, sum(shares.values()), stages=shares):
                return function(*args, **kwargs)

        return run

    return decorate


def stage(name: str) -> None:
    """Begin the stage ``name`` of the innermost function under way that is `staged` and has one of that name."""
    for work in reversed(_UNDER_WAY):
        if name in work.stages:
            work.begin(name)
            return


class _Work:
    """One piece of work under way, told by lines."""

    def __init__(self, what: str, total: float | None, stages: Mapping[str, float]) -> None:
        self.what, self.total, self.stages = what, total, stages
        self.done = 0.0
        self.began = self.said = time.perf_counter()
        self.say("…")

    def begin(self, name: str) -> None:
        """The stages before ``name`` are over."""
        before = list(self.stages)[: list(self.stages).index(name)]
        self.advance(sum(self.stages[one] for one in before) - self.done)
        self.say(f"{name} …{self.left()}")

    def advance(self, share: float) -> None:
        """So much more is done."""
        self.done += share
        if not self.stages and time.perf_counter() - self.said >= _EVERY_S:
            of = "" if self.total is None else f" of {self.total:g}"
            self.say(f"{self.done:g}{of} after {self.elapsed:.0f} s{self.left()}")

    def end(self) -> None:
        """It has come to its end."""
        self.say(f"done in {self.elapsed:.1f} s" if self.stages else f"{self.done:g} done in {self.elapsed:.1f} s")

    def close(self) -> None:
        """It is over, well or not."""

    def say(self, text: str) -> None:
        """A line about this work."""
        say(f"{self.what} …" if text == "…" else f"{self.what}: {text}")
        self.said = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self.began

    def expected(self) -> float | None:
        """Seconds that it will have taken in all, at the pace so far; None where nothing tells."""
        return self.elapsed * self.total / self.done if self.total and self.done > 0 else None

    def left(self) -> str:
        """The time left in words."""
        expected = self.expected()
        return "" if expected is None else f", about {max(expected - self.elapsed, 0.0):.0f} s left"


class _Noted(_Work):
    """One piece of work under way, told in a notebook by a line that is written over and goes with the cell."""

    _shown: ClassVar[Any] = None

    def say(self, text: str) -> None:
        from IPython.display import display

        line = {"text/plain": f"{self.what} {text}" if text == "…" else f"{self.what}: {text}"}
        if _Noted._shown is None:
            show: Any = display
            _Noted._shown = show(line, raw=True, display_id=True)
            _kernel().events.register("post_run_cell", _Noted._gone)
        else:
            _Noted._shown.update(line, raw=True)
        self.said = time.perf_counter()

    @staticmethod
    def _gone(*_: object) -> None:
        shown, _Noted._shown = _Noted._shown, None
        _kernel().events.unregister("post_run_cell", _Noted._gone)
        shown.update({"text/plain": ""}, raw=True)


class _Barred(_Work):
    """One piece of work under way, told by a bar."""

    def __init__(self, what: str, total: float | None, stages: Mapping[str, float], bar: Progress) -> None:
        self.bar = bar
        self.task: TaskID = bar.add_task(what, total=total, expected=None)
        super().__init__(what, total, stages)

    def begin(self, name: str) -> None:
        super().begin(name)
        self.bar.update(self.task, description=f"{self.what}: {name}")

    def advance(self, share: float) -> None:
        self.done += share
        self.bar.update(self.task, advance=share, expected=self.expected())

    def end(self) -> None:
        """Nothing: the bar goes."""

    def close(self) -> None:
        self.bar.remove_task(self.task)

    def say(self, text: str) -> None:
        """Nothing: the bar tells."""


class _Left(ProgressColumn):
    """The time left at the pace of what is done, running down between two steps."""

    def render(self, task: Task) -> Text:
        expected = task.fields.get("expected")
        if expected is None or task.elapsed is None:
            return Text("-:--:--", style="progress.remaining")
        left = max(expected - task.elapsed, 0.0)
        return Text(f"{timedelta(seconds=round(left))} left", style="progress.remaining")


_UNDER_WAY: list[_Work] = []
_BARS: list[Progress] = []


@contextmanager
def _work(what: str, total: float | None, *, stages: Mapping[str, float] | None = None) -> Iterator[_Work]:
    with _bar() as bar:
        lines = _Noted if _kernel() else _Work
        work = lines(what, total, stages or {}) if bar is None else _Barred(what, total, stages or {}, bar)
        _UNDER_WAY.append(work)
        try:
            yield work
            work.end()
        finally:
            _UNDER_WAY.remove(work)
            work.close()


@contextmanager
def _bar() -> Iterator[Progress | None]:
    """The bars on this terminal, begun where there are none yet; None where there is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    if _BARS:
        yield _BARS[-1]
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), _Left())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        _BARS.append(bar)
        try:
            yield bar
        finally:
            _BARS.remove(bar)


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
