"""Fit the last stage of a ranker: ``lambdarank`` from the utility on, list by list (`models.stage.Stage`).

A row's label is the expected profit itself, out of fold, plus `HEARD` of what it realised beyond that, pulled in: one
campaign's outcome is mostly luck, and a stage that believed it would unlearn what the heads know. Grades are quantiles
of that label over all rows, a grade's gain is its mean, so a list is worth what it earns.

Whether the stage stays is decided out of fold (`training.heads.rankers`): it must put the invited of whole campaigns
left out in an order that earns no less than the utility's own.

Source: Burges (2010), From RankNet to LambdaRank to LambdaMART: An Overview.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from marketplace.arrays import Flags, Floats
from models.stage import Stage
from training.data import TrainingData
from training.heads.booster import fit_side_by_side
from training.heads.estimators import CampaignRanker
from training.heads.feature_sets import MONOTONE
from training.heads.fit import BLOCKS, FittedHead, blocks_of
from training.heads.hyperparameters import Hyperparameters

__all__ = ["ORDER", "fit_stage"]

ORDER = "order"
"""The head's name in a bundle."""

HEARD = 0.3
"""Share of a realised profit's surprise that the label takes in."""

SLOPE = 3.0
"""What one unit of asinh(utility / unit) counts in the head's scores."""

ROUNDS = 60
GRADES = 31

_EDGE = 0.02
"""Surprises beyond this quantile at either end are pulled in to it."""


def fit_stage(
    data: TrainingData, utility: Floats, *, seed: int, hyperparameters: Hyperparameters
) -> tuple[Stage, FittedHead] | None:
    """The stage and its head, with raw scores out of fold; None where fewer than two campaigns have a known profit.

    Parameters
    ----------
    data : TrainingData of n rows
    utility : float64 (n,)
        Expected profit of each row out of fold, USD.
    """
    profit = data.realised_profit()
    rows = np.isfinite(profit)
    blocks = blocks_of(data.campaign)
    if len(np.unique(blocks[rows])) < BLOCKS:
        return None
    stage = Stage(ORDER, SLOPE, max(float(np.median(np.abs(utility[rows]))), 0.01))
    start = stage.start(utility)
    grades, gains = _graded(utility, profit, rows)

    def fit(kept: Flags) -> CampaignRanker:
        frame = pd.DataFrame(data.X[kept], columns=list(data.signals), copy=False)
        ranker = CampaignRanker(
            **hyperparameters.lightgbm(),
            n_estimators=ROUNDS,
            monotone=MONOTONE.directions(data.signals, data.monotone),
            label_gain=gains,
            lambdarank_truncation_level=hyperparameters.lambdarank_truncation_level,
            num_threads=1,
            random_state=seed,
        )
        return ranker.fit(frame, grades[kept], groups=data.campaign[kept], offset=start[kept])

    kept = [rows & (blocks != block) for block in range(BLOCKS)]
    out_of_fold = np.zeros(len(data))
    *fitted, whole = fit_side_by_side(fit, [*kept, rows])
    for block, one in enumerate(fitted):
        inside = blocks == block
        out_of_fold[inside] = one.booster_.predict(data.X[inside], raw_score=True, num_threads=1)
    head = FittedHead(
        quantity=ORDER,
        estimator=whole,
        out_of_fold=out_of_fold,
        feature_set=MONOTONE.name,
        rounds=ROUNDS,
        loss=float("nan"),
        constant_loss=float("nan"),
        losses={},
    )
    return stage, head


def _graded(utility: Floats, profit: Floats, rows: Flags) -> tuple[Floats, tuple[float, ...]]:
    """The grade of every row, float64 (n,), and what each grade is worth, never falling, from 0, with mean 1."""
    surprise = np.where(rows, profit - utility, 0.0)
    low, high = np.quantile(surprise[rows], [_EDGE, 1.0 - _EDGE])
    label = utility + HEARD * np.clip(surprise, low, high)
    edges = np.quantile(label[rows], np.arange(1, GRADES) / GRADES)
    grades = np.searchsorted(edges, label, side="right")
    count = np.bincount(grades[rows], minlength=GRADES)
    total = np.bincount(grades[rows], weights=label[rows], minlength=GRADES)
    seen = count > 0
    means = np.interp(np.arange(GRADES), np.flatnonzero(seen), total[seen] / count[seen])
    gains = np.maximum.accumulate(means) - means[0]
    return grades.astype(np.float64), tuple((gains / (gains.mean() or 1.0)).tolist())
