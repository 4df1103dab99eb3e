"""Who may ask: every route refuses without a valid key, but for three probes.

The middleware denies by default: it knows the probes and lets nothing else pass
without ``X-API-Key``, so a route that someone adds later is closed until a key
opens it. The probes (``/healthz``, ``/readyz``, ``/metrics``) are answered here
and never reach BentoML; they say nothing about creators, briefs or keys.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from marketplace.errors import AccessError
from serving.app.answers import asked, error_answer
from serving.app.limits import unread
from serving.keys import Keyring
from serving.problems import refusal

__all__ = ["Access"]


class Access:
    """ASGI middleware: 401 without a valid key.

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
        found = asked().found
        if found is None or not found.open:
            try:
                asked().key_id = self._check(scope)
            except AccessError as error:
                await error_answer(error, {"WWW-Authenticate": "ApiKey", **unread(scope)})(scope, receive, send)
                return
        if found is None:
            unknown = refusal(404, "a route of this service", received=f"{scope['method']} {scope['path'][:200]}")
            await error_answer(unknown, unread(scope))(scope, receive, send)
            return
        if found.route(scope["method"]) is None:
            unknown = refusal(405, f"{found.allowed}, which this route takes", received=scope["method"])
            await error_answer(unknown, {"Allow": found.allowed, **unread(scope)})(scope, receive, send)
            return
        within = self._probes if found.probe else self._app
        await within({**scope, "path": found.path}, receive, send)

    def _check(self, scope: Scope) -> str:
        presented = [value for name, value in scope["headers"] if name == b"x-api-key"]
        if len(presented) != 1:
            raise AccessError(
                "a valid key in the X-API-Key header",
                received="no key" if not presented else "several X-API-Key headers",
                look="`collabrank keys create NAME` makes one",
            )
        if self._keyring is None:
            self._keyring = self._make_keyring()
        return self._keyring.check(presented[0].decode("latin-1"))
