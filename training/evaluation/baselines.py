"""What brands sort by today, and a shuffle: the rankers that every model has to beat.

Scores are read off the signal matrix alone, so a baseline knows exactly what a
model knows. A signal that is not known counts as the least.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.arrays import Floats
from marketplace.errors import TrainingError

__all__ = ["BASELINES", "SORTS", "baseline_scores", "random_scores"]


BASELINES: Mapping[str, str] = {
    "followers": "follower_count_last",
    "gmv": "net_gmv_sum_28d",
    "category_gmv": "category_organic_net_gmv_sum_90d",
    "past_success": "accepts_sum_365d",
}
"""Ranker to the signal that it sorts by, most first.

``gmv``: all net sales, as the marketplaces' own lists do. ``category_gmv``: organic net sales in the brief's category,
the strongest simple sort. ``past_success``: invitations accepted before. Two more need no signal: ``random``, and
``indices_only`` (the mean of the eight indices, where they are given).
"""


SORTS = (*BASELINES, "indices_only")
"""The simple sorts by name: what a brand could do without a model."""


def random_scores(pairs: pd.DataFrame, *, seed: int = 0) -> Floats:
    """A shuffle, float64 (n,) in [0, 1): drawn from each pair's own ids and the seed, whatever the order of rows."""
    key = f"{seed:016d}"[-16:]
    text = pairs["campaign_id"].astype(str) + "\x1f" + pairs["creator_id"].astype(str)
    hashed = pd.util.hash_array(text.to_numpy(dtype=object), hash_key=key, categorize=False)
    return (hashed >> np.uint64(11)).astype(np.float64) / 2.0**53


def baseline_scores(matrix: pd.DataFrame, *, indices: npt.ArrayLike | None = None, seed: int = 0) -> dict[str, Floats]:
    """Every baseline's scores for the rows of ``matrix``; more is better.

    Parameters
    ----------
    matrix : DataFrame[campaign_id, creator_id, *signals], n rows
        As `features.signals.build.build_matrix` gives it.
    indices : float64 (n, 8), optional
        As `features.indices.build.index_scores` gives it; NaN counts as 50, as in the score.
    seed : int
        Of ``random``.

    Returns
    -------
    dict of ranker to float64 (n,)
        ``random`` first, then `BASELINES`, then ``indices_only`` where ``indices`` are given.

    Raises
    ------
    TrainingError
        A signal of `BASELINES` is not in the matrix.
    """
    missing = sorted(signal for signal in BASELINES.values() if signal not in matrix.columns)
    if missing:
        raise TrainingError(
            "the signals that the baselines sort by",
            received=f"a matrix without {', '.join(missing)}",
            look="training/evaluation/baselines.py, BASELINES; `collabrank signals`",
        )
    scores = {"random": random_scores(matrix, seed=seed)}
    for ranker, signal in BASELINES.items():
        scores[ranker] = np.nan_to_num(matrix[signal].to_numpy(dtype=np.float64), nan=-np.inf)
    if indices is not None:
        values = np.asarray(indices, dtype=np.float64)
        scores["indices_only"] = np.where(np.isnan(values), 50.0, values).mean(axis=1)
    return scores
