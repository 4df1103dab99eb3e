"""How many partnerships it takes before a lift can be told from noise.

The lift of one partnership is measured with an error, and partnerships differ. With ``n`` of them, ``m`` a campaign,
the mean of campaigns' means is held against zero by Student's t: with a lift of ``effect`` a partnership

    power = P(|T| > t),   T noncentral with k - 1 degrees of freedom and noncentrality effect / (s sqrt(d / n))

``s`` the standard deviation of one partnership's estimate, ``d = 1 + (m - 1) together`` the design effect of
partnerships of one campaign that err alike, ``k`` the number of campaigns (of partnerships where they err apart). It is
exact where campaigns' means are normal. Lift has a heavy upper tail, and the mean of few is skewed: below some twenty
partnerships take it for a rough figure (``python -m benchmarks.planning`` holds it against draws).

Source: Killip, Mahfoud and Pearce (2004), What is an intracluster correlation coefficient?
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import nct
from scipy.stats import t as student

from marketplace.arrays import Many, as_floats
from marketplace.errors import TrainingError

__all__ = ["LEVEL", "MOST", "POWER", "Noise", "Power", "detectable", "needed", "power"]

LEVEL = 0.05
"""The chance of seeing a lift where there is none, two-sided."""

POWER = 0.8
"""The chance of seeing one that is there."""

MOST = 10_000_000
"""Partnerships beyond which a lift counts as out of reach."""

_FEWEST = 10


@dataclass(frozen=True)
class Noise:
    """The noise of one partnership's estimated lift, USD.

    Attributes
    ----------
    deviation : float
        Standard deviation of the estimates of partnerships alike: what they are measured with, and how they differ.
    measured : float
        What they are measured with, alone.
    together : float
        Correlation of two estimates of one campaign, 0..1.
    partnerships : int
        How many it was told from; 0 where it was stated.

    Raises
    ------
    TrainingError
        Numbers that are not finite or negative, or a correlation outside 0..1.
    """

    deviation: float
    measured: float = 0.0
    together: float = 0.0
    partnerships: int = 0

    def __post_init__(self) -> None:
        numbers = (self.deviation, self.measured, self.together)
        if not all(math.isfinite(one) and one >= 0 for one in numbers) or self.together > 1 or self.deviation <= 0:
            raise TrainingError(
                "a standard deviation above 0 and a correlation between 0 and 1",
                received=repr(numbers),
                look="models/planning/power.py",
            )

    @classmethod
    def of(cls, lift: Many, se: Many, campaign: Many) -> Noise:
        """The noise of estimates ``lift`` with standard errors ``se`` (USD, (n,)), each of a ``campaign``.

        ``together`` by moments (one-way analysis of variance), at least 0.

        Raises
        ------
        TrainingError
            Fewer than 10 estimates, or all alike.
        """
        values, errors = as_floats(lift), as_floats(se)
        known = np.isfinite(values) & np.isfinite(errors)
        values, errors = values[known], errors[known]
        _, codes = np.unique(np.asarray(campaign).astype(str)[known], return_inverse=True)
        if values.size < _FEWEST or np.ptp(values) == 0:
            raise TrainingError(
                f"at least {_FEWEST} estimated lifts that differ",
                received=f"{values.size}",
                look="the marketplace's deliveries and product_days; `collabrank lift`",
            )
        together = _within(values, codes)
        return cls(float(values.std(ddof=1)), float(np.sqrt(np.mean(errors**2))), together, int(values.size))

    def design(self, per_campaign: float) -> float:
        """How many times as many partnerships it takes where ``per_campaign`` of a campaign err together."""
        return 1.0 + (max(per_campaign, 1.0) - 1.0) * self.together


def _within(values: np.ndarray, codes: np.ndarray) -> float:
    """The intra-campaign correlation by moments, 0..1; 0 where campaigns have one partnership each."""
    sizes = np.bincount(codes).astype(np.float64)
    k, n = sizes.size, values.size
    if k < 2 or n <= k:
        return 0.0
    means = np.bincount(codes, weights=values) / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (k - 1)
    inside = float(((values - means[codes]) ** 2).sum()) / (n - k)
    usual = (n - float((sizes**2).sum()) / n) / (k - 1)
    total = between + (usual - 1.0) * inside
    return float(np.clip((between - inside) / total, 0.0, 1.0)) if total > 0 else 0.0


@dataclass(frozen=True)
class Power:
    """How many partnerships a lift takes.

    Attributes
    ----------
    effect : float
        Mean lift a partnership that is to be told from noise, USD.
    partnerships : float
        As many; infinite where it is out of reach.
    campaigns : float
        Of ``per_campaign`` partnerships each.
    per_campaign : float
    power, level : float
    noise : Noise
    """

    effect: float
    partnerships: float
    campaigns: float
    per_campaign: float
    power: float
    level: float
    noise: Noise


def power(
    effect: float, partnerships: float, noise: Noise, *, per_campaign: float = 1.0, level: float = LEVEL
) -> float:
    """The chance that a mean lift of ``effect`` USD is told from none with so many partnerships; 0 with too few."""
    many = max(1.0, per_campaign) if noise.together > 0 else 1.0
    freedom = partnerships / many - 1.0
    if freedom < 1.0:
        return 0.0
    line = float(student.ppf(1.0 - level / 2.0, freedom))
    centre = abs(effect) / (noise.deviation * math.sqrt(noise.design(many) / partnerships))
    if centre > 30.0:  # beyond any doubt, and beyond what the noncentral law is computed for
        return 1.0
    passed = float(nct.sf(line, freedom, centre) + nct.cdf(-line, freedom, centre))
    return min(1.0, passed) if math.isfinite(passed) else 1.0


def needed(
    effect: float, noise: Noise, *, per_campaign: float = 1.0, power_wanted: float = POWER, level: float = LEVEL
) -> Power:
    """The fewest partnerships with which a mean lift of ``effect`` USD is told from none.

    Parameters
    ----------
    effect : float
        Its sign does not matter; 0 is never told from 0.
    noise : Noise
    per_campaign : float
        Partnerships of one campaign.
    power_wanted, level : float
        Within 0 and 1.

    Raises
    ------
    TrainingError
        A chance outside 0..1.
    """
    if not 0 < level < 1 or not level < power_wanted < 1:
        raise TrainingError(
            "a level within 0 and 1, and a power above it", received=f"{level!r} and {power_wanted!r}",
            look="models/planning/power.py",
        )  # fmt: skip
    many = max(1.0, per_campaign) if noise.together > 0 else 1.0

    def enough(groups: int) -> bool:
        return power(effect, groups * many, noise, per_campaign=many, level=level) >= power_wanted

    low, high = 1, 2
    while not enough(high):
        low, high = high, high * 2
        if high * many > MOST:
            return Power(effect, math.inf, math.inf, per_campaign, power_wanted, level, noise)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    count = high * many
    return Power(effect, count, math.ceil(count / max(1.0, per_campaign)), per_campaign, power_wanted, level, noise)


def detectable(
    partnerships: float, noise: Noise, *, per_campaign: float = 1.0, power_wanted: float = POWER, level: float = LEVEL
) -> float:
    """The smallest mean lift, USD, that so many partnerships tell from none; infinite with too few of them."""
    if power(noise.deviation * 1e6, partnerships, noise, per_campaign=per_campaign, level=level) < power_wanted:
        return math.inf
    low, high = 0.0, noise.deviation
    while power(high, partnerships, noise, per_campaign=per_campaign, level=level) < power_wanted:
        low, high = high, high * 2.0
    for _ in range(60):
        middle = (low + high) / 2.0
        enough = power(middle, partnerships, noise, per_campaign=per_campaign, level=level) >= power_wanted
        low, high = (low, middle) if enough else (middle, high)
    return high
