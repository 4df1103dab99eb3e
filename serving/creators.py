"""Creators by id and by username, in one market or in all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from features.snapshot import Snapshot
from marketplace.arrays import Ints
from marketplace.errors import SnapshotError
from serving.cursors import LONGEST, Cursor, digest_of
from serving.problems import refusal
from serving.queries import Query
from serving.store import Served

__all__ = ["CreatorsAnswer", "CreatorsQuery", "FoundCreator", "creator_at_home", "creator_named", "find_creators"]

Handle = Annotated[str, Field(min_length=1, max_length=128)]


class CreatorsQuery(Query):
    """Whom to look for."""

    username: Handle | None = Field(
        None, description="The whole username; in another case where nobody has it as it is written. Or `prefix`."
    )
    prefix: Handle | None = Field(None, description="How the username begins, in any case. Or `username`.")
    market: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = Field(
        None, description="Of this market alone: ISO 3166 alpha-2."
    )
    top: Annotated[int, Field(ge=1, le=1000)] = Field(20, description="How many to return.")
    cursor: Annotated[str, Field(max_length=LONGEST)] | None = Field(
        None, description="`next_cursor` of the page before."
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.username is None) == (self.prefix is None):
            raise ValueError("exactly one of 'username' and 'prefix'")
        return self


class FoundCreator(BaseModel):
    """One creator by what is public."""

    model_config = ConfigDict(extra="forbid")

    creator_id: str
    username: str
    market: str
    language: str | None = Field(description="Null where not known.")
    follower_count: int | None = Field(description="At the latest reading; null where not known.")


class CreatorsAnswer(BaseModel):
    """Creators in the order of markets and usernames."""

    model_config = ConfigDict(extra="forbid")

    request_id: str
    as_of: str = Field(description="The snapshot's day.")
    creators: list[FoundCreator]
    next_cursor: str | None = Field(description="For the page after this one; null where it was the last.")


def find_creators(served: Served, query: CreatorsQuery, *, request_id: str) -> CreatorsAnswer:
    """The creators that ``query`` asks for.

    Raises
    ------
    BriefError
        The cursor is none, or of another query (400), or of another snapshot (410).
    """
    world = digest_of({"snapshot": served.snapshot.fingerprint})
    asked = digest_of(query.model_dump(include={"username", "prefix", "market"}))
    start = 0 if query.cursor is None else Cursor.read(query.cursor, world=world, request=asked).shown
    found: list[FoundCreator] = []
    passed = 0
    for part, rows in _asked_for(served, query):
        mine = rows[max(0, start - passed) :][: query.top + 1 - len(found)]
        found += [_public(part, int(row)) for row in mine]
        passed += len(rows)
        if len(found) > query.top:
            break
    more = len(found) > query.top
    return CreatorsAnswer(
        request_id=request_id,
        as_of=f"{served.as_of:%Y-%m-%d}",
        creators=found[: query.top],
        next_cursor=Cursor(start + query.top, world, asked).text() if more else None,
    )


def creator_named(served: Served, name: str) -> str:
    """The id of the creator that ``name`` is the id or else the username of; ``name`` itself where there is none.

    Raises
    ------
    BriefError
        Several creators have the username (409).
    """
    if served.snapshot.market_of(name) is not None:
        return name
    query = CreatorsQuery(username=name)
    found = [str(part.creator_ids[row]) for part, rows in _asked_for(served, query) for row in rows]
    if len(found) > 1:
        raise refusal(
            409,
            "a creator_id, or a username that one creator has",
            received=f"'{name}', which {len(found)} creators have: {', '.join(sorted(found)[:5])}",
            look="GET /creators?username=NAME",
        )
    return found[0] if found else name


def creator_at_home(served: Served, name: str) -> tuple[str, str]:
    """The id of the creator that ``name`` is the id or the username of, and the creator's market.

    Raises
    ------
    SnapshotError
        There is no such creator (404).
    BriefError
        Several creators have the username (409).
    """
    found = creator_named(served, name)
    home = served.snapshot.market_of(found)
    if home is None:
        missing = SnapshotError(
            f"a creator known by {served.as_of:%Y-%m-%d}", received=found, look="GET /creators?prefix=NAME"
        )
        missing.status = 404
        raise missing
    return found, home


def _asked_for(served: Served, query: CreatorsQuery) -> Iterator[tuple[Snapshot, Ints]]:
    """Each market's part with the rows that are asked for, in the order of usernames; who has one of another case only
    where nobody anywhere has it as it is written."""
    names = [name for name in served.snapshot.markets if query.market in (None, name)]
    parts = [served.snapshot.of_market(name) for name in names]
    if query.prefix is not None:
        yield from ((part, part.handles.beginning_with(query.prefix)) for part in parts)
        return
    name = str(query.username)
    found = [(part, part.handles.rows_of([name]).get(name, np.empty(0, dtype=np.int64))) for part in parts]
    plain = name.removeprefix("@")
    same = [(part, rows[part.usernames[rows] == plain]) for part, rows in found]
    yield from same if any(len(rows) for _, rows in same) else found


def _public(part: Snapshot, row: int) -> FoundCreator:
    followers = part.followers[row]
    return FoundCreator(
        creator_id=str(part.creator_ids[row]),
        username=str(part.usernames[row]),
        market=str(part.arrays.markets[row]),
        language=str(part.arrays.languages[row]) or None,
        follower_count=None if np.isnan(followers) else int(followers),
    )
