"""The door of the console: which host and origin may ask, who is signed in, and the headers of every answer.

Nothing but the sign-in page, its assets and the probe opens without a session. A page's scripts run by a nonce; what
NiceGUI compiles in the browser (its templates) needs ``unsafe-eval``, its styles ``unsafe-inline``; nothing is loaded
from elsewhere. A websocket is taken from the console's own pages alone, and ends with its session.
"""

from __future__ import annotations

import re
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.console.sessions import COOKIE, Session, Sessions

__all__ = ["Gate", "Names"]

_OPEN = ("/sign-in", "/sign-out", "/healthz", "/favicon.ico")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_TALK = "/_nicegui_ws"
_SCRIPT = re.compile(rb"<script(?=[\s>])")

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Names:
    """The names under which the console may be asked.

    Parameters
    ----------
    port : int
        Where it listens; on this machine's loopback names it may always be asked.
    bound : str
        The address it is bound to.
    public : str
        The address of a proxy in front, such as ``https://console.example``; empty where there is none.
    """

    def __init__(self, *, port: int, bound: str = "127.0.0.1", public: str = "") -> None:
        shown = f"[{bound}]" if ":" in bound else bound
        self.origins = {f"http://{host}:{port}" for host in (*_LOOPBACK, shown)}
        if port == 80:
            self.origins |= {f"http://{host}" for host in (*_LOOPBACK, shown)}
        if public:
            self.origins.add(public.lower())
        self.hosts = {origin.partition("://")[2] for origin in self.origins}
        self.secure = public.startswith("https://")

    def takes(self, headers: Headers) -> bool:
        """Whether the request names this console as its host (a page elsewhere that resolves to it does not)."""
        asked = headers.getlist("host")
        return len(asked) == 1 and asked[0].lower() in self.hosts

    def own(self, headers: Headers) -> bool:
        """Whether the request comes from a page of this console."""
        return headers.get("origin", "").lower() in self.origins


def _policy(nonce: str, host: str) -> str:
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host} wss://{host}; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )


def _token(headers: Headers) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value


class Gate:
    """ASGI middleware around everything that the console answers."""

    def __init__(self, app: ASGIApp, *, sessions: Sessions, names: Names) -> None:
        self._app = app
        self._sessions = sessions
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request or websocket in, or turn it away."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        # What a proxy may say of itself is not believed: the settings name the public address.
        kept = [(name, value) for name, value in scope["headers"] if not name.startswith(b"x-forwarded-")]
        session = self._sessions.of(_token(headers))
        scope = {**scope, "headers": kept, "state": {**scope.get("state", {}), "session": session}}
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send, headers, session)
            return
        dressed = _Dressed(send, headers.get("host", ""))
        refused = self._refused(scope, headers, session)
        if refused is not None:
            await refused(scope, receive, dressed)
            return
        if session is not None and scope["method"] != "HEAD" and not scope["path"].startswith("/_nicegui"):
            self._sessions.touch(session)
        await self._app(scope, receive, dressed)

    def _refused(self, scope: Scope, headers: Headers, session: Session | None) -> ASGIApp | None:
        if not self._names.takes(headers):
            return PlainTextResponse("This is not the address of the console.\n", 421)
        if scope["method"] not in ("GET", "HEAD") and not self._names.own(headers):
            return PlainTextResponse("Asked from a page that is not the console's.\n", 403)
        path = scope["path"]
        if path.startswith(_TALK):
            # Pages talk by a websocket, which is asked for its page; the same over plain requests would not be.
            return PlainTextResponse("By websocket alone.\n", 403)
        if session is not None or path in _OPEN or path.startswith("/assets/"):
            return None
        if scope["method"] == "GET" and not path.startswith("/_nicegui"):
            query = scope.get("query_string", b"").decode("latin-1")
            asked = quote(f"{path}{f'?{query}' if query else ''}", safe="/")
            return RedirectResponse(f"/sign-in?next={asked}" if asked != "/" else "/sign-in", 303)
        return PlainTextResponse("Sign in first.\n", 401)

    async def _websocket(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers, session: Session | None
    ) -> None:
        view = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("client_id", [""])[0]
        if not (self._names.takes(headers) and self._names.own(headers) and session and view in session.views):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return

        async def heard() -> Message:
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            if session.ended:
                await send({"type": "websocket.close", "code": 1008})
                return {"type": "websocket.disconnect", "code": 1008}
            if str(message.get("text") or "").startswith('42["event"'):  # a click, and no heartbeat
                self._sessions.touch(session)
            return message

        await self._app(scope, heard, send)


class _Dressed:
    """``send`` with the headers of every answer; a page's scripts get this answer's nonce."""

    def __init__(self, send: Send, host: str) -> None:
        self._send = send
        self._host = host
        self._nonce = secrets.token_urlsafe(18)
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = {name.lower(): value for name, value in message["headers"]}
            policy = _policy(self._nonce, self._host).encode("latin-1")
            added = {name.encode(): value.encode() for name, value in _ALWAYS.items()}
            added[b"content-security-policy"] = policy
            if not headers.get(b"content-type", b"").startswith((b"text/css", b"text/javascript", b"font/")):
                added[b"cache-control"] = b"no-store"
            held = [*message["headers"], *((n, v) for n, v in added.items() if n not in headers)]
            message = {**message, "headers": held}
            if headers.get(b"x-nicegui-content") == b"page":
                self._start = message
                return
        elif self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            body = _SCRIPT.sub(b'<script nonce="' + self._nonce.encode() + b'"', bytes(self._body))
            kept = [pair for pair in self._start["headers"] if pair[0].lower() != b"content-length"]
            await self._send({**self._start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
            self._start = None
            message = {"type": "http.response.body", "body": body}
        await self._send(message)
