"""Creator: the search for a card, by id or by how the username begins, and who was looked at last."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from nicegui import ui

from serving.client import FoundCreator
from serving.console.pieces import (
    Answers,
    count_text,
    field,
    form,
    link,
    panel,
    plain_table,
    submit_button,
    text,
)
from serving.console.registry import LOOKERS, Page, Visit

__all__ = ["PAGE", "remember_creator"]

_FOUND = 12


async def _find(visit: Visit) -> None:
    """The search, and who was looked at last."""
    with panel(classes="cr-search"):
        place = ui.element("div").classes("cr-hits").props('aria-live="polite"')
        answers = Answers(place, lines=0)

        async def look(typed: str | None) -> None:
            name = (typed or "").strip()
            if not name:
                answers.clear()
                return
            await answers.show(
                lambda: visit.client.creators(prefix=name.removeprefix("@"), top=_FOUND),
                lambda found: _hits(list(found), name),
                again=lambda: look(name),
            )

        asked = field("Username or creator id", kind="search", placeholder="how the username begins", on_change=look)

        def there() -> None:
            ui.navigate.to(f"/creators/{quote(str(asked.value or '').strip(), safe='')}")

        with form(there, classes="cr-line") as made:
            asked.move(made)
            submit_button("Open the card")
        place.move(target_index=-1)
    seen = visit.memory.get("creators", {})
    if seen:
        with panel("Looked at last"), ui.element("div").classes("cr-line"):
            for creator, name in reversed(seen.items()):
                link(name, f"/creators/{creator}", kind="plain")


def _hits(creators: list[FoundCreator], name: str) -> None:
    if not creators:
        text(f"Nobody's username begins with {name}. An id opens its card too.", tag="p", classes="cr-quiet").props(
            'dir="auto"'
        )
        return
    plain_table(
        ("Creator", "Id", "Market", "Language", "Followers"),
        [
            (
                partial(link, one.username or one.creator_id, f"/creators/{quote(one.creator_id, safe='')}"),
                one.creator_id,
                one.market,
                one.language or "–",
                count_text(one.follower_count),
            )
            for one in creators
        ],
        caption="Creators whose username begins so",
        numeric=(4,),
    )


def remember_creator(visit: Visit, creator: str, name: str) -> None:
    """Note that the card of ``creator``, called ``name``, was looked at."""
    seen = visit.memory.setdefault("creators", {})
    seen.pop(creator, None)
    seen[creator] = name
    while len(seen) > _FOUND:
        del seen[next(iter(seen))]


PAGE = Page("/creators", "Creator", _find, icon="creator", about="A score card, by username or id.", scopes=LOOKERS)
