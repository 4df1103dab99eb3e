"""The brief: from a campaign, from one that was kept, or written anew; checked by the service while it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from nicegui import ui

from marketplace.errors import BriefError, CollabrankError, Problem
from serving.client import Campaign, Catalogue
from serving.console.asking import asking_of, campaigns_of
from serving.console.briefing import BriefForm, faults_of, is_begun, read_applicants, still_needed
from serving.console.latest import Settled
from serving.console.money import till_of
from serving.console.pieces import (
    FilePicker,
    button,
    count_text,
    counted_text,
    field,
    link,
    money_text,
    notice,
    panel,
    refusal_panel,
    text,
    waiting,
)
from serving.console.ranked import left_out_words
from serving.console.registry import Page, Visit

__all__ = ["PAGE"]

_BRIEFS = "briefs"
_OFFERED = 500


def _own_field(name: str) -> str:
    """A field as the form calls it: ``brief.price`` is ``price``."""
    return name.removeprefix("brief.").partition(".")[0]


class _View:
    """The form, what the service says to it, and what is kept."""

    def __init__(self, visit: Visit, catalogue: Catalogue, campaigns: dict[str, Campaign]) -> None:
        self.visit, self.catalogue, self.campaigns = visit, catalogue, campaigns
        self.identity: str | None = None
        self.applicants: list[str] = []
        self._check_soon = Settled(self._check, 0.25)
        self._round = 0
        self._ranks = False
        self._faults: dict[str, str] = {}
        with ui.element("div").classes("cr-written"):
            with ui.element("div").classes("cr-body"):
                self._start = ui.element("div")
                with panel("Brief"):
                    self.name = field("Name", placeholder="Such as Spring serum, US", wait=0.5)
                    self.form = BriefForm(visit.client, catalogue, self._check_soon.ask)
                    text("Applicants", tag="h3")
                    FilePicker(
                        "File of those who asked for a sample",
                        accept=".csv,.tsv,.txt,.xlsx",
                        hint="CSV or XLSX with a column creator_id or username: they alone are ranked, by what "
                        "sending each a sample would bring.",
                        on_pick=self._picked,
                    )
                    self._asking = ui.element("div").classes("cr-line")
                    with ui.element("div").classes("cr-line cr-actions"):
                        button("Rank creators", self._rank, kind="primary", icon="ranking")
                        button("Keep", self._keep, kind="plain")
                        button("Empty the form", self._empty, kind="quiet")
            self._checked = ui.element("div").classes("cr-check-panel").props('role="status" aria-live="polite"')
        self._draw_start()

    # What to begin from

    def _draw_start(self) -> None:
        self._start.clear()
        with self._start, panel("Begin from"), ui.element("div").classes("cr-begin"):
            with ui.element("div"):
                brands = {one.brand_id: one.name or one.brand_id for one in self.catalogue.brands}
                offered = {
                    one.campaign_id: f"{str(one.briefed_at)[:10]} · {one.market} · {one.category_id} · "
                    f"{brands.get(one.brand_id, one.brand_id)}"
                    for one in list(self.campaigns.values())[:_OFFERED]
                }
                chosen = field(
                    "A campaign",
                    options=offered,
                    placeholder="Its id",
                    hint=f"{len(self.campaigns):,} known",
                    wait=0.15,
                )
                with ui.element("div").classes("cr-line"):

                    def known() -> str | None:
                        found = (chosen.value or "").strip()
                        chosen.say(fault="" if found in self.campaigns else "No campaign of this id is known.")
                        return found if found in self.campaigns else None

                    def rank() -> None:
                        if found := known():
                            ui.navigate.to(f"/ranking?campaign={found}")

                    def fill() -> None:
                        if found := known():
                            self.from_campaign(found)

                    button("Rank it", rank, kind="plain")
                    button("Fill in the form", fill, kind="quiet")
            with ui.element("div"):
                text("Kept briefs", classes="cr-quiet cr-small")
                kept = self.visit.kept.all(_BRIEFS)
                if not kept:
                    text("None yet: what is ranked or kept below appears here.", tag="p", classes="cr-quiet cr-small")
                with ui.element("ul").classes("cr-kept"):
                    for one in kept[:50]:
                        with ui.element("li"):
                            link(one.name, f"/?brief={one.id}")
                            changed = f"{datetime.fromtimestamp(one.changed):%Y-%m-%d}"
                            text(f"{one.what['brief'].get('market', '')} · {changed}", classes="cr-quiet cr-small")
                            link("Rank", f"/ranking?brief={one.id}").props(f'aria-label="Rank {one.id}"')
                            button(
                                "", lambda _=None, one=one: self._drop(one.id), kind="bare", icon="close",
                                title="Keep no longer",
                            )  # fmt: skip

    def _drop(self, identity: str) -> None:
        self.visit.kept.drop(_BRIEFS, identity)
        if self.identity == identity:
            self.identity = None
        self._draw_start()

    def from_campaign(self, campaign_id: str) -> None:
        """Fill the form in as a campaign was briefed; its dates are left to be chosen."""
        one = self.campaigns[campaign_id]
        money = {name: round(getattr(one, name) or 0.0, 2) or None for name in ("price", "flat_fee", "budget")}
        self.identity = None
        self.name.put(f"As {campaign_id}")
        self.form.fill({**one.brief(), **money})
        self._check_soon.ask()

    def from_kept(self, identity: str) -> None:
        """Fill the form in as it was kept."""
        one = self.visit.kept.one(_BRIEFS, identity)
        if one is None:
            notice("This brief is no longer kept.", kind="warn")
            return
        self.identity = one.id
        self.name.put(one.name)
        self.form.fill(one.what["brief"])
        self._take_applicants([str(name) for name in one.what.get("applicants", ())])
        self._check_soon.ask()

    def _empty(self) -> None:
        self.identity = None
        self.name.put(None)
        self.form.fill({"objective": "SALES", "collaboration": "TARGET", "currency": "USD", "has_free_sample": False})
        self._take_applicants([])
        self._check_soon.ask()

    # Applicants

    async def _picked(self, name: str, content: bytes) -> None:
        self._asking.clear()
        try:
            found = read_applicants(name, content)
        except CollabrankError as error:
            with self._asking:
                refusal_panel(error)
            return
        self._take_applicants(found)
        self._check_soon.ask()

    def _take_applicants(self, found: list[str]) -> None:
        self.applicants = found
        self._asking.clear()
        if found:
            with self._asking:
                text(counted_text(len(found), "applicant"), classes="cr-chip cr-chip-accent")

                def forget() -> None:
                    self._take_applicants([])
                    self._check_soon.ask()

                button("Rank everyone instead", forget, kind="quiet")

    # The check

    async def check(self) -> None:
        """Have the service look at what is filled in."""
        await self._check()

    async def _check(self) -> None:
        self._round += 1
        mine = self._round
        brief = self.form.brief
        self._ranks = False
        if not is_begun(brief):
            self._faults = {}
            self.form.say({}, {})
            self._draw_faults([], {}, still_needed(brief))
            return
        try:
            found = await self.visit.client.rank(
                brief=brief, top=5, explain=False, preview=True, applicants=self.applicants or None
            )
        except BriefError as error:
            if mine == self._round:
                self._refused(error, brief)
            return
        except CollabrankError as error:
            if mine == self._round:
                self._checked.clear()
                with self._checked:
                    refusal_panel(error, again=self._check_soon.ask)
            return
        if mine == self._round:
            self._ranks = True
            self._faults = {}
            self.form.say({}, {_own_field(one.field): _sentence(one.message, one.closest) for one in found.warnings})
            self._draw_found(found, brief)

    def _refused(self, error: BriefError, brief: dict[str, Any]) -> None:
        """Say all that keeps the brief from being ranked, each at its field; what is not there yet is no fault."""
        needed, own = still_needed(brief), faults_of(brief)
        problems = error.problems or (Problem("", error.expected, error.received),)
        told = [one for one in problems if _own_field(one.field) not in (*needed, *own)]
        self._faults = {
            _own_field(one.field): _sentence(f"expected {_expected(one.expected)}", one.closest) for one in told
        } | own
        self.form.say(self._faults, {})
        self._draw_faults(told, own, needed)

    def _draw_faults(self, told: Sequence[Problem], own: Mapping[str, str], needed: Mapping[str, str]) -> None:
        self._checked.clear()
        with self._checked, panel("Check"):
            if told or own:
                notice("Not to be ranked as it stands.", kind="bad")
                with ui.element("ul").classes("cr-lines"):
                    for name, fault in own.items():
                        text(f"{self.form.label(name)}: {fault}", tag="li")
                    for one in told:
                        with ui.element("li"):
                            name = _own_field(one.field)
                            received = one.received.partition(" (did you mean ")[0]
                            text(f"{self.form.label(name)}: expected {_expected(one.expected)}; received {received}.")
                            self._offer(name, one.closest, one.received)
            if needed:
                text(f"Still needed: {', '.join(needed.values())}.", tag="p", classes="cr-quiet")

    def _offer(self, name: str, closest: Sequence[str], said: str) -> None:
        """Buttons that put in what may have been meant."""
        for close in closest[:3]:
            button(f"Use {close}", lambda _=None, c=close: self.form.take(name, c, said=said), kind="quiet")

    def _draw_found(self, found: Any, brief: dict[str, Any]) -> None:
        till = till_of(self.catalogue, brief.get("market"))
        self._checked.clear()
        with self._checked, panel("Check"):
            text(count_text(found.considered), classes="cr-figure")
            text(f"creator{'' if found.considered == 1 else 's'} can be ranked", classes="cr-quiet")
            for line in left_out_words(found.filtered_out):
                text(line, tag="p", classes="cr-quiet cr-small")
            if found.unknown_applicants:
                strangers = f"{counted_text(len(found.unknown_applicants), 'applicant')} not known"
                notice(f"{strangers}: {', '.join(found.unknown_applicants[:5])}.", kind="warn")
            for one in found.warnings:
                name = _own_field(one.field)
                notice(f"{self.form.label(name)}: {one.message}.", kind="warn")
                self._offer(name, one.closest, one.message)
            if found.creators:
                text("First in the ranking", tag="h3")
                with ui.element("ol").classes("cr-first"):
                    for creator in found.creators:
                        with ui.element("li"):
                            text(creator.username or creator.creator_id, classes="cr-strong").props('dir="auto"')
                            amount = till.of(creator.utility.expected, creator.utility.currency)
                            text(money_text(amount, till.currency), classes="cr-number cr-quiet")
                text("By expected profit. A preview: it is in no log.", tag="p", classes="cr-quiet cr-small")

    # What is done with it

    def _whole(self, brief: dict[str, Any]) -> bool:
        """Whether all is there that is needed; whoever wants to go on is shown where it is not."""
        needed = still_needed(brief)
        if needed:
            self.form.say({name: f"Still needed: {what}." for name, what in needed.items()} | self._faults, {})
        return not needed

    def _kept_now(self) -> str | None:
        brief = self.form.brief
        if not self._whole(brief):
            return None
        name = self.name.value or " ".join(
            str(part) for part in (brief.get("brand_id"), brief.get("category_id"), brief["market"]) if part
        )
        what: dict[str, Any] = {"brief": brief}
        if self.applicants:
            what["applicants"] = self.applicants
        self.identity = self.visit.kept.put(_BRIEFS, name, what, identity=self.identity).id
        return self.identity

    async def _rank(self) -> None:
        await self._check()
        if not (self._whole(self.form.brief) and self._ranks):
            return  # what is wrong stands at its fields, and can be put right there alone
        identity = self._kept_now()
        if identity is not None:
            ui.navigate.to(f"/ranking?brief={identity}")

    def _keep(self) -> None:
        if self._kept_now() is not None:
            self._draw_start()


def _expected(expected: str) -> str:
    """What a fault asks for, without the field's name in front."""
    return expected.rpartition("' to be ")[2] if "' to be " in expected else expected


def _sentence(said: str, closest: Sequence[str]) -> str:
    """``said``, with what may have been meant."""
    meant = f" Did you mean {' or '.join(closest[:3])}?" if closest else ""
    return f"{said[:1].upper()}{said[1:]}.{meant}"


async def _draw(visit: Visit) -> None:
    with ui.element("div") as place:
        waiting(6)
    catalogue = await visit.catalogue()
    campaigns = await campaigns_of(visit)
    place.delete()
    view = _View(visit, catalogue, campaigns)
    wanted = visit.query.get("brief"), visit.query.get("campaign")
    if wanted[0]:
        asking_of(visit)
        view.from_kept(wanted[0])
    elif wanted[1] in campaigns:
        view.from_campaign(str(wanted[1]))
    await view.check()


PAGE = Page(
    "/",
    "Brief",
    _draw,
    icon="brief",
    about="What you want to sell, and what you offer. It is checked while you write.",
)
