"""Is the lift that a model tells the lift that came? Calibration tests of conditional effects, on held-out campaigns.

Every delivered partnership has a lift estimated from its product's own days, before shrinkage (`features.lift`): noisy,
drawn to no prediction, and so the independent answer that these tests hold the model against. In campaign *c* both are
told in units of the campaign's mean predicted lift, so that dear and cheap products speak alike; ``x`` is then the
prediction and ``y`` the estimate of one partnership.

*Best linear prediction.* ``y - mean_c(y) = slope (x - mean_c(x))``, least squares, the error clustered by campaign: 1
where predicted differences within a campaign come true, 0 where the order says nothing, between them where differences
are exaggerated.

*Group averages.* The rows are cut into four groups by ``x``; the mean of ``y - x`` of each should be 0, level included:
``chi2 = d' V^-1 d``, ``V`` clustered by campaign, with Hotelling's law for its p.

How well the order of predicted lifts targets is told by the metrics ``lift_autoc`` and ``lift_qini``.

Source: Chernozhukov, Demirer, Duflo and Fernandez-Val (2025), Fisher-Schultz lecture: generic machine learning
inference on heterogeneous treatment effects in randomized experiments (best linear predictor, sorted group averages);
Dwivedi et al. (2020), Stable discovery of interpretable subgroups via calibration in causal studies; Liang and Zeger
(1986).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marketplace.arrays import Floats

__all__ = ["EffectGroup", "EffectTest", "check_effects"]

LEVEL = 0.90
"""Coverage of the slope's interval."""

GROUPS = 4
LEAST_ROWS = 40
"""Fewer partnerships than this are not cut into groups."""


@dataclass(frozen=True)
class EffectGroup:
    """One group: mean ``predicted`` and ``observed`` lift in units of the campaign's mean prediction, the ``error`` of
    their difference, and ``rows``.
    """

    predicted: float
    observed: float
    error: float
    rows: int


@dataclass(frozen=True)
class EffectTest:
    """What `check_effects` found; NaN where there was too little to tell.

    Attributes
    ----------
    rows, campaigns : int
    slope, low, high : float
        Best linear prediction with its 90 % interval.
    p_zero : float
        One-sided: that the slope is not above 0, so that the order of predicted lifts says nothing.
    p_one : float
        Two-sided: that the slope is 1.
    groups : tuple of EffectGroup
        By rising prediction.
    chi2, p : float
        Of all groups' gaps being 0.
    """

    rows: int
    campaigns: int
    slope: float
    low: float
    high: float
    p_zero: float
    p_one: float
    groups: tuple[EffectGroup, ...] = ()
    chi2: float = float("nan")
    p: float = float("nan")

    def metrics(self) -> dict[str, float]:
        """The figures by name, for tracking."""
        own = ("slope", "low", "high", "p_zero", "p_one", "chi2", "p")
        return {f"effects/{name}": float(getattr(self, name)) for name in own}


def check_effects(told: npt.ArrayLike, estimated: npt.ArrayLike, campaign_ids: npt.ArrayLike) -> EffectTest:
    """Hold predicted lifts against estimated ones.

    Parameters
    ----------
    told : float64 (n,)
        Predicted lift given delivery, USD.
    estimated : float64 (n,)
        Estimated lift before shrinkage, USD; NaN where nothing was delivered or it is not known.
    campaign_ids : (n,)
    """
    from scipy.stats import f as f_law
    from scipy.stats import t as t_law

    mine, came = np.asarray(told, dtype=np.float64), np.asarray(estimated, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(mine) & np.isfinite(came))
    _, code = np.unique(np.asarray(campaign_ids, dtype=object)[known].astype(str), return_inverse=True)
    count = np.bincount(code).astype(np.float64)
    nothing = float("nan")
    if not known.size:
        return EffectTest(0, 0, nothing, nothing, nothing, nothing, nothing)
    unit = np.maximum(np.bincount(code, np.abs(mine[known])) / count, 1e-9)[code]
    x, y = mine[known] / unit, came[known] / unit
    inner, outer = (each - (np.bincount(code, each) / count)[code] for each in (x, y))
    campaigns, size = len(count), float(inner @ inner)
    if campaigns < 3 or size <= 1e-9 * len(known):
        return EffectTest(len(known), campaigns, nothing, nothing, nothing, nothing, nothing)
    slope = float(inner @ outer) / size
    pull = np.bincount(code, inner * (outer - slope * inner))
    error = float(np.sqrt(campaigns / (campaigns - 1) * np.sum(pull**2))) / size
    law = t_law(campaigns - 1)
    half = float(law.ppf(0.5 + LEVEL / 2)) * error
    groups, chi2 = _groups(x, y, code, campaigns)
    free = campaigns - len(groups)
    return EffectTest(
        len(known), campaigns, slope, slope - half, slope + half,
        p_zero=float(law.sf(slope / error)) if error > 0 else nothing,
        p_one=float(2.0 * law.sf(abs(slope - 1.0) / error)) if error > 0 else nothing,
        groups=groups,
        chi2=chi2,
        # Hotelling: V is estimated from the campaigns as well.
        p=float(f_law.sf(chi2 * free / ((campaigns - 1) * len(groups)), len(groups), free)) if groups else nothing,
    )  # fmt: skip


def _groups(x: Floats, y: Floats, code: npt.NDArray[np.intp], campaigns: int) -> tuple[tuple[EffectGroup, ...], float]:
    """The groups by ``x``, and the chi-square of their gaps."""
    if len(x) < LEAST_ROWS or campaigns < 2 * GROUPS:
        return (), float("nan")
    edges = np.unique(np.quantile(x, np.arange(1, GROUPS) / GROUPS))
    place = np.unique(np.searchsorted(edges, x, side="left"), return_inverse=True)[1]
    size = np.bincount(place).astype(np.float64)
    gap = np.bincount(place, y - x) / size
    spread = np.zeros((campaigns, len(size)))
    np.add.at(spread, (code, place), (y - x - gap[place]) / size[place])
    covariance = campaigns / (campaigns - 1) * spread.T @ spread
    chi2 = float(gap @ np.linalg.pinv(covariance) @ gap)
    error = np.sqrt(np.diag(covariance))
    told, came = np.bincount(place, x) / size, np.bincount(place, y) / size
    groups = tuple(
        EffectGroup(float(told[one]), float(came[one]), float(error[one]), int(size[one])) for one in range(len(size))
    )
    return groups, chi2
