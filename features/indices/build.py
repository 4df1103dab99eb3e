"""The eight indices of creators, 0..100, as of any time: values, intervals, confidence, peers and parts.

    frame = build_indices(market, rows)                # rows: creator_id, as_of
    frame = build_category_influence(market, rows)     # rows: creator_id, category_id, as_of
    scores = index_scores(market, pairs)               # pairs: campaign_id, creator_id -> (n, 8)
    card = cards(market, as_of, creator_ids)["cr_1"]   # what creator and brand both see

Nothing here reads a row whose event or ``known_at`` lies at or after the
as-of day's midnight. What an index is made of: `INDICES`
(features/indices/declare.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.indices.cards import IndexFrame, ScoreCard, card_from, score_card, shown_value
from features.indices.declare import (
    CATEGORY_INDEX,
    CREATOR_INDEX_NAMES,
    INDEX_NAMES,
    INDICES,
    Component,
    Index,
)
from features.indices.evidence import Gathered
from features.indices.gather import category_ids, gather, gather_days
from features.indices.reference import (
    CATEGORY_COMPONENTS,
    CREATOR_COMPONENTS,
    Reference,
    capped,
    category_parts,
    creator_parts,
    grid_day,
    grouped,
    index_ends,
    index_values,
    peer_keys,
    references,
    saturated,
    standing,
    start_of,
    weights_of,
)
from features.indices.shrinkage import confidence
from features.time import as_of_days, creators_before, day_number, default_as_of, known_creators, known_ids, midnight_of
from marketplace.arrays import Floats, Ints
from marketplace.cache import ARRAYS, contents_of, remembered
from marketplace.errors import SignalError
from marketplace.tables import Marketplace

__all__ = [
    "CATEGORY_INDEX",
    "CREATOR_INDEX_NAMES",
    "INDEX_NAMES",
    "INDICES",
    "Component",
    "Index",
    "IndexFrame",
    "build_card",
    "build_category_influence",
    "build_indices",
    "card_from",
    "cards",
    "gather_everyone",
    "index_scores",
    "shown_value",
]

_CHANGE_DAYS = 28

_ROWS_AT_ONCE = 200_000
"""Rows whose evidence is laid out at a time, some 800 bytes a row: a creator has a row a category."""


def build_indices(market: Marketplace, rows: pd.DataFrame, *, change: bool = True) -> IndexFrame:
    """The seven indices that do not depend on a category, for creators as of instants.

    Parameters
    ----------
    market : Marketplace
    rows : DataFrame
        ``creator_id`` (str) and ``as_of`` (instants; floored to 00:00 UTC). Any order, duplicates allowed.
    change : bool
        Also compute ``change_28d`` (as much work again); NaN otherwise.

    Returns
    -------
    IndexFrame
        One row a row of ``rows``, in their order; ``names`` is `CREATOR_INDEX_NAMES`.

    Raises
    ------
    SignalError
        A column or an instant is missing.
    """
    creators, days = _asked(rows, ("creator_id", "as_of"))
    return _frame(market, creators, days, None, change=change)


def build_category_influence(market: Marketplace, rows: pd.DataFrame, *, change: bool = True) -> IndexFrame:
    """``category_influence`` of creators in categories as of instants.

    Parameters
    ----------
    rows : DataFrame
        ``creator_id``, ``category_id`` (str) and ``as_of``. A category that the marketplace has never had gives 50
        with confidence 0.

    Returns
    -------
    IndexFrame
        As `build_indices`, with ``names == ("category_influence",)`` and ``categories``.
    """
    creators, days = _asked(rows, ("creator_id", "category_id", "as_of"))
    categories = rows["category_id"].to_numpy(dtype=object)
    return _frame(market, creators, days, categories, change=change)


def gather_everyone(market: Marketplace, day: int) -> None:
    """Gather in one pass all that the indices of all creators as of ``day`` read, their change and peers included.

    `build_indices` and `build_category_influence` then find it in memory.
    """
    days = np.array([day - _CHANGE_DAYS, day])
    gather_days(market, [*grid_day(days).tolist(), *days.tolist()])


def index_scores(market: Marketplace, pairs: pd.DataFrame) -> Floats:
    """The eight indices of ``pairs`` as of each brief, float64 (n, 8) in the order of `INDEX_NAMES`.

    Parameters
    ----------
    pairs : DataFrame
        ``campaign_id``, ``creator_id``; category influence is that in the brief's category.

    Raises
    ------
    SignalError
        A campaign is not in the marketplace.
    """
    _columns(pairs, ("campaign_id", "creator_id"))
    campaigns = market.frame("campaigns", ["campaign_id", "category_id", "briefed_at"]).drop_duplicates("campaign_id")
    place = pd.Index(campaigns["campaign_id"]).get_indexer(pd.Index(pairs["campaign_id"]))
    if (place < 0).any():
        unknown = pairs["campaign_id"].to_numpy(dtype=object)[place < 0][0]
        raise SignalError("campaigns of the marketplace", received=str(unknown), look="the table campaigns")
    days = as_of_days(campaigns["briefed_at"])[place]
    creators = pairs["creator_id"].to_numpy(dtype=object)
    columns = pd.Index(category_ids(market)).get_indexer(pd.Index(campaigns["category_id"]))[place]
    asked = contents_of(creators, days, columns)

    def make() -> Mapping[str, npt.NDArray[Any]]:
        return {"scores": _scores(market, creators, days, columns)}

    kept = remembered(market, "indices", [asked], code="features.indices", form=ARRAYS, make=make)
    return np.array(kept["scores"])


def _scores(market: Marketplace, creators: npt.NDArray[np.object_], days: Ints, columns: Ints) -> Floats:
    scores = np.empty((days.size, len(INDEX_NAMES)))
    for at, gathered, frozen in _by_reference(market, creators, days):
        keys = peer_keys(gathered)
        general = creator_parts(frozen, gathered, keys, ends=False)
        within = category_parts(frozen, gathered, keys, columns[at], ends=False)
        for column, name in enumerate(INDEX_NAMES):
            parts, start = (within, 0) if name == CATEGORY_INDEX else (general, start_of(name))
            scores[at, column] = index_values(parts, name, start, gathered)
    return scores


def cards(market: Marketplace, as_of: Any, creator_ids: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Score cards as of one instant, by creator: the seven indices and ``category_influence`` by category known then.

    Parameters
    ----------
    as_of : instant
    creator_ids : sequence of str, optional
        All creators known then where left out.

    Raises
    ------
    SignalError
        A creator is not known as of then.
    """

    day = day_number(as_of)
    known = known_creators(market, day)
    asked = known if creator_ids is None else np.asarray(list(creator_ids), dtype=object)
    unknown = sorted(set(asked) - set(known))
    if unknown:
        raise SignalError(
            f"creators known before {as_of}", received=", ".join(unknown[:5]), look="the table creators: known_at"
        )
    days = np.full(asked.size, day, dtype=np.int64)
    general = _frame(market, asked, days, None, change=True)
    ids = known_ids(market, "category_id", midnight_of(day))
    columns = np.asarray(ids, dtype=object)
    within = _frame(
        market, np.repeat(asked, len(ids)), np.repeat(days, len(ids)), np.tile(columns, asked.size),
        change=True,
    )  # fmt: skip
    result = {}
    for row, creator in enumerate(asked):
        card = card_from(general, row)
        by_category = {name: card_from(within, row * len(ids) + c)[CATEGORY_INDEX] for c, name in enumerate(ids)}
        result[str(creator)] = {n: by_category if n == CATEGORY_INDEX else card[n] for n in INDEX_NAMES}
    return result


