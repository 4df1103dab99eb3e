"""Fair turns within one worker: a small request never waits behind a row of large ones.

There are two lanes, one for large requests and one for the others, each with its
own places. Where all places of a lane are taken, keys take turns, one request each,
so that a key with a hundred waiting requests holds another up by one. A request
that would wait longer than it may is told so at once, instead of making the queue longer.
"""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Lane"]

_FIRST_GUESS = 0.05
_SLOWEST = 10.0


class Lane:
    """Places for requests that run, and turns for those that wait.

    Parameters
    ----------
    places : int
        Requests that run at a time.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._free = places
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._seconds = _FIRST_GUESS

    def __len__(self) -> int:
        return sum(len(row) for row in self._waiting.values())

    def expected_wait(self, key_id: str) -> float:
        """Seconds until one more request of this key would have its turn, from how long the last ones took."""
        if self._free > 0:
            return 0.0
        rounds = len(self._waiting.get(key_id, ())) + 1
        ahead = rounds - 1 + sum(min(len(row), rounds) for key, row in self._waiting.items() if key != key_id)
        return (ahead + 1) * self._seconds / self._places

    async def enter(self, key_id: str, *, seconds: float) -> None:
        """Wait for a place; `leave` must be called once it is no longer needed.

        Raises
        ------
        TimeoutError
            No place within ``seconds``.
        """
        if self._free > 0:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key_id, deque()).append(turn)
        try:
            await asyncio.wait_for(asyncio.shield(turn), seconds)
        except BaseException:
            if turn.done():
                self.leave()
            else:
                self._forget(key_id, turn)
            raise

    def _forget(self, key_id: str, turn: asyncio.Future[None]) -> None:
        row = self._waiting[key_id]
        row.remove(turn)
        if not row:
            del self._waiting[key_id]

    def leave(self, *, seconds: float | None = None) -> None:
        """Give the place up, to whose turn it is; the ``seconds`` that it was used tell how long a wait will be."""
        if seconds is not None:
            self._seconds += 0.2 * (min(seconds, _SLOWEST) - self._seconds)
        if not self._waiting:
            self._free += 1
            return
        key_id, row = next(iter(self._waiting.items()))
        turn = row.popleft()
        # The key goes to the end of the line: dicts keep the order of insertion.
        del self._waiting[key_id]
        if row:
            self._waiting[key_id] = row
        turn.set_result(None)
