"""Doubly robust pseudo-outcomes of lift: a label for every invitation, delivered or not.

Lift is only seen where something was delivered, and who delivers is no random
draw of who was invited. For the invited,

``psi = m(x) + d / e(x) x (lift - m(x))``

with ``d`` = delivered and ripe, ``m`` the lift expected given the signals, and
``e`` the chance of being delivered. Its mean given ``x`` is the expected lift
given delivery if either ``m`` or ``e`` is right (and delivery depends on
nothing that the signals do not tell). Both are fitted on creators *and* brands
that the row has none of: a creator's other partnerships would let a booster
remember what it should predict. Weights and residuals are winsorised.

Source: Robins, Rotnitzky and Zhao (1994), Estimation of regression coefficients when some regressors are not always
observed; Kennedy (2023), Towards optimal doubly robust estimation of heterogeneous causal effects.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marketplace.arrays import Flags, Floats, Ints
from training.data import TrainingData
from training.heads import SALES_FEW, SHALLOW, campaign_level, fit_booster, fit_side_by_side, lift_labels, quasi_poisson

__all__ = ["FOLDS", "LEAST_CHANCE", "PseudoOutcomes", "cross_fitting_folds", "pseudo_outcomes", "robust_label"]


FOLDS = 3
"""Folds of creators, and as many of brands; each of the 9 cells is predicted without its creators and its brands."""

LEAST_CHANCE = 0.05
"""Chances of delivery are held above this: no row weighs more than 20."""

WINSOR = 0.02
"""Share of residuals at either end that is drawn in to the quantile there."""

ROUNDS = 80


@dataclass(frozen=True)
class PseudoOutcomes:
    """For every row of the data, float64 (n,), NaN where the row's outcome is not known.

    Attributes
    ----------
    label, se : float64 (n,)
        The pseudo-outcome and its standard error given the nuisances, USD. Where nothing was delivered the label is
        ``m(x)`` and the error that of a typical row's lift about it.
    expected, chance : float64 (n,)
        The nuisances: ``m`` in USD and ``e``.
    """

    label: Floats
    se: Floats
    expected: Floats
    chance: Floats


def cross_fitting_folds(keys: npt.NDArray[np.object_]) -> Ints:
    """Fold 0..`FOLDS` - 1 of each key, by a hash: a creator stays in its fold whatever else is in the data."""
    codes = {key: zlib.crc32(str(key).encode()) % FOLDS for key in set(keys.tolist())}
    return np.array([codes[key] for key in keys.tolist()], dtype=np.int64)


def pseudo_outcomes(
    data: TrainingData, brands: npt.NDArray[np.object_], *, seed: int, winsor: float = WINSOR
) -> PseudoOutcomes:
    """Doubly robust labels, nuisances cross-fitted by creator and brand.

    Parameters
    ----------
    brands : object (n,)
        Brand of each row's campaign.
    winsor : float
        See `WINSOR`; 0 leaves residuals as they are.
    """
    lift, lift_se, attributed = lift_labels(data)
    known = data.outcome_known
    seen = known & np.isfinite(lift)
    # Delivered and not ripe yet is missing by the calendar, not by the creator's doing.
    judged = known & (seen | ~(data.column("delivered") == 1.0))
    level = campaign_level(data, attributed)
    weight = np.nan_to_num(level / (level**2 + lift_se**2))
    by_creator = cross_fitting_folds(data.rows["creator_id"].to_numpy(dtype=object))
    by_brand = cross_fitting_folds(brands)

    def one(cell: tuple[int, int]) -> tuple[Flags, Floats, Floats]:
        here = (by_creator == cell[0]) & (by_brand == cell[1])
        apart = (by_creator != cell[0]) & (by_brand != cell[1])
        expected = _expected_lift(data, lift, weight, apart & seen, here, seed=seed)
        return here, expected, _chance(data, seen, apart & judged, here, seed=seed)

    expected, chance = np.full(len(data), np.nan), np.full(len(data), np.nan)
    cells = [(a, b) for a in range(FOLDS) for b in range(FOLDS)]
    for here, m, e in fit_side_by_side(one, cells):
        expected[here], chance[here] = m, e
    chance = np.clip(chance, LEAST_CHANCE, 1.0)
    scale = np.maximum(np.abs(expected), 0.1 * level)
    residual = np.where(seen, (np.nan_to_num(lift) - expected) / scale, 0.0)
    if winsor > 0 and seen.any():
        residual = np.clip(residual, *np.quantile(residual[seen], [winsor, 1.0 - winsor]))
    # What a lift is about its expectation: the spread of residuals, in units of the expectation.
    spread = float(np.sqrt(np.mean(residual[seen] ** 2))) if seen.any() else 0.0
    label = expected + np.where(seen, residual * scale / chance, 0.0)
    se = np.where(seen, np.nan_to_num(lift_se) / chance, spread * scale)
    return PseudoOutcomes(np.where(judged, label, np.nan), np.where(judged, se, np.nan), expected, chance)


def robust_label(data: TrainingData, brands: npt.NDArray[np.object_], *, seed: int) -> tuple[Floats, Floats]:
    """An alternative to `training.heads.lift_labels` for the lift head: label, standard error, USD, float64 (n,)."""
    found = pseudo_outcomes(data, brands, seed=seed)
    return found.label, found.se


def _expected_lift(data: TrainingData, lift: Floats, weight: Floats, rows: Flags, here: Flags, *, seed: int) -> Floats:
    if not here.any():
        return np.zeros(0)
    if rows.sum() < 2 * int(SHALLOW["min_data_in_leaf"]):
        known = np.isfinite(lift)
        return np.full(int(here.sum()), float(lift[rows].mean() if rows.any() else lift[known].mean()))
    y, w = lift[rows], weight[rows]
    start = max(float(np.average(y, weights=w)), 1e-6)
    X = _shown(data)
    booster = fit_booster(
        X[rows],
        y,
        params={**SHALLOW, "objective": quasi_poisson(w)},
        rounds=ROUNDS,
        seed=seed,
        weights=w,
        init_score=np.full(len(y), np.log(start)),
        signals=data.signals,
        monotone=SALES_FEW.directions(data.signals, data.monotone),
    )
    inside = np.exp(np.clip(booster.predict(X[rows], raw_score=True, num_threads=1), -20.0, 20.0))
    found = np.exp(np.clip(booster.predict(X[here], raw_score=True, num_threads=1), -20.0, 20.0))
    # The level in USD that the weights took off.
    return np.asarray(found * (y.sum() / max(float(inside.sum()), 1e-9)))


def _chance(data: TrainingData, seen: Flags, rows: Flags, here: Flags, *, seed: int) -> Floats:
    if not here.any():
        return np.zeros(0)
    y = seen[rows].astype(np.float64)
    if len(y) < 2 * int(SHALLOW["min_data_in_leaf"]) or y.min() == y.max():
        return np.full(int(here.sum()), float(y.mean()) if len(y) else 1.0)
    booster = fit_booster(
        data.X[rows], y, params={**SHALLOW, "objective": "binary"}, rounds=ROUNDS, seed=seed, signals=data.signals
    )
    return np.asarray(booster.predict(data.X[here], num_threads=1))


def _shown(data: TrainingData) -> Floats:
    """The signals, those that do not speak of sales set to a constant."""
    X = data.X.copy()
    X[:, SALES_FEW.hidden(data.signals, data.monotone)] = 0.0
    return X
