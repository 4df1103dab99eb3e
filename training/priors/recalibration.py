"""Move a prior by the outcomes known so far: a little by few, to where they point by many.

**Chances.** With ``z`` the prior's log-odds of a row, about their mean ``z0`` over the rows whose label is known, the
log-odds are ``z + a + b (z - z0)``, with ``a`` and ``b`` of greatest posterior density under a logistic likelihood
and normal priors about 0 (`LEVEL_DOUBT`, `SLOPE_DOUBT`). Where creators differ as the prior says, ``b`` stays about
0; where they are all alike, it goes towards -1 and the marketplace's own rate speaks for everyone. It is kept above
-1, so that the order of rates is never turned.

**Money.** Attributed sales are the prior's times a level ``exp(a)``, ``a`` of greatest posterior density under a
quasi-Poisson likelihood; rows weigh by their scatter. Lift begins where attributed sales moved to (`SHARE_DOUBT`: how
far off the share of incremental sales may be) and is moved by estimates of lift, each by its own precision.

Rows of a campaign err together (`TOGETHER`) and count for less than as many campaigns. What stays unsure of the levels
(Laplace's approximation) widens the intervals, which are widest with no outcome at all.

Source: MacKay (1992), The Evidence Framework Applied to Classification Networks; McCullagh and Nelder (1989),
Generalized Linear Models, chapter 9.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from features.signals import SIGNALS
from marketplace.arrays import Flags, Floats
from marketplace.errors import BundleError, TrainingError
from models.bundle import Basis, Bundle, load_bundle, read_public_key, signals_sha256
from models.calibration import Calibration, MoneySpread, Platt, ProbabilitySpread, Scale
from models.funnel import names_in
from models.predict import MONEY, factors, predict, raw_scores
from training.data import LEAST_DELIVERED, LEAST_LABELLED, LEAST_READ, TrainingData
from training.heads import QUANTITIES, FittedRanker, validation_share
from training.priors.stated import stated_prior

__all__ = ["basis_of", "fit_small", "read_prior", "recalibrated"]

LEVEL_DOUBT = 1.0
"""Standard deviation of the level of log-odds about the prior's."""

SALES_DOUBT = 0.7
"""Standard deviation of the logarithm of the level of attributed sales about the prior's."""

SLOPE_DOUBT = 0.5
"""Standard deviation of what log-odds are stretched by."""

SHARE_DOUBT = 0.5
"""Standard deviation of the logarithm of the share of attributed sales that is incremental."""

TOGETHER = 0.05
"""Correlation of the errors of two rows of one campaign."""

_ITERATIONS = 100
_FLATTEST = -0.9
_LONGEST = 1.0
_FURTHEST = 6.0
_WIDEST = 10.0
"""Squared coefficient of variation beyond which a prior's own scatter is not believed."""


