"""How sure a prediction is: 80 and 90 % intervals about money and about a probability.

**Money.** ``f + z_low * sqrt(v(f)) .. f + z_high * sqrt(v(f))``: scatter rises
with the prediction, tails are the data's own, not a normal law's. It speaks of
the true lift of one delivered partnership as it came, with the luck of its
views and orders: one outcome a partnership cannot tell that luck from what the
prediction misses. The *expected* lift scatters less, and lies in the interval
more often.

What a partnership adds is hardly ever below zero and often nothing. Where nothing is likelier than the lower tail, no
lower end above zero would hold, and one at zero loses nothing: the interval then ends at or below zero, and of the
90 % one the upper tail has the whole of what may lie outside (that of the 80 % one is as heavy already).

Where money is a part of exact sums, sale by sale, its ends are multiples of the prediction that are read off those
(`models.calibration.thinning`), for estimates of single parts are mostly noise.

**The mean of many.** Rows err together: the calibration is off for all of them
alike, and partnerships of one campaign share its season and its products. Two
more things are kept for that (`MoneySpread.mean_interval`).

**Probability.** It speaks of the rate among creators who score alike, in a
campaign not seen yet; a single invitation has no rate of its own to be seen.

**Utility.** By the delta method (`models.predict`).

Spreads are fitted to numbers out of fold:

**Money.** A label of lift is ``y = truth + error`` with a known standard error
``s``. With ``f`` the out-of-fold prediction, ``E[(y - f)^2 - s^2]`` is what is
left of the residual once the label's own noise is taken out. It is averaged in
bins of ``f``, made to rise with ``f`` (large partnerships vary more), and kept
as knots; residuals far beyond all others are pulled in first, so that one
runaway success does not widen every interval near it. In units of ``sqrt(v(f))``
a residual is a draw of the truth's own shape plus normal noise of known size
``s / sqrt(v(f))``. The shape is found by smoothing by roughening, a few hundred EM
steps on a grid from the shape of the residuals themselves; its quantiles are
the interval's ends. Without noise it stays the residuals' own shape.

**Probability.** Two things are unsure: the rate in the bin (finite data) and how
far campaigns differ at the same prediction (intra-campaign correlation ``rho``,
by moments). Together ``variance = p(1-p) * (rho + (1-rho)/n)``, held as a beta
distribution of mean ``p`` and concentration ``1/(rho + (1-rho)/n) - 1``.

Source: Laird and Louis (1991), Smoothing the non-parametric estimate of a prior distribution by roughening.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from marketplace.arrays import Floats, Many, as_floats
from marketplace.errors import BundleError, TrainingError
from models.calibration.thinning import Counted, thinned_ends

__all__ = [
    "LEVEL",
    "LEVELS",
    "MoneySpread",
    "ProbabilitySpread",
    "Z",
    "fit_money_spread",
    "fit_probability_spread",
    "fit_shared",
    "spread_from_dict",
]

LEVEL = 0.8
"""The level that is shown."""

Z = 1.2815515655446004
"""The 90 % point of the standard normal distribution: two tails of 10 % leave 80 %."""

LEVELS: Mapping[float, float] = MappingProxyType({LEVEL: Z, 0.9: 1.6448536269514722})
"""Every level that is kept, to the point of the standard normal distribution that leaves it."""

MAX_KNOTS = 100_000

_ONE_TAIL: Mapping[str, float] = MappingProxyType({"": 0.8416212335729143, "_90": Z})
"""The 80 and 90 % points of the standard normal distribution."""
_AT_NOTHING = 1e-3
"""Share of a prediction within which a lower end counts as nothing at all."""


def _require_rising(at: tuple[float, ...], values: tuple[float, ...]) -> None:
    """Refuse knots that are not finite and strictly rising, each with a finite value, values never falling."""
    wrong = ""
    if not 1 <= len(at) == len(values) <= MAX_KNOTS:
        wrong = f"{len(at)} knots and {len(values)} values"
    for number in (*at, *values):
        if not isinstance(number, (int, float)) or isinstance(number, bool) or not math.isfinite(number):
            wrong = f"a knot {number!r}"
    if not wrong and any(a >= b for a, b in pairwise(at)):
        wrong = "knots out of order"
    if not wrong and any(a > b for a, b in pairwise(values)):
        wrong = "values that fall"
    if wrong:
        raise BundleError(
            "knots that rise, with values that never fall", received=wrong, look="the bundle's calibration"
        )


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
    nothing : tuple of float
        Share of outcomes that are nothing at each of ``at``, never rising, 0..1; none told where empty.
    ends : tuple of 4 float, or empty
        Ends of the 80 and of the 90 % interval as multiples of a prediction above 0, in place of ``z_low`` and the
        like: low and high of the one, low and high of the other.

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
    nothing: tuple[float, ...] = ()
    ends: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", tuple(self.at))
        object.__setattr__(self, "variance", tuple(self.variance))
        _require_rising(self.at, self.variance)
        object.__setattr__(self, "shared", tuple(self.shared))
        object.__setattr__(self, "nothing", tuple(self.nothing))
        z = (self.z_low_90, self.z_low, self.z_high, self.z_high_90)
        fine = all(isinstance(one, (int, float)) and math.isfinite(one) for one in (*z, *self.shared, self.together))
        if self.variance[0] < 0 or not fine or not z[0] <= z[1] <= 0 <= z[2] <= z[3]:
            raise BundleError(
                "a spread of money with variance >= 0 and z_low_90 <= z_low <= 0 <= z_high <= z_high_90",
                received=f"variance from {self.variance[0]!r}, z {z!r}",
                look="the bundle's calibration",
            )
        if len(self.shared) != 3 or min(self.shared[0], self.shared[2]) < 0 or not 0 <= self.together <= 1:
            raise BundleError(
                "variances shared by all rows that are not negative, and a correlation of 0 to 1",
                received=f"{self.shared!r} and {self.together!r}",
                look="the bundle's calibration",
            )
        object.__setattr__(self, "ends", tuple(self.ends))
        numbers = all(isinstance(one, (int, float)) and math.isfinite(one) for one in self.ends)
        if self.ends and not (
            len(self.ends) == 4 and numbers and 0 <= self.ends[2] <= self.ends[0] <= 1 <= self.ends[1] <= self.ends[3]
        ):
            raise BundleError(
                "ends with 0 <= low_90 <= low <= 1 <= high <= high_90",
                received=f"{self.ends!r:.80}",
                look="the bundle's calibration",
            )
        falls = all(a >= b for a, b in pairwise(self.nothing))
        shares = all(isinstance(one, (int, float)) and 0 <= one <= 1 for one in self.nothing)
        if len(self.nothing) not in (0, len(self.at)) or not falls or not shares:
            raise BundleError(
                "shares of outcomes that are nothing from 0 to 1, one for each knot, never rising",
                received=f"{self.nothing[:3]!r} for {len(self.at)} knots",
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
        z_low, z_high = self.tails(level)
        low, high = value + z_low * deviation, value + z_high * deviation
        nothing = np.interp(value, self.at, self.nothing) if self.nothing else np.zeros_like(deviation)
        ends_at_zero = nothing > (1 - level) / 2
        # One tail of 10 % is the upper end of the 80 % interval.
        whole = np.minimum(high, value + self.z_high * deviation)
        low, high = np.where(ends_at_zero, np.minimum(low, 0.0), low), np.where(ends_at_zero, whole, high)
        if not self.ends:
            return low, high
        least, most = self.ends[:2] if level == LEVEL else self.ends[2:]
        return np.where(value > 0, least * value, low), np.where(value > 0, most * value, high)

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

    def moved(self, level: float, doubt: float) -> MoneySpread:
        """The spread of money whose every value is multiplied by a ``level`` that is itself unsure.

        Parameters
        ----------
        level : float
            Above 0.
        doubt : float
            Standard deviation of the level's logarithm. It adds to the variance; the upper ends move out on the
            logarithmic scale, on which the doubt is told, and so do lower ends above 0. A lower end at 0 stays, and
            then nothing lies below: the upper end alone leaves out what the level does.
        """
        at = level * as_floats(self.at)
        own = level**2 * as_floats(self.variance)
        variance = np.maximum.accumulate(own + (doubt * at) ** 2)
        shared = (level**2 * self.shared[0], level * self.shared[1], self.shared[2] + doubt**2)
        middle = len(at) // 2
        size, was, now = float(at[middle]), math.sqrt(float(own[middle])), math.sqrt(float(variance[middle]))
        z_ends = {name: getattr(self, name) for name in ("z_low", "z_high", "z_low_90", "z_high_90")}
        if size > 0 and now > 0:
            z = {"z_low": Z, "z_high": Z, "z_low_90": LEVELS[0.9], "z_high_90": LEVELS[0.9]}
            for tail, one_tail in _ONE_TAIL.items():
                if abs(1.0 + z_ends[f"z_low{tail}"] * was / size) < _AT_NOTHING:
                    z[f"z_high{tail}"] = one_tail
            for name, end in z_ends.items():
                share = 1.0 + end * was / size
                if name.startswith("z_high"):
                    share = math.exp(math.hypot(math.log(max(share, 1.0)), z[name] * doubt))
                else:
                    share *= math.exp(-z[name] * doubt if share > 0 else z[name] * doubt)
                z_ends[name] = (share - 1.0) * size / now
            z_ends["z_low_90"] = min(z_ends["z_low_90"], z_ends["z_low"])
            z_ends["z_high_90"] = max(z_ends["z_high_90"], z_ends["z_high"])
        moved = replace(self, at=tuple(at.tolist()), variance=tuple(variance.tolist()), **z_ends, shared=shared)
        return moved.doubted(doubt)

    def doubted(self, doubt: float) -> MoneySpread:
        """The spread with its `ends` moved out by a level whose logarithm has the standard deviation ``doubt``.

        On the logarithmic scale. An end at nothing stays there, and then the upper one alone leaves out what the level
        does. Without ends it is the spread as it is.
        """
        if not self.ends:
            return self
        found: list[float] = []
        for tail, (low, high) in zip(LEVELS.values(), (self.ends[:2], self.ends[2:]), strict=True):
            above = _ONE_TAIL["" if tail == Z else "_90"] if low == 0 else tail
            below = 0.0 if low == 0 else math.exp(-math.hypot(math.log(low), tail * doubt))
            found += [below, math.exp(math.hypot(math.log(high), above * doubt))]
        low, high, low_90, high_90 = found
        return replace(self, ends=(low, high, min(low_90, low), max(high_90, high)))

    def relative_doubt(self, mean: float) -> float:
        """Standard deviation of the calibration's level at ``mean`` as a share of it; 0 where that is not above 0."""
        level, cross, slope = self.shared
        common = max(level + 2 * cross * mean + slope * mean**2, 0.0)
        return math.sqrt(common) / mean if mean > 0 else 0.0

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
        _require_rising(self.at, tuple(range(len(self.at))))
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
        from scipy.special import betaincinv

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


