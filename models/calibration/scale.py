"""From a head's raw score to a quantity of the world, with how sure that is.

A `Calibration` names the head it reads, the monotone curve it applies, where
wanted the signal that scales it (lift in prices of the product, say), and the
spread about its answer. Several calibrations may read one head: in the ranker
``lambdarank`` the success head serves both ``success`` and ``accept``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from marketplace.arrays import Floats, Many, as_floats
from marketplace.errors import BundleError, TrainingError
from models.calibration.curves import (
    Blend,
    Curve,
    curve_from_dict,
    fit_linear,
    fit_log_linear,
    fit_platt,
    unsettled,
)
from models.calibration.intervals import (
    LEVEL,
    MoneySpread,
    ProbabilitySpread,
    fit_money_spread,
    fit_probability_spread,
    fit_shared,
    spread_from_dict,
)

__all__ = ["Calibration", "Scale", "fit_money", "fit_probability"]

LEAST_PLAIN = 40
"""Fewest estimates untouched by a prior that a curve is fitted to."""
_ROUNDS = 8
_SETTLED = 1e-3
"""Mean relative change by the last round above which a fit has not settled; on the demo it is below 1e-6."""


@dataclass(frozen=True)
class Scale:
    """A signal a power of which multiplies the calibrated value, held within bounds.

    Parameters
    ----------
    signal : str
        Its name among the bundle's signals.
    low, high : float
        Bounds of the signal, ``0 < low <= high``: values beyond are pulled in.
    missing : float
        What NaN counts as; within the bounds.
    power : float
        0 to 4: 1 multiplies by the signal itself.

    Raises
    ------
    BundleError
        Bounds that are not finite, not positive or out of order, or a power out of its range.
    """

    signal: str
    low: float
    high: float
    missing: float
    power: float = 1.0

    def __post_init__(self) -> None:
        numbers = (self.low, self.missing, self.high, self.power)
        fine = all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers)
        fine = fine and isinstance(self.signal, str) and 0 <= self.power <= 4
        if not fine or not 0 < self.low <= self.missing <= self.high:
            raise BundleError(
                "a scale with 0 < low <= missing <= high and a power from 0 to 4",
                received=f"{numbers!r}",
                look="the bundle's calibration",
            )

    def of(self, values: Floats) -> Floats:
        """The factor of each row."""
        held = np.clip(np.where(np.isnan(values), self.missing, values), self.low, self.high)
        return held if self.power == 1.0 else np.power(held, self.power)


@dataclass(frozen=True)
class Calibration:
    """How one quantity is read from one head.

    Parameters
    ----------
    head : str
        The head whose raw score it reads.
    curve : Curve
        Monotone, score -> probability or money.
    spread : ProbabilitySpread or MoneySpread
        About the curve's value (before the scale).
    scale : Scale, optional
        Multiplies value and interval; for money alone.
    """

    head: str
    curve: Curve
    spread: ProbabilitySpread | MoneySpread
    scale: Scale | None = None

    def __post_init__(self) -> None:
        if self.scale is not None and isinstance(self.spread, ProbabilitySpread):
            raise BundleError(
                "a scale on money alone", received="one on a probability", look="models.calibration.scale"
            )

    def value(self, score: Floats, factor: Floats | float = 1.0) -> Floats:
        """The calibrated quantity, (n,): a probability in 0..1, or USD. ``factor`` is `Scale.of` of the rows."""
        if isinstance(self.spread, ProbabilitySpread):
            return np.clip(self.curve(score), 0.0, 1.0)
        return self.curve(score) * factor

    def variance(self, score: Floats, factor: Floats | float = 1.0) -> Floats:
        """Variance about it, (n,)."""
        return self.spread.variance_at(self.value(score)) * np.square(factor)

    def interval(self, score: Floats, factor: Floats | float = 1.0, *, level: float = LEVEL) -> tuple[Floats, Floats]:
        """The interval of ``level`` (one of `models.calibration.intervals.LEVELS`), two (n,)."""
        low, high = self.spread.interval(self.value(score), level)
        return low * factor, high * factor

    def as_dict(self) -> dict[str, Any]:
        """JSON-able numbers; `Calibration.from_dict` is the inverse."""
        return {
            "head": self.head,
            "curve": self.curve.as_dict(),
            "spread": self.spread.as_dict(),
            "scale": None if self.scale is None else asdict(self.scale),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Calibration:
        """The calibration that `as_dict` wrote.

        Raises
        ------
        BundleError
            Missing or unknown fields, or numbers that are no calibration.
        """
        try:
            head, curve, spread, scale = (content[name] for name in ("head", "curve", "spread", "scale"))
            if len(content) != 4 or not isinstance(head, str):
                raise TypeError("fields")
            made = None if scale is None else Scale(**scale)
        except (KeyError, TypeError) as reason:
            raise BundleError(
                "a calibration with head, curve, spread and scale",
                received=f"{sorted(content) if isinstance(content, Mapping) else type(content).__name__}",
                look="the bundle's calibration",
            ) from reason
        return cls(head=head, curve=curve_from_dict(curve), spread=spread_from_dict(spread), scale=made)


def fit_probability(
    head: str,
    score: Many,
    *,
    label: Many,
    campaign: np.ndarray | None = None,
    weight: Many | None = None,
) -> Calibration:
    """Calibrate a probability on out-of-fold raw scores, by Platt's line.

    Parameters
    ----------
    head : str
        The head the scores come from.
    score : float64 (n,)
        Out-of-fold raw scores (``Booster.predict(..., raw_score=True)``).
    label : float64 (n,)
        0 or 1.
    campaign : (n,), optional
        Campaign of each row, for the interval.
    weight : float64 (n,), optional
        Weights of the rows for the curve.

    Raises
    ------
    TrainingError
        Nothing to fit on.
    """
    curve = fit_platt(score, label, weight=weight)
    predicted = np.clip(curve(as_floats(score)), 0.0, 1.0)
    return Calibration(head, curve, fit_probability_spread(predicted, label, campaign=campaign))


def fit_money(
    head: str,
    score: Many,
    *,
    label: Many,
    label_se: Many | float = 0.0,
    weight: Many | None = None,
    scale: Scale | None = None,
    scale_values: Many | None = None,
    campaign: np.ndarray | None = None,
    plain: Many | None = None,
    plain_se: Many | None = None,
    noise_share: float = 1.0,
) -> Calibration:
    """Calibrate money on out-of-fold raw scores: log-linear, or a line where the weighted mean is not positive.

    Parameters
    ----------
    head, score
        As for `fit_probability`.
    label : float64 (n,)
        USD: estimated lift, or attributed net sales, of delivered partnerships.
    label_se : float64 (n,) or float
        Standard error of each label, USD.
    weight : float64 (n,), optional
        Weights for the curve; by default ``1 / (v + label_se^2)`` with ``v`` the labels' variance net of noise, so
        that noisy labels count less.
    scale, scale_values
        A scaling signal and its values for these rows (n,): the curve is then fitted to ``label / factor``.
    campaign : (n,), optional
        Campaign of each row: how far rows err together is estimated with it.
    plain, plain_se : float64 (n,), optional
        Estimates that no prior has touched, with their standard errors, USD; NaN where there is none. With at least
        `LEAST_PLAIN` of them half of the curve is fitted to them and half to ``label``: what a prior adds to every
        label alike would pass for lift, and without it there is more noise. Rows that are not exact weigh
        ``mu / (mu^2 + se^2)``, or one runaway success on a large noisy product would lift every prediction.
    noise_share : float
        Share of ``label_se`` that counts as noise on top of the truth when the spread is fitted, 0..1.

    Raises
    ------
    TrainingError
        Nothing to fit on, or a scale without its values.
    """
    y, s = as_floats(label), np.broadcast_to(as_floats(label_se), as_floats(label).shape)
    factor: Floats | float = 1.0
    if (scale is None) != (scale_values is None):
        raise TrainingError("scale and scale_values together", received="one of them", look="models.calibration.scale")
    if scale is not None and scale_values is not None:
        factor = scale.of(as_floats(scale_values))
        y, s = y / factor, s / factor
    x = as_floats(score)
    curve = _money_curve(x, y, s, weight=weight)
    seen, noise = y, s
    if plain is not None and plain_se is not None:
        seen, noise = (as_floats(values) / factor for values in (plain, plain_se))
        there = np.isfinite(seen) & np.isfinite(noise)
        x, seen, noise = x[there], seen[there], noise[there]
        if seen.size >= LEAST_PLAIN:
            # Exact labels have no prior to be freed from: their half keeps their mean.
            usual = _steadied(curve, as_floats(score), y, s) if s.any() else curve
            curve = Blend(_steadied(curve, x, seen, noise), usual)
        campaign_seen = None if campaign is None else campaign[there]
    else:
        campaign_seen = campaign
    spread = fit_money_spread(curve(as_floats(score)), y, label_se=noise_share * s, campaign=campaign)
    if campaign_seen is not None and seen.size >= LEAST_PLAIN:
        spread = replace(spread, shared=fit_shared(curve(x), seen, label_se=noise, campaign=campaign_seen))
    return Calibration(head, curve, spread, scale)


def _money_curve(x: Floats, y: Floats, s: Floats, *, weight: Many | None) -> Curve:
    if weight is None and y.size:
        true = max(float(y.var() - np.mean(np.square(s))), 0.02 * float(y.var()), 1e-12)
        weight = np.broadcast_to(true / (true + np.square(s)), y.shape)
    if y.size and float(np.average(y, weights=None if weight is None else as_floats(weight))) <= 0:
        return fit_linear(x, y, weight=weight)  # no exponential has a mean that is not positive
    return fit_log_linear(x, y, weight=weight)


def _steadied(curve: Curve, x: Floats, y: Floats, s: Floats) -> Curve:
    """A log-linear curve fitted anew, each row by its scatter ``mu^2 + s^2``; a line where the mean is not positive."""
    floor = 0.01 * float(np.abs(curve(x)).mean()) + 1e-9
    moved = 0.0
    for _ in range(_ROUNDS):
        mu = np.maximum(np.abs(curve(x)), floor)
        weight = mu / (np.square(mu) + np.square(s))
        if float(weight @ y) <= 0:
            return fit_linear(x, y, weight=1 / (np.square(mu) + np.square(s)))
        before, curve = curve(x), fit_log_linear(x, y, weight=weight / weight.mean())
        moved = float(np.abs(curve(x) - before).mean() / np.abs(before).mean())
    if moved > _SETTLED:
        unsettled("the level of money", f"the last of {_ROUNDS} rounds still moved it by {moved:.2%}")
    return curve
