"""What lies behind the cards: each creator's events that count, what was left out and why, and the partnerships so far.

A snapshot holds them so that who serves cards needs no marketplace: text by its codes, some 300 bytes a creator. Each
line names the brand that it is of, for what a brand's creators did for it is that brand's business alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.indices import counted_events, left_out, partnerships
from features.snapshot.text import TextColumn
from marketplace.arrays import Floats, Ints
from marketplace.tables import Marketplace

__all__ = ["COLUMNS", "Behind", "Lines", "build_behind"]

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "events": ("component", "day", "brand_id", "value", "weight"),
        "left_out": ("what", "id", "day", "brand_id", "reason"),
        "partnerships": (
            "invitation_id", "campaign_id", "brand_id", "category_id", "invited", "due", "posted", "outcome", "reason",
        ),
    }
)  # fmt: skip
"""What each kind of line tells, as `features.indices.behind` has it."""

_NUMBERS = ("value", "weight")


@dataclass(frozen=True)
class Lines:
    """Lines of one kind of n creators, the newest first of each.

    Attributes
    ----------
    starts : int64 (n + 1,)
        Where each creator's lines begin.
    columns : mapping of str to TextColumn or float64, (lines,) each
    """

    starts: Ints
    columns: Mapping[str, TextColumn | Floats]

    def take(self, rows: Ints) -> Lines:
        """Those of some creators, as new arrays."""
        counts = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        lines = np.repeat(self.starts[rows] - starts[:-1], counts) + np.arange(starts[-1])
        taken = {
            name: column.take(lines) if isinstance(column, TextColumn) else column[lines]
            for name, column in self.columns.items()
        }
        return Lines(starts, taken)

    def fits(self, n: int, kind: str) -> bool:
        """Whether these are lines of n creators, of the ``kind`` of `COLUMNS`."""
        laid = str(self.starts.dtype) == "int64" and self.starts.shape == (n + 1,)
        if not laid or self.starts[0] != 0 or (np.diff(self.starts) < 0).any() or tuple(self.columns) != COLUMNS[kind]:
            return False
        return all(
            len(column) == self.starts[-1]
            and (name not in _NUMBERS or (str(getattr(column, "dtype", "")) == "float64" and column.ndim == 1))  # type: ignore[union-attr]
            for name, column in self.columns.items()
        )

    def of(self, row: int) -> list[dict[str, Any]]:
        """One creator's, as plain data."""
        first, last = int(self.starts[row]), int(self.starts[row + 1])
        told = {name: column[first:last].tolist() for name, column in self.columns.items()}
        return [dict(zip(told, values, strict=True)) for values in zip(*told.values(), strict=True)]


@dataclass(frozen=True)
class Behind:
    """What lies behind the cards of n creators, by the kinds of `COLUMNS`."""

    events: Lines
    left_out: Lines
    partnerships: Lines

    def take(self, rows: Ints) -> Behind:
        """Those of some creators, as new arrays."""
        return Behind(*(getattr(self, one.name).take(rows) for one in fields(self)))

    def fits(self, n: int) -> bool:
        """Whether this is of n creators."""
        return all(getattr(self, kind).fits(n, kind) for kind in COLUMNS)

    def arrays(self) -> dict[str, TextColumn | npt.NDArray[Any]]:
        """All of it by name; what `of_arrays` takes."""
        found: dict[str, TextColumn | npt.NDArray[Any]] = {}
        for kind in COLUMNS:
            lines: Lines = getattr(self, kind)
            found[f"{kind}_starts"] = lines.starts
            found |= {f"{kind}_{name}": column for name, column in lines.columns.items()}
        return found

    @classmethod
    def of_arrays(cls, numbers: Callable[[str], npt.NDArray[Any]], text: Callable[[str], TextColumn]) -> Behind:
        """That of `arrays`: ``numbers`` and ``text`` give an array, or a column of text, by its name."""

        def lines(kind: str, names: tuple[str, ...]) -> Lines:
            columns = {name: (numbers if name in _NUMBERS else text)(f"{kind}_{name}") for name in names}
            return Lines(numbers(f"{kind}_starts"), columns)

        return cls(**{kind: lines(kind, names) for kind, names in COLUMNS.items()})


def build_behind(market: Marketplace, creator_ids: Any, day: int) -> Behind:
    """What lies behind the cards of ``creator_ids`` (n,) as of ``day`` (from 1970-01-01)."""
    ids = pd.Index(np.asarray(creator_ids).astype(str), dtype=object)
    made = {"events": counted_events, "left_out": left_out, "partnerships": partnerships}
    return Behind(**{kind: _lines(kind, make(market, day), ids) for kind, make in made.items()})


def _lines(kind: str, frame: pd.DataFrame, ids: pd.Index) -> Lines:
    rows = np.asarray(ids.get_indexer(pd.Index(frame["creator_id"], dtype=object)), dtype=np.int64)
    frame, rows = frame[rows >= 0], rows[rows >= 0]
    order = np.argsort(rows, kind="stable")
    frame, rows = frame.iloc[order], rows[order]
    starts = np.searchsorted(rows, np.arange(len(ids) + 1)).astype(np.int64)
    columns: dict[str, TextColumn | Floats] = {
        name: frame[name].to_numpy(dtype=np.float64) if name in _NUMBERS else TextColumn.of(frame[name].astype(object))
        for name in COLUMNS[kind]
    }
    return Lines(starts, columns)
