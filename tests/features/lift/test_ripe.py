"""Lift as of a day: the labels' estimate, of those that are ripe, whatever comes later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.lift.ripe import RIPE_DAYS, RIPE_LIFT_COLUMNS, posted_partnerships, ripe_lifts
from marketplace.contract import ATTRIBUTION_DAYS, REFUND_DAYS
from marketplace.tables import Marketplace, open_marketplace
from tests.features.lift.test_estimate import START, shop
from training.data.labels import build_labels

FIRST_DAY = int(START.timestamp() // 86_400)


def agreed(lift: dict[str, float]) -> Marketplace:
    """`shop`, with the invitations and the brief behind its deliveries: partnerships posted on days 50, 53, 56, ..."""
    market = shop(lift)
    deliveries = market.frame("deliveries", ["invitation_id", "campaign_id", "creator_id"])
    invitations = deliveries.assign(decision="ACCEPT", sent_at=START, known_at=START)
    brief = pd.DataFrame({"campaign_id": ["c1"], "brand_id": ["b1"], "product_ids": [["p00"]]})
    brief = brief.assign(briefed_at=START, known_at=START)
    frames = {name: market.frame(name) for name in ("product_days", "products", "orders", "deliveries", "contents")}
    return Marketplace.from_frames({**frames, "invitations": invitations, "campaigns": brief})


def test_the_days_are_those_of_the_contract() -> None:
    assert RIPE_DAYS == ATTRIBUTION_DAYS + REFUND_DAYS


def test_a_lift_is_read_when_its_window_and_refunds_are_over() -> None:
    market = agreed({"a": 500.0, "b": 500.0})
    ripe = FIRST_DAY + 50 + RIPE_DAYS
    assert ripe_lifts(market, ripe).empty
    one = ripe_lifts(market, ripe + 1)
    assert one["creator_id"].tolist() == ["a"]
    assert one["posted_day"].tolist() == [FIRST_DAY + 50]
    assert one["brand_id"].tolist() == ["b1"]
    assert ripe_lifts(market, ripe + 4)["creator_id"].tolist() == ["a", "b"]
    assert one["lift_usd"].iloc[0] == pytest.approx(500.0, abs=4 * one["lift_se_usd"].iloc[0])


def test_what_is_known_later_changes_nothing() -> None:
    day = FIRST_DAY + 50 + RIPE_DAYS + 1
    late = pd.Timestamp(day, unit="D", tz="UTC")
    market = agreed({"a": 500.0, "b": 300.0, "c": -100.0})
    frames = {name: market.frame(name) for name in market.present}
    then = {name: frame[~(frame["known_at"] >= late)] for name, frame in frames.items()}
    later = {"p00": 7e4, "p01": 5e4}
    sold = frames["product_days"].assign(known_at=late)
    sold = sold[sold["product_id"].isin(later)].assign(gmv=sold["product_id"].map(later))
    brief = frames["campaigns"].assign(campaign_id="c0", product_ids=[["p05"]], known_at=late)
    product = pd.DataFrame({"product_id": ["p00"], "category_id": ["toys"], "known_at": [late]})
    added = {
        "product_days": pd.concat([frames["product_days"], sold]),
        "campaigns": pd.concat([brief, frames["campaigns"]]),
        "products": pd.concat([product, frames["products"]]),
    }
    expected = ripe_lifts(market, day)
    assert len(expected) == 1
    for other in (then, frames | added):
        pd.testing.assert_frame_equal(ripe_lifts(Marketplace.from_frames(other), day), expected, check_exact=True)


def test_nothing_posted_no_lifts() -> None:
    market = agreed({"a": 500.0})
    assert posted_partnerships(market, FIRST_DAY + 50).empty
    assert posted_partnerships(market, FIRST_DAY + 51)["creator_id"].tolist() == ["a"]
    nothing = ripe_lifts(market, FIRST_DAY + 10)
    assert nothing.columns.tolist() == list(RIPE_LIFT_COLUMNS)
    assert nothing.empty


def test_it_is_the_lift_that_labels_hold(small_market: Path) -> None:
    market = open_marketplace(small_market)
    day = pd.Timestamp("2025-06-25", tz="UTC")
    labels = build_labels(market, day).set_index("invitation_id")
    labels = labels[labels["lift_usd"].notna()]
    lifts = ripe_lifts(market, int(day.timestamp() // 86_400)).set_index("invitation_id")
    both = lifts.index.intersection(labels.index)
    assert len(both) == len(labels) > 100
    for column in ("lift_usd", "lift_se_usd", "lift_raw_usd", "lift_raw_se_usd"):
        np.testing.assert_array_equal(lifts.loc[both, column], labels.loc[both, column])
