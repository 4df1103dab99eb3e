"""Calibration and coverage: exact where the world is made so, and off by what was put in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.calibration.intervals import LEVELS, Z
from models.economics import Economics
from models.predict import Predictions
from training.data import LEAST_READ
from training.evaluation.quantities import Coverage, Reading, measure_quantities, observed_quantities

N = 6000


def predicted(lift: np.ndarray, sd: float) -> Predictions:
    n = len(lift)
    half = np.full(n, 0.5)
    return Predictions(
        accept=half, deliver=half, success_probability=half**2,
        lift=lift, lift_low=lift - Z * sd, lift_high=lift + Z * sd, attributed=lift,
        utility=lift, utility_low=lift - Z * sd, utility_high=lift + Z * sd,
        lift_low_90=lift - LEVELS[0.9] * sd, lift_high_90=lift + LEVELS[0.9] * sd,
        utility_low_90=lift - LEVELS[0.9] * sd, utility_high_90=lift + LEVELS[0.9] * sd, order=lift,
    )  # fmt: skip


def measured(shift: float = 0.0, **kwargs) -> tuple[tuple[Reading, ...], tuple[Coverage, ...]]:
    rng = np.random.default_rng(0)
    lift = rng.gamma(2.0, 100.0, N)
    truth = lift + rng.normal(0.0, 20.0, N)
    campaigns = np.repeat([f"c{i:02d}" for i in range(60)], N // 60)
    chance = {"accept": np.full(N, 0.5), "success": np.full(N, 0.25)}
    observed = {"truth": {**chance, "lift": truth, "utility": truth}, "logged": {"lift": truth}}
    return measure_quantities(predicted(lift + shift, 20.0), observed, campaigns, **kwargs)


def test_right_intervals_cover_what_they_say():
    _, coverages = measured()
    for row in coverages:
        assert row.coverage == pytest.approx(row.level, abs=0.02)
        assert row.low < row.coverage < row.high
        assert row.below == pytest.approx(row.above, abs=0.02)
        assert row.coverage + row.below + row.above == pytest.approx(1.0)
    assert {(row.quantity, row.level) for row in coverages} == {
        (q, level) for q in ("lift", "utility") for level in (0.8, 0.9)
    }
    # A logged lift is an estimate, not a truth to be covered.
    assert {row.against for row in coverages} == {"truth"}


def test_bias_is_what_was_put_in():
    readings, coverages = measured(shift=30.0)
    lift = next(row for row in readings if (row.quantity, row.against) == ("lift", "truth"))
    assert lift.bias == pytest.approx(30.0, abs=1.0)
    assert lift.low < lift.bias < lift.high
    assert lift.error == pytest.approx(30.0, abs=1.5)
    assert lift.table is not None
    assert lift.table["count"].sum() == N
    accept = next(row for row in readings if row.quantity == "accept")
    assert (accept.bias, accept.unit) == (0.0, "probability")
    assert max(row.coverage for row in coverages) < 0.75
    assert min(row.below for row in coverages) > 0.25


def test_slices_of_a_few_rows_are_left_out():
    slices = pd.DataFrame({"market": ["US"] * (N // 2) + ["GB"] * (N // 2 - 20) + ["MY"] * 20})
    readings, _ = measured(slices=slices)
    assert {row.slice for row in readings} == {"all", "market=US", "market=GB"}
    assert all((row.table is None) == (row.slice != "all") for row in readings)


def test_what_came_of_each_pair():
    pairs = pd.DataFrame({"campaign_id": ["a", "a", "a", "b"], "creator_id": ["x", "y", "z", "x"]})
    labels = pd.DataFrame(
        {
            "campaign_id": ["a", "a", "b"], "creator_id": ["x", "y", "x"], "invitation_id": ["1", "2", "3"],
            "sent_at": pd.Timestamp("2025-05-01", tz="UTC"), "status": ["labelled", "labelled", "censored"],
            "campaign_settled": [True, True, False], "reply_matured": [True, True, True],
            "accepted": [1.0, 0.0, 1.0], "delivered": [1.0, 0.0, np.nan],
            "lift_usd": [200.0, np.nan, np.nan], "attributed_usd": [300.0, np.nan, np.nan],
        }
    )  # fmt: skip
    truth = pairs.assign(
        accept_probability=0.5, deliver_probability=0.4, incremental_gmv=100.0, incremental_profit=3.0,
        incremental_gmv_realised=[150.0, np.nan, np.nan, np.nan],
    )  # fmt: skip
    terms = Economics(*(np.array(value) for value in (0.5, 0.1, 20.0, 5.0)))
    found = observed_quantities(pairs, labels=labels, truth=truth, economics=terms)
    np.testing.assert_equal(found["logged"]["accept"], [1.0, 0.0, np.nan, 1.0])
    np.testing.assert_equal(found["logged"]["success"], [1.0, 0.0, np.nan, np.nan])
    earned = 0.5 * 200 - 20 - 0.1 * 300 - 5
    np.testing.assert_equal(found["logged"]["utility"], [earned, 0.0, np.nan, np.nan])
    np.testing.assert_allclose(found["truth"]["success"], 0.2)
    np.testing.assert_equal(found["realised"]["lift"], [150.0, np.nan, np.nan, np.nan])
    assert set(observed_quantities(pairs, labels=labels, truth=None, economics=terms)) == {"logged"}


def test_what_sales_days_hide_is_no_outcome():
    """Its lift would be a guess, and so its profit; what was attributed is exact whenever it was sold."""
    pairs = pd.DataFrame({"campaign_id": "a", "creator_id": ["x", "y", "z"]})
    labels = pairs.assign(
        invitation_id=["1", "2", "3"], sent_at=pd.Timestamp("2025-05-01", tz="UTC"), status="labelled",
        campaign_settled=True, reply_matured=True, accepted=[1.0, 1.0, 0.0], delivered=[1.0, 1.0, 0.0],
        lift_usd=[200.0, 200.0, np.nan], attributed_usd=[300.0, 300.0, np.nan],
        lift_read_share=[LEAST_READ, LEAST_READ - 0.01, np.nan],
    )  # fmt: skip
    terms = Economics(*(np.array(value) for value in (0.5, 0.1, 20.0, 5.0)))
    found = observed_quantities(pairs, labels=labels, truth=None, economics=terms)["logged"]
    np.testing.assert_equal(found["lift"], [200.0, np.nan, np.nan])
    np.testing.assert_equal(found["attributed"], [300.0, 300.0, np.nan])
    np.testing.assert_equal(found["utility"], [45.0, np.nan, 0.0])
