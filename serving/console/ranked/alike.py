"""Who is like a creator: by category, by audience, or by the taste of the brands that chose them."""

from __future__ import annotations

from nicegui import ui

from marketplace.errors import CollabrankError
from serving.client import AsyncClient
from serving.console.pieces import field, link, percent_text, refusal_panel, text, waiting

__all__ = ["look_alikes"]

_BY = {"category": "what they sell", "audience": "their audience", "taste": "the brands that chose them"}


def look_alikes(client: AsyncClient, creator_id: str, *, query: str, top: int = 6) -> None:
    """Draw a creator's look-alikes, with a choice of what they are alike by; ``query`` goes with the links."""
    choice = ui.element("div")
    place = ui.element("div").props('aria-live="polite"')

    async def fill(by: str) -> None:
        place.clear()
        with place:
            waiting(2, label="Looking for look-alikes")
        try:
            found = await client.similar(creator_id, by=by, top=top)
        except CollabrankError as error:
            place.clear()
            with place:
                refusal_panel(error, again=lambda: fill(by))
            return
        place.clear()
        with place, ui.element("ul").classes("cr-alike"):
            if not found.similar:
                text(found.note or "Nobody is known to be alike.", tag="li", classes="cr-quiet")
            for other in found:
                with ui.element("li"):
                    link(other.username or other.creator_id, f"/creators/{other.creator_id}?{query}")
                    text(percent_text(other.similarity), classes="cr-chip")
                    text(", ".join(other.alike[:3]), classes="cr-quiet cr-small").props('dir="auto"')

    with choice:
        field("Alike by", kind="select", options=_BY, value="category", on_change=fill, wait=0.0)
    ui.timer(0.05, lambda: fill("category"), once=True)
