"""What a marketplace must have come back as through the API, table by table, as far as the API tells it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from pandas.testing import assert_frame_equal

__all__ = ["assert_told"]


def read(folder: Path, table: str) -> pd.DataFrame:
    return pd.read_parquet(folder / table)


def last(frame: pd.DataFrame, key: str, clock: str = "known_at") -> pd.DataFrame:
    return frame.sort_values([key, clock], kind="stable").drop_duplicates(key, keep="last")


def same(expected: pd.DataFrame, got: pd.DataFrame, key: list[str], columns: list[str]) -> None:
    """The same rows under ``key``, and the same values in ``columns``; instants to the API's second."""

    def plain(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame[[*key, *columns]].sort_values(key, ignore_index=True).copy()
        for name in frame:
            if isinstance(frame[name].dtype, pd.DatetimeTZDtype):
                frame[name] = frame[name].dt.floor("s").astype("datetime64[us, UTC]")
            elif frame[name].dtype == object or isinstance(frame[name].dtype, pd.StringDtype):
                frame[name] = [
                    tuple(one) if isinstance(one, np.ndarray) else None if pd.isna(one) else one for one in frame[name]
                ]
                frame[name] = frame[name].astype(object)
            elif pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name]):
                frame[name] = frame[name].astype("float64")
        return frame

    assert not got.duplicated(key).any()
    assert_frame_equal(plain(expected), plain(got), rtol=1e-9, check_dtype=False)


def assert_told(market: Path, out: Path, *, max_orders: int | None = None) -> None:
    """Raise where ``out`` differs from ``market`` in anything that the API tells."""
    campaigns = last(read(market, "campaigns"), "campaign_id")
    targets = campaigns[campaigns["collaboration"] == "TARGET"]
    contents = last(read(market, "contents"), "content_id")
    contents = contents[contents["product_ids"].notna()]

    creators = read(market, "creators")
    creators["agency_status"] = creators["agency_status"].fillna("INDEPENDENT")
    same(creators, read(out, "creators"), ["creator_id"], ["username", "market", "agency_status"])
    _readings(market, out, creators)

    orders = read(market, "orders")
    if max_orders is not None:
        first = orders.drop_duplicates("order_id").sort_values(["ordered_at", "order_id"])["order_id"]
        orders = orders[orders["order_id"].isin(first.head(max_orders))]
    got = read(out, "orders")
    assert not got.duplicated(["order_id", "sku_id", "known_at"]).any()
    expected, reached = last(orders, "order_id"), last(got, "order_id")
    expected["campaign_id"] = expected["campaign_id"].where(expected["campaign_id"].isin(targets["campaign_id"]))
    expected["content_id"] = expected["content_id"].where(expected["content_id"].isin(contents["content_id"]))
    columns = ["product_id", "creator_id", "content_id", "content_type", "campaign_id", "ordered_at", "status"]
    columns += ["quantity", "refunded_quantity", "price", "currency", "commission", "is_paid_traffic"]
    same(expected, reached, ["order_id", "sku_id"], columns)
    # The order's own clock tells when it settled; when it was first known, and when frozen, the API does not.
    settled = ["COMPLETED", "CANCELLED", "DEDUCTED"]
    same(
        expected[expected["status"].isin(settled)],
        reached[reached["status"].isin(settled)],
        ["order_id"],
        ["known_at"],
    )

    same(read(market, "products"), read(out, "products"), ["product_id"], ["category_id", "price", "currency"])
    columns = ["units_sold", "gmv", "currency"]
    same(read(market, "product_days"), read(out, "product_days"), ["product_id", "day"], columns)

    same(contents, read(out, "contents"), ["content_id"], ["creator_id", "format", "published_at", "live_end_at"])
    videos = contents[contents["format"] == "VIDEO"]
    told = read(out, "contents")
    same(videos, told[told["format"] == "VIDEO"], ["content_id"], ["product_ids"])
    days = read(market, "content_days")
    columns = ["creator_id", "view_count", "like_count", "comment_count", "share_count", "product_clicks"]
    days = days[days["content_id"].isin(videos["content_id"])]
    same(days, read(out, "content_days"), ["content_id", "day"], columns)
    _partnerships(market, out, targets)


