"""How well a set of hyperparameters of the heads validates within the training campaigns, block by block.

The measure is the one that rankers are chosen by: the share of the best possible
estimated profit above chance that the out-of-fold order captures among the
invited (`training.heads.rankers.FittedRanker.validation`), of the ranker that training
would prefer. After each block of campaigns the share so far is told, so that a
hopeless set of hyperparameters need not be measured to its end. Held-out campaigns play no part.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketplace.arrays import Flags, Floats
from marketplace.errors import CollabrankError
from training.data import TrainingData
from training.heads.booster import fit_side_by_side
from training.heads.feature_sets import FeatureSet
from training.heads.fit import BLOCKS, FittedHead, Target, blocks_of, choose_head, fit_stages
from training.heads.hyperparameters import STEP, Hyperparameters
from training.heads.rankers import FittedRanker, rankers_from
from training.heads.targets import targets_of

__all__ = ["Measured", "measure", "measure_by_block", "validation_campaigns"]


@dataclass(frozen=True)
class Measured:
    """What the first blocks showed.

    Attributes
    ----------
    block : int
        The last block that counted, from 0.
    ranker : str
        The ranker that training would prefer on them; empty where they hold too little to tell.
    share : float
        Mean over the campaigns so far; NaN where they hold too little to tell.
    campaigns : tuple of str
        Ids, ascending.
    shares : float64 (campaigns,)
        The same by campaign, NaN where nothing is at stake.
    """

    block: int
    ranker: str
    share: float
    campaigns: tuple[str, ...]
    shares: Floats


def validation_campaigns(data: TrainingData) -> tuple[str, ...]:
    """Ids, ascending, of the campaigns with settled outcomes: one each for `FittedRanker.validation_shares`."""
    known = np.isfinite(data.realised_profit())
    return tuple(sorted({str(name) for name in data.rows["campaign_id"].to_numpy()[known]}))


def measure(data: TrainingData, hyperparameters: Hyperparameters, *, seed: int, shifted: bool = False) -> Measured:
    """All blocks of `measure_by_block`."""
    *_, last = measure_by_block(data, hyperparameters, seed=seed, shifted=shifted)
    return last


def measure_by_block(
    data: TrainingData, hyperparameters: Hyperparameters, *, seed: int, shifted: bool = False
) -> Iterator[Measured]:
    """Yield, block by block, what ``hyperparameters`` captures on the campaigns so far.

    The last one is what `training.heads.fit_rankers` would find with the same seed, bit for bit (unless ``shifted``,
    another assignment of campaigns to blocks: `training.heads.fit.blocks_of`).

    Raises
    ------
    TrainingError
        Too little to fit a head on.
    """
    targets = targets_of(data)
    blocks = blocks_of(data.campaign, shifted=shifted)
    tasks = [
        (target, feature_set)
        for target in targets
        for feature_set in hyperparameters.feature_sets_of(target.feature_sets)
    ]
    scores = {
        (t.name, feature_set.name): np.empty((hyperparameters.max_rounds // STEP, len(data)))
        for t, feature_set in tasks
    }
    for block in range(BLOCKS):
        inside = blocks == block

        def staged(task: tuple[Target, FeatureSet], inside: Flags = inside) -> tuple[Floats, Any]:
            target, feature_set = task
            return fit_stages(target, data, feature_set, inside=inside, hyperparameters=hyperparameters, seed=seed)

        fitted: dict[tuple[str, str], Any] = {}
        for (target, feature_set), (found, estimator) in zip(tasks, fit_side_by_side(staged, tasks), strict=True):
            scores[target.name, feature_set.name][:, inside] = found
            fitted[target.name, feature_set.name] = estimator
        rank = functools.partial(rankers_from, seed=seed, hyperparameters=hyperparameters)
        yield _so_far(data, targets, blocks <= block, scores, fitted, rank=rank, block=block)


def _so_far(
    data: TrainingData,
    targets: list[Target],
    rows: Flags,
    scores: dict[tuple[str, str], Floats],
    fitted: dict[tuple[str, str], Any],
    *,
    rank: Callable[[TrainingData, Mapping[str, FittedHead]], list[FittedRanker]],
    block: int,
) -> Measured:
    """Choose, calibrate and measure on ``rows``, bool (n,), alone."""
    part = data if rows.all() else _part(data, rows)
    try:
        heads: dict[str, FittedHead] = {}
        for target in targets:
            own = {feature_set: found[:, rows] for (name, feature_set), found in scores.items() if name == target.name}
            mine = dataclasses.replace(target, rows=target.rows[rows], y=target.y[rows], weights=target.weights[rows])
            feature_set, head = choose_head(mine, part, own)
            heads[target.name] = dataclasses.replace(head, estimator=fitted[target.name, feature_set.name])
        ranker = rank(part, heads)[-1]
    except (CollabrankError, ValueError, ZeroDivisionError):
        # The first blocks of a small marketplace may hold no delivery at all; the last block holds what training has.
        if part is data:
            raise
        return Measured(block, "", float("nan"), (), np.zeros(0))
    return Measured(block, ranker.name, ranker.validation, validation_campaigns(part), ranker.validation_shares)


def _part(data: TrainingData, rows: Flags) -> TrainingData:
    return dataclasses.replace(
        data,
        rows=data.rows[rows].reset_index(drop=True),
        X=data.X[rows],
        economics=data.economics.take(rows),
        campaign=np.unique(data.campaign[rows], return_inverse=True)[1].astype(np.int64),
    )
