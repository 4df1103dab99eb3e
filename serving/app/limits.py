"""What a body may be: JSON, small, sent in reasonable time, and exactly what its route describes.

The body is read here, counted as it comes (a chunked one has no length to
believe), checked against the route's model, and only then handed to BentoML.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.errors import CollabrankError
from serving.app.answers import error_answer
from serving.problems import in_plain_words, refusal

__all__ = ["LARGEST", "Limits"]

LARGEST = 256 * 1024
"""Bytes that a body may have."""

SECONDS = 15.0
"""Time that a client may take to send its body."""

AT_ONCE = 64
"""Requests with a body that one worker takes at a time; one more is told to come back."""


class Limits:
    """ASGI middleware: 415, 413, 408, 429 and 400, in plain words.

    Parameters
    ----------
    app : ASGI application
        What gets the checked body.
    bodies : mapping of str to pydantic model
        Route to the model that its body must fit. Other routes take no body.
    """

    def __init__(self, app: ASGIApp, bodies: Mapping[str, type[BaseModel]]) -> None:
        self._app = app
        self._bodies = bodies
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request's body and pass it on."""
        model = self._bodies.get(scope["path"]) if scope["type"] == "http" else None
        if model is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if self._now >= AT_ONCE:
            busy = refusal(429, f"at most {AT_ONCE} requests at a time", received="one more", look="a moment later")
            await error_answer(busy, {"Retry-After": "1"})(scope, receive, send)
            return
        self._now += 1
        try:
            body = await _checked(scope, receive, model)
        except CollabrankError as error:
            close = {"Connection": "close"} if error.status in (408, 413, 415) else {}
            await error_answer(error, close)(scope, receive, send)
        else:
            if body is not None:
                await self._app(scope, _replay(body, receive), send)
        finally:
            self._now -= 1


async def _checked(scope: Scope, receive: Receive, model: type[BaseModel]) -> bytes | None:
    """The body once it has passed, or None when the client went away."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    kind = headers.get(b"content-type", b"").decode("latin-1")
    media, _, parameters = kind.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise refusal(415, "a body with Content-Type: application/json", received=repr(kind[:100]) if kind else "none")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise refusal(415, "a body that is not compressed", received="a Content-Encoding header")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > LARGEST:
        raise _too_large(f"{int(length)} bytes")
    try:
        body = await asyncio.wait_for(_read(receive), SECONDS)
    except TimeoutError:
        raise refusal(408, f"the whole body within {SECONDS:.0f} s", received="a part of it") from None
    if body is None:
        return None
    try:
        model.model_validate_json(body)
    except ValidationError as error:
        raise in_plain_words(error, model) from None
    return body


def _too_large(received: str) -> CollabrankError:
    return refusal(413, f"a body of at most {LARGEST} bytes", received=received)


async def _read(receive: Receive) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST:
            raise _too_large(f"more than {LARGEST} bytes")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
