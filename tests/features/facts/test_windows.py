"""Windows against a row-by-row reading of the same facts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.facts.store import fact_table
from features.facts.windows import Windows
from features.time.clocks import as_of_days
from marketplace.errors import SignalError


@pytest.fixture(scope="module")
def rows(wee):
    rng = np.random.default_rng(5)
    creators = wee.frame("creators")["creator_id"].to_numpy()
    days = as_of_days(["2025-01-02", "2025-02-20", "2025-03-31", "2025-05-01"])
    return pd.DataFrame({"creator_id": rng.choice(creators, 60), "day": rng.choice(days, 60)})


def known(facts, row):
    mine = facts[(facts["creator_id"] == row.creator_id) & (facts["known_day"] < row.day)]
    return mine.assign(age=row.day - mine["event_day"])


def test_windows_agree_with_reading_the_facts_row_by_row(wee, rows):
    orders = wee.query(fact_table(wee, "orders", ("creator_id", "brand_id")))
    w = Windows(("creator_id",))
    asked = {
        "month": w.sum("orders", "net_gmv", 28),
        "before": w.sum("orders", "net_gmv", 28, lag=14),
        "ever": w.sum("orders", "orders"),
        "old": w.sum("orders", "orders", lag=30),
        "decayed": w.decayed("orders", "orders", 90),
        "brands": w.distinct("orders", "brand_id", "orders", 60),
        "loyal": w.distinct("orders", "brand_id", "orders", 60, at_least=3),
        "capped": w.capped("orders", "brand_id", "orders", 60, cap=2),
        "weeks": w.distinct("orders", "week", "orders", 91),
        "days": w.distinct("orders", "day", "orders", 91),
        "idle": w.since_last("orders", "orders", 50),
    }
    found = w.compute(wee, rows, asked)
    for i, row in enumerate(rows.itertuples()):
        mine = known(orders, row)
        month = mine[mine["age"] <= 28]
        window = mine[mine["age"] <= 60].groupby("brand_id")["orders"].sum()
        quarter = mine[mine["age"] <= 91]
        late = mine[(mine["age"] <= 50) & (mine["orders"] > 0)]["age"]
        expected = {
            "month": month["net_gmv"].sum() / 1e6,
            "before": mine[(mine["age"] > 14) & (mine["age"] <= 42)]["net_gmv"].sum() / 1e6,
            "ever": mine["orders"].sum(),
            "old": mine[mine["age"] > 30]["orders"].sum(),
            "brands": (window >= 1).sum(),
            "loyal": (window >= 3).sum(),
            "capped": np.minimum(window, 2).sum(),
            "weeks": (quarter.groupby((quarter["age"] - 1) // 7)["orders"].sum() >= 1).sum(),
            "days": (quarter.groupby("event_day")["orders"].sum() >= 1).sum(),
            "idle": late.min() if len(late) else np.nan,
        }
        for name, value in expected.items():
            np.testing.assert_equal(found[name][i], float(value), err_msg=f"{name} of {row}")
        recent = mine[mine["age"] <= 90]
        decayed = (recent["orders"] * 2.0 ** (-recent["age"] / 45.0)).sum()
        assert found["decayed"][i] == pytest.approx(decayed, abs=len(recent) / 2**16)
    assert found["ever"].max() > 10
    assert found["loyal"].max() > 0


def test_latest_with_a_lag_is_what_was_read_then(wee, rows):
    w = Windows(("creator_id",))
    earlier = rows.assign(day=rows["day"] - 28)
    now = w.latest("profiles", "follower_count")
    then = w.latest("profiles", "follower_count", lag=28)
    np.testing.assert_array_equal(
        w.compute(wee, rows, {"then": then})["then"], w.compute(wee, earlier, {"now": now})["now"]
    )


def test_order_and_duplicates_of_rows_are_the_callers(wee, rows):
    w = Windows(("creator_id",))
    asked = {"x": w.sum("orders", "net_gmv", 90)}
    once = w.compute(wee, rows, asked)["x"]
    twice = w.compute(wee, pd.concat([rows[::-1], rows]), asked)["x"]
    np.testing.assert_array_equal(twice, np.concatenate([once[::-1], once]))
    assert w.compute(wee, rows.head(0), asked)["x"].shape == (0,)


def test_all_windows_of_a_fact_are_one_join(wee):
    w = Windows(("creator_id",))
    asked = {
        f"x{d}": w.sum("orders", m, d) for d, m in ((7, "net_gmv"), (28, "orders"), (90, "net_gmv"), (None, "units"))
    }
    assert w._sql(wee, asked).count("fact_orders_creator_id") == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda w: w.sum("orders", "profit", 28),
        lambda w: w.sum("sales", "net_gmv", 28),
        lambda w: w.latest("profiles", "readings"),
    ],
)
def test_what_no_fact_has_is_refused(ask):
    with pytest.raises(SignalError):
        ask(Windows(("creator_id",)))


def test_a_fact_without_the_entitys_keys_is_refused():
    with pytest.raises(SignalError, match="lacks brand_id"):
        Windows(("creator_id", "brand_id")).sum("views", "views", 28)