def _columns(frame: pd.DataFrame, needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise SignalError(
            "the columns " + ", ".join(needed),
            received="a frame without " + ", ".join(missing),
            look="features/indices/build.py",
        )


def _asked(rows: pd.DataFrame, needed: Sequence[str]) -> tuple[npt.NDArray[np.object_], Ints]:
    _columns(rows, needed)
    return rows["creator_id"].to_numpy(dtype=object), as_of_days(rows["as_of"])


def _by_reference(
    market: Marketplace, creators: npt.NDArray[np.object_], days: Ints
) -> list[tuple[Ints, Gathered, Reference]]:
    """The rows split by their frozen reference: places, evidence, reference. One pass over the data for all."""
    grids = grid_day(days)
    frozen = references(market, np.unique(grids).tolist())
    gathered = gather(market, creators, days)
    parts = []
    for grid in frozen:
        at = np.flatnonzero(grids == grid)
        parts.append((at, gathered.take(at), frozen[grid]))
    return parts


def _frame(
    market: Marketplace,
    creators: npt.NDArray[np.object_],
    days: Ints,
    categories: npt.NDArray[np.object_] | None,
    *,
    change: bool,
) -> IndexFrame:
    names = CREATOR_INDEX_NAMES if categories is None else (CATEGORY_INDEX,)
    components = CREATOR_COMPONENTS if categories is None else CATEGORY_COMPONENTS
    columns = None if categories is None else pd.Index(category_ids(market)).get_indexer(pd.Index(categories))
    frame = IndexFrame.empty(names, components, creators, days, categories)
    for start in range(0, days.size, _ROWS_AT_ONCE):
        some = slice(start, start + _ROWS_AT_ONCE)
        for place, gathered, frozen in _by_reference(market, creators[some], days[some]):
            at = place + start
            own = None if columns is None else columns[at]
            _fill(frame, at, gathered=gathered, frozen=frozen, columns=own)
    if change and len(frame):
        frame.change_28d[:] = frame.value - _earlier(market, creators, days, categories)
    return frame


def _fill(
    frame: IndexFrame,
    at: Ints,
    *,
    gathered: Gathered,
    frozen: Reference,
    columns: Ints | None,
) -> None:
    """Compute the rows ``at`` of ``frame``, all of one frozen reference."""
    keys = peer_keys(gathered)
    if columns is None:
        parts = creator_parts(frozen, gathered, keys, ends=True)
        frame.capped[at], frame.saturated[at] = capped(gathered), saturated(gathered)
    else:
        parts = category_parts(frozen, gathered, keys, columns, ends=True)
    frame.component_value[at], frame.component_percentile[at] = parts.value, parts.percentile
    frame.component_n[at], frame.component_strength[at] = parts.evidence, parts.strength
    frame.component_own[at], frame.component_expected[at] = parts.own, parts.expected
    frame.component_more[at] = parts.more
    for group, members in grouped(frozen, keys).items():
        frame.peers[at[members]] = " x ".join(group) if group else "all creators"
    for k, name in enumerate(frame.names):
        start = start_of(name) if columns is None else 0
        part = slice(start, start + len(INDICES[name].components))
        value = index_values(parts, name, start, gathered)
        frame.value[at, k] = value
        frame.low[at, k], frame.high[at, k] = index_ends(parts, name, start, value, gathered)
        frame.confidence[at, k] = confidence(
            parts.evidence[:, part], parts.strength[:, part], parts.quality[:, part], weights_of(name),
            gathered.idle_days,
        )  # fmt: skip
        for category in [None] if columns is None else np.unique(columns[columns >= 0]):
            rows = np.arange(at.size) if columns is None else np.flatnonzero(columns == category)
            stood = standing(
                frozen,
                name,
                creator_ids=frame.creator_ids[at[rows]],
                keys=[keys[row] for row in rows],
                value=value[rows],
                category=None if category is None else int(category),
            )
            frame.peer_average[at[rows], k] = stood.average
            frame.peer_rank[at[rows], k] = stood.rank
            frame.peer_count[at[rows], k] = stood.count


def _earlier(
    market: Marketplace,
    creators: npt.NDArray[np.object_],
    days: Ints,
    categories: npt.NDArray[np.object_] | None,
) -> Floats:
    """The values 28 days before; NaN where the creator was not known then."""
    then = days - _CHANGE_DAYS
    known = np.zeros(days.size, dtype=bool)
    for day in np.unique(then):
        at = np.flatnonzero(then == day)
        known[at] = pd.Index(known_creators(market, int(day))).get_indexer(pd.Index(creators[at])) >= 0
    earlier = np.full((days.size, len(CREATOR_INDEX_NAMES) if categories is None else 1), np.nan)
    if known.any():
        own = None if categories is None else categories[known]
        earlier[known] = _frame(market, creators[known], then[known], own, change=False).value
    return earlier


def build_card(market: Marketplace, creator_id: str, as_of: Any = None) -> ScoreCard:
    """One creator's score card from the marketplace's tables, as of an instant (floored to UTC midnight).

    Parameters
    ----------
    as_of : instant, optional
        By default `features.time.entities.default_as_of`.

    Raises
    ------
    SignalError
        The creator was not known by then.
    """
    day = day_number(default_as_of(market) if as_of is None else as_of)
    at = midnight_of(day)
    creators = creators_before(market, day)
    mine = creators[creators["creator_id"] == creator_id]
    if mine.empty:
        raise SignalError(
            f"a creator known by {at:%Y-%m-%d}", received=creator_id, look="the marketplace's table creators"
        )
    creator = mine.iloc[0]
    rows = pd.DataFrame({"creator_id": [creator_id], "as_of": [at]})
    categories = known_ids(market, "category_id", at)
    within = pd.DataFrame({"creator_id": creator_id, "category_id": categories, "as_of": at})
    gathered = gather(market, [creator_id] * 2, [day, day - _CHANGE_DAYS])  # one pass for both frames below
    followers = float(gathered.followers[0])
    public = {
        "creator_id": creator_id,
        "username": _text(creator["username"]),
        "market": str(creator["market"]),
        "language": _text(creator["language"]),
        "agency_status": _text(creator["agency_status"]),
        "joined_on": f"{creator['joined_at']:%Y-%m-%d}",
        "follower_count": None if np.isnan(followers) else int(followers),
    }
    return score_card(
        public,
        as_of=at.isoformat(),
        general=build_indices(market, rows),
        row=0,
        influence=build_category_influence(market, within),
        category_ids=categories,
    )


def _text(value: Any) -> str | None:
    return None if pd.isna(value) or not str(value) else str(value)
