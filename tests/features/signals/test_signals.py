"""The declarations, and a dozen signals against pandas written apart from them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.signals.build import build_matrix, eligible_pairs
from features.signals.reference import render
from features.signals.registry import ENTITIES, SIGNALS, names_of

ROOT = Path(__file__).resolve().parents[3]
PREFIX = {"creator": "", "creator_category": "category_", "creator_brand": "brand_", "brief_creator": "brief_"}


def test_every_signal_says_what_it_is():
    for name, signal in SIGNALS.items():
        assert name == signal.name
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*_(\d+d|last|ever|brief)", name), name
        assert name.startswith(PREFIX[signal.entity]), name
        assert signal.window == name.rsplit("_", 1)[1]
        assert signal.doc.endswith(".")
        assert signal.doc[0].isupper()
        assert signal.unit
        assert signal.monotone in (-1, 0, 1)
    assert len({signal.doc for signal in SIGNALS.values()}) == len(SIGNALS)


def test_there_are_enough_of_each_entity_and_they_stand_together():
    assert len(SIGNALS) >= 60
    entities = [signal.entity for signal in SIGNALS.values()]
    assert list(dict.fromkeys(entities)) == list(ENTITIES)
    assert all(entities[i] == entities[i + 1] or entities[i] not in entities[i + 1 :] for i in range(len(entities) - 1))
    assert min(Counter(entities).values()) >= 10


def test_the_baselines_find_theirs():
    for name in ("follower_count_last", "net_gmv_sum_28d", "net_gmv_sum_90d", "category_organic_net_gmv_sum_90d"):
        assert name in SIGNALS


def test_the_page_is_current():
    assert (ROOT / "docs" / "signals.md").read_text(encoding="utf-8") == render(), (
        "run python -m features.signals.reference"
    )


class Naive:
    """Signals of one creator as of one day, straight from the tables: the last state known of everything."""

    def __init__(self, frames, creator, day, *, category, brand, products):
        self.frames, self.creator, self.day = frames, creator, day
        self.category, self.brand, self.products = category, brand, products

    def last(self, table, key, event):
        rows = self.frames[table]
        rows = rows[(rows[event] < self.day) & (rows["known_at"] < self.day)].sort_values("known_at")
        rows = rows.drop_duplicates(key, keep="last")
        rows = rows[rows["creator_id"] == self.creator]
        return rows.assign(age=(self.day - rows[event].dt.floor("D")).dt.days)

    def orders(self, days):
        rows = self.last("orders", ["order_id", "sku_id"], "ordered_at")
        rows = rows[rows["age"] <= days].merge(
            self.frames["products"][["product_id", "category_id", "brand_id"]], on="product_id"
        )
        fx = self.frames["fx_rates"].assign(day=lambda f: pd.to_datetime(f["day"], utc=True))
        rows = rows.assign(day=rows["ordered_at"].dt.floor("D")).merge(
            fx[["currency", "day", "usd_rate"]], on=["currency", "day"], how="left"
        )
        rate = rows["usd_rate"].fillna(1.0)
        kept = rows["status"] != "CANCELLED"
        units = (rows["quantity"] - rows["refunded_quantity"]).where(kept, 0)
        return rows.assign(kept=kept, units=units, net=rows["price"] * units * rate)

    def signals(self):
        o28, o90, o180 = self.orders(28), self.orders(90), self.orders(180)
        organic = o90[~o90["is_paid_traffic"].fillna(False).astype(bool)]
        within = organic[organic["category_id"] == self.category]
        posts = self.last("contents", ["content_id"], "published_at")
        posts = posts[posts["deleted_at"].isna()]
        views = self.frames["content_days"]
        views = views[(pd.to_datetime(views["day"], utc=True) < self.day) & (views["known_at"] < self.day)]
        views = views[views["creator_id"] == self.creator]
        views = views[(self.day - pd.to_datetime(views["day"], utc=True)).dt.days <= 90]
        invited = self.last("invitations", ["invitation_id"], "sent_at")
        closed = invited[invited["decision"].isin(["ACCEPT", "DECLINE", "EXPIRED"])]
        accepted = closed[closed["decision"] == "ACCEPT"]
        campaigns = self.frames["campaigns"].set_index("campaign_id")
        from_brand = accepted[accepted["campaign_id"].map(campaigns["brand_id"]) == self.brand]
        late = closed[closed["age"] <= 180]
        soon = late[(late["replied_at"] - late["sent_at"]) <= pd.Timedelta(hours=48)]
        soon = soon[soon["decision"] != "EXPIRED"]
        paid = views["paid_view_count"].fillna(0)
        readings = self.frames["creator_snapshots"]
        readings = readings[(readings["snapshot_at"] < self.day) & (readings["known_at"] < self.day)]
        readings = readings[readings["creator_id"] == self.creator].sort_values("snapshot_at")
        joined = self.frames["creators"].set_index("creator_id").loc[self.creator, "joined_at"]
        return {
            "net_gmv_sum_28d": o28["net"].sum(),
            "net_gmv_sum_90d": o90["net"].sum(),
            "orders_sum_90d": o90["kept"].sum(),
            "refund_rate_90d": 1 - o90["units"].sum() / o90["quantity"].sum() if len(o90) else np.nan,
            "organic_net_gmv_sum_90d": organic["net"].sum(),
            "products_sold_distinct_90d": o90[o90["kept"]]["product_id"].nunique(),
            "order_active_days_90d": o90[o90["kept"]]["ordered_at"].dt.date.nunique(),
            "showcase_orders_sum_180d": (o180["kept"] & (o180["content_type"] == "SHOWCASE")).sum(),
            "category_organic_net_gmv_sum_90d": within["net"].sum(),
            "brief_products_net_gmv_sum_90d": o90[o90["product_id"].isin(self.products)]["net"].sum(),
            "brief_products_orders_sum_90d": (o90["kept"] & o90["product_id"].isin(self.products)).sum(),
            "shoppable_posts_sum_90d": posts[posts["age"] <= 90]["is_shoppable"].sum(),
            "days_since_last_post_365d": posts["age"].min() if len(posts) else np.nan,
            "organic_views_sum_90d": (views["view_count"] - paid).sum(),
            "engagement_rate_90d": views[["like_count", "comment_count", "share_count"]].sum().sum()
            / views["view_count"].sum()
            if views["view_count"].sum()
            else np.nan,
            "accept_rate_ever": (len(accepted) + 0.3) / (len(closed) + 3),
            "reply_soon_rate_180d": (len(soon) + 0.8) / (len(late) + 2),
            "days_since_last_accept_365d": accepted["age"].min() if len(accepted) else np.nan,
            "brand_accepts_sum_365d": len(from_brand),
            "follower_count_last": readings["follower_count"].iloc[-1] if len(readings) else np.nan,
            "tenure_days_last": (self.day - joined.floor("D")).days,
        }


def test_signals_agree_with_pandas_written_apart(wee, wee_frames):
    campaigns = wee_frames["campaigns"].sort_values("briefed_at")
    chosen = campaigns.iloc[[8, 15, 22]]
    pairs = eligible_pairs(wee, chosen["campaign_id"]).groupby("campaign_id").head(8).reset_index(drop=True)
    matrix = build_matrix(wee, pairs)
    briefs = chosen.set_index("campaign_id")
    checked = Counter()
    for row in matrix.itertuples():
        brief = briefs.loc[row.campaign_id]
        day = brief["briefed_at"].floor("D")
        naive = Naive(
            wee_frames,
            row.creator_id,
            day,
            category=brief["category_id"],
            brand=brief["brand_id"],
            products=list(brief["product_ids"]),
        )
        for name, expected in naive.signals().items():
            found = getattr(row, name)
            assert found == pytest.approx(float(expected), rel=1e-6, abs=1e-4, nan_ok=True), (name, row.creator_id, day)
            checked[name] += bool(pd.notna(expected) and expected != 0)
    assert all(checked[name] for name in checked), checked  # each was seen at something other than 0


def test_no_signal_is_empty_on_a_full_marketplace(wee):
    campaigns = wee.frame("campaigns").sort_values("briefed_at")["campaign_id"].iloc[-8:]
    matrix = build_matrix(wee, eligible_pairs(wee, campaigns))
    assert len(matrix) > 40
    assert [name for name in SIGNALS if matrix[name].isna().all()] == []
    assert [name for name in SIGNALS if np.isinf(matrix[name]).any()] == []
    for name in (*names_of("creator"), *names_of("creator_category")):
        if "_rate" in name and SIGNALS[name].unit == "fraction":
            known = matrix[name].dropna()
            assert known.between(0, 1).all(), name
