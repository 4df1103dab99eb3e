"""Parquet files as DuckDB selects of the contract's columns, each file cast to the contract's types by itself.

`FileTable` groups a table's files by their own columns and types and writes one select a group, in two ways:

- ``strict``: what the commands read. A value that does not cast without loss ends the query with an error;
- ``marked``: what the checks read. For every declared column ``c`` there are ``c``, cast and null where it does not
  cast without loss; ``c__bad``: true where it does not cast, false where it does or is null, null where the row's file
  has no such column; ``c__raw``: the value as text, as the file has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from marketplace.contract import Column, Table
from marketplace.errors import ContractError
from marketplace.reading.files import partitions_of

__all__ = [
    "SQL_TYPE",
    "FileTable",
    "Group",
    "RawTable",
    "Tables",
    "checked_view",
    "checked_view_of_arrow",
    "connect",
    "quote",
]

SQL_TYPE = {
    "string": "VARCHAR",
    "instant": "TIMESTAMP WITH TIME ZONE",
    "day": "DATE",
    "count": "BIGINT",
    "measure": "DOUBLE",
    "flag": "BOOLEAN",
    "ids": "VARCHAR[]",
}
"""The contract's types as DuckDB's."""

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
EXACT_IN_DOUBLE = 2**53
_FOLDER = "FOLDER"
"""The type of a value that a partition's folder tells: text, and read as what it says."""


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


@dataclass
class Group:
    """Files with the same columns and types; ``types`` are DuckDB's, of what the files and their folders tell.

    What a folder tells is text, whatever its type says.
    """

    files: list[Path]
    partitions: tuple[str, ...]
    types: dict[str, str] = field(default_factory=dict)


