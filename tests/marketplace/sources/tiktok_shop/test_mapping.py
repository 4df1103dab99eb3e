"""What single records become, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from marketplace.errors import SourceError
from marketplace.sources.tiktok_shop.mapping import map_store
from marketplace.sources.tiktok_shop.store import Run, Store
from marketplace.sources.tiktok_shop.values import age_band, amount, at, of_ten_thousand, percentage

HOUR, DAY = 3_600, 86_400
T0 = int(datetime(2026, 1, 10, tzinfo=UTC).timestamp())
SEEN = T0 + 40 * DAY

Fill = Callable[..., dict[str, pd.DataFrame]]


def moment(seconds: int) -> pd.Timestamp:
    return pd.Timestamp(seconds, unit="s", tz="UTC")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "fetched.sqlite", host="h") as opened:
        yield opened


@pytest.fixture
def fill(store: Store) -> Fill:
    """The tables made of records: ``fill((kind, id, body, seen), ...)``, beside a creator and a product."""

    def run(*records: tuple[str, str, dict[str, Any], int]) -> dict[str, pd.DataFrame]:
        window = store.open_run(T0, SEEN)
        for kind, name, body, seen in (*START, *records):
            store.write(window, [(kind, name, body)], [], seen=seen)
        store.close_run(window)
        return dict(map_store(store, brand="b").tables)

    return run


def order(status: str, updated: int, *, units: int = 2, **more: Any) -> dict[str, Any]:
    line = {"sku_id": "s1", "product_id": "p1", "sale_price": "10.50", "display_status": status}
    lines = [{**line, "id": f"l{unit}"} for unit in range(units)]
    return {
        "id": "o1", "status": status, "create_time": T0, "update_time": updated, "payment": {"currency": "USD"},
        "line_items": lines, **more,
    }  # fmt: skip


def affiliate(status: str, **more: Any) -> dict[str, Any]:
    price = {"amount": "10.50", "currency": "USD"}
    told = {"order_id": "o1", "status": status, "product_id": "p1", "creator_username": "anna", "price": price}
    return {**told, "content_type": "SHOP", **more}


def back(units: int, when: int, status: str = "RETURN_OR_REFUND_REQUEST_COMPLETE") -> dict[str, Any]:
    lines = [{"sku_id": "s1", "order_line_item_id": f"l{unit}"} for unit in range(units)]
    return {
        "return_id": "r",
        "order_id": "o1",
        "return_status": status,
        "update_time": when,
        "return_line_items": lines,
    }


PRODUCT = {"product": {"id": "p1", "original_price": {"minimum_amount": "12", "currency": "USD"}}, "category_id": "c1"}
ANNA = {"creator_open_id": "k1", "username": "anna", "selection_region": "US"}
START = (("creators", "k1", ANNA, SEEN), ("open_collaborations", "p1", PRODUCT, SEEN))


def states(frame: pd.DataFrame) -> list[tuple[pd.Timestamp, str, int]]:
    return list(zip(frame["known_at"], frame["status"], frame["refunded_quantity"], strict=True))


def test_an_order_is_known_from_when_it_was_made_then_as_it_was_updated(fill: Fill) -> None:
    orders = fill(("orders", "o1", order("COMPLETED", T0 + 5 * DAY), SEEN))["orders"]
    assert states(orders) == [(moment(T0), "PROCESSING", 0), (moment(T0 + 5 * DAY), "COMPLETED", 0)]
    assert orders["quantity"].eq(2).all()
    assert orders["price"].eq(10.5).all()
    # No creator brought it: the shop's own.
    assert orders["creator_id"].isna().all()
    assert orders["content_type"].eq("SHOP").all()
    assert orders["is_paid_traffic"].isna().all()


def test_refunds_come_off_when_the_buyer_has_the_money(fill: Fill) -> None:
    orders = fill(
        ("orders", "o1", order("COMPLETED", T0 + 9 * DAY), SEEN),
        ("affiliate_orders", "o1:p1:1", affiliate("DEDUCTED"), SEEN),
        ("returns", "r1", back(1, T0 + 7 * DAY), SEEN),
        ("returns", "r2", {**back(2, T0 + 20 * DAY), "return_line_items": [{"sku_id": "s1"}]}, SEEN),
        ("returns", "r3", back(1, T0 + 8 * DAY, "RETURN_OR_REFUND_REQUEST_PENDING"), SEEN),
    )["orders"]
    assert states(orders) == [
        (moment(T0), "PROCESSING", 0),
        (moment(T0 + 7 * DAY), "COMPLETED", 1),
        (moment(T0 + 20 * DAY), "DEDUCTED", 2),
    ]
    assert orders["content_type"].eq("SHOWCASE").all()
    assert orders["creator_id"].eq("k1").all()


def test_what_the_affiliates_side_alone_tells_stands_where_it_was_seen(fill: Fill) -> None:
    orders = fill(
        ("orders", "o1", order("DELIVERED", T0 + 2 * DAY), T0 + 3 * DAY),
        ("affiliate_orders", "o1:p1:1", affiliate("FROZEN"), T0 + 3 * DAY),
        ("orders", "o1", order("COMPLETED", T0 + 12 * DAY), T0 + 13 * DAY),
        ("affiliate_orders", "o1:p1:1", affiliate("COMPLETED"), T0 + 13 * DAY),
    )["orders"]
    assert states(orders) == [
        (moment(T0), "PROCESSING", 0),
        (moment(T0 + 3 * DAY), "FROZEN", 0),
        (moment(T0 + 12 * DAY), "COMPLETED", 0),
    ]


def test_an_order_of_long_before_the_first_run_is_nobodys_and_left_out(fill: Fill) -> None:
    old = order("COMPLETED", T0 + DAY) | {"id": "o0", "create_time": T0 - 22 * DAY}
    late = order("COMPLETED", T0 + DAY) | {"id": "o2", "create_time": T0 - 20 * DAY}
    assert set(fill(("orders", "o0", old, SEEN), ("orders", "o2", late, SEEN))["orders"]["order_id"]) == {"o2"}


@pytest.mark.parametrize(
    ("told", "paid", "commission"),
    [
        ({"estimated_paid_commission": "2.10"}, None, 2.1),
        ({"estimated_paid_commission": "2.10", "estimated_paid_shop_ads_commission": "0"}, False, 2.1),
        ({"estimated_paid_commission": "0", "estimated_paid_shop_ads_commission": "1.05"}, True, 1.05),
        ({"estimated_paid_shop_ads_commission": "1.05", "actual_paid_shop_ads_commission": "0.5"}, True, 0.5),
        ({}, None, None),
    ],
    ids=["unsaid", "organic", "ad-led", "settled", "nothing"],
)  # fmt: skip
def test_shop_ads_commission_tells_ad_led_from_organic(
    fill: Fill, told: dict[str, str], paid: bool | None, commission: float | None
) -> None:
    amounts = {name: {"amount": value, "currency": "USD"} for name, value in told.items()}
    orders = fill(
        ("orders", "o1", order("COMPLETED", T0 + 5 * DAY), SEEN),
        ("affiliate_orders", "o1:p1:1", affiliate("COMPLETED", commission_model="Tiered commission", **amounts), SEEN),
    )["orders"]
    last = orders.iloc[-1]
    assert (last["is_paid_traffic"] if paid is not None else None) == paid
    assert pd.isna(last["commission"]) if commission is None else last["commission"] == commission
    assert last["commission_model"] == "TIERED"


def test_lines_of_one_product_are_told_apart_by_sku_or_else_by_price(fill: Fill) -> None:
    two = order("COMPLETED", T0 + 5 * DAY, units=1)
    two["line_items"].append({**two["line_items"][0], "id": "l9", "sku_id": "s2", "sale_price": "20"})
    tables = fill(
        ("orders", "o1", two, SEEN),
        ("affiliate_orders", "o1:p1/20:1", affiliate("COMPLETED", price={"amount": "20"}, creator_username="bo"), SEEN),
        ("affiliate_orders", "o1:p1/10.50:1", affiliate("COMPLETED"), SEEN),
    )
    lines = tables["orders"].drop_duplicates("sku_id").set_index("sku_id")
    assert lines["creator_id"].to_dict() == {"s1": "k1", "s2": "@bo"}
    bo = tables["creators"].set_index("creator_id").loc["@bo"]
    assert (bo["username"], bo["market"], bo["joined_at"]) == ("bo", "US", moment(T0))


def test_a_creator_keeps_the_orders_of_an_earlier_username(fill: Fill) -> None:
    tables = fill(
        ("creators", "k1", {**ANNA, "username": "anna.new"}, SEEN + 1),
        ("orders", "o1", order("COMPLETED", T0 + 5 * DAY), SEEN),
        ("affiliate_orders", "o1:p1:1", affiliate("COMPLETED"), SEEN),
    )
    assert tables["orders"]["creator_id"].eq("k1").all()
    assert tables["creators"]["username"].to_list() == ["anna.new"]
    assert tables["creators"]["joined_at"].to_list() == [moment(T0)]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"gmv": {"amount": "120.5", "currency": "USD"}}, ("exact", 120.5, None, None)),
        ({"gmv_range": {"minimum_amount": "100", "maximum_amount": "1000"}}, ("range", None, 100, 1000)),
        ({"gmv_range": {"minimum_amount": "10000", "currency": "USD"}}, ("range", None, 10000, None)),
        ({}, ("withheld", None, None, None)),
        ({"gmv": {"amount": "", "currency": "USD"}}, ("withheld", None, None, None)),
    ],
    ids=["exact", "range", "open", "no consent", "empty"],
)  # fmt: skip
def test_consent_becomes_precision(fill: Fill, told: dict[str, Any], expected: tuple[Any, ...]) -> None:
    rows = fill(("creators", "k2", {**ANNA, "creator_open_id": "k2", "username": "bo", **told}, SEEN))[
        "creator_snapshots"
    ]
    row = rows.set_index("creator_id").loc["k2"]
    got = [row["precision"], row["gmv_30d"], row["gmv_30d_min"], row["gmv_30d_max"]]
    assert tuple(None if pd.isna(one) else one for one in got) == expected
    assert row["currency"] == "USD"


def test_a_profiles_figures_stand_in_their_own_units(fill: Fill) -> None:
    profile = {
        "category_gmv_distribution": [{"category_id": "c2", "value": "2500"}, {"category_id": "c1", "value": "7500"}],
        "content_gmv_distribution": [
            {"content_type": "VIDEO", "value": "9000"},
            {"content_type": "LIVE", "value": "1000"},
        ],
        "video_gpm": {"amount": "4.2", "currency": "USD"},
        "live_gpm_range": {"minimum_amount": "10", "maximum_amount": "20", "currency": "USD"},
        "avg_commission_rate": 3587,
        "brand_collaboration_count": 4,
    }  # fmt: skip
    sample = {"id": "a1", "status": "PENDING", "product": {"id": "p1"}}
    sample["creator"] = {"creator_open_id": "k1", "username": "anna", "fulfillment_percentage": "60.85%"}
    row = fill(("profiles", "k1", profile, SEEN + 9), ("samples", "a1", sample, SEEN))["creator_snapshots"].iloc[0]
    assert row["top_category_id"] == "c1"
    names = ["top_category_gmv_share", "video_gmv_share", "live_gmv_share", "avg_commission_rate", "sample_post_rate"]
    assert row[names].to_list() == pytest.approx([0.75, 0.9, 0.1, 0.3587, 0.6085])
    assert (row["video_gpm"], row["live_gpm"], row["brand_collaboration_count"]) == (4.2, 15.0, 4)
    assert pd.isna(row["showcase_gmv_share"])
    # Both were read; the row is known when the later one was.
    assert row["known_at"] == row["snapshot_at"] == moment(SEEN + 9)


def collaboration(*creators: dict[str, Any], end: int = T0 + 30 * DAY) -> dict[str, Any]:
    product = {"id": "p1", "commission": {"rate": 1250}}
    return {"id": "t1", "start_time": T0, "end_time": end, "creators": list(creators), "products": [product]}


def creator(name: str, **more: Any) -> dict[str, Any]:
    return {"creator_open_id": name, "username": f"user {name}", "selection_region": "US", **more}


def test_invitations_are_answered_when_first_seen_and_lapse_with_the_collaboration(fill: Fill) -> None:
    first = collaboration(creator("k1"), creator("k2", showcase_product_count=1), creator("k3"))
    second = collaboration(
        creator("k1"), creator("k3", collaboration_status="DELETED"), creator("k4", content_product_count=2)
    )
    tables = fill(
        ("collaboration_details", "t1", first, T0 + 2 * DAY), ("collaboration_details", "t1", second, T0 + 9 * DAY)
    )
    rows = tables["invitations"]
    got = {name: list(zip(one["decision"], one["known_at"], strict=True)) for name, one in rows.groupby("creator_id")}
    assert got == {
        "k1": [("PENDING", moment(T0)), ("EXPIRED", moment(T0 + 30 * DAY))],
        "k2": [("PENDING", moment(T0)), ("ACCEPT", moment(T0 + 2 * DAY))],
        "k3": [("PENDING", moment(T0)), ("WITHDRAWN_BY_SELLER", moment(T0 + 9 * DAY))],
        "k4": [("ACCEPT", moment(T0 + 9 * DAY))],
    }
    assert rows["commission_rate"].eq(0.125).all()
    assert (tables["campaigns"]["category_id"].to_list(), tables["campaigns"]["market"].to_list()) == (["c1"], ["US"])


def test_an_invitation_is_open_as_long_as_its_collaboration_runs(fill: Fill) -> None:
    running = collaboration(creator("k1"), end=SEEN + DAY)
    rows = fill(("collaboration_details", "t1", running, T0 + 2 * DAY))["invitations"]
    assert rows["decision"].to_list() == ["PENDING"]


def test_a_samples_own_order_dates_it_and_content_delivers_it(fill: Fill) -> None:
    sample = {
        "id": "a1",
        "status": "SHIPPED",
        "fulfillment_status": "PENDING",
        "order_id": "o9",
        "product": {"id": "p1"},
    }
    sample["creator"] = {"creator_open_id": "k1", "username": "anna"}
    done = {**sample, "status": "COMPLETED", "fulfillment_status": "SUCCEED"}
    shipping = {"rts_time": T0 + DAY, "delivery_time": T0 + 4 * DAY, "is_sample_order": True, "id": "o9"}
    content = {"id": "v1", "format": "VIDEO", "create_time": T0 + 6 * DAY}
    tables = fill(
        ("collaboration_details", "t1", collaboration(creator("k1", showcase_product_count=1)), T0 + 2 * DAY),
        ("samples", "a1", sample, T0 + 2 * DAY),
        ("samples", "a1", done, T0 + 9 * DAY),
        ("sample_collaborations", "a1", {"id": "a1", "collaboration_id": "t1"}, T0 + 2 * DAY),
        ("orders", "o9", order("DELIVERED", T0 + 4 * DAY, **shipping), T0 + 9 * DAY),
        ("fulfillments", "a1:v1", {"content": content, "product": {"id": "p1"}}, T0 + 9 * DAY),
    )
    rows = tables["samples"]
    assert rows["invitation_id"].eq("t1:k1").all()
    assert rows["requested_at"].eq(moment(T0)).all()
    assert rows["shipped_at"].to_list() == [moment(T0 + DAY)] * 2
    # It had not arrived when it was first read.
    assert [None if pd.isna(one) else one for one in rows["delivered_at"]] == [None, moment(T0 + 4 * DAY)]
    assert "orders" not in tables
    delivered = tables["deliveries"].iloc[0]
    assert (delivered["content_id"], delivered["campaign_id"], delivered["posted_at"]) == (
        "v1",
        "t1",
        moment(T0 + 6 * DAY),
    )
    made = tables["contents"].iloc[0]
    assert (made["creator_id"], made["format"], list(made["product_ids"])) == ("k1", "VIDEO", ["p1"])


def application(name: str, who: str, status: str, **more: Any) -> dict[str, Any]:
    own = {"id": name, "status": status, "product": {"id": "p1"}, "commission_rate": "0.1"}
    return {**own, "creator": {"creator_open_id": who, "username": f"user {who}"}, **more}


OPEN = {**PRODUCT, "id": "oc1", "current_commission": {"rate": 2000}}


def test_samples_asked_for_in_the_open_are_requests_of_monthly_rounds(fill: Fill) -> None:
    sale = order("COMPLETED", T0)
    sale["line_items"] = [{**one, "original_price": "12"} for one in sale["line_items"]]
    sample_order = order("DELIVERED", T0 + 8 * DAY, is_sample_order=True, id="o9") | {"create_time": T0 + 5 * DAY}
    content = {"id": "v1", "format": "VIDEO", "create_time": T0 + 12 * DAY}
    tables = fill(
        ("open_collaborations", "p1", OPEN, SEEN + 1),
        ("orders", "o1", sale, SEEN),
        # Seen waiting on the 2nd day, approved by an order of the 5th, seen on the 9th.
        ("samples", "a1", application("a1", "k1", "PENDING"), T0 + 2 * DAY),
        ("samples", "a1", application("a1", "k1", "SHIPPED", order_id="o9"), T0 + 9 * DAY),
        ("orders", "o9", sample_order, T0 + 9 * DAY),
        ("fulfillments", "a1:v1", {"content": content, "product": {"id": "p1"}}, T0 + 13 * DAY),
        ("samples", "a2", application("a2", "k2", "PENDING"), T0 + 2 * DAY),
        ("samples", "a2", application("a2", "k2", "REJECT_CANCELLED"), T0 + 3 * DAY),
        # Who was refused and asked again within the month has made one request.
        ("samples", "a3", application("a3", "k2", "AWAITING_SHIPMENT"), T0 + 4 * DAY),
        ("samples", "a4", application("a4", "k4", "OVERDUE_CANCELLED"), T0 + 30 * DAY),
    )
    rows = tables["invitations"]
    got = {
        name: list(zip(one["decision"], one["known_at"], strict=True)) for name, one in rows.groupby("invitation_id")
    }
    assert got == {
        "oc1:2026-01:k1": [("PENDING", moment(T0 + 2 * DAY)), ("ACCEPT", moment(T0 + 5 * DAY))],
        "oc1:2026-01:k2": [
            ("PENDING", moment(T0 + 2 * DAY)),
            ("DECLINE", moment(T0 + 3 * DAY)),
            ("ACCEPT", moment(T0 + 4 * DAY)),
        ],
        "oc1:2026-02:k4": [("EXPIRED", moment(T0 + 30 * DAY))],
    }
    assert rows["origin"].eq("REQUESTED").all()
    assert rows["commission_rate"].eq(0.1).all()
    briefs = tables["campaigns"].set_index("campaign_id")
    assert briefs["collaboration"].eq("OPEN").all()
    # January's brief waits for its product, which was first sold on the 10th.
    assert briefs["briefed_at"].to_dict() == {
        "oc1:2026-01": moment(T0),
        "oc1:2026-02": pd.Timestamp("2026-02-01", tz="UTC"),
    }
    assert briefs["ends_at"].to_dict() == {
        "oc1:2026-01": pd.Timestamp("2026-03-03", tz="UTC"),
        "oc1:2026-02": pd.Timestamp("2026-03-31", tz="UTC"),
    }
    samples = tables["samples"].drop_duplicates("sample_id", keep="last").set_index("sample_id")["invitation_id"]
    assert samples.to_dict() == {
        "a1": "oc1:2026-01:k1", "a2": "oc1:2026-01:k2", "a3": "oc1:2026-01:k2", "a4": "oc1:2026-02:k4",
    }  # fmt: skip
    delivered = tables["deliveries"].iloc[0]
    assert (delivered["invitation_id"], delivered["campaign_id"]) == ("oc1:2026-01:k1", "oc1:2026-01")


def test_a_request_takes_its_open_collaborations_rate_and_without_one_is_left_out(fill: Fill, store: Store) -> None:
    bare = {name: told for name, told in application("a1", "k1", "PENDING").items() if name != "commission_rate"}
    tables = fill(("samples", "a1", bare, T0 + 2 * DAY))
    assert "invitations" not in tables
    assert "samples" not in tables
    assert any(note.startswith("1 samples belong to no collab") for note in map_store(store, brand="b").notes)
    tables = fill(("open_collaborations", "p1", OPEN, SEEN + 1))
    assert tables["invitations"]["commission_rate"].to_list() == [0.2]
    assert not any("belong to no" in note for note in map_store(store, brand="b").notes)


def test_a_days_sales_are_net_and_known_when_they_were_ready(fill: Fill) -> None:
    day = {
        "start_date": "2026-01-12",
        "sales": {"items_sold": 10, "gmv": {"amount": "200", "currency": "USD"}},
        "cancel_and_refunds": {"canceled": 1, "refunded": 1, "returned": 2},
        "lag": 2,
    }
    row = fill(("product_days", "p1:2026-01-12", day, SEEN))["product_days"].iloc[0]
    # 4 of 10 came back: 200 x 6 / 10.
    assert (row["units_sold"], row["gmv"]) == (10, pytest.approx(120.0))
    assert row["known_at"] == pd.Timestamp("2026-01-15", tz="UTC")


def test_without_a_region_the_market_must_be_told(store: Store) -> None:
    store.write(Run(1, 0, 1), [("creators", "k1", {"creator_open_id": "k1", "username": "a"})], [], seen=SEEN)
    with pytest.raises(SourceError, match="the shop's market"):
        map_store(store, brand="b")
    assert map_store(store, brand="b", market="GB").tables["creators"]["market"].to_list() == ["GB"]


@pytest.mark.parametrize(
    ("read", "told", "expected"),
    [
        (amount, "12.50", 12.5), (amount, "$1,234.50", 1234.5), (amount, {"amount": "3"}, 3.0), (amount, 7, 7.0),
        (amount, "1.234.567", None), (amount, "12,50", None), (amount, "", None), (amount, None, None),
        (amount, "-1", None), (amount, "nan", None), (amount, float("inf"), None),
        (of_ten_thousand, 3587, 0.3587), (of_ten_thousand, "10001", None), (of_ten_thousand, None, None),
        (percentage, "60.85%", 0.6085), (percentage, "60.85", 0.6085), (percentage, "", None),
        (percentage, "101%", None),
        (at, 0, None), (at, "1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (at, "2025-01-01 08:00:00", datetime(2025, 1, 1, 8, tzinfo=UTC)),
        (at, "2025-01-01T08:00:00+07:00", datetime(2025, 1, 1, 1, tzinfo=UTC)), (at, "yesterday", None),
        (age_band, "AGE_RANGE_35_44", "35-44"), (age_band, "35-44", "35-44"), (age_band, None, None),
        (age_band, "AGE_RANGE_55_AND_ABOVE", "55+"),
    ],
)  # fmt: skip
def test_values_are_read_in_one_way_or_not_at_all(read: Callable[[Any], Any], told: Any, expected: Any) -> None:
    assert read(told) == expected
