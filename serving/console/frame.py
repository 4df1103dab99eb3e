"""The frame around every page: skip link, heading, menu, the state of the service, and errors in words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import httpx
from nicegui import ui

from marketplace.errors import CollabrankError
from serving.console.pieces import refusal_panel, sign, text
from serving.console.registry import Page, Visit

__all__ = ["Health", "draw_page"]

_EVERY = 5.0

_THEME = """<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/assets/console.css"><link rel="stylesheet" href="/assets/pages.css">
<script src="/assets/console.js"></script>"""


class Health:
    """Whether the service answers, asked every few seconds for all pages together.

    Parameters
    ----------
    api : str
        The service's address.
    """

    def __init__(self, api: str) -> None:
        self._api = api
        self.state = "ready"
        """``ready``, ``waiting`` (it has nothing to rank with yet) or ``down``."""

    async def watch(self) -> None:
        """Ask until cancelled."""
        async with httpx.AsyncClient(base_url=self._api, timeout=4.0, trust_env=False) as client:
            while True:
                try:
                    answer = await client.get("/readyz")
                    self.state = "ready" if answer.status_code == 200 else "waiting"
                except httpx.HTTPError:
                    self.state = "down"
                await asyncio.sleep(_EVERY)


async def draw_page(page: Page, visit: Visit, pages: Sequence[Page], health: Health) -> None:
    """Draw ``page`` in its frame."""
    ui.add_head_html(_THEME)
    client = ui.context.client
    client.content.classes(add="cr-content", remove="nicegui-content")
    with client.layout:
        skip = ui.element("a").props('href="#page"').classes("cr-skip")
        with skip:
            text("Skip to the page")
        side = ui.element("header").classes("cr-side")
        with side:
            _menu(page, visit, pages)
        banner = ui.element("div").props('role="status" aria-live="polite"').classes("cr-banner")
    for place, element in enumerate((skip, side, banner)):
        element.move(client.layout, place)
    _tell_health(banner, health)
    with ui.element("div").props('id="page" tabindex="-1"').classes("cr-page"):
        if page.heading:
            with ui.element("div").classes("cr-head"):
                text(page.title, tag="h1")
                if page.about:
                    text(page.about, tag="p", classes="cr-quiet")
        body = ui.element("div").classes("cr-body")
        with body:
            await _drawn(page, visit)


async def _drawn(page: Page, visit: Visit) -> None:
    try:
        await page.draw(visit)
    except (CollabrankError, httpx.HTTPError) as error:
        refusal_panel(error, again=ui.navigate.reload)


def _menu(page: Page, visit: Visit, pages: Sequence[Page]) -> None:
    with ui.element("a").props('href="/"').classes("cr-wordmark"):
        text("collabrank")
    with ui.element("nav").props('aria-label="Pages"').classes("cr-nav"), ui.element("ul"):
        for other in pages:
            if not other.icon or visit.me.key.scope not in other.scopes:
                continue
            with ui.element("li"):
                link = ui.element("a").props(f'href="{other.path}"')
                if other is page:
                    link.props('aria-current="page"')
                with link:
                    sign(other.icon)
                    text(other.title)
    with ui.element("div").classes("cr-user"):
        text(visit.me.key.name, classes="cr-user-name").props('dir="auto"')
        with ui.element("button").props('type="button" id="theme" class="cr-quiet-button"'):
            text("Theme: auto")
        with (
            ui.element("form").props('method="post" action="/sign-out"'),
            ui.element("button").props('type="submit"').classes("cr-quiet-button"),
        ):
            text("Sign out")


def _tell_health(banner: ui.element, health: Health) -> None:
    told = {"state": ""}
    words = {
        "ready": "",
        "waiting": "The ranking service has started, and has nothing to rank with yet.",
        "down": "The ranking service does not answer. What you see may be old; it is asked again every few seconds.",
    }
    with banner:
        line = text("")

    def tell() -> None:
        if health.state != told["state"]:
            told["state"] = health.state
            line.set_text(words[health.state])
            banner.classes(
                add="cr-shown" if words[health.state] else "", remove="" if words[health.state] else "cr-shown"
            )

    tell()
    ui.timer(2.0, tell)
    with contextlib.suppress(RuntimeError):
        ui.run_javascript("collabrank.start()")
