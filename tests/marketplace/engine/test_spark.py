"""Spark reads the same values from the same files, and reckons with them as DuckDB does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.time import day_of, seconds_between
from marketplace.contract import TABLES
from marketplace.engine import Engine, open_engine
from marketplace.errors import EngineError
from marketplace.tables import Marketplace, open_marketplace

Tables = dict[str, pa.Table]
Write = Callable[[Path, Mapping[str, pa.Table]], Path]

OTHERWISE: dict[str, Callable[[Any], Any]] = {
    "string": lambda c: c.dictionary_encode(),
    "instant": lambda c: c.cast(pa.timestamp("ns", "Asia/Jakarta")),
    "day": lambda c: c.cast(pa.timestamp("us")),
    "count": lambda c: c.cast(pa.decimal128(38, 0)),
    "measure": lambda c: c.cast(pa.float32()),
    "flag": lambda c: c,
    "ids": lambda c: c.cast(pa.large_list(pa.large_string())),
}
"""Each of the contract's types as a source may write it instead."""

READ = ("orders", "contents", "creator_snapshots", "fx_rates", "reviews")
"""Tables that have all of them."""


def ordered(rows: pa.Table, name: str) -> pa.Table:
    return rows.sort_by([(column, "ascending") for column in TABLES[name].key])


def test_files_in_different_types_read_as_in_this_process(
    spark: str, valid: Tables, tmp_path: Path, write_market: Write
) -> None:
    """Tables cut in two files: one with other types and a column less, under a name that looks like a pattern."""
    cut = {name: rows.slice(0, 5) for name, rows in valid.items()}
    folder = write_market(tmp_path / "m", cut)
    lacking = {}
    for name, rows in valid.items():
        rest, table = rows.slice(5), TABLES[name]
        optional = [column.name for column in table.columns if column.nullable and column.name not in table.key]
        lacking[name] = optional[-1:]
        columns = {
            column.name: OTHERWISE[column.type](rest[column.name].combine_chunks())
            for column in table.columns
            if column.name not in lacking[name]
        }
        pq.write_table(pa.table(columns), folder / name / "part [2024-*] {a}.parquet")
    # Orders also by a partition whose folder tells a column, and with copies of rows.
    orders = valid["orders"].slice(0, 3)
    (folder / "orders" / "status=COMPLETED").mkdir()
    moved = orders.set_column(0, "order_id", pa.array([f"moved_{i}" for i in range(3)]))
    moved = pa.concat_tables([moved, moved.slice(1, 1)])
    pq.write_table(moved.drop_columns(["status"]), folder / "orders" / "status=COMPLETED" / "a.parquet")
    here, there = open_marketplace(folder, engine="duckdb"), open_marketplace(folder, engine=spark)
    assert here.repeated == there.repeated == {"orders"}
    assert {column.type for name in READ for column in TABLES[name].columns} == set(OTHERWISE)
    for name in READ:
        rows = here.arrow(name)
        found = there.engine.run(there.table(name)).select(rows.column_names).cast(rows.schema)
        assert ordered(found, name).equals(ordered(rows, name)), name
        assert there.arrow(name).equals(rows)
    assert here.arrow("orders").num_rows == 8 + 3


@pytest.fixture(scope="module")
def engines(spark: str) -> list[Engine]:
    return [open_engine("duckdb"), open_engine(spark)]


def test_doubles_are_doubles(engines: list[Engine]) -> None:
    """Ibis writes a double's literal as a decimal's: sums of whole steps over it would be rounded to decimals."""
    rows = pa.table({"key": [1, 1, 1, 2], "steps": [1, 2, 4, 1], "inside": [True, True, False, False]})
    answers = []
    for engine in engines:
        table = engine.hold("steps", rows)
        kept = ibis.ifelse(table.inside, table.steps, ibis.literal(0.0, "float64"))
        sums = table.group_by("key").aggregate(sum=kept.sum())
        expression = sums.select("key", share=sums.sum / 65536.0, part=1.0 - (sums.sum + 0.3) / (sums.sum + 3.0))
        answers.append(engine.run(expression.order_by("key")))
        assert engine.answer(engine.compiled(expression), {}).num_rows == 2
    assert answers[0].equals(answers[1])
    assert answers[1]["share"].to_pylist() == [3 / 65536, 0.0]


