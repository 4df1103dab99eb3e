"""Write the contract's tables as Parquet, cut at the end of the simulated days, with fixed settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from marketplace.contract import TABLES, arrow_schema
from marketplace.simulator.funnel import NONE

__all__ = ["PARQUET", "TableWriter", "coded", "numbered", "write_truth"]

PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": True,
    "store_schema": False,
    "write_statistics": True,
    "version": "2.6",
}
"""How every file is written, so that the same rows are the same bytes."""


def numbered(prefix: str, count: int, width: int) -> pa.Array:
    """``count`` identifiers ``prefix_000000 ...``."""
    digits = pc.utf8_lpad(pc.cast(pa.array(np.arange(count)), pa.string()), width=width, padding="0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, "_")


def coded(codes: np.ndarray, labels: Any) -> pa.Array:
    """Strings as a dictionary array: ``labels[codes]``, null where the code is negative.

    Labels given as a sequence may repeat; in the dictionary each stands once, because Arrow's writer gives up
    on a dictionary with repeats, and the bytes it then leaves are not the same every time.
    """
    codes = np.asarray(codes)
    if isinstance(labels, pa.Array):
        values = labels
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


class TableWriter:
    """Writes tables into ``folder``, leaving out rows that were not known before ``end`` (microseconds)."""

    def __init__(self, folder: Path, end: int) -> None:
        self.folder = folder
        self.end = end
        self._open: dict[str, tuple[pq.ParquetWriter, list[str]]] = {}

    def write(self, table: str, columns: Mapping[str, Any]) -> int:
        """Write one batch of ``table``'s rows in the order given; further calls append. Returns the rows written."""
        declared = TABLES[table]
        known = np.asarray(columns["known_at"], dtype=np.int64)
        arrays, names = [], []
        for column in declared.columns:
            values = _array(columns[column.name], column.type)
            arrays.append(values)
            names.append(column.name)
        batch = pa.table(arrays, names=names)
        inside = known < self.end
        if not inside.all():
            batch = batch.filter(pa.array(inside))
        if table not in self._open:
            path = self.folder / table
            path.mkdir(parents=True)
            self._open[table] = (pq.ParquetWriter(path / "part-0.parquet", batch.schema, **PARQUET), names)
        self._open[table][0].write_table(batch, row_group_size=262_144)
        return int(batch.num_rows)

    def close(self) -> None:
        """Finish every file; a table that was never written is written empty."""
        for table in TABLES:
            if table not in self._open:
                path = self.folder / table
                path.mkdir(parents=True)
                pq.write_table(arrow_schema(table).empty_table(), path / "part-0.parquet", **PARQUET)
        for writer, _ in self._open.values():
            writer.close()
        self._open.clear()


def write_truth(folder: Path, name: str, columns: Mapping[str, Any]) -> None:
    """Write ``truth/NAME``: ids as given, everything else float64."""
    path = folder / "truth" / name
    path.mkdir(parents=True)
    table = pa.table(
        {
            key: values
            if isinstance(values, pa.Array)
            else pa.array(np.asarray(values, dtype=np.float64), from_pandas=True)
            for key, values in columns.items()
        }
    )
    pq.write_table(table, path / "part-0.parquet", row_group_size=262_144, **PARQUET)
