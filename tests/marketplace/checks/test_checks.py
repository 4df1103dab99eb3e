"""Whatever is planted into a marketplace that keeps the contract is found: that table, that column, that count."""

from __future__ import annotations

import datetime as dt
import decimal
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.checks import Finding, check
from marketplace.checks.findings import EXAMPLES, report_text
from marketplace.contract import TABLES, Column, Table
from marketplace.errors import ContractError
from marketplace.tables import Marketplace, open_marketplace

Tables = dict[str, pa.Table]
Write = Callable[[Path, Mapping[str, pa.Table]], Path]
DAY = dt.timedelta(days=1)
REFERRED = {column.refers_to for table in TABLES.values() for column in table.columns if column.refers_to}
CELLS = [(table, column) for table in TABLES.values() for column in table.columns]
# What is wrong with an id is wrong with every reference to it too; those cascades have tests of their own.
FREE = [(t, c) for t, c in CELLS if f"{t.name}.{c.name}" not in REFERRED]


def with_values(rows: pa.Table, column: str, values: list[Any], kind: pa.DataType | None = None) -> pa.Table:
    place = rows.schema.get_field_index(column)
    return rows.set_column(place, column, pa.array(values, kind or rows.schema.field(column).type))


def plant(rows: pa.Table, column: str, count: int, value: Callable[[int], Any]) -> pa.Table:
    """``rows`` with the first ``count`` values of ``column`` replaced."""
    values = rows[column].to_pylist()
    return with_values(rows, column, [value(i) if i < count else old for i, old in enumerate(values)])


def of(kind: str) -> list[tuple[Table, Column]]:
    """The columns into which a problem of ``kind`` can be planted."""
    fits: dict[str, Callable[[Column], bool]] = {
        "missing_column": lambda c: not c.nullable,
        "wrong_type": lambda c: c.name != "",
        "null": lambda c: not c.nullable,
        "not_finite": lambda c: c.type == "measure",
        "unknown_value": lambda c: bool(c.values or c.pattern) and c.name != "currency",
        "unknown_currency": lambda c: c.name == "currency",
        "out_of_bounds": lambda c: c.minimum is not None,
        "known_before_event": lambda c: c.type in ("instant", "day") and not c.planned and c.name != "known_at",
        "dangling_reference": lambda c: bool(c.refers_to),
    }
    return [(t, c) for t, c in FREE if fits[kind](c)]


def planted(rows: pa.Table, table: Table, column: Column, kind: str, count: int) -> tuple[pa.Table, int]:
    """``rows`` with one problem, and the count that the check must name."""
    name = column.name
    if kind == "missing_column":
        return rows.drop_columns([name]), rows.num_rows
    if kind == "wrong_type":
        wrong = {
            "string": (1.5, pa.float64()),
            "instant": ("2026-01-01", pa.string()),
            "day": ("2026-01-01", pa.string()),
            "count": (2.5, pa.float64()),
            "measure": ("3.0", pa.string()),
            "flag": (1, pa.int8()),
            "ids": ("product_id_0", pa.string()),
        }
        value, raw_type = wrong[column.type]
        return with_values(rows, name, [value if i < count else None for i in range(rows.num_rows)], raw_type), count
    if kind == "known_before_event":
        known = rows["known_at"].to_pylist()
        late = [instant + 2 * DAY for instant in known]
        return plant(rows, name, count, lambda i: late[i].date() if column.type == "day" else late[i]), count
    if kind == "dangling_reference" and column.type == "ids":
        return plant(rows, name, count, lambda _: ["product_id_0", "nowhere"]), count
    if kind == "out_of_bounds":
        minimum, maximum = column.minimum, column.maximum
        assert minimum is not None
        whole = int if column.type == "count" else float
        return plant(
            rows, name, count, lambda i: whole(minimum - 1 if maximum is None or i % 2 else maximum + 1)
        ), count
    value_of: dict[str, Callable[[int], Any]] = {
        "null": lambda _: None,
        "not_finite": lambda i: [float("nan"), float("inf"), float("-inf")][i % 3],
        "unknown_value": lambda _: "NEVER_HEARD_OF",
        "unknown_currency": lambda _: "XXX",
        "dangling_reference": lambda i: f"nowhere_{i}",
    }
    return plant(rows, name, count, value_of[kind]), count


