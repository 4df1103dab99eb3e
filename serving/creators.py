"""Creators by id and by username, in one market or in all of them."""

from __future__ import annotations

from collections.abc import Iterator

from features.snapshot import Snapshot
from marketplace.arrays import Ints
from serving.problems import refusal
from serving.store import Served

__all__ = ["creator_named"]


def creator_named(served: Served, name: str) -> str:
    """The id of the creator that ``name`` is the id or else the username of; ``name`` itself where there is none.

    Raises
    ------
    BriefError
        Several creators have the username (409).
    """
    if served.snapshot.market_of(name) is not None:
        return name
    found = [str(part.creator_ids[row]) for part, rows in _with_username(served, name) for row in rows]
    if len(found) > 1:
        raise refusal(
            409,
            "a creator_id, or a username that one creator has",
            received=f"'{name}', which {len(found)} creators have: {', '.join(sorted(found)[:5])}",
            look="GET /creators?username=NAME",
        )
    return found[0] if found else name


def _with_username(served: Served, name: str) -> Iterator[tuple[Snapshot, Ints]]:
    for market in served.snapshot.markets:
        part = served.snapshot.of_market(market)
        rows = part.handles.rows_of([name]).get(name)
        if rows is not None:
            yield part, rows