class FileTable:
    """The files of one table, grouped by their own columns and types.

    Parameters
    ----------
    table : Table
    folder : Path
        The table's folder, below which ``files`` lie.
    files : sequence of Path

    Attributes
    ----------
    unreadable : dict of Path to str
        Files whose footer does not read, with the reason.
    rows, bytes : int
        Rows, and decompressed bytes, as the footers declare them.
    """

    def __init__(self, table: Table, folder: Path, files: Sequence[Path]) -> None:
        self.table, self.folder = table, folder
        self.unreadable: dict[Path, str] = {}
        self.rows = self.bytes = 0
        self._groups: dict[tuple[str, tuple[str, ...]], Group] = {}
        for file in files:
            try:
                schema = self._footer(file)
            except (pa.ArrowException, OSError) as reason:
                self.unreadable[file] = _first_line(reason)
                continue
            partitions = partitions_of(folder, file)
            self._groups.setdefault((schema, partitions), Group([], partitions)).files.append(file)

    def _footer(self, file: Path) -> str:
        if not file.is_file():
            raise OSError("is no regular file")
        with pq.ParquetFile(file) as parquet:
            declared = parquet.metadata
            self.rows += declared.num_rows
            self.bytes += sum(declared.row_group(i).total_byte_size for i in range(declared.num_row_groups))
            return str(parquet.schema_arrow.remove_metadata().to_string(truncate_metadata=False))

    @property
    def files(self) -> list[str]:
        """The readable files, by path."""
        return sorted(str(file) for group in self._groups.values() for file in group.files)

    def told_by_folders(self, file: str) -> str:
        """What ``file``'s folders tell beside its content, empty where that is nothing."""
        path = Path(file)
        return str(path.parent.relative_to(self.folder)) if partitions_of(self.folder, path) else ""

    def strict(self, connection: duckdb.DuckDBPyConnection, columns: Iterable[str] | None = None) -> list[str]:
        """One select a group of ``columns`` (all declared ones by default).

        A value that does not cast is an error when it is read.

        Raises
        ------
        ContractError
            A file cannot be read.
        """
        names = [column.name for column in self.table.columns] if columns is None else list(columns)
        selects = []
        for group in self._groups.values():
            types = self._types(connection, group)
            parts = [f"{self._strict(name, types.get(name))} AS {quote(name)}" for name in names]
            selects.append(f"SELECT {', '.join(parts)} FROM {_scan(group)}")
        return selects or [f"SELECT {self._nothing(names)} WHERE FALSE"]

    def distinct(self, connection: duckdb.DuckDBPyConnection, columns: Iterable[str] | None = None) -> str:
        """One select of each row once, in the order of the key: copies say nothing.

        Raises
        ------
        ContractError
            A file cannot be read.
        """
        names = [column.name for column in self.table.columns]
        key, every = (", ".join(map(quote, some)) for some in (self.table.key, names))
        wanted = ", ".join(map(quote, names if columns is None else columns))
        union = " UNION ALL ".join(self.strict(connection))
        return f"SELECT {wanted} FROM (SELECT DISTINCT {every} FROM ({union})) ORDER BY {key}"

    def groups(self, connection: duckdb.DuckDBPyConnection) -> list[Group]:
        """The files by what they and their folders tell, for readers other than DuckDB.

        Raises
        ------
        ContractError
            A file cannot be read.
        """
        for group in self._groups.values():
            self._types(connection, group)
        return list(self._groups.values())

    def _nothing(self, names: Iterable[str]) -> str:
        return ", ".join(f"CAST(NULL AS {SQL_TYPE[self.table.by_name[n].type]}) AS {quote(n)}" for n in names)

    def _strict(self, name: str, kind: str | None) -> str:
        column = self.table.by_name[name]
        cast = _cast(column, kind)
        if cast.bad in ("FALSE", "CAST(NULL AS BOOLEAN)"):
            return cast.value
        words = f"{self.table.name}.{name} does not cast from {kind} to {column.type} without loss".replace("'", "''")
        return f"CASE WHEN {cast.bad} THEN error('{words}') ELSE {cast.value} END"

    def _types(self, connection: duckdb.DuckDBPyConnection, group: Group) -> dict[str, str]:
        if not group.types:
            try:
                group.types = _types_of(connection, group)
            except duckdb.Error as reason:
                raise ContractError(
                    f"Parquet files in {self.folder}", received=_first_line(reason), look="docs/contract.md"
                ) from reason
        return group.types

    def marked(self, connection: duckdb.DuckDBPyConnection, found: RawTable) -> list[str]:
        """One select a group of all declared columns and their marks; what is damaged is left out and told."""
        found.unreadable |= {str(file): reason for file, reason in self.unreadable.items()}
        selects = []
        for group in self._groups.values():
            sound = self._sound(connection, group, found)
            if sound is not None:
                selects.append(self._marked(connection, sound, found))
        if not selects:
            names = [column.name for column in self.table.columns]
            marks = ", ".join(f"FALSE AS {quote(n + '__bad')}, NULL AS {quote(n + '__raw')}" for n in names)
            selects.append(f"SELECT {self._nothing(names)}, {marks} WHERE FALSE")
        return selects

    def _sound(self, connection: duckdb.DuckDBPyConnection, group: Group, found: RawTable) -> Group | None:
        """``group`` with the files alone whose pages decompress, the declared columns read in full."""
        if self._damage(connection, group) is None:
            return group
        sound = []
        for file in group.files:
            reason = self._damage(connection, Group([file], group.partitions))
            if reason is None:
                sound.append(file)
            else:
                found.unreadable[str(file)] = reason
        return Group(sound, group.partitions) if sound else None

    def _damage(self, connection: duckdb.DuckDBPyConnection, group: Group) -> str | None:
        try:
            present = _types_of(connection, group)
            # A hash needs the value itself: a count alone may come from the file's statistics.
            reads = ", ".join(quote(name) for name in present if name in self.table.by_name) or "1"
            connection.execute(f"SELECT bit_xor(hash({reads})) FROM {_scan(group)}").fetchone()
        except duckdb.InterruptException:
            raise
        except duckdb.Error as reason:
            return _first_line(reason)
        return None

    def _marked(self, connection: duckdb.DuckDBPyConnection, group: Group, found: RawTable) -> str:
        types = _types_of(connection, group)
        counted = connection.execute(f"SELECT count(*) FROM {_scan(group)}").fetchone()
        rows = counted[0] if counted else 0
        found.rows += rows
        for name, kind in types.items():
            if name in self.table.by_name:
                found.raw_types[name] = tuple(dict.fromkeys((*found.raw_types.get(name, ()), kind)))
            elif name not in group.partitions:
                found.unknown[name] = found.unknown.get(name, 0) + rows
        parts = []
        for column in self.table.columns:
            kind_of = types.get(column.name)
            cast = _cast(column, kind_of)
            raw = "NULL" if kind_of is None else f"CAST({quote(column.name)} AS VARCHAR)"
            value = f"CASE WHEN {cast.bad} THEN NULL ELSE {cast.value} END" if cast.guarded else cast.value
            parts += [
                f"{value} AS {quote(column.name)}",
                f"{cast.bad} AS {quote(column.name + '__bad')}",
                f"{raw} AS {quote(column.name + '__raw')}",
            ]
        return f"SELECT {', '.join(parts)} FROM {_scan(group)}"


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB inside the process that takes naive timestamps as UTC."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    return connection


