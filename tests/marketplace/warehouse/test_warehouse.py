"""A marketplace reads the same from a folder, a DuckDB file and a real PostgreSQL, and no password is ever told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.checks import check
from marketplace.contract import TABLES
from marketplace.errors import ContractError
from marketplace.tables import open_marketplace
from marketplace.warehouse import is_address, redacted
from marketplace.warehouse.address import secrets_of, without_secrets
from tests.postgres import PASSWORD

Tables = dict[str, pa.Table]
Write = Callable[[Path, Mapping[str, pa.Table]], Path]
SQL = {
    "string": "text", "instant": "timestamptz", "day": "date", "count": "bigint", "measure": "double precision",
    "flag": "boolean", "ids": "text[]",
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def fill(url: str, tables: Tables, **types: str) -> None:
    """Make the schema ``tiktok`` of ``url``'s database anew from ``tables``; ``types`` of columns by name."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS tiktok CASCADE")
        connection.execute("CREATE SCHEMA tiktok")
        for name, rows in tables.items():
            columns = ", ".join(
                f"{c} {types.get(c, SQL[TABLES[name].by_name[c].type] if c in TABLES[name].by_name else 'text')}"
                for c in rows.column_names
            )
            connection.execute(f"CREATE TABLE tiktok.{name} ({columns})")
            marks = ", ".join(["%s"] * len(rows.column_names))
            with connection.cursor() as cursor:
                values = list(zip(*(rows[c].to_pylist() for c in rows.column_names), strict=True))
                cursor.executemany(f"INSERT INTO tiktok.{name} VALUES ({marks})", values[::-1])


def assert_same(one: Any, other: Any, tables: Tables) -> None:
    for name in tables:
        key = [(column, "ascending") for column in TABLES[name].key]
        assert one.arrow(name).sort_by(key).equals(other.arrow(name).sort_by(key)), name


def test_postgres_reads_as_the_folder_does(
    postgres: str, valid: Tables, tmp_path: Path, write_market: Write, home: Path
) -> None:
    folder = open_marketplace(write_market(tmp_path / "m", valid))
    del valid["reviews"]
    valid["orders"] = valid["orders"].append_column("mood", pa.array(["good"] * 8))
    url = f"{postgres}/postgres/tiktok"
    fill(url.removesuffix("/tiktok"), valid, price="numeric(18,4)", quantity="integer")
    assert check(url).ok
    market = open_marketplace(url)
    assert_same(market, folder, valid)
    assert market.present == set(valid)
    assert market.frame("reviews").empty
    assert PASSWORD not in repr(market)
    assert "reader@127.0.0.1" in repr(market)
    again = open_marketplace(url)
    assert again.fingerprint() == market.fingerprint()
    assert again.path == market.path
    assert again.kept_as() == market.kept_as() == market.fingerprint()
    rows = valid["orders"].slice(0, 7)
    fill(url.removesuffix("/tiktok"), {**valid, "orders": rows})
    changed = open_marketplace(url)
    assert changed.fingerprint() != market.fingerprint()
    assert market.frame("orders").shape[0] == 8  # what was opened before reads on


def test_what_breaks_the_contract_in_postgres_is_refused_by_name(postgres: str, valid: Tables) -> None:
    url = f"{postgres}/postgres/tiktok"
    fill(url.removesuffix("/tiktok"), valid, ordered_at="text")
    report = check(url)
    assert [(f.table, f.column, f.kind) for f in report.problems] == [("orders", "ordered_at", "wrong_type")]
    with pytest.raises(ContractError, match=r"orders\.ordered_at") as caught:
        open_marketplace(url)
    assert PASSWORD not in str(caught.value)


def test_a_wrong_password_is_not_told(postgres: str) -> None:
    url = postgres.replace("s3cr", "hushhush") + "/postgres"
    with pytest.raises(ContractError, match="a warehouse that can be read") as caught:
        open_marketplace(url)
    assert "hushhush" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_duckdb_file_reads_as_the_folder_does(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    folder = write_market(tmp_path / "m", valid)
    file = tmp_path / "shop.duckdb"
    with duckdb.connect(str(file)) as connection:
        for name in valid:
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM '{folder}/{name}/*.parquet'")
    assert is_address(file)
    assert check(file).ok
    assert_same(open_marketplace(file), open_marketplace(folder), valid)
    assert_same(open_marketplace(f"duckdb://{file}"), open_marketplace(folder), valid)
    with duckdb.connect(str(file)) as connection:
        connection.execute("DROP TABLE orders")
    with pytest.raises(ContractError, match="without orders"):
        open_marketplace(file)


def test_a_folder_and_a_file_of_another_kind_are_no_warehouse(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("orders")
    assert not is_address(tmp_path)
    assert not is_address(tmp_path / "notes.txt")
    assert is_address("postgres://db/shop")


@given(st.text(min_size=1, max_size=20).filter(str.strip), st.sampled_from(["password", "token", "sslkey"]))
def test_no_secret_of_a_url_is_printed(secret: str, word: str) -> None:
    from urllib.parse import quote

    written = "Q" + quote(secret, safe="") + "Z"
    for url in (f"postgres://me:{written}@db/shop?schema=s", f"snowflake://me@db/shop?{word}={written}&schema=s"):
        shown = redacted(url)
        assert written not in shown
        assert "me@db/shop" in shown
        assert "schema=s" in shown
        assert written not in without_secrets(f"cannot connect: {written} or {'Q' + secret + 'Z'}", url)
        assert any("Q" + secret + "Z" in one for one in secrets_of(url))
