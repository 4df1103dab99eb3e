"""Budget: whom to invite with this money, this many samples and this many invitations."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as slot
from functools import partial
from typing import Any

from nicegui import ui

from serving.client import Campaign, Catalogue, Plan
from serving.console.asking import asking_of
from serving.console.money import DOLLARS, Till
from serving.console.pages.plan import draw_plan
from serving.console.pieces import Answers, button, empty_state, field, form, panel, submit_button
from serving.console.registry import Page, Visit

__all__ = ["PAGE", "Wish"]

_GOALS = {"profit": "Profit", "sales": "Extra sales", "content": "Posts"}
_SPENDS = {"expected": "As expected", "worst": "As if everybody accepts and delivers"}
_COUNTS = ("samples", "invitations", "per_creator", "per_brand")
_MOST = 200  # campaigns to choose from
_TERMS = 8  # other terms that one plan tries at most


@dataclass
class Wish:
    """What the form says: money in USD, the rest as the service takes it; None is no limit."""

    source: str = ""
    budget: float | None = None
    samples: int | None = None
    invitations: int | None = None
    per_creator: int | None = None
    per_brand: int | None = None
    goal: str = "profit"
    spend: str = "expected"
    lift: float | None = None
    terms: list[tuple[float, float]] = slot(default_factory=list)

    def faults(self) -> dict[str, str]:
        """What cannot be planned, by field."""
        found = {}
        for name in ("budget", *_COUNTS):
            value = getattr(self, name)
            if value is not None and value < 0:
                found[name] = "0 or more, or nothing for no limit"
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None and value != math.floor(value):
                found[name] = "a whole number"
        if not self.source:
            found["source"] = "choose what is to be planned"
        return found

    def asked(self, briefs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """What the service is asked."""
        kind, _, name = self.source.partition(":")
        what: dict[str, Any] = {"campaign_id": name} if kind == "campaign" else {"brief": dict(briefs[name])}
        whole = {key: None if (value := getattr(self, key)) is None else int(value) for key in _COUNTS}
        return what | whole | {
            "budget": self.budget,
            "goal": self.goal,
            "spend": self.spend,
            "lift": self.lift,
            "terms": list(self.terms) or None,
        }  # fmt: skip


class _Desk:
    """The form, and the plan beside it."""

    def __init__(self, visit: Visit, catalogue: Catalogue, campaigns: list[Campaign]) -> None:
        self.visit = visit
        self.catalogue = catalogue
        self.campaigns = {one.campaign_id: one for one in campaigns}
        self.briefs = {one.id: one.what["brief"] for one in visit.kept.all("briefs")}
        self.names = {one.id: one.name for one in visit.kept.all("briefs")}
        kept = visit.memory.get("wish")
        self.wish = kept if isinstance(kept, Wish) else Wish()
        self.till = DOLLARS

    def sources(self) -> dict[str, str]:
        """What may be planned, by its name in the form."""
        mine = {f"brief:{name}": f"Saved: {words}" for name, words in self.names.items()}
        theirs = {
            f"campaign:{name}": f"{name} · {one.category_id} · {one.market} · {one.briefed_at:%Y-%m-%d}"
            for name, one in self.campaigns.items()
        }
        return {"": "Choose …", **mine, **theirs}

    def terms(self) -> tuple[float, float, str | None]:
        """The brief's own flat fee (USD), commission rate and market."""
        kind, _, name = self.wish.source.partition(":")
        if kind == "campaign":
            one = self.campaigns[name]
            return one.flat_fee, one.commission_rate, one.market
        brief = self.briefs.get(name, {})
        rate = self.catalogue.currencies.get(str(brief.get("currency") or "USD"), 1.0)
        return (
            float(brief.get("flat_fee") or 0.0) * rate,
            float(brief.get("commission_rate") or 0.0),
            brief.get("market"),
        )

    def draw(self) -> None:
        """Form and place of the plan."""
        with ui.element("div").classes("cr-halves"):
            with form(self.plan, classes="cr-aside"), panel("What there is"):
                self._form()
            place = ui.element("div").classes("cr-body").props('aria-live="polite" id="plan"')
        self.answers = Answers(place, lines=6, label="Planning")
        with (
            place,
            empty_state("No plan yet", "Choose a campaign or a saved brief, and say what there is to spend."),
        ):
            pass

    def _form(self) -> None:
        wish = self.wish
        options = self.sources()
        asking = asking_of(self.visit)
        given = "" if asking is None else asking.query.replace("=", ":", 1)
        if given in options:
            wish.source = given
        if wish.source not in options:
            wish.source = ""
        self.fields = {
            "source": field(
                "Campaign or brief", kind="select", value=wish.source, options=options, required=True,
                on_change=self._chosen,
            ),
            "currency": field("Money in", kind="select", value="USD", options=["USD"], on_change=self._money),
            "budget": field(
                "Budget", kind="number", low=0, unit="USD", hint="For fees and samples. Empty: the brief's own.",
                on_change=partial(self._pay, "budget"),
            ),
            "samples": field(
                "Samples", kind="number", value=wish.samples, low=0, step=1, hint="Empty: any number.",
                on_change=partial(self._put, "samples"),
            ),
            "invitations": field(
                "Invitations", kind="number", value=wish.invitations, low=0, step=1, hint="Empty: any number.",
                on_change=partial(self._put, "invitations"),
            ),
            "per_creator": field(
                "Invitations a creator", kind="number", value=wish.per_creator, low=0, step=1,
                hint="In 30 days, from all brands; those already sent count. Empty: any number.",
                on_change=partial(self._put, "per_creator"),
            ),
            "per_brand": field(
                "Invitations of the brand", kind="number", value=wish.per_brand, low=0, step=1,
                hint="In 30 days, for all its briefs; those already sent count. Empty: any number.",
                on_change=partial(self._put, "per_brand"),
            ),
            "goal": field(
                "The most of", kind="select", value=wish.goal, options=_GOALS, on_change=partial(self._put, "goal")
            ),
            "spend": field(
                "Money and samples count", kind="select", value=wish.spend, options=_SPENDS,
                hint="As expected uses the money well; the worst case is never exceeded.",
                on_change=partial(self._put, "spend"),
            ),
            "lift": field(
                "Lift to tell from noise", kind="number", low=0, unit="USD",
                hint="A partnership. Empty: what the plan expects.", on_change=partial(self._pay, "lift"),
            ),
        }  # fmt: skip
        self._offer_money()
        submit_button("Plan")

    def _pay(self, name: str, value: float | None) -> None:
        self._put(name, None if value is None else self.till.dollars(value))

    def _put(self, name: str, value: Any) -> None:
        setattr(self.wish, name, value)
        faults = self.wish.faults()
        for key in ("source", "budget", *_COUNTS):
            self.fields[key].say(fault=faults.get(key, "") if key == name else "")

    def _chosen(self, source: str | None) -> None:
        self.wish.source = source or ""
        self.wish.terms = []
        self._offer_money()

    def _offer_money(self) -> None:
        """Dollars, and the currency of the brief's market."""
        market = self.terms()[2] if self.wish.source else None
        local = next((one.currency for one in self.catalogue.markets if one.market == market), None)
        known = [one for one in ("USD", local) if one in self.catalogue.currencies]
        self.fields["currency"].offer(list(dict.fromkeys(known)) or ["USD"])
        self._money(self.till.currency if self.till.currency in known else "USD")

    def _money(self, currency: str | None) -> None:
        rates = dict(self.catalogue.currencies)
        self.till = Till(currency, rates) if currency in rates else DOLLARS
        self.fields["currency"].put(self.till.currency)
        for name in ("budget", "lift"):
            dollars = getattr(self.wish, name)
            self.fields[name]._props["unit"] = self.till.currency
            self.fields[name].put(None if dollars is None else round(self.till.own(dollars), 2))

    async def plan(self) -> None:
        """Ask for the plan and draw it."""
        faults = self.wish.faults()
        for name in ("source", "budget", *_COUNTS):
            self.fields[name].say(fault=faults.get(name, ""))
        if faults:
            return
        self.visit.memory["wish"] = self.wish
        await self.answers.show(
            lambda: self.visit.client.plan(**self.wish.asked(self.briefs)), self._draw_plan, again=self.plan
        )

    def _draw_plan(self, made: Plan) -> None:
        fee, rate, _ = self.terms()
        draw_plan(made, self.till, fee=fee, rate=rate, try_terms=lambda a, b: self._try(made, a, b))

    async def _try(self, made: Plan, fee: float, rate: float) -> None:
        tried = [(one.flat_fee, one.commission_rate) for one in made.what_if]
        self.wish.terms = list(dict.fromkeys([*tried, (fee, rate)]))[-_TERMS:]
        await self.plan()


async def _draw(visit: Visit) -> None:
    catalogue, found = await asyncio.gather(visit.catalogue(), visit.client.campaigns(top=_MOST))
    desk = _Desk(visit, catalogue, list(found))
    if not desk.campaigns and not desk.briefs:
        with empty_state("Nothing to plan", "There is no campaign that your key may see, and no saved brief."):
            button("Write a brief", lambda: ui.navigate.to("/"), kind="primary")
        return
    desk.draw()
    if desk.wish.source and ("campaign" in visit.query or "brief" in visit.query):
        await desk.plan()


PAGE = Page(
    "/budget",
    "Budget",
    _draw,
    icon="budget",
    about="Whom to invite with this money, this many samples and this many invitations: the best choice, proven, and "
    "what may come of it.",
)
