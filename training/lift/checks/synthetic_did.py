"""Synthetic difference-in-differences of one product's window: a second opinion that shares no part with the first.

Unit weights make a synthetic product of untreated ones that moved as the
treated one did before the window; time weights pick the days before that tell
the untreated ones' days within. Both lie on the simplex with an intercept; the
unit weights are held near equal by a ridge penalty. Sales are shares of a
product's own mean before the window, so that large and small compare.

Source: Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021), Synthetic Difference-in-Differences, American
Economic Review 111 (12), Algorithm 1.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.lift import LiftEvidence
from marketplace.arrays import Flags, Floats, Ints
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.errors import ConvergenceWarning

__all__ = ["SyntheticCheck", "simplex_least_squares", "synthetic_check", "synthetic_did"]


BEFORE_DAYS = 42
"""Days before a window that weights are fitted on."""

LEAST_BEFORE, LEAST_DONORS, MOST_DONORS = 14, 8, 150
_STEPS = 300
_SETTLED = 1e-3
"""Share of the target's sum of squares within which the least possible value must lie."""


@dataclass(frozen=True)
class SyntheticCheck:
    """Means over windows, USD: by synthetic difference-in-differences, by this package, and the difference.

    ``se`` is the difference's standard error, between brands: products of one brand count as one draw.
    """

    windows: int
    synthetic: float
    ours: float
    se: float

    @property
    def z(self) -> float:
        """The difference in standard errors."""
        return (self.synthetic - self.ours) / self.se if self.se > 0 else float("nan")


def simplex_least_squares(columns: Floats, target: Floats, *, ridge: float) -> Floats:
    """Weights ``w >= 0`` adding up to one that minimise ``|c + columns @ w - target|^2 + ridge |w|^2``, c free.

    Parameters
    ----------
    columns : float64 (n, k)
    target : float64 (n,)

    Returns
    -------
    float64 (k,); accelerated projected gradient, 300 steps.

    Warns
    -----
    ConvergenceWarning
        The least value may lie lower than reached by more than a thousandth of the target's sum of squares, by the
        duality gap ``gradient @ w - min(gradient)`` of a convex function on the simplex.

    Source: Jaggi (2013), Revisiting Frank-Wolfe: Projection-Free Sparse Convex Optimization, for the gap.
    """
    centred, aim = columns - columns.mean(axis=0), target - target.mean()
    gram = centred.T @ centred + ridge * np.eye(columns.shape[1])
    pull = centred.T @ aim
    step = 1.0 / max(float(np.linalg.eigvalsh(gram)[-1]), 1e-12)
    weights = np.full(columns.shape[1], 1.0 / columns.shape[1])
    ahead, momentum = weights, 1.0
    for _ in range(_STEPS):
        following = _onto_simplex(ahead - step * (gram @ ahead - pull))
        later = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = following + (momentum - 1.0) / later * (following - weights)
        weights, momentum = following, later
    gradient = 2.0 * (gram @ weights - pull)
    gap = float(gradient @ weights - gradient.min())
    if gap > _SETTLED * float(aim @ aim):
        warnings.warn(
            f"weights on the simplex have not settled: after {_STEPS} steps they may be {gap:.3g} from the least sum "
            f"of squares, of {float(aim @ aim):.3g} in all",
            ConvergenceWarning,
            stacklevel=2,
        )
    return weights


def _onto_simplex(point: Floats) -> Floats:
    """The nearest point with no negative entry that adds up to one."""
    falling = np.sort(point)[::-1]
    above = (np.cumsum(falling) - 1.0) / np.arange(1, len(point) + 1)
    nearest: Floats = np.maximum(point - above[np.flatnonzero(falling > above)[-1]], 0.0)
    return nearest


def synthetic_did(treated: Floats, donors: Floats, before: int) -> float:
    """Mean effect a day after the first ``before`` days, in the units given.

    Parameters
    ----------
    treated : float64 (T,)
    donors : float64 (N, T), untreated throughout.
    """
    steps = np.diff(donors[:, :before], axis=1)
    after = donors.shape[1] - before
    # One treated product: N_treated x T_after under the fourth root.
    spread = float(after) ** 0.25 * float(steps.std())
    unit = simplex_least_squares(donors[:, :before].T, treated[:before], ridge=spread**2 * before)
    ridge = (1e-6 * float(steps.std())) ** 2 * len(donors)
    time = simplex_least_squares(donors[:, :before], donors[:, before:].mean(axis=1), ridge=ridge)
    gap = treated - unit @ donors
    return float(gap[before:].mean() - time @ gap[:before])


