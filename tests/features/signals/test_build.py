"""Building: rows in, rows out; who is eligible; creators without a history; marketplaces without tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.signals.build import (
    build_creator,
    build_creator_brand,
    build_creator_category,
    build_matrix,
    eligible_pairs,
)
from features.signals.registry import SIGNALS, names_of
from marketplace.errors import BriefError, SignalError
from marketplace.tables import Marketplace


def test_rows_come_back_in_their_order_with_duplicates(wee):
    creators = wee.frame("creators")["creator_id"].tolist()[:3]
    rows = pd.DataFrame(
        {"creator_id": [creators[1], creators[0], creators[1]], "as_of": pd.Timestamp("2025-04-01", tz="UTC")}
    )
    frame = build_creator(wee, rows.set_index(pd.Index([7, 3, 5])))
    assert tuple(frame.columns) == names_of("creator")
    assert frame.index.tolist() == [0, 1, 2]
    assert (frame.dtypes == "float64").all()
    pd.testing.assert_series_equal(frame.iloc[0], frame.iloc[2], check_names=False)
    assert not frame.iloc[0].equals(frame.iloc[1])


def test_the_parts_are_the_matrix(wee, wee_frames):
    campaign = wee_frames["campaigns"].sort_values("briefed_at").iloc[-1]
    pairs = eligible_pairs(wee, [campaign["campaign_id"]])
    matrix = build_matrix(wee, pairs)
    assert tuple(matrix.columns) == ("campaign_id", "creator_id", *SIGNALS)
    rows = pairs[["creator_id"]].assign(
        as_of=campaign["briefed_at"], category_id=campaign["category_id"], brand_id=campaign["brand_id"]
    )
    for build, entity in (
        (build_creator, "creator"),
        (build_creator_category, "creator_category"),
        (build_creator_brand, "creator_brand"),
    ):
        pd.testing.assert_frame_equal(build(wee, rows), matrix[list(names_of(entity))], check_exact=True)


def test_as_of_is_floored_to_midnight(wee, wee_frames):
    creator = wee_frames["orders"]["creator_id"].dropna().iloc[0]
    instants = pd.to_datetime(
        ["2025-04-01 00:00", "2025-04-01 23:59:59.999999", "2025-04-02 00:00"], utc=True, format="ISO8601"
    )
    frame = build_creator(wee, pd.DataFrame({"creator_id": creator, "as_of": instants}))
    pd.testing.assert_series_equal(frame.iloc[0], frame.iloc[1], check_names=False)
    assert frame["tenure_days_last"].diff().tolist()[1:] == [0.0, 1.0]


def test_who_is_eligible(hand):
    t = lambda *texts: pd.to_datetime(list(texts), utc=True, format="ISO8601")  # noqa: E731
    hand["creators"] = pd.DataFrame(
        {
            "creator_id": ["b", "a", "late", "told_late", "same_day", "abroad"],
            "market": ["US", "US", "US", "US", "US", "GB"],
            "joined_at": t("2024-01-01", "2024-01-31 23:59", "2024-02-02", "2024-01-01", "2024-02-01", "2024-01-01"),
            "known_at": t("2024-01-01", "2024-01-31 23:59", "2024-02-02", "2024-02-01", "2024-02-01", "2024-01-01"),
        }
    )
    pairs = eligible_pairs(Marketplace.from_frames(hand), ["k1"])
    assert pairs["creator_id"].tolist() == ["a", "b"]
    assert pairs["campaign_id"].tolist() == ["k1", "k1"]


def test_a_creator_without_a_history_gets_known_zeros_priors_and_nan(hand):
    matrix = build_matrix(
        Marketplace.from_frames(hand), pd.DataFrame({"campaign_id": ["k1"], "creator_id": ["nobody"]})
    )
    row = matrix.iloc[0]
    assert row["net_gmv_sum_28d"] == 0.0
    assert row["accept_rate_ever"] == pytest.approx(0.1)
    assert row["brand_accepts_sum_365d"] == 0.0
    for name in (
        "order_value_mean_90d",
        "tenure_days_last",
        "days_since_last_accept_365d",
        "brief_category_gmv_share_90d",
    ):
        assert np.isnan(row[name]), name


def test_missing_tables_give_nan_and_not_zero(hand):
    matrix = build_matrix(Marketplace.from_frames(hand), pd.DataFrame({"campaign_id": ["k1"], "creator_id": ["c1"]}))
    row = matrix.iloc[0]
    for name in (
        "posts_sum_28d", "active_weeks_91d", "organic_views_sum_28d", "follower_count_last", "sample_fulfil_rate_365d",
        "deliver_rate_365d", "partnerships_open_42d", "stars_mean_365d", "category_shoppable_posts_sum_90d",
        "organic_gmv_per_1000_views_90d", "log_views_spread_180d", "profit_per_partnership_365d",
    ):  # fmt: skip
        assert np.isnan(row[name]), name
    assert row["net_gmv_sum_28d"] == 20.0 + 20.0
    assert row["refund_rate_90d"] == pytest.approx(1 / 4)


def test_no_pairs_give_no_rows(wee):
    matrix = build_matrix(wee, pd.DataFrame({"campaign_id": [], "creator_id": []}, dtype="str"))
    assert matrix.shape == (0, 2 + len(SIGNALS))
    assert eligible_pairs(wee, []).shape == (0, 2)


def test_what_cannot_be_built_is_said(wee):
    with pytest.raises(BriefError, match="nowhere"):
        build_matrix(wee, pd.DataFrame({"campaign_id": ["nowhere"], "creator_id": ["x"]}))
    with pytest.raises(SignalError, match="no creator_id"):
        build_matrix(wee, pd.DataFrame({"campaign_id": ["x"]}))
    with pytest.raises(SignalError, match="as_of"):
        build_creator(wee, pd.DataFrame({"creator_id": ["x"], "as_of": [None]}))
