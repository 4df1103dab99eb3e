"""The declarations agree with themselves, and the reference page with the declarations."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from marketplace.contract import CURRENCIES, MARKETS, TABLES, USUAL_RATES, Table, arrow_schema
from marketplace.contract.outcomes import NOT_THE_CREATORS_FAULT, SAMPLE_STATUSES
from marketplace.contract.reference import PAGE, render

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_a_table_is_whole(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert len(names) == len(set(names))
    assert set(table.key) <= set(names)
    assert names[-1] == "known_at"
    assert all(not table.by_name[name].nullable for name in (*table.key, "known_at"))
    if table.event:
        assert table.by_name[table.event].type in ("instant", "day")
        assert not table.by_name[table.event].nullable
    money = [c for c in table.columns if c.unit == "own currency" and c.name != "commission_rate"]
    per_campaign = table.name in ("orders", "campaigns", "costs", "products", "product_days", "creator_snapshots")
    assert not money or ("currency" in names and per_campaign)


def test_references_lead_to_columns_of_the_same_type() -> None:
    for table in TABLES.values():
        for column in table.columns:
            if column.refers_to:
                target, name = column.refers_to.split(".")
                assert TABLES[target].by_name[name].type == "string"
                assert name in TABLES[target].key


def test_the_schema_has_the_contract_s_types() -> None:
    schema = arrow_schema("orders")
    assert schema.field("ordered_at").type == pa.timestamp("us", tz="UTC")
    assert schema.field("price").type == pa.float64()
    assert schema.field("quantity").type == pa.int64()
    assert arrow_schema("campaigns").field("product_ids").type == pa.list_(pa.string())
    assert arrow_schema("fx_rates").field("day").type == pa.date32()


def test_words_are_known_ones() -> None:
    assert set(NOT_THE_CREATORS_FAULT) <= set(SAMPLE_STATUSES)
    for code, market in MARKETS.items():
        assert len(code) == 2
        assert market.currency in CURRENCIES
        assert ZoneInfo(market.zone)
        assert market.currency in USUAL_RATES or market.currency in {"ARS", "EGP", "NGN", "PKR", "TRY"}  # not steady
    assert {*["ID", "MY", "PH", "SG", "TH", "VN", "GB", "US", "DE", "ES", "FR", "IE", "IT", "MX", "BR", "JP"]} <= set(
        MARKETS
    )
    assert set(USUAL_RATES) <= set(CURRENCIES)


def test_the_page_is_current() -> None:
    assert (ROOT / PAGE).read_text() == render(), "run `make docs`"


def test_the_page_names_every_table_and_column() -> None:
    page = render()
    for table in TABLES.values():
        section = page.split(f"\n### {table.name}\n")[1].split("\n### ")[0]
        for column in table.columns:
            row = next(line for line in section.splitlines() if line.startswith(f"| `{column.name}` |"))
            assert column.doc in row
            assert ("| yes |" in row) == column.nullable
            assert column.name == "currency" or all(f"`{value}`" in section for value in column.values)