def quote(name: str) -> str:
    """``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def checked_view_of_arrow(connection: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table) -> RawTable:
    """A view named like ``table`` over rows in memory, whose columns are cast already."""
    connection.register(f"arrow_{table.name}", rows)
    columns = ", ".join(
        f"{quote(c.name)}, FALSE AS {quote(c.name + '__bad')}, CAST({quote(c.name)} AS VARCHAR) "
        f"AS {quote(c.name + '__raw')}"
        for c in table.columns
    )
    connection.execute(f"CREATE VIEW {quote(table.name)} AS SELECT {columns} FROM {quote('arrow_' + table.name)}")
    return RawTable(rows=rows.num_rows, raw_types={c.name: (SQL_TYPE[c.type],) for c in table.columns})


def checked_view(connection: duckdb.DuckDBPyConnection, files: FileTable) -> RawTable:
    """A view named like the table over its files, marked as this module says.

    Files that cannot be read are left out of the view and named in the result.
    """
    found = RawTable()
    selects = files.marked(connection, found)
    connection.execute(f"CREATE VIEW {quote(files.table.name)} AS {' UNION ALL '.join(selects)}")
    return found


def _first_line(reason: BaseException) -> str:
    return str(reason).strip().split("\n", maxsplit=1)[0]


def _scan(group: Group) -> str:
    """The files as a table function; their names are names and no patterns."""
    names = ", ".join("'" + _literal(str(file)).replace("'", "''") + "'" for file in group.files)
    hive = "true, hive_types_autocast=false" if group.partitions else "false"
    return f"read_parquet([{names}], hive_partitioning={hive})"


def _literal(path: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)


def _types_of(connection: duckdb.DuckDBPyConnection, group: Group) -> dict[str, str]:
    described: list[tuple[Any, ...]] = connection.execute(f"DESCRIBE SELECT * FROM {_scan(group)}").fetchall()
    return {name: _FOLDER if name in group.partitions else kind for name, kind, *_ in described}


@dataclass(frozen=True)
class _Cast:
    """SQL for the cast value, and for whether the raw value does not cast without loss.

    ``guarded``: the value may only be asked for where it is not bad.
    """

    value: str
    bad: str
    guarded: bool = False


def _cast(column: Column, kind: str | None) -> _Cast:
    wanted = SQL_TYPE[column.type]
    nothing = f"CAST(NULL AS {wanted})"
    if kind is None:
        return _Cast(nothing, "CAST(NULL AS BOOLEAN)")
    raw = quote(column.name)
    if kind == _FOLDER and column.type != "ids":
        cast = f"TRY_CAST({raw} AS {wanted})"
        return _Cast(cast, "FALSE" if column.type == "string" else f"({raw} IS NOT NULL AND {cast} IS NULL)")
    if kind.startswith('"NULL"'):
        return _Cast(f"CAST({raw} AS {wanted})", "FALSE")
    loss = _loss(column.type, raw, kind)
    if loss is None:
        return _Cast(nothing, f"({raw} IS NOT NULL)")
    if loss == "FALSE":
        return _Cast(raw if kind == wanted else f"CAST({raw} AS {wanted})", "FALSE")
    bad = f"coalesce({raw} IS NOT NULL AND ({loss}), FALSE)"
    return _Cast(f"TRY_CAST({raw} AS {wanted})", bad, guarded=True)


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
