"""What products sold beyond what they would have sold, day by day summed: in the windows, and after them.

No shape is assumed of a lift, and nothing is learned from attribution: the
untreated path is imputed from the untreated days of the product and of others
(`features.lift.counterfactual`), and subtracted. That is less exact than the
estimate that rankers learn from, and holds where that one's assumptions do
not. The days after the windows tell lift from sales that were only brought
forward: those are missing afterwards.

Source: Borusyak, Jaravel and Spiess (2024), Revisiting Event-Study Designs: Robust and Efficient Estimation, Review
of Economic Studies 91 (6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.lift.evidence import LEVEL_VARIANCE, LiftEvidence
from features.lift.sums import SharedError
from marketplace.arrays import Flags, Floats, Ints
from marketplace.contract import ATTRIBUTION_DAYS

__all__ = ["AFTER_DAYS", "AFTER_SHIFTS", "Contrast", "Imputation", "contrast", "contrast_variance", "impute"]


AFTER_DAYS = 30
"""Days after a window in which sales brought forward would be missing."""

AFTER_SHIFTS = (-15, -30)
"""For `features.lift.evidence.gather_evidence`: keeps `AFTER_DAYS` after every window clear."""

_LEAST_DAYS = 20


@dataclass(frozen=True)
class Contrast:
    """Sales beyond the imputed path of one product, in G sums.

    ``estimate`` and ``variance`` (G,) USD, USD^2; ``expected`` (G,) USD that the asked days would have sold;
    ``influence`` (G, n) of the ratios on the days ``column`` (n,).
    """

    column: Ints
    influence: Floats
    variance: Floats
    estimate: Floats
    expected: Floats


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


def impute(evidence: LiftEvidence, ripe: Flags) -> Imputation:
    """Sum what was sold beyond the imputed path.

    Parameters
    ----------
    evidence : LiftEvidence
        Gathered with `AFTER_SHIFTS`, so that the days after are not taken for untreated.
    ripe : bool (n,)
        Partnerships that may count; others end what is looked at of their products.
    """
    shared = SharedError(evidence, 3)
    groups = np.arange(3)
    estimate, own, expected, taken = np.zeros(3), np.zeros(3), 0.0, set[int]()
    for _, part in evidence.pairs.groupby("product", sort=True):
        p = int(part["product"].iloc[0])
        start, row = part["start"].to_numpy(), part["row"].to_numpy()
        complete = _complete(start, ripe[row], evidence.panel.days)
        found = contrast(evidence, p, _asked(start[complete], evidence.panel.days))
        if found is None:
            continue
        estimate, own, expected = estimate + found.estimate, own + found.variance, expected + found.expected[0]
        shared.add(p, found.column, found.influence, groups)
        taken |= set(row[complete].tolist())
    sd = np.sqrt(own + shared.variance())
    sums = [(float(a), float(b)) for a, b in zip(estimate, sd, strict=True)]
    return Imputation(np.array(sorted(taken), dtype=np.int64), sums[0], sums[1], sums[2], expected)


def _complete(start: Ints, ripe: Flags, days: int) -> Flags:
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


def _asked(start: Ints, days: int) -> Flags:
    """Windows, the days after them, both: bool (3, T)."""
    asked = np.zeros((3, days), dtype=bool)
    for first in start:
        asked[0, first : first + ATTRIBUTION_DAYS] = True
        asked[2, first : first + ATTRIBUTION_DAYS + AFTER_DAYS] = True
    asked[1] = asked[2] & ~asked[0]
    return asked


def contrast(evidence: LiftEvidence, product: int, asked: Flags) -> Contrast | None:
    """Sales of a product on the ``asked`` days, bool (G, T), beyond the imputed path.

    None where too little is untreated.

    The path is the best linear prediction from the days that the counterfactual was fitted on.
    """
    from scipy.linalg import cho_factor, cho_solve

    panel, baseline = evidence.panel, evidence.baseline
    column = np.flatnonzero(np.isfinite(panel.sales[product]))
    untreated = evidence.untreated[product, column]
    if untreated.sum() < _LEAST_DAYS or not asked[:, column].any() or not np.isfinite(baseline.level[product]):
        return None
    usual = baseline.level[product] * baseline.index[product, column]
    covariance = _covariance(evidence, product, column)
    weight = asked[:, column] * usual
    factor = cho_factor(covariance[np.ix_(untreated, untreated)], lower=True, check_finite=False)
    influence = weight.copy()
    influence[:, untreated] -= cho_solve(factor, covariance[untreated] @ weight.T, check_finite=False).T
    ratio = panel.sales[product, column] / usual - 1.0
    variance = np.einsum("gs,st,gt->g", influence, covariance, influence, optimize=True)
    return Contrast(column, influence, variance, influence @ ratio, weight.sum(axis=1))


def contrast_variance(evidence: LiftEvidence, product: int, column: Ints, influence: Floats) -> float:
    """Variance, USD^2, of the estimate that moves with the ratios on the days ``column`` by ``influence`` (n,)."""
    return float(influence @ _covariance(evidence, product, column) @ influence)


def _covariance(evidence: LiftEvidence, product: int, column: Ints) -> Floats:
    baseline = evidence.baseline
    covariance: Floats = LEVEL_VARIANCE + baseline.drift * np.exp(-np.abs(column[:, None] - column) / baseline.memory)
    # Sales are counts: the variance of a day's ratio falls with what is expected.
    covariance[np.diag_indices_from(covariance)] += baseline.noise[product] / baseline.index[product, column]
    return covariance
