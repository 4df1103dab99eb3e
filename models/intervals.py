"""How sure a prediction is: 80 % intervals whose every number is estimated out of fold.

**Money.** A label of lift is ``y = truth + error`` with a known standard error
``s``. With ``f`` the out-of-fold prediction, ``E[(y - f)^2 - s^2]`` is what is
left of the residual once the label's own noise is taken out: the variance of
the partnership's true lift about the prediction. It is averaged in bins of
``f``, made to rise with ``f`` (large partnerships vary more), and kept as
knots. The tails are read from the data too: ``u = (y - f) / sqrt(v(f) + s^2)``
is standardised by the whole variance, and the interval is
``f + z_low * sqrt(v(f)) .. f + z_high * sqrt(v(f))`` with ``z`` the 10 % and
90 % quantiles of ``u``. It speaks of the true lift of one delivered partnership
as it came, with the luck of its views and orders: one outcome a partnership
cannot tell that luck from what the prediction misses. The *expected* lift
scatters less, and lies in the interval more often than 80 %.
Reading the tails of the truth from noisy residuals takes the two to be of one
shape; where truth is skewed and the noise is large, the interval is too wide
rather than too narrow (about 89 % instead of 80 % for exponential truth under
normal noise of its own size).

**Probability.** It speaks of the rate among creators who score alike, in a
campaign not seen yet; a single invitation has no rate of its own to be seen.
Two things are unsure: the rate in the bin (finite data) and how far campaigns
differ at the same prediction (intra-campaign correlation ``rho``, by moments).
Together ``variance = p(1-p) * (rho + (1-rho)/n)``, held as a beta distribution
of mean ``p`` and concentration ``1/(rho + (1-rho)/n) - 1``.

**Utility.** By the delta method (`models.predict`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import betaincinv

from marketplace.errors import BundleError, TrainingError
from models.arrays import Floats, Many, as_floats
from models.curves import Isotonic
from models.fit_curves import pool_adjacent_violators

__all__ = [
    "LEVEL",
    "MoneySpread",
    "ProbabilitySpread",
    "Z",
    "fit_money_spread",
    "fit_probability_spread",
    "spread_from_dict",
]

LEVEL = 0.8
Z = 1.2815515655446004
"""The 90 % point of the standard normal distribution: two tails of 10 % leave 80 %."""

_BIN_ROWS = 25
_MAX_BINS = 10
_TAIL_ROWS = 60


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
        The interval's ends in standard deviations: ``z_low <= 0 <= z_high``.

    Raises
    ------
    BundleError
        Numbers that are not finite, out of order or negative.
    """

    at: tuple[float, ...]
    variance: tuple[float, ...]
    z_low: float = -Z
    z_high: float = Z

    def __post_init__(self) -> None:
        knots = Isotonic(self.at, self.variance)
        object.__setattr__(self, "at", knots.x)
        object.__setattr__(self, "variance", knots.y)
        fine = all(isinstance(z, (int, float)) and math.isfinite(z) for z in (self.z_low, self.z_high))
        if knots.y[0] < 0 or not fine or not self.z_low <= 0 <= self.z_high:
            raise BundleError(
                "a spread of money with variance >= 0 and z_low <= 0 <= z_high",
                received=f"variance from {knots.y[0]!r}, z {self.z_low!r} to {self.z_high!r}",
                look="the bundle's calibration",
            )

    def variance_at(self, value: Floats) -> Floats:
        """Variance about each predicted value."""
        return as_floats(np.interp(value, self.at, self.variance))

    def interval(self, value: Floats) -> tuple[Floats, Floats]:
        """The 80 % interval about each predicted value: (low, high)."""
        deviation = np.sqrt(self.variance_at(value))
        return value + self.z_low * deviation, value + self.z_high * deviation

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

    def interval(self, value: Floats) -> tuple[Floats, Floats]:
        """The 10 % and 90 % points of each beta distribution, widened to hold the value itself."""
        total = self.concentration_at(value)
        inside = np.clip(value, 1e-9, 1 - 1e-9)
        a, b = inside * total, (1 - inside) * total
        low, high = betaincinv(a, b, (1 - LEVEL) / 2), betaincinv(a, b, (1 + LEVEL) / 2)
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