KINDS = (
    "missing_column",
    "wrong_type",
    "null",
    "not_finite",
    "unknown_value",
    "unknown_currency",
    "out_of_bounds",
    "known_before_event",
    "dangling_reference",
)


def where(findings: tuple[Finding, ...]) -> list[tuple[str, str, str, int]]:
    return sorted((f.table, f.column, f.kind, f.count) for f in findings)


def test_a_valid_marketplace_has_no_problem_and_no_note(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    for table in valid:
        if "currency" in valid[table].column_names and table != "fx_rates":
            valid[table] = plant(valid[table], "currency", 8, lambda _: "USD")
    report = check(write_market(tmp_path / "m", valid))
    assert report.ok
    assert report.problems == report.notes == ()
    assert report.rows == dict.fromkeys(TABLES, 8)


@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_planted_problems_are_named_exactly(data: st.DataObject, valid: Tables, write_market: Write) -> None:
    """Up to eight problems of any kinds in different tables: all are named at once, and nothing else is."""
    tables, expected = dict(valid), []
    for kind in data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8)):
        table, column = data.draw(st.sampled_from(of(kind)), label=kind)
        if any(table.name == name for name, *_ in expected):
            continue
        count = data.draw(st.integers(1, 8))
        tables[table.name], counted = planted(tables[table.name], table, column, kind, count)
        expected.append((table.name, column.name, kind, counted))
    with tempfile.TemporaryDirectory() as folder:
        report = check(write_market(Path(folder) / "m", tables))
    # `planted` leaves nulls in the rows that it does not give a wrong type.
    nulls = [
        (name, column, "null", 8 - count)
        for name, column, kind, count in expected
        if kind == "wrong_type" and count < 8 and not TABLES[name].by_name[column].nullable
    ]
    # An instant that moves may contradict another one as well.
    assert where(tuple(f for f in report.problems if f.kind != "contradiction")) == sorted([*expected, *nulls])
    assert not report.ok
    for problem in report.problems:
        assert problem.kind == "missing_column" or 1 <= len(problem.examples) <= EXAMPLES
        assert problem.table in str(problem)


@pytest.mark.parametrize("nth", range(3))
def test_a_repeated_key_is_counted(nth: int, tmp_path: Path, valid: Tables, write_market: Write) -> None:
    """In every third table at once: each is named, and no other."""
    expected = []
    for name in list(TABLES)[nth::3]:
        valid[name] = pa.concat_tables([valid[name], valid[name].slice(0, 3), valid[name].slice(0, 1)])
        key = ", ".join(column for column in TABLES[name].key if column != "known_at")
        expected.append((name, key, "duplicate_key", 4))
    report = check(write_market(tmp_path / "m", valid))
    assert where(report.problems) == sorted(expected)
    assert report.readable  # copies of rows: one of them is read


