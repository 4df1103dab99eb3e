"""Fit one head: choose its feature set and its number of trees on whole campaigns left out, then fit it on all.

A head is one of the estimators of `training.heads.estimators`.

The campaigns, in order of brief, are cut into `BLOCKS` consecutive blocks; each
block is predicted by boosters that never saw it. (Every other block may serve
in fitting: expanding windows would leave the first campaigns without a
prediction and the first boosters with next to no data. What a fold cannot see
is decided by campaigns; signals are as of each brief in any case.) The
out-of-fold scores choose the feature set, calibrate the head and choose between the
rankers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from marketplace.arrays import Flags, Floats, Ints
from marketplace.errors import TrainingError
from models.calibration import Scale
from training.data import TrainingData
from training.heads.booster import fit_side_by_side
from training.heads.estimators import CampaignClassifier, CampaignRanker, CampaignRegressor
from training.heads.feature_sets import FeatureSet
from training.heads.hyperparameters import DEFAULT, STEP, Hyperparameters
from training.stats import Groups, ndcg_at_k

__all__ = [
    "BLOCKS",
    "SHALLOW",
    "FittedHead",
    "Target",
    "blocks_of",
    "choose_head",
    "fit_head",
    "fit_stages",
]

BLOCKS = 5

Estimator: TypeAlias = CampaignRanker | CampaignClassifier | CampaignRegressor

SHALLOW: Mapping[str, Any] = MappingProxyType(DEFAULT.lightgbm())
"""LightGBM's parameters of the default hyperparameters."""


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
        Target and weight; read at ``rows`` alone. A ranked row's weight scales its pull on the trees; the loss by which
        a ranking's feature set and rounds are chosen counts rows alike.
    objective : str
        ``binary``, ``cross_entropy`` (targets between 0 and 1), ``lambdarank``, ``quasi_poisson`` or another of
        LightGBM's.
    feature_sets : tuple of FeatureSet
        Tried in this order; a later one must be better than those before it, not equal.
    gains : tuple of float
        For ``lambdarank``: what each grade is worth.
    scale : Scale, optional
        For ``quasi_poisson``: what the head's exponential multiplies. Trees are steps, flat beyond the last cut; the
        scale goes on, and the trees learn what it gets wrong.
    """

    head: str
    rows: Flags
    y: Floats
    weights: Floats
    objective: str
    feature_sets: tuple[FeatureSet, ...]
    gains: tuple[float, ...] = ()
    scale: Scale | None = None

    @property
    def name(self) -> str:
        """The head's name, told apart from a pointwise head's where it ranks."""
        return ("rank_" if self.gains else "") + self.head

    def offset(self, data: TrainingData, rows: Flags) -> Floats:
        """ln of the scale's factor at ``rows``, bool (n,), of ``data``: (rows.sum(),); zeros without a scale."""
        if self.scale is None:
            return np.zeros(int(rows.sum()))
        return np.asarray(np.log(self.scale.of(data.X[rows], data.signals)))


@dataclass(frozen=True)
class FittedHead:
    """A head with what its making showed.

    Attributes
    ----------
    quantity : str
        What it tells: the target's ``head``, its usual name in a bundle.
    estimator : CampaignRanker, CampaignClassifier or CampaignRegressor
        Fitted on all of the target's rows; while a set of hyperparameters is being measured, on those of some blocks.
    out_of_fold : float64 (n,)
        Raw score of every row of the data by a booster that did not see its campaign.
    feature_set : str
    rounds : int
    loss, constant_loss : float
        Out-of-fold loss of the chosen feature set, and of a constant (for ``lambdarank``: minus nDCG, of ties).
    losses : mapping of feature set to float
        The best of each.
    scale : Scale or None
        The target's.
    converged : bool
        Whether fewer trees than the most allowed had the least loss; else it may still have been falling.
    """

    quantity: str
    estimator: Any
    out_of_fold: Floats
    feature_set: str
    rounds: int
    loss: float
    constant_loss: float
    losses: Mapping[str, float]
    scale: Scale | None = None
    converged: bool = True

    @property
    def booster(self) -> Any:
        """The estimator's ``lightgbm.Booster``."""
        return self.estimator.booster_


