"""Ranking a whole part of a snapshot for one brief, without laying out every signal of everybody.

    found = rank_part(bundle, part, brief, rows, top=20)
    found.creators, found.vectors

Gives what `models.ranking.rank` gives of ``part.matrix(brief, rows)``, bit for bit. Everybody is put in order
(`models.predict.order_of`) from exact raw scores (`models.scoring`) and the few columns that the bundle reads; the
matrix, intervals and reasons are made for those who are returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.briefs import Brief
from features.signals import names_of
from features.snapshot import BriefColumns, Snapshot
from marketplace.arrays import Flags, Floats, Ints
from marketplace.errors import BriefError, BundleError
from marketplace.laps import lap
from models.bundle import Bundle
from models.economics import Economics
from models.explain import Reason, explain
from models.predict import Predictions, order_of, predict, thread_count
from models.ranking import RankedCreator, differing, ranked_creator, top_rows
from models.score import blend, checked_weights, standing
from models.scoring import BLOCK, CHUNK, ENOUGH_OFTEN, Prepared, prepared, share, worth_compiling

__all__ = ["FEW", "Ranking", "rank_part"]

FEW = 512
"""Candidates up to whom every signal of all is laid out at once: sooner done than asking for them column by column."""


@dataclass(frozen=True)
class Ranking:
    """Those asked for, and what they were scored on.

    ``vectors`` float64 (k, n_signals): the bundle's signals of each of ``creators``.
    """

    creators: list[RankedCreator]
    vectors: Floats


def rank_part(
    bundle: Bundle,
    part: Snapshot,
    brief: Brief,
    rows: Ints,
    *,
    top: int | None = None,
    chosen: Sequence[str] | None = None,
    weights: Mapping[str, float] | None = None,
    why: bool = True,
    applied: bool = False,
    choose: Callable[[Floats], Ints] | None = None,
) -> Ranking:
    """The ``top`` of the candidates, best first, or the ``chosen`` ones with their places among all.

    Parameters
    ----------
    bundle : Bundle
        On the snapshot's signals, in their order.
    rows : int64 (n,), ascending
        The candidates, places in ``part``.
    top, chosen
        One of the two. Of ``chosen`` ids those who are candidates are returned, in the order asked.
    weights, applied
        As for `models.ranking.rank`.
    why : bool
        Whether the returned creators carry reasons.
    choose : callable, optional
        With ``top``: given every candidate's score (n,), the places in ``rows`` to return, in order, in its stead.

    Raises
    ------
    BriefError
        Weights or terms that cannot be used, ``top`` below 1, or both ``top`` and ``chosen``, or neither.
    BundleError
        A bundle on other signals than the snapshot's.
    """
    if (top is None) == (chosen is None) or (top is not None and top < 1):
        raise BriefError("top of 1 or more, or chosen ids", received=f"top {top}, {chosen}", look="the request")
    if bundle.signals != part.signal_names:
        raise BundleError("a bundle on the snapshot's signals", received="others", look="`collabrank snapshot DIR`")
    ids, rows = part.creator_ids, np.ascontiguousarray(rows, dtype=np.int64)
    if not len(rows):
        return Ranking([], np.zeros((0, len(bundle.signals))))
    economics = Economics.of(brief)
    shares = checked_weights(bundle.weights if weights is None else weights, bundle.index_names)
    ready = None if len(rows) <= FEW else _ready(bundle, part)
    scored = (
        _laid_out(bundle, part, brief, rows, economics, applied=applied)
        if ready is None
        else _by_column(bundle, part, brief, rows, economics, ready=ready, applied=applied)
    )
    standings, score = _scores(scored.order, part, brief, rows, shares)
    if top is not None:
        # Creators lie in the order of their ids, so that rows break ties as ids do.
        shown = top_rows(score, rows, top=top) if choose is None else choose(score)
        places = np.arange(1, len(shown) + 1)
    else:
        shown, places = _places_of(chosen or (), score, part, rows)
    lap("score")
    vectors, told = scored.of(shown)
    values = part.indices(brief, rows[shown])
    lap("gather")
    reasons: Sequence[Sequence[Reason]] = [()] * len(shown)
    if why and len(shown):
        reasons = explain(bundle, vectors, economics, among=scored.differing(), applied=applied)
        lap("explain")
    numbers, others = told.rows(), tuple(told.others)
    names = ids.listed(rows[shown])
    creators = [
        ranked_creator(
            bundle,
            numbers[line],
            others=others,
            creator_id=names[line],
            row=row,
            position=place,
            score=float(score[row]),
            standing=float(standings[row]),
            indices=values[line],
            reasons=reasons[line],
        )
        for line, (row, place) in enumerate(zip(shown.tolist(), places.tolist(), strict=True))
    ]
    return Ranking(creators, vectors)


@dataclass(frozen=True)
class _Scored:
    """The candidates' `models.predict.Predictions.order` (n,), and what is asked of some of them or of all."""

    order: Floats
    of: Callable[[Ints], tuple[Floats, Predictions]]
    differing: Callable[[], Flags]


def _laid_out(
    bundle: Bundle, part: Snapshot, brief: Brief, rows: Ints, economics: Economics, *, applied: bool
) -> _Scored:
    """Of all candidates at once."""
    matrix = part.matrix(brief, rows)
    lap("gather")
    found = predict(bundle, matrix, economics, applied=applied)
    return _Scored(found.order, lambda some: (matrix[some], found.take(some)), lambda: differing(matrix))


