"""What a body or a query may be: exactly what its route describes; a body JSON, small, sent in reasonable time.

The body is read here, counted as it comes (a chunked one has no length to
believe), checked against the route's model and the key's brands, and only then handed on, with what it
says (`serving.app.answers.Asked.body`). A query is checked in the same way. A route that takes no body gets none, and
what is refused before its body has been read is answered with ``Connection: close``,
so that the rest is never read.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import anyio
import anyio.to_thread
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.errors import BriefError, CollabrankError
from serving.app.answers import asked, error_answer
from serving.app.routes import LARGEST, Route
from serving.audit import told_of
from serving.brands import require_own_brands
from serving.problems import in_plain_words, refusal
from serving.queries import read_query

__all__ = ["Limits", "Replay", "unread"]

SECONDS = 15.0
"""Time that a client may take to send its body."""

AT_ONCE = 256
"""Bodies of `LARGEST` bytes that one worker holds at a time; one more is told to come back."""

AT_ONCE_A_KEY = 64
"""Of these, as many as one key may have."""

_NAMED_ONCE = (b"content-type", b"content-length", b"content-encoding", b"transfer-encoding")


class Limits:
    """ASGI middleware: 415, 413, 408, 429, 400 and 403, in plain words.

    Parameters
    ----------
    app : ASGI application
        What gets the checked body.
    further : callable
        Adds to what is wrong with a body's form what else is wrong with it, from the body as JSON has it; called in a
        thread, one at a time.
    """

    def __init__(
        self, app: ASGIApp, further: Callable[[object, BriefError], BriefError] = lambda _, error: error
    ) -> None:
        self._app = app
        self._further = further
        self._limiter: anyio.CapacityLimiter | None = None
        self._now: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request's body and pass it on."""
        route = asked().route if scope["type"] == "http" else None
        if route is None or route.takes is None:
            await self._without(route, scope, receive, send)
            return
        key_id, size = asked().key_id, max(1, route.largest // LARGEST)
        if self._now.total() + size > AT_ONCE or self._now[key_id] + size > AT_ONCE_A_KEY:
            busy = refusal(
                429, f"at most {AT_ONCE_A_KEY} requests at a time", received="one more", look="a moment later"
            )
            await error_answer(busy, {"Retry-After": "1", **unread(scope)})(scope, receive, send)
            return
        self._now[key_id] += size
        try:
            body = await self._checked(scope, receive, route, route.takes)
        except CollabrankError as error:
            close = unread(scope) if error.status in (408, 413, 415) else {}
            await error_answer(error, close)(scope, receive, send)
        else:
            if body is not None:
                await self._app(scope, Replay(body, receive), send)
        finally:
            self._now[key_id] -= size
            if not self._now[key_id]:
                del self._now[key_id]

    async def _checked(self, scope: Scope, receive: Receive, route: Route, model: type[BaseModel]) -> bytes | None:
        """The body once it has passed, or None when the client went away."""
        body = await _sent(scope, receive, route)
        if body is None:
            return None
        try:
            asked().body = model.model_validate_json(body)
        except ValidationError as error:
            if self._limiter is None:  # it belongs to the event loop that is running
                self._limiter = anyio.CapacityLimiter(1)
            found = in_plain_words(error, model)
            raise await anyio.to_thread.run_sync(self._whole, body, found, limiter=self._limiter) from None
        asked().told |= told_of(asked().body)
        require_own_brands(asked().body, asked().key)
        return body

    def _whole(self, body: bytes, error: BriefError) -> BriefError:
        try:
            sent = from_json(body)
        except ValueError:  # no JSON at all: there is nothing further to be told
            return error
        return self._further(sent, error)

    async def _without(self, route: Route | None, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and unread(scope):
            many = refusal(400, "no body, which this route does not take", received="one")
            await error_answer(many, unread(scope))(scope, receive, send)
            return
        if route is not None and route.asks is not None:
            try:
                asked().body = read_query(scope.get("query_string", b""), route.asks)
            except CollabrankError as error:
                await error_answer(error)(scope, receive, send)
                return
            asked().told |= told_of(asked().body)
        await self._app(scope, receive, send)


def unread(scope: Scope) -> dict[str, str]:
    """``Connection: close`` where the request has a body that nobody has read; else nothing."""
    sent = any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 ") != b"")
        for name, value in scope["headers"]
    )
    return {"Connection": "close"} if sent else {}


async def _sent(scope: Scope, receive: Receive, route: Route) -> bytes | None:
    """The body as it was sent, or None when the client went away."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _NAMED_ONCE and name in headers:
            raise refusal(415, f"one {name.decode()} header", received="several")
        headers[name] = value
    kind = headers.get(b"content-type", b"").decode("latin-1")
    media, _, parameters = kind.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise refusal(415, "a body with Content-Type: application/json", received=repr(kind[:100]) if kind else "none")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise refusal(415, "a body that is not compressed", received="a Content-Encoding header")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and (len(length) > 12 or int(length) > route.largest):
        raise _too_large(route, f"{length[:12].decode()} bytes{' and more' if len(length) > 12 else ''}")
    try:
        body = await asyncio.wait_for(_read(receive, route), SECONDS)
    except TimeoutError:
        raise refusal(408, f"the whole body within {SECONDS:.0f} s", received="a part of it") from None
    return body


def _too_large(route: Route, received: str) -> CollabrankError:
    return refusal(413, f"a body of at most {route.largest} bytes", received=received)


async def _read(receive: Receive, route: Route) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > route.largest:
            raise _too_large(route, f"more than {route.largest} bytes")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


class Replay:
    """``receive`` once more from the start: the body that has been read, then the ``rest``.

    Parameters
    ----------
    body : bytes
        What has been read.
    rest : callable
        Where it was read from; nothing but the asker's going away comes from there now.
    """

    def __init__(self, body: bytes, rest: Receive) -> None:
        self.rest = rest
        self._body: bytes | None = body

    async def __call__(self) -> Message:
        """The next message."""
        if self._body is None:
            return await self.rest()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