def read_prior(folder: str | Path) -> Bundle:
    """The bundle at ``folder``, verified, of the signals of this code, to serve as a prior.

    Raises
    ------
    BundleError
        There is none, it does not verify, it was trained on other signals, or its chances are not read by Platt's line.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError("a bundle to serve as a prior", received=f"nothing at {folder}", look="--prior BUNDLE")
    bundle = load_bundle(folder, read_public_key())
    bundle.check_contract(signals_sha256(SIGNALS.values()))
    for name in _chances(bundle):
        _platt(bundle.calibration[name])
    return bundle


def basis_of(data: TrainingData, prior: Bundle | None = None) -> Basis:
    """What a bundle made of ``data`` and ``prior`` (None: the stated one) stands on."""
    version = f"version {prior.model_version}, " if prior is not None and prior.model_version else ""
    told = "" if prior is None else f"another marketplace's bundle ({version}{prior.ranker}, until {prior.as_of})"
    return Basis(data.labelled, data.delivered, LEAST_LABELLED, LEAST_DELIVERED, told)


def fit_small(data: TrainingData, prior: Bundle | None = None) -> FittedRanker:
    """The ranker of a small shop: ``prior`` (None: the stated one) moved by the outcomes of ``data``, few or none.

    Its validation is the prior's own, which saw none of the outcomes.

    Raises
    ------
    TrainingError
        Of `LEAST_LABELLED` or more answers not one is an acceptance: a log misread rather than a shop that nobody
        wants, and nothing that creators could be told apart by.
    """
    answered = int(data.reply_known.sum())
    if answered >= LEAST_LABELLED and not (data.column("accepted")[data.reply_known] == 1.0).any():
        raise TrainingError(
            "an acceptance among the invitations that were answered",
            received=f"{answered:,} answered, none accepted",
            look="`decision` of the table invitations: is ACCEPT spelt as the contract spells it?",
        )
    before = stated_prior(f"{data.as_of:%Y-%m-%d}") if prior is None else prior
    alone = predict(before, data.X, data.economics)
    bundle = dataclasses.replace(recalibrated(before, data), basis=basis_of(data, prior))
    if prior is not None:
        bundle = dataclasses.replace(bundle, ranker="prior")
    return FittedRanker(bundle, {}, alone, *validation_share(data, alone.order))


def recalibrated(prior: Bundle, data: TrainingData) -> Bundle:
    """``prior`` with every calibration moved by the outcomes of ``data``; its heads, funnel and last stage stay.

    Parameters
    ----------
    prior : Bundle
        Of the signals of ``data``.
    data : TrainingData
        Of any number of rows; without a known outcome the values are the prior's own, and the intervals wide.
    """
    raw, factor = raw_scores(prior, data.X), factors(prior, data.X)
    calibration: dict[str, Calibration] = {}
    for name in _chances(prior):
        label = QUANTITIES[name].label(data)
        calibration[name] = _chance(prior.calibration[name], raw, factor.get(name), label=label, data=data)
    sold, lifts = data.column("attributed_usd"), data.column("lift_raw_usd")
    # The estimates that no other prior has touched: drawn to this one alone.
    known = np.isfinite(lifts) & np.isfinite(data.column("lift_raw_se_usd"))
    read = ~(data.column("lift_read_share") < LEAST_READ)
    value = {name: one.value(one.score(raw), factor.get(name, 1.0)) for name, one in prior.calibration.items()}
    scatter = {name: _scatter(prior.calibration[name], raw) for name in MONEY}
    attributed = _level(
        value["attributed"], sold, scatter["attributed"], rows=data.attributed_known & read, data=data,
        centre=0.0, doubt=SALES_DOUBT,
    )  # fmt: skip
    noise = np.square(np.nan_to_num(data.column("lift_raw_se_usd")) / np.maximum(value["lift"], 1e-6))
    lift = _level(
        value["lift"], lifts, scatter["lift"] + noise, rows=known & read, data=data,
        centre=attributed[0], doubt=float(np.hypot(attributed[1], SHARE_DOUBT)),
    )  # fmt: skip
    for name, one in prior.calibration.items():
        if name not in calibration:
            level, doubt = lift if name == "lift" else attributed
            calibration[name] = _moved(one, float(np.exp(level)), doubt)
    return dataclasses.replace(
        prior,
        calibration={name: calibration[name] for name in prior.calibration},
        as_of=f"{data.as_of:%Y-%m-%d}",
        golden=data.X[:: max(1, len(data) // 16)][:16] if len(data) else None,
        run_id="",
        model_version="",
        metrics={},
    )


def _chances(bundle: Bundle) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for step in bundle.funnel.values() for name in names_in(step)))


def _platt(calibration: Calibration) -> Platt:
    if not isinstance(calibration.curve, Platt):
        raise BundleError("a prior whose chances are read by Platt's line", received=calibration.curve.kind,
                          look="the prior's calibration")  # fmt: skip
    return calibration.curve


def _shares(rows: Flags, data: TrainingData) -> float:
    """What one of ``rows`` counts beside one of a campaign of its own: 1 / (1 + (m - 1) `TOGETHER`)."""
    count = np.bincount(data.campaign[rows])
    mates = float(np.square(count).sum() / count.sum())
    return 1.0 / (1.0 + (mates - 1.0) * TOGETHER)


def _chance(
    calibration: Calibration, raw: Mapping[str, Floats], factor: Floats | None, *, label: Floats, data: TrainingData
) -> Calibration:
    curve, rows = _platt(calibration), np.isfinite(label)
    score = calibration.score(raw)
    z = curve.slope * score + curve.intercept + (0.0 if factor is None else np.log(factor))
    centre, move, unsure = 0.0, np.zeros(2), np.diag([LEVEL_DOUBT**2, SLOPE_DOUBT**2])
    if rows.any():
        centre = float(z[rows].mean())
        move, unsure = _posterior(z[rows], label[rows], centre=centre, share=_shares(rows, data))
    stretch = 1.0 + float(move[1])
    told = Platt(stretch * curve.slope, stretch * curve.intercept + float(move[0]) - float(move[1]) * centre)
    return Calibration(
        calibration.heads,
        told,
        _unsure(calibration.spread, unsure, move=move, centre=centre),
        Scale.sum_of([(stretch, calibration.scale)]),
    )


def _posterior(z: Floats, y: Floats, *, centre: float, share: float) -> tuple[Floats, Floats]:
    """``a`` and ``b`` of greatest posterior density (2,), and their covariance (2, 2), by damped Newton steps."""
    design = np.column_stack([np.ones(len(z)), z - centre])
    penalty = np.array([1.0 / LEVEL_DOUBT**2, 1.0 / SLOPE_DOUBT**2])
    move = np.zeros(2)
    curve = np.diag(penalty)
    for _ in range(_ITERATIONS):
        p = 0.5 + 0.5 * np.tanh(0.5 * (z + design @ move))
        slope = share * (design.T @ (p - y)) + penalty * move
        curve = share * (design.T @ ((p * (1.0 - p))[:, None] * design)) + np.diag(penalty)
        step = np.clip(np.linalg.solve(curve, slope), -_LONGEST, _LONGEST)
        move = move - step
        if np.abs(step).max() < 1e-10:
            break
    move[1] = max(float(move[1]), _FLATTEST)
    return move, np.linalg.inv(curve)


def _unsure(
    spread: ProbabilitySpread | MoneySpread, covariance: Floats, *, move: Floats, centre: float
) -> ProbabilitySpread:
    """The prior's spread with what is unsure of level and slope, at chances from next to 0 to next to 1."""
    assert isinstance(spread, ProbabilitySpread)  # a chance has no other
    z = np.linspace(-_FURTHEST, _FURTHEST, 25)
    before, now = (0.5 + 0.5 * np.tanh(0.5 * one) for one in (z, z + move[0] + move[1] * (z - centre)))
    away = np.column_stack([np.ones(len(z)), z - centre])
    doubt = np.einsum("ij,jk,ik->i", away, covariance, away)
    alike = now * (1.0 - now) / (spread.concentration_at(before) + 1.0)
    variance = alike + (now * (1.0 - now)) ** 2 * doubt
    concentration = np.maximum(now * (1.0 - now) / variance - 1.0, 0.2)
    return ProbabilitySpread(tuple(now.tolist()), tuple(concentration.tolist()))


