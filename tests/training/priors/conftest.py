"""A hand-made shop of three campaigns with the indispensable tables alone, a marketplace too young for heads."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketplace.contract import TABLES, arrow_schema

START = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


def _at(days: float) -> dt.datetime:
    return START + dt.timedelta(days=days)


def _rows() -> dict[str, list[dict[str, Any]]]:
    """Eight creators; each of three campaigns, a month apart, invites all; the first three accept the first one."""
    creators = [
        {"creator_id": f"cr_{i}", "username": f"maker.{i}", "market": "US", "joined_at": _at(-30), "known_at": _at(-30)}
        for i in range(8)
    ]
    products = [
        {"product_id": "pr_1", "brand_id": "br_1", "category_id": "beauty", "price": 20.0, "currency": "USD",
         "gross_margin_rate": 0.5, "known_at": _at(-30)}
    ]  # fmt: skip
    campaigns = [
        {"campaign_id": f"ca_{i}", "brand_id": "br_1", "market": "US", "category_id": "beauty",
         "product_ids": ["pr_1"], "objective": "SALES", "collaboration": "TARGET", "currency": "USD",
         "commission_rate": 0.1, "flat_fee": 0.0, "has_free_sample": False, "briefed_at": _at(40 * i),
         "starts_at": _at(40 * i), "ends_at": _at(40 * i + 14), "known_at": _at(40 * i)}
        for i in range(3)
    ]  # fmt: skip
    invitations, orders = [], []
    for i in range(3):
        for j in range(8):
            answered = _at(40 * i + 2)
            invitations.append(
                {"invitation_id": f"in_{i}_{j}", "campaign_id": f"ca_{i}", "creator_id": f"cr_{j}",
                 "sent_at": _at(40 * i + 1), "replied_at": answered, "decided_at": answered,
                 "decision": "ACCEPT" if j < 3 else "DECLINE", "commission_rate": 0.1, "known_at": answered}
            )  # fmt: skip
            # Sales of the product through the creator outside campaigns: creator 7 sells the most.
            orders += [
                {"order_id": f"or_{i}_{j}_{n}", "sku_id": "sku_1", "product_id": "pr_1", "creator_id": f"cr_{j}",
                 "content_type": "VIDEO", "ordered_at": _at(40 * i - 5), "status": "COMPLETED", "quantity": 1,
                 "refunded_quantity": 0, "price": 20.0, "currency": "USD", "known_at": _at(40 * i - 5)}
                for n in range(j)
            ]  # fmt: skip
    return {
        "creators": creators, "products": products, "campaigns": campaigns, "invitations": invitations, "orders": orders
    }  # fmt: skip


def write_shop(folder: Path) -> Path:
    """The shop's tables as Parquet under ``folder``."""
    for name, rows in _rows().items():
        whole = [{column.name: row.get(column.name) for column in TABLES[name].columns} for row in rows]
        (folder / name).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(whole, schema=arrow_schema(name)), folder / name / "part.parquet")
    return folder


@pytest.fixture(scope="session")
def three_campaigns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's folder. Read only."""
    return write_shop(tmp_path_factory.mktemp("shop") / "three")
