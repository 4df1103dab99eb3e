"""Whether what a part holds fits together: asked of every part before it is ranked from, signed or not.

What reads the arrays trusts them (places in them are not looked at again), so each place is held against the array that
it points into, once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from features.indices import IndexFrame
from features.signals import PRODUCT_SUMS, names_of
from features.snapshot.model import TEXTS, Snapshot
from marketplace.errors import SnapshotError

__all__ = ["FRAME", "damaged", "require_sound"]

FRAME = (
    "days", "value", "low", "high", "confidence", "peer_average", "peer_rank", "peer_count", "change_28d",
    "component_value", "component_percentile", "component_n", "component_own", "component_expected",
    "component_strength", "component_more", "capped", "saturated",
)  # fmt: skip
"""The arrays of an `IndexFrame`, one row a row of it."""

_FRAME_KINDS = {"days": "int64", "capped": "bool", "saturated": "bool"}


def require_sound(snapshot: Snapshot, where: Path, market: str | None = None) -> None:
    """The arrays agree on how many creators, categories, brands and products there are, and point into each other.

    Parameters
    ----------
    market : str, optional
        Whose creators they are, all of them.

    Raises
    ------
    SnapshotError
        They do not.
    """
    arrays, n, kinds = snapshot.arrays, len(snapshot), len(snapshot.category_ids)
    creator, category, brand = (len(names_of(one)) for one in ("creator", "creator_category", "creator_brand"))
    fits = {
        **{name: len(getattr(arrays, name)) == n for name in TEXTS},
        "creator_ids": n > 0 and arrays.creator_ids.ascends(),
        "markets": market is None or bool((arrays.markets == market).all()),
        "joined_day": _is(arrays.joined_day, "int64", (n,)),
        "creator": _is(arrays.creator, "float64", (n, creator)),
        "category": _is(arrays.category, "float64", (n, kinds + 1, category)),
        "brand_default": _is(arrays.brand_default, "float64", (brand,)),
        **_frame("general", snapshot.general, n),
        **_frame("influence", snapshot.influence, n * kinds),
        **_sparse("brand", arrays, len(snapshot.brand_ids), n, brand),
        **_sparse("product", arrays, len(snapshot.product_ids), n, len(PRODUCT_SUMS)),
        **{name: _names(getattr(snapshot, name)) for name in ("category_ids", "brand_ids", "product_ids")},
        "conversion": snapshot.conversion is None or snapshot.conversion.fits(),
        "elsewhere": snapshot.elsewhere >= 0,
        "weeks": snapshot.weeks is None or snapshot.weeks.fits(n),
        "contacts": snapshot.contacts is None or snapshot.contacts.fits(n),
        "behind": snapshot.behind is None or snapshot.behind.fits(n),
    }
    wrong = [name for name, right in fits.items() if not right]
    if wrong:
        raise damaged(where, f"sizes that do not agree: {', '.join(wrong)}")


def damaged(where: Path, what: str) -> SnapshotError:
    """The error of a snapshot at ``where`` that cannot be used, and why."""
    return SnapshotError(
        "a whole snapshot of this version of collabrank",
        received=f"{where}: {what}",
        look="`collabrank snapshot DIR` makes a new one",
    )


def _is(array: Any, kind: str, shape: tuple[int, ...]) -> bool:
    return str(array.dtype) == kind and array.shape == shape


def _names(names: tuple[object, ...]) -> bool:
    return all(isinstance(one, str) for one in names) and len(set(names)) == len(names)


def _frame(name: str, frame: IndexFrame, rows: int) -> dict[str, bool]:
    wide = {one: len(frame.components) if one.startswith("component_") else len(frame.names) for one in FRAME}
    fits = {
        f"{name}_{one}": _is(
            getattr(frame, one),
            _FRAME_KINDS.get(one, "float64"),
            (rows,) if one in _FRAME_KINDS else (rows, wide[one]),
        )
        for one in FRAME
    }
    return {**fits, f"{name}_peers": len(frame.peers) == rows}


def _sparse(name: str, arrays: Any, groups: int, n: int, columns: int) -> dict[str, bool]:
    """Entries group by group, in each by ascending row of the n creators."""
    starts, rows, values = (getattr(arrays, f"{name}_{part}") for part in ("starts", "rows", "values"))
    laid = (
        _is(starts, "int64", (groups + 1,))
        and str(rows.dtype) == "int64"
        and rows.ndim == 1
        and _is(values, "float64", (len(rows), columns))
    )
    if not laid or [int(starts[0]), int(starts[-1])] != [0, len(rows)] or (np.diff(starts) < 0).any():
        return {f"{name}_rows": False}
    within = len(rows) == 0 or bool(rows.min() >= 0 and rows.max() < n)
    steps = np.diff(rows)
    steps[starts[(starts > 0) & (starts < len(rows))] - 1] = 1  # where another group begins, rows begin anew
    return {f"{name}_rows": within and bool((steps > 0).all())}
