"""Nested records come flat, and come back to the record they are of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from marketplace.sources.files import propose
from marketplace.sources.files.nesting import flat_table
from marketplace.sources.files.reading import read_sheet

LINE = st.fixed_dictionaries({"sku": st.text(max_size=3), "units": st.integers(0, 9)})
ORDER = st.fixed_dictionaries({"id": st.integers(0, 10**18), "lines": st.none() | st.lists(LINE, max_size=4)})


@given(st.lists(ORDER, min_size=1, max_size=6))
def test_each_line_of_each_record_is_a_row(records: list[dict[str, Any]]) -> None:
    shape = pa.struct({"sku": pa.string(), "units": pa.int64()})
    table = pa.Table.from_pylist(records, pa.schema({"id": pa.int64(), "lines": pa.list_(shape)}))
    flat, rows = flat_table(table)
    expected = [
        (place, record["id"], line and line["sku"], line and line["units"])
        for place, record in enumerate(records, start=1)
        for line in record["lines"] or [None]
    ]
    got = zip(rows.tolist(), *(flat[name].to_pylist() for name in ("id", "lines.sku", "lines.units")), strict=True)
    assert list(got) == expected


def test_objects_become_columns_lists_of_ids_stay_and_two_lists_of_objects_are_text(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    one = {"a": {"b": {"c": 1}}, "ids": ["x", "y"], "p": [{"q": 1}], "r": [{"s": 2}]}
    file.write_text(json.dumps(one) + "\n", encoding="utf-8")
    cells = read_sheet(file).cells
    assert list(cells.columns) == ["a.b.c", "ids", "p", "r"]
    assert list(cells["ids"][0]) == ["x", "y"]
    assert [json.loads(cells[name][0]) for name in ("p", "r")] == [[{"q": 1}], [{"s": 2}]]


def test_an_answer_of_an_api_is_read_as_its_records(tmp_path: Path) -> None:
    told = {
        "code": 0,
        "data": {
            "orders": [
                {"order_id": "1", "created_at": "2025-03-01T10:00:00Z", "items": [
                    {"sku": "a", "product_id": "p", "quantity": 2, "price": "3.50"},
                    {"sku": "b", "product_id": "q", "quantity": 1, "price": "9.00"},
                ]},
                {"order_id": "2", "created_at": "2025-03-02T10:00:00Z", "items": []},
            ],
        },
    }  # fmt: skip
    (tmp_path / "orders.json").write_text(json.dumps(told), encoding="utf-8")
    lines = {one["column"]: one["from"] for one in propose(tmp_path).lines if one["table"] == "orders"}
    assert lines["order_id"] == '"data.orders.order_id"'
    assert lines["quantity"] == '"data.orders.items.quantity"'
    assert len(read_sheet(tmp_path / "orders.json").cells) == 3
