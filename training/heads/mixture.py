"""Money told by several heads and linear parts together: expected sales, and what share of them is incremental.

Attributed sales are exact, and tell the creators who sell from those who do not; estimates of lift are right in sum and
next to useless one by one. So lift is told twice, and the two are averaged on the logarithmic scale:

- by its own head, learned from estimates of lift;
- as attributed sales times a *ratio*, the share that would not have been sold anyway, which is regressed on a few
  signals over all partnerships together (`RATIO_SIGNALS`).

Attributed sales themselves are an average of trees and of a log-linear part (`SALES_SIGNALS`), which goes on where
trees are flat. How much each counts is chosen by out-of-fold loss over whole campaigns (`SHARES`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marketplace.arrays import Flags, Floats
from models.calibration import Scale
from training.data import TrainingData
from training.heads.fit import FittedHead, blocks_of
from training.heads.linear import RATIO_SIGNALS, SALES_SIGNALS, fit_linear_part, held_ridge, quasi_poisson_loss
from training.heads.targets import campaign_level, lift_labels

__all__ = ["SHARES", "Mixture", "mixed_money", "own_money"]

SHARES = (0.75, 0.5, 0.25)
"""What trees may count beside the log-linear part of attributed sales."""

OWN_SHARE = 0.5
"""What lift's own head counts beside attributed sales times the ratio."""

SCATTER = 0.8
"""Standard deviation of a partnership's lift about what is expected of it, as a share of that, in the ratio's weights.
"""


STEADY = 0.03
"""Least ridge strength with which a mixture's slope is held to 1."""

SLOPES = (0.5, 2.0)
"""Within which it stays."""


@dataclass(frozen=True)
class Mixture:
    """What one quantity of money is read from, before its calibration.

    Attributes
    ----------
    heads : mapping of str to float
        Of `training.heads.targets.HEADS`, and what each counts.
    scale : Scale or None
        What multiplies it.
    score, factor : float64 (n,)
        Weighted sum of the heads' raw scores, and the scale's factor, for every row, both out of fold.
    whole : bool
        Score and ln of the factor add up to the money's logarithm but for its level: calibration has no slope to find.
    """

    heads: Mapping[str, float]
    scale: Scale | None
    score: Floats
    factor: Floats
    whole: bool = False

    @property
    def expected(self) -> Floats:
        """ln of the money but for its level, (n,)."""
        return self.score + np.log(self.factor)

    def stretched(self, slope: float) -> Mixture:
        """The same with ``slope`` times its logarithm."""
        heads = {name: slope * weight for name, weight in self.heads.items()}
        scale = Scale.sum_of([(slope, self.scale)])
        return Mixture(heads, scale, slope * self.score, self.factor**slope, whole=True)


def own_money(data: TrainingData, heads: Mapping[str, FittedHead]) -> dict[str, Mixture]:
    """``lift`` and ``attributed``, each by the head of its name alone."""
    return {name: _own(data, name, heads[name]) for name in ("lift", "attributed")}


def _own(data: TrainingData, name: str, head: FittedHead) -> Mixture:
    factor = np.ones(len(data)) if head.scale is None else head.scale.of(data.X, data.signals)
    return Mixture({name: 1.0}, head.scale, head.out_of_fold, factor)


def mixed_money(data: TrainingData, heads: Mapping[str, FittedHead]) -> dict[str, Mixture]:
    """``lift`` and ``attributed`` as this module says, from the heads of these names.

    Where too little was delivered to tell a linear part from none (no label's mean is positive), each is its own head.
    """
    own = own_money(data, heads)
    blocks = blocks_of(data.campaign)
    lift, lift_se, attributed = lift_labels(data)
    rows, lifts = np.isfinite(attributed), np.isfinite(lift)
    level = campaign_level(data, attributed)
    if not _positive(attributed, 1.0 / level, rows):
        return own
    sold, weights = np.nan_to_num(attributed), 1.0 / level
    scales = [one.scale for one in own.values()]
    nothing = np.zeros(len(data))
    line = fit_linear_part(
        data, blocks, rows=rows, y=sold, weights=weights, offset=nothing, signals=SALES_SIGNALS, beside=scales
    )
    trees = own["attributed"].expected

    def loss(share: float) -> float:
        return quasi_poisson_loss(sold, weights, share * trees + (1.0 - share) * line.out_of_fold, rows)

    share = min(SHARES, key=lambda one: (loss(one), abs(one - 0.5)))
    told = Mixture(
        {"attributed": share},
        Scale.sum_of([(share, own["attributed"].scale), (1.0 - share, line.scale)]),
        share * own["attributed"].score,
        own["attributed"].factor ** share * np.exp((1.0 - share) * line.out_of_fold),
    )
    # Money is what counts: every dollar of sales weighs alike here.
    told = told.stretched(_slope(sold, np.ones(len(data)), told.expected, rows))
    expected = told.expected
    expected = expected + np.log(weights[rows] @ sold[rows] / (weights[rows] @ np.exp(expected[rows])))
    mean = np.exp(expected)
    certain = mean / ((SCATTER * mean) ** 2 + np.nan_to_num(lift_se) ** 2)
    if not _positive(lift, certain, lifts):
        return {"lift": own["lift"], "attributed": told}
    added = np.nan_to_num(lift)
    scales.append(told.scale)
    ratio = fit_linear_part(
        data, blocks, rows=lifts, y=added, weights=certain, offset=expected, signals=RATIO_SIGNALS, beside=scales
    )
    rest = 1.0 - OWN_SHARE
    lifted = Mixture(
        {"lift": OWN_SHARE} | {name: rest * weight for name, weight in told.heads.items()},
        Scale.sum_of([(OWN_SHARE, own["lift"].scale), (rest, told.scale), (rest, ratio.scale)]),
        OWN_SHARE * own["lift"].score + rest * told.score,
        own["lift"].factor ** OWN_SHARE * (told.factor * np.exp(ratio.out_of_fold)) ** rest,
    )
    return {"lift": lifted.stretched(_slope(added, certain, lifted.expected, lifts)), "attributed": told}


def _slope(label: Floats, weights: Floats, expected: Floats, rows: Flags) -> float:
    """How much further, or less far, the label goes than ``expected``, on the logarithmic scale: about 1.

    A ridge regression on the expectation itself, out of fold, so that what is unsure is left as it is.
    """
    x = expected[rows]
    spread = float(x.std())
    if spread < 1e-9:
        return 1.0
    z = ((x - x.mean()) / spread)[:, None]
    found = held_ridge(z, label[rows], weights[rows], x, strength=STEADY)[1] / spread
    return float(np.clip(1.0 + found, *SLOPES))


def _positive(label: Floats, weights: Floats, rows: Flags) -> bool:
    return bool(rows.any()) and float(weights[rows] @ label[rows]) > 0.0
