"""Work that only the latest state matters for: one at a time, and what was asked meanwhile once more after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nicegui import background_tasks

__all__ = ["Latest", "Settled"]


class Latest:
    """Does ``work`` as soon as it is asked for; asked again while it runs, it does it once more when it is done.

    However fast a slider moves, there is one request under way, and the last position is never left out.

    Parameters
    ----------
    work : callable
        Reads the state when it starts.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._wanted = False
        self._running = False

    def ask(self) -> None:
        """Have it done with the state as it is now."""
        self._wanted = True
        if not self._running:
            self._running = True
            background_tasks.create(self._run(), name="latest")

    async def _run(self) -> None:
        try:
            while self._wanted:
                self._wanted = False
                await self._work()
        finally:
            self._running = False


class Settled:
    """Does ``work`` once nothing has been asked for ``seconds``.

    Parameters
    ----------
    work : callable
        Reads the state when it starts.
    seconds : float
        How long it must be quiet.
    """

    def __init__(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._work = work
        self._seconds = seconds
        self._round = 0

    def ask(self) -> None:
        """Begin to wait, or begin anew."""
        self._round += 1
        background_tasks.create(self._run(self._round), name="settled")

    async def _run(self, mine: int) -> None:
        await asyncio.sleep(self._seconds)
        if mine == self._round:
            await self._work()
