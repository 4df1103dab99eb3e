"""Categories: who leads in a category and market, and any two indices against one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from nicegui import ui

from marketplace.text import printable
from serving.client import Catalogue, Leader, Scatter
from serving.console.figures import cloud_figure, figure
from serving.console.pieces import (
    Answers,
    count_text,
    empty_state,
    field,
    index_meter,
    link,
    panel,
    plain_table,
    score_text,
    text,
)
from serving.console.registry import LOOKERS, Page, Visit

__all__ = ["PAGE"]

_INFLUENCE = "category_influence"
_TOPS = ("20", "50", "100", "200")
_FOLLOWERS = "followers"


class _Desk:
    """What is looked at: the market and the category that both panels share."""

    def __init__(self, visit: Visit, catalogue: Catalogue) -> None:
        self.visit = visit
        asked = visit.query
        self.markets = {one.market: f"{one.market} · {one.creators:,} creators" for one in catalogue.markets}
        self.categories = {one.category_id: one.name or one.category_id for one in catalogue.categories}
        self.indices = {one.name: one.label for one in catalogue.indices}
        biggest = max(catalogue.markets, key=lambda one: one.creators)
        self.market = _one_of(self.markets, asked.get("market"), biggest.market)
        self.category = _one_of(self.categories, asked.get("category"), next(iter(self.categories), ""))
        self.index = _one_of(self.indices, asked.get("index"), _INFLUENCE)
        self.top = "20"
        self.x = _one_of({**self.indices, _FOLLOWERS: ""}, asked.get("x"), _INFLUENCE)
        self.y = _one_of({**self.indices, _FOLLOWERS: ""}, asked.get("y"), "sales_drive")
        self.marked = asked.get("creator", "")

    async def draw(self) -> None:
        """The choice, the leaders and the scatter."""
        with panel(), ui.element("div").classes("cr-form"):
            field("Market", kind="select", value=self.market, options=self.markets,
                  on_change=partial(self._put, "market", both=True))  # fmt: skip
            field("Category", kind="select", value=self.category, options=self.categories,
                  on_change=partial(self._put, "category", both=True))  # fmt: skip
            field("Leaders by", kind="select", value=self.index, options=self.indices,
                  on_change=partial(self._put, "index", leaders=True))  # fmt: skip
            field("How many", kind="select", value=self.top, options=_TOPS,
                  on_change=partial(self._put, "top", leaders=True))  # fmt: skip
        with ui.element("div").classes("cr-sides"):
            with panel("Leaders", classes="cr-dense"):
                self.leaders = Answers(ui.element("div").props('aria-live="polite" id="leaders"'), lines=4)
            with panel("Two indices"):
                axes = {**self.indices, _FOLLOWERS: "Followers"}
                with ui.element("div").classes("cr-form"):
                    field("Across", kind="select", value=self.x, options=axes, on_change=partial(self._put, "x"))
                    field("Upwards", kind="select", value=self.y, options=axes, on_change=partial(self._put, "y"))
                    field("Mark a creator", kind="search", value=self.marked, placeholder="username or id", wait=0.5,
                          on_change=partial(self._put, "marked"))  # fmt: skip
                self.cloud = Answers(ui.element("div").props('id="scatter"'), lines=4)
        await self._show_leaders()
        await self._show_cloud()

    async def _put(self, name: str, value: Any, *, leaders: bool = False, both: bool = False) -> None:
        setattr(self, name, str(value or "").strip())
        if leaders or both:
            await self._show_leaders()
        if not leaders:
            await self._show_cloud()

    async def _show_leaders(self) -> None:
        await self.leaders.show(
            lambda: self.visit.client.leaders(
                market=self.market, index=self.index, top=int(self.top),
                category_id=self.category if self.index == _INFLUENCE else None,
            ),
            self._draw_leaders, again=self._show_leaders,
        )  # fmt: skip

    def _draw_leaders(self, found: Iterable[Leader]) -> None:
        where = f" in {self.categories[self.category]}" if self.index == _INFLUENCE else ""
        text(f"{self.indices[self.index]}{where}, {self.market}.", tag="p", classes="cr-quiet cr-small")
        _leaders_table(list(found))

    async def _show_cloud(self) -> None:
        await self.cloud.show(
            lambda: self.visit.client.indices(
                market=self.market, x=self.x, y=self.y, highlight=self.marked or None,
                category_id=self.category if _INFLUENCE in (self.x, self.y) else None,
            ),
            self._draw_cloud, again=self._show_cloud,
        )  # fmt: skip

    def _draw_cloud(self, found: Scatter) -> None:
        axes = {**self.indices, _FOLLOWERS: "Followers"}
        marked = self.marked.removeprefix("@").casefold()
        points = [
            (x, y, creator, printable(name or creator))
            for x, y, creator, name in zip(found.x, found.y, found.creators, found.usernames, strict=True)
            if x is not None and y is not None
        ]
        if not points:
            with empty_state("Nobody to show", "No creator of this market has both numbers."):
                pass
            return
        seen = next((one for one in points if marked and marked in (one[2].casefold(), one[3].casefold())), None)
        spans = {side: (0.0, 100.0) for side, name in (("x", self.x), ("y", self.y)) if name != _FOLLOWERS}
        figure(
            cloud_figure(
                points, x=axes[self.x], y=axes[self.y], marked=seen, spans=spans,
                logarithmic=[side for side, name in (("x", self.x), ("y", self.y)) if name == _FOLLOWERS],
            ),
            label=f"{axes[self.y]} against {axes[self.x]} of {len(points):,} creators",
            tall=26,
            on_click=lambda event: ui.navigate.to(f"/creators/{quote(str(event.data['id']), safe='')}"),
        )  # fmt: skip
        said = (
            f"{len(points):,} creators"
            if len(points) >= found.of
            else f"{len(points):,} of {found.of:,} creators, evenly drawn"
        )
        text(f"{said}. A click on a point opens the card.", tag="p", classes="cr-quiet cr-small")
        if self.marked:
            text(_standing(seen, points, axes[self.x], axes[self.y]), tag="p").props('dir="auto" id="marked"')


def _one_of(known: Any, asked: str | None, otherwise: str) -> str:
    return asked if asked is not None and asked in known else otherwise


def _leaders_table(leaders: Sequence[Leader]) -> None:
    if not leaders:
        with empty_state("No leaders", "Of nobody in this market anything of this is known."):
            pass
        return

    def bar(one: Leader) -> None:
        low, high = one.interval
        index_meter(one.value, low=low, high=high, label=f"{one.value:.0f}, 80 % interval {low:.0f} to {high:.0f}")

    plain_table(
        ("Place", "Creator", "Value and interval", "Confidence", "Followers"),
        [
            (
                str(one.position),
                partial(link, one.username or one.creator_id, f"/creators/{quote(one.creator_id, safe='')}"),
                partial(bar, one),
                score_text(one.confidence),
                count_text(one.followers),
            )
            for one in leaders
        ],
        caption="The leaders",
        numeric=(3, 4),
    )


def _standing(
    seen: tuple[float, float, str, str] | None, points: Sequence[tuple[float, float, str, str]], x: str, y: str
) -> str:
    """Where the marked creator stands among those shown."""
    if seen is None:
        return "The creator to mark is not in this market, or has not both numbers."
    parts = []
    for name, mine, all_of in ((x, seen[0], [one[0] for one in points]), (y, seen[1], [one[1] for one in points])):
        below = sum(value < mine for value in all_of) / max(1, len(points) - 1)
        parts.append(f"{name} {score_text(mine) if mine <= 100 else count_text(mine)}, above {100 * below:.0f} %")
    return f"{seen[3]}: {'; '.join(parts)} of those shown."


async def _draw(visit: Visit) -> None:
    catalogue = await visit.catalogue()
    if not catalogue.markets:
        with empty_state("No creators", "The snapshot holds none."):
            pass
        return
    await _Desk(visit, catalogue).draw()


PAGE = Page(
    "/categories",
    "Categories",
    _draw,
    icon="categories",
    about="Who leads in a category, market by market, and how any two indices go together.",
    scopes=LOOKERS,
)