def _scatter(calibration: Calibration, raw: Mapping[str, Floats]) -> Floats:
    """The squared coefficient of variation that the prior tells of each row, (n,)."""
    value = calibration.value(calibration.score(raw))
    return np.clip(calibration.variance(calibration.score(raw)) / np.square(np.maximum(value, 1e-6)), 0.1, _WIDEST)


def _level(
    value: Floats, label: Floats, scatter: Floats, *, rows: Flags, data: TrainingData, centre: float, doubt: float
) -> tuple[float, float]:
    """ln of what multiplies ``value`` (n,), USD, and its standard deviation, from ``label`` (n,) at ``rows``."""
    rows = rows & (value > 0) & np.isfinite(label)
    if not rows.any():
        return centre, doubt
    weight = _shares(rows, data) / (scatter[rows] * value[rows].mean())
    expected, found = float(weight @ value[rows]), float(weight @ label[rows])
    level = centre
    for _ in range(_ITERATIONS):
        mean = expected * np.exp(level)
        step = (mean - found + (level - centre) / doubt**2) / (mean + 1.0 / doubt**2)
        level -= float(np.clip(step, -_LONGEST, _LONGEST))
        if abs(step) < 1e-10:
            break
    return level, float(1.0 / np.sqrt(expected * np.exp(level) + 1.0 / doubt**2))


def _moved(calibration: Calibration, level: float, doubt: float) -> Calibration:
    spread = calibration.spread
    if not isinstance(spread, MoneySpread):
        return calibration
    return dataclasses.replace(calibration, curve=calibration.curve.times(level), spread=spread.moved(level, doubt))
