"""Who may ask: nothing opens without a valid key of the right scope, but for what the table of routes leaves open.

The middleware denies by default. What `serving.app.routes.Table.find` made of the
path decides: without a key everything but the open routes is 401, whether it is
there or not; with one, what is not in the table is 404, another method 405, and a
route outside the key's scope 403. All of that is decided from the request's head;
no body is read. The probes (``/healthz``, ``/readyz``, ``/metrics``) are answered
here and never reach BentoML; they say nothing about creators, briefs or keys.

The key comes as ``X-API-Key: KEY`` or ``Authorization: Bearer KEY``; where both are
sent they must be the same.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from marketplace.errors import AccessError, CollabrankError
from serving.app.answers import asked, error_answer
from serving.app.limits import unread
from serving.app.routes import Found
from serving.brands import forbidden
from serving.keys import ApiKey, Keyring
from serving.problems import refusal

__all__ = ["Access"]

MOST_HEADERS = 100
LARGEST_HEAD = 16 * 1024
"""Bytes that all names and values of the headers, and the query, may have together."""


class Access:
    """ASGI middleware: 401, 403, 404 and 405, from the table of routes and the keys.

    Parameters
    ----------
    app : ASGI application
        What it guards.
    probes : ASGI application
        What answers the probes.
    keyring : callable
        Gives the keys that open now; called at the first request, not before.
    """

    def __init__(self, app: ASGIApp, probes: ASGIApp, keyring: Callable[[], Keyring]) -> None:
        self._app = app
        self._probes = probes
        self._make_keyring = keyring
        self._keyring: Keyring | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request pass, or refuse it before its body is read."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            found = self._admit(scope)
        except CollabrankError as error:
            headers = unread(scope)
            if error.status == 401:
                headers["WWW-Authenticate"] = 'ApiKey, Bearer realm="collabrank"'
            if error.status == 405 and asked().found is not None:
                headers["Allow"] = asked().found.allowed  # type: ignore[union-attr]
            await error_answer(error, headers)(scope, receive, send)
            return
        within = self._probes if found.probe else self._app
        # Whoever comes after reads the path as it was understood here.
        await within({**scope, "path": found.path}, receive, send)

    def _admit(self, scope: Scope) -> Found:
        """What is asked for, once the asker may have it."""
        _require_sane_head(scope)
        found = asked().found
        key = None
        if found is None or not found.open:
            key = asked().key = self._check(scope)
        if found is None:
            raise refusal(404, "a route of this service", received=f"{scope['method']} {scope['path'][:200]}")
        route = found.route(scope["method"])
        if key is not None and not any(one.opens_to(key.scope) for one in found.methods.values()):
            raise _out_of_scope(found, key)
        if route is None:
            raise refusal(405, f"{found.allowed}, which this route takes", received=scope["method"][:20])
        if key is not None:
            if not route.opens_to(key.scope):
                raise _out_of_scope(found, key)
            if key.creator_id is not None and found.parameters.get("creator_id", key.creator_id) != key.creator_id:
                raise forbidden("the creator that the key is for", received="another one")
        return found

    def _check(self, scope: Scope) -> ApiKey:
        if self._keyring is None:
            self._keyring = self._make_keyring()
        return self._keyring.check(_presented(scope))


def _require_sane_head(scope: Scope) -> None:
    headers = scope["headers"]
    size, query = sum(len(name) + len(value) for name, value in headers), len(scope.get("query_string", b""))
    route = asked().route
    if route is not None and route.asks is not None and size + query > LARGEST_HEAD >= size:
        # Of a route with a query it is what was asked that cannot be, and not what stands around it.
        raise refusal(400, f"a query and headers of {LARGEST_HEAD} bytes together", received="a longer query")
    if len(headers) > MOST_HEADERS or size + query > LARGEST_HEAD:
        raise refusal(
            431,
            f"at most {MOST_HEADERS} headers of {LARGEST_HEAD} bytes together",
            received="more",
            look="docs/access.md",
        )
    lengths = [value for name, value in headers if name == b"content-length"]
    if len(lengths) > 1 or (lengths and any(name == b"transfer-encoding" for name, _ in headers)):
        # Whoever stands in front may read the body's end elsewhere: two requests where we see one.
        raise refusal(400, "one way to tell the body's length", received="several")


def _presented(scope: Scope) -> str:
    keys = [value for name, value in scope["headers"] if name == b"x-api-key"]
    said = [value for name, value in scope["headers"] if name == b"authorization"]
    bearers = [value.partition(b" ") for value in said]
    if len(keys) > 1 or len(said) > 1:
        raise _no_key("several keys")
    if any(kind.lower() != b"bearer" for kind, _, _ in bearers):
        raise _no_key("an Authorization header of another kind")
    sent: set[bytes] = {*keys, *(value.strip() for _, _, value in bearers)}
    if len(sent) > 1:
        raise _no_key("two keys that differ")
    if not sent:
        raise _no_key("no key")
    return sent.pop().decode("latin-1")


def _no_key(received: str) -> AccessError:
    return AccessError(
        "a valid key in the X-API-Key header, or after Bearer in the Authorization header",
        received=received,
        look="`collabrank keys create NAME` makes one",
    )


def _out_of_scope(found: Found, key: ApiKey) -> AccessError:
    scopes = sorted({scope for route in found.methods.values() for scope in route.scopes} | {"admin"})
    return forbidden(f"a key of scope {' or '.join(scopes)}", received=f"one of scope {key.scope}")
