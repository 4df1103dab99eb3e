"""Nested records laid flat: objects become columns, a list of objects becomes rows."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["DEEPEST", "flat_table"]

DEEPEST = 6
"""Levels that are laid flat; what lies deeper is text."""


def flat_table(table: pa.Table) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """``table`` without objects in its cells, and of which record (from 1) each row is.

    ``{"profile": {"country": …}}`` becomes the column ``profile.country``. Where one column alone holds lists of
    objects (an order's lines, the records below ``data``), each of them becomes a row that repeats what stands around
    it; a record whose list is empty stays as one row. Where several do, nothing says which of them makes the rows:
    those cells become JSON text, and so does what lies deeper than `DEEPEST`.

    Parameters
    ----------
    table : pyarrow.Table
        n records.

    Returns
    -------
    (pyarrow.Table, int64 (m,))
    """
    rows = np.arange(1, 1 + table.num_rows, dtype=np.int64)
    for _ in range(DEEPEST):
        while any(pa.types.is_struct(field.type) for field in table.schema):
            table = table.flatten()
        listed = [field.name for field in table.schema if _holds_objects(field.type)]
        if len(listed) != 1:
            break
        table, origin = _exploded(table, listed[0])
        rows = rows[origin]
    for place, field in enumerate(table.schema):
        if pa.types.is_nested(field.type) and not _is_plain_list(field.type):
            texts = [None if cell is None else json.dumps(cell, default=str) for cell in table[place].to_pylist()]
            table = table.set_column(place, field.name, pa.array(texts, pa.string()))
    return table, rows


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_plain_list(kind: pa.DataType) -> bool:
    return _is_list(kind) and not pa.types.is_nested(kind.value_type)


def _holds_objects(kind: pa.DataType) -> bool:
    return _is_list(kind) and bool(pa.types.is_struct(kind.value_type))


def _exploded(table: pa.Table, name: str) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """One row for each object in the lists of ``name``, or one where there is none; of which row each is."""
    place = table.schema.get_field_index(name)
    lists = table[place].combine_chunks()
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    origin = np.repeat(np.arange(table.num_rows), np.maximum(lengths, 1))
    # An empty list's only row holds no object.
    filled = np.repeat(lengths > 0, np.maximum(lengths, 1))
    at = np.cumsum(filled) - 1
    objects = pc.list_flatten(lists).take(pa.array(at, mask=~filled))
    taken = table.take(pa.array(origin))
    return taken.set_column(place, name, objects), origin
