"""Stylised facts: what is published about creator marketplaces, the band set beforehand, and what a marketplace shows.

`measure_facts` reads the contract's tables alone, so it works on simulated and on real marketplaces; what cannot be
measured says why. The bands were set from the published values before any marketplace was measured; a fact outside
its band is a finding about the marketplace, not a reason to move the band.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from marketplace.stylised.people import engagement_peak, fake_engagement, follower_tail, views_elasticity
from marketplace.stylised.readings import NotMeasured, Readings
from marketplace.stylised.sales import earnings_tail, gmv_gini, live_refunds, live_sales, refund_delay, top_share
from marketplace.stylised.work import acceptance, on_time, sales_noise, sample_posting, small_return
from marketplace.tables import open_marketplace

__all__ = ["STYLISED_FACTS", "FactsReport", "Measured", "StylisedFact", "measure_facts"]

State = Literal["pass", "fail", "broken on purpose", "not measured"]
_ASSUMED = "no public figure found"


@dataclass(frozen=True)
class StylisedFact:
    """One fact: ``key``, what it says, the published value with its source, and the band, both ends included."""

    key: str
    says: str
    published: str
    source: str
    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """One fact on one marketplace. ``value`` is None where it could not be measured, and ``why`` says why."""

    fact: StylisedFact
    value: float | None
    state: State
    why: str = ""

    @property
    def distance(self) -> float:
        """How far the value lies outside the band; 0 within it or where there is none."""
        if self.value is None:
            return 0.0
        return max(self.fact.low - self.value, self.value - self.fact.high, 0.0)

    def as_dict(self) -> dict[str, object]:
        """Everything, flat, for a program."""
        return {
            **asdict(self.fact),
            "low": self.fact.low if math.isfinite(self.fact.low) else None,
            "measured": self.value,
            "state": self.state,
            "distance": self.distance,
            "why": self.why,
        }


@dataclass(frozen=True)
class FactsReport:
    """All facts on one marketplace, held against ``world``."""

    world: str
    facts: tuple[Measured, ...]

    def as_dict(self) -> dict[str, object]:
        """``{world, facts, counts}`` for a program."""
        counts: dict[str, int] = {}
        for one in self.facts:
            counts[one.state] = counts.get(one.state, 0) + 1
        return {"world": self.world, "facts": [one.as_dict() for one in self.facts], "counts": counts}


_MEASURES = {
    "follower_tail": follower_tail,
    "earnings_tail": earnings_tail,
    "views_elasticity": views_elasticity,
    "engagement_peak": engagement_peak,
    "small_return": small_return,
    "sales_noise": sales_noise,
    "gmv_gini": gmv_gini,
    "top_share": top_share,
    "sample_posting": sample_posting,
    "live_sales": live_sales,
    "live_refunds": live_refunds,
    "fake_engagement": fake_engagement,
    "refund_delay": refund_delay,
    "acceptance": acceptance,
    "on_time": on_time,
}

STYLISED_FACTS = (
    StylisedFact("follower_tail", "Pareto tail exponent of followers", "assumed 1 to 1.5", _ASSUMED, 0.8, 2.0),
    StylisedFact(
        "earnings_tail", "Pareto tail exponent of creators' commission", "assumed about 2", _ASSUMED, 1.3, 3.0
    ),
    StylisedFact(
        "views_elasticity",
        "elasticity of a video's views to followers",
        "weak and far from linear; about .10 assumed",
        "Guinaudeau, Munger and Votta 2022, Computational Communication Research 4(2) (less dependent than on YouTube)",
        0.02,
        0.30,
    ),
    StylisedFact(
        "engagement_peak",
        "engagement an inverted U over followers: t of the squared log of followers",
        "negative",
        "Wies, Bleier and Edeling 2023, Journal of Marketing 87(3): 802 campaigns on Instagram",
        -math.inf,
        -2.0,
    ),
    StylisedFact(
        "small_return",
        "net sales for one USD of cost, smallest third of creators over largest third",
        "about 3 (nano: 1,000 USD for 50; macro: 6,000 for over 1,000)",
        "Beichert, Bayerl, Goldenberg and Lanz 2024, Journal of Marketing 88; figures as summed up from HBR 2024/09",
        1.5,
        20.0,
    ),
    StylisedFact(
        "sales_noise",
        "coefficient of variation of sales, a creator-campaign invited",
        "about 10",
        "Lewis and Rao 2015, Quarterly Journal of Economics 130(4), of a customer's sales, where 10 is common",
        4.0,
        20.0,
    ),
    StylisedFact("gmv_gini", "Gini of GMV over creators", "assumed about .8", _ASSUMED, 0.65, 0.92),
    StylisedFact(
        "top_share",
        "share of a brand's sales by creators it invited that the top 5 of 200 make, the mean over brands",
        ".80 of a brand's sales by 5 of its 200 creators, as an example",
        "MomentIQ, TikTok Shop Creator Analytics Deep Dive (a vendor's illustration, no study)",
        0.50,
        0.95,
    ),
    StylisedFact(
        "sample_posting", "share of samples received that end in content", "assumed .30 to .80", _ASSUMED, 0.30, 0.80
    ),
    StylisedFact(
        "live_sales",
        "rank correlation of interaction and orders a view, over lives' creators",
        "positive",
        "not verified: Electronic Commerce Research 2023, doi 10.1007/s10660-023-09757-7, 47,661 lives",
        0.05,
        1.0,
    ),
    StylisedFact(
        "live_refunds",
        "rank correlation of interaction and refunded share, over lives' creators",
        "positive: up to 11.7 points, 30 % of the mean rate, for one sd of interaction",
        "Feng, Rong, Tian, Wang and Yao, Production and Operations Management, doi 10.1177/10591478231224949",
        0.02,
        1.0,
    ),
    StylisedFact(
        "fake_engagement",
        "share of creators whose followers came at once, or whose followers or engagement stand far out",
        "assumed .45 to .55; .34 to .61 impacted by growth anomalies or inauthentic comments",
        "HypeAuditor on Instagram, as reported by others: .34 in its first report, later .61 of US accounts",
        0.45,
        0.55,
    ),
    StylisedFact("refund_delay", "median days from order to refund", "assumed one to three weeks", _ASSUMED, 7.0, 21.0),
    StylisedFact("acceptance", "share of invitations accepted", "assumed; swept from .05 to .40", _ASSUMED, 0.05, 0.40),
    StylisedFact(
        "on_time", "share of deliveries by their due date", "assumed; swept from .50 to .90", _ASSUMED, 0.50, 0.90
    ),
)
"""Every fact, in the order printed."""


def measure_facts(directory: str | Path, *, world: str = "baseline") -> tuple[FactsReport, Readings]:
    """Measure every fact on the marketplace in ``directory``; facts that ``world`` breaks on purpose are marked so.

    Raises
    ------
    ContractError
        No marketplace stands there, or there is no such world.
    """
    from marketplace.simulator import FAMILIES, find_world

    find_world(world)
    evidence = Readings(open_marketplace(directory))
    measured = []
    for fact in STYLISED_FACTS:
        try:
            value = _MEASURES[fact.key](evidence)
        except NotMeasured as reason:
            measured.append(Measured(fact, None, "not measured", str(reason)))
            continue
        inside = fact.low <= value <= fact.high
        state: State = "pass" if inside else "broken on purpose" if fact.key in FAMILIES[world].breaks else "fail"
        measured.append(Measured(fact, value, state))
    return FactsReport(world, tuple(measured)), evidence
