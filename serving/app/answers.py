"""How the service answers: a request id on everything, errors in plain words, never a stack trace.

`Answers` is the outermost of the service's middlewares. Whatever goes wrong
below it (an error of ours, a route that does not exist, a fault) leaves as JSON::

    {"error": "BriefError", "expected": "...", "received": "...", "look": "...", "request_id": "..."}

A fault of the service itself (500) says ``{"error": "InternalError", "request_id": "..."}``
and nothing more; the service's own log has the rest under that id.
"""

from __future__ import annotations

import functools
import logging
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.errors import CollabrankError
from marketplace.laps import lap, timed
from serving.app.meters import Meters
from serving.app.routes import ROUTES, Found, Route, Table
from serving.audit import AuditLog
from serving.keys import ApiKey
from serving.problems import refusal

__all__ = ["Answers", "Asked", "answered", "asked", "error_answer"]

_log = logging.getLogger("collabrank.serving")
P = ParamSpec("P")
R = TypeVar("R")

_HEADER = b"x-request-id"
_LOGGED = b"x-decision-logged"


@dataclass
class Asked:
    """One request on its way: its id, what its path means, the key that opened the door, and what came of it.

    ``found`` is None where the path means nothing, ``route`` where its method does not, ``key`` before the door and
    where none was needed; ``body`` is what the body says, or the query, once it has been checked; ``logged`` whether
    the decision log has its line on disk, None where there is none to keep; ``told`` goes into the audit log beside
    all that.
    """

    request_id: str
    found: Found | None = None
    route: Route | None = None
    key: ApiKey | None = None
    logged: bool | None = None
    body: BaseModel | None = None
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def key_id(self) -> str:
        """The id of the key that opened the door; empty before that."""
        return "" if self.key is None else self.key.id

    @property
    def pattern(self) -> str:
        """The pattern of the table that the path falls under, for metrics: one of a few, whatever is sent."""
        return "other" if self.found is None else self.found.pattern


_current: ContextVar[Asked | None] = ContextVar("asked", default=None)


def asked() -> Asked:
    """The request that is being answered here; a new id where there is none (a direct call, not over HTTP)."""
    return _current.get() or Asked(uuid.uuid4().hex)


def error_answer(error: CollabrankError, headers: dict[str, str] | None = None) -> JSONResponse:
    """``error`` as an HTTP answer; one that is our fault keeps its words to the log."""
    request_id = asked().request_id
    return JSONResponse(
        {**error.as_dict(), "request_id": request_id},
        status_code=error.status,
        headers={**(headers or {}), _HEADER.decode(): request_id},
    )


def answered(work: Callable[P, R]) -> Callable[P, R]:
    """Turn an error of ours that ``work`` raises into its HTTP answer; BentoML would make a bare 500 of it."""

    @functools.wraps(work)
    def inner(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return work(*args, **kwargs)
        except CollabrankError as error:
            if error.status >= 500:
                _log.error("request %s: %s", asked().request_id, error)
            return error_answer(error)

    return inner


def _in_our_words(status: int, scope: Scope) -> JSONResponse:
    if status >= 500 and status != 503:
        request_id = asked().request_id
        return JSONResponse(
            {"error": "InternalError", "request_id": request_id}, status, headers={_HEADER.decode(): request_id}
        )
    expected = {
        404: "a route of this service",
        405: "the method that this route takes",
        503: "a service that is ready",
    }.get(status, "a request as described")
    received = f"{scope['method']} {scope['path'][:200]}"
    return error_answer(refusal(status, expected, received=received))


def _headed(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """An answer's headers with those of every answer."""
    kept = [(name, value) for name, value in headers if name not in (b"server", _HEADER)]
    kept += [(_HEADER, asked().request_id.encode()), (b"cache-control", b"no-store")]
    logged = asked().logged
    if logged is not None:
        kept.append((_LOGGED, b"yes" if logged else b"no"))
    return kept


def _audited(scope: Scope, status: int, seconds: float) -> dict[str, Any]:
    """The request's line in the audit log: who, what, with which result."""
    now = asked()
    client = scope.get("client")
    line = {
        "request_id": now.request_id,
        "key_id": now.key_id,
        "client": client[0] if client else None,
        "method": scope["method"][:20],
        "route": now.pattern,
        "status": status,
        "ms": round(1000 * seconds),
    }
    if now.found is not None and now.key_id:
        line |= dict(now.found.parameters)
    return line | now.told


class Answers:
    """ASGI middleware: names every request, words every error, counts every answer.

    Parameters
    ----------
    app : ASGI application
        What it stands in front of.
    meters : callable
        Gives the service's meters, or None before the service has started.
    table : callable
        Gives the routes that there are; called once, here.
    audit : callable
        Gives the audit log; called once, here.
    """

    def __init__(
        self,
        app: ASGIApp,
        meters: Callable[[], Meters | None],
        table: Callable[[], Table] = lambda: ROUTES,
        audit: Callable[[], AuditLog] = AuditLog,
    ) -> None:
        self._app = app
        self._meters = meters
        self._table = table()
        self._audit = audit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = self._table.find(scope)
        route = None if found is None else found.route(scope["method"])
        token = _current.set(Asked(uuid.uuid4().hex, found, route))
        try:
            await self._answer(scope, receive, send)
        finally:
            _current.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        status = 0
        replaced = False

        async def worded(message: Message) -> None:
            nonlocal status, replaced
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                ours = any(name == _HEADER for name, _ in headers)
                if message["status"] >= 400 and not ours:
                    replaced = True
                    answer = _in_our_words(message["status"], scope)
                    answer.raw_headers.extend(pair for pair in headers if pair[0] == b"allow")
                    status = answer.status_code
                    await answer(scope, receive, send)
                    return
                status = message["status"]
                message = {**message, "headers": _headed(headers)}
            if not replaced:
                await send(message)

        laps: dict[str, float] = {}
        try:
            with timed() as laps:
                await self._app(scope, receive, worded)
                if laps:
                    lap("serialise")
        except CollabrankError as error:
            if status:
                raise
            await error_answer(error)(scope, receive, worded)
        except Exception:
            _log.exception("request %s: a fault on %s", asked().request_id, asked().pattern)
            if not status:
                await _in_our_words(500, scope)(scope, receive, worded)
        finally:
            seconds = time.perf_counter() - began
            route, found = asked().pattern, asked().found
            if found is None or not found.probe:
                _log.info(
                    "request %s: %s %s %d in %.0f ms, key %s",
                    asked().request_id, scope["method"], route, status, 1000 * seconds, asked().key_id or "none",
                    extra={
                        "request_id": asked().request_id, "key_id": asked().key_id, "method": scope["method"],
                        "route": route, "status": status, "ms": round(1000 * seconds, 1),
                    },
                )  # fmt: skip
                self._audit.request(_audited(scope, status, seconds))
            meters = self._meters()
            if meters is not None:
                meters.answered(route, status, seconds, laps)
