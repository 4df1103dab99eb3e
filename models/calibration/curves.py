"""Monotone curves from a head's raw score to a probability or to money.

Every curve is a handful of plain numbers, never falls as the score rises, and
travels as JSON. SciPy fits them; scikit-learn is the independent answer in the tests. A fit that ends before it has
settled says so (`marketplace.errors.ConvergenceWarning`).
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from marketplace.arrays import Floats, Many, as_floats
from marketplace.errors import BundleError, ConvergenceWarning, TrainingError

__all__ = [
    "Blend",
    "Curve",
    "Linear",
    "LogLinear",
    "Platt",
    "curve_from_dict",
    "fit_linear",
    "fit_log_linear",
    "fit_platt",
    "unsettled",
]

_STEEPEST = 8.0
"""Slope, a standard deviation of the score, beyond which an exponential is not fitted."""


def _refuse(received: str) -> BundleError:
    return BundleError("a calibration curve that never falls", received=received, look="the bundle's calibration")


def _finite(**numbers: float) -> None:
    for name, number in numbers.items():
        if not isinstance(number, (int, float)) or isinstance(number, bool) or not math.isfinite(number):
            raise _refuse(f"{name} = {number!r}")


@dataclass(frozen=True)
class Curve(ABC):
    """A curve that never falls: called with scores of any shape, returns float64 of the same shape."""

    kind: ClassVar[str] = ""

    @abstractmethod
    def __call__(self, score: Floats) -> Floats:
        """The calibrated value of each score."""

    def times(self, factor: float) -> Curve:
        """The curve of money whose every value is ``factor`` (above 0) times this one's.

        Raises
        ------
        BundleError
            A curve of probabilities.
        """
        raise _refuse(f"{self.kind}, whose values are no money, times {factor!r}")

    def as_dict(self) -> dict[str, Any]:
        """The curve as JSON-able numbers; `curve_from_dict` is the inverse."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Platt(Curve):
    """``1 / (1 + exp(-(slope * score + intercept)))`` with ``slope >= 0``.

    Source: Platt (1999), Probabilistic outputs for support vector machines.
    """

    slope: float
    intercept: float
    kind: ClassVar[str] = "platt"

    def __post_init__(self) -> None:
        _finite(slope=self.slope, intercept=self.intercept)
        if self.slope < 0:
            raise _refuse(f"slope = {self.slope!r}")

    def __call__(self, score: Floats) -> Floats:
        """The probabilities."""
        # tanh never overflows, unlike exp of a large negative score.
        return as_floats(0.5 + 0.5 * np.tanh(0.5 * (self.slope * as_floats(score) + self.intercept)))


@dataclass(frozen=True)
class Linear(Curve):
    """``slope * score + intercept`` with ``slope >= 0``; the default leaves a score as it is."""

    slope: float = 1.0
    intercept: float = 0.0
    kind: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        _finite(slope=self.slope, intercept=self.intercept)
        if self.slope < 0:
            raise _refuse(f"slope = {self.slope!r}")

    def __call__(self, score: Floats) -> Floats:
        """The values."""
        return self.slope * as_floats(score) + self.intercept

    def times(self, factor: float) -> Linear:
        """Slope and intercept times ``factor``."""
        return Linear(self.slope * factor, self.intercept * factor)


@dataclass(frozen=True)
class LogLinear(Curve):
    """``exp(slope * min(score, top) + intercept)`` with ``slope >= 0``; always positive.

    ``top`` is the highest score seen in fitting: an exponential is not trusted beyond it.
    """

    slope: float
    intercept: float
    top: float
    kind: ClassVar[str] = "log_linear"

    def __post_init__(self) -> None:
        _finite(slope=self.slope, intercept=self.intercept, top=self.top)
        if self.slope < 0:
            raise _refuse(f"slope = {self.slope!r}")
        if self.slope * self.top + self.intercept > 300:
            raise _refuse(f"an exponential that reaches exp({self.slope * self.top + self.intercept!r})")

    def __call__(self, score: Floats) -> Floats:
        """The values."""
        return as_floats(np.exp(self.slope * np.minimum(score, self.top) + self.intercept))

    def times(self, factor: float) -> LogLinear:
        """The intercept moved by ln ``factor``."""
        return LogLinear(self.slope, self.intercept + math.log(factor), self.top)


