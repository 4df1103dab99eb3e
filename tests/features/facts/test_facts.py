"""Facts: states become signed deltas, readings replace one another, money meets its rate."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from features.facts.store import FACTS, fact_table, is_known
from features.facts.windows import Windows
from features.time.clocks import as_of_days
from marketplace.contract import MARKETS
from marketplace.errors import SignalError
from marketplace.tables import Marketplace

T = lambda *texts: pd.to_datetime(list(texts), utc=True, format="ISO8601")  # noqa: E731


def reader(frames):
    """Reads one sum of one fact as of a day, from a marketplace of ``frames``."""
    market = Marketplace.from_frames(frames)

    def read(fact, measure, day, *, keys=("creator_id",), **ids):
        windows = Windows(keys)
        asked = {"x": windows.sum(fact, measure)}
        rows = pd.DataFrame({key: [ids.get(key, "c1")] for key in keys} | {"day": as_of_days([day])})
        return float(windows.compute(market, rows, asked)["x"][0])

    return read


def test_a_state_counts_from_the_midnight_after_it_is_known(hand):
    read = reader(hand)
    expected = {
        "2024-01-10": 0.0,  # the order is of that very day: the midnight before has not seen it
        "2024-01-11": 3 * 10.0,
        "2024-01-16": 3 * 10.0,  # the second order is known at 01:00 of the 16th
        "2024-01-17": 3 * 10.0 + 20.0,
        "2024-01-20": 3 * 10.0 + 20.0,  # the refund is known on the 20th
        "2024-01-21": 2 * 10.0 + 20.0,
    }
    assert {day: read("orders", "net_gmv", day) for day in expected} == expected


def test_deltas_of_a_state_lie_on_the_event_day_of_the_state(hand):
    market = Marketplace.from_frames(hand)
    rows = market.query(fact_table(market, "orders", ("creator_id",))).sort_values("known_day")
    day = as_of_days(["2024-01-10", "2024-01-15"])
    assert rows["event_day"].tolist() == [day[0], day[1], day[0]]
    assert rows["net_gmv"].tolist() == [30_000_000, 20_000_000, -10_000_000]


def test_a_cancelled_order_sells_nothing_but_was_ordered(hand):
    hand["orders"]["status"] = ["COMPLETED", "CANCELLED", "PROCESSING"]
    hand["orders"]["refunded_quantity"] = 0
    day = "2024-02-01"
    read = reader(hand)
    assert read("orders", "net_gmv", day) == 20.0
    assert read("orders", "orders", day) == 1.0
    assert read("orders", "gross_gmv", day) == 50.0
    assert read("orders", "commission", day) == 0.0


def test_a_row_that_claims_to_be_known_before_its_event_waits_for_the_event(hand):
    hand["orders"].loc[2, "known_at"] = pd.Timestamp("2024-01-01", tz="UTC")
    read = reader(hand)
    assert read("orders", "net_gmv", "2024-01-15") == 30.0
    assert read("orders", "net_gmv", "2024-01-16") == 50.0


def test_a_state_that_moves_the_order_takes_the_old_one_back(hand):
    hand["orders"].loc[1, ["creator_id", "ordered_at"]] = ["c2", pd.Timestamp("2024-01-05", tz="UTC")]
    read = reader(hand)
    assert read("orders", "net_gmv", "2024-01-21") == 20.0
    assert read("orders", "net_gmv", "2024-01-21", creator_id="c2") == 20.0


def test_open_invitations_are_open_and_withdrawn_ones_count_nowhere(hand):
    read = reader(hand)
    assert read("invitations", "open", "2024-02-03") == 1.0
    assert read("invitations", "resolved", "2024-02-03") == 0.0
    assert read("invitations", "accepted", "2024-02-04") == 1.0
    assert read("invitations", "reply_hours", "2024-02-04") == 36.0
    hand["invitations"].loc[1, "decision"] = "WITHDRAWN_BY_SELLER"
    read = reader(hand)
    for measure in ("sent", "open", "resolved", "accepted", "replied"):
        assert read("invitations", measure, "2024-02-04") == 0.0
    assert read("invitations", "withdrawn", "2024-02-04") == 1.0


@pytest.mark.parametrize(
    ("status", "fulfillment", "expected"),
    [
        ("COMPLETED", "SUCCEED", {"resolved": 1, "fulfilled": 1, "failed": 0}),
        ("CONTENT_PENDING", "ONGOING", {"resolved": 0, "fulfilled": 0, "failed": 0, "owed": 1}),
        ("CONTENT_PENDING", "OVERDUE", {"resolved": 0, "owed": 1}),
        ("UNFULFILL_CANCELLED", "FAILED", {"resolved": 1, "failed": 1, "owed": 0}),
        ("UNFULFILL_CANCELLED", "CANCELLED", {"resolved": 1, "failed": 1}),
        ("WITHDRAW_CANCELLED", "CANCELLED", {"resolved": 1, "failed": 1}),
        ("CONTENT_PENDING", "SUSPEND", {"sampled": 0, "resolved": 0, "owed": 0}),
        ("SELLER_NOT_SHIP_CANCELLED", "CANCELLED", {"sampled": 0, "resolved": 0, "failed": 0}),
        ("OVERDUE_CANCELLED", "FAILED", {"sampled": 0, "resolved": 0, "failed": 0}),
        ("OPS_COMPLETED", "SUCCEED", {"sampled": 0, "resolved": 0, "fulfilled": 0}),
    ],
)
def test_samples_blame_the_creator_only_for_what_the_creator_did(hand, status, fulfillment, expected):
    hand["samples"] = pd.DataFrame(
        {
            "sample_id": ["s1"],
            "invitation_id": ["i1"],
            "creator_id": ["c1"],
            "product_id": ["p1"],
            "status": [status],
            "fulfillment_status": [fulfillment],
            "requested_at": T("2024-02-03"),
            "delivered_at": T("2024-02-06"),
            "known_at": T("2024-02-07"),
        }
    )
    read = reader(hand)
    for measure, value in expected.items():
        assert read("samples", measure, "2024-02-08") == value, measure


def test_a_late_reading_never_replaces_a_newer_one(hand):
    hand["creator_snapshots"] = pd.DataFrame(
        {
            "creator_id": ["c1"] * 3,
            "snapshot_at": T("2024-01-01", "2024-01-10", "2024-01-20"),
            "follower_count": [100, 200, 300],
            "currency": ["USD"] * 3,
            "precision": ["range"] * 3,
            "known_at": T("2024-01-02", "2024-01-25", "2024-01-21"),
        }
    )
    market = Marketplace.from_frames(hand)
    windows = Windows(("creator_id",))
    asked = {"now": windows.latest("profiles", "follower_count"), "rating": windows.latest("profiles", "health_rating")}
    days = ["2024-01-02", "2024-01-03", "2024-01-21", "2024-01-22", "2024-01-26"]
    rows = pd.DataFrame({"creator_id": "c1", "day": as_of_days(days)})
    found = windows.compute(market, rows, asked)
    np.testing.assert_array_equal(found["now"], [np.nan, 100, 100, 300, 300])
    assert np.isnan(found["rating"]).all()


def test_money_in_eight_currencies_adds_up(hand):
    rates = {"IDR": 1 / 16000, "MYR": 0.21, "PHP": 0.0172, "SGD": 0.74, "THB": 0.027, "VND": 1 / 25000, "GBP": 1.27}
    currencies = [one.currency for one in list(MARKETS.values())[:8]]
    n = len(currencies)
    day = pd.Timestamp("2024-01-10", tz="UTC")
    hand["fx_rates"] = pd.DataFrame(
        {"currency": list(rates), "day": [day.date()] * 7, "usd_rate": list(rates.values()), "known_at": [day] * 7}
    )
    hand["orders"] = pd.DataFrame(
        {
            "order_id": [f"o{i}" for i in range(n)],
            "sku_id": ["s"] * n,
            "product_id": ["p1"] * n,
            "creator_id": ["c1"] * n,
            "content_type": ["VIDEO"] * n,
            "ordered_at": [day] * n,
            "status": ["COMPLETED"] * n,
            "quantity": [2] * n,
            "refunded_quantity": [0] * n,
            "price": [100.0 / rates.get(c, 1.0) for c in currencies],
            "currency": currencies,
            "known_at": [day] * n,
        }
    )
    read = reader(hand)
    assert read("orders", "net_gmv", "2024-01-11") == pytest.approx(8 * 2 * 100.0, abs=1e-5)


def test_a_rate_is_used_from_when_it_is_known_and_weekends_take_the_day_before(hand):
    hand["orders"] = (
        hand["orders"].iloc[[0]].assign(currency="GBP", ordered_at=T("2024-01-13"), known_at=T("2024-01-13"))
    )
    hand["fx_rates"] = pd.DataFrame(
        {
            "currency": ["GBP", "GBP"],
            "day": [pd.Timestamp("2024-01-12").date(), pd.Timestamp("2024-01-13").date()],
            "usd_rate": [1.25, 1.5],
            "known_at": T("2024-01-14", "2024-01-20"),
        }
    )
    read = reader(hand)
    assert read("orders", "net_gmv", "2024-01-14") == 0.0  # no rate is known
    assert read("orders", "net_gmv", "2024-01-15") == 30 * 1.25  # Friday's, for want of Saturday's
    assert read("orders", "net_gmv", "2024-01-20") == 30 * 1.25
    assert read("orders", "net_gmv", "2024-01-21") == 30 * 1.5


def test_a_post_counts_in_each_category_it_promotes_and_once_for_the_creator(hand):
    hand["contents"] = pd.DataFrame(
        {
            "content_id": ["v1", "v1"],
            "creator_id": ["c1", "c1"],
            "format": ["VIDEO", "VIDEO"],
            "published_at": T("2024-01-03", "2024-01-03"),
            "product_ids": [["p1", "p2"], ["p1", "p2"]],
            "is_shoppable": [True, True],
            "deleted_at": T(None, "2024-01-09"),
            "known_at": T("2024-01-03", "2024-01-09"),
        }
    )
    keys = ("creator_id", "category_id")
    read = reader(hand)
    assert read("contents", "posts", "2024-01-05") == 1.0
    for category in ("beauty", "home"):
        ids = {"category_id": category}
        assert read("category_contents", "posts", "2024-01-05", keys=keys, **ids) == 1.0
        assert read("category_contents", "posts", "2024-01-10", keys=keys, **ids) == 0.0
    assert read("contents", "deleted_posts", "2024-01-10") == 1.0


def test_without_a_table_a_sum_is_unknown_and_not_zero(hand):
    assert not is_known(Marketplace.from_frames(hand), "contents")
    read = reader(hand)
    assert math.isnan(read("contents", "posts", "2024-01-05"))
    hand["contents"] = pd.DataFrame({"content_id": pd.Series(dtype="str")})
    read = reader(hand)
    assert read("contents", "posts", "2024-01-05") == 0.0


def test_every_fact_builds_on_every_marketplace(hand, wee):
    for market in (Marketplace.from_frames(hand), wee):
        for name, fact in FACTS.items():
            table = market.query(fact_table(market, name, fact.keys))
            assert set(table.columns) == {*fact.keys, "event_day", "known_day", *fact.measures}
            assert (table["event_day"] <= table["known_day"]).all(), name
            assert all(str(table[m].dtype) == "int64" for m in fact.measures), name
    assert all(wee.query(fact_table(wee, name, fact.keys)).shape[0] for name, fact in FACTS.items())


def test_unknown_facts_and_keys_are_refused(wee):
    with pytest.raises(SignalError, match="a fact: orders"):
        fact_table(wee, "order", ("creator_id",))
    with pytest.raises(SignalError, match="keys of the fact views"):
        fact_table(wee, "views", ("brand_id",))
