"""Nothing known later than t changes what is known as of t, and no order of rows or files changes a bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.signals.build import build_matrix, eligible_pairs
from marketplace.contract import TABLES
from marketplace.tables import Marketplace, open_marketplace

MONEY = ("price", "gmv", "budget", "flat_fee", "commission", "shipping_cost", "usd_rate", "gmv_30d", "gmv_30d_max")


@pytest.fixture(scope="module")
def asked(wee, wee_frames):
    """Three campaigns of one stretch, the midnight after the last brief, all their pairs and the answer."""
    campaigns = wee_frames["campaigns"].sort_values("briefed_at")
    chosen = campaigns.iloc[13:16]
    pairs = eligible_pairs(wee, chosen["campaign_id"])
    return chosen, pairs, build_matrix(wee, pairs)


def is_later(frame, table, cut):
    event = TABLES[table].event
    happened = pd.to_datetime(frame[event], utc=True) if event else frame["known_at"]
    return ((happened >= cut) | (frame["known_at"] >= cut)).to_numpy()


def scrambled(frame, rng):
    """The same rows with other contents: values of other rows, money and counts multiplied."""
    out = frame.copy()
    for name in frame.columns:
        if name in ("known_at", "day", "currency") or str(frame[name].dtype).startswith("datetime"):
            continue
        out[name] = frame[name].to_numpy()[rng.permutation(len(frame))]
        if name in MONEY or frame[name].dtype == "int64":
            out[name] = out[name] * rng.integers(2, 9, len(frame))
    return out


def added(frame, table, later_than, rng):
    """Rows of the past told anew after the cut: another state of the same thing, or another thing that came in late."""
    news = frame.iloc[rng.integers(0, len(frame), min(len(frame), 40))].copy()
    news["known_at"] = later_than + pd.to_timedelta(rng.uniform(0, 20, len(news)), unit="D")
    news["known_at"] = news["known_at"].astype(frame["known_at"].dtype)
    key = TABLES[table].key
    if "known_at" in key:
        if table == "orders":
            news["status"], news["refunded_quantity"] = "CANCELLED", news["quantity"]
        if table == "invitations":
            news["decision"], news["replied_at"] = "ACCEPT", news["known_at"]
        if table == "contents":
            news["deleted_at"] = news["known_at"]
        return news
    first = key[0]
    if first not in ("currency", "creator_id") or table == "creators":
        news[first] = [f"{value}_new{i}" for i, value in enumerate(news[first])]
    else:  # readings and rates at other times of the past
        event = TABLES[table].event
        shift = pd.Timedelta(hours=1) if table == "creator_snapshots" else pd.Timedelta(days=400)
        news[event] = news[event] - shift
    return news


@pytest.mark.parametrize("what", ["dropped", "scrambled", "added"])
def test_what_is_known_later_changes_nothing(wee_frames, asked, what):
    chosen, pairs, before = asked
    rng = np.random.default_rng(len(what))
    last = chosen["briefed_at"].max()
    changed, touched = {}, {}
    for table, frame in wee_frames.items():
        cut = last.ceil("D")
        if table == "campaigns":  # the briefs asked about are there, though known a moment after they are written
            cut = chosen["known_at"].max() + pd.Timedelta(microseconds=1)
        later = is_later(frame, table, cut)
        past, future = frame[~later], frame[later]
        touched[table] = len(future)
        if what == "dropped":
            changed[table] = past
        elif what == "scrambled":
            changed[table] = pd.concat([past, scrambled(future, rng)], ignore_index=True)
        else:
            news = added(past, table, cut, rng)
            touched[table] = len(news)
            changed[table] = pd.concat([news, past], ignore_index=True)
    assert all(touched[t] for t in wee_frames if t not in ("brands", "products")), touched
    after = build_matrix(Marketplace.from_frames(changed), pairs)
    pd.testing.assert_frame_equal(after, before, check_exact=True)


def test_what_was_known_before_does_change_it(wee_frames, asked):
    chosen, pairs, before = asked
    day = chosen["briefed_at"].min().floor("D")
    orders = wee_frames["orders"]
    orders = orders[orders["known_at"] < day - pd.Timedelta(days=2)]
    after = build_matrix(Marketplace.from_frames(wee_frames | {"orders": orders}), pairs)
    assert (after["net_gmv_sum_28d"] != before["net_gmv_sum_28d"]).any()


def test_order_of_rows_and_split_into_files_change_no_bit(wee_frames, asked, tmp_path):
    _, pairs, before = asked
    for name, frame in wee_frames.items():
        table = Marketplace.from_frames({name: frame.sample(frac=1.0, random_state=4)}).arrow(name)
        (tmp_path / name).mkdir()
        half = table.num_rows // 3
        for i, part in enumerate((table.slice(half), table.slice(0, half))):
            import pyarrow.parquet as pq

            pq.write_table(part, tmp_path / name / f"part-{i}.parquet", row_group_size=500)
    shuffled = pairs.sample(frac=1.0, random_state=9)
    after = build_matrix(open_marketplace(tmp_path), shuffled).set_axis(shuffled.index).sort_index()
    pd.testing.assert_frame_equal(after, before, check_exact=True)


def test_all_creators_at_once_are_the_creators_one_by_one(wee, asked):
    _, pairs, before = asked
    for i in (0, len(pairs) // 2, len(pairs) - 1):
        one = build_matrix(wee, pairs.iloc[[i]])
        pd.testing.assert_frame_equal(one, before.iloc[[i]].reset_index(drop=True), check_exact=True)
