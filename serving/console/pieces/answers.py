"""A place on a page that shows the answer to what was asked last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from nicegui import ui

from marketplace.errors import CollabrankError
from serving.console.pieces.layout import refusal_panel, waiting

__all__ = ["Answers"]

Answer = TypeVar("Answer")


class Answers:
    """Shows in ``place`` what the service answers to the last question; what comes to an earlier one is dropped.

    Parameters
    ----------
    place : element
        Is cleared for every answer.
    lines : int
        Grey lines while an answer is on its way; 0 leaves what is there.
    label : str
        What the wait is for.
    """

    def __init__(self, place: ui.element, *, lines: int = 3, label: str = "Loading") -> None:
        self.place, self.lines, self.label = place, lines, label
        self._asked = 0

    def clear(self) -> None:
        """Show nothing; an answer that is on its way is dropped."""
        self._asked += 1
        self.place.clear()

    async def show(
        self, ask: Callable[[], Awaitable[Answer]], draw: Callable[[Answer], None], *, again: Callable[[], Any]
    ) -> None:
        """Ask, and draw the answer, or the refusal with a button that does ``again``."""
        self._asked += 1
        mine = self._asked
        if self.lines:
            self.place.clear()
            with self.place:
                waiting(self.lines, label=self.label)
        try:
            drawn: Callable[[], Any] = partial(draw, await ask())
        except CollabrankError as refused:
            drawn = partial(refusal_panel, refused, again=again)
        if mine != self._asked:
            return
        self.place.clear()
        with self.place:
            drawn()