def _bins(value: Floats) -> list[np.ndarray]:
    """Rows in rising order of ``value``, cut into bins of equal counts; equal values share a bin."""
    order = np.argsort(value, kind="stable")
    count = int(np.clip(len(value) // _BIN_ROWS, 1, _MAX_BINS))
    edges = np.searchsorted(value[order], np.unique(value[order][np.arange(count) * len(value) // count]))
    return [part for part in np.split(order, edges[1:]) if part.size]


def _same_length(what: str, *arrays: np.ndarray) -> None:
    if arrays[0].size == 0 or any(array.shape != arrays[0].shape for array in arrays):
        raise TrainingError(
            f"{what} of one length, at least one row",
            received=f"shapes {[array.shape for array in arrays]}",
            look="the out-of-fold predictions that intervals are fitted on",
        )


def fit_money_spread(predicted: Many, label: Many, *, label_se: Many | float = 0.0) -> MoneySpread:
    """The spread of true money about its out-of-fold prediction, net of the labels' own noise.

    Parameters
    ----------
    predicted : float64 (n,)
        Calibrated out-of-fold predictions, USD (divided by the scale where the calibration has one).
    label : float64 (n,)
        What was estimated afterwards, in the same unit.
    label_se : float64 (n,) or float
        Standard error of each label; 0 where it is exact.

    Raises
    ------
    TrainingError
        Nothing to fit on, or arrays of different lengths.
    """
    f, y = as_floats(predicted), as_floats(label)
    s = np.broadcast_to(as_floats(label_se), f.shape).astype(np.float64)
    _same_length("predictions and labels", f, y, s)
    whole = np.isfinite(f) & np.isfinite(y) & np.isfinite(s)
    f, y, s = f[whole], y[whole], s[whole]
    _same_length("finite predictions and labels", f, y, s)
    # Precise labels say more about the variance than noisy ones: weight 1/(v0 + s^2)^2, the inverse of the
    # variance of (y-f)^2 - s^2 under a normal law; v0 is the first, unweighted guess.
    net = (y - f) ** 2 - s**2
    first = max(float(net.mean()), 0.02 * float(((y - f) ** 2).mean()), 1e-12)
    w = 1.0 / (first + s**2) ** 2
    parts = _bins(f)
    at = as_floats([float(np.average(f[part], weights=w[part])) for part in parts])
    variance = as_floats([float(np.average(net[part], weights=w[part])) for part in parts])
    weight = as_floats([float(w[part].sum()) for part in parts])
    overall = max(float(np.average(net, weights=w)), 0.02 * first)
    variance = np.maximum(pool_adjacent_violators(variance, weight), 0.02 * overall)
    spread = MoneySpread(tuple(at.tolist()), tuple(np.maximum.accumulate(variance).tolist()))
    if f.size < _TAIL_ROWS:
        return spread
    u = (y - f) / np.sqrt(spread.variance_at(f) + s**2)
    # One outlier more on either side, as in split conformal prediction, pays for the finite sample.
    tail = max((1 - LEVEL) / 2 * (f.size + 1) - 1, 0.0) / (f.size - 1)
    low, high = np.quantile(u, [tail, 1 - tail])
    return MoneySpread(spread.at, spread.variance, z_low=min(float(low), 0.0), z_high=max(float(high), 0.0))


def fit_probability_spread(predicted: Many, label: Many, *, campaign: np.ndarray | None = None) -> ProbabilitySpread:
    """How far the rate among creators who score alike may lie from the calibrated probability.

    Parameters
    ----------
    predicted : float64 (n,)
        Calibrated out-of-fold probabilities.
    label : float64 (n,)
        0 or 1.
    campaign : (n,), optional
        Campaign of each row; without it campaigns are taken not to differ.

    Raises
    ------
    TrainingError
        Nothing to fit on, or arrays of different lengths.
    """
    p, y = as_floats(predicted), as_floats(label)
    groups = np.zeros(p.shape, dtype=np.int64) if campaign is None else np.unique(campaign, return_inverse=True)[1]
    _same_length("predictions, labels and campaigns", p, y, groups)
    rho = _campaign_correlation(p, y, groups) if campaign is not None else 0.0
    at, concentration = [], []
    for part in _bins(p):
        at.append(float(p[part].mean()))
        # A uniform prior adds the weight of two rows to a bin.
        concentration.append(1 / (rho + (1 - rho) / (part.size + 2)) - 1)
    merged = dict(zip(at, concentration, strict=True))
    places = sorted(merged)
    return ProbabilitySpread(tuple(places), tuple(merged[place] for place in places))


def _campaign_correlation(p: Floats, y: Floats, groups: np.ndarray) -> float:
    """``rho`` with ``E[e_i e_j] = rho sqrt(v_i v_j)`` for two rows of one campaign, ``v = p(1-p)``; in 0..0.5."""
    deviation = np.sqrt(np.clip(p * (1 - p), 1e-6, None))
    u = (y - p) / deviation
    sums, squares = np.bincount(groups, weights=u), np.bincount(groups, weights=u * u)
    counts = np.bincount(groups).astype(np.float64)
    pairs = float((counts * (counts - 1)).sum())
    return float(np.clip((sums**2 - squares).sum() / pairs, 0.0, 0.5)) if pairs > 0 else 0.0
