"""How sure a prediction is: 80 and 90 % intervals about money and about a probability.

**Money.** ``f + z_low * sqrt(v(f)) .. f + z_high * sqrt(v(f))``: scatter rises
with the prediction, tails are the data's own, not a normal law's. It speaks of
the true lift of one delivered partnership as it came, with the luck of its
views and orders: one outcome a partnership cannot tell that luck from what the
prediction misses. The *expected* lift scatters less, and lies in the interval
more often.

**The mean of many.** Rows err together: the calibration is off for all of them
alike, and partnerships of one campaign share its season and its products. Two
more things are kept for that (`MoneySpread.mean_interval`).

**Probability.** It speaks of the rate among creators who score alike, in a
campaign not seen yet; a single invitation has no rate of its own to be seen.

**Utility.** By the delta method (`models.predict`). Fitting is in `models.fit_intervals`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import betaincinv

from marketplace.errors import BundleError
from models.arrays import Floats, as_floats
from models.curves import Isotonic

__all__ = [
    "LEVEL",
    "LEVELS",
    "MoneySpread",
    "ProbabilitySpread",
    "Z",
    "spread_from_dict",
]

LEVEL = 0.8
"""The level that is shown."""

Z = 1.2815515655446004
"""The 90 % point of the standard normal distribution: two tails of 10 % leave 80 %."""

LEVELS: Mapping[float, float] = MappingProxyType({LEVEL: Z, 0.9: 1.6448536269514722})
"""Every level that is kept, to the point of the standard normal distribution that leaves it."""


@dataclass(frozen=True)
class MoneySpread:
    """The variance of money about its prediction, and how heavy the tails are.

    Parameters
    ----------
    at : tuple of float
        Predicted values (strictly rising).
    variance : tuple of float
        Variance at them, never falling, in squared units of the prediction; linear in between, flat beyond.
    z_low, z_high : float
        Ends of the 80 % interval in standard deviations: ``z_low <= 0 <= z_high``.
    z_low_90, z_high_90 : float
        Ends of the 90 % interval; it holds the other.
    shared : tuple of 3 float
        What is unsure for all rows alike: the variance of the calibration's level (squared units), its covariance
        with the slope (units), and the variance of the slope.
    together : float
        Correlation of the errors of two rows of one campaign, 0..1.

    Raises
    ------
    BundleError
        Numbers that are not finite, out of order or negative.
    """

    at: tuple[float, ...]
    variance: tuple[float, ...]
    z_low: float = -Z
    z_high: float = Z
    z_low_90: float = -LEVELS[0.9]
    z_high_90: float = LEVELS[0.9]
    shared: tuple[float, float, float] = (0.0, 0.0, 0.0)
    together: float = 0.0

    def __post_init__(self) -> None:
        knots = Isotonic(self.at, self.variance)
        object.__setattr__(self, "at", knots.x)
        object.__setattr__(self, "variance", knots.y)
        object.__setattr__(self, "shared", tuple(self.shared))
        z = (self.z_low_90, self.z_low, self.z_high, self.z_high_90)
        fine = all(isinstance(one, (int, float)) and math.isfinite(one) for one in (*z, *self.shared, self.together))
        if knots.y[0] < 0 or not fine or not z[0] <= z[1] <= 0 <= z[2] <= z[3]:
            raise BundleError(
                "a spread of money with variance >= 0 and z_low_90 <= z_low <= 0 <= z_high <= z_high_90",
                received=f"variance from {knots.y[0]!r}, z {z!r}",
                look="the bundle's calibration",
            )
        if len(self.shared) != 3 or min(self.shared[0], self.shared[2]) < 0 or not 0 <= self.together <= 1:
            raise BundleError(
                "variances shared by all rows that are not negative, and a correlation of 0 to 1",
                received=f"{self.shared!r} and {self.together!r}",
                look="the bundle's calibration",
            )

    def tails(self, level: float = LEVEL) -> tuple[float, float]:
        """The ends of the interval of ``level`` (one of `LEVELS`) in standard deviations."""
        return (self.z_low, self.z_high) if level == LEVEL else (self.z_low_90, self.z_high_90)

    def variance_at(self, value: Floats) -> Floats:
        """Variance about each predicted value."""
        return as_floats(np.interp(value, self.at, self.variance))

    def interval(self, value: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
        """The interval of ``level`` (one of `LEVELS`) about each predicted value: (low, high)."""
        deviation = np.sqrt(self.variance_at(value))
        low, high = self.tails(level)
        return value + low * deviation, value + high * deviation

    def mean_interval(self, value: Floats, level: float = 0.9) -> tuple[float, float, float]:
        """The mean of the rows of *one* campaign with its interval: (low, mean, high).

        Of the mean of what would come of all n rows, were they delivered. Independent intervals do not add up to
        it: ``variance = c00 + 2 c01 m + c11 m^2 + mean(v) (1 + (n - 1) together) / n`` with ``m`` the mean predicted
        value, and a mean of many is taken as normal.
        """
        mean, own = float(value.mean()), float(self.variance_at(value).mean())
        level_of, cross, slope = self.shared
        common = max(level_of + 2 * cross * mean + slope * mean**2, 0.0)
        total = common + own * (1 + (len(value) - 1) * self.together) / len(value)
        half = LEVELS[level] * math.sqrt(total)
        return mean - half, mean, mean + half

    def as_dict(self) -> dict[str, Any]:
        """JSON-able numbers; `spread_from_dict` is the inverse."""
        return {"kind": "money", **asdict(self)}


@dataclass(frozen=True)
class ProbabilitySpread:
    """Beta distributions about a calibrated probability.

    Parameters
    ----------
    at : tuple of float
        Predicted probabilities (strictly rising).
    concentration : tuple of float
        ``a + b`` of the beta distribution at them (> 0); linear in between, flat beyond.

    Raises
    ------
    BundleError
        Numbers that are not finite, out of order or not positive.
    """

    at: tuple[float, ...]
    concentration: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", tuple(self.at))
        object.__setattr__(self, "concentration", tuple(self.concentration))
        Isotonic(self.at, tuple(range(len(self.at))))
        numbers = self.concentration
        fine = all(isinstance(c, (int, float)) and math.isfinite(c) and c > 0 for c in numbers)
        if len(numbers) != len(self.at) or not fine:
            raise BundleError(
                "a positive concentration for each predicted probability",
                received=f"{len(self.at)} probabilities and {numbers[:3]!r}",
                look="the bundle's calibration",
            )

    def concentration_at(self, value: Floats) -> Floats:
        """``a + b`` at each predicted probability."""
        return as_floats(np.interp(value, self.at, self.concentration))

    def variance_at(self, value: Floats) -> Floats:
        """``p (1 - p) / (concentration + 1)``."""
        return value * (1 - value) / (self.concentration_at(value) + 1)

    def interval(self, value: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
        """The middle ``level`` of each beta distribution, widened to hold the value itself."""
        total = self.concentration_at(value)
        inside = np.clip(value, 1e-9, 1 - 1e-9)
        a, b = inside * total, (1 - inside) * total
        low, high = betaincinv(a, b, (1 - level) / 2), betaincinv(a, b, (1 + level) / 2)
        return np.minimum(low, value), np.maximum(high, value)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able numbers; `spread_from_dict` is the inverse."""
        return {"kind": "probability", **asdict(self)}


def spread_from_dict(content: Mapping[str, Any]) -> MoneySpread | ProbabilitySpread:
    """The spread that ``as_dict`` wrote.

    Raises
    ------
    BundleError
        An unknown kind, unknown fields or impossible numbers.
    """
    kinds: dict[str, Any] = {"money": MoneySpread, "probability": ProbabilitySpread}
    fields = dict(content) if isinstance(content, Mapping) else {}
    kind = kinds.get(str(fields.pop("kind", "")))
    try:
        if kind is not None:
            spread: MoneySpread | ProbabilitySpread = kind(**fields)
            return spread
    except TypeError:
        pass
    raise BundleError(
        "a spread of kind money or probability", received=f"fields {sorted(fields)}", look="the bundle's calibration"
    )