_BIN_ROWS = 25
_MAX_BINS = 10
_TAIL_ROWS = 60
_FAR_SHARE = 0.01
"""Residuals beyond this quantile of all, each in the usual size of its bin, are pulled in before they are squared."""
_STEPS = 200
_GRID = 201


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


def fit_money_spread(
    predicted: Many,
    label: Many,
    *,
    label_se: Many | float = 0.0,
    campaign: np.ndarray | None = None,
    counted: Counted | None = None,
) -> MoneySpread:
    """The spread of true money about its out-of-fold prediction, net of the labels' own noise.

    Parameters
    ----------
    predicted : float64 (n,)
        Calibrated out-of-fold predictions, USD (divided by the scale where the calibration has one).
    label : float64 (n,)
        What was estimated afterwards, in the same unit.
    label_se : float64 (n,) or float
        Standard error of each label; 0 where it is exact.
    campaign : (n,), optional
        Campaign of each row, for ``together``; without it campaigns are taken not to differ.
    counted : Counted of n rows, optional
        Of labels that are not exact: exact sums of which the truth is a part, in the unit of the predictions. The
        interval's ends are then read off them (`MoneySpread.ends`), where they are enough.

    Raises
    ------
    TrainingError
        Nothing to fit on, or arrays of different lengths.
    """
    from scipy.optimize import isotonic_regression

    f, y = as_floats(predicted), as_floats(label)
    s = np.broadcast_to(as_floats(label_se), f.shape).astype(np.float64)
    groups = np.zeros(f.shape, dtype=np.int64) if campaign is None else np.unique(campaign, return_inverse=True)[1]
    none = ((y == 0) & (not s.any())).astype(np.float64)
    _same_length("predictions, labels and campaigns", f, y, s, groups, *(() if counted is None else (counted.total,)))
    whole = np.isfinite(f) & np.isfinite(y) & np.isfinite(s)
    multiples = () if counted is None else thinned_ends(f[whole], counted.take(whole), tuple(LEVELS), least=_TAIL_ROWS)
    f, y, s, groups, none = f[whole], y[whole], s[whole], groups[whole], none[whole]
    _same_length("finite predictions and labels", f, y, s)
    parts = _bins(f)
    off = _pulled_in(y - f, parts)
    # Precise labels say more about the variance than noisy ones: weight 1/(v0 + s^2)^2, the inverse of the
    # variance of (y-f)^2 - s^2 under a normal law; v0 is the first, unweighted guess.
    net = off**2 - s**2
    first = max(float(net.mean()), 0.02 * float((off**2).mean()), 1e-12)
    w = 1.0 / (first + s**2) ** 2
    at = as_floats([float(np.average(f[part], weights=w[part])) for part in parts])
    variance = as_floats([float(np.average(net[part], weights=w[part])) for part in parts])
    weight = as_floats([float(w[part].sum()) for part in parts])
    overall = max(float(np.average(net, weights=w)), 0.02 * first)
    variance = np.maximum(isotonic_regression(variance, weights=weight).x, 0.02 * overall)
    knots = (tuple(at.tolist()), tuple(np.maximum.accumulate(variance).tolist()))
    rows = as_floats([float(len(part)) for part in parts])
    shares = isotonic_regression([float(none[part].mean()) for part in parts], weights=rows, increasing=False).x
    told = tuple(np.clip(np.minimum.accumulate(shares), 0.0, 1.0).tolist())
    v = MoneySpread(*knots).variance_at(f)
    whole_sd = np.sqrt(v + s**2)
    together = 0.0 if campaign is None else _correlation_within(off / whole_sd, groups, np.sqrt(v) / whole_sd)
    if f.size < _TAIL_ROWS:
        return MoneySpread(*knots, nothing=told, together=together, ends=multiples)
    z: list[float] = []
    where, share = _truths_shape((y - f) / np.sqrt(v), s / np.sqrt(v))
    for level in LEVELS:
        # One outlier more on either side, as in split conformal prediction, pays for the finite sample.
        tail = max((1 - level) / 2 * (f.size + 1) - 1, 0.0) / (f.size - 1)
        ends = np.interp([tail, 1 - tail], share, where)
        z += [min(float(ends[0]), 0.0), max(float(ends[1]), 0.0)]
    low, high, low_90, high_90 = z
    ends_at = (low, high, min(low_90, low), max(high_90, high))
    return MoneySpread(*knots, *ends_at, nothing=told, together=together, ends=multiples)


