"""What one more good event would do: evidence with it, beside the evidence as it is.

The effect on an index is partial: everything else stays, the peers too. It is that of an event of today, which weighs
most, from a brand that does not count as often as it may (`features.indices.declare.BRAND_CAP`). Where no single event
moves a component (steadiness is of many) there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from features.indices.evidence import CategoryEvidence, Evidence

__all__ = ["CATEGORY_MORE", "MORE", "More", "in_category", "with_more"]


@dataclass(frozen=True)
class More:
    """One more good event of a component.

    Attributes
    ----------
    text : str
        What it is.
    value : float
        Its value, in the component's unit as it is shrunk; added to the count of a count.
    trial : bool
        Whether it is one more trial (or event); else only what was counted grows, as active weeks do.
    """

    text: str
    value: float = 1.0
    trial: bool = True


MORE: Mapping[str, More] = MappingProxyType(
    {
        "replied_48h": More("one more invitation answered within 48 hours"),
        "acceptance_above_expected": More("one more acceptance of an offer that 3 of 10 accept", 0.7),
        "sample_fulfilment": More("content for one more free sample"),
        "brand_stars": More("one more review of 5 stars", 5.0),
        "sample_to_post_days": More("one more post two days after its sample arrived", float(np.log1p(2.0))),
        "shoppable_output_30d": More("one more shoppable video"),
        "active_weeks": More("a shoppable post in one more week", trial=False),
        "products_promoted_30d": More("one more product promoted"),
        "shoppable_share": More("one more shoppable post"),
        "repeat_brand_rate": More("coming back to one more brand"),
        "brands_worked_with_90d": More("a delivery for one more brand"),
        "brief_compliance": More("one more post that follows its brief wholly", 1.0),
        "reply_hours": More("one more reply within the hour", float(np.log1p(1.0))),
        "on_time_rate": More("one more delivery on time"),
        "gmv_per_1000_views": More("100 USD more of organic net sales with the same views", 100.0),
        "orders_per_1000_views": More("one more organic order with the same views"),
        "lift_per_partnership": More("one more partnership with a lift of 1,000 USD, known to 100 USD", 1_000.0),
        "videos_30d": More("one more video that is not barely viewed"),
        "live_hours_30d": More("one more hour of live that is not barely viewed"),
        "profit_per_partnership": More("one more partnership that leaves 100 USD", float(np.arcsinh(100.0))),
        "profit_per_cost": More("one more partnership that leaves as much as it costs", float(np.arcsinh(1.0))),
    }
)
"""By component; one that is not here is moved by no single event."""

CATEGORY_MORE = More("one more organic order of 100 USD in the category", 100.0)


def with_more(name: str, kind: str, evidence: Evidence) -> Evidence | None:
    """The evidence (n,) of component ``name`` with one more good event; None where no single event moves it."""
    more = MORE.get(name)
    if more is None:
        return None
    total, trials = evidence.total + more.value, evidence.evidence + 1.0
    if kind == "count":
        return replace(evidence, total=np.where(evidence.evidence > 0, total, evidence.total))
    if not more.trial:
        return replace(evidence, total=np.minimum(total, evidence.evidence))
    if evidence.n_e is None:
        return replace(evidence, total=total, evidence=trials)
    if evidence.n_e is evidence.evidence:  # precisions
        return replace(evidence, total=total, evidence=trials, n_e=trials)
    squares = np.divide(evidence.evidence**2, evidence.n_e, out=np.zeros_like(total), where=evidence.n_e > 0)
    return replace(evidence, total=total, evidence=trials, n_e=trials**2 / (squares + 1.0))


def in_category(sums: CategoryEvidence, category: int) -> CategoryEvidence:
    """The sums with `CATEGORY_MORE` in ``category`` (a column)."""
    gmv = sums.gmv.copy()
    gmv[:, category] += CATEGORY_MORE.value
    return replace(sums, gmv=gmv, gmv_all=sums.gmv_all + CATEGORY_MORE.value, orders_all=sums.orders_all + 1.0)
