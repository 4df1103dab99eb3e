"""Score many briefs at once: the same arithmetic as ranking one, a row a (campaign, creator) pair."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from marketplace.arrays import Floats, Many, as_floats
from models.bundle import Bundle
from models.economics import Economics, Terms
from models.predict import Predictions, predict
from models.score import combine

__all__ = ["SCORE_COLUMNS", "score_pairs", "scores_of"]

SCORE_COLUMNS = ("campaign_id", "creator_id", "rank", "score", "utility_usd", "success_probability", "lift_usd")


def scores_of(
    campaign_ids: Many, utility: Floats, indices: Floats, *, weights: Mapping[str, float], index_names: tuple[str, ...]
) -> Floats:
    """`models.score.combine` within each campaign, (n,): a score is relative to the campaign's own candidates.

    Rows of one campaign need not stand together.
    """
    codes, _ = pd.factorize(np.asarray(campaign_ids, dtype=object))
    score = np.empty(len(codes))
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if rows.size:
            score[rows] = combine(utility[rows], indices[rows], weights=weights, index_names=index_names)
    return score


def score_pairs(
    bundle: Bundle,
    pairs: pd.DataFrame,
    *,
    X: Many,
    indices: Many,
    briefs: Mapping[str, Terms],
    weights: Mapping[str, float] | None = None,
) -> tuple[pd.DataFrame, Predictions]:
    """Score and rank the candidates of every campaign in ``pairs``.

    Parameters
    ----------
    bundle : Bundle
    pairs : DataFrame[campaign_id, creator_id], n rows
        All candidates of each campaign: the utility's standing is taken among them.
    X : float64 (n, n_signals)
        In ``bundle.signals`` order, as of each brief.
    indices : float64 (n, n_indices)
        In ``bundle.index_names`` order, as of each brief.
    briefs : mapping of campaign_id to Brief
    weights : mapping, optional
        The bundle's own by default.

    Returns
    -------
    DataFrame, Predictions
        `SCORE_COLUMNS` in the order of ``pairs``: ``rank`` int64 from 1 (best score first, equal scores by
        creator_id), ``score`` 0..100, ``utility_usd`` and ``lift_usd`` USD; and all predictions behind them.

    Raises
    ------
    BundleError
        ``X`` has not the bundle's signals as columns.
    BriefError
        A campaign has no brief, or the weights cannot be used.
    """
    campaigns = pairs["campaign_id"].to_numpy(dtype=object)
    predictions = predict(bundle, X, Economics.of_many(briefs, campaigns))
    score = scores_of(
        campaigns,
        predictions.order,
        as_floats(indices),
        weights=bundle.weights if weights is None else weights,
        index_names=bundle.index_names,
    )
    frame = pd.DataFrame(
        {
            "campaign_id": pairs["campaign_id"].to_numpy(),
            "creator_id": pairs["creator_id"].to_numpy(),
            "rank": np.zeros(len(pairs), dtype=np.int64),
            "score": score,
            "utility_usd": predictions.utility,
            "success_probability": predictions.success_probability,
            "lift_usd": predictions.lift,
        }
    )
    order = frame.sort_values(["campaign_id", "score", "creator_id"], ascending=[True, False, True], kind="stable")
    frame.loc[order.index, "rank"] = order.groupby("campaign_id").cumcount().to_numpy(dtype=np.int64) + 1
    return frame, predictions
