"""From heads' raw scores to a quantity of the world, with how sure that is.

A `Calibration` names the heads it reads and what each counts, the monotone curve it applies to their sum, where
wanted what scales it (lift in prices of the product, or the odds of acceptance by the creator's own rate, say), and
the spread about its answer. Several calibrations may read one head: in the ranker ``lambdarank`` the success head
serves both ``success`` and ``accept``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
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
from models.calibration.thinning import Counted

__all__ = ["Calibration", "Scale", "Term", "fit_money", "fit_probability"]

MAX_TERMS = 200
"""Terms of a scale that a bundle may hold."""

LEAST_PLAIN = 40
"""Fewest estimates untouched by a prior that a curve is fitted to."""
_ROUNDS = 8
_SETTLED = 1e-3
"""Mean relative change by the last round above which a fit has not settled; on the demo it is below 1e-6."""


@dataclass(frozen=True)
class Term:
    """One signal's part in a scale: ``coefficient`` times its value, held within bounds, its logarithm or log-odds.

    Parameters
    ----------
    signal : str
        Its name among the bundle's signals.
    low, high : float
        Bounds of the signal, ``low <= high``: values beyond are pulled in.
    missing : float
        What NaN counts as; within the bounds.
    coefficient : float
        -100 to 100, a log unit of the factor a unit of the value, or a power of the signal where ``log``.
    log : bool
        Whether the logarithm is taken; then ``0 < low``.
    odds : bool
        Whether it is the logarithm of the odds, value / (1 - value); then ``log``, and ``high < 1``.

    Raises
    ------
    BundleError
        Numbers that are not finite, out of order or out of range.
    """

    signal: str
    low: float
    high: float
    missing: float
    coefficient: float = 1.0
    log: bool = True
    odds: bool = False

    def __post_init__(self) -> None:
        numbers = (self.low, self.missing, self.high, self.coefficient)
        fine = all(
            isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number)
            for number in numbers
        )
        fine = fine and isinstance(self.signal, str) and isinstance(self.log, bool) and isinstance(self.odds, bool)
        if not fine or abs(self.coefficient) > 100 or not self.low <= self.missing <= self.high:
            raise self._refused(numbers)
        if (self.log and self.low <= 0) or (self.odds and not (self.log and self.high < 1)):
            raise self._refused(numbers)

    def _refused(self, numbers: tuple[float, ...]) -> BundleError:
        return BundleError(
            "a term with low <= missing <= high, above 0 where the logarithm is taken (and below 1 where it is that of "
            "odds), and a coefficient within 100",
            received=f"{numbers!r}",
            look="the bundle's calibration",
        )

    def of(self, values: Floats) -> Floats:
        """What each row adds to ln of the factor, (n,)."""
        return self.coefficient * self.read(values)

    def read(self, values: Floats) -> Floats:
        """What ``coefficient`` multiplies, (n,)."""
        held = np.clip(np.where(np.isnan(values), self.missing, values), self.low, self.high)
        if self.odds:
            return as_floats(np.log(held) - np.log1p(-held))
        return as_floats(np.log(held)) if self.log else held

    @property
    def alike(self) -> tuple[object, ...]:
        """What terms have in common that `read` alike."""
        return self.signal, self.low, self.high, self.missing, self.log, self.odds

    @property
    def usual(self) -> float:
        """What a row adds whose value is not known."""
        return float(self.of(np.array([np.nan]))[0])


@dataclass(frozen=True)
class Scale:
    """What multiplies the calibrated money, or a probability's odds: exp of a sum of terms, each of one signal.

    Parameters
    ----------
    terms : tuple of Term
        At least one; of different signals.

    Raises
    ------
    BundleError
        None, or two of one signal.
    """

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tuple(self.terms))
        signals = [term.signal for term in self.terms]
        if not signals or len(set(signals)) != len(signals):
            raise BundleError(
                "a scale of terms, each of another signal", received=f"{signals}", look="the bundle's calibration"
            )

    @property
    def signals(self) -> tuple[str, ...]:
        """The terms' signals, in order."""
        return tuple(term.signal for term in self.terms)

    def of(self, X: Floats, signals: Sequence[str]) -> Floats:
        """The factor of each row of ``X`` (n, k), whose columns are ``signals``: (n,)."""
        places = {name: place for place, name in enumerate(signals)}
        return self.of_columns({term.signal: X[:, places[term.signal]] for term in self.terms}, {})

    def of_columns(self, columns: Mapping[str, Floats], known: dict[tuple[object, ...], Floats]) -> Floats:
        """The same of columns by name, (n,) each; ``known`` keeps what `Term.read` found, for other scales to take."""
        total: Floats | float = 0.0
        for term in self.terms:
            if term.alike not in known:
                known[term.alike] = term.read(columns[term.signal])
            total = total + term.coefficient * known[term.alike]
        return np.asarray(np.exp(total), dtype=np.float64)

    @classmethod
    def sum_of(cls, parts: Iterable[tuple[float, Scale | None]]) -> Scale | None:
        """The scale whose ln is the sum of ``weight`` x ln of each scale; None of none.

        A signal that several have must have the same bounds, missing value and form in all of them.
        """
        found: dict[str, Term] = {}
        for weight, scale in parts:
            for term in () if scale is None else scale.terms:
                known = found.get(term.signal, replace(term, coefficient=0.0))
                if replace(term, coefficient=0.0) != replace(known, coefficient=0.0):
                    raise BundleError("terms of one form for one signal", received=f"{known} and {term}", look="Scale")
                found[term.signal] = replace(term, coefficient=known.coefficient + weight * term.coefficient)
        return cls(tuple(found.values())) if found else None

    def as_dict(self) -> dict[str, Any]:
        """JSON-able numbers."""
        return {"terms": [asdict(term) for term in self.terms]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Scale:
        """The scale that `as_dict` wrote.

        Raises
        ------
        TypeError, KeyError
            Not its fields.
        BundleError
            Numbers that make no scale.
        """
        if set(content) != {"terms"} or len(content["terms"]) > MAX_TERMS:
            raise TypeError("fields")
        return cls(tuple(Term(**term) for term in content["terms"]))


@dataclass(frozen=True)
class Calibration:
    """How one quantity is read from heads.

    Parameters
    ----------
    heads : mapping of str to float
        The heads whose raw scores it reads, and what each counts: the score is their weighted sum.
    curve : Curve
        Monotone, score -> probability or money.
    spread : ProbabilitySpread or MoneySpread
        About the curve's value (before the scale).
    scale : Scale, optional
        Multiplies money with its interval, or the odds of a probability.
    """

    heads: Mapping[str, float]
    curve: Curve
    spread: ProbabilitySpread | MoneySpread
    scale: Scale | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", dict(self.heads))
        fine = all(
            isinstance(name, str) and isinstance(one, (int, float)) and not isinstance(one, bool) and 0 < one < 100
            for name, one in self.heads.items()
        )
        if not self.heads or not fine:
            raise BundleError(
                "heads, each with a weight above 0 and below 100",
                received=f"{self.heads!r:.80}",
                look="the bundle's calibration",
            )

    @property
    def leading(self) -> str:
        """The head that counts most; the first of those that count alike."""
        return max(self.heads, key=lambda name: self.heads[name])

    def score(self, raw: Mapping[str, Floats]) -> Floats:
        """The weighted sum of the heads' raw scores, (n,)."""
        parts = [raw[name] if weight == 1.0 else weight * raw[name] for name, weight in self.heads.items()]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def value(self, score: Floats, factor: Floats | float = 1.0) -> Floats:
        """The calibrated quantity, (n,): a probability in 0..1, or USD. ``factor`` is `Scale.of` of the rows."""
        if isinstance(self.spread, ProbabilitySpread):
            plain = np.clip(self.curve(score), 0.0, 1.0)
            return plain if self.scale is None else as_floats(plain * factor / (1.0 - plain + plain * factor))
        return self.curve(score) * factor

    def variance(self, score: Floats, factor: Floats | float = 1.0) -> Floats:
        """Variance about it, (n,)."""
        if isinstance(self.spread, ProbabilitySpread):
            return self.spread.variance_at(self.value(score, factor))
        return self.spread.variance_at(self.value(score)) * np.square(factor)

    def interval(self, score: Floats, factor: Floats | float = 1.0, *, level: float = LEVEL) -> tuple[Floats, Floats]:
        """The interval of ``level`` (one of `models.calibration.intervals.LEVELS`), two (n,)."""
        if isinstance(self.spread, ProbabilitySpread):
            return self.spread.interval(self.value(score, factor), level)
        low, high = self.spread.interval(self.value(score), level)
        return low * factor, high * factor

    def as_dict(self) -> dict[str, Any]:
        """JSON-able numbers; `Calibration.from_dict` is the inverse."""
        return {
            "heads": dict(self.heads),
            "curve": self.curve.as_dict(),
            "spread": self.spread.as_dict(),
            "scale": None if self.scale is None else self.scale.as_dict(),
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
            heads, curve, spread, scale = (content[name] for name in ("heads", "curve", "spread", "scale"))
            if len(content) != 4 or not isinstance(heads, Mapping):
                raise TypeError("fields")
            made = None if scale is None else Scale.from_dict(scale)
        except (KeyError, TypeError) as reason:
            raise BundleError(
                "a calibration with heads, curve, spread and scale",
                received=f"{sorted(content) if isinstance(content, Mapping) else type(content).__name__}",
                look="the bundle's calibration",
            ) from reason
        return cls(heads=heads, curve=curve_from_dict(curve), spread=spread_from_dict(spread), scale=made)


def fit_probability(
    heads: Mapping[str, float] | str,
    score: Many,
    *,
    label: Many,
    campaign: np.ndarray | None = None,
    weight: Many | None = None,
) -> Calibration:
    """Calibrate a probability on out-of-fold raw scores, by Platt's line.

    Parameters
    ----------
    heads : mapping of str to float, or str
        `Calibration.heads`, of which ``score`` is the weighted sum; a head's name alone is that head, counting 1.
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
    return Calibration(_weights(heads), curve, fit_probability_spread(predicted, label, campaign=campaign))


def fit_money(
    heads: Mapping[str, float] | str,
    score: Many,
    *,
    label: Many,
    label_se: Many | float = 0.0,
    weight: Many | None = None,
    scale: Scale | None = None,
    factor: Many | None = None,
    campaign: np.ndarray | None = None,
    plain: Many | None = None,
    plain_se: Many | None = None,
    slope: float | None = None,
    counted: Counted | None = None,
) -> Calibration:
    """Calibrate money on out-of-fold raw scores: log-linear, or a line where the weighted mean is not positive.

    Parameters
    ----------
    heads, score
        As for `fit_probability`.
    label : float64 (n,)
        USD: estimated lift, or attributed net sales, of delivered partnerships.
    label_se : float64 (n,) or float
        Standard error of each label, USD.
    weight : float64 (n,), optional
        Weights for the curve; by default ``1 / (v + label_se^2)`` with ``v`` the labels' variance net of noise, so
        that noisy labels count less.
    scale, factor
        A scale and its factor for these rows (n,), `Scale.of`: the curve is then fitted to ``label / factor``.
    campaign : (n,), optional
        Campaign of each row: how far rows err together is estimated with it.
    plain, plain_se : float64 (n,), optional
        Estimates that no prior has touched, with their standard errors, USD; NaN where there is none. With at least
        `LEAST_PLAIN` of them half of the curve is fitted to them and half to ``label``: what a prior adds to every
        label alike would pass for lift, and without it there is more noise. Rows that are not exact weigh
        ``mu / (mu^2 + se^2)``, or one runaway success on a large noisy product would lift every prediction. The spread
        of labels that are not exact is fitted to them alone.
    slope : float, optional
        Of the curve, where the score is the money's logarithm already and its level alone is to be found.
    counted : Counted of n rows, optional
        Exact sums in USD of which the money is a part: its interval's ends are read off them, and moved out by what is
        unsure of the level (`fit_shared`).

    Raises
    ------
    TrainingError
        Nothing to fit on, or a scale without its values.
    """
    y, s = as_floats(label), np.broadcast_to(as_floats(label_se), as_floats(label).shape)
    if (scale is None) != (factor is None):
        raise TrainingError("a scale and its factor together", received="one of them", look="models.calibration.scale")
    unit: Floats | float = 1.0 if factor is None else as_floats(factor)
    y, s = y / unit, s / unit
    parts = None if counted is None else Counted(counted.total / unit, counted.foretold / unit, counted.each / unit)
    x = as_floats(score)
    curve = _money_curve(x, y, s, weight=weight, slope=slope)
    untouched, noise, among = y, s, np.ones(y.shape, dtype=bool)
    if plain is not None and plain_se is not None:
        untouched, noise = (as_floats(values) / unit for values in (plain, plain_se))
        among = np.isfinite(untouched) & np.isfinite(noise)
        x, untouched, noise = x[among], untouched[among], noise[among]
        if untouched.size >= LEAST_PLAIN:
            # Exact labels have no prior to be freed from: their half keeps their mean.
            usual = _steadied(curve, as_floats(score), y, s, slope=slope) if s.any() else curve
            curve = Blend(_steadied(curve, x, untouched, noise, slope=slope), usual)
    theirs = None if campaign is None else campaign[among]
    if s.any() and plain is not None and untouched.size >= LEAST_PLAIN:
        # Shrinkage has taken some of the scatter out of the labels, and nobody knows how much.
        spread = fit_money_spread(
            curve(x), untouched, label_se=noise, campaign=theirs, counted=None if parts is None else parts.take(among)
        )
    else:
        spread = fit_money_spread(curve(as_floats(score)), y, label_se=s, campaign=campaign, counted=parts)
    if theirs is not None and untouched.size >= LEAST_PLAIN:
        spread = replace(spread, shared=fit_shared(curve(x), untouched, label_se=noise, campaign=theirs))
        spread = spread.doubted(spread.relative_doubt(float(curve(x).mean())))
    return Calibration(_weights(heads), curve, spread, scale)


def _weights(heads: Mapping[str, float] | str) -> Mapping[str, float]:
    return {heads: 1.0} if isinstance(heads, str) else heads


def _money_curve(x: Floats, y: Floats, s: Floats, *, weight: Many | None, slope: float | None) -> Curve:
    if weight is None and y.size:
        true = max(float(y.var() - np.mean(np.square(s))), 0.02 * float(y.var()), 1e-12)
        weight = np.broadcast_to(true / (true + np.square(s)), y.shape)
    if y.size and float(np.average(y, weights=None if weight is None else as_floats(weight))) <= 0:
        return fit_linear(x, y, weight=weight)  # no exponential has a mean that is not positive
    return fit_log_linear(x, y, weight=weight, slope=slope)


def _steadied(curve: Curve, x: Floats, y: Floats, s: Floats, *, slope: float | None) -> Curve:
    """A log-linear curve fitted anew, each row by its scatter ``mu^2 + s^2``; a line where the mean is not positive."""
    floor = 0.01 * float(np.abs(curve(x)).mean()) + 1e-9
    moved = 0.0
    for _ in range(_ROUNDS):
        mu = np.maximum(np.abs(curve(x)), floor)
        weight = mu / (np.square(mu) + np.square(s))
        if float(weight @ y) <= 0:
            return fit_linear(x, y, weight=1 / (np.square(mu) + np.square(s)))
        before, curve = curve(x), fit_log_linear(x, y, weight=weight / weight.mean(), slope=slope)
        moved = float(np.abs(curve(x) - before).mean() / np.abs(before).mean())
    if moved > _SETTLED:
        unsettled("the level of money", f"the last of {_ROUNDS} rounds still moved it by {moved:.2%}")
    return curve
