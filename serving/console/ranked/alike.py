"""Who is like a creator: by category, by audience, or by the taste of the brands that chose them."""

from __future__ import annotations

from nicegui import ui

from serving.client import AsyncClient, Similar
from serving.console.pieces import Answers, field, link, percent_text, text

__all__ = ["look_alikes"]

_BY = {"category": "what they sell", "audience": "their audience", "taste": "whose products their viewers buy"}


def look_alikes(client: AsyncClient, creator_id: str, *, query: str, top: int = 6) -> None:
    """Draw a creator's look-alikes, with a choice of what they are alike by; ``query`` goes with the links."""
    choice = ui.element("div")
    place = ui.element("div").props('aria-live="polite"')
    answers = Answers(place, lines=2, label="Looking for look-alikes")

    def draw(found: Similar) -> None:
        with ui.element("ul").classes("cr-alike"):
            if not found.similar:
                text(found.note or "Nobody is known to be alike.", tag="li", classes="cr-quiet")
            for other in found:
                with ui.element("li"):
                    link(other.username or other.creator_id, f"/creators/{other.creator_id}?{query}")
                    text(percent_text(other.similarity), classes="cr-chip")
                    text(", ".join(other.alike[:3]), classes="cr-quiet cr-small").props('dir="auto"')

    async def fill(by: str) -> None:
        await answers.show(lambda: client.similar(creator_id, by=by, top=top), draw, again=lambda: fill(by))

    with choice:
        field("Alike by", kind="select", options=_BY, value="category", on_change=fill, wait=0.0)
    ui.timer(0.05, lambda: fill("category"), once=True)
