"""How a creator's indices went, and the card with all that lies behind it.

Read off the marketplace for one creator as of a day; nothing that was not known then.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.indices.behind import counted_events, left_out, partnerships
from features.indices.build import build_indices
from features.indices.cards import ScoreCard
from features.time import day_number, known_creators, midnight_of
from marketplace.tables import Marketplace

__all__ = ["WEEKS", "weekly_indices", "with_history"]

WEEKS = 26
"""Weeks of history."""


def weekly_indices(market: Marketplace, creator_id: str, day: int, *, weeks: int = WEEKS) -> pd.DataFrame:
    """The seven indices that no category enters as of ``day`` and the weeks before it, oldest first.

    Returns
    -------
    DataFrame, float64
        The index is the day (ISO text); only days on which the creator was known.
    """
    days = [day - 7 * week for week in reversed(range(weeks))]
    days = [one for one in days if creator_id in set(known_creators(market, one))]
    rows = pd.DataFrame({"creator_id": creator_id, "as_of": [midnight_of(one) for one in days]})
    frame = build_indices(market, rows, change=False)
    index = pd.Index([f"{midnight_of(one):%Y-%m-%d}" for one in days], name="day")
    return pd.DataFrame(np.array(frame.value), columns=list(frame.names), index=index)


def with_history(market: Marketplace, card: ScoreCard) -> ScoreCard:
    """A new card that also holds the events that count, those left out, partnerships, and 26 weeks of the indices."""
    creator, day = str(card["creator_id"]), day_number(card["as_of"])
    weekly = weekly_indices(market, creator, day)
    return ScoreCard(
        card,
        events=_records(counted_events(market, day, creator)),
        left_out=_records(left_out(market, day, creator)),
        partnerships=_records(partnerships(market, day, creator)),
        history={
            "days": list(weekly.index),
            "indices": {str(name): [round(float(one), 2) for one in weekly[name]] for name in weekly},
        },
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.drop(columns="creator_id").to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
