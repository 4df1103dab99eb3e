"""A brief's signals of a part's creators, column by column and a few thousand rows at a time.

`features.snapshot.model.Snapshot.matrix` lays out every signal of every creator asked for. A brief's score needs few of
them, and of those that it needs some are the same for nearly everybody: what the brief itself says, and what says that
the creator has never met the brand or sold the products. `BriefColumns` tells which those are and who is *apart* (met
the brand, or sold them), and gives the rest of a few rows at a time, bit for bit as the matrix has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from features.briefs import Brief, brief_columns
from features.conversion import CONVERSION_SIGNALS, Conversion
from features.signals import PRODUCT_SUMS, SIGNALS, Signal, names_of, one_signal
from features.snapshot.sparse import Sparse
from marketplace.arrays import Flags, Floats, Ints

__all__ = ["BriefColumns", "Chunk", "Tables"]


@dataclass(frozen=True)
class Tables:
    """What is read of a snapshot's part of n creators.

    Attributes
    ----------
    creator : float64 (n, creator signals)
    category : float64 (n, categories + 1, category signals)
    brand_default : float64 (brand signals,)
    by_brand, by_product : Sparse
    conversion : Conversion or None
    fitted_rows : int64 (n,)
        The creators' places in the conversion model; empty without one.
    """

    creator: Floats
    category: Floats
    brand_default: Floats
    by_brand: Sparse
    by_product: Sparse
    conversion: Conversion | None
    fitted_rows: Ints


class BriefColumns:
    """The signals of ``rows`` for one brief.

    Parameters
    ----------
    tables : Tables
    brief : Brief
    rows : int64 (n,), ascending
    category : int
        The brief's category's place; the last for one that is not known.
    brand : int or None
    products : int64
        The brief's products' places.

    Attributes
    ----------
    same : dict of str to float
        The signals that are alike in every row but those of ``apart``.
    apart : int64
        Places in ``rows`` of the creators who have met the brand or sold the products.
    """

    def __init__(
        self, tables: Tables, brief: Brief, rows: Ints, *, category: int, brand: int | None, products: Ints
    ) -> None:
        self.rows = rows
        self._tables = tables
        self._category = category
        self._terms = {
            name: np.asarray(values[:1], dtype=np.float64) for name, values in brief_columns([brief]).items()
        }
        conversion = tables.conversion
        self._item = (
            None
            if conversion is None
            else conversion.item(brand_id=brief.brand_id, category_id=brief.category_id, price_usd=brief.price_usd)
        )
        self.same = self._same()
        self.apart = self._apart(brand, products)

    def chunk(self, first: int, last: int) -> Chunk:
        """The rows from ``first`` to before ``last``."""
        return Chunk(self, self.rows[first:last])

    def varying(self, names: list[str]) -> Flags:
        """Which signals are not the same in every row of those not ``apart``, bool (len(names),)."""
        out = np.zeros(len(names), dtype=bool)
        first: dict[str, float] = {}
        width, start = 64, 0
        open_names = [name for name in names if name not in self.same]
        keep = np.ones(len(self.rows), dtype=bool)
        keep[self.apart] = False
        while open_names and start < len(self.rows):
            stop = min(start + width, len(self.rows))
            inside = keep[start:stop]
            if inside.any():
                chunk = self.chunk(start, stop)
                for name in list(open_names):
                    values = chunk[name][inside]
                    usual = first.setdefault(name, float(values[0]))
                    alike = np.isnan(values).all() if np.isnan(usual) else (values == usual).all()
                    if not alike:
                        out[names.index(name)] = True
                        open_names.remove(name)
            start, width = stop, 8192
        return out

    def _same(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, value in zip(names_of("creator_brand"), np.asarray(self._tables.brand_default), strict=True):
            found[name] = float(value)
        sums = dict.fromkeys(PRODUCT_SUMS, 0.0)
        if self._item is None:
            sums |= dict.fromkeys(CONVERSION_SIGNALS, float("nan"))
        base = found | sums
        given = {name: np.array([value]) for name, value in base.items()}
        for name in names_of("brief_creator"):
            if _reads()[name] <= base.keys():
                found[name] = float(one_signal(name, given, self._terms, n=1)[0])
        return found

    def _apart(self, brand: int | None, products: Ints) -> Ints:
        lists = [self._tables.by_product.rows_of(int(group)) for group in products]
        if brand is not None:
            lists.append(self._tables.by_brand.rows_of(brand))
        if not lists or not len(self.rows):
            return np.zeros(0, dtype=np.int64)
        met = np.unique(np.concatenate(lists))
        at = np.minimum(np.searchsorted(self.rows, met), len(self.rows) - 1)
        return np.asarray(at[self.rows[at] == met], dtype=np.int64)


class Chunk(Mapping[str, Floats]):
    """Signals of a few rows by name, each float64 (n,), contiguous and worked out when it is first asked for.

    Those who are apart have here what everybody has.
    """

    def __init__(self, brief: BriefColumns, rows: Ints) -> None:
        self._brief = brief
        self._rows = rows
        self._known: dict[str, Floats] = {}
        beside = len(rows) > 0 and int(rows[-1]) - int(rows[0]) == len(rows) - 1
        self._lines: Any = slice(int(rows[0]), int(rows[-1]) + 1) if beside else rows

    def __iter__(self) -> Iterator[str]:
        return iter(SIGNALS)

    def __len__(self) -> int:
        return len(SIGNALS)

    def __getitem__(self, name: str) -> Floats:
        if name not in self._known:
            self._known[name] = self._found(name)
        return self._known[name]

    @cached_property
    def _converted(self) -> dict[str, Floats]:
        tables = self._brief._tables
        assert tables.conversion is not None
        assert self._brief._item is not None
        return tables.conversion.predict(tables.fitted_rows[self._lines], self._brief._item)

    def _found(self, name: str) -> Floats:
        brief, n = self._brief, len(self._rows)
        if name in brief.same:
            return np.full(n, brief.same[name])
        place = _places().get(name)
        if place is not None and place[0] == "creator":
            return np.ascontiguousarray(brief._tables.creator[self._lines, place[1]])
        if place is not None:
            return np.ascontiguousarray(brief._tables.category[self._lines, brief._category, place[1]])
        return one_signal(name, _Base(self), brief._terms, n=n)


class _Base(Mapping[str, Floats]):
    """What expressions read of a chunk: conversion's own, and zero products, beside the creator's signals."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk

    def __iter__(self) -> Iterator[str]:
        return iter(SIGNALS)

    def __len__(self) -> int:
        return len(SIGNALS)

    def __getitem__(self, name: str) -> Floats:
        if name in CONVERSION_SIGNALS:
            if self._chunk._brief._item is None:
                return np.full(len(self._chunk._rows), np.nan)
            return self._chunk._converted[name]
        return self._chunk[name]


@cache
def _places() -> dict[str, tuple[str, int]]:
    """Where creators' own signals and those by category stand in their tables."""
    return {
        name: (entity, place)
        for entity in ("creator", "creator_category")
        for place, name in enumerate(names_of(entity))
    }


@cache
def _reads() -> dict[str, frozenset[str]]:
    """The columns that each signal of a brief x creator reads, beside the brief's terms."""
    return {name: _read_by(SIGNALS[name]) for name in names_of("brief_creator")}


def _read_by(signal: Signal) -> frozenset[str]:
    seen: set[str] = set()

    class Noting(dict[str, Floats]):
        def __missing__(self, name: str) -> Floats:
            seen.add(name)
            return np.full(1, np.nan)

    class Terms(dict[str, Floats]):
        def __missing__(self, name: str) -> Floats:
            return np.full(1, np.nan)

    signal.expression(Noting(), Terms())
    return frozenset(seen)
