"""The console as an ASGI application: NiceGUI's pages behind the gate, with the plain pages and assets beside them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI
from nicegui import Client, app, background_tasks, ui
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from marketplace.errors import CollabrankError
from serving.console.frame import Health, draw_page
from serving.console.gate import Gate, Names
from serving.console.pages import PAGES
from serving.console.plain import plain_page
from serving.console.registry import Page, Visit
from serving.console.sessions import Session, Sessions
from serving.console.settings import ConsoleSettings
from serving.console.signin import OPENS, signin_routes

__all__ = ["application"]

_log = logging.getLogger("collabrank.console")

_ASSETS = Path(__file__).parent / "static"
_SWEEP = 15.0
_SLOWEST = 60.0

_NOT_FOR = """<h1>Not for this key</h1>
<p>The key that you are signed in with does not open this page. It opens {opens}.</p>
<p><a class="cr-link" href="/">To the start page</a></p>
<form method="post" action="/sign-out"><button class="cr-button" type="submit">Sign out</button></form>
"""
_NOT_THERE = """<h1>No such page</h1>
<p>The console has none at this address: it may have been mistyped, or cut short.</p>
<p><a class="cr-link" href="/">To the start page</a></p>
"""


def application(settings: ConsoleSettings, *, port: int) -> ASGIApp:
    """The console for one process; `serving.console.run_console` serves it."""
    names = Names(port=port, public=settings.public)
    sessions = Sessions(settings.idle_minutes * 60.0, _ended)
    health = Health(settings.api)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_sweep(sessions)), asyncio.create_task(health.watch())]
        yield
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    shell = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    shell.router.routes += [
        *signin_routes(settings, sessions, names),
        *(Route(path, _raw(page, make), methods=["GET"]) for page in PAGES for path, make in page.raw.items()),
        Mount("/assets", StaticFiles(directory=_ASSETS)),
    ]
    for page in PAGES:
        _open(page, settings, health)
    app.add_exception_handler(404, _not_there)
    app.config.socket_io_js_transports = ["websocket"]
    # A bar without a name, shown at each request: what loads says so where it is drawn.
    app.config.quasar_config["loadingBar"] = {"skipHijack": True}
    ui.run_with(
        shell,
        title="collabrank",
        favicon="data:,",
        dark=False,
        language="en-US",
        tailwind=False,
        gzip_middleware_factory=None,
        show_welcome_message=False,
        reconnect_timeout=10.0,
    )
    return Gate(shell, sessions=sessions, names=names)


def _open(page: Page, settings: ConsoleSettings, health: Health) -> None:
    """Have NiceGUI answer the page's path."""

    async def opened(request: Request) -> Response | None:
        session: Session = request.state.session
        if session.scope not in page.scopes:
            return RedirectResponse(_start_of(session), 303) if page.path == "/" else _not_for(session)
        session.views.add(ui.context.client.id)
        ui.context.client.on_delete(lambda: session.views.discard(client_id))
        client_id = ui.context.client.id
        visit = Visit(session, settings, dict(request.path_params), dict(request.query_params))
        await draw_page(page, visit, PAGES, health)
        return None

    ui.page(page.path, title=f"{page.title} · collabrank", response_timeout=_SLOWEST)(opened)


def _start_of(session: Session) -> str:
    """Where a key's user begins: at the first page of the menu that it opens; a creator at the creator's own card."""
    if session.scope == "creator":
        return f"/creators/{quote(session.me.key.creator_id or '', safe='')}"
    return next(page.path for page in PAGES if session.scope in page.scopes and page.icon)


def _not_for(session: Session) -> Response:
    return plain_page("Not for this key", _NOT_FOR.format(opens=OPENS[session.scope]), 403)


async def _not_there(_request: Request, _error: Exception) -> Response:
    """A page that needs no script, as the sign-in page: nobody's view is opened for it."""
    return plain_page("No such page", _NOT_THERE, 404)


def _raw(
    page: Page, make: Callable[[Session, Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        session: Session = request.state.session
        if session.scope not in page.scopes:
            return _not_for(session)
        try:
            return await make(session, request)
        except CollabrankError as error:
            said = f"Expected {error.expected}; received {error.received}.\n"
            return PlainTextResponse(said, getattr(error, "status", 400))

    return answer


async def _sweep(sessions: Sessions) -> None:
    while True:
        await asyncio.sleep(_SWEEP)
        sessions.sweep()


def _ended(session: Session) -> None:
    """Have every page of an ended session go to the sign-in page, and let its client go."""
    for view in list(session.views):
        client = Client.instances.get(view)
        if client is not None and client.has_socket_connection:
            client.open(f"/sign-in?why={session.why}")
    background_tasks.create(session.client.close(), name="close client")
