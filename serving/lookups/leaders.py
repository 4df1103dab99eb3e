"""How creators compare by one index or by two: who leads, and where everybody stands."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from features.indices import CATEGORY_INDEX, INDEX_NAMES
from marketplace.arrays import Floats
from serving.lookups.catalogue import known_number
from serving.lookups.columns import PUBLIC, Category, Column, Market, column_of, parts_of, require_index, rows_named
from serving.pair import Served
from serving.queries import Query

__all__ = [
    "MOST",
    "LeaderAnswer",
    "LeadersAnswer",
    "LeadersQuery",
    "ScatterAnswer",
    "ScatterQuery",
    "leaders",
    "scatter",
]

MOST = 5_000
"""Creators in a scatter at most; of more, an even sample."""

_HIGHLIGHTED = 100

Name = Annotated[str, Field(min_length=1, max_length=64)]


class _Compared(Query):
    market: Market | None = Field(None, description="Of this market alone: ISO 3166 alpha-2.")
    category_id: Category | None = Field(None, description="Which category, for `category_influence`.")

    def goes_over(self, served: Served) -> int:
        """All creators of the market, or of all of them."""
        return len(served.snapshot) if self.market is None else served.snapshot.size_of(self.market)


class LeadersQuery(_Compared):
    """Who leads by what."""

    index: Name = Field(CATEGORY_INDEX, description="The index, as `/catalogue` names it.")
    top: Annotated[int, Field(ge=1, le=1000)] = Field(50, description="How many to return.")


class LeaderAnswer(BaseModel):
    """One creator by one index."""

    model_config = ConfigDict(extra="forbid")

    position: int = Field(description="1 is the highest; equal ones in the order of their ids.")
    creator_id: str
    username: str = Field(description="Empty where not known.")
    market: str
    followers: int | None = Field(description="At the latest reading; null where not known.")
    value: float = Field(description="0..100.")
    confidence: float = Field(description="How much of the value is the creator's own, 0..100.")
    interval: tuple[float, float] = Field(description="The ends of the 80 % interval.")


class LeadersAnswer(BaseModel):
    """Creators by one index, the highest first."""

    model_config = ConfigDict(extra="forbid")

    index: str = Field(description="The index.")
    category_id: str | None = Field(description="Of which category, where the index is of one.")
    of: int = Field(description="Creators that have the index.")
    leaders: list[LeaderAnswer] = Field(description="The highest.")


class ScatterQuery(_Compared):
    """Two numbers of every creator."""

    x: Name = Field(description="An index as `/catalogue` names it, or followers, posts, views or engagement.")
    y: Name = Field(description="Another.")
    highlight: Annotated[str, Field(max_length=8_000)] | None = Field(
        None, description="Ids or usernames with commas between, up to 100: they are in the answer, sample or not."
    )


class ScatterAnswer(BaseModel):
    """Two numbers of creators, column by column; who has not both is left out."""

    model_config = ConfigDict(extra="forbid")

    x_name: str = Field(description="What `x` is.")
    y_name: str = Field(description="What `y` is.")
    creators: list[str] = Field(description="Their ids.")
    usernames: list[str] = Field(description="Empty where not known.")
    x: list[float] = Field(description="The first number of each.")
    y: list[float] = Field(description="The second number of each.")
    x_confidence: list[float] = Field(description="How much of it is the creator's own, 0..100.")
    y_confidence: list[float] = Field(description="How much of it is the creator's own, 0..100.")
    highlighted: list[str] = Field(description="Ids of those asked for by `highlight` who are here.")
    of: int = Field(description="Creators who have both numbers; of more than 5,000 an even sample is told.")


def leaders(served: Served, query: LeadersQuery) -> LeadersAnswer:
    """The creators with the highest index, and how sure that is.

    Raises
    ------
    BriefError
        There is no such index, or it is of a category and none that is known was told.
    """
    require_index("index", query.index, query.category_id, INDEX_NAMES, served.snapshot.category_ids)
    found: list[tuple[float, str, LeaderAnswer]] = []
    of = 0
    for part in parts_of(served, query.market):
        column = column_of(part, query.index, query.category_id)
        known = np.flatnonzero(np.isfinite(column.value))
        of += len(known)
        # Rows lie in the order of ids, so that a stable sort breaks ties as ids do.
        for row in known[np.argsort(-column.value[known], kind="stable")][: query.top].tolist():
            followers = known_number(float(part.followers[row]))
            value, creator = float(column.value[row]), str(part.creator_ids[row])
            leader = LeaderAnswer(
                position=1,
                creator_id=creator,
                username=str(part.usernames[row]),
                market=str(part.arrays.markets[row]),
                followers=None if followers is None else int(followers),
                value=value,
                confidence=float(column.confidence[row]),
                interval=(float(column.low[row]), float(column.high[row])),
            )
            found.append((-value, creator, leader))
    found.sort(key=lambda one: one[:2])
    return LeadersAnswer(
        index=query.index,
        category_id=query.category_id if query.index == CATEGORY_INDEX else None,
        of=of,
        leaders=[one.model_copy(update={"position": place}) for place, (*_, one) in enumerate(found[: query.top], 1)],
    )


def scatter(served: Served, query: ScatterQuery) -> ScatterAnswer:
    """Two numbers of every creator who has both.

    Raises
    ------
    BriefError
        There is no such number, or it is of a category and none that is known was told.
    """
    for field in ("x", "y"):
        name = getattr(query, field)
        require_index(field, name, query.category_id, (*INDEX_NAMES, *PUBLIC), served.snapshot.category_ids)
    asked = [one for one in (query.highlight or "").split(",") if one][:_HIGHLIGHTED]
    ids, usernames, columns, marked = [], [], [], []
    for part in parts_of(served, query.market):
        x, y = (column_of(part, name, query.category_id) for name in (query.x, query.y))
        rows = np.flatnonzero(np.isfinite(x.value) & np.isfinite(y.value))
        ids.append(np.asarray(part.creator_ids[rows]).astype(str))
        usernames.append(np.asarray(part.usernames[rows]).astype(str))
        columns.append(_four(x, y)[:, rows])
        marked.append(np.isin(rows, rows_named(part, asked)))
    told = np.concatenate([np.empty((4, 0)), *columns], axis=1)
    names, handles = (np.concatenate([np.empty(0, dtype="<U1"), *some]) for some in (ids, usernames))
    lit = np.concatenate([np.zeros(0, dtype=bool), *marked])
    order = np.argsort(names, kind="stable")
    count = min(MOST, len(order))
    even = (np.arange(count) * len(order)) // max(count, 1)
    kept = np.zeros(len(order), dtype=bool)
    kept[even] = True
    shown = order[kept | lit[order]]
    x_values, y_values, x_sure, y_sure = (column[shown].round(6).tolist() for column in told)
    return ScatterAnswer(
        x_name=query.x,
        y_name=query.y,
        creators=names[shown].tolist(),
        usernames=handles[shown].tolist(),
        x=x_values,
        y=y_values,
        x_confidence=x_sure,
        y_confidence=y_sure,
        highlighted=names[shown][lit[shown]].tolist(),
        of=len(order),
    )


def _four(x: Column, y: Column) -> Floats:
    return np.stack([x.value, y.value, x.confidence, y.confidence])
