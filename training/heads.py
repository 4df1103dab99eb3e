"""Fit one head: choose its shape and its number of trees on whole campaigns left out, then fit it on all.

The campaigns, in order of brief, are cut into `BLOCKS` consecutive blocks; each
block is predicted by boosters that never saw it. (Every other block may serve
in fitting: expanding windows would leave the first campaigns without a
prediction and the first boosters with next to no data. What a fold cannot see
is decided by campaigns; signals are as of each brief in any case.) The
out-of-fold scores choose the recipe, calibrate the head and choose between the
forms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.dataset import TrainingData
from training.fit import Floats, fit_booster, fit_side_by_side, group_sizes
from training.metrics import Groups, ndcg_at_k
from training.recipes import Recipe

__all__ = ["BLOCKS", "MAX_ROUNDS", "SHALLOW", "FittedHead", "Target", "fit_head", "quasi_poisson"]

BLOCKS = 5
MAX_ROUNDS = 240
STEP = 20
"""Numbers of trees tried: STEP, 2 STEP, … MAX_ROUNDS."""

Flags = NDArray[np.bool_]

SHALLOW: Mapping[str, Any] = {
    "learning_rate": 0.05,
    "max_depth": 3,
    "num_leaves": 6,
    "min_data_in_leaf": 30,
    "lambda_l2": 10.0,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 63,
    "monotone_constraints_method": "basic",
}
"""A few thousand rows and dozens of signals: trees of six leaves on a part of the signals each."""


@dataclass(frozen=True)
class Target:
    """What a head learns.

    Attributes
    ----------
    head : str
        Its name in the bundle.
    rows : bool (n,)
        Rows of the data that it learns from.
    y, weights : float64 (n,)
        Target and weight; read at ``rows`` alone.
    objective : str
        ``binary``, ``cross_entropy`` (targets between 0 and 1), ``lambdarank``, ``quasi_poisson`` or another of
        LightGBM's.
    recipes : tuple of Recipe
        Tried in this order; a later one must be better than those before it, not equal.
    gains : tuple of float
        For ``lambdarank``: what each grade is worth.
    """

    head: str
    rows: Flags
    y: Floats
    weights: Floats
    objective: str
    recipes: tuple[Recipe, ...]
    gains: tuple[float, ...] = ()


@dataclass(frozen=True)
class FittedHead:
    """A head with what its making showed.

    Attributes
    ----------
    booster : lightgbm.Booster
        Fitted on all of the target's rows.
    out_of_fold : float64 (n,)
        Raw score of every row of the data by a booster that did not see its campaign.
    recipe : str
    rounds : int
    loss, constant_loss : float
        Out-of-fold loss of the chosen recipe, and of a constant (for ``lambdarank``: minus nDCG, of ties).
    losses : mapping of recipe to float
        The best of each.
    """

    booster: Any
    out_of_fold: Floats
    recipe: str
    rounds: int
    loss: float
    constant_loss: float
    losses: Mapping[str, float]


def quasi_poisson(weights: Floats) -> Callable[[Floats, Any], tuple[Floats, Floats]]:
    """Objective ``sum w (exp(f) - y f)``: a multiplicative model of the mean, whatever the sign of single targets.

    LightGBM's own ``poisson`` refuses negative targets, and lift estimates scatter about small means.
    Source: Wedderburn (1974), Quasi-likelihood functions, generalized linear models, and the Gauss-Newton method.
    """

    def objective(raw: Floats, data: Any) -> tuple[Floats, Floats]:
        mean = np.exp(np.clip(raw, -20.0, 20.0))
        return weights * (mean - data.get_label()), weights * mean * 1.5

    return objective


def fit_head(target: Target, data: TrainingData, *, seed: int) -> FittedHead:
    """Choose recipe and rounds out of fold, then fit on all rows of the target."""
    blocks = np.minimum(data.campaign * BLOCKS // (int(data.campaign.max()) + 1), BLOCKS - 1)
    tasks = [(recipe, block) for recipe in target.recipes for block in range(BLOCKS)]

    def staged(task: tuple[Recipe, int]) -> Floats:
        recipe, block = task
        booster = _fit(target, data, target.rows & (blocks != block), recipe, rounds=MAX_ROUNDS, seed=seed)
        inside = data.X[blocks == block]
        scores = np.empty((MAX_ROUNDS // STEP, len(inside)))
        for stage in range(len(scores)):
            part = booster.predict(
                inside, raw_score=True, start_iteration=stage * STEP, num_iteration=STEP, num_threads=1
            )
            scores[stage] = part if stage == 0 else scores[stage - 1] + part
        return scores

    keys = [(recipe.name, block) for recipe, block in tasks]
    answers = dict(zip(keys, fit_side_by_side(staged, tasks), strict=True))
    best: tuple[float, Recipe, int, Floats] | None = None
    losses: dict[str, float] = {}
    for recipe in target.recipes:
        scores = np.empty((MAX_ROUNDS // STEP, len(data)))
        for block in range(BLOCKS):
            scores[:, blocks == block] = answers[recipe.name, block]
        by_stage = [_loss(target, data, row) for row in scores]
        stage = int(np.argmin(by_stage))
        losses[recipe.name] = by_stage[stage]
        if best is None or by_stage[stage] < best[0]:
            best = (by_stage[stage], recipe, (stage + 1) * STEP, scores[stage])
    assert best is not None  # there is at least one recipe
    loss, recipe, rounds, out_of_fold = best
    return FittedHead(
        booster=_fit(target, data, target.rows, recipe, rounds=rounds, seed=seed),
        out_of_fold=out_of_fold,
        recipe=recipe.name,
        rounds=rounds,
        loss=loss,
        constant_loss=_loss(target, data, np.zeros(len(data))),
        losses=losses,
    )


def _fit(target: Target, data: TrainingData, rows: Flags, recipe: Recipe, *, rounds: int, seed: int) -> Any:
    X = data.X[rows]
    # A constant column is never split on; the head keeps all the signals in their order.
    X[:, recipe.hidden(data.signals, data.monotone)] = 0.0
    y, weights = target.y[rows], target.weights[rows]
    params: dict[str, Any] = dict(SHALLOW)
    init = None
    if target.objective == "quasi_poisson":
        params["objective"] = quasi_poisson(weights)
        # The starting level is not part of the text; the calibration's intercept brings it back.
        init = np.full(len(y), np.log(max(float(np.average(y, weights=weights)), 1e-6)))
    else:
        params["objective"] = target.objective
    if target.gains:
        params["label_gain"] = list(target.gains)
        params["lambdarank_truncation_level"] = 30
    return fit_booster(
        X,
        y,
        params=params,
        rounds=rounds,
        seed=seed,
        groups=group_sizes(data.campaign[rows]) if target.gains else None,
        weights=None if target.gains else weights,
        init_score=init,
        signals=data.signals,
        monotone=recipe.directions(data.signals, data.monotone),
    )


def _loss(target: Target, data: TrainingData, raw: Floats) -> float:
    """Out-of-fold loss, less is better; scores of money are judged after the best constant factor."""
    rows = target.rows
    y, w, f = target.y[rows], target.weights[rows], raw[rows]
    if target.gains:
        groups = Groups.of(data.rows["campaign_id"].to_numpy()[rows], data.rows["creator_id"].to_numpy()[rows])
        return -float(np.nanmean(ndcg_at_k(groups, f, np.asarray(target.gains)[y.astype(np.int64)], k=20)))
    if target.objective in ("binary", "cross_entropy"):
        if not f.any():
            rate = np.clip(np.average(y, weights=w), 1e-6, 1 - 1e-6)
            f = np.full(len(y), np.log(rate / (1 - rate)))
        return float(np.average(np.logaddexp(0.0, f) - y * f, weights=w))
    if target.objective == "quasi_poisson":
        level = np.log(max(np.average(y, weights=w), 1e-9) / np.average(np.exp(f), weights=w))
        return float(np.average(np.exp(f + level) - y * (f + level), weights=w))
    return float(np.average((y - f) ** 2, weights=w))
