"""How the indices went: the last weeks of every creator, in a byte a number.

A snapshot holds them so that a card's history is read and not built anew. Values are kept to half a point, which is
less than any of them is sure to; `UNKNOWN` stands where a creator was not known yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.indices import CREATOR_INDEX_NAMES, build_indices
from features.time import known_creators, midnight_of
from marketplace.arrays import Floats, Ints
from marketplace.cache import ARRAYS, remembered
from marketplace.tables import Marketplace

__all__ = ["UNKNOWN", "WEEKS", "Bytes", "Weeks", "build_weeks"]

WEEKS = 26
"""Weeks that are kept."""

UNKNOWN = 255

_STEPS = 2.0  # to a point
_TOGETHER = 5_000  # creators whose weeks are built at a time: some 250 MB

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Weeks:
    """The seven indices that no category enters, of n creators in w weeks, oldest first.

    Attributes
    ----------
    days : int64 (w,)
        As of which day, from 1970-01-01; a week apart, the last one the snapshot's.
    value : uint8 (n, w, 7)
        Half points, 0..200, or `UNKNOWN`.
    confidence : uint8 (n, w, 7)
        Points, 0..100, or `UNKNOWN`.
    """

    days: Ints
    value: Bytes
    confidence: Bytes

    def take(self, rows: Ints) -> Weeks:
        """Some creators, as new arrays."""
        return replace(self, value=self.value[rows], confidence=self.confidence[rows])

    def fits(self, n: int) -> bool:
        """Whether these are the weeks of n creators."""
        shape = (n, len(self.days), len(CREATOR_INDEX_NAMES))
        return (
            self.days.ndim == 1
            and str(self.days.dtype) == "int64"
            and bool((np.diff(self.days) == 7).all())
            and all(str(one.dtype) == "uint8" and one.shape == shape for one in (self.value, self.confidence))
        )

    def of(self, row: int) -> tuple[Floats, Floats]:
        """One creator's values and confidences, float64 (w, 7) each; NaN where not known."""
        value, confidence = self.value[row], self.confidence[row]
        return (
            np.where(value == UNKNOWN, np.nan, value / _STEPS),
            np.where(confidence == UNKNOWN, np.nan, confidence.astype(np.float64)),
        )


def build_weeks(market: Marketplace, creator_ids: Any, day: int, *, weeks: int = WEEKS) -> Weeks:
    """The weeks of ``creator_ids`` (n,) up to ``day`` (from 1970-01-01).

    The last one is the day itself. A creator's numbers do not depend on who else is asked for.
    """
    ids = np.asarray(creator_ids).astype(str)
    days = np.arange(day - 7 * (weeks - 1), day + 1, 7, dtype=np.int64)
    known = {int(one): set(known_creators(market, int(one))) for one in days}
    parts = [_some(market, ids[start : start + _TOGETHER], days, known) for start in range(0, len(ids), _TOGETHER)]
    value, confidence = (np.concatenate(some) for some in zip(*parts, strict=True))
    return Weeks(days, value, confidence)


def _some(
    market: Marketplace, ids: npt.NDArray[np.str_], days: Ints, known: dict[int, set[str]]
) -> tuple[Bytes, Bytes]:
    asked = [
        (row, week) for row, name in enumerate(ids.tolist()) for week, day in enumerate(days.tolist())
        if name in known[day]
    ]  # fmt: skip
    shape = (len(ids), len(days), len(CREATOR_INDEX_NAMES))
    value, confidence = np.full(shape, UNKNOWN, dtype=np.uint8), np.full(shape, UNKNOWN, dtype=np.uint8)
    if not asked:
        return value, confidence
    row, week = np.array(asked, dtype=np.int64).T
    midnights = np.array([midnight_of(int(one)) for one in days], dtype=object)
    rows = pd.DataFrame({"creator_id": ids[row].astype(object), "as_of": midnights[week]})

    def make() -> dict[str, npt.NDArray[Any]]:
        frame = build_indices(market, rows, change=False)
        return {"value": _bytes(frame.value, _STEPS), "confidence": _bytes(frame.confidence, 1.0)}

    about = [int(days[-1]), len(days), str(ids[0]), str(ids[-1]), len(ids)]
    kept = remembered(market, "weeks", about, code="features.snapshot", form=ARRAYS, make=make)
    value[row, week], confidence[row, week] = kept["value"], kept["confidence"]
    return value, confidence


def _bytes(values: Floats, steps: float) -> Bytes:
    whole = np.round(np.nan_to_num(np.asarray(values), nan=UNKNOWN / steps) * steps)
    return np.clip(whole, 0, UNKNOWN).astype(np.uint8)
