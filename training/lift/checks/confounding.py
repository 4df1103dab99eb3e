"""How much hidden confounding would explain a lift away.

Whatever moves the demand for a campaign's products just while it runs, and is
not the campaign, is taken for lift. Nothing in the data can rule that out. What
can be said is how large it would have to be: the common demand shock, as a
share of what the products sell anyway, at which the 90 % interval of the
overall lift would reach zero; and how many times the largest violation seen in
the placebo tests (training/lift/checks/placebo.py) that is. Below one, a shock no
larger than what was seen where nothing was posted would do.

Source: Rambachan and Roth (2023), A More Credible Approach to Parallel Trends, Review of Economic Studies 90 (5):
the bound on relative magnitudes, with every placebo's share in the place of the differences before the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.lift import LiftEvidence
from marketplace.arrays import Floats, Ints
from marketplace.contract import ATTRIBUTION_DAYS
from training.lift.checks.placebo import Placebo

__all__ = ["Sensitivity", "expected_in_windows", "sensitivity"]


@dataclass(frozen=True)
class Sensitivity:
    """How large a hidden common shock would have to be.

    Attributes
    ----------
    share : float
        Overall lift as a share of what the products would have sold in the windows: the shock that explains it all.
    explains_away : float
        The shock at which the 90 % interval reaches zero; 0 where it holds zero already.
    worst : float
        The largest share (absolute) in the placebo tests; NaN without one.
    breakdown : float
        ``explains_away / worst``.
    campaigns_above, campaigns_robust : int
        Campaigns whose 90 % interval is above zero, and those where it still is after a shock of ``worst``.
    """

    share: float
    explains_away: float
    worst: float
    breakdown: float
    campaigns_above: int
    campaigns_robust: int


def expected_in_windows(evidence: LiftEvidence, group: Ints) -> Floats:
    """What the products would have sold in the windows of each group of partnerships, USD, float64 (G,).

    A product's day counts once for a group, however many of its windows it lies in. ``group`` int64 (n,), -1: none.
    """
    pairs, baseline = evidence.pairs, evidence.baseline
    code = group[pairs["row"].to_numpy()]
    column = pairs["start"].to_numpy()[:, None] + np.arange(ATTRIBUTION_DAYS)
    inside = (code[:, None] >= 0) & (column >= 0) & (column < evidence.panel.days)
    days = evidence.panel.days
    cells = (code[:, None] * len(baseline.level) + pairs["product"].to_numpy()[:, None]) * days + column
    cell = np.unique(cells[inside])
    which, column_of = np.divmod(cell, days)
    owner, product = np.divmod(which, len(baseline.level))
    usd = baseline.level[product] * baseline.index[product, column_of]
    size = int(group.max(initial=-1)) + 1
    return np.bincount(owner, weights=np.nan_to_num(usd), minlength=size).astype(np.float64)


def sensitivity(
    overall: tuple[float, float, float], campaigns: tuple[Floats, Floats], placebos: Sequence[Placebo], *, z: float
) -> Sensitivity:
    """The sensitivity value.

    Parameters
    ----------
    overall : (lift, standard error, expected sales in the windows), USD
    campaigns : (lower end of the interval, expected sales in the windows), USD, each (C,)
    z : float
        Half width of the interval in standard errors.
    """
    lift, se, expected = overall
    share = lift / expected if expected > 0 else float("nan")
    explains = max(0.0, abs(lift) - z * se) / expected if expected > 0 else float("nan")
    worst = max((abs(test.share) for test in placebos), default=float("nan"))
    low, usual = campaigns
    above = int((low > 0).sum())
    robust = int((low - worst * usual > 0).sum()) if np.isfinite(worst) else 0
    return Sensitivity(share, explains, worst, explains / worst if worst > 0 else float("nan"), above, robust)
