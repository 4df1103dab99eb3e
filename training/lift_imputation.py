"""What products sold beyond what they would have sold, day by day summed: in the windows, and after them.

No shape is assumed of a lift, and nothing is learned from attribution: the
untreated path is imputed from the untreated days of the product and of others
(`training.counterfactual`), and subtracted. That is less exact than the
estimate that rankers learn from, and holds where that one's assumptions do
not. The days after the windows tell lift from sales that were only brought
forward: those are missing afterwards.

Source: Borusyak, Jaravel and Spiess (2024), Revisiting Event-Study Designs: Robust and Efficient Estimation, Review
of Economic Studies 91 (6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from marketplace.contract import ATTRIBUTION_DAYS
from training.lift_evidence import LEVEL_VARIANCE, Evidence
from training.lift_sums import SharedError

__all__ = ["AFTER_DAYS", "AFTER_SHIFTS", "Imputation", "impute"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

AFTER_DAYS = 30
"""Days after a window in which sales brought forward would be missing."""

AFTER_SHIFTS = (-15, -30)
"""For `training.lift_evidence.gather_evidence`: keeps `AFTER_DAYS` after every window clear."""

_LEAST_DAYS = 20


@dataclass(frozen=True)
class Imputation:
    """Sums in USD over the partnerships whose window and days after are over, with no unfinished one among them.

    Attributes
    ----------
    rows : int64 (n,), which partnerships these are.
    window, after, net : (estimate, standard error)
        In the windows; on the `AFTER_DAYS` after them; both.
    expected : float
        What the products would have sold in the windows.
    """

    rows: Ints
    window: tuple[float, float]
    after: tuple[float, float]
    net: tuple[float, float]
    expected: float


def impute(evidence: Evidence, ripe: Mask) -> Imputation:
    """Sum what was sold beyond the imputed path.

    Parameters
    ----------
    evidence : Evidence
        Gathered with `AFTER_SHIFTS`, so that the days after are not taken for untreated.
    ripe : bool (n,)
        Partnerships that may count; others end what is looked at of their products.
    """
    shared = SharedError(evidence, 3)
    groups = np.arange(3)
    estimate, own, expected, taken = np.zeros(3), np.zeros(3), 0.0, set[int]()
    left_out = set[int]()
    for product, part in evidence.pairs.groupby("product", sort=True):
        p = int(product)
        start, row = part["start"].to_numpy(), part["row"].to_numpy()
        complete = _complete(start, ripe[row], evidence.panel.days)
        left_out |= set(row[~complete].tolist())
        weights = _weights(evidence, p, start[complete])
        if weights is None:
            left_out |= set(row.tolist())
            continue
        column, influence, variance, usd, base = weights
        estimate, own, expected = estimate + usd, own + variance, expected + base
        shared.add(p, column, influence, groups)
        taken |= set(row[complete].tolist())
    sd = np.sqrt(own + shared.variance())
    sums = [(float(a), float(b)) for a, b in zip(estimate, sd, strict=True)]
    return Imputation(np.array(sorted(taken), dtype=np.int64), sums[0], sums[1], sums[2], expected)


def _complete(start: Ints, ripe: Mask, days: int) -> Mask:
    """Partnerships of one product all over before the first that is not."""
    end = start + ATTRIBUTION_DAYS + AFTER_DAYS
    cut = days
    while True:
        complete = ripe & (end <= cut)
        rest = start[~complete]
        first = min(days, int(rest.min())) if len(rest) else days
        if first >= cut:
            return complete
        cut = first


def _weights(evidence: Evidence, product: int, start: Ints) -> tuple[Ints, Floats, Floats, Floats, float] | None:
    """Columns, influence (3, n), variance (3,), estimates (3,), expected USD; None where too little is untreated."""
    panel, baseline = evidence.panel, evidence.baseline
    column = np.flatnonzero(np.isfinite(panel.sales[product]))
    window, whole = np.zeros(panel.days, dtype=bool), np.zeros(panel.days, dtype=bool)
    for first in start:
        window[first : first + ATTRIBUTION_DAYS] = True
        whole[first : first + ATTRIBUTION_DAYS + AFTER_DAYS] = True
    untreated = evidence.untreated[product, column]
    if not len(start) or untreated.sum() < _LEAST_DAYS:
        return None
    index = baseline.index[product, column]
    usual = baseline.level[product] * index
    covariance = LEVEL_VARIANCE + baseline.drift * np.exp(-np.abs(column[:, None] - column) / baseline.memory)
    covariance[np.diag_indices_from(covariance)] += baseline.noise[product] / index
    asked = np.stack([window[column], (whole & ~window)[column], whole[column]]) * usual
    factor = cho_factor(covariance[np.ix_(untreated, untreated)], lower=True, check_finite=False)
    influence = asked.copy()
    # Best linear prediction of the asked days' ratios from the untreated ones.
    influence[:, untreated] -= cho_solve(factor, covariance[untreated] @ asked.T, check_finite=False).T
    ratio = panel.sales[product, column] / usual - 1.0
    variance = np.einsum("gs,st,gt->g", influence, covariance, influence, optimize=True)
    return column, influence, variance, influence @ ratio, float(asked[0].sum())
