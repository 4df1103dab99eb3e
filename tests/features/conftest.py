"""Marketplaces for the tests of features: a small simulated one, and one written out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from marketplace.contract import TABLES
from marketplace.tables import Marketplace, open_marketplace

Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="session")
def wee_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 creators, 24 campaigns, 120 days: enough of every table, quick to rebuild. Read only."""
    from marketplace.simulator import simulate

    folder = tmp_path_factory.mktemp("market") / "wee"
    simulate(folder, creators=80, campaigns=24, days=120, seed=3)
    return folder


@pytest.fixture(scope="session")
def wee(wee_folder: Path) -> Marketplace:
    """The small marketplace, opened once: its facts are built once."""
    return open_marketplace(wee_folder)


@pytest.fixture(scope="session")
def wee_frames(wee: Marketplace) -> Frames:
    """Its tables as frames; copy before you change one."""
    return {name: wee.frame(name) for name in TABLES if name in wee.present}


@pytest.fixture(scope="session")
def at() -> Callable[..., pd.Timestamp]:
    """An instant from a text, UTC."""
    return lambda text: pd.Timestamp(text, tz="UTC")


@pytest.fixture
def hand() -> Frames:
    """Two creators, two brands, one campaign, in the indispensable tables; tests add to it."""
    t = lambda *texts: pd.to_datetime(list(texts), utc=True, format="ISO8601")  # noqa: E731
    return {
        "creators": pd.DataFrame(
            {
                "creator_id": ["c1", "c2"],
                "username": ["ann", None],
                "market": ["US", "US"],
                "language": ["en", None],
                "agency_status": ["INDEPENDENT", None],
                "joined_at": t("2024-01-01", "2024-03-05"),
                "known_at": t("2024-01-01", "2024-03-05"),
            }
        ),
        "products": pd.DataFrame(
            {
                "product_id": ["p1", "p2"],
                "brand_id": ["b1", "b2"],
                "category_id": ["beauty", "home"],
                "price": [10.0, 20.0],
                "currency": ["USD", "USD"],
                "gross_margin_rate": [0.5, None],
                "known_at": t("2023-01-01", "2023-01-01"),
            }
        ),
        "campaigns": pd.DataFrame(
            {
                "campaign_id": ["k1"],
                "brand_id": ["b1"],
                "market": ["US"],
                "category_id": ["beauty"],
                "product_ids": [["p1"]],
                "objective": ["SALES"],
                "collaboration": ["TARGET"],
                "budget": [1000.0],
                "currency": ["USD"],
                "commission_rate": [0.1],
                "flat_fee": [None],
                "has_free_sample": [True],
                "briefed_at": t("2024-02-01 12:00"),
                "starts_at": t("2024-02-02"),
                "ends_at": t("2024-02-12"),
                "known_at": t("2024-02-01 12:00"),
            }
        ),
        "invitations": pd.DataFrame(
            {
                "invitation_id": ["i1", "i1"],
                "campaign_id": ["k1", "k1"],
                "creator_id": ["c1", "c1"],
                "sent_at": t("2024-02-02 06:00", "2024-02-02 06:00"),
                "replied_at": t(None, "2024-02-03 18:00"),
                "decision": ["PENDING", "ACCEPT"],
                "decided_at": t(None, "2024-02-03 18:00"),
                "commission_rate": [0.12, 0.12],
                "known_at": t("2024-02-02 06:00", "2024-02-03 18:00"),
            }
        ),
        "orders": pd.DataFrame(
            {
                "order_id": ["o1", "o1", "o2"],
                "sku_id": ["s", "s", "s"],
                "product_id": ["p1", "p1", "p2"],
                "creator_id": ["c1", "c1", "c1"],
                "content_type": ["VIDEO", "VIDEO", "LIVE"],
                "campaign_id": [None, None, None],
                "ordered_at": t("2024-01-10", "2024-01-10", "2024-01-15 23:59:59"),
                "status": ["COMPLETED", "COMPLETED", "PROCESSING"],
                "quantity": [3, 3, 1],
                "refunded_quantity": [0, 1, 0],
                "price": [10.0, 10.0, 20.0],
                "currency": ["USD", "USD", "USD"],
                "commission": [3.0, 2.0, None],
                "is_paid_traffic": [False, False, True],
                "known_at": t("2024-01-10", "2024-01-20", "2024-01-16 01:00"),
            }
        ),
    }
