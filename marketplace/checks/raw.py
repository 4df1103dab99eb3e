"""Raw Parquet files as DuckDB views of the contract's columns, with a mark on every value that does not cast.

The checks read through these views and not through `marketplace.tables`, which stops at the
first value that does not fit. Each view has, for every declared column ``c`` of the table:

- ``c``: the value cast to the contract's type, null where it does not cast without loss;
- ``c__bad``: true where it does not cast, false where it does or is null, and null where the row's
  file has no such column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from marketplace.contract import TABLES, Column, Table

__all__ = ["RawTable", "Tables", "connect", "files_of", "quote", "view_of_files", "view_of_frame"]

SQL_TYPE = {
    "string": "VARCHAR",
    "instant": "TIMESTAMPTZ",
    "day": "DATE",
    "count": "BIGINT",
    "measure": "DOUBLE",
    "flag": "BOOLEAN",
    "ids": "VARCHAR[]",
}
"""The contract's types as DuckDB's."""

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
EXACT_IN_DOUBLE = 2**53


class Tables(Protocol):
    """What the checks need of a marketplace that is open: its folder, or its tables as Arrow."""

    path: Path | None
    present: frozenset[str]

    def arrow(self, table: str) -> pa.Table:
        """The whole of ``table``."""
        ...


@dataclass
class RawTable:
    """What was found of one table.

    Attributes
    ----------
    rows : int
        Rows in the readable files.
    unreadable : dict of str to str
        File to the reason.
    raw_types : dict of str to tuple of str
        Declared column to the types it has in the files (DuckDB's names); columns that no file has are absent.
    unknown : dict of str to int
        Column that the contract does not have, to the rows of the files with it.
    """

    rows: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    raw_types: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB inside the process that takes naive timestamps as UTC."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    return connection


def quote(name: str) -> str:
    """``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def view_of_frame(connection: duckdb.DuckDBPyConnection, table: Table, market: Tables) -> RawTable:
    """A view named like ``table`` over a marketplace in memory, whose columns are cast already."""
    rows = market.arrow(table.name)
    connection.register(f"arrow_{table.name}", rows)
    columns = ", ".join(f"{quote(c.name)}, FALSE AS {quote(c.name + '__bad')}" for c in table.columns)
    connection.execute(f"CREATE VIEW {quote(table.name)} AS SELECT {columns} FROM {quote('arrow_' + table.name)}")
    return RawTable(rows=rows.num_rows, raw_types={c.name: (SQL_TYPE[c.type],) for c in table.columns})


def view_of_files(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> RawTable:
    """A view named like ``table`` over Parquet ``files``, which may differ in their columns and types.

    Files that cannot be read are left out of the view and named in the result.
    """
    found = RawTable()
    groups: dict[str, list[Path]] = {}
    for file in files:
        try:
            with pq.ParquetFile(file) as parquet:
                groups.setdefault(parquet.schema_arrow.remove_metadata().to_string(), []).append(file)
        except (pa.ArrowException, OSError) as reason:
            found.unreadable[str(file)] = _first_line(reason)
    selects = []
    for group in groups.values():
        sound = _sound(connection, table, group, found)
        if sound:
            selects.append(_select(connection, table, sound, found))
    if not selects:
        nothing = ", ".join(
            f"CAST(NULL AS {SQL_TYPE[c.type]}) AS {quote(c.name)}, FALSE AS {quote(c.name + '__bad')}"
            for c in table.columns
        )
        selects.append(f"SELECT {nothing} WHERE FALSE")
    connection.execute(f"CREATE VIEW {quote(table.name)} AS {' UNION ALL '.join(selects)}")
    return found


def _first_line(reason: BaseException) -> str:
    return str(reason).strip().split("\n", maxsplit=1)[0]


def _scan(files: Sequence[Path]) -> str:
    names = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{names}])"


def _sound(
    connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path], found: RawTable
) -> Sequence[Path]:
    """Those of ``files`` whose pages decompress, the declared columns read in full."""
    if _damage(connection, table, files) is None:
        return files
    sound = []
    for file in files:
        reason = _damage(connection, table, [file])
        if reason is None:
            sound.append(file)
        else:
            found.unreadable[str(file)] = reason
    return sound


