"""Do partnerships take sales from, or bring sales to, sibling products?

Siblings are products of the same brand and category. On a sibling's days,

``sales / counterfactual - 1 = share x (lift of the others' partnerships, day by day) / counterfactual / siblings
+ its own partnerships + drift + noise``

and ``share`` is one number for all: USD that siblings together sell besides,
for one USD of lift; negative where partnerships take sales from them. Its own
partnerships are free to explain what they can.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.lift import LiftEvidence, SharedError, days_of_posting, families, lines_by_day, product_days
from marketplace.arrays import Floats
from marketplace.tables import Marketplace

__all__ = ["SiblingCheck", "sibling_check"]


_FREE = 100.0
"""A sibling's own lifts have a prior this many times as wide as usual."""


@dataclass(frozen=True)
class SiblingCheck:
    """``share``: USD of siblings' sales for one USD of lift, with its standard error; from so many siblings."""

    share: float
    se: float
    siblings: int

    @property
    def z(self) -> float:
        """In standard errors."""
        return self.share / self.se


def sibling_check(market: Marketplace, evidence: LiftEvidence, lifts: Floats) -> SiblingCheck | None:
    """What siblings sold while a partnership of another product was in force; None where no product has siblings.

    Parameters
    ----------
    evidence : LiftEvidence
        Gathered with ``kin``, so that what was sold besides is not taken for what is usual.
    lifts : float64 (n,)
        Lift of each partnership, USD.
    """
    panel, baseline, pairs = evidence.panel, evidence.baseline, evidence.pairs
    family = families(market, panel.product_ids)
    sold = _lift_by_day(evidence, lifts)
    order = np.argsort(family, kind="stable")
    edges = np.flatnonzero(np.diff(family[order])) + 1
    members = [rows for rows in np.split(order, edges) if len(rows) > 1 and family[rows[0]] >= 0]
    by_product = {int(part["product"].iloc[0]): part for _, part in pairs.groupby("product", sort=True)}
    information = pull = 0.0
    shared, count = SharedError(evidence, 1), 0
    for rows in members:
        whole = sold[rows].sum(axis=0)
        for p in rows.tolist():
            others = (whole - sold[p]) / (len(rows) - 1)
            if not others.any() or not np.isfinite(baseline.level[p]):
                continue
            own = by_product.get(p)
            start = np.zeros(0, dtype=np.int64) if own is None else own["start"].to_numpy()
            place, posted = days_of_posting(start)
            lines = evidence.lines[[] if own is None else own.index.to_numpy()]
            reach = np.concatenate([posted, np.flatnonzero(others)[[0, -1]]])
            days = product_days(
                panel,
                baseline,
                product=p,
                start=posted,
                lines=lines_by_day(lines, place, len(posted)),
                kernel=evidence.kernel,
                seen=evidence.seen,
                reach=reach,
            )
            column = others[days.column] / days.expected
            solved = days.solve(np.column_stack([days.design, column, days.ratio]))
            influence = solved[:, -2]
            if own is not None:
                price = own["price"].to_numpy()
                wide = _FREE**2 * (price**2 + np.maximum(own["organic"].to_numpy(), 0.0) ** 2)
                wide = np.bincount(place, weights=wide, minlength=len(posted))
                inner = days.design.T @ solved[:, :-2] + np.diag(1.0 / wide)
                influence = influence - solved[:, :-2] @ np.linalg.solve(inner, days.design.T @ influence)
            information += float(influence @ column)
            pull += float(influence @ days.ratio)
            shared.add(p, days.column, influence[None, :], np.zeros(1, dtype=np.int64))
            count += 1
    if information <= 0.0:
        return None
    variance = information + float(shared.variance()[0])
    return SiblingCheck(pull / information, float(np.sqrt(variance)) / information, count)


def _lift_by_day(evidence: LiftEvidence, lifts: Floats) -> Floats:
    """USD of lift by product and day, float64 (P, T); a partnership for several products is spread evenly."""
    pairs, panel = evidence.pairs, evidence.panel
    each = np.nan_to_num(lifts) / np.maximum(np.bincount(pairs["row"], minlength=len(lifts)), 1)
    sold = np.zeros(panel.sales.shape)
    for age, share in enumerate(evidence.kernel):
        column = pairs["start"].to_numpy() + age
        inside = (column >= 0) & (column < panel.days)
        np.add.at(
            sold,
            (pairs["product"].to_numpy()[inside], column[inside]),
            share * each[pairs["row"].to_numpy()[inside]],
        )
    return sold
