"""A plan in words and tables, as the command line prints it."""

from __future__ import annotations

import math

from marketplace.display import text_of
from marketplace.text import TextTable, plain_text, printable
from models.economics import CURRENCY
from models.planning.lottery import Outlook, Sums
from models.planning.plan import Plan

__all__ = ["plan_text"]

_SHOWN = 40


@text_of.register
def plan_text(plan: Plan) -> str:
    """The plan: whom, what it may come to, the curve over budgets, other terms, and what it would tell."""
    blocks: list[TextTable | str] = [plan.headline + ".", *_found(plan), ""]
    blocks += [_outlook_table(plan.outlook), *_risks(plan), "", _creators(plan)]
    if len(plan.offers) > _SHOWN:
        blocks.append(f"  and {len(plan.offers) - _SHOWN} more (`--json` has them all)")
    if plan.curve:
        blocks += ["", _curve(plan)]
    if plan.what_if:
        blocks += ["", _other_terms(plan)]
    if plan.power is not None:
        blocks += ["", *_told(plan)]
    if plan.about.get("basis"):
        blocks += ["", f"The predictions are {plan.about['basis']}"]
    return plain_text(blocks)


def _found(plan: Plan) -> list[str]:
    limits, said = plan.limits, []
    money = "fees and samples if everybody delivers" if limits.spend == "worst" else "expected fees and samples"
    if limits.budget is not None:
        said.append(f"{limits.budget:,.0f} {CURRENCY} for {money}")
    if limits.samples is not None:
        said.append(f"{limits.samples:,} samples")
    if limits.invitations is not None:
        said.append(f"{limits.invitations:,} invitations")
    if limits.per_creator is not None:
        said.append(f"{limits.per_creator:,} contacts a creator")
    if limits.per_brand is not None:
        said.append(f"{limits.per_brand:,} contacts a brand")
    within = f"Within {', '.join(said)}; " if said else ""
    unit = "" if plan.goal == "content" else f" {CURRENCY}"
    best = (
        f"proven: no other choice is expected to bring more {plan.goal}"
        if plan.proven
        else f"no other choice is expected to bring more than {plan.bound:,.2f}{unit} of {plan.goal}"
    )
    text = f"{within}{best} ({plan.method}). {plan.worthwhile:,} candidates would add anything."
    return [text[0].upper() + text[1:]]


def _outlook_table(outlook: Outlook) -> TextTable:
    rows = [
        ("creators who accept", outlook.accepted, 1),
        ("content delivered", outlook.content, 1),
        (f"incremental sales, {CURRENCY}", outlook.sales, 0),
        (f"fees and samples, {CURRENCY}", outlook.spend, 0),
        (f"commission out of sales, {CURRENCY}", outlook.commission, 0),
        (f"profit, {CURRENCY}", outlook.profit, 0),
    ]
    return TextTable(
        f"What may come of {outlook.invitations} invitations",
        ("", "expected", "10 % case", "90 % case"),
        [(name, *_three(sums, digits)) for name, sums, digits in rows],
    )


def _three(sums: Sums, digits: int) -> tuple[str, str, str]:
    return f"{sums.expected:,.{digits}f}", f"{sums.low:,.0f}", f"{sums.high:,.0f}"


def _risks(plan: Plan) -> list[str]:
    said = [f"The chance of a loss is {plan.outlook.loss:.0%}."]
    if plan.limits.budget is not None:
        said.append(
            f"The chance that {plan.limits.budget:,.0f} {CURRENCY} do not suffice: {plan.outlook.over_budget:.0%}."
        )
    if plan.limits.samples is not None:
        said.append(f"That {plan.limits.samples:,} samples do not: {plan.outlook.over_samples:.0%}.")
    return [" ".join(said)]


def _creators(plan: Plan) -> TextTable:
    rows = [
        (
            printable(one.username or one.creator_id),
            f"{one.accept_probability:.0%}",
            f"{one.deliver_probability:.0%}",
            f"{one.lift:,.0f}",
            f"{one.spend:,.2f}",
            f"{one.profit:,.2f}",
            _fee(one.break_even_fee),
        )
        for one in plan.offers[:_SHOWN]
    ]
    heads = ("creator", "accepts", "then delivers", "lift if delivered", "spend", "profit", "break-even fee")
    return TextTable(f"Whom to invite ({CURRENCY}, expected)", heads, rows)


def _fee(fee: float | None) -> str:
    if fee is None:
        return "none"
    return f"{fee:,.0f}" if fee >= 0 else "a loss without any"


def _curve(plan: Plan) -> TextTable:
    rows = [
        (
            f"{one.budget:,.0f}",
            f"{one.outlook.invitations}",
            f"{one.outlook.content.expected:,.1f}",
            f"{one.outlook.sales.expected:,.0f}",
            f"{one.outlook.profit.expected:,.0f}",
            f"{one.outlook.profit.low:,.0f}",
        )
        for one in plan.curve
    ]
    return TextTable(
        f"What other budgets bring ({CURRENCY})",
        ("budget", "invitations", "content", "sales", "profit", "10 % case"),
        rows,
    )


def _other_terms(plan: Plan) -> TextTable:
    rows = [
        (
            f"{one.flat_fee:,.0f}",
            f"{one.commission_rate:.1%}",
            f"{one.outlook.invitations}",
            f"{one.outlook.accepted.expected:,.1f}",
            f"{one.outlook.content.expected:,.1f}",
            f"{one.outlook.profit.expected:,.0f}",
            f"{one.outlook.profit.low:,.0f}",
        )
        for one in plan.what_if
    ]
    return TextTable(
        f"Other terms, the best choice of each ({CURRENCY})",
        ("flat fee", "commission", "invitations", "accept", "content", "profit", "10 % case"),
        rows,
    )


def _told(plan: Plan) -> list[str]:
    found = plan.power
    assert found is not None  # the caller looked
    deviation = f"one partnership's estimate scatters by {found.noise.deviation:,.0f} {CURRENCY}"
    lift = f"a mean lift of {found.effect:,.0f} {CURRENCY} a partnership"
    if math.isinf(found.partnerships):
        said = [f"Telling it from noise: {lift} is out of reach of any number of partnerships ({deviation})."]
    else:
        campaigns = "" if found.campaigns <= 1 else f", some {found.campaigns:,.0f} campaigns like this one"
        said = [
            f"Telling it from noise: {lift} takes {math.ceil(found.partnerships):,} delivered partnerships{campaigns} "
            f"({deviation}; {found.power:.0%} power, two-sided {found.level:.0%})."
        ]
    expected = plan.outlook.content.expected
    if plan.tells is None:
        said.append(f"The {expected:,.1f} that this plan expects tell no lift, however large.")
    else:
        said.append(f"The {expected:,.1f} that this plan expects tell one of {plan.tells:,.0f} {CURRENCY} or more.")
    return said
