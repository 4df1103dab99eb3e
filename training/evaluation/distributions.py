"""What a bundle is to remember of the rows it was made on, for telling drift later (`models.drift`)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.drift import Reference, Sample, predicted_columns, spread_rows
from models.economics import Economics
from models.predict import Predictions, predict
from training.data import TrainingData
from training.evaluation.held_out import HeldOut
from training.heads import FittedRanker

__all__ = ["reference_of"]

MOST = 200
"""Eligible creators of each held-out campaign that are looked at: every campaign counts alike, as a request does."""


def reference_of(ranker: FittedRanker, data: TrainingData, held_out: HeldOut) -> Reference:
    """Distributions over the eligible of the held-out campaigns, and over the invitations that were learned from.

    Predictions of the eligible are the bundle's; those of the invitations are out of fold.
    """
    names = ranker.bundle.signals
    learned = _sample(data.X, ranker.out_of_fold, data.campaign)
    if not len(held_out.pairs):
        return Reference.of(names, learned, learned)
    campaign = np.asarray(pd.factorize(held_out.pairs["campaign_id"])[0], dtype=np.int64)
    rows = spread_rows(campaign, MOST)
    X = np.ascontiguousarray(held_out.X[list(names)].iloc[rows].to_numpy(dtype=np.float64))
    asked = held_out.pairs["campaign_id"].to_numpy(dtype=object)[rows]
    told = predict(ranker.bundle, X, Economics.of_many(held_out.briefs, asked))
    return Reference.of(names, _sample(X, told, campaign[rows]), learned)


def _sample(X: np.ndarray, told: Predictions, campaign: np.ndarray) -> Sample:
    return Sample(X, predicted_columns(told), campaign)