def _pulled_in(off: Floats, parts: list[np.ndarray]) -> Floats:
    """Residuals, those far beyond all others pulled in; each is judged in the median size of its bin."""
    size = np.empty_like(off)
    for part in parts:
        size[part] = np.median(np.abs(off[part]))
    size = np.maximum(size, 1e-9 * (1.0 + float(np.abs(off).max())))
    far = float(np.quantile(np.abs(off) / size, 1 - _FAR_SHARE))
    return np.clip(off, -far * size, far * size)


def _truths_shape(residual: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """The distribution of what is left of ``residual`` without its normal noise: places, and shares below them.

    Smoothing by roughening: EM for the masses of a grid, started from the residuals shrunk by their noise and
    stopped early: steps without end would chase the noise.
    """
    if not noise.any():
        order = np.sort(residual)
        return order, np.linspace(0.0, 1.0, len(order))
    u = residual / np.sqrt(1 + noise**2)
    # Beyond the outer quantiles the grid would be spent on a handful of rows; they are pulled to its ends.
    low, high = np.quantile(u, [0.002, 0.998])
    at = np.linspace(min(low, -1.0) - 1.0, max(high, 1.0) + 1.0, _GRID)
    step = at[1] - at[0]
    width = np.sqrt(noise**2 + (step / 2) ** 2)[:, None]
    away = (np.clip(residual, at[0] - 3 * width[:, 0], at[-1] + 3 * width[:, 0])[:, None] - at) / width
    likely = np.maximum(np.exp(-0.5 * away**2) / width, 1e-300)
    place = np.clip(np.rint((u - at[0]) / step), 0, _GRID - 1).astype(np.int64)
    smooth = np.exp(-0.5 * (np.arange(-_GRID // 4, _GRID // 4 + 1) * step / 0.3) ** 2)
    mass = np.convolve(np.bincount(place, minlength=_GRID) + 1e-3, smooth, "same")
    mass /= mass.sum()
    for _ in range(_STEPS):
        mass = mass * np.mean(likely / (likely @ mass)[:, None], axis=0)
        mass /= mass.sum()
    return at, np.cumsum(mass) - mass / 2


def fit_shared(predicted: Many, label: Many, *, label_se: Many, campaign: np.ndarray) -> tuple[float, float, float]:
    """How unsure the level and the slope of a calibration are: ``MoneySpread.shared``.

    The line ``label = a + b * predicted`` is fitted by least squares with weight ``1 / (predicted^2 + label_se^2)``;
    its covariance is the sandwich over campaigns, times ``G / (G - 2)`` for G campaigns.

    Parameters
    ----------
    predicted, label, label_se : float64 (n,)
        As for `fit_money_spread`. Estimates that no prior has touched: what a prior adds to all labels alike is no
        evidence, and would go unseen here.
    campaign : (n,)

    Raises
    ------
    TrainingError
        Nothing to fit on, or arrays of different lengths.

    Source: Liang and Zeger (1986), Longitudinal data analysis using generalized linear models.
    """
    f, y, s = as_floats(predicted), as_floats(label), as_floats(label_se)
    groups = np.unique(campaign, return_inverse=True)[1]
    _same_length("predictions, labels, errors and campaigns", f, y, s, groups)
    count = int(groups.max()) + 1
    size = max(float(np.abs(f).mean()), 1e-9)
    w = size**2 / (f**2 + s**2 + 1e-6 * size**2)
    design = np.column_stack([np.ones_like(f), f / size])
    bread = np.linalg.pinv((design * w[:, None]).T @ design)
    off = y - design @ (bread @ ((design * w[:, None]).T @ y))
    score = np.zeros((count, 2))
    np.add.at(score, groups, design * (w * off)[:, None])
    found = bread @ (score.T @ score) @ bread * (count / max(count - 2, 1))
    return float(found[0, 0]), float(found[0, 1] / size), float(found[1, 1] / size**2)


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
    return _correlation_within((y - p) / np.sqrt(np.clip(p * (1 - p), 1e-6, None)), groups)


def _correlation_within(u: Floats, groups: np.ndarray, part: Floats | None = None) -> float:
    """Mean product of two standardised errors of one group, held within 0..0.5.

    ``part``: the share of each error's standard deviation that can go together; the rest is its own noise.
    """

    def products(values: Floats) -> float:
        return float((np.bincount(groups, weights=values) ** 2 - np.bincount(groups, weights=values**2)).sum())

    pairs = products(np.ones_like(u) if part is None else part)
    return float(np.clip(products(u) / pairs, 0.0, 0.5)) if pairs > 0 else 0.0
