"""DuckDB inside this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import duckdb
import ibis
import pyarrow as pa

from marketplace.contract import arrow_schema
from marketplace.reading import FileTable, quote

__all__ = ["DuckEngine"]


class DuckEngine:
    """The engine ``duckdb`` (`marketplace.engine.Engine`).

    Parameters
    ----------
    bound : callable, optional
        What its connection is given to, once, before anything is asked of it.
    """

    name = "duckdb"
    keeps = True

    def __init__(self, *, bound: Callable[[Any], None] | None = None) -> None:
        self._bound = bound

    @cached_property
    def backend(self) -> Any:
        """Opened when it is first asked for: what only the cache answers opens none."""
        backend = ibis.duckdb.connect()
        backend.raw_sql("SET TimeZone='UTC'")
        if self._bound is not None:
            self._bound(backend.con)
        return backend

    @property
    def reader(self) -> duckdb.DuckDBPyConnection:
        """The backend's own connection."""
        connection: duckdb.DuckDBPyConnection = self.backend.con
        return connection

    def scan(self, source: FileTable, *, once: bool) -> Any:
        """A view over the files, each cast by itself (`marketplace.reading`)."""
        name = source.table.name
        select = source.distinct(self.reader) if once else " UNION ALL ".join(source.strict(self.reader))
        self.reader.execute(f"CREATE VIEW {quote('raw_' + name)} AS {select}")
        raw = self.backend.table(f"raw_{name}")
        schema = ibis.Schema.from_pyarrow(arrow_schema(name))
        return raw.select(**{column: raw[column].cast(kind) for column, kind in schema.items()})

    def hold(self, name: str, rows: pa.Table) -> Any:
        """Rows of ours as a table of its own."""
        return self.backend.create_table(name, ibis.memtable(rows), temp=True)

    def keep(self, name: str, expression: Any) -> Any:
        """A temporary table."""
        return self.backend.create_table(name, expression, temp=True)

    def run(self, expression: Any) -> pa.Table:
        """The rows of an expression."""
        return self.backend.to_pyarrow(expression)

    def compiled(self, expression: Any) -> str:
        """The expression as DuckDB's SQL."""
        return str(ibis.to_sql(expression, dialect="duckdb"))

    def answer(self, sql: str, rows: Mapping[str, pa.Table]) -> pa.Table:
        """The rows of a query over tables and ``rows``."""
        for name, table in rows.items():
            self.reader.register(name, table)
        try:
            return self.reader.sql(sql).to_arrow_table()
        finally:
            for name in rows:
                self.reader.unregister(name)
