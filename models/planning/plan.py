"""A plan: the invitations that are worth most within limits, what they may come to, and what else could be done."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from marketplace.arrays import Floats
from marketplace.display import Shown
from marketplace.errors import BriefError
from marketplace.jsonable import jsonable
from models.economics import CURRENCY
from models.planning.choose import Choice, choose
from models.planning.limits import Limits, constraints_of, goal_of
from models.planning.lottery import INDEPENDENT, Dependence, Outlook, look_ahead
from models.planning.offers import Offers, break_even_commission, break_even_fee, priced
from models.planning.power import Noise, Power, detectable, needed

__all__ = ["POINTS", "Plan", "PlannedOffer", "Point", "WhatIf", "make_plan"]

POINTS = 10
"""Budgets of a curve."""

LEAST = 0.05
"""Seconds that an integer programme gets in any case: the best that a greedy rule finds needs none."""

_FURTHEST = 3.0  # times the budget, to which a curve reaches at most


@dataclass(frozen=True)
class PlannedOffer:
    """One invitation of a plan, expected values; USD.

    ``break_even_fee`` and ``break_even_commission``: terms at which it leaves nothing, everything else as it is; None
    where there are none.
    """

    creator_id: str
    username: str | None
    brand_id: str
    accept_probability: float
    deliver_probability: float
    success_probability: float
    lift: float
    spend: float
    profit: float
    break_even_fee: float | None
    break_even_commission: float | None


@dataclass(frozen=True)
class Point:
    """The best choice of one budget, USD, and what it may come to."""

    budget: float
    outlook: Outlook
    proven: bool


@dataclass(frozen=True)
class WhatIf:
    """The best choice under another flat fee (USD) and commission rate, and what it may come to."""

    flat_fee: float
    commission_rate: float
    outlook: Outlook
    proven: bool


@dataclass(frozen=True, repr=False)
class Plan(Shown):
    """Whom to invite, and what that may come to.

    Attributes
    ----------
    offers : tuple of PlannedOffer
        Most expected profit first; equal ones by creator_id.
    outlook : Outlook
    goal : str
        What it is the best for.
    limits : Limits
    candidates, worthwhile : int
        Offers looked at, and those that add to the goal at all.
    bound : float
        No choice within the limits is expected to bring more of the goal.
    proven : bool
        Whether this one brings as much.
    method : str
        How it was found.
    curve : tuple of Point
        By budget, ascending.
    what_if : tuple of WhatIf
    dependence : Dependence
        What the invitations of the campaign have in common, as drawn.
    power : Power or None
        How many partnerships it takes to tell a lift from noise.
    tells : float or None
        The smallest mean lift a partnership, USD, that as many as the plan expects to be delivered would tell.
    """

    offers: tuple[PlannedOffer, ...]
    outlook: Outlook
    goal: str
    limits: Limits
    candidates: int
    worthwhile: int
    bound: float
    proven: bool
    method: str
    curve: tuple[Point, ...] = ()
    what_if: tuple[WhatIf, ...] = ()
    dependence: Dependence = INDEPENDENT
    power: Power | None = None
    tells: float | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    """What it is a plan of, for people: the campaign, the model's version, the day."""

    @property
    def headline(self) -> str:
        """How many are invited, for what, and what is expected of it."""
        told = self.outlook
        of = f" for {self.about['campaign_id']}" if self.about.get("campaign_id") else ""
        return (
            f"Invite {told.invitations} of {self.candidates:,} candidates{of}: expected profit "
            f"{told.profit.expected:,.0f} {CURRENCY} (in 1 case of 10 below {told.profit.low:,.0f})"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row an invitation; the index is creator_id."""
        columns = list(PlannedOffer.__dataclass_fields__)
        return pd.DataFrame([asdict(one) for one in self.offers], columns=columns).set_index("creator_id")

    def curve_frame(self) -> pd.DataFrame:
        """One row a budget of the curve, USD: what is expected, and the 10 % case of the profit."""
        rows = [
            {
                "budget": one.budget,
                "invitations": one.outlook.invitations,
                "spend": one.outlook.spend.expected,
                "content": one.outlook.content.expected,
                "sales": one.outlook.sales.expected,
                "profit": one.outlook.profit.expected,
                "profit_low": one.outlook.profit.low,
                "proven": one.proven,
            }
            for one in self.curve
        ]
        return pd.DataFrame(rows).set_index("budget") if rows else pd.DataFrame()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self.about,
            "currency": CURRENCY,
            "goal": self.goal,
            "limits": {**jsonable(asdict(self.limits)), "creator_contacts": None, "brand_contacts": None},
            "candidates": self.candidates,
            "worthwhile": self.worthwhile,
            "outlook": jsonable(asdict(self.outlook)),
            "bound": self.bound,
            "proven": self.proven,
            "method": self.method,
            "creators": [jsonable(asdict(one)) for one in self.offers],
            "curve": [jsonable(asdict(one)) for one in self.curve],
            "what_if": [jsonable(asdict(one)) for one in self.what_if],
            "dependence": jsonable(asdict(self.dependence)),
            "power": None if self.power is None else jsonable(asdict(self.power)),
            "smallest_lift_told": jsonable(self.tells),
        }


def make_plan(
    offers: Offers,
    limits: Limits,
    *,
    goal: str = "profit",
    dependence: Dependence = INDEPENDENT,
    budgets: Sequence[float] | None = None,
    terms: Sequence[tuple[float, float]] = (),
    repriced: Callable[[float, float], Offers] | None = None,
    noise: Noise | None = None,
    effect: float | None = None,
    usernames: Mapping[str, str] | None = None,
    about: Mapping[str, Any] | None = None,
    seed: int = 0,
    seconds: float = 60.0,
    within: float = math.inf,
) -> Plan:
    """The best choice within ``limits``, what it may come to, a curve over budgets, and what else could be done.

    Parameters
    ----------
    offers : Offers
        In any order: it changes nothing.
    limits : Limits
    goal : str
        One of `models.planning.GOALS`.
    dependence : Dependence
        What the invitations have in common.
    budgets : sequence of float, optional
        Of the curve, USD; by default `POINTS` up to where more money buys nothing, or three times the budget. Empty:
        no curve.
    terms : sequence of (flat fee in USD, commission rate)
        Other terms to try.
    repriced : callable, optional
        The offers, of the same creators in any order, under such terms. By default those given with the answers held
        as they were, which flatters cheaper terms.
    noise : Noise, optional
        Of one partnership's lift: then the plan says what it would tell.
    effect : float, optional
        The mean lift a partnership to be told from noise, USD; by default what the plan expects.
    usernames : mapping of creator_id to str, optional
    about : mapping, optional
        See `Plan.about`.
    seed : int
        Of the draws.
    seconds : float
        How long one integer programme may take.
    within : float
        Seconds that all of them may take together: what the plan's own leaves is shared by the others, `LEAST` each in
        any case.

    Raises
    ------
    BriefError
        A limit, a goal or terms that cannot be used.
    """
    offers = _in_order(offers)
    asking, began = _Asking(limits, goal, dependence, seed, seconds), time.perf_counter()
    choice = asking.best(offers)
    others = (POINTS + 2 if budgets is None else len(budgets)) + len(terms)
    left = (within - (time.perf_counter() - began)) / max(others, 1)
    asking = replace(asking, seconds=min(seconds, max(left, LEAST)))
    asked = asking.budgets(offers) if budgets is None else sorted({float(one) for one in budgets})
    along = [replace(asking, limits=replace(limits, budget=one)).best(offers) for one in asked]
    outlooks = look_ahead(
        offers, [choice.rows, *(one.rows for one in along)], dependence=dependence, budget=limits.budget,
        samples=limits.samples, seed=seed,
    )  # fmt: skip
    outlook = outlooks[0]
    partnerships = outlook.content.expected
    effect = outlook.sales.expected / partnerships if effect is None and partnerships > 0 else effect
    told = None
    if noise is not None and effect:
        told = needed(effect, noise, per_campaign=max(1.0, partnerships))
    return Plan(
        offers=_planned(offers.take(choice.rows), usernames or {}),
        outlook=outlook,
        goal=goal,
        limits=limits,
        candidates=len(offers),
        worthwhile=int((goal_of(offers, goal) > 0).sum()),
        bound=choice.bound,
        proven=choice.proven,
        method=choice.method,
        curve=tuple(
            Point(budget, one, best.proven) for budget, one, best in zip(asked, outlooks[1:], along, strict=True)
        ),
        what_if=tuple(
            asking.under(fee, rate, offers, (repriced or partial(_held, offers))(fee, rate)) for fee, rate in terms
        ),
        dependence=dependence,
        power=told,
        # One campaign alone has nothing to be held against where its partnerships err together.
        tells=None if noise is None else _or_none(detectable(partnerships, replace(noise, together=0.0))),
        about=dict(about or {}),
    )


def _held(offers: Offers, fee: float, rate: float) -> Offers:
    return priced(offers, fee=fee, commission=rate)


def _in_order(offers: Offers) -> Offers:
    return offers.take(np.lexsort((offers.brand_ids, offers.creator_ids)))


@dataclass(frozen=True)
class _Asking:
    """What every choice of one plan has in common."""

    limits: Limits
    goal: str
    dependence: Dependence
    seed: int
    seconds: float

    def best(self, offers: Offers) -> Choice:
        """The best choice among ``offers``."""
        return choose(goal_of(offers, self.goal), constraints_of(offers, self.limits), seconds=self.seconds)

    def budgets(self, offers: Offers) -> list[float]:
        """Even steps to where more money buys nothing, or `_FURTHEST` times the budget, the budget among them."""
        own = self.limits.budget
        free = replace(self, limits=replace(self.limits, budget=None)).best(offers)
        top = float(offers.spend(self.limits.spend)[free.rows].sum())
        if own is not None:
            top = min(top, _FURTHEST * own)
        if top <= 0:
            return []
        steps = {top * step / POINTS for step in range(1, POINTS + 1)}
        return sorted(steps | ({own} if own else set()))

    def under(self, fee: float, rate: float, offers: Offers, repriced: Offers) -> WhatIf:
        """The best choice under other terms."""
        there = _in_order(repriced)
        if not np.array_equal(there.creator_ids, offers.creator_ids):
            raise BriefError("the same creators under other terms", received="others", look="the offers that are tried")
        best = self.best(there)
        (outlook,) = look_ahead(
            there, [best.rows], dependence=self.dependence, budget=self.limits.budget, samples=self.limits.samples,
            seed=self.seed,
        )  # fmt: skip
        return WhatIf(fee, rate, outlook, best.proven)


def _planned(offers: Offers, usernames: Mapping[str, str]) -> tuple[PlannedOffer, ...]:
    profit, spend = offers.profit, offers.spend("expected")
    fee, rate = break_even_fee(offers), break_even_commission(offers)
    order = np.lexsort((offers.creator_ids, -profit))
    return tuple(
        PlannedOffer(
            creator_id=str(offers.creator_ids[row]),
            username=usernames.get(str(offers.creator_ids[row])) or None,
            brand_id=str(offers.brand_ids[row]),
            accept_probability=float(offers.accept[row]),
            deliver_probability=float(offers.deliver[row]),
            success_probability=float(offers.success[row]),
            lift=float(offers.lift[row]),
            spend=float(spend[row]),
            profit=float(profit[row]),
            break_even_fee=_finite(fee, row),
            break_even_commission=_finite(rate, row),
        )
        for row in order.tolist()
    )


def _finite(values: Floats, row: int) -> float | None:
    return _or_none(float(values[row]))


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
