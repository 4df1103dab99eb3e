"""What the checks accept every command reads as the same values, and what cannot be read is a problem and no note."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.checks import Finding, check
from marketplace.contract import TABLES
from marketplace.errors import ContractError, HomeError
from marketplace.reading import limits
from marketplace.tables import open_marketplace, to_arrow

Tables = dict[str, pa.Table]
Write = Callable[[Path, Mapping[str, pa.Table]], Path]
AS_WRITTEN: dict[str, list[Callable[[Any], Any]]] = {
    "string": [lambda c: c, lambda c: c.cast(pa.large_string()), lambda c: c.dictionary_encode()],
    "instant": [
        lambda c: c,
        lambda c: c.cast(pa.timestamp("us")),
        lambda c: c.cast(pa.timestamp("ns", "Asia/Jakarta")),
        lambda c: c.cast(pa.timestamp("ms", "America/Sao_Paulo")),
    ],
    "day": [lambda c: c, lambda c: c.cast(pa.date64()), lambda c: c.cast(pa.timestamp("us"))],
    "count": [lambda c: c, lambda c: c.cast(pa.int16()), lambda c: c.cast(pa.float64()),
              lambda c: c.cast(pa.decimal128(38, 0))],
    "measure": [lambda c: c, lambda c: c.cast(pa.float32()), lambda c: c.cast(pa.decimal128(38, 9))],
    "flag": [lambda c: c],
    "ids": [lambda c: c, lambda c: c.cast(pa.large_list(pa.large_string()))],
}  # fmt: skip


def kinds(findings: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return sorted((f.table, f.column, f.kind) for f in findings)


@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_files_of_one_table_in_different_types_and_zones_read_as_one(
    data: st.DataObject, valid: Tables, tmp_path_factory: pytest.TempPathFactory, write_market: Write
) -> None:
    """Two files, every column of each in a type of its own: the values are those of the one file that was cut."""
    name = data.draw(st.sampled_from(["orders", "contents", "creator_snapshots", "fx_rates", "campaigns"]))
    rows, rest = valid[name], {k: v for k, v in valid.items() if k != name}
    folder = write_market(tmp_path_factory.mktemp("m") / "m", rest)
    (folder / name).mkdir()
    for file, part in (("a.parquet", rows.slice(0, 3)), ("b.PARQUET", rows.slice(3))):
        columns = {}
        for column in TABLES[name].columns:
            how = data.draw(st.sampled_from(AS_WRITTEN[column.type]))
            columns[column.name] = how(part[column.name].combine_chunks())
        pq.write_table(pa.table(columns), folder / name / file)
    assert check(folder).problems == ()
    market = open_marketplace(folder)
    assert market.arrow(name).equals(rows)
    key = [(column, "ascending") for column in TABLES[name].key]
    by_ibis = market.backend.to_pyarrow(market.table(name)).select(rows.column_names).cast(rows.schema)
    assert by_ibis.sort_by(key).equals(rows.sort_by(key))


def test_partitions_below_a_table_are_read_and_their_folders_tell_columns(
    tmp_path: Path, valid: Tables, write_market: Write
) -> None:
    rows = valid.pop("orders")
    folder = write_market(tmp_path / "shop=x [1]", valid)  # a folder above the table tells nothing
    for i in range(8):
        part = folder / "orders" / f"currency={rows['currency'][i]}" / "month=2026-01"
        part.mkdir(parents=True)
        pq.write_table(rows.slice(i, 1).drop_columns(["currency"]), part / "part-0.parquet")
    assert check(folder).problems == ()
    market = open_marketplace(folder)
    assert market.arrow("orders").sort_by("order_id").equals(rows)
    before = market.fingerprint()
    moved = folder / "orders" / "currency=EUR" / "month=2026-01"
    moved.rename(folder / "orders" / "currency=USD" / "month=2026-02")
    assert open_marketplace(folder).fingerprint() != before  # the folder's name is data


def test_a_partition_that_does_not_cast_is_a_problem(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    rates = valid.pop("fx_rates")
    folder = write_market(tmp_path / "m", valid)
    for day in ("2026-01-01", "soon"):
        (folder / "fx_rates" / f"day={day}").mkdir(parents=True)
        pq.write_table(rates.slice(0, 1).drop_columns(["day"]), folder / "fx_rates" / f"day={day}" / "a.parquet")
    found = [f for f in check(folder).problems if f.kind == "wrong_type"]
    assert [(f.table, f.column, f.count) for f in found] == [("fx_rates", "day", 1)]
    assert "day=soon" in found[0].examples[0]


def test_data_that_is_not_read_is_a_problem(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    folder = write_market(tmp_path / "m", valid)
    whole = folder / "orders" / "part.parquet"
    for strange in ("part.pq", "_half.parquet", "_temporary/part.parquet"):
        (folder / "orders" / strange).parent.mkdir(exist_ok=True)
        (folder / "orders" / strange).write_bytes(whole.read_bytes())
    (folder / "orders" / "_metadata").write_bytes(whole.read_bytes())
    (folder / "orders" / "_SUCCESS").write_bytes(b"")
    (folder / "Reviews").mkdir()
    (folder / "costs.parquet").write_bytes(whole.read_bytes())
    report = check(folder)
    assert kinds(report.problems) == [(name, "", "not_read") for name in ("costs", "orders", "reviews")]
    assert next(f.count for f in report.problems if f.table == "orders") == 3
    with pytest.raises(ContractError, match="not read"):
        open_marketplace(folder)


def test_a_named_pipe_is_never_opened(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    folder = write_market(tmp_path / "m", valid)
    os.mkfifo(folder / "orders" / "pipe.parquet")
    report = check(folder)
    assert kinds(report.problems) == [("orders", "", "unreadable_file")]
    assert "no regular file" in report.problems[0].examples[0]


def test_a_folder_that_links_to_itself_is_read_once(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    folder = write_market(tmp_path / "m", valid)
    (folder / "orders" / "again").symlink_to(folder / "orders")
    assert open_marketplace(folder).arrow("orders").num_rows == 8


def test_limits_are_held_before_anything_is_read(
    tmp_path: Path, valid: Tables, write_market: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pa.table({"order_id": pa.array(["x" * 500]).dictionary_encode().take(pa.array(np.zeros(10**6, np.int32)))})
    folder = write_market(tmp_path / "m", {**valid, "orders": rows})
    assert (folder / "orders" / "part.parquet").stat().st_size < 10**5
    monkeypatch.setenv("COLLABRANK_LIMITS", "rows=500K")
    report = check(folder)
    assert ("orders", "", "over_limit") in kinds(report.problems)
    assert "COLLABRANK_LIMITS=rows=1000000" in str(next(f for f in report.problems if f.kind == "over_limit"))
    monkeypatch.setenv("COLLABRANK_LIMITS", "rows=5M, bytes=2T,seconds=60")
    assert limits().bytes == 2 * 10**12
    assert ("orders", "", "over_limit") not in kinds(check(folder).problems)
    monkeypatch.setenv("COLLABRANK_LIMITS", "a lot")
    with pytest.raises(HomeError, match="COLLABRANK_LIMITS"):
        limits()


@pytest.mark.parametrize(("divide", "unit"), [(10**6, "seconds"), (10**3, "milliseconds"), (1, "microseconds")])
def test_numbers_are_no_instants_and_the_mend_names_their_unit(
    divide: int, unit: str, tmp_path: Path, valid: Tables, write_market: Write
) -> None:
    rows = valid["orders"]
    numbers = pa.array([value // divide for value in rows["ordered_at"].cast(pa.int64()).to_pylist()])
    valid["orders"] = rows.set_column(rows.schema.get_field_index("ordered_at"), "ordered_at", numbers)
    folder = write_market(tmp_path / "m", valid)
    found = next(f for f in check(folder).problems if f.column == "ordered_at")
    assert found.kind == "wrong_type"
    assert f"Unix {unit}:" in found.mend
    assert f"ordered_at={numbers[0]}" in found.examples[0]
    with pytest.raises(ContractError, match=r"orders\.ordered_at"):
        open_marketplace(folder)
    with pytest.raises(ContractError):
        open_marketplace(folder, unchecked=True).arrow("orders")
    with pytest.raises(ContractError, match="say no unit"):
        to_arrow(pd.DataFrame({"ordered_at": [1_700_000_000]}), "orders")


def test_a_passed_check_is_remembered_and_a_changed_file_is_checked_again(
    tmp_path: Path, valid: Tables, write_market: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLLABRANK_CACHE", "on")
    folder = write_market(tmp_path / "m", valid)
    open_marketplace(folder)
    assert list((tmp_path / "home" / "var" / "cache" / "checked").iterdir())
    broken = valid["orders"].set_column(
        valid["orders"].schema.get_field_index("quantity"), "quantity", pa.array([-1] * 8)
    )
    pq.write_table(broken, folder / "orders" / "part.parquet")
    with pytest.raises(ContractError, match=r"orders\.quantity"):
        open_marketplace(folder)


def test_copies_of_rows_are_read_once(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    single = open_marketplace(write_market(tmp_path / "one", valid))
    twice = {name: pa.concat_tables([rows, rows]) for name, rows in valid.items()}
    market = open_marketplace(write_market(tmp_path / "two", twice))
    assert market.repeated == set(TABLES)
    for name, rows in valid.items():
        key = [(column, "ascending") for column in TABLES[name].key]
        assert market.arrow(name).equals(single.arrow(name).sort_by(key))
        assert market.arrow(name, ["known_at"]).num_rows == rows.num_rows
        assert market.query(market.table(name).count().name("n").as_table())["n"].tolist() == [rows.num_rows]


def test_one_row_far_ahead_is_a_problem_and_a_quiet_season_is_none(
    tmp_path: Path, valid: Tables, write_market: Write
) -> None:
    def moved(name: str, column: str, days: int) -> pa.Table:
        rows = valid[name]
        values = rows[column].to_pylist()
        values[-1] += dt.timedelta(days=days)
        return rows.set_column(rows.schema.get_field_index(column), column, pa.array(values, rows[column].type))

    typo = {**valid, "orders": moved("orders", "known_at", 26_000)}
    found = [f for f in check(write_market(tmp_path / "typo", typo)).problems if f.kind == "far_ahead"]
    assert [(f.table, f.column, f.count) for f in found] == [("orders", "known_at", 1)]
    late = {name: moved(name, "known_at", 300) for name in ("orders", "campaigns", "invitations", "deliveries")}
    assert check(write_market(tmp_path / "late", valid | late)).ok


def test_known_on_the_day_of_the_export_is_said(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    rows = pa.concat_tables([valid["orders"]] * 5)
    at = [dt.datetime(2025, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=i) for i in range(40)]
    for column, values in (
        ("order_id", pa.array([f"o{i}" for i in range(40)])),
        ("ordered_at", pa.array(at, pa.timestamp("us", "UTC"))),
        ("known_at", pa.array([dt.datetime(2025, 6, 1, tzinfo=dt.UTC)] * 40, pa.timestamp("us", "UTC"))),
    ):
        rows = rows.set_column(rows.schema.get_field_index(column), column, values)
    report = check(write_market(tmp_path / "m", {**valid, "orders": rows}))
    assert report.ok
    told = next(f for f in report.notes if f.kind == "known_on_one_day")
    assert (told.table, told.count) == ("orders", 40)
    assert "2025-06-01" in told.text


def test_rates_upside_down_money_too_large_and_text_too_long_are_found(
    tmp_path: Path, valid: Tables, write_market: Write
) -> None:
    def put(name: str, column: str, value: object) -> pa.Table:
        rows = valid[name]
        values = [value, *rows[column].to_pylist()[1:]]
        return rows.set_column(rows.schema.get_field_index(column), column, pa.array(values, rows[column].type))

    rates = pa.table(
        {"currency": ["MXN"] * 8, "day": valid["fx_rates"]["day"], "usd_rate": [18.9] * 8,
         "known_at": valid["fx_rates"]["known_at"]}
    )  # fmt: skip
    changed = {"fx_rates": rates, "orders": put("orders", "price", 1e13), "brands": put("brands", "name", "x" * 2000)}
    report = check(write_market(tmp_path / "m", valid | changed))
    assert kinds(report.problems) == [
        ("brands", "name", "too_long"),
        ("fx_rates", "usd_rate", "absurd_rate"),
        ("orders", "price", "too_large"),
    ]
    assert "8 of them fit upside down" in next(f.mend for f in report.problems if f.kind == "absurd_rate")
    assert all(len(example) < 200 for finding in report.problems for example in finding.examples)
