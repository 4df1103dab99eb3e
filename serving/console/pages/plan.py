"""A plan as panels: what is expected and may come, the curve over budgets, the chosen creators, other terms, noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from nicegui import ui

from serving.client import Plan, PlannedCreator, Point, Sums, WhatIf
from serving.console.figures import curve_figure, figure
from serving.console.money import Till
from serving.console.pieces import (
    count_text,
    field,
    form,
    interval_bar,
    link,
    notice,
    panel,
    percent_text,
    plain_table,
    submit_button,
    text,
)

__all__ = ["break_even_of", "draw_plan", "headline_of", "noise_of"]

_SUMS = (
    ("accepted", "Accept"),
    ("content", "Deliver content"),
    ("samples", "Samples"),
    ("sales", "Extra sales"),
    ("commission", "Commission"),
    ("spend", "Fees and samples"),
    ("profit", "Profit"),
)
_MONEY = ("sales", "commission", "spend", "profit")

_ORDERS: dict[str, tuple[str, Callable[[PlannedCreator], float]]] = {
    "profit": ("Expected profit", lambda one: one.profit),
    "lift": ("Extra sales if delivered", lambda one: one.lift),
    "success": ("Chance of content", lambda one: one.success_probability),
    "spend": ("Expected spend", lambda one: one.spend),
    "fee": ("Break-even fee", lambda one: -math.inf if one.break_even_fee is None else one.break_even_fee),
}


def headline_of(plan: Plan, till: Till) -> str:
    """The plan in a sentence."""
    told = plan.outlook
    if not told.invitations:
        return (
            f"Nobody: within these limits none of {plan.candidates:,} candidates adds to profit, or no "
            "invitation is left. Invitations sent in the last 30 days count against the limits."
        )
    return (
        f"Invite {told.invitations:,} of {plan.candidates:,} candidates: expected profit "
        f"{till.text(told.profit.expected)}, in 1 case of 10 below {till.text(told.profit.low)}, in 1 of 10 above "
        f"{till.text(told.profit.high)}."
    )


def break_even_of(plan: Plan, fee: float) -> float | None:
    """The flat fee (USD) at which the chosen creators together are expected to leave nothing.

    Their answers stay as they are. A fee is owed on delivery alone: one dollar more costs as many dollars as posts are
    expected. None where none is.
    """
    posts = plan.outlook.content.expected
    return fee + plan.outlook.profit.expected / posts if posts > 0 else None


def noise_of(plan: Plan, till: Till) -> list[str]:
    """How many partnerships it takes before a lift can be told from noise, in sentences."""
    told = plan.power
    if told is None:
        return ["How much single partnerships' lifts scatter is not known here, so nothing is said of noise."]
    posts = plan.outlook.content.expected
    if told.partnerships is None or not math.isfinite(told.partnerships):
        first = f"A mean lift of {till.text(told.effect)} a partnership is out of reach: no number of them tells it."
    else:
        first = (
            f"It takes {count_text(told.partnerships)} delivered partnerships to tell a mean lift of "
            f"{till.text(told.effect)} a partnership from none, in {10 * told.power:.0f} cases of 10 at the "
            f"{percent_text(told.level)} level. This plan expects {posts:.1f}."
        )
    said = [first]
    if plan.smallest_lift_told is not None:
        said.append(f"As many as it expects tell a mean lift of {till.text(plan.smallest_lift_told)} and more.")
    said.append(
        f"One partnership's estimate scatters by {till.text(told.noise.deviation)} (standard deviation), as "
        f"{count_text(told.noise.partnerships)} past ones did."
    )
    return said


def draw_plan(
    plan: Plan,
    till: Till,
    *,
    fee: float,
    rate: float,
    try_terms: Callable[[float, float], Any],
) -> None:
    """Draw ``plan`` in ``till``'s money; ``fee`` (USD) and ``rate`` are the brief's own terms.

    ``try_terms`` is told of a fee (USD) and a rate that are to be tried.
    """
    with panel(classes="cr-plan-head"):
        text(headline_of(plan, till), tag="p", classes="cr-lead").props('id="headline"')
        text(_proof(plan, till), tag="p", classes="cr-quiet")
        for word in _risks(plan):
            notice(word, kind="warn")
        told = [one for one in (plan.basis, *plan.notes, *map(str, plan.warnings)) if one]
        if told:
            notice(" ".join(f"{one[:1].upper()}{one[1:].rstrip('.')}." for one in told), kind="info")
    if not plan.creators:
        return
    with ui.element("div").classes("cr-sides"):
        with panel("What may come of it", classes="cr-dense"):
            _outlook(plan, till)
        with panel("Profit over budget", about=_curve_about(plan, till)):
            _curve(plan, till)
    with panel(classes="cr-dense"):
        _chosen(plan, till)
    with ui.element("div").classes("cr-sides cr-sides-wide"):
        with panel("Other fees and commissions", classes="cr-dense"):
            _terms(plan, till, fee, rate, try_terms)
        with panel("Lift and noise"):
            for said in noise_of(plan, till):
                text(said, tag="p")


def _proof(plan: Plan, till: Till) -> str:
    of = {"profit": "profit", "sales": "extra sales", "content": "content"}[plan.goal]
    if plan.proven:
        return f"Proven: within these limits no other choice is expected to bring more {of}."
    bound = f"{plan.bound:,.1f} posts" if plan.goal == "content" else till.text(plan.bound)
    return f"The search was stopped: no choice is expected to bring more than {bound} of {of}."


def _risks(plan: Plan) -> list[str]:
    told = plan.outlook
    words = []
    if told.loss >= 0.005:
        words.append(f"The profit is below zero in {percent_text(told.loss)} of the cases.")
    if told.over_budget >= 0.005:
        words.append(
            "More creators may accept than expected: the budget does not suffice in "
            f"{percent_text(told.over_budget)} of the cases."
        )
    if told.over_samples >= 0.005:
        words.append(f"There are too few samples in {percent_text(told.over_samples)} of the cases.")
    return [" ".join(words)] if words else []


def _outlook(plan: Plan, till: Till) -> None:
    rows = []
    for name, words in _SUMS:
        sums: Sums = getattr(plan.outlook, name)
        if name in _MONEY:
            cells = [till.number(one) for one in (sums.expected, sums.low, sums.high)]
            rows.append((f"{words}, {till.currency}", *cells))
        else:
            rows.append((words, f"{sums.expected:.1f}", f"{sums.low:.0f}", f"{sums.high:.0f}"))
    plain_table(
        ("What", "Expected", "10 % case", "90 % case"),
        rows,
        caption="What is expected of the plan, and what may come",
        numeric=(1, 2, 3),
    )
    text(
        "In 1 case of 10 it is less than the 10 % case, in 1 of 10 more than the 90 % case. Each line for itself.",
        tag="p",
        classes="cr-quiet cr-small",
    )


def _curve_about(plan: Plan, till: Till) -> str:
    if not plan.curve:
        return "More money changes nothing here."
    told, idle = _told_curve(plan), plan.limits.budget
    if len(told) < len(plan.curve) and idle is not None:
        return f"Beyond {till.text(told[-1].budget)} more money changes nothing; your budget is {till.text(idle)}."
    return ""


def _told_curve(plan: Plan) -> Sequence[Point]:
    """The curve up to where more money changes nothing; a budget far beyond that only flattens it."""
    *steps, last = plan.curve
    return steps if steps and last.budget > 1.3 * steps[-1].budget else plan.curve


def _curve(plan: Plan, till: Till) -> None:
    if not plan.curve:
        return
    own, told = till.own, _told_curve(plan)
    points = [
        (own(one.budget), own(one.outlook.profit.expected), own(one.outlook.profit.low), own(one.outlook.profit.high))
        for one in told
    ]
    asked = plan.limits.budget
    first, last = told[0], told[-1]
    figure(
        curve_figure(
            points, currency=till.currency, budget=None if asked is None or asked > last.budget else own(asked)
        ),
        label=f"Expected profit goes from {till.text(first.outlook.profit.expected)} at a budget of "
        f"{till.text(first.budget)} to {till.text(last.outlook.profit.expected)} at {till.text(last.budget)}",
        tall=17,
    )
    with ui.element("details").classes("cr-more"):
        text("The curve as a table", tag="summary")
        plain_table(
            (f"Budget, {till.currency}", "Invited", "Posts", "Profit", "10 % case", "90 % case"),
            [
                (
                    till.number(one.budget),
                    f"{one.outlook.invitations:,}",
                    f"{one.outlook.content.expected:.1f}",
                    till.number(one.outlook.profit.expected),
                    till.number(one.outlook.profit.low),
                    till.number(one.outlook.profit.high),
                )
                for one in plan.curve
            ],
            caption="The best choice of each budget",
            numeric=(0, 1, 2, 3, 4, 5),
        )


def _chosen(plan: Plan, till: Till) -> None:
    with ui.element("div").classes("cr-line cr-spread") as head:
        text("Whom to invite", tag="h2")
    place = ui.element("div")

    def show(order: str) -> None:
        place.clear()
        with place:
            chosen = sorted(plan.creators, key=lambda one: (-_ORDERS[order][1](one), one.creator_id))
            _chosen_table(chosen, till)

    with head:
        field(
        "Order by", kind="select", value="profit", options={name: words for name, (words, _) in _ORDERS.items()},
        on_change=lambda name: show(str(name)),
        ).classes("cr-short")  # fmt: skip
    show("profit")


def _chosen_table(chosen: Sequence[PlannedCreator], till: Till) -> None:
    most = max([one.profit for one in chosen] + [1e-9])

    def profit(one: PlannedCreator) -> None:
        with ui.element("span").classes("cr-meter cr-meter-wide"):
            text(till.number(one.profit), classes="cr-meter-value")
            interval_bar(0.0, one.profit, max(one.profit, 0.0), ends=(0.0, most), label=till.text(one.profit))

    plain_table(
        (
            "Creator",
            f"Expected profit, {till.currency}",
            "Accepts",
            "Then delivers",
            "Sales if delivered",
            "Spend",
            "Break-even fee",
            "or commission",
        ),
        [
            (
                partial(link, one.username or one.creator_id, f"/creators/{quote(one.creator_id, safe='')}"),
                partial(profit, one),
                percent_text(one.accept_probability),
                percent_text(one.deliver_probability),
                till.number(one.lift),
                till.number(one.spend),
                "none"
                if one.break_even_fee is not None and one.break_even_fee < 0
                else till.number(one.break_even_fee),
                percent_text(one.break_even_commission),
            )
            for one in chosen
        ],
        caption="The creators to invite, expected values",
        numeric=(2, 3, 4, 5, 6, 7),
    )
    text(
        f"Money in {till.currency}. Break-even: the flat fee, or the commission, at which inviting the creator is "
        "expected to leave nothing, everything else as it is. None: a loss without any fee.",
        tag="p",
        classes="cr-quiet cr-small",
    )


def _terms(plan: Plan, till: Till, fee: float, rate: float, try_terms: Callable[[float, float], Any]) -> None:
    together = break_even_of(plan, fee)
    if together is not None:
        said = f"Together the chosen creators break even at a flat fee of {till.text(together)} each."
        text(said, tag="p").props('id="break-even"')
    rows: list[WhatIf] = sorted(plan.what_if, key=lambda one: (one.flat_fee, one.commission_rate))
    if rows:
        plain_table(
            (f"Fee, {till.currency}", "Commission", "Invited", "Posts", "Profit", "8 cases of 10"),
            [
                (
                    till.number(one.flat_fee),
                    percent_text(one.commission_rate)
                    + (
                        " (yours)"
                        if math.isclose(one.flat_fee, fee) and math.isclose(one.commission_rate, rate)
                        else ""
                    ),
                    f"{one.outlook.invitations:,}",
                    f"{one.outlook.content.expected:.1f}",
                    till.number(one.outlook.profit.expected),
                    till.span(one.outlook.profit.low, one.outlook.profit.high),
                )
                for one in rows
            ],
            caption="The best choice under other terms, foretold anew",
            numeric=(0, 1, 2, 3, 4, 5),
        )
    text(
        "Acceptance, delivery and sales are foretold anew for each. The model learned from terms that brands chose; "
        "far from those it guesses.",
        tag="p",
        classes="cr-quiet cr-small",
    )
    wanted: dict[str, float | None] = {"fee": round(till.own(fee), 2), "rate": round(100 * rate, 2)}
    with form(lambda: _tried(wanted, till, try_terms), classes="cr-line cr-try"):
        field("Fee to try", kind="number", value=wanted["fee"], low=0, unit=till.currency,
              on_change=lambda value: wanted.update(fee=value))  # fmt: skip
        field("Commission to try", kind="number", value=wanted["rate"], low=0, high=100, unit="%",
              on_change=lambda value: wanted.update(rate=value))  # fmt: skip
        submit_button("Try these terms", kind="plain")


def _tried(wanted: dict[str, float | None], till: Till, try_terms: Callable[[float, float], Any]) -> Any:
    fee, rate = wanted["fee"], wanted["rate"]
    if fee is not None and rate is not None:
        return try_terms(till.dollars(fee), rate / 100.0)
    return None
