"""Monotone curves from a head's raw score to a probability or to money.

Every curve is a handful of plain numbers, never falls as the score rises, and
travels as JSON. Fitting is in `models.fit_curves`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from marketplace.errors import BundleError
from models.arrays import Floats, as_floats

__all__ = ["Blend", "Curve", "Isotonic", "Linear", "LogLinear", "Platt", "curve_from_dict"]

MAX_KNOTS = 100_000


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

    def as_dict(self) -> dict[str, Any]:
        """The curve as JSON-able numbers; `curve_from_dict` is the inverse."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Isotonic(Curve):
    """Linear interpolation between knots, flat beyond the ends.

    Parameters
    ----------
    x : tuple of float
        Scores, strictly rising.
    y : tuple of float
        Values, never falling.

    Raises
    ------
    BundleError
        The knots are not finite, not in order, or not of one length.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    kind: ClassVar[str] = "isotonic"

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", tuple(self.x))
        object.__setattr__(self, "y", tuple(self.y))
        if not 1 <= len(self.x) == len(self.y) <= MAX_KNOTS:
            raise _refuse(f"{len(self.x)} scores and {len(self.y)} values")
        for number in (*self.x, *self.y):
            _finite(knot=number)
        if any(a >= b for a, b in zip(self.x, self.x[1:], strict=False)):
            raise _refuse("scores out of order")
        if any(a > b for a, b in zip(self.y, self.y[1:], strict=False)):
            raise _refuse("values that fall")

    def __call__(self, score: Floats) -> Floats:
        """The interpolated values."""
        return as_floats(np.interp(score, self.x, self.y))


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

    def as_dict(self) -> dict[str, Any]:
        """The blend with both its parts."""
        return {
            "kind": self.kind,
            "first": self.first.as_dict(),
            "second": self.second.as_dict(),
            "share": self.share,
        }


_KINDS: dict[str, type[Curve]] = {one.kind: one for one in (Isotonic, Platt, Linear, LogLinear, Blend)}


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
