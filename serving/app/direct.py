"""The way of a checked body or query to its answer: what was validated at the door is what the service gets.

BentoML's own way would read the body, and validate it, a second time, and make Python objects of the answer before it
writes them; here the answer is written once, in the thread that made it. What has neither goes on to BentoML.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import anyio.to_thread
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.app.answers import asked

__all__ = ["Direct"]


class Direct:
    """ASGI middleware: answers the routes with a body or a query by the service's method of the route's name.

    Those that the table says how to find go to the service's ``find``.

    Parameters
    ----------
    app : ASGI application
        What answers all else.
    service : callable
        Gives the running service, or None before it has started.
    threads : int
        Requests that are worked on at a time.
    """

    def __init__(self, app: ASGIApp, service: Callable[[], Any], *, threads: int) -> None:
        self._app = app
        self._service = service
        self._threads = threads
        self._limiter: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        now = asked()
        running = self._service()
        if scope["type"] != "http" or now.body is None or now.route is None or now.found is None or running is None:
            await self._app(scope, receive, send)
            return
        if self._limiter is None:  # it belongs to the event loop that is running
            self._limiter = anyio.CapacityLimiter(self._threads)
        if now.route.finds is not None:
            work = functools.partial(running.find, now.route)
        else:
            method = getattr(running, now.route.name)
            work = getattr(method, "local", method)  # BentoML's endpoints keep the method itself there
        response = await anyio.to_thread.run_sync(_answer, work, now.body, now.found.parameters, limiter=self._limiter)
        await response(scope, receive, send)


def _answer(work: Callable[..., BaseModel | bytes | Response], body: BaseModel, ids: Mapping[str, str]) -> Response:
    answer = work(body, **ids)
    if isinstance(answer, Response):
        return answer
    written = answer if isinstance(answer, bytes) else answer.model_dump_json()
    return Response(written, media_type="application/json")
