"""The hand-written marketplace with posts."""

from __future__ import annotations

import pandas as pd
import pytest

from marketplace.tables import Marketplace

T = lambda *texts: pd.to_datetime(list(texts), utc=True, format="ISO8601")  # noqa: E731


@pytest.fixture
def shop(hand):
    """The hand-written marketplace with posts, their days and deliveries."""
    hand["contents"] = pd.DataFrame(
        {
            "content_id": ["v1", "v2", "v3", "v3"],
            "creator_id": ["c1", "c1", "c1", "c1"],
            "format": ["VIDEO", "LIVE", "VIDEO", "VIDEO"],
            "published_at": T("2024-01-05", "2024-01-06", "2024-01-07", "2024-01-07"),
            "product_ids": [["p1"], ["p1", "p2"], ["p2"], ["p2"]],
            "is_shoppable": [True] * 4,
            "deleted_at": T(None, None, None, "2024-01-25"),
            "known_at": T("2024-01-05", "2024-01-06", "2024-01-07", "2024-01-25"),
        }
    )
    hand["content_days"] = pd.DataFrame(
        {
            "content_id": ["v1", "v1", "v2", "v3"],
            "creator_id": ["c1"] * 4,
            "day": [pd.Timestamp(d).date() for d in ("2024-01-05", "2024-01-08", "2024-01-06", "2024-01-07")],
            "view_count": [100, 50, 80, 70],
            "like_count": [0] * 4,
            "comment_count": [0] * 4,
            "share_count": [0] * 4,
            "paid_view_count": [30, 0, None, 0],
            "known_at": T("2024-01-06", "2024-01-20", "2024-01-07", "2024-01-08"),
        }
    )
    orders = hand["orders"].iloc[[0] * 5].copy()
    orders["order_id"] = ["a", "b", "b", "c", "d"]
    orders["content_id"] = ["v1", "v1", "v1", "v1", "v2"]
    orders["product_id"] = ["p1", "p1", "p1", "p1", "p2"]
    orders["status"] = ["COMPLETED", "PROCESSING", "CANCELLED", "COMPLETED", "COMPLETED"]
    orders["is_paid_traffic"] = [False, False, False, True, False]
    orders["ordered_at"] = T(*["2024-01-08"] * 5)
    orders["known_at"] = T("2024-01-08", "2024-01-08", "2024-01-18", "2024-01-08", "2024-01-19")
    hand["orders"] = orders
    hand["deliveries"] = pd.DataFrame(
        {
            "delivery_id": ["d1"],
            "invitation_id": ["i1"],
            "creator_id": ["c1"],
            "campaign_id": ["k1"],
            "content_id": ["v2"],
            "posted_at": T("2024-01-06"),
            "due_at": T("2024-01-10"),
            "known_at": T("2024-01-21"),
        }
    )
    hand["product_days"] = pd.DataFrame(
        {
            "product_id": ["p1"] * 4,
            "day": [pd.Timestamp(d).date() for d in ("2024-01-05", "2024-01-06", "2024-01-07", "2024-01-08")],
            "units_sold": [2, 4, 9, 400],
            "gmv": [1.0] * 4,
            "currency": ["USD"] * 4,
            "known_at": T("2024-01-06", "2024-01-07", "2024-01-08", "2024-02-28"),
        }
    )
    return Marketplace.from_frames(hand)
