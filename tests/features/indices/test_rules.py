"""The rules of the indices on a few hand-made rows: whose fault, what is open, paid, repeated or copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.indices.gather import gather
from features.indices.shrinkage import decayed_exposure
from marketplace.tables import Marketplace

START = pd.Timestamp("2025-01-01", tz="UTC")
NOW = 100


def at(day: float) -> pd.Timestamp:
    return START + pd.Timedelta(seconds=round(day * 86_400))


def weight(age: int) -> float:
    return 2 ** (-age / 45)


def brief(number: int, brand: str = "b1", day: float = 0, ends: float = 40, **more: Any) -> dict[str, Any]:
    row = {
        "campaign_id": f"k{number}", "brand_id": brand, "market": "US", "category_id": "food", "product_ids": ["p1"],
        "objective": "SALES", "collaboration": "TARGET", "currency": "USD", "commission_rate": 0.1,
        "has_free_sample": True, "briefed_at": at(day), "starts_at": at(day), "ends_at": at(ends), "known_at": at(day),
    }  # fmt: skip
    return row | more


def invited(number: int, day: float, decision: str, *, hours: float | None = None, campaign: str = "k1") -> dict:
    replied = None if hours is None else at(day + hours / 24)
    return {
        "invitation_id": f"i{number}", "campaign_id": campaign, "creator_id": "c1", "sent_at": at(day),
        "replied_at": replied, "decision": decision, "decided_at": replied, "commission_rate": 0.1,
        "known_at": at(day + 8) if replied is None else replied,
    }  # fmt: skip


def sample(number: int, day: float, status: str, fulfilment: str, due: float | None = None) -> dict[str, Any]:
    return {
        "sample_id": f"s{number}", "invitation_id": f"i{number}", "creator_id": "c1", "product_id": "p1",
        "status": status, "fulfillment_status": fulfilment, "requested_at": at(day), "shipped_at": at(day),
        "delivered_at": at(day), "content_due_at": at(day + 14 if due is None else due), "known_at": at(day + 15),
    }  # fmt: skip


def delivered(number: int, day: float, campaign: str = "k1", **more: Any) -> dict[str, Any]:
    row = {
        "delivery_id": f"d{number}", "invitation_id": f"i{number}", "creator_id": "c1", "campaign_id": campaign,
        "content_id": None, "posted_at": at(day), "due_at": at(day + 1), "revision_count": 0, "brief_compliance": 0.9,
        "known_at": at(day),
    }  # fmt: skip
    return row | more


def posted(name: str, day: float, product: str | None = "p1", **more: Any) -> dict[str, Any]:
    row = {
        "content_id": name, "creator_id": "c1", "format": "VIDEO", "published_at": at(day), "live_end_at": None,
        "product_ids": [product] if product else [], "is_shoppable": product is not None, "known_at": at(day),
    }  # fmt: skip
    return row | more


def viewed(name: str, day: int, views: int, paid: int = 0) -> dict[str, Any]:
    return {
        "content_id": name, "day": at(day).date(), "creator_id": "c1", "view_count": views, "like_count": 0,
        "comment_count": 0, "share_count": 0, "paid_view_count": paid, "known_at": at(day + 1),
    }  # fmt: skip


def sold(number: int, day: float, price: float, *, paid: bool = False, campaign: str | None = None) -> dict[str, Any]:
    return {
        "order_id": f"o{number}", "sku_id": "1", "product_id": "p1", "creator_id": "c1", "content_type": "VIDEO",
        "campaign_id": campaign, "ordered_at": at(day), "status": "COMPLETED", "quantity": 1, "refunded_quantity": 0,
        "price": price, "currency": "USD", "commission": price / 10, "is_paid_traffic": paid, "known_at": at(day),
    }  # fmt: skip


Tables = dict[str, list[dict[str, Any]]]

_OWN_IDS = ("creator_id", "campaign_id", "brand_id", "invitation_id", "product_id", "content_id", "order_id",
            "sample_id", "delivery_id", "review_id")  # fmt: skip


def _named(scenario: str, value: Any) -> Any:
    return value if value is None else f"{scenario}:{value}"


def _apart(scenario: str, row: dict[str, Any]) -> dict[str, Any]:
    """``row`` with ids of its own, so that scenarios can share one marketplace without touching."""
    row = {key: _named(scenario, value) if key in _OWN_IDS else value for key, value in row.items()}
    if "product_ids" in row:
        row["product_ids"] = [_named(scenario, product) for product in row["product_ids"]]
    return row


def together(scenarios: dict[str, Tables]) -> Marketplace:
    """One marketplace in which creator ``NAME:c1`` lives through the rows of scenario NAME."""
    rows: Tables = {"invitations": [], "orders": []}
    for name, tables in scenarios.items():
        plain: Tables = {
            "creators": [{"creator_id": "c1", "market": "US", "joined_at": at(0), "known_at": at(0)}],
            "products": [
                {"product_id": f"p{i}", "brand_id": "b1", "category_id": "food", "price": 10.0, "currency": "USD",
                 "gross_margin_rate": 0.5, "known_at": at(0)}
                for i in range(1, 6)
            ],
            "campaigns": [brief(1)],
        }  # fmt: skip
        for table, own in (plain | tables).items():
            rows.setdefault(table, []).extend(_apart(name, row) for row in own)
    return Marketplace.from_frames({table: _frame(own) for table, own in rows.items()})


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    for column in frame.columns:
        if column.endswith("_at"):
            frame[column] = pd.to_datetime(frame[column], utc=True).dt.as_unit("us")
    return frame


def near(*values: float) -> Any:
    return pytest.approx(values, abs=1e-3)


DAYS = (40, 50, 60, 70)
VIDEOS = [posted(f"v{d}", d) for d in DAYS]
VIEWS = [viewed(f"v{d}", d, 1_000) for d in DAYS]
NOISE = [
    posted("copy", 50.3),  # same day, same product, same format
    posted("gone", 55, "p2") | {"deleted_at": at(58), "known_at": at(58)},
    posted("unseen", 66, "p3"),  # 100 of a median of 1,000 views
    posted("fresh", 97, "p4"),  # too young to be judged
]
NOISE_VIEWS = [viewed("copy", 50, 1_000), viewed("gone", 55, 1_000), viewed("fresh", 97, 5)]
ACCEPTED = [invited(1, 60, "ACCEPT", hours=10)]
OPEN = [
    invited(2, 99, "PENDING") | {"known_at": at(99)},
    invited(3, 95, "PENDING") | {"known_at": at(95)},
    invited(4, 70, "WITHDRAWN_BY_SELLER"),
]
MY_SAMPLES = [sample(1, 60, "COMPLETED", "SUCCEED"), sample(2, 70, "UNFULFILL_CANCELLED", "FAILED")]
NOT_MY_FAULT = [
    sample(3, 60, "SELLER_NOT_SHIP_CANCELLED", "CANCELLED"),
    sample(4, 60, "OVERDUE_CANCELLED", "FAILED"),
    sample(5, 60, "OPS_CANCELLED", "FAILED"),
    sample(6, 60, "REJECT_CANCELLED", "CANCELLED"),
]
OPEN_SAMPLES = [
    sample(7, 80, "CONTENT_PENDING", "ONGOING", due=95),
    sample(8, 80, "CONTENT_PENDING", "OVERDUE", due=95),
    sample(9, 60, "SHIPPED", "PENDING"),
]
REVIEWS = [
    {"review_id": f"r{i}", "invitation_id": f"i{i}", "direction": "BRAND_OF_CREATOR", "stars": 5,
     "reviewed_at": at(99), "known_at": at(99)}
    for i in range(1, 31)
]  # fmt: skip
FRIENDS = [invited(i, 50, "ACCEPT", hours=1) for i in range(1, 31)]
TWICE = [invited(1, 20, "ACCEPT", hours=1), invited(2, 60, "ACCEPT", hours=1, campaign="k2")]
COSTS = [
    {"campaign_id": "k1", "creator_id": "c1", "flat_fee": 10.0, "sample_cost": 5.0, "shipping_cost": 2.0,
     "currency": "USD", "paid_at": at(52), "known_at": at(52)}
]  # fmt: skip
SALES = [sold(1, 51, 100.0, campaign="k1"), sold(2, 52, 400.0, campaign="k1", paid=True), sold(3, 52, 50.0)]
SEASON = {day: 1.0 if day < 50 else 1.5 for day in range(10, 80)}


def shop(product: str, day: int, gmv: float) -> dict[str, Any]:
    return {
        "product_id": product, "day": at(day).date(), "units_sold": 1, "gmv": gmv, "currency": "USD",
        "known_at": at(day + 1),
    }  # fmt: skip


SCENARIOS: dict[str, Tables] = {
    "replies": {"invitations": [
        invited(1, 60, "DECLINE", hours=10), invited(2, 70, "ACCEPT", hours=60), invited(3, 80, "EXPIRED")
    ]},
    "settled": {"invitations": ACCEPTED},
    "with open": {"invitations": [*ACCEPTED, *OPEN]},
    "late news": {"invitations": [invited(1, 60, "ACCEPT", hours=10) | {"known_at": at(NOW + 1)}]},
    "my samples": {"invitations": ACCEPTED, "samples": MY_SAMPLES},
    "all samples": {"invitations": ACCEPTED, "samples": [*MY_SAMPLES, *NOT_MY_FAULT, *OPEN_SAMPLES]},
    "overdue": {"samples": [sample(1, 60, "CONTENT_PENDING", "OVERDUE", due=75)]},
    "friends": {"invitations": FRIENDS, "reviews": REVIEWS},
    "friends and one more": {
        "campaigns": [brief(1), brief(2, "b2")],
        "invitations": [invited(1, 50, "ACCEPT", hours=1, campaign="k2"), *FRIENDS[1:]],
        "reviews": REVIEWS,
    },
    "no second brief": {"invitations": TWICE, "deliveries": [delivered(1, 30)]},
    "second brief open": {
        "invitations": TWICE, "deliveries": [delivered(1, 30)], "campaigns": [brief(1), brief(2, day=50, ends=95)]
    },
    "did not come back": {
        "invitations": TWICE, "deliveries": [delivered(1, 30)], "campaigns": [brief(1), brief(2, day=50, ends=70)]
    },
    "came back": {
        "invitations": TWICE, "deliveries": [delivered(1, 30), delivered(2, 65, "k2")],
        "campaigns": [brief(1), brief(2, day=50, ends=70)],
    },
    "organic": {
        "contents": [posted("v1", 60)], "content_days": [viewed("v1", 60, 1_000)], "orders": [sold(1, 61, 20.0)]
    },
    "bought": {
        "contents": [posted("v1", 60)],
        "content_days": [viewed("v1", 60, 9_000, paid=8_000)],
        "orders": [sold(1, 61, 20.0), sold(2, 61, 500.0, paid=True)],
    },
    "videos": {"contents": VIDEOS, "content_days": VIEWS},
    "videos and noise": {
        "contents": [*VIDEOS, *NOISE], "content_days": [*VIEWS, *NOISE_VIEWS, viewed("unseen", 66, 100)]
    },
    "videos and ads": {
        "contents": [*VIDEOS, *NOISE], "content_days": [*VIEWS, *NOISE_VIEWS, viewed("unseen", 66, 5_100, paid=5_000)]
    },
    "live": {"contents": [posted("v1", 60), posted("live", 70, "p2", format="LIVE", live_end_at=at(70 + 3 / 24))]},
    "weeks": {"contents": [posted("v1", 60, "p1"), posted("v2", 61, "p2"), posted("v3", 90, "p1")]},
    "profit": {"deliveries": [delivered(1, 50)], "orders": SALES, "costs": COSTS},
    "profit too fresh": {"deliveries": [delivered(1, 85)], "orders": [sold(1, 86, 100.0, campaign="k1")]},
    "failed sample": {
        "invitations": ACCEPTED, "samples": [sample(1, 61, "UNFULFILL_CANCELLED", "FAILED")], "costs": COSTS
    },
}  # fmt: skip

Seen = Callable[[str, str], tuple[float, float]]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """``seen(scenario, component)``: the component's ``(total, evidence)`` as of day `NOW`."""
    day = int(START.timestamp() // 86_400) + NOW
    names = list(SCENARIOS)
    found = gather(together(SCENARIOS), [f"{name}:c1" for name in names], [day] * len(names))

    def of(scenario: str, component: str) -> tuple[float, float]:
        part, row = found.evidence[component], names.index(scenario)
        return float(part.total[row]), float(part.evidence[row])

    return of


def test_a_decline_is_a_reply_and_silence_is_not(seen: Seen):
    replied = weight(40)
    assert seen("replies", "replied_48h") == near(replied, replied + weight(30) + weight(20))


@pytest.mark.parametrize("component", ["replied_48h", "acceptance_above_expected", "reply_hours"])
def test_open_and_withdrawn_invitations_count_nowhere(seen: Seen, component: str):
    total, count = seen("settled", component)
    # The one sent five days ago had its 48 hours, and went unanswered.
    unanswered = weight(5) if component == "replied_48h" else 0.0
    assert count > 0
    assert seen("with open", component) == near(total, count + unanswered)


def test_a_reply_counts_from_when_it_is_known(seen: Seen):
    assert seen("late news", "replied_48h") == (0.0, 0.0)


def test_samples_by_whose_fault(seen: Seen):
    expected = near(weight(40), weight(40) + weight(30))
    assert seen("my samples", "sample_fulfilment") == expected
    assert seen("all samples", "sample_fulfilment") == expected


def test_an_overdue_sample_fails_when_its_grace_is_over(seen: Seen):
    assert seen("overdue", "sample_fulfilment") == near(0.0, weight(40))


def test_one_brand_counts_for_three_events_at_most(seen: Seen):
    assert seen("friends", "brand_stars") == near(3 * 5, 3)
    assert seen("friends and one more", "brand_stars") == near(5 * (3 + weight(1)), 3 + weight(1))


def test_a_comeback_waits_for_the_brands_next_brief(seen: Seen):
    assert seen("no second brief", "repeat_brand_rate") == (0.0, 0.0)
    assert seen("second brief open", "repeat_brand_rate") == (0.0, 0.0)
    assert seen("did not come back", "repeat_brand_rate") == near(0.0, weight(70))
    assert seen("came back", "repeat_brand_rate") == near(weight(70), weight(70))


def test_paid_sales_and_views_do_not_raise_what_sells(seen: Seen):
    expected = near(20 * weight(39), weight(40))
    assert seen("organic", "gmv_per_1000_views") == expected
    assert seen("bought", "gmv_per_1000_views") == expected
    assert seen("bought", "orders_per_1000_views") == near(weight(39), weight(40))


def test_copies_deletions_and_barely_viewed_items_are_no_volume(seen: Seen):
    exposure = (decayed_exposure([60], 90) - decayed_exposure([7], 90))[0] / 30
    assert seen("videos", "videos_30d") == near(sum(weight(NOW - d) for d in DAYS), exposure)
    assert seen("videos and noise", "videos_30d") == seen("videos", "videos_30d")


def test_views_bought_with_ads_do_not_rescue_a_barely_viewed_video(seen: Seen):
    assert seen("videos and ads", "videos_30d") == seen("videos and noise", "videos_30d")


def test_lives_count_twice_in_shoppable_output(seen: Seen):
    total, exposure = seen("live", "shoppable_output_30d")
    assert total == pytest.approx(weight(40) + 2 * 3 * weight(30), abs=1e-3)
    assert exposure == pytest.approx(decayed_exposure([40], 90)[0] / 30)


def test_active_weeks_and_products(seen: Seen):
    assert seen("weeks", "active_weeks") == (2.0, 6.0)  # watched for 40 days: 6 weeks begun
    assert seen("weeks", "products_promoted_30d") == near(2.0, 40 / 30)


def test_profit_by_hand(seen: Seen):
    cost = 100 * 0.1 + 10 + 5 + 2
    profit = 100 * 0.5 - cost  # the sale that an ad led to is left out
    assert seen("profit", "profit_per_partnership") == near(np.arcsinh(profit) * weight(50), weight(50))
    assert seen("profit", "profit_per_cost") == near(np.arcsinh(profit / cost) * weight(50), weight(50))


def test_profit_waits_for_its_window(seen: Seen):
    assert seen("profit too fresh", "profit_per_partnership") == (0.0, 0.0)


def test_a_sample_without_content_leaves_its_costs(seen: Seen):
    assert seen("failed sample", "profit_per_partnership") == near(np.arcsinh(-17.0) * weight(39), weight(39))


def test_what_is_lacking_is_missing_not_zero():
    day = int(START.timestamp() // 86_400) + NOW
    found = gather(together({"a": {"invitations": ACCEPTED}}), ["a:c1", "nobody"], [day, day])
    for name in ("videos_30d", "gmv_per_1000_views", "lift_per_partnership", "brands_worked_with_90d"):
        assert found.evidence[name].evidence.tolist() == [0.0, 0.0]
    assert found.idle_days.tolist() == [40.0, np.inf]
    assert found.market.tolist() == ["US", ""]