def test_nothing_comes_last_and_ends_no_sum(engines: list[Engine]) -> None:
    rows = pa.table({"key": [1, 1, 1], "value": pa.array([2.0, None, 1.0]), "tags": [["b", "a"], None, []]})
    for engine in engines:
        table = engine.hold("gaps", rows)
        first = ibis.row_number().over(ibis.window(group_by=table.key, order_by=table.value))
        found = engine.run(
            table.mutate(
                place=first,
                least=ibis.least(table.value, ibis.literal(1.5, "float64")),
                rest=table.value / (table.value - 1.0).nullif(0.0),
                words=ibis.coalesce(table.tags.sort().join(","), ibis.literal("")),
            ).order_by("place")
        )
        assert found["value"].to_pylist() == [1.0, 2.0, None]
        assert found["least"].to_pylist() == [1.0, 1.5, 1.5]
        assert found["rest"].to_pylist() == [None, 2.0, None]
        assert found["words"].to_pylist() == ["", "a,b", ""]


def test_rows_of_ours_meet_tables_kept(engines: list[Engine]) -> None:
    for engine in engines:
        table = engine.keep("kept", engine.hold("given", pa.table({"key": ["a", "b"], "n": [1, 2]})))
        ours = ibis.memtable(pa.table({"name": pa.array(["b", "c", None])}), schema={"name": "string"})
        met = ours.left_join(table, ours.name == table.key).select("name", "n")
        assert sorted(engine.run(met).to_pylist(), key=str) == [
            {"name": "b", "n": 2}, {"name": "c", "n": None}, {"name": None, "n": None},
        ]  # fmt: skip


def test_a_table_that_is_lacking_is_there_and_empty(spark: str) -> None:
    creators = pd.DataFrame({"creator_id": ["a"], "market": "US", "known_at": pd.Timestamp("2026-01-01", tz="UTC")})
    market = Marketplace.from_frames({"creators": creators}, engine=open_engine(spark))
    assert market.frame("orders").empty
    assert market.query(market.table("contents")).columns.tolist() == [c.name for c in TABLES["contents"].columns]
    assert not market.tells("orders", "price")
    assert market.tells("creators", "market")
    assert market.latest("orders", "ordered_at") is None
    assert market.latest("creators", "known_at") == pd.Timestamp("2026-01-01", tz="UTC")


def test_seconds_are_whole_ones_between_instants_to_the_microsecond(engines: list[Engine]) -> None:
    starts = pd.to_datetime(
        ["2026-01-01 00:00:00.9", "2026-01-01 00:00:00.1", None, "2026-01-01 00:00:09"], utc=True, format="ISO8601"
    )
    ends = pd.to_datetime(
        ["2026-01-01 00:00:02.1", "2026-01-01 00:00:02.1", "2026-01-01", "2026-01-01"], utc=True, format="ISO8601"
    )
    rows = pa.table({name: pa.array(at, pa.timestamp("us", "UTC")) for name, at in (("start", starts), ("end", ends))})
    for engine in engines:
        table = engine.hold("spans", rows)
        found = engine.run(table.select("end", seconds=seconds_between(table.start, table.end), day=day_of(table.end)))
        assert found["seconds"].to_pylist() == [1, 2, None, 0]
        assert found["day"].to_pylist() == [20454] * 4
        assert found["end"].type == pa.timestamp("us", "UTC")


def test_what_does_not_cast_is_an_error_of_ours(engines: list[Engine]) -> None:
    table = engines[1].hold("words", pa.table({"word": ["twelve"]}))
    with pytest.raises(EngineError, match="CAST"):
        engines[1].run(table.select(n=table.word.cast("int64")))


def test_two_marketplaces_in_one_process_do_not_see_each_other(spark: str) -> None:
    engines = [open_engine(spark) for _ in range(2)]
    for number, engine in enumerate(engines):
        engine.hold("orders", pa.table({"n": [number]}))
    assert [engine.run(engine.backend.table("orders"))["n"].to_pylist() for engine in engines] == [[0], [1]]


def test_another_master_in_the_same_process_is_refused(spark: str) -> None:
    open_engine(spark)
    with pytest.raises(EngineError, match="one Spark master"):
        open_engine("local[3]")
