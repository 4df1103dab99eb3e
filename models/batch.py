"""Score many briefs at once: the same arithmetic as ranking one, a row a (campaign, creator) pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pandas as pd

from marketplace.arrays import Floats, Many, as_floats
from marketplace.errors import BundleError
from models.bundle import Bundle
from models.economics import Economics, Terms
from models.predict import Predictions, predict
from models.score import combine

__all__ = ["SCORE_COLUMNS", "frame_of", "score_frame", "score_pairs", "scores_of"]

SCORE_COLUMNS = ("campaign_id", "creator_id", "rank", "score", "utility_usd", "success_probability", "lift_usd")

_KEYS = ("campaign_id", "creator_id")
_TERMS = tuple(one.name for one in fields(Economics))
_ENDS = ("utility_low", "utility_high", "lift_low", "lift_high")


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
    briefs: Mapping[str, Terms] | Economics,
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
    briefs : mapping of campaign_id to Brief, or Economics
        Each campaign's terms, or each row's (n,).
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
    economics = briefs if isinstance(briefs, Economics) else Economics.of_many(briefs, campaigns)
    predictions = predict(bundle, X, economics)
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


def frame_of(
    bundle: Bundle, pairs: pd.DataFrame, *, X: Many, indices: Many, briefs: Mapping[str, Terms]
) -> pd.DataFrame:
    """All that `score_frame` reads of the candidates, n rows in one frame; the arguments are those of `score_pairs`.

    Returns
    -------
    DataFrame
        ``campaign_id`` and ``creator_id``; the terms ``margin_rate``, ``commission_rate``, ``flat_fee_usd`` and
        ``sample_cost_usd``; the indices, 0..100, and the signals, float64, NaN where not known.

    Raises
    ------
    BriefError
        A campaign has no brief.
    """
    campaigns = pairs["campaign_id"].to_numpy(dtype=object)
    economics = Economics.of_many(briefs, campaigns)
    keys = pd.DataFrame({name: pairs[name].astype("str").to_numpy() for name in _KEYS})
    terms = pd.DataFrame({name: getattr(economics, name) for name in _TERMS})
    known = pd.DataFrame(as_floats(indices), columns=list(bundle.index_names))
    return pd.concat([keys, terms, known, pd.DataFrame(as_floats(X), columns=list(bundle.signals))], axis=1)


def score_frame(bundle: Bundle, frame: pd.DataFrame) -> pd.DataFrame:
    """Score and rank the candidates of every campaign in ``frame``, whose columns `frame_of` names, in any order.

    All candidates of a campaign belong into one frame: a score is relative to them.

    Returns
    -------
    DataFrame
        `SCORE_COLUMNS`, then the ends of the 80 % intervals ``utility_low``, ``utility_high``, ``lift_low`` and
        ``lift_high``, USD; rows as in ``frame``.

    Raises
    ------
    BundleError
        Columns are missing.
    BriefError
        Terms that are not finite, negative, or rates above 1.
    """
    wanted = [*_KEYS, *_TERMS, *bundle.index_names, *bundle.signals]
    missing = [name for name in wanted if name not in frame]
    if missing:
        raise BundleError(
            f"{len(wanted)} columns: {', '.join((*_KEYS, *_TERMS))}, the indices and the signals",
            received=f"a frame without {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}",
            look="`help(collabrank.candidates)`, which makes one",
        )
    told, predictions = score_pairs(
        bundle,
        frame,
        X=frame[list(bundle.signals)].to_numpy(dtype=np.float64),
        indices=frame[list(bundle.index_names)].to_numpy(dtype=np.float64),
        briefs=Economics(*(frame[name].to_numpy(dtype=np.float64) for name in _TERMS)),
    )
    return told.assign(**{name: getattr(predictions, name) for name in _ENDS}).set_axis(frame.index)