def test_tables_that_may_be_missing_are_notes(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    missing = [name for name, table in TABLES.items() if not table.required]
    report = check(write_market(tmp_path / "m", {name: valid[name] for name in valid if name not in missing}))
    assert report.problems == ()
    assert {(name, "", "missing_table", 1) for name in missing} <= set(where(report.notes))


@pytest.mark.parametrize(
    "name", [name if table.required else pytest.param(name, marks=pytest.mark.slow) for name, table in TABLES.items()]
)
def test_a_missing_table_is_a_problem_only_where_it_is_indispensable(
    name: str, tmp_path: Path, valid: Tables, write_market: Write
) -> None:
    del valid[name]
    report = check(write_market(tmp_path / "m", valid))
    missing = [(name, "", "missing_table", 1)]
    assert where(report.problems) == (missing if TABLES[name].required else [])
    assert TABLES[name].required or missing[0] in where(report.notes)


def test_a_missing_column_that_may_be_null_is_a_note(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    valid["orders"] = valid["orders"].drop_columns(["commission"])
    valid["contents"] = valid["contents"].append_column("mood", pa.array(["good"] * 8))
    report = check(write_market(tmp_path / "m", valid))
    assert report.ok
    notes = where(report.notes)
    assert ("orders", "commission", "missing_column", 8) in notes
    assert ("contents", "mood", "unknown_column", 8) in notes


def test_what_may_be_missing_shares_one_line(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    gone = {"orders": ["commission", "refunded_quantity"], "creators": ["agency_status"]}
    for name, columns in gone.items():
        valid[name] = valid[name].drop_columns([one for one in columns if one in valid[name].column_names])
    for name in ("reviews", "costs"):
        del valid[name]
    # A column that only some files lack has a line of its own.
    folder = write_market(tmp_path / "m", valid)
    whole = pq.read_table(next((folder / "contents").glob("*.parquet")))
    shutil.rmtree(folder / "contents")
    (folder / "contents").mkdir()
    pq.write_table(whole.slice(0, 5), folder / "contents" / "a.parquet")
    pq.write_table(whole.slice(5).drop_columns(["live_end_at"]), folder / "contents" / "b.parquet")
    report = check(folder)
    text = report_text(report)
    tables, columns = [line for line in text.splitlines() if "may be missing" in line]
    assert tables.endswith("2 tables that may be missing are; what depends on them is null: reviews, costs")
    for name, lacking in gone.items():
        for column in lacking:
            assert f"{name}.{column}" in columns
            assert text.count(f"{name}.{column}") == 1
    assert "contents.live_end_at: 3 rows: files lack the column" in text
    # For a program nothing is gathered.
    found = {(note["table"], note["column"]) for note in report.as_dict()["notes"]}
    assert {("orders", "commission"), ("creators", "agency_status")} <= found


LOSSLESS = {
    "string": [pa.large_string(), pa.dictionary(pa.int32(), pa.string())],
    "instant": [
        pa.timestamp("us"),
        pa.timestamp("ns", tz="UTC"),
        pa.timestamp("ns"),
        pa.timestamp("s", tz="Asia/Manila"),
    ],
    "day": [pa.timestamp("us"), pa.date64()],
    "count": [pa.int8(), pa.int32(), pa.uint64(), pa.float64(), pa.decimal128(21, 2)],
    "measure": [pa.float32(), pa.decimal128(38, 6)],
    "flag": [pa.bool_()],
    "ids": [pa.large_list(pa.string()), pa.list_(pa.large_string())],
}


@pytest.mark.parametrize("nth", range(5))
def test_what_casts_without_loss_is_accepted_and_read(
    nth: int, tmp_path: Path, valid: Tables, write_market: Write
) -> None:
    raw = {}
    for name, rows in valid.items():
        types = [LOSSLESS[c.type][nth % len(LOSSLESS[c.type])] for c in TABLES[name].columns]
        raw[name] = pa.table(
            [rows[c].cast(t) for c, t in zip(rows.column_names, types, strict=True)], rows.column_names
        )
    folder = write_market(tmp_path / "m", raw)
    assert check(folder).problems == ()
    market = open_marketplace(folder)
    for name, rows in valid.items():
        assert market.arrow(name).equals(rows)
        by_ibis = market.backend.to_pyarrow(market.table(name))
        assert (
            by_ibis.select(rows.column_names)
            .sort_by([(k, "ascending") for k in TABLES[name].key])
            .cast(rows.schema)
            .equals(rows.sort_by([(k, "ascending") for k in TABLES[name].key]))
        )


@pytest.mark.parametrize(
    ("column", "values", "raw_type", "lost"),
    [
        ("quantity", [1.5, 2.0, float("nan"), 1e300], pa.float64(), 3),
        ("quantity", [2**63, 1, 2, 3], pa.uint64(), 1),
        ("quantity", [decimal.Decimal("0.5"), decimal.Decimal("1.0"), None, None], pa.decimal128(5, 1), 1),
        ("price", [2**53 + 1, 2**53, 1, None], pa.int64(), 1),
        ("ordered_at", [1, 1000, 2001, None], pa.timestamp("ns", tz="UTC"), 2),
    ],
)
def test_values_that_lose_something_are_counted(  # noqa: PLR0917
    column: str, values: list[Any], raw_type: pa.DataType, lost: int, tmp_path: Path, valid: Tables, write_market: Write
) -> None:
    valid["orders"] = with_values(valid["orders"].slice(0, 4), column, values, raw_type)
    found = [f for f in check(write_market(tmp_path / "m", valid)).problems if f.kind == "wrong_type"]
    assert where(tuple(found)) == [("orders", column, "wrong_type", lost)]


def test_a_broken_file_hides_nothing_else(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    valid["campaigns"] = plant(valid["campaigns"], "budget", 2, lambda _: -1.0)
    valid["orders"] = plant(valid["orders"], "price", 1, lambda _: -1.0)
    folder = write_market(tmp_path / "m", valid)
    whole = (folder / "orders" / "part.parquet").read_bytes()
    (folder / "orders" / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (folder / "orders" / "garbled.parquet").write_bytes(whole[:4] + bytes(500) + whole[504:])
    (folder / "orders" / "notes.csv").write_text("a,b")
    report = check(folder)
    assert where(report.problems) == [
        ("campaigns", "budget", "out_of_bounds", 2),
        ("orders", "", "unreadable_file", 2),
        ("orders", "price", "out_of_bounds", 1),
    ]
    assert ("orders", "", "not_read", 1) in where(report.notes)


def test_files_of_one_table_may_differ(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    rows = valid.pop("orders")
    folder = write_market(tmp_path / "m", valid)
    (folder / "orders").mkdir()
    pq.write_table(rows.slice(0, 3).drop_columns(["status"]), folder / "orders" / "a.parquet")
    second = with_values(rows.slice(3), "quantity", ["many"] * 5, pa.string())
    pq.write_table(second.select(second.column_names[::-1]), folder / "orders" / "b.parquet")
    assert where(check(folder).problems) == [
        ("orders", "quantity", "wrong_type", 5),
        ("orders", "status", "missing_column", 3),
    ]


def test_ids_that_cannot_be_read_do_not_make_their_references_dangle(
    tmp_path: Path, valid: Tables, write_market: Write
) -> None:
    valid["creators"] = with_values(valid["creators"], "creator_id", [1.5] * 8, pa.float64())
    report = check(write_market(tmp_path / "m", valid))
    assert where(report.problems) == [("creators", "creator_id", "wrong_type", 8)]
    assert ("orders", "creator_id", "unchecked_reference", 0) in where(report.notes)


def test_money_without_a_rate_of_its_day_is_a_note(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    report = check(write_market(tmp_path / "m", valid))
    assert report.ok
    # All eight order on the first day, for which there is a rate of the first row's currency; one is in USD.
    assert ("orders", "currency", "missing_rate", 6) in where(report.notes)


def in_pounds(rates: pa.Table) -> pa.Table:
    """Rates of the pound alone, as they may be."""
    return with_values(with_values(rates, "currency", ["GBP"] * 8), "usd_rate", [1.2 + i / 50 for i in range(8)])


def test_sound_rates_are_no_problem(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    assert check(write_market(tmp_path / "m", valid | {"fx_rates": in_pounds(valid["fx_rates"])})).ok


@pytest.mark.parametrize(
    ("rate", "kind"),
    [
        (0.0, "out_of_bounds"),
        (-1.26, "out_of_bounds"),
        (1e308, "out_of_bounds"),
        (1e-9, "out_of_bounds"),
        (float("nan"), "not_finite"),
        (float("inf"), "not_finite"),
        (126.0, "absurd_rate"),  # the decimal point slipped by two places
        (0.0126, "absurd_rate"),
    ],
)
def test_a_rate_that_cannot_be_is_found(
    rate: float, kind: str, tmp_path: Path, valid: Tables, write_market: Write
) -> None:
    pounds = in_pounds(valid["fx_rates"])
    valid["fx_rates"] = plant(pounds, "usd_rate", 1, lambda _: rate)
    report = check(write_market(tmp_path / "m", valid))
    assert where(report.problems) == [("fx_rates", "usd_rate", kind, 1)]
    assert "GBP" in report.problems[0].examples[0]


def test_a_dollar_is_a_dollar(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    valid["fx_rates"] = with_values(valid["fx_rates"], "currency", ["USD"] * 8)
    valid["fx_rates"] = with_values(valid["fx_rates"], "usd_rate", [1.0] * 6 + [1.01, 0.99])
    assert where(check(write_market(tmp_path / "m", valid)).problems) == [("fx_rates", "usd_rate", "absurd_rate", 2)]


@pytest.mark.parametrize(("back", "missing"), [(0, False), (7, False), (8, True)])
def test_money_is_noted_as_unknown_where_no_rate_may_be_filled_in(
    back: int, missing: bool, tmp_path: Path, valid: Tables, write_market: Write
) -> None:
    """The note speaks of what the reader (`features.time.money`) really cannot turn."""
    ordered = valid["orders"]["ordered_at"].to_pylist()[0].date()
    valid["orders"] = with_values(valid["orders"], "currency", ["GBP"] * 8)
    valid["fx_rates"] = with_values(valid["fx_rates"], "currency", ["GBP"] * 8)
    valid["fx_rates"] = with_values(valid["fx_rates"], "day", [ordered - (back + i) * DAY for i in range(8)])
    notes = where(check(write_market(tmp_path / "m", valid)).notes)
    assert (("orders", "currency", "missing_rate", 8) in notes) is missing


def test_frames_in_memory_are_checked_too(valid: Tables) -> None:
    frames: dict[str, pd.DataFrame] = {name: rows.to_pandas() for name, rows in valid.items()}
    frames["orders"].loc[[1, 2], "price"] = -1.0
    frames["orders"].loc[0, "creator_id"] = "nobody"
    report = check(Marketplace.from_frames(frames))
    assert where(report.problems) == [
        ("orders", "creator_id", "dangling_reference", 1),
        ("orders", "price", "out_of_bounds", 2),
    ]
    assert report.as_dict()["problems"][1]["examples"] == ("nobody",)


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no folder"):
        check(tmp_path / "nowhere")


def test_the_simulator_keeps_the_contract(small_market: Path) -> None:
    report = check(small_market)
    assert report.problems == ()
    assert set(report.rows) == set(TABLES)


def test_a_copy_with_a_leak_of_the_future_is_caught(small_market: Path, tmp_path: Path) -> None:
    """A reply written into the row that was known before it: the mistake that a state table invites."""
    folder = tmp_path / "copy"
    shutil.copytree(small_market, folder)
    file = next((folder / "invitations").glob("*.parquet"))
    rows = pq.read_table(file)
    replies = {i: t for i, t in zip(*(rows[c].to_pylist() for c in ("invitation_id", "replied_at")), strict=True) if t}
    leaked = [replies.get(i) for i in rows["invitation_id"].to_pylist()]
    pq.write_table(with_values(rows, "replied_at", leaked), file)
    before = sum(t is not None and t > k for t, k in zip(leaked, rows["known_at"].to_pylist(), strict=True))
    assert before > 100
    assert where(check(folder).problems) == [("invitations", "replied_at", "known_before_event", before)]
