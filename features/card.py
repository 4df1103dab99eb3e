"""A creator's score card: the public fields and the eight indices, the same in the snapshot and on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from features.clocks import as_of_days
from features.index_cards import IndexFrame, card_from
from features.index_components import CATEGORY_INDEX, INDEX_NAMES
from marketplace.errors import SignalError
from marketplace.tables import Marketplace

__all__ = ["build_card", "score_card"]


def score_card(
    public: Mapping[str, Any],
    *,
    as_of: str,
    general: IndexFrame,
    row: int,
    influence: IndexFrame,
    category_ids: Sequence[str],
) -> dict[str, Any]:
    """``public``, ``as_of`` and ``indices``: ``{index: {value, low, high, confidence, peer_average, ...}}``.

    Parameters
    ----------
    general : IndexFrame
        The indices that do not depend on a category; ``row`` is the creator's.
    influence : IndexFrame
        ``category_influence``, with ``len(category_ids)`` rows a creator in the order of ``general``.

    Returns
    -------
    dict
        JSON takes it as it is; ``category_influence`` is by category.
    """
    indices: dict[str, Any] = dict(card_from(general, row))
    first = row * len(category_ids)
    indices[CATEGORY_INDEX] = {
        name: card_from(influence, first + place)[CATEGORY_INDEX] for place, name in enumerate(category_ids)
    }
    return {**public, "as_of": as_of, "indices": {name: indices[name] for name in INDEX_NAMES}}


def build_card(market: Marketplace, creator_id: str, as_of: Any = None) -> dict[str, Any]:
    """One creator's score card from the marketplace's tables, as of an instant (floored to UTC midnight).

    Parameters
    ----------
    as_of : instant, optional
        By default `features.snapshot_build.default_as_of`.

    Raises
    ------
    SignalError
        The creator was not known by then.
    """
    from features.build import build_creator
    from features.indices import build_category_influence, build_indices
    from features.snapshot_build import default_as_of, known_ids

    day = int(as_of_days([default_as_of(market) if as_of is None else as_of])[0])
    at = pd.Timestamp(day, unit="D", tz="UTC")
    creators = market.frame("creators")
    mine = creators[(creators["creator_id"] == creator_id) & (creators["joined_at"] < at) & (creators["known_at"] < at)]
    if mine.empty:
        raise SignalError(
            f"a creator known by {at:%Y-%m-%d}", received=creator_id, look="the marketplace's table creators"
        )
    creator = mine.iloc[0]
    rows = pd.DataFrame({"creator_id": [creator_id], "as_of": [at]})
    categories = known_ids(market, "category_id", at)
    within = pd.DataFrame({"creator_id": creator_id, "category_id": categories, "as_of": at})
    followers = float(build_creator(market, rows)["follower_count_last"].iloc[0])
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
