"""Signing in and out: plain pages that need no script."""

from __future__ import annotations

import html
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from marketplace.errors import CollabrankError
from serving.client import AsyncClient
from serving.console.gate import Names
from serving.console.plain import plain_page
from serving.console.sessions import COOKIE, LONGEST, Session, Sessions
from serving.console.settings import ConsoleSettings

__all__ = ["OPENS", "signin_routes"]

OPENS = {
    "brand": "all pages, for the brands that it is for",
    "admin": "all pages",
    "reviewer": "creators and their cards, categories, models and results",
    "creator": "one creator's own card",
}
"""What a key of each scope opens here; one of another scope opens nothing, and is not let in."""

_LARGEST = 4096

_FORM = """<h1>Sign in</h1>
<p class="cr-quiet">With the API key that your collabrank operator gave you.</p>
{notice}<form method="post" action="/sign-in">
<input type="hidden" name="next" value="{next}">
<label for="key">API key</label>
<input id="key" name="key" type="password" required autofocus autocomplete="current-password" spellcheck="false"
 maxlength="200"{invalid}>
<button class="cr-button cr-primary" type="submit">Sign in</button>
</form>
<p class="cr-quiet cr-small">The key stays on the console's server until you sign out,
and is sent to the service alone.</p>
"""


def _page(status: int = 200, *, notice: str = "", to: str = "/", refused: bool = False) -> HTMLResponse:
    told = f'<p class="cr-notice cr-bad" role="alert" id="why">{html.escape(notice)}</p>\n' if notice else ""
    if notice and not refused:
        told = told.replace("cr-bad", "cr-info")
    invalid = ' aria-invalid="true" aria-describedby="why"' if refused else ""
    form = _FORM.format(notice=told, next=html.escape(to, quote=True), invalid=invalid)
    return plain_page("Sign in", form, status)


def _inward(target: str) -> str:
    """A path of the console's own; anything else is its start."""
    inside = target.startswith("/") and not target.startswith(("//", "/\\", "/sign-")) and target.isprintable()
    return target if inside and "\\" not in target else "/"


def signin_routes(settings: ConsoleSettings, sessions: Sessions, names: Names) -> list[Route]:
    """``/sign-in``, ``/sign-out`` and the probe ``/healthz``."""

    async def show(request: Request) -> Response:
        to = _inward(request.query_params.get("next", "/"))
        if request.state.session is not None:
            return RedirectResponse(to, 303)
        why = {"idle": "You were signed out, because nothing was clicked for a while.", "out": "You are signed out."}
        return _page(notice=why.get(request.query_params.get("why", ""), ""), to=to)

    async def sign_in(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _LARGEST:
                return _page(413, notice="That is too long to be a key.", refused=True)
        said = parse_qs(body.decode("utf-8", "replace"), max_num_fields=5)
        to = _inward(said.get("next", ["/"])[0])
        key = said.get("key", [""])[0].strip()
        if not key or not key.isascii() or not key.isprintable():
            return _page(400, notice="That is no API key: a key is letters and digits alone.", to=to, refused=True)
        client = AsyncClient(settings.api, key, retries=1)
        try:
            me = await client.me()
        except CollabrankError as error:
            await client.close()
            status = getattr(error, "status", 503)
            if status in (401, 403):
                notice = "This key does not open anything: it is wrong, was revoked, or has expired."
                return _page(401, notice=notice, to=to, refused=True)
            return _page(503, notice="The ranking service does not answer. Try again in a moment.", to=to, refused=True)
        if me.key.scope not in OPENS:
            await client.close()
            notice = f"This key is for {me.key.scope} alone: it opens no page of the console."
            return _page(403, notice=notice, to=to, refused=True)
        old: Session | None = request.state.session
        if old is not None:
            sessions.end(old)
        token = sessions.begin(client, me, key)
        answer = RedirectResponse(to, 303)
        answer.set_cookie(
            COOKIE, token, max_age=int(LONGEST), path="/", secure=names.secure, httponly=True, samesite="lax"
        )
        return answer

    async def sign_out(request: Request) -> Response:
        session: Session | None = request.state.session
        if session is not None:
            sessions.end(session)
        answer = RedirectResponse("/sign-in?why=out", 303)
        answer.delete_cookie(COOKIE, path="/", secure=names.secure, httponly=True, samesite="lax")
        return answer

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    return [
        Route("/sign-in", show, methods=["GET"]),
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        Route("/healthz", healthz, methods=["GET"]),
    ]
