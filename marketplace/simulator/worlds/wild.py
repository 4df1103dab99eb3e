"""Laws drawn at random: what can hold in a marketplace, each with the ranges its parameters are drawn from.

`LAWS` is the whole space, as data. A draw takes each law with its chance, all independently, and every parameter of
a law that holds from its range; the levels are drawn in every draw. Nothing here looks at what comes of it: which
draws are kept says `marketplace.simulator.drawing.find`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from marketplace.simulator.worlds.parameters import BASELINE, World, stream

__all__ = ["LAWS", "Law", "draw_law"]

Range = tuple[float, float]


@dataclass(frozen=True)
class Law:
    """One law of `LAWS`.

    Parameters
    ----------
    about : str
        What holds, in a line.
    chance : float
        That it holds in a draw.
    ranges : mapping of str to (float, float)
        Fields of `World` and the ends between which each is drawn: evenly, whole numbers where the field is one.
    ratios : mapping of str to (float, float)
        The same for fields whose logarithm is drawn evenly.
    but : tuple of str
        Laws before it in `LAWS` beside which it does not hold.
    """

    about: str
    chance: float
    ranges: Mapping[str, Range]
    ratios: Mapping[str, Range]
    but: tuple[str, ...] = ()


LAWS: Mapping[str, Law] = {
    "levels": Law(
        "how strong traits, fits, followers, fees and chances are",
        1.0,
        {
            "sell_persuasion": (0.3, 1.0),
            "sell_affinity": (0.2, 0.8),
            "sell_quality": (0.0, 0.4),
            "sell_followers": (-0.8, 0.2),
            "sell_fit": (0.2, 0.9),
            "sell_price": (-0.8, -0.1),
            "views_followers": (0.05, 0.6),
            "views_appeal": (0.3, 0.8),
            "views_noise": (0.9, 1.5),
            "accept_level": (-2.3, -0.6),
            "accept_cooperation": (0.6, 1.4),
            "accept_followers": (-0.4, 0.1),
            "deliver_level": (-0.2, 1.0),
            "deliver_diligence": (0.5, 1.2),
            "fee_rate": (0.2, 0.6),
            "ranker_power": (0.5, 1.1),
        },
        {"conversion": (0.0003, 0.0013), "partnership_boost": (4.0, 14.0), "fee_usd": (20.0, 120.0)},
    ),
    "views_power": Law("sales grow with a power of the views", 0.6, {"views_power": (0.4, 1.2)}, {}),
    "hits": Law(
        "rare hits carry the sales",
        0.4,
        {"hit_views": (5.0, 20.0), "hit_tail": (1.3, 2.5)},
        {"hit_chance": (0.003, 0.03)},
    ),
    "lives": Law(
        "lives outsell videos by multiples of each creator's own",
        0.5,
        {
            "live_creators": (0.3, 0.8),
            "live_share": (0.1, 0.45),
            "live_talent": (0.3, 1.0),
            "live_partnership": (-1.0, 1.5),
            "live_partnership_spread": (0.0, 1.5),
        },
        {"live_conversion": (1.5, 12.0)},
    ),
    "tired": Law("posting much tires the audience", 0.5, {"tired_posting": (0.3, 1.2), "tired_from": (3.0, 8.0)}, {}),
    "audience": Law(
        "audiences are of the wrong age, or live in another market",
        0.5,
        {
            "age_mismatch": (0.15, 0.7),
            "age_spread": (0.7, 1.3),
            "abroad_share": (0.03, 0.2),
            "abroad_sales": (0.05, 0.4),
        },
        {},
    ),
    "agencies": Law(
        "agencies accept for the creators they manage, who then deliver otherwise",
        0.5,
        {
            "managed_level": (-1.2, 0.8),
            "agencies": (5, 25),
            "agency_accept": (-1.5, 0.5),
            "agency_spread": (0.2, 1.0),
            "agency_commission": (0.4, 1.6),
            "agency_fee": (0.3, 1.2),
            "agency_deliver": (-1.0, 0.5),
            "agency_effort": (0.2, 0.8),
        },
        {},
    ),
    "outside": Law(
        "creators decline less commission than they earn elsewhere",
        0.5,
        {"reserve_commission": (0.05, 0.13), "reserve_spread": (0.2, 0.6), "reserve_followers": (0.0, 0.35)},
        {},
    ),
    "last_click": Law(
        "the last click credits those who post often with sales the shop would have made anyway",
        0.6,
        {
            "capture_posts": (0.6, 1.4),
            "capture_followers": (0.1, 0.7),
            "capture_affinity": (0.2, 0.8),
            "capture_cap": (0.06, 0.15),
            "capture_organic": (0.1, 0.5),
        },
        {"capture": (0.015, 0.04)},
    ),
    "late": Law("reports and refunds come late", 0.4, {"report_days": (3.0, 20.0), "refund_days": (3.0, 25.0)}, {}),
    "sales_days": Law(
        "on sales days the shop sells several times as much anyway, and briefs and contents aim at them",
        0.5,
        {
            "sale_lift": (2.0, 6.0),
            "great_sale": (1.0, 1.8),
            "payday_lift": (1.2, 2.5),
            "sale_discount": (0.15, 0.4),
            "payday_discount": (0.05, 0.2),
            "sale_spread": (0.1, 0.6),
            "sale_ads": (1.5, 4.0),
            "sale_briefs": (0.2, 0.7),
            "sale_posts": (0.4, 0.9),
            "sale_organic": (0.1, 0.5),
            "sale_capture": (0.5, 1.5),
            "sale_conversion": (0.7, 1.3),
        },
        {},
    ),
    "incrementality": Law(
        "what creators add, beside what they are credited with, differs for reasons seen and unseen",
        0.6,
        {
            "adds_followers": (-0.35, 0.35),
            "adds_posts": (-0.35, 0.35),
            "adds_live": (-0.35, 0.35),
            "adds_focus": (-0.35, 0.35),
            "adds_tenure": (-0.35, 0.35),
            "adds_unseen": (0.2, 0.7),
            "adds_instead": (0.0, 1.0),
            "boost_spread": (0.2, 0.7),
        },
        {},
    ),
    "hunch": Law(
        "brands invite on a hunch that also drives sales",
        0.25,
        {"hunch_invite": (0.3, 1.5), "hunch_sales": (0.0, 0.6), "hunch_demand": (0.0, 0.15)},
        {},
    ),
    "shared_audiences": Law(
        "partnerships take sales from sibling products and from creators of the same audience",
        0.25,
        {
            "audiences": (2, 8),
            "audience_loss": (0.01, 0.06),
            "audience_spill": (0.0, 0.3),
            "sibling_loss": (0.0, 0.25),
        },
        {},
    ),
    "gaming": Law(
        "a share of creators buys followers and engagement",
        0.25,
        {
            "gaming_share": (0.1, 0.5),
            "gaming_followers": (1.5, 6.0),
            "gaming_engagement": (1.5, 4.0),
            "gaming_views": (1.0, 2.0),
        },
        {},
    ),
    "buyers": Law(
        "buyers with desires, budgets and habits buy, not views",
        0.2,
        {
            "buyers_days": (50.0, 250.0),
            "buyers_focus": (0.4, 0.9),
            "buyers_habit": (0.0, 0.5),
            "buyers_persuasion": (0.2, 0.9),
            "buyers_fit": (0.1, 0.7),
            "buyers_followers": (-0.2, 0.7),
            "buyers_budget_spread": (0.4, 1.2),
        },
        {"buyers_reach": (0.015, 0.1), "buyers_budget": (15.0, 80.0), "buyers_organic": (0.03, 0.15)},
        but=("shared_audiences",),
    ),
}
"""Every law by name. One that is added at the end leaves the laws drawn before it as they were."""


def _value(name: str, drawn: float) -> float | int:
    """``drawn`` as `World` wants it: four significant digits, whole where the field is an integer."""
    return round(drawn) if isinstance(getattr(BASELINE, name), int) else float(f"{drawn:.4g}")


def draw_law(seed: int, attempt: int = 0) -> World:
    """The ``attempt``-th world drawn by ``seed``; `World.laws` names the laws that hold in it."""
    rng = stream(seed, "law", attempt)
    changes: dict[str, Any] = {}
    held: list[str] = []
    for name, law in LAWS.items():
        holds = rng.random() < law.chance
        share = dict(zip((*law.ranges, *law.ratios), rng.random(len(law.ranges) + len(law.ratios)), strict=True))
        if not holds or set(law.but) & set(held):
            continue
        held.append(name)
        for field, (low, high) in law.ranges.items():
            changes[field] = _value(field, low + (high - low) * share[field])
        for field, (low, high) in law.ratios.items():
            changes[field] = _value(field, low * math.exp(np.log(high / low) * share[field]))
    return replace(BASELINE, **changes, laws=tuple(held))
