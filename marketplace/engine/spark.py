"""Spark: the same expressions, as Ibis writes them in Spark's SQL.

Ibis only compiles; what it would do by way of pandas (rows of ours, answers) goes by Arrow here, and temporary tables,
which it lacks on Spark, are local checkpoints: worked out once, kept by the executors, with no plan behind them.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any
from urllib.parse import urlparse

import duckdb
import ibis
import ibis.expr.operations as ops
import pyarrow as pa
import sqlglot.expressions as sge

from marketplace.contract import Column
from marketplace.engine.base import without_token
from marketplace.errors import EngineError
from marketplace.reading import FileTable, Group, connect

__all__ = ["SparkEngine"]

_SPARK_TYPE = {
    "string": "string",
    "instant": "timestamp",
    "day": "date",
    "count": "bigint",
    "measure": "double",
    "flag": "boolean",
    "ids": "array<string>",
}
"""The contract's types as Spark's."""

_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # what does not cast is an error, as in DuckDB
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
}
"""Of every session of ours, and of no other."""

_LOCAL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "4",
}
"""On this machine: no page that others could reach, and no more parts than cores to work on them."""

_PORTS = {"spark": 7077, "sc": 15002}
_PATIENCE_SECONDS = 5.0


class SparkEngine:
    """The engine ``spark`` (`marketplace.engine.Engine`).

    Parameters
    ----------
    url : str
        The URL of a master or of a Spark Connect server; ``spark`` is ``local[*]``, this machine with all its cores.

    Raises
    ------
    EngineError
        pyspark or Java is missing, or nothing answers there.
    """

    name = "spark"
    keeps = False

    def __init__(self, url: str = "spark") -> None:
        self._session = _session("local[*]" if url == "spark" else url)
        with _spoken():
            self.backend = ibis.pyspark.connect(self._session)
            for key, value in _SETTINGS.items():
                self._session.conf.set(key, value)
        self._reader: duckdb.DuckDBPyConnection | None = None

    @property
    def reader(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB beside Spark, for tables that are read whole."""
        if self._reader is None:
            self._reader = connect()
        return self._reader

    def scan(self, source: FileTable, *, once: bool) -> Any:
        """A view over the files as Spark reads them, each cast by itself.

        The files must lie at the same path for Spark as for this process. That they cast without loss is for
        `marketplace.checks` to say.
        """
        name = source.table.name
        with _spoken():
            parts = [self._read(source, group) for group in source.groups(self.reader)]
            rows = reduce(lambda left, right: left.unionByName(right), parts)
            rows = rows.distinct() if once else rows
            rows.createOrReplaceTempView(name)
        return self.backend.table(name)

    def _read(self, source: FileTable, group: Group) -> Any:
        files = [re.sub(r"([\\*?\[\]{}])", r"\\\1", str(file)) for file in group.files]
        rows = self._session.read.option("basePath", str(source.folder)).parquet(*files)
        return rows.selectExpr(*(_cast(column, group.types.get(column.name)) for column in source.table.columns))

    def hold(self, name: str, rows: pa.Table) -> Any:
        """Rows of ours as a temporary view."""
        with _spoken():
            self._session.createDataFrame(rows).createOrReplaceTempView(name)
        return self.backend.table(name)

    def keep(self, name: str, expression: Any) -> Any:
        """A local checkpoint, as a temporary view."""
        with _spoken():
            self._query(expression).localCheckpoint().createOrReplaceTempView(name)
        return self.backend.table(name)

    def run(self, expression: Any) -> pa.Table:
        """The rows of an expression."""
        table = expression.as_table()
        with _spoken():
            found = self._query(table).toArrow()
        schema = [(name, _arrow_type(kind)) for name, kind in table.schema().items()]
        return found.cast(pa.schema(schema))

    def _query(self, expression: Any) -> Any:
        for rows in expression.op().find(ops.InMemoryTable):
            self._session.createDataFrame(rows.data.to_pyarrow(rows.schema)).createOrReplaceTempView(rows.name)
        return self._session.sql(self.compiled(expression))

    def compiled(self, expression: Any) -> str:
        """The expression as Spark's SQL.

        Ibis writes a double as ``0.5``, which Spark takes for a decimal, and then reckons in decimals: ``0.5D`` it is.
        """
        query = self.backend.compiler.to_sqlglot(expression)
        for literal in query.find_all(sge.Literal):
            if not literal.is_string and "." in literal.this:  # one literal may stand in several places
                literal.set("this", literal.this.rstrip("D") + "D")
        return str(query.sql(dialect=self.backend.dialect, pretty=True))

    def answer(self, sql: str, rows: Mapping[str, pa.Table]) -> pa.Table:
        """The rows of a query over tables and ``rows``."""
        with _spoken():
            for name, table in rows.items():
                self._session.createDataFrame(table).createOrReplaceTempView(name)
            return self._session.sql(sql).toArrow()


def _cast(column: Column, kind: str | None) -> str:
    """Spark's SQL for a column of the contract that has the type ``kind`` (DuckDB's name) in the files."""
    wanted = _SPARK_TYPE[column.type]
    raw = f"`{column.name}`"
    if kind == "UUID":
        raise EngineError(
            "identifiers as text: Spark does not read UUIDs", received=column.name, look="docs/contract.md"
        )
    if kind is None or kind.startswith('"NULL"'):
        raw = "NULL"
    elif kind.endswith("_NS"):
        raw = f"timestamp_micros({raw} div 1000)"
    return f"CAST({raw} AS {wanted}) AS `{column.name}`"


def _arrow_type(kind: Any) -> pa.DataType:
    return pa.timestamp("us", "UTC") if kind.is_timestamp() else kind.to_pyarrow()


def _session(url: str) -> Any:
    """A session of its own: its tables are nobody else's."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as reason:
        raise EngineError(
            "pyspark, by which Spark is reached", received=str(reason), look="pip install 'collabrank[spark]'"
        ) from reason
    _require_answer(url)
    try:
        if url.startswith("sc://"):
            return SparkSession.builder.remote(url).create()
        builder = SparkSession.builder.appName("collabrank").master(url)
        for key, value in (_LOCAL if url.startswith("local") else {}).items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
    except Exception as reason:  # Java missing, a master that refuses, a server of another version: of many classes
        raise EngineError("a Spark that answers", received=_first_line(reason), look=_LOOK) from reason
    if session.sparkContext.master != url:
        raise EngineError(
            f"the one Spark master that a process may have, {session.sparkContext.master}", received=url, look=_LOOK
        )
    return session.newSession()


_LOOK = "docs/engines.md, and what Spark itself said"


def _require_answer(url: str) -> None:
    """Spark tries for minutes to reach a master that is not there; one attempt says it at once."""
    told = urlparse(url)
    if told.scheme not in _PORTS:
        return
    for place in told.netloc.rpartition("@")[2].split(","):
        host, _, port = place.rpartition(":") if ":" in place else (place, "", str(_PORTS[told.scheme]))
        try:
            socket.create_connection((host, int(port)), timeout=_PATIENCE_SECONDS).close()
            return
        except (OSError, ValueError) as reason:
            refused = f"{host}:{port}: {reason}"
    raise EngineError("a Spark that answers", received=refused, look=_LOOK)


@contextmanager
def _spoken() -> Iterator[None]:
    """What Spark raises, as an error of ours."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as reason:
        raise EngineError("an answer from Spark", received=_first_line(reason), look=_LOOK) from reason


def _first_line(reason: BaseException) -> str:
    said: Sequence[str] = [line for line in str(reason).splitlines() if line.strip()]
    return without_token(said[0].strip())[:300] if said else type(reason).__name__
