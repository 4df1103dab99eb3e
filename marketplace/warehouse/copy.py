"""Copy the contract's tables out of a warehouse into Parquet, as they are, in one transaction where there are any."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from marketplace.contract import TABLES
from marketplace.errors import ContractError
from marketplace.progress import track
from marketplace.state import state_folder
from marketplace.warehouse.address import name_of, redacted, without_secrets

__all__ = ["fetched"]

_CHUNK = 100_000
_KEPT_S = 86_400.0
"""Copies that nobody has asked for so long are removed."""


def fetched(where: str | Path) -> Path:
    """The folder in which a copy of the warehouse's tables lies, made anew; the same folder for the same rows.

    Raises
    ------
    ContractError
        It cannot be opened or read, or what opens it is not installed.
    """
    shown = redacted(where)
    home = state_folder("warehouses")
    home.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=home, prefix="."))
    name = name_of(where)
    try:
        # Whatever a driver raises, and they all raise others, is the same to whoever asked: it cannot be read.
        try:
            digest = _copied(where, fresh / name, shown)
        except Exception as reason:
            raise ContractError(
                f"a warehouse that can be read at {shown}",
                received=without_secrets(f"{type(reason).__name__}: {str(reason).strip()}".splitlines()[0], where),
                look="the URL, and `pip install 'collabrank[postgres]'` for PostgreSQL",
            ) from None
        place = home / digest[:32]
        if not (place / name).is_dir():
            os.chmod(fresh, 0o700)
            place.mkdir(exist_ok=True)
            os.replace(fresh / name, place / name)
        os.utime(place)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    _prune(home, place)
    return place / name


def _copied(where: str | Path, folder: Path, shown: str) -> str:
    """Write the tables below ``folder``; SHA-256 (hex) of what was written."""
    folder.mkdir()
    text = str(where)
    if "://" not in text or text.startswith("duckdb://"):
        _from_duckdb(text.removeprefix("duckdb://"), folder, shown)
    else:
        _from_ibis(text, folder, shown)
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*/*.parquet")):
        digest.update(file.stem.encode())
        with file.open("rb") as written:
            digest.update(hashlib.file_digest(written, "sha256").digest())
    return digest.hexdigest()


def _file(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name / f"{name}.parquet"


def _from_duckdb(file: str, folder: Path, shown: str) -> None:
    with duckdb.connect(file, read_only=True) as connection:
        connection.execute("SET TimeZone='UTC'")
        rows = connection.execute(
            "SELECT table_name, list(column_name) FROM information_schema.columns "
            "WHERE table_schema = current_schema() GROUP BY table_name"
        ).fetchall()
        columns = {name: there for name, there in rows if name in TABLES}
        connection.execute("BEGIN TRANSACTION")
        for name in track(columns, f"reading {shown}", total=len(columns)):
            declared = TABLES[name]
            wanted = [column.name for column in declared.columns if column.name in columns[name]]
            key = ", ".join(f'"{one}"' for one in declared.key if one in wanted) or "ALL"
            chosen = ", ".join(f'"{one}"' for one in wanted)
            to = str(_file(folder, name)).replace("'", "''")
            connection.execute(
                f"COPY (SELECT {chosen} FROM {name} ORDER BY {key}) TO '{to}' (FORMAT parquet, COMPRESSION zstd)"
            )


def _from_ibis(url: str, folder: Path, shown: str) -> None:
    connection = ibis.connect(url)
    try:
        there = set(connection.list_tables())
        asked = {name: _asked(connection, name) for name in TABLES if name in there}
        with _one_state(connection):
            for name, expression in track(asked.items(), f"reading {shown}", total=len(asked)):
                _write(connection, expression, _file(folder, name))
    finally:
        connection.disconnect()


def _asked(connection: Any, name: str) -> Any:
    """The declared columns that the warehouse's table has, in the order of the key, in types that Arrow has."""
    table = connection.table(name)
    declared = TABLES[name]
    columns = {}
    for column in declared.columns:
        if column.name not in table.columns:
            continue
        value = table[column.name]
        kind = value.type()
        if kind.is_decimal() and column.type == "measure":
            value = value.cast("float64")
        elif not (
            kind.is_numeric() or kind.is_string() or kind.is_temporal() or kind.is_boolean() or kind.is_array()
            or kind.is_null()
        ):  # fmt: skip
            value = value.cast("string")
        columns[column.name] = value
    order = [key for key in declared.key if key in columns]
    chosen = table.select(**columns)
    return chosen.order_by([chosen[key] for key in order]) if order else chosen


@contextmanager
def _one_state(connection: Any) -> Iterator[None]:
    """All tables as of one moment, where the warehouse can (PostgreSQL: a read-only repeatable read)."""
    if connection.name != "postgres":
        yield
        return
    from psycopg import IsolationLevel

    connection.con.commit()
    connection.con.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.con.read_only = True
    connection.con.execute("SET TIME ZONE 'UTC'")
    with connection.con.transaction():
        yield


def _write(connection: Any, expression: Any, file: Path) -> None:
    with (
        connection.to_pyarrow_batches(expression, chunk_size=_CHUNK) as reader,
        pq.ParquetWriter(file, reader.schema, compression="zstd") as writer,
    ):
        for batch in reader:
            writer.write_table(pa.Table.from_batches([batch]), row_group_size=_CHUNK)


def _prune(home: Path, newest: Path) -> None:
    for entry in home.iterdir():
        if entry != newest and time.time() - entry.stat().st_mtime > _KEPT_S:
            shutil.rmtree(entry, ignore_errors=True)
