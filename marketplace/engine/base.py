"""What an engine is, and which one was asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from marketplace.errors import EngineError
from marketplace.reading import FileTable

__all__ = ["ENGINE_VARIABLE", "Engine", "asked_engine", "without_token"]

ENGINE_VARIABLE = "COLLABRANK_ENGINE"
"""The environment variable that says which engine where nothing else does."""

_MASTERS = ("spark://", "sc://", "local[", "k8s://")


class Engine(Protocol):
    """Runs Ibis expressions over the tables of one marketplace.

    Attributes
    ----------
    name : {"duckdb", "spark"}
    backend : ibis.BaseBackend
        On which the tables live.
    reader : duckdb.DuckDBPyConnection
        A DuckDB in this process, which reads whole tables from their files.
    keeps : bool
        Whether tables worked out are brought into this process for the cache.
    """

    name: str
    keeps: bool

    @property
    def backend(self) -> Any: ...

    @property
    def reader(self) -> duckdb.DuckDBPyConnection: ...

    def scan(self, source: FileTable, *, once: bool) -> Any:
        """The contract's columns of a table's files, in the contract's types; ``once``: copies of rows once."""
        ...

    def hold(self, name: str, rows: pa.Table) -> Any:
        """Rows in this process as the table ``name``."""
        ...

    def keep(self, name: str, expression: Any) -> Any:
        """``expression`` as the table ``name``, worked out once."""
        ...

    def run(self, expression: Any) -> pa.Table:
        """The rows of an expression; instants in UTC, strings as ``string``."""
        ...

    def compiled(self, expression: Any) -> str:
        """The expression in the engine's SQL."""
        ...

    def answer(self, sql: str, rows: Mapping[str, pa.Table]) -> pa.Table:
        """The rows of a query of `compiled`, in which ``rows`` are tables by their names."""
        ...


def asked_engine(engine: str | None) -> str:
    """``engine``, or what `ENGINE_VARIABLE` says, or ``duckdb``.

    Returns
    -------
    str
        ``duckdb``, ``spark``, or the URL of a Spark master (``spark://…``, ``local[2]``, ``k8s://…``, ``yarn``) or of a
        Spark Connect server (``sc://…``).

    Raises
    ------
    EngineError
        It is none of these.
    """
    asked = engine if engine is not None else os.environ.get(ENGINE_VARIABLE, "").strip() or "duckdb"
    if asked not in ("duckdb", "spark", "local", "yarn") and not asked.startswith(_MASTERS):
        raise EngineError(
            "duckdb, spark, or a Spark URL: local[2], spark://HOST:7077, sc://HOST:15002, k8s://HOST, yarn",
            received=without_token(asked),
            look=f"--engine, or the environment variable {ENGINE_VARIABLE}; docs/engines.md",
        )
    return asked


def without_token(said: str) -> str:
    """``said`` with dots for the token that the URL of a Spark Connect server may hold (``sc://HOST/;token=…``)."""
    return re.sub(r"(?i)(token=)[^;&\s'\"]+", r"\1…", said)
