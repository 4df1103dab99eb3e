"""Ordering the candidates of one brief, and saying why for those returned."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from marketplace.arrays import Flags, Floats, Ints, Many, as_floats
from marketplace.errors import BriefError
from marketplace.laps import lap
from models.bundle import Bundle
from models.economics import CURRENCY, Economics, Terms
from models.explain import Reason
from models.explain import explain as reasons_of
from models.predict import predict
from models.score import combine
from models.score import standing as standing_of

__all__ = ["MoneyInterval", "RankedCreator", "differing", "positions", "rank", "ranked_creator", "top_rows"]


@dataclass(frozen=True)
class MoneyInterval:
    """An expected amount with its 80 % interval; USD."""

    expected: float
    low: float
    high: float
    currency: str = CURRENCY


@dataclass(frozen=True)
class RankedCreator:
    """One returned creator: place, score and all its parts.

    ``row`` is the place among the candidates given; ``standing`` is `models.score.standing` among them; ``indices`` by
    name, None where not known; ``reasons`` is empty when none were asked for; ``others``: quantities that the bundle
    tells beside these.
    """

    creator_id: str
    row: int
    position: int
    score: float
    standing: float
    utility: MoneyInterval
    success_probability: float
    accept_probability: float
    deliver_probability: float
    lift: MoneyInterval
    attributed: float
    indices: Mapping[str, float | None]
    reasons: tuple[Reason, ...] = ()
    others: Mapping[str, float] = field(default_factory=dict)


def top_rows(score: Many, creator_ids: Sequence[str] | np.ndarray, *, top: int) -> Ints:
    """Rows of the ``top`` highest scores, best first; ties by creator_id, so that the rows' order changes nothing."""
    values, ids = as_floats(score), np.asarray(creator_ids)
    if 0 < top < values.size:
        # Sorting strings is the slow part: only what reaches the last place's score is sorted.
        last = np.partition(values, values.size - top)[values.size - top]
        rows = np.flatnonzero(values >= last)
    else:
        rows = np.arange(values.size)
    order = np.lexsort((ids[rows], -values[rows]))
    return rows[order][: max(top, 0)].astype(np.int64)


def positions(score: Many, creator_ids: Sequence[str] | np.ndarray) -> Ints:
    """The place of every row, 1 the best; ties by creator_id. int64 (n,)."""
    values = as_floats(score)
    places = np.empty(values.size, dtype=np.int64)
    places[top_rows(values, creator_ids, top=values.size)] = np.arange(1, values.size + 1)
    return places


def differing(matrix: Many) -> Flags:
    """Which columns of ``matrix`` (n, k) are not the same in every row, bool (k,); all of them where n is 1."""
    values = as_floats(matrix)
    if len(values) < 2:
        return np.ones(values.shape[1], dtype=bool)
    first = values[0]
    same = np.where(np.isnan(first), np.isnan(values).all(axis=0), (values == first).all(axis=0))
    return ~same


def rank(
    bundle: Bundle,
    X: Many,
    indices: Many,
    creator_ids: Sequence[str] | np.ndarray,
    brief: Terms | Economics,
    *,
    top: int,
    weights: Mapping[str, float] | None = None,
    confidence: Many | None = None,
    explain: bool = True,
    applied: bool = False,
    choose: Callable[[Floats], Ints] | None = None,
) -> list[RankedCreator]:
    """The ``top`` candidates by score, best first; or those whom ``choose`` names.

    Parameters
    ----------
    bundle : Bundle
    X : float64 (n, n_signals)
        The candidates' signals for this brief, columns as ``bundle.signals``.
    indices : float64 (n, n_indices)
        Their indices, columns as ``bundle.index_names``; NaN where not known.
    creator_ids : (n,) of str
        All different.
    brief : Brief or Economics
        One brief's terms.
    top : int
        How many to return; all when there are fewer.
    weights : mapping, optional
        As for `models.score.combine`; the bundle's own when absent.
    confidence : float64 (n, n_indices), optional
        As for `models.score.combine`.
    explain : bool
        Whether the returned creators carry reasons.
    applied : bool
        Whether the candidates have asked for the sample themselves: as for `models.predict.predict`.
    choose : callable, optional
        Given every candidate's score (n,), the rows to return, in order; the ``top`` best by default.

    Raises
    ------
    BriefError
        Weights or terms that cannot be used, ``top`` below 1, or lengths that differ.
    BundleError
        ``X`` has not the bundle's signals as columns.
    """
    ids = np.asarray(creator_ids)
    matrix, values = as_floats(X), as_floats(indices)
    if top < 1 or ids.shape != (len(matrix),):
        raise BriefError(
            "top of 1 or more, and one creator_id for each row",
            received=f"top {top}, {ids.shape} ids and {len(matrix)} rows",
            look="the request",
        )
    economics = brief if isinstance(brief, Economics) else Economics.of(brief)
    predictions = predict(bundle, matrix, economics, applied=applied)
    standings = standing_of(predictions.order)
    score = combine(
        predictions.order,
        values,
        standings=standings,
        weights=bundle.weights if weights is None else weights,
        confidence=confidence,
        index_names=bundle.index_names,
    )
    rows = top_rows(score, ids, top=top) if choose is None else choose(score)
    lap("score")
    reasons: Sequence[Sequence[Reason]] = [()] * len(rows)
    if explain and len(rows):
        reasons = reasons_of(bundle, matrix[rows], economics.take(rows), among=differing(matrix), applied=applied)
        lap("explain")
    shown = predictions.take(rows).rows()
    return [
        ranked_creator(
            bundle,
            numbers,
            others=tuple(predictions.others),
            creator_id=str(ids[row]),
            row=row,
            position=place,
            score=float(score[row]),
            standing=float(standings[row]),
            indices=values[row],
            reasons=why,
        )
        for place, (row, numbers, why) in enumerate(zip(rows.tolist(), shown, reasons, strict=True), start=1)
    ]


def ranked_creator(
    bundle: Bundle,
    one: Mapping[str, float],
    *,
    others: Sequence[str],
    creator_id: str,
    row: int,
    position: int,
    score: float,
    standing: float,
    indices: Floats,
    reasons: Sequence[Reason],
) -> RankedCreator:
    """The creator of whom ``one`` (of `models.predict.Predictions.rows`) is predicted, and whose ``indices`` these are.

    ``indices`` float64 (n_indices,); ``others``: names of what ``one`` has beside the usual.
    """
    return RankedCreator(
        creator_id=creator_id,
        row=row,
        position=position,
        score=score,
        standing=standing,
        utility=MoneyInterval(one["utility"], one["utility_low"], one["utility_high"]),
        success_probability=one["success_probability"],
        accept_probability=one["accept"],
        deliver_probability=one["deliver"],
        lift=MoneyInterval(one["lift"], one["lift_low"], one["lift_high"]),
        attributed=one["attributed"],
        indices={
            name: None if math.isnan(value) else value
            for name, value in zip(bundle.index_names, indices.tolist(), strict=True)
        },
        reasons=tuple(reasons),
        others={name: one[name] for name in others},
    )
