"""A folder of small exports by hand: `exports` writes it, `build` ingests it by a mapping given as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from marketplace.sources import Ingested
from marketplace.sources.files.building import build_tables
from marketplace.sources.files.mapping import parse_mapping

Build = Callable[..., Ingested]

ORDERS = """
    [[orders]]
    file = "orders.csv"
    order_id = "Order"
    sku_id = "Order"
    product_id = "Item"
    creator_id = { column = "Creator", spelling = "username" }
    content_type = { value = "VIDEO" }
    ordered_at = "Date"
    status = { value = "COMPLETED" }
    quantity = "Qty"
    refunded_quantity = { value = 0 }
    price = "Price"
    currency = { value = "EUR" }
    known_at = "Date"
"""
"""A mapping of one file, whose lines tests change."""


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """A function: files (name to text) and a mapping's text -> what was read."""

    def run(files: Mapping[str, str], mapping: str, *, encoding: str = "utf-8") -> Ingested:
        for name, text in files.items():
            (tmp_path / name).write_text(dedent(text).lstrip(), encoding=encoding)
        return build_tables(tmp_path, parse_mapping(dedent(mapping), name="mapping.toml"))

    return run