def blocks_of(campaign: Ints, *, shifted: bool = False) -> Ints:
    """The block, 0 to `BLOCKS` - 1, of each row, int64 (n,): consecutive campaigns, whole.

    ``shifted`` moves the edges by half a block (the first half block then belongs to the last one's block): another
    assignment of the same campaigns, to see what the first one owes to luck.
    """
    count = int(campaign.max()) + 1
    moved = (campaign + count // (2 * BLOCKS)) % count if shifted else campaign
    return np.asarray(np.minimum(moved * BLOCKS // count, BLOCKS - 1), dtype=np.int64)


def fit_head(
    target: Target, data: TrainingData, *, seed: int, hyperparameters: Hyperparameters = DEFAULT
) -> FittedHead:
    """Choose feature set and rounds out of fold, then fit on all rows of the target."""
    blocks = blocks_of(data.campaign)
    feature_sets = hyperparameters.feature_sets_of(target.feature_sets)
    tasks = [(feature_set, block) for feature_set in feature_sets for block in range(BLOCKS)]

    def staged(task: tuple[FeatureSet, int]) -> Floats:
        feature_set, block = task
        return fit_stages(
            target, data, feature_set, inside=blocks == block, hyperparameters=hyperparameters, seed=seed
        )[0]

    scores = {
        feature_set.name: np.empty((hyperparameters.max_rounds // STEP, len(data))) for feature_set in feature_sets
    }
    for (feature_set, block), answer in zip(tasks, fit_side_by_side(staged, tasks), strict=True):
        scores[feature_set.name][:, blocks == block] = answer
    feature_set, found = choose_head(target, data, scores)
    fitted = _fit(
        target, data, target.rows, feature_set, rounds=found.rounds, seed=seed, hyperparameters=hyperparameters
    )
    return dataclasses.replace(found, estimator=fitted)


def fit_stages(
    target: Target,
    data: TrainingData,
    feature_set: FeatureSet,
    *,
    inside: Flags,
    hyperparameters: Hyperparameters,
    seed: int,
) -> tuple[Floats, Estimator]:
    """Fit on the target's rows outside of ``inside``, bool (n,), and score those inside at every number of trees.

    Returns
    -------
    scores : float64 (max_rounds / `STEP`, inside.sum())
        Raw scores after STEP, 2 STEP, … trees.
    fitted : CampaignRanker, CampaignClassifier or CampaignRegressor
    """
    fitted = _fit(
        target,
        data,
        target.rows & ~inside,
        feature_set,
        rounds=hyperparameters.max_rounds,
        seed=seed,
        hyperparameters=hyperparameters,
    )
    booster, X = fitted.booster_, data.X[inside]
    scores = np.empty((hyperparameters.max_rounds // STEP, len(X)))
    for stage in range(len(scores)):
        part = booster.predict(X, raw_score=True, start_iteration=stage * STEP, num_iteration=STEP, num_threads=1)
        scores[stage] = part if stage == 0 else scores[stage - 1] + part
    return scores, fitted


def choose_head(target: Target, data: TrainingData, scores: Mapping[str, Floats]) -> tuple[FeatureSet, FittedHead]:
    """The feature set and the number of trees of least out-of-fold loss; the head is still without its estimator.

    ``scores``: name of a feature set to raw out-of-fold scores, float64 (stages, n), as `fit_stages` gives them.
    """
    best: tuple[float, FeatureSet, int, Floats, bool] | None = None
    losses: dict[str, float] = {}
    for feature_set in target.feature_sets:
        if feature_set.name not in scores:
            continue
        by_stage = [_loss(target, data, row) for row in scores[feature_set.name]]
        stage = int(np.argmin(by_stage))
        losses[feature_set.name] = by_stage[stage]
        if best is None or by_stage[stage] < best[0]:
            best = (by_stage[stage], feature_set, (stage + 1) * STEP, scores[feature_set.name][stage],
                    stage < len(by_stage) - 1)  # fmt: skip
    assert best is not None  # there is at least one feature set
    loss, feature_set, rounds, out_of_fold, converged = best
    return feature_set, FittedHead(
        quantity=target.head,
        estimator=None,
        out_of_fold=out_of_fold,
        feature_set=feature_set.name,
        rounds=rounds,
        loss=loss,
        constant_loss=_loss(dataclasses.replace(target, scale=None), data, np.zeros(len(data))),
        losses=losses,
        scale=target.scale,
        converged=converged,
    )


def _fit(
    target: Target,
    data: TrainingData,
    rows: Flags,
    feature_set: FeatureSet,
    *,
    rounds: int,
    seed: int,
    hyperparameters: Hyperparameters,
) -> Estimator:
    if int(rows.sum()) < 2:
        raise TrainingError(
            f"at least 2 rows to learn {target.name} from",
            received=str(int(rows.sum())),
            look="a longer history, or a later --as-of",
        )
    X = data.X[rows]
    # A constant column is never split on; the head keeps all the signals in their order.
    X[:, feature_set.hidden(data.signals, data.monotone)] = 0.0
    y, weights = target.y[rows], target.weights[rows]
    shared: dict[str, Any] = {
        **hyperparameters.lightgbm(),
        "n_estimators": rounds,
        "monotone": feature_set.directions(data.signals, data.monotone),
        # Heads and folds are fitted side by side, each on one thread.
        "num_threads": 1,
        "random_state": seed,
    }
    frame = pd.DataFrame(X, columns=list(data.signals), copy=False)
    if target.gains:
        ranker = CampaignRanker(
            **shared,
            label_gain=target.gains,
            lambdarank_truncation_level=hyperparameters.lambdarank_truncation_level,
        )
        # A ranking whose rows count alike is told no weights.
        told = None if bool((weights == 1.0).all()) else weights
        return ranker.fit(frame, y, groups=data.campaign[rows], sample_weight=told)
    if target.objective == "binary":
        # The calibration, with its interval, is fitted on the out-of-fold scores of the head that is chosen.
        return CampaignClassifier(**shared, calibrate=False).fit(frame, y, sample_weight=weights)
    offset = target.offset(data, rows) if target.objective == "quasi_poisson" else None
    # Unbounded steps: lambda_l2 holds them, in units of weights that are about one over the money.
    regressor = CampaignRegressor(**shared, objective=target.objective, max_delta_step=0.0)
    return regressor.fit(frame, y, sample_weight=weights, offset=offset)


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
        f = f + target.offset(data, rows)
        level = np.log(max(np.average(y, weights=w), 1e-9) / np.average(np.exp(f), weights=w))
        return float(np.average(np.exp(f + level) - y * (f + level), weights=w))
    return float(np.average((y - f) ** 2, weights=w))