def synthetic_check(
    evidence: LiftEvidence, lifts: Floats, ripe: Flags, *, brands: npt.NDArray[np.object_], sample: int, seed: int
) -> SyntheticCheck | None:
    """Windows of products, drawn with ``seed``, by both ways; None where fewer than two have donors.

    A window runs from a product's first post to the end of the last attribution window that overlaps it.

    Parameters
    ----------
    lifts : float64 (len(evidence.pairs),)
        This package's lift of each pair of partnership and product, USD.
    ripe : bool (n,)
        Partnerships that may take part; a window with any other is left out.
    brands : object (P,)
        Brand of each product of the panel.
    sample : int
        Windows at most.
    """
    windows = _windows(evidence, ripe)
    order = np.random.default_rng(seed).permutation(len(windows))
    found = []
    for place in order:
        p, first, last, pairs = windows[place]
        effect = _one(evidence, p, first, last)
        if effect is not None:
            found.append((brands[p], effect, float(lifts[pairs].sum()), len(pairs)))
        if sum(row[3] for row in found) >= sample:
            break
    if len(found) < 2:
        return None
    frame = pd.DataFrame(found, columns=["brand", "synthetic", "ours", "partnerships"])
    count = int(frame["partnerships"].sum())
    off = (frame["synthetic"] - frame["ours"]).groupby(frame["brand"].astype(str)).sum()
    clusters = len(off)
    se = float(np.sqrt((off**2).sum() * clusters / max(clusters - 1, 1))) / count
    return SyntheticCheck(len(frame), float(frame["synthetic"].sum()) / count, float(frame["ours"].sum()) / count, se)


Window = tuple[int, int, int, Ints]


def _windows(evidence: LiftEvidence, ripe: Flags) -> list[Window]:
    """Product, first and last column, and pairs of each window all of whose partnerships are ripe."""
    windows: list[Window] = []
    pairs = evidence.pairs.sort_values("start", kind="stable")
    for _, part in pairs.groupby("product", sort=True):
        start = part["start"].to_numpy()
        fresh = np.concatenate([[True], start[1:] > np.maximum.accumulate(start)[:-1] + ATTRIBUTION_DAYS])
        for _, own in part.groupby(np.cumsum(fresh)):
            first, last = int(own["start"].min()), int(own["start"].max()) + ATTRIBUTION_DAYS
            if ripe[own["row"].to_numpy()].all() and last <= evidence.panel.days and first > 0:
                windows.append((int(own["product"].iloc[0]), first, last, own.index.to_numpy(dtype=np.int64)))
    return windows


def _one(evidence: LiftEvidence, product: int, first: int, last: int) -> float | None:
    """USD of one window; None with too few days before or too few donors."""
    panel, treated = evidence.panel, evidence.treated
    before = np.arange(max(0, first - BEFORE_DAYS), first)
    before = before[~treated[product, before] & np.isfinite(panel.sales[product, before])]
    if len(before) < LEAST_BEFORE:
        return None
    days = np.concatenate([before, np.arange(first, last)])
    level = panel.sales[:, before].mean(axis=1)
    there = np.isfinite(panel.sales[:, days]).all(axis=1) & ~treated[:, days].any(axis=1) & (level > 0)
    there[product] = False
    donors = np.flatnonzero(there)
    if len(donors) < LEAST_DONORS or not level[product] > 0:
        return None
    # Of many, those that sell about as much: their noise is about the same.
    near = np.argsort(np.abs(np.log(level[donors] / level[product])), kind="stable")[:MOST_DONORS]
    shares = panel.sales[:, days] / np.where(level > 0, level, 1.0)[:, None]
    effect = synthetic_did(shares[product], shares[donors[near]], len(before))
    return effect * float(level[product]) * (last - first)
