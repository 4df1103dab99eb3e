"""Each day of posting's own shape of sales: hand-worked shares, and a hit that keeps to no kernel."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.lift.evidence import SHAPE_LINES, lines_by_day, sales_shapes
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.tables import Marketplace
from tests.features.lift.test_estimate import START, lifts, shop

FLAT = np.full(4, 0.25)


def test_shares_are_the_lines_beside_the_kernel() -> None:
    told = np.array([[True] * 4, [True, False, True, True], [False] * 4, [True] * 4])
    lines = np.array([[9.0, 0.0, 0.0, 0.0], [6.0, 100.0, 0.0, 0.0], [5.0, 5.0, 0.0, 0.0], [0.0, -2.0, 0.0, 0.0]])
    found = sales_shapes(FLAT, lines, told)
    # 9 lines beside 3 of the kernel, which are .75 a day.
    assert found[0] == pytest.approx([9.75 / 12, 0.75 / 12, 0.75 / 12, 0.75 / 12])
    # A day that says nothing keeps its quarter; the rest share three quarters by 6 lines beside 3.
    assert found[1] == pytest.approx([0.75 * 7 / 9, 0.25, 0.75 / 9, 0.75 / 9])
    assert found[2] == pytest.approx(FLAT)
    assert found[3] == pytest.approx(FLAT)


@given(
    arrays(np.float64, (3, ATTRIBUTION_DAYS), elements=st.floats(-5, 1e6)),
    arrays(np.bool_, (3, ATTRIBUTION_DAYS)),
)
def test_shares_add_up_and_what_is_read_of_a_window_stays(lines: np.ndarray, told: np.ndarray) -> None:
    kernel = 2.0 ** (-np.arange(ATTRIBUTION_DAYS) / 3.0)
    kernel /= kernel.sum()
    found = sales_shapes(kernel, lines, told)
    assert (found >= 0).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(3))
    assert np.where(told, found, 0.0).sum(axis=1) == pytest.approx(np.where(told, kernel, 0.0).sum(axis=1))


def test_many_lines_leave_nothing_of_the_kernel() -> None:
    lines = np.array([[0.0, 0.0, 1e9 * SHAPE_LINES, 0.0]])
    assert sales_shapes(FLAT, lines, np.ones((1, 4), dtype=bool))[0] == pytest.approx([0, 0, 1, 0], abs=1e-6)


def test_lines_of_one_day_are_summed() -> None:
    lines = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    assert lines_by_day(lines, np.array([0, 1, 0]), 2).tolist() == [[101.0, 202.0], [10.0, 20.0]]
    assert lines_by_day(lines[:0], np.zeros(0, dtype=np.int64), 0).shape == (0, 2)


def hit_and_neighbour() -> Marketplace:
    """Two partnerships of one product: ``a`` sells 40,000 USD six days late and brings a tenth more with it, ``b``,
    posted three days after ``a``, nothing.
    """
    market = shop({"a": 0.0, "b": 0.0})
    frames = {name: market.frame(name) for name in market.present}
    frames["contents"]["product_ids"] = [["p00"], ["p00"]]
    posted, late = START + pd.Timedelta(days=50), START + pd.Timedelta(days=56)
    days = frames["product_days"]
    on = (days["product_id"] == "p00") & (pd.to_datetime(days["day"], utc=True) == late)
    assert on.sum() == 1
    days.loc[on, "gmv"] += 44_000.0
    orders = frames["orders"]
    one = orders[orders["creator_id"] == "a"].iloc[[0]]
    assert one["ordered_at"].iloc[0] == posted + pd.Timedelta(hours=1)
    sold = pd.concat([one.assign(order_id=f"hit-{n}", price=100.0) for n in range(400)])
    sold["ordered_at"] = sold["known_at"] = late + pd.Timedelta(hours=1)
    frames["orders"] = pd.concat([orders, sold], ignore_index=True)
    return Marketplace.from_frames(frames)


def test_a_hit_that_comes_late_is_told_and_leaves_its_neighbour_alone() -> None:
    found = lifts(hit_and_neighbour())
    off = found["lift_raw_usd"] - pd.Series({"a": 44_000.0, "b": 0.0})
    assert found.loc["a", "attributed_usd"] == pytest.approx(40_000)
    assert (off.abs() < 2.5 * found["lift_raw_se_usd"]).all()
    # By the kernel of all, what came with the hit was taken off its neighbour: -1,430 USD, give or take 107.
    assert abs(off["b"]) < 300
