"""One number of every creator, whatever it is called: an index, or one of the few signals that anybody can see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import numpy as np
from pydantic import Field

from features.indices import CATEGORY_INDEX, CREATOR_INDEX_NAMES, INDEX_NAMES
from features.signals import names_of
from features.snapshot import Snapshot
from marketplace.arrays import Floats, Ints
from marketplace.errors import BriefError, Problem
from serving.pair import Served
from serving.problems import LOOK

__all__ = ["PUBLIC", "Category", "Column", "Market", "column_of", "parts_of", "require_index", "rows_named"]

Market = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Category = Annotated[str, Field(min_length=1, max_length=128)]

PUBLIC: Mapping[str, str] = MappingProxyType(
    {
        "followers": "follower_count_last",
        "posts": "posts_sum_28d",
        "views": "organic_views_sum_28d",
        "engagement": "engagement_rate_90d",
    }
)
"""Signals that whoever looks at a creator's profile can count, by what they are called here."""


@dataclass(frozen=True)
class Column:
    """One number of n creators, float64 (n,) each; NaN where not known. ``low`` and ``high`` end the 80 % interval."""

    value: Floats
    confidence: Floats
    low: Floats
    high: Floats


def require_index(
    field: str, name: str, category_id: str | None, known: Iterable[str], categories: Iterable[str]
) -> None:
    """Whether ``name`` is one of ``known``, and comes with a category that there is where it needs one.

    Raises
    ------
    BriefError
        It is none; ``problems`` says which field.
    """
    names = tuple(known)
    if name not in names:
        raise BriefError.of([Problem(field, f"'{field}' to be one of {', '.join(names)}", repr(name[:80]))], look=LOOK)
    if name != CATEGORY_INDEX:
        return
    there = tuple(categories)
    if category_id is None:
        found = Problem("category_id", f"a category, which {CATEGORY_INDEX} is of", "none")
        raise BriefError.of([found], look=LOOK)
    if category_id not in there:
        found = Problem("category_id", f"'category_id' to be one of {', '.join(there)}", repr(category_id[:80]))
        raise BriefError.of([found], look=LOOK)


def column_of(part: Snapshot, name: str, category_id: str | None) -> Column:
    """The column ``name`` of all creators of ``part``, as `require_index` has found it to be there."""
    if name in INDEX_NAMES:
        frame = part.general if name != CATEGORY_INDEX else part.influence
        place = CREATOR_INDEX_NAMES.index(name) if name != CATEGORY_INDEX else 0
        kinds, category = len(part.category_ids), 0 if category_id is None else part.category_ids.index(category_id)

        def of(values: Floats) -> Floats:
            whole = np.asarray(values)[:, place]
            return whole if name != CATEGORY_INDEX else whole.reshape(len(part), kinds)[:, category]

        return Column(of(frame.value), of(frame.confidence), of(frame.low), of(frame.high))
    value = np.asarray(part.arrays.creator)[:, names_of("creator").index(PUBLIC[name])]
    return Column(value, np.where(np.isfinite(value), 100.0, 0.0), value, value)


def parts_of(served: Served, market: str | None) -> list[Snapshot]:
    """The parts of ``market``, or of all; none where the market has no creators."""
    return [served.snapshot.of_market(name) for name in served.snapshot.markets if market in (None, name)]


def rows_named(part: Snapshot, names: Iterable[str]) -> Ints:
    """The rows of ``part`` that ``names`` name, by id or else by username; ascending."""
    asked = list(dict.fromkeys(names))
    rows = {part.rows_of[name] for name in asked if name in part.rows_of}
    for found in part.handles.rows_of(name for name in asked if name not in part.rows_of).values():
        rows |= {int(row) for row in found}
    return np.array(sorted(rows), dtype=np.int64)