def _damage(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> str | None:
    scan = _scan(files)
    try:
        present = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()]
        # A hash needs the value itself: a count alone may come from the file's statistics.
        reads = ", ".join(quote(name) for name in present if name in table.by_name) or "1"
        connection.execute(f"SELECT bit_xor(hash({reads})) FROM {scan}").fetchone()
    except duckdb.Error as reason:
        return _first_line(reason)
    return None


def _select(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path], found: RawTable) -> str:
    scan = _scan(files)
    types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}
    counted = connection.execute(f"SELECT count(*) FROM {scan}").fetchone()
    rows = counted[0] if counted else 0
    found.rows += rows
    for name, kind in types.items():
        if name in table.by_name:
            found.raw_types[name] = tuple(dict.fromkeys((*found.raw_types.get(name, ()), kind)))
        else:
            found.unknown[name] = found.unknown.get(name, 0) + rows
    parts = []
    for column in table.columns:
        value, bad = _cast(column, types.get(column.name))
        parts.append(f"{value} AS {quote(column.name)}, {bad} AS {quote(column.name + '__bad')}")
    return f"SELECT {', '.join(parts)} FROM {scan}"


def _cast(column: Column, kind: str | None) -> tuple[str, str]:
    """SQL for the cast value, and for whether the raw value of type ``kind`` does not cast without loss."""
    wanted = SQL_TYPE[column.type]
    nothing = f"CAST(NULL AS {wanted})"
    if kind is None:
        return nothing, "CAST(NULL AS BOOLEAN)"
    raw = quote(column.name)
    if kind.startswith('"NULL"'):
        return f"CAST({raw} AS {wanted})", "FALSE"
    loss = _loss(column.type, raw, kind)
    if loss is None:
        return nothing, f"({raw} IS NOT NULL)"
    if loss == "FALSE":
        return (raw if kind == wanted else f"CAST({raw} AS {wanted})"), "FALSE"
    bad = f"coalesce({raw} IS NOT NULL AND ({loss}), FALSE)"
    return f"CASE WHEN {bad} THEN NULL ELSE TRY_CAST({raw} AS {wanted}) END", bad


def _loss(declared: str, raw: str, kind: str) -> str | None:
    """SQL for "casting ``raw`` loses something"; ``FALSE`` where it never does, None where the types never meet."""
    whole = kind in INTEGERS
    real = kind in ("FLOAT", "DOUBLE")
    decimal = kind.startswith("DECIMAL")
    stamp = kind.startswith("TIMESTAMP")
    nanoseconds = kind.endswith("_NS")
    lossy: dict[str, list[tuple[bool, str]]] = {
        "string": [(kind in ("VARCHAR", "UUID") or kind.startswith("ENUM") or whole, "FALSE")],
        "instant": [
            (stamp and nanoseconds, f"epoch_ns({raw}) % 1000 <> 0"),
            (stamp or kind == "DATE", "FALSE"),
        ],
        "day": [
            (kind == "DATE", "FALSE"),
            (stamp and nanoseconds, f"epoch_ns({raw}) % 86400000000000 <> 0"),
            (stamp, f"epoch_us({raw}) % 86400000000 <> 0"),
        ],
        "count": [
            (kind in ("HUGEINT", "UBIGINT"), f"TRY_CAST({raw} AS BIGINT) IS NULL"),
            (whole, "FALSE"),
            (real, f"NOT isfinite({raw}) OR {raw} <> trunc({raw}) OR TRY_CAST({raw} AS BIGINT) IS NULL"),
            (decimal, f"{raw} <> trunc({raw}) OR TRY_CAST({raw} AS BIGINT) IS NULL"),
        ],
        "measure": [
            (kind in ("BIGINT", "HUGEINT", "UBIGINT"), f"abs({raw}::HUGEINT) > {EXACT_IN_DOUBLE}"),
            (whole or real or decimal, "FALSE"),
        ],
        "flag": [(kind == "BOOLEAN", "FALSE")],
        "ids": [(kind.endswith("[]") and (kind == "VARCHAR[]" or kind[:-2] in INTEGERS), "FALSE")],
    }
    return next((sql for fits, sql in lossy[declared] if fits), None)


def files_of(folder: Path) -> dict[str, list[Path]]:
    """The Parquet files of each of the contract's tables that ``folder`` has."""
    found = {name: sorted((folder / name).glob("*.parquet")) for name in TABLES}
    return {name: files for name, files in found.items() if files}