@dataclass(frozen=True)
class Blend(Curve):
    """``share * first(score) + (1 - share) * second(score)``: with a strictly rising part it has no flat steps."""

    first: Curve
    second: Curve
    share: float = 0.5
    kind: ClassVar[str] = "blend"

    def __post_init__(self) -> None:
        _finite(share=self.share)
        if not 0 <= self.share <= 1:
            raise _refuse(f"share = {self.share!r}")

    def __call__(self, score: Floats) -> Floats:
        """The blended values."""
        return self.share * self.first(score) + (1 - self.share) * self.second(score)

    def times(self, factor: float) -> Blend:
        """Both parts times ``factor``."""
        return Blend(self.first.times(factor), self.second.times(factor), self.share)

    def as_dict(self) -> dict[str, Any]:
        """The blend with both its parts."""
        return {
            "kind": self.kind,
            "first": self.first.as_dict(),
            "second": self.second.as_dict(),
            "share": self.share,
        }


_KINDS: dict[str, type[Curve]] = {one.kind: one for one in (Platt, Linear, LogLinear, Blend)}


def curve_from_dict(content: Mapping[str, Any], *, depth: int = 0) -> Curve:
    """The curve that `Curve.as_dict` wrote.

    Raises
    ------
    BundleError
        An unknown kind, unknown fields, or numbers that are no monotone curve.
    """
    if not isinstance(content, Mapping) or depth > 3:
        raise _refuse(f"{type(content).__name__} at depth {depth}")
    fields = dict(content)
    kind = _KINDS.get(str(fields.pop("kind", "")))
    if kind is None:
        raise _refuse(f"kind {content.get('kind')!r}")
    try:
        if kind is Blend:
            fields["first"] = curve_from_dict(fields["first"], depth=depth + 1)
            fields["second"] = curve_from_dict(fields["second"], depth=depth + 1)
        return kind(**fields)
    except (KeyError, TypeError) as reason:
        raise _refuse(f"fields {sorted(content)} for {kind.kind}") from reason


def unsettled(what: str, why: str) -> None:
    """Say that a fit ended before it had settled, and why."""
    warnings.warn(f"{what} has not settled: {why}", ConvergenceWarning, stacklevel=3)


def _checked(score: Many, label: Many, weight: Many | None) -> tuple[Floats, Floats, Floats]:
    x, y = as_floats(score), as_floats(label)
    w = np.ones_like(y) if weight is None else as_floats(weight)
    whole = x.ndim == 1 and x.shape == y.shape == w.shape and x.size > 0
    if not (whole and np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(w).all() and (w >= 0).all()):
        raise TrainingError(
            "finite scores, labels and weights (not negative) of one length, at least one row",
            received=f"shapes {x.shape}, {y.shape}, {w.shape}",
            look="the out-of-fold predictions that calibration is fitted on",
        )
    if w.sum() <= 0:
        raise TrainingError("some weight", received="weights that are all zero", look="the calibration's weights")
    keep = w > 0
    return x[keep], y[keep], w[keep]


