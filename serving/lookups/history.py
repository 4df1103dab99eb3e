"""How a creator's indices went, week by week, as the snapshot keeps it."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from features.indices import CREATOR_INDEX_NAMES
from serving.creators import creator_at_home
from serving.lookups.catalogue import known_number
from serving.pair import Served
from serving.queries import Nothing

__all__ = ["HistoryAnswer", "history"]

_NONE = "this snapshot keeps no history: `collabrank snapshot DIR --weeks 26` takes one that does"


class HistoryAnswer(BaseModel):
    """The seven indices that no category enters, week by week, oldest first."""

    model_config = ConfigDict(extra="forbid")

    creator_id: str
    days: list[str] = Field(description="As of which day each number is; a week apart, the last one the snapshot's.")
    indices: dict[str, list[float | None]] = Field(
        description="0..100 to half a point, one a day; null where the creator was not known yet."
    )
    confidence: dict[str, list[float | None]] = Field(description="How much of each is the creator's own, 0..100.")
    note: str | None = Field(description="Why there is no history, where there is none; null otherwise.")


def history(served: Served, _: Nothing, creator_id: str) -> HistoryAnswer:
    """How the indices of ``creator_id``, an id or a username, went.

    Raises
    ------
    SnapshotError
        There is no such creator (404).
    BriefError
        Several creators have the username (409).
    """
    name, home = creator_at_home(served, creator_id)
    part = served.snapshot.of_market(home)
    if part.weeks is None:
        return HistoryAnswer(creator_id=name, days=[], indices={}, confidence={}, note=_NONE)
    value, confidence = part.weeks.of(part.rows_of[name])
    return HistoryAnswer(
        creator_id=name,
        days=[str(np.datetime64(int(day), "D")) for day in part.weeks.days],
        indices={index: [known_number(one) for one in value[:, at]] for at, index in enumerate(CREATOR_INDEX_NAMES)},
        confidence={
            index: [known_number(one) for one in confidence[:, at]] for at, index in enumerate(CREATOR_INDEX_NAMES)
        },
        note=None,
    )
