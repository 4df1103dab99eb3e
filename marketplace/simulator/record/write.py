"""Write the contract's tables as Parquet, cut at the end of the simulated days, with fixed settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from marketplace.contract import TABLES
from marketplace.simulator.mechanisms import NONE

__all__ = ["PARQUET", "TableWriter", "TruthWriter", "coded", "numbered"]

PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": True,
    "store_schema": False,
    "write_statistics": True,
    "version": "2.6",
}
"""How every file is written, so that the same rows are the same bytes."""


_GROUP = 262_144
"""Rows of a row group."""

_FEW = 20_000
"""Labels up to which strings are written by a dictionary. A larger one would outgrow a Parquet dictionary page."""


_PLAIN = ("order_id", "content_id", "ordered_at", "known_at")
"""Columns in which hardly a value repeats within a row group: a dictionary of them costs time and space."""

_LEAVES = {"product_ids": "product_ids.list.element"}
"""Parquet's own names of nested columns."""


def numbered(prefix: str, count: int, width: int, *, first: int = 0) -> pa.Array:
    """``count`` identifiers ``prefix_000000 ...``, numbered from ``first`` on."""
    numbers = pa.array(np.arange(first, first + count))
    digits = pc.utf8_lpad(pc.cast(numbers, pa.string()), width=width, padding="0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, "_")


def coded(codes: np.ndarray, labels: Any) -> pa.Array:
    """Strings ``labels[codes]``, null where the code is negative: a dictionary array where the labels are few.

    Labels given as a sequence may repeat; in the dictionary each stands once, because Arrow's writer gives up
    on a dictionary with repeats, and the bytes it then leaves are not the same every time.
    """
    codes = np.asarray(codes)
    if isinstance(labels, pa.Array):
        values = labels
        if len(labels) > _FEW:
            return values.take(pa.array(codes, mask=codes < 0))
    else:
        once = list(dict.fromkeys(labels))
        place = np.array([once.index(label) for label in labels])
        codes = np.where(codes < 0, -1, place[codes.astype(np.int64)])
        values = pa.array(once, pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=codes < 0), values)


def _array(values: Any, kind: str) -> Any:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if kind == "instant":
        values = np.asarray(values, dtype=np.int64)
        return pa.array(values, mask=values == NONE).cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    if kind == "day":
        return pa.array(np.asarray(values).astype(np.int32)).cast(pa.date32())
    if kind == "measure":
        return pa.array(np.asarray(values, dtype=np.float64), from_pandas=True)
    plain = {"count": np.int64, "flag": np.bool_}.get(kind)
    return pa.array(values if plain is None else np.asarray(values, dtype=plain))


def _part(folder: Path, table: str, part: int) -> Path:
    """The file of one part of ``table``; its folder is made."""
    path = folder / table
    path.mkdir(parents=True, exist_ok=True)
    return path / f"part-{part:05d}.parquet"


class TableWriter:
    """Writes one part of tables into ``folder``, without rows that were not known before ``end`` (microseconds)."""

    def __init__(self, folder: Path, end: int, *, part: int = 0) -> None:
        self.folder = folder
        self.end = end
        self.part = part
        self._open: dict[str, tuple[pq.ParquetWriter, list[str]]] = {}

    def write(self, table: str, columns: Mapping[str, Any]) -> int:
        """Write one batch of ``table``'s rows in the order given; further calls append. Returns the rows written.

        What the contract lets be null and the simulator does not draw is left out.
        """
        declared = TABLES[table]
        known = np.asarray(columns["known_at"], dtype=np.int64)
        arrays, names = [], []
        for column in declared.columns:
            if column.nullable and column.name not in columns:
                continue
            values = _array(columns[column.name], column.type)
            arrays.append(values)
            names.append(column.name)
        batch = pa.table(arrays, names=names)
        inside = known < self.end
        if not inside.all():
            batch = batch.filter(pa.array(inside))
        if table not in self._open:
            path = _part(self.folder, table, self.part)
            leaves = [_LEAVES.get(name, name) for name in names if name not in _PLAIN]
            settings = {**PARQUET, "use_dictionary": leaves}
            self._open[table] = (pq.ParquetWriter(path, batch.schema, **settings), names)
        self._open[table][0].write_table(batch, row_group_size=_GROUP)
        return int(batch.num_rows)

    def close(self) -> None:
        """Finish every file."""
        for writer, _ in self._open.values():
            writer.close()
        self._open.clear()


class TruthWriter:
    """Writes one part of ``truth/NAME`` into ``folder``: ids as given, everything else float64.

    Rows are gathered until they fill a row group, so that many small batches make no small groups.
    """

    def __init__(self, folder: Path, name: str, *, part: int = 0) -> None:
        self._file = _part(folder, f"truth/{name}", part)
        self._writer: pq.ParquetWriter | None = None
        self._batches: list[pa.Table] = []
        self._rows = 0

    def write(self, columns: Mapping[str, Any]) -> None:
        """Append rows, in the order given."""
        batch = pa.table(
            {
                key: values
                if isinstance(values, pa.Array)
                else pa.array(np.asarray(values, dtype=np.float64), from_pandas=True)
                for key, values in columns.items()
            }
        )
        self._batches.append(batch)
        self._rows += batch.num_rows
        if self._rows >= _GROUP:
            self._flush()

    def _flush(self) -> None:
        table = pa.concat_tables(self._batches).unify_dictionaries().combine_chunks()
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema, **PARQUET)
        self._writer.write_table(table, row_group_size=_GROUP)
        self._batches, self._rows = [], 0

    def close(self) -> None:
        """Finish the file."""
        if self._batches or self._writer is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()