def fit_platt(score: Many, label: Many, *, weight: Many | None = None) -> Platt:
    """Logistic curve of greatest likelihood on Platt's smoothed targets.

    ``label`` in 0..1. With ``n1`` the weight of successes and ``n0`` that of
    failures the targets are ``(n1+1)/(n1+2)`` and ``1/(n0+2)``, which keeps
    the curve finite where the classes are separable. A falling fit becomes flat at the mean.

    Raises
    ------
    TrainingError
        Empty, not finite, of different lengths, or labels outside 0..1.
    """
    from scipy.optimize import minimize

    x, y, w = _checked(score, label, weight)
    if (y < 0).any() or (y > 1).any():
        raise TrainingError("labels from 0 to 1", received=f"{y.min()} to {y.max()}", look="the success labels")
    n1, n0 = float((w * y).sum()), float((w * (1 - y)).sum())
    target = y * (n1 + 1) / (n1 + 2) + (1 - y) / (n0 + 2)
    flat = Platt(0.0, float(np.log((n1 + 1) / (n0 + 1))))
    centre, spread = float(np.average(x, weights=w)), float(x.std())
    if spread == 0:
        return flat
    z, share = (x - centre) / spread, w / w.sum()

    def loss(at: Floats) -> tuple[float, Floats]:
        margin = at[0] * z + at[1]
        off = share * (Platt(1.0, 0.0)(margin) - target)
        value = float((share * (np.logaddexp(0, margin) - target * margin)).sum())
        return value, np.array([(off * z).sum(), off.sum()])

    def curvature(at: Floats) -> Floats:
        p = Platt(1.0, 0.0)(at[0] * z + at[1])
        each = share * p * (1 - p)
        across = (each * z).sum()
        return np.array([[(each * z * z).sum(), across], [across, each.sum()]])

    start = np.array([0.0, flat.intercept])
    found = minimize(loss, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-9})
    # Near the end losses differ by less than rounding, which stops the search short of `gtol`: the slope of the loss
    # says how near that was.
    if not np.abs(found.jac).max() < 1e-6:
        unsettled("a logistic curve", str(found.message))
    slope, intercept = found.x.tolist()
    if slope <= 0:
        return flat
    return Platt(slope / spread, intercept - slope * centre / spread)


def fit_linear(score: Many, label: Many, *, weight: Many | None = None) -> Linear:
    """Weighted least squares; a falling fit becomes flat at the mean.

    Raises
    ------
    TrainingError
        Empty, not finite, or of different lengths.
    """
    x, y, w = _checked(score, label, weight)
    mean_x, mean_y = float(np.average(x, weights=w)), float(np.average(y, weights=w))
    spread = float((w * (x - mean_x) ** 2).sum())
    slope = max(float((w * (x - mean_x) * (y - mean_y)).sum()) / spread, 0.0) if spread > 0 else 0.0
    return Linear(slope, mean_y - slope * mean_x)


def fit_log_linear(score: Many, label: Many, *, weight: Many | None = None, slope: float | None = None) -> LogLinear:
    """``exp(slope * score + intercept)`` by quasi-Poisson likelihood: unbiased for the mean, zeros allowed.

    Only the mean has to be positive; single labels may be negative, as lift estimates are.
    A falling fit becomes flat at the mean. ``slope``, 0 or more, is kept where it is given.

    Raises
    ------
    TrainingError
        Empty, not finite, of different lengths, or a mean that is not positive.
    """
    from scipy.optimize import brentq

    x, y, w = _checked(score, label, weight)
    mean = float(np.average(y, weights=w))
    if mean <= 0:
        raise TrainingError(
            "labels whose mean is positive for a log-linear curve",
            received=f"a mean of {mean:.6g}",
            look="fit_linear, which takes any labels",
        )
    centre, spread, top = float(np.average(x, weights=w)), float(x.std()), float(x.max())
    if slope is not None:
        return LogLinear(slope, float(np.log((w * y).sum() / (w * np.exp(slope * (x - top))).sum())) - slope * top, top)
    if spread == 0:
        return LogLinear(0.0, float(np.log(mean)), top)
    z = (x - centre) / spread
    slope = 0.0
    # For each slope the intercept that matches the mean is closed-form, so one dimension is left: the
    # estimating equation sum w z (y - mu) = 0. Its left side falls as the slope rises wherever mu is convex in it.

    def excess(candidate: float) -> float:
        shape = np.exp(candidate * (z - z.max()))
        mu = shape * (w * y).sum() / (w * shape).sum()
        return float((w * z * (y - mu)).sum())

    if excess(0.0) > 0:
        if excess(_STEEPEST) > 0:
            unsettled("an exponential curve", f"steeper than exp({_STEEPEST:g}) a standard deviation of the score")
            slope = _STEEPEST
        else:
            slope = float(brentq(excess, 0.0, _STEEPEST, xtol=1e-14, rtol=1e-14))
    shape = np.exp(slope * z)
    intercept = float(np.log((w * y).sum() / (w * shape).sum()))
    return LogLinear(slope / spread, intercept - slope * centre / spread, top)