def _readings(market: Path, out: Path, creators: pd.DataFrame) -> None:
    readings = last(read(market, "creator_snapshots"), "creator_id", "snapshot_at")
    regions = creators.set_index("creator_id")["market"]
    american = readings["creator_id"].map(regions) == "US"
    # A range is told in the US alone: elsewhere who has not agreed is not told of.
    unsaid = (readings["precision"] != "exact") & ~american
    readings.loc[unsaid, "precision"] = "withheld"
    readings.loc[unsaid, ["gmv_30d_min", "gmv_30d_max"]] = np.nan
    got = last(read(out, "creator_snapshots"), "creator_id", "snapshot_at")
    columns = ["follower_count", "top_follower_age", "top_follower_gender", "gmv_30d", "gmv_30d_min", "gmv_30d_max"]
    columns += ["currency", "precision"]
    same(readings, got[got["creator_id"].isin(readings["creator_id"])], ["creator_id"], columns)
    assert (got["sample_post_rate"] == 0.3).all()
    assert (got["avg_commission_rate"] == 0.125).all()
    assert (got["video_gpm"] == 12.5).all()
    assert (got["live_gpm"] == 20.0).all()
    shares = got[["video_gmv_share", "live_gmv_share", "showcase_gmv_share"]].dropna()
    assert len(shares)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=3e-4)


def _partnerships(market: Path, out: Path, targets: pd.DataFrame) -> None:
    columns = ["category_id", "product_ids", "commission_rate", "has_free_sample", "currency", "briefed_at", "ends_at"]
    told = read(out, "campaigns")
    same(targets, told[told["collaboration"] == "TARGET"], ["campaign_id"], columns)

    invitations = last(read(market, "invitations"), "invitation_id")
    invitations = invitations[invitations["campaign_id"].isin(targets["campaign_id"])].copy()
    # Nobody is told who declined, nor that an invitation has expired before the collaboration ends.
    invitations["decision"] = invitations["decision"].replace({"DECLINE": "EXPIRED", "PENDING": "EXPIRED"})
    names = invitations["campaign_id"] + ":" + invitations["creator_id"]
    old = dict(zip(invitations["invitation_id"], names, strict=True))
    invitations["invitation_id"] = names
    rows = read(out, "invitations")
    got = last(rows[rows["origin"].isna()], "invitation_id")
    same(invitations, got, ["invitation_id"], ["campaign_id", "creator_id", "decision", "commission_rate"])
    _requests(market, rows[rows["origin"] == "REQUESTED"], told, frozenset(old))

    samples = last(read(market, "samples"), "sample_id")
    samples = samples[samples["invitation_id"].isin(old)].copy()
    samples["invitation_id"] = samples["invitation_id"].map(old)
    columns = ["invitation_id", "creator_id", "product_id", "status", "fulfillment_status", "shipped_at"]
    # A sample that was never approved has no order, which is what tells when it was asked for.
    got = last(read(out, "samples"), "sample_id")
    got = got[got["invitation_id"].isin(names)]
    same(samples, got, ["sample_id"], [*columns, "delivered_at"])
    approved = ~samples["status"].isin(["PENDING", "REJECT_CANCELLED"])
    approved_ids = samples.loc[approved, "sample_id"]
    same(samples[approved], got[got["sample_id"].isin(approved_ids)], ["sample_id"], ["requested_at"])

    deliveries = read(market, "deliveries")
    deliveries["invitation_id"] = deliveries["invitation_id"].map(old)
    deliveries = deliveries[deliveries["invitation_id"].isin(samples["invitation_id"])]
    if len(deliveries):
        columns = ["creator_id", "campaign_id", "posted_at"]
        told = read(out, "deliveries")
        same(deliveries, told[told["invitation_id"].isin(names)], ["invitation_id", "content_id"], columns)


def _requests(market: Path, rows: pd.DataFrame, campaigns: pd.DataFrame, invited: frozenset[str]) -> None:
    """Whose sample was asked for in the open made a request in that month's round of the product, approved where it has
    an order."""
    samples = last(read(market, "samples"), "sample_id")
    samples = samples[~samples["invitation_id"].isin(invited)]
    approved = ~samples["status"].isin(["PENDING", "REJECT_CANCELLED"])
    dated = samples[approved]
    rounds = "oc_" + dated["product_id"] + ":" + dated["requested_at"].dt.strftime("%Y-%m")
    got = last(rows, "invitation_id").set_index("invitation_id")["decision"]
    for name in set(rounds + ":" + dated["creator_id"]):
        assert got[name] == "ACCEPT", name
    creators = set(samples["creator_id"])
    assert set(rows["creator_id"]) == creators
    assert set(campaigns.loc[campaigns["collaboration"] == "OPEN", "campaign_id"]) == set(rows["campaign_id"])
