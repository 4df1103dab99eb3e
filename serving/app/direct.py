"""The way of a checked body to its answer: what was validated at the door is what the service gets.

BentoML's own way would read the body, and validate it, a second time, and make Python objects of the answer before it
writes them; here the answer is written once, in the thread that made it. What has no body goes on to BentoML.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio.to_thread
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.app.answers import asked

__all__ = ["Direct"]


class Direct:
    """ASGI middleware: answers the routes with a body by the service's method of the route's name.

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
        route = None if now.found is None or scope["type"] != "http" else now.found.route(scope["method"])
        running = self._service()
        if now.body is None or route is None or running is None:
            await self._app(scope, receive, send)
            return
        if self._limiter is None:  # it belongs to the event loop that is running
            self._limiter = anyio.CapacityLimiter(self._threads)
        work = getattr(running, route.name).local
        response = await anyio.to_thread.run_sync(_answer, work, now.body, limiter=self._limiter)
        await response(scope, receive, send)


def _answer(work: Callable[[BaseModel], BaseModel | Response], body: BaseModel) -> Response:
    answer = work(body)
    if isinstance(answer, Response):
        return answer
    return Response(answer.model_dump_json(), media_type="application/json")
