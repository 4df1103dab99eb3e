"""The ranking: creators for a brief in a table that is sorted, filtered, weighed anew, compared and kept from."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from nicegui import background_tasks, ui
from nicegui.events import GenericEventArguments
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from marketplace.errors import CollabrankError
from serving.client import AsyncRanking, Catalogue
from serving.console.asking import Asking, asking_of, terms_of
from serving.console.latest import Latest, Settled
from serving.console.money import Till, till_of
from serving.console.pieces import (
    button,
    count_text,
    empty_state,
    field,
    link,
    notice,
    refusal_panel,
    text,
)
from serving.console.ranked import (
    CreatorBeside,
    Filters,
    RankingTable,
    Row,
    WeightsPanel,
    compare_two,
    left_out_words,
    reasons_of,
    rows_of,
)
from serving.console.registry import Page, Visit
from serving.console.sessions import Session
from serving.console.shortlists import KIND, add_to_shortlist, file_answer

__all__ = ["PAGE"]

_TOPS = ("25", "50", "100", "200", "500", "1000")
_REASONED = 100
_SHOWN = "ranking shown"


class _View:
    """One opened ranking and its controls."""

    def __init__(self, visit: Visit, asking: Asking, catalogue: Catalogue, till: Till) -> None:
        self.visit, self.asking, self.till = visit, asking, till
        self.top = 100
        self.chosen: list[str] = []
        self.ranking: AsyncRanking | None = None
        self.rows: list[Row] = []
        self.previewed = False
        self._sorted = self._set_aside = ""
        self._passing: int | None = None
        self._latest = Latest(self._preview)
        self._settled = Settled(self._explain, 1.2)
        names = [one.name for one in catalogue.indices]
        meanings = {one.name: one.meaning for one in (*catalogue.predictions, *catalogue.indices)}
        meanings["model"] = "How the model's prediction of profit stands among all who are ranked"
        self._draw(names, meanings, catalogue)

    # What is drawn

    def _draw(self, names: list[str], meanings: dict[str, str], catalogue: Catalogue) -> None:
        with ui.element("div").classes("cr-controls"):
            with ui.element("details").classes("cr-panel cr-fold").props("open"):
                text("Weights", tag="summary")
                text(
                    "What counts in the score. Only what the weights are to one another matters.",
                    tag="p",
                    classes="cr-quiet cr-small",
                )
                self.weights = WeightsPanel(names, meanings, self._weighed)
                with ui.element("div").classes("cr-line"):
                    button("Back to the model's weights", self.weights.back, kind="quiet")
                    self._use = button("Use these weights", self._rank_for_good, kind="primary")
                    self._use.set_visibility(False)
            with ui.element("details").classes("cr-panel cr-fold"):
                text("Filters", tag="summary")
                self.filters = Filters(catalogue.languages, self._moved)
        self._notices = ui.element("div").classes("cr-notices")
        with ui.element("div").classes("cr-line cr-spread"):
            self._told = ui.element("div").classes("cr-line").props('role="status" aria-live="polite"')
            with ui.element("div").classes("cr-line"):
                field(
                    "Shown",
                    kind="select",
                    options={top: f"First {top}" for top in _TOPS},
                    value="100",
                    bare=True,
                    wait=0.0,
                    on_change=self._top_changed,
                )
                shown = {"now": False}

                def filter_heads() -> None:
                    shown["now"] = not shown["now"]
                    toggle.props(f'aria-pressed="{str(shown["now"]).lower()}"')
                    self.table.show_filters(shown["now"])

                toggle = button("Filter columns", filter_heads, kind="plain")
                toggle.props('aria-pressed="false"')
                self._compare = button("Compare two", self._compare_chosen, kind="plain")
                self._keep = button("Shortlist", self._keep_chosen, kind="plain", icon="shortlist")
                for ending in ("csv", "xlsx"):
                    link(ending.upper(), f"/ranking/export.{ending}", kind="plain", icon="download").props(
                        f'download aria-label="Export as {ending.upper()}"'
                    )
        self._between = ui.element("div").classes("cr-between")
        with ui.element("div").classes("cr-line cr-order").props('role="status" aria-live="polite"'):
            self._order_told = text("", tag="p", classes="cr-quiet cr-small")
            self._reset = button("Back to the ranking's order", self._order_back, kind="quiet")
            self._reset.set_visibility(False)
        with ui.element("div").classes("cr-split"):
            self.table = RankingTable(names, meanings, label="Creators, best first")
            self.beside = CreatorBeside(
                self.visit.client,
                self.asking,
                self.till,
                on_shortlist=lambda one: self._keep_these([one]),
            )
        ui.on("creator", self._opened)
        ui.on("chosen", self._chosen)
        ui.on("ordered", self._ordered)
        self._choice_changed()

    def _tell(self) -> None:
        ranking = self.ranking
        if ranking is None:
            return
        self._told.clear()
        with self._told:
            text(f"{count_text(ranking.considered)} ranked", classes="cr-strong")
            if self.previewed:
                text("Preview: in no log, nobody drawn to explore", classes="cr-chip cr-chip-mid")
            explored = sum(one.slot == "explored" for one in ranking.creators)
            if explored:
                text(f"{explored} drawn to explore", classes="cr-chip cr-chip-accent").props(
                    'title="Their places were drawn from further down, for the model to learn of those it knows little"'
                )
            lines = left_out_words(ranking.filtered_out)
            if lines:
                with ui.element("details").classes("cr-left-out"):
                    text(f"{count_text(sum(ranking.filtered_out.values()))} left out", tag="summary")
                    with ui.element("ul"):
                        for line in lines:
                            text(line, tag="li")
        self._use.set_visibility(self.previewed)
        self._tell_order()
        self._notices.clear()
        with self._notices:
            if ranking.basis:
                notice(f"The model is {ranking.basis}.", kind="warn")
            for one in ranking.warnings:
                said = f" Did you mean {', '.join(one.closest)}?" if one.closest else ""
                notice(f"{one.field.removeprefix('brief.')}: {one.message}.{said}", kind="warn")
            if ranking.unknown_applicants:
                notice(f"Not known to the snapshot: {', '.join(ranking.unknown_applicants[:20])}.", kind="warn")
            if not ranking.creators:
                with empty_state(
                    "Nobody is left to rank", "Loosen the filters, or choose another market in the brief."
                ):
                    button("Clear filters", self.filters.clear)

    def _tell_order(self) -> None:
        """Say which creators the table holds, of how many, and in which order: it sorts and filters these alone."""
        if self.ranking is None:
            return
        held, ranked = len(self.rows), self.ranking.considered
        said = [] if held == ranked else [f"The first {held:,} of {ranked:,} in the ranking."]
        these = "" if held == ranked else ", among these alone"
        if self._sorted:
            said.append(f"Sorted by {self._sorted}{these}; # is the place in the ranking.")
        elif self._set_aside:
            said.append(f"By rank again, for the new weights: no longer sorted by {self._set_aside}.")
        if self._passing is not None:
            said.append(f"{self._passing:,} of them pass the columns' filters.")
        if these and not self._sorted and self._passing is None:
            said.append("Columns sort and filter these alone; Weights and Filters above go over all.")
        self._order_told.set_text(" ".join(said))
        self._reset.set_visibility(bool(self._sorted))

    # What is asked

    async def _ask(self, *, preview: bool, explain: bool, top: int | None = None) -> AsyncRanking:
        applicants = self.asking.applicants
        return await self.visit.client.rank(
            **self.asking.body,
            top=top or self.top,
            weights=self.weights.asked,
            filters=self.filters.asked or None,
            applicants=list(applicants) or None,
            explain=explain,
            preview=preview,
        )

    async def rank(self) -> None:
        """Rank for good: the answer is logged as shown.

        Raises
        ------
        CollabrankError
            What the service refuses.
        """
        self._take(await self._ask(preview=False, explain=self.top <= _REASONED), previewed=False, anew=True)
        if self.top > _REASONED:
            self._settled.ask()

    async def _rank_for_good(self) -> None:
        with self._or_said():
            await self.rank()

    async def _preview(self) -> None:
        """Re-rank as the sliders are now."""
        with self._or_said():
            self._take(await self._ask(preview=True, explain=False), previewed=True)
            self._settled.ask()

    def _take(self, ranking: AsyncRanking, *, previewed: bool, anew: bool = False) -> None:
        self.ranking, self.previewed = ranking, previewed
        self.rows = rows_of(ranking.creators, self.till)
        self.table.fill(self.rows, anew=anew)
        self.weights.rest_at(ranking.weights)
        self.visit.memory[_SHOWN] = (self.asking.title, self.till.currency, self.rows)
        self._tell()

    async def _explain(self) -> None:
        """Give the first rows their reasons, once the sliders rest."""
        ranking = self.ranking
        if ranking is None or not ranking.creators:
            return
        with suppress(CollabrankError):  # reasons come with the next ranking, too
            answer = await self._ask(preview=True, explain=True, top=min(self.top, _REASONED))
            if self.ranking is ranking:
                reasons = {one.creator_id: reasons_of(one, self.till) for one in answer.creators}
                for row in self.rows:
                    row.update(reasons.get(row["id"], {}))
                self.table.give_reasons(reasons)

    def _or_said(self) -> _Said:
        return _Said(self)

    # What the user does

    def _moved(self) -> None:
        self._latest.ask()

    def _weighed(self) -> None:
        """Rank by other weights, and show it: a column that the table was sorted by would hide it."""
        if self._sorted:
            self._set_aside, self._sorted = self._sorted, ""
            self.table.by_rank()
        self._latest.ask()

    def _order_back(self) -> None:
        self.table.by_rank()

    def _ordered(self, event: GenericEventArguments) -> None:
        """The table was sorted or filtered in the browser."""
        column, passing = event.args
        self._sorted = str(column)
        if self._sorted:
            self._set_aside = ""
        self._passing = None if passing is None else int(passing)
        self._tell_order()

    def _top_changed(self, value: str) -> None:
        self.top = int(value)
        self._latest.ask()

    async def _opened(self, event: GenericEventArguments) -> None:
        creator_id = str(event.args)
        self._report("OPENED", [creator_id])
        await self.beside.show(creator_id, self.weights.asked)

    def _chosen(self, event: GenericEventArguments) -> None:
        self.chosen = [str(one) for one in event.args or ()]
        self._choice_changed()

    def _choice_changed(self) -> None:
        said = f"{len(self.chosen):,} chosen"
        for made, usable, hint in (
            (self._compare, len(self.chosen) == 2, "Choose two creators in the table first"),
            (self._keep, bool(self.chosen), "Choose creators in the table first"),
        ):
            made.props(f'aria-disabled="{str(not usable).lower()}" title="{said if usable else hint}"')

    async def _compare_chosen(self) -> None:
        if len(self.chosen) != 2:
            self._say("Choose two creators in the table first: a tick in front of each.")
            return
        with self._or_said():
            self._between.clear()
            with self._between, ui.element("section").classes("cr-panel cr-compared").props('aria-label="Comparison"'):
                with ui.element("div").classes("cr-compared-close"):
                    button("", self._between.clear, kind="quiet", icon="close", title="Close the comparison")
                place = ui.element("div")
            await compare_two(
                self.visit.client,
                self.asking,
                self.till,
                (self.chosen[0], self.chosen[1]),
                weights=self.weights.asked,
                place=place,
            )

    async def _keep_chosen(self) -> None:
        if not self.chosen:
            self._say("Choose creators in the table first: a tick in front of each.")
            return
        await self._keep_these(self.chosen)

    async def _keep_these(self, ids: list[str]) -> None:
        wanted = set(ids)
        rows = [row for row in self.rows if row["id"] in wanted]
        self._between.clear()
        with self._between, ui.element("section").classes("cr-panel").props('aria-label="Add to a shortlist"'):
            text(f"Add {len(rows)} to a shortlist", tag="h2")
            lists = {"": "A new list", **{one.id: one.name for one in self.visit.kept.all(KIND)}}
            with ui.element("div").classes("cr-form"):
                which = field("List", kind="select", options=lists, value="", wait=0.0)
                name = field("Name of a new list", value=self.asking.title, wait=0.0)
            with ui.element("div").classes("cr-line"):

                def keep() -> None:
                    assert self.ranking is not None  # rows come from one
                    made, new = add_to_shortlist(
                        self.visit.kept,
                        which.value or None,
                        name.value or self.asking.title,
                        rows,
                        asking=self.asking,
                        currency=self.till.currency,
                        model_version=self.ranking.model_version,
                    )
                    self._report("SHORTLISTED", [row["id"] for row in rows])
                    self._say(
                        f"{made.name}: {new} added, {len(made.what['rows'])} in all.", kind="good", target=made.id
                    )

                button("Add", keep, kind="primary")
                button("Cancel", self._between.clear, kind="quiet")
        ui.run_javascript("collabrank.between()")

    def _report(self, event: str, ids: list[str]) -> None:
        """Tell the service what its user did with a ranking that it keeps; a preview is in no log."""
        if self.ranking is None or self.previewed:
            return
        request_id = self.ranking.request_id

        async def send() -> None:
            with suppress(CollabrankError):
                for one in ids:
                    await self.visit.client.feedback(request_id, one, event)

        background_tasks.create(send(), name="feedback")

    def _say(self, said: str, *, kind: str = "info", target: str = "") -> None:
        self._between.clear()
        with self._between, ui.element("div").classes("cr-line"):
            notice(said, kind=kind)
            if target:
                link("Open the shortlist", f"/shortlists?list={target}")

    def refuse(self, error: CollabrankError) -> None:
        """Say what the service refused, above the table, which stays as it was."""
        self._notices.clear()
        with self._notices:
            refusal_panel(error, again=self._latest.ask)


class _Said:
    """Errors of the block are said on the page."""

    def __init__(self, view: _View) -> None:
        self._view = view

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, CollabrankError):
            self._view.refuse(error)
            return True
        return False


async def _draw(visit: Visit) -> None:
    asking = asking_of(visit)
    with ui.element("div").classes("cr-head cr-line cr-spread"):
        with ui.element("div"):
            text("Ranking", tag="h1")
            if asking is not None:
                with ui.element("p").classes("cr-quiet"):
                    # A name read from the right turns itself alone, not the terms behind it.
                    text(asking.title, tag="bdi")
                    told = text("", tag="span")
        if asking is not None:
            with ui.element("div").classes("cr-line"):
                link("Edit the brief", f"/?{asking.query}", kind="plain", icon="brief")
                link("Plan a budget", f"/budget?{asking.query}", kind="plain", icon="budget")
    if asking is None:
        with empty_state("No brief yet", "Pick a campaign or write a brief; its ranking appears here."):
            link("Go to the brief", "/", kind="primary")
        return
    catalogue = await visit.catalogue()
    terms = await terms_of(visit, asking)
    line = terms.line(asking)
    told.set_text(f" · {line}" if line else "")
    view = _View(visit, asking, catalogue, till_of(catalogue, terms.market))
    await view.rank()


async def _export(ending: str, session: Session, _: Request) -> Response:
    shown = session.memory.get(_SHOWN)
    if shown is None:
        return PlainTextResponse("There is no ranking to export yet.\n", 404)
    title, currency, rows = shown
    return file_answer(title, currency, rows, ending)


PAGE = Page(
    "/ranking",
    "Ranking",
    _draw,
    icon="ranking",
    scopes=("brand", "admin"),
    heading=False,
    raw={f"/ranking/export.{ending}": partial(_export, ending) for ending in ("csv", "xlsx")},
)
