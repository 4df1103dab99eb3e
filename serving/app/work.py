"""What a request costs, whether its key has that left, when its turn is, and how long it may take.

The last door before BentoML, for routes with a body. The work is known before it
is done: the creators of the brief's market, or those named, and how many are asked
for (`serving.budgets`). 429 says that the key has used up its budget, 503 that the
service is busy; both say when to come back (``Retry-After``).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.app.answers import asked, error_answer
from serving.app.lanes import Lane
from serving.app.limits import Replay
from serving.budgets import Buckets
from serving.problems import refusal
from serving.settings import Patience

__all__ = ["THREADS", "Work"]

THREADS = 4
"""Requests that one worker works on at a time; one of them may be large."""


class Work:
    """ASGI middleware: 429 and 503, each with ``Retry-After``.

    Parameters
    ----------
    app : ASGI application
        What does the work.
    work : callable
        The work of the request that is being answered, from its checked body.
    buckets : callable
        Gives the keys' budgets; called once, here.
    patience : callable
        Gives how long things may take; called once, here.
    """

    def __init__(
        self,
        app: ASGIApp,
        work: Callable[[], float],
        buckets: Callable[[], Buckets],
        patience: Callable[[], Patience] = Patience.from_environment,
    ) -> None:
        self._app = app
        self._work = work
        self._buckets = buckets()
        self._patience = patience()
        self._large = Lane(1)
        self._others = Lane(THREADS - 1)
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request have its turn."""
        if scope["type"] != "http" or asked().body is None:
            await self._app(scope, receive, send)
            return
        work = self._work()
        asked().told["work"] = round(work)
        lane = self._large if work > self._patience.large else self._others
        key_id = asked().key_id
        began = time.monotonic()
        try:
            self._afford(key_id, work, lane)
            await self._turn(lane, key_id, receive)
        except _Later as later:
            await later.answer()(scope, receive, send)
            return
        except _Gone:
            return
        await self._run(lane, self._patience.seconds - (time.monotonic() - began), scope, receive, send)

    def _afford(self, key_id: str, work: float, lane: Lane) -> None:
        wait = lane.expected_wait(key_id)
        if wait > self._patience.wait:
            raise _Later(503, "a service with time left", f"{len(lane)} requests waiting", wait)
        seconds = self._buckets.take(key_id, work) if key_id and work > 0 else 0.0
        if seconds > 0:
            raise _Later(429, "a request within the key's budget of work", f"{work:,.0f} creators' worth", seconds)

    async def _turn(self, lane: Lane, key_id: str, receive: Receive) -> None:
        """Wait for a place in the lane, unless the asker goes away meanwhile."""
        entering = asyncio.ensure_future(lane.enter(key_id, seconds=self._patience.wait))
        await asyncio.sleep(0)
        if not entering.done():
            leaving = asyncio.ensure_future(_gone(receive.rest if isinstance(receive, Replay) else receive))
            try:
                await asyncio.wait({entering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                if not entering.done():
                    entering.cancel()
        try:
            await entering
        except TimeoutError:
            raise _Later(503, "a service with time left", "no turn in time", self._patience.wait) from None
        except asyncio.CancelledError:
            raise _Gone from None

    async def _run(self, lane: Lane, seconds: float, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        gate = _Gate(send)
        task = asyncio.ensure_future(self._app(scope, receive, gate))

        def ended(_: Any) -> None:
            self._late.discard(task)
            lane.leave(seconds=time.monotonic() - began)

        task.add_done_callback(ended)
        try:
            await asyncio.wait({task}, timeout=max(0.0, seconds))
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done() or gate.started:
            await task
            return
        # A thread cannot be stopped: the work goes on and keeps its place, but nobody waits for it.
        gate.shut = True
        self._late.add(task)
        late = _Later(503, f"an answer within {self._patience.seconds:g} s", "none yet", self._patience.wait)
        await late.answer()(scope, receive, send)


class _Gone(Exception):  # noqa: N818
    """The asker has gone away."""


class _Gate:
    """``send``, until it is shut."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.shut = False

    async def __call__(self, message: Message) -> None:
        if not self.shut:
            self.started = True
            await self._send(message)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Later(Exception):  # noqa: N818
    """An answer that says when to come back."""

    def __init__(self, status: int, expected: str, received: str, seconds: float) -> None:
        super().__init__(expected)
        self._error = refusal(status, expected, received=received, look="docs/access.md")
        self._seconds = max(1, math.ceil(seconds))

    def answer(self) -> JSONResponse:
        return error_answer(self._error, {"Retry-After": str(self._seconds)})