def _by_column(
    bundle: Bundle, part: Snapshot, brief: Brief, rows: Ints, economics: Economics, *, ready: Prepared, applied: bool
) -> _Scored:
    """By the creators' masks, and the few columns that the brief asks for beside them."""
    columns = part.columns(brief, rows)
    order = _order(bundle, ready, columns, economics, applied=applied)
    near = part.matrix(brief, rows[columns.apart])
    if len(near):
        order[columns.apart] = predict(bundle, near, economics, applied=applied).order

    def of(some: Ints) -> tuple[Floats, Predictions]:
        vectors = part.matrix(brief, rows[some])
        return vectors, predict(bundle, vectors, economics, applied=applied)

    return _Scored(order, of, lambda: _differing(bundle, part, brief, columns, near))


def _ready(bundle: Bundle, part: Snapshot) -> Prepared | None:
    """The part's scorer; None where LightGBM must score, or does so soon enough."""
    if not worth_compiling(len(part), bundle.heads, enough=ENOUGH_OFTEN):
        return None
    return prepared(bundle, part, _own(bundle), len(part), _creators(part, bundle), threads=thread_count())


def _own(bundle: Bundle) -> Ints:
    own = set(names_of("creator"))
    return np.array([place for place, name in enumerate(bundle.signals) if name in own], dtype=np.int64)


def _creators(part: Snapshot, bundle: Bundle) -> Any:
    """Creators' own signals by the bundle's places: what masks are made from."""
    place = {name: at for at, name in enumerate(names_of("creator"))}

    def columns(first: int, last: int, features: Ints) -> Floats:
        return part.own([place[bundle.signals[one]] for one in features.tolist()], first, last)

    return columns


def _order(bundle: Bundle, ready: Prepared, columns: BriefColumns, economics: Economics, *, applied: bool) -> Floats:
    """`models.predict.order_of` of every row, (n,)."""
    scorer = ready.scorer
    plan = scorer.plan({place: columns.same[name] for place, name in enumerate(bundle.signals) if name in columns.same})
    names = [bundle.signals[one] for one in plan.columns.tolist()]
    scales = {name: one.scale for name, one in bundle.calibration.items() if one.scale is not None}
    n, threads = len(columns.rows), thread_count()
    size = _chunk(n, threads)
    order = np.empty(n)

    def chunk(start: int) -> None:
        rows = columns.rows[start : start + size]
        values = columns.chunk(start, start + size)
        asked = np.empty((len(names), len(rows)))
        for place, name in enumerate(names):
            asked[place] = values[name]
        raw = np.zeros((len(bundle.heads), len(rows)))
        scorer.add(plan, rows, ready.masks, asked, raw)
        known: dict[tuple[object, ...], Floats] = {}
        factor = {name: scale.of_columns(values, known) for name, scale in scales.items()}
        scores = dict(zip(scorer.forest.heads, raw, strict=True))
        order[start : start + size] = order_of(bundle, scores, factor, economics, applied=applied)

    share(chunk, range(0, n, size), threads=threads)
    return order


def _chunk(n: int, threads: int) -> int:
    """Rows that a thread takes at once of ``n``: in whole blocks, and two turns for each thread where they are few."""
    return min(CHUNK, BLOCK * -(-n // (2 * threads * BLOCK)))


def _scores(order: Floats, part: Snapshot, brief: Brief, rows: Ints, shares: Floats) -> tuple[Floats, Floats]:
    """`models.score.standing` and `models.score.combine` of every row, (n,) each."""
    if not np.isfinite(order).all():
        raise BriefError("finite utility", received="one that is not", look="the candidates")
    model = standing(order)
    score = np.empty(len(rows))

    def chunk(start: int) -> None:
        some = slice(start, start + CHUNK)
        score[some] = blend(model[some], part.indices(brief, rows[some]), shares)

    share(chunk, range(0, len(rows), CHUNK), threads=thread_count())
    return model, score


def _places_of(chosen: Sequence[str], score: Floats, part: Snapshot, rows: Ints) -> tuple[Ints, Ints]:
    """The places in ``rows`` of those of ``chosen`` who are candidates, in the order asked; and their positions."""
    found = part.find_all(dict.fromkeys(chosen))
    at = found[found >= 0]
    line = np.minimum(np.searchsorted(rows, at), len(rows) - 1)
    candidates = rows[line] == at
    shown = line[candidates].astype(np.int64)
    # Ties by creator_id, in whose order the rows are.
    better = [np.count_nonzero(score > score[one]) + np.count_nonzero(score[:one] == score[one]) for one in shown]
    return shown, np.array(better, dtype=np.int64) + 1


def _differing(bundle: Bundle, part: Snapshot, brief: Brief, columns: BriefColumns, near: Floats) -> Flags:
    """`models.ranking.differing` of the candidates' matrix, most of which is not laid out."""
    if len(columns.rows) < 2:
        return np.ones(len(bundle.signals), dtype=bool)
    others = np.delete(np.arange(len(columns.rows)), columns.apart)[:1]
    ends = np.concatenate([part.matrix(brief, columns.rows[others]), near])
    out = differing(ends) if len(ends) > 1 else np.zeros(len(bundle.signals), dtype=bool)
    still = np.flatnonzero(~out)
    out[still] = columns.varying([bundle.signals[one] for one in still.tolist()])
    return out
