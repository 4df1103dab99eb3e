"""Benchmarks on published data: on data made up here, whose truth is known, and on the real ones where they are."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.real import asos_experiments, geo_experiment, karlan_list
from benchmarks.real.__main__ import BENCHMARKS, main
from benchmarks.real.coupon_panel import within
from benchmarks.real.published import Figure, gap_figure

REAL = os.environ.get("COLLABRANK_REAL_DATA")
"""A folder that holds one folder a data set, named like its benchmark."""


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    assert len({one.what for one in figures}) == len(figures), "two figures of one name"
    return {one.what: one for one in figures}


def test_a_gap_is_the_difference_of_means_and_its_interval_knows_of_clusters() -> None:
    rng = np.random.default_rng(0)
    host = np.repeat(np.arange(200), 4)
    first = (rng.random(800) < 0.5).astype(float)
    value = 0.3 * first + np.repeat(rng.normal(size=200), 4)
    found = gap_figure("gap", value, first, 1.0 - first, cluster=pd.Series(host), seed=1)
    assert found.value == pytest.approx(value[first == 1].mean() - value[first == 0].mean())
    alone = gap_figure("gap", value, first, 1.0 - first, cluster=pd.Series(np.arange(800)), seed=1)
    assert found.low < 0.3 < found.high
    # The name varies within a host: what is common to a host cancels, more so where hosts are kept whole.
    assert found.high - found.low == pytest.approx(alone.high - alone.low, rel=0.25)


def regions(effect: float) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    level = np.exp(rng.normal(7.0, 0.8, 24))[:, None]
    week = 1.0 + 0.2 * np.sin(2 * np.pi * np.arange(80) / 7)
    sales = level * week * (1.0 + 0.05 * rng.normal(size=(24, 80)))
    cost = np.zeros(sales.shape)
    cost[:12, 45:59] = 0.05 * level[:12]
    sales += effect * cost
    geo, day = np.divmod(np.arange(sales.size), 80)
    dates = (pd.Timestamp("2015-01-05") + pd.to_timedelta(day, unit="D")).date
    return pd.DataFrame({"date": dates, "geo": geo.astype(str), "sales": sales.ravel(), "cost": cost.ravel()})


def test_the_lift_of_a_randomised_experiment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geo_experiment, "DRAWS", 4)
    found = by_name(geo_experiment.measure({"sales_and_cost": regions(3.0)}, 7))
    lift = found["lift a unit of cost, by the days alone (90 %)"]
    assert lift.low < 3.0 < lift.high
    assert lift.high - lift.low < 2.5
    assert found["regions with advertising"].value == 12
    assert found["difference in differences a unit of cost"].value == pytest.approx(3.0, abs=0.7)
    assert found["90 % intervals that hold the 0 of advertising that never was (4)"].value >= 0.5


def test_targeting_is_not_taken_for_lift() -> None:
    """Coupons go to those who spend most, and do nothing."""
    rng = np.random.default_rng(2)
    level = np.exp(rng.normal(4.0, 0.7, 60))
    sent = rng.random((60, 12)) < 0.35 * (level / level.max())[:, None] ** 0.5
    spent = level[:, None] * np.exp(0.1 * rng.normal(size=(60, 12)))
    redeemed = sent & (rng.random(sent.shape) < 0.5)
    customer, period = np.divmod(np.arange(720), 12)
    rows = pd.DataFrame(
        {
            "customer_id": customer.astype(float),
            "period": pd.Categorical((period + 1).astype(str)),
            "dailyspending": spent.ravel(),
            "coupons_Any": sent.ravel().astype(float),
            "coupons_Any_redeemed_preperiod": np.column_stack([np.zeros(60), redeemed[:, :-1]]).ravel().astype(float),
        }
    )
    found = by_name(BENCHMARKS["coupon_panel"].measure({"customer_periods": rows}, 7))
    naive, ours = found["naive, a day"], found["ours, by the days alone (90 %), a day"]
    assert naive.value > 5.0
    assert abs(ours.value) < 0.2 * naive.value
    assert ours.low < 0.0 < ours.high
    assert found["within customer and period, a day"].value == pytest.approx(within(spent, sent.astype(float)))


def test_what_visits_add_is_found_within_doctors() -> None:
    rng = np.random.default_rng(3)
    level = rng.gamma(4.0, 10.0, 120)
    visits = rng.poisson(0.01 * level[:, None], (120, 10))
    written = np.round(level[:, None] * (1.0 + 0.03 * rng.normal(size=visits.shape)) + 2.0 * visits)
    doctor, month = np.divmod(np.arange(1_200), 10)
    rows = pd.DataFrame({"id": doctor, "scripts": written[doctor, month], "detailing": visits[doctor, month]})
    found = by_name(BENCHMARKS["detailing_panel"].measure({"counts": rows}, 7))
    ours = found["ours, by the days alone (90 %), a visit"]
    assert found["pooled, a visit"].value > 4.0
    assert found["within doctor and month, a visit"].value == pytest.approx(2.0, abs=0.3)
    assert ours.low < 2.0 < ours.high
    assert ours.high - ours.low < 3.0
    assert found["visits"].value == visits.sum()


def test_agents_with_few_bookings_gain_by_shrinkage() -> None:
    rng = np.random.default_rng(4)
    rate = rng.beta(2.0, 4.0, 150)
    agent = np.repeat(np.arange(150), 2 * rng.integers(3, 40, 150))
    late = np.concatenate([np.arange(n) % 2 for n in np.bincount(agent)]).astype(bool)
    rows = pd.DataFrame(
        {
            "agent": agent.astype(str),
            "is_canceled": (rng.random(len(agent)) < rate[agent]).astype(int),
            "arrival_date_year": np.where(late, 2017, 2016),
            "arrival_date_month": np.where(late, "March", "May"),
            "arrival_date_day_of_month": 5,
        }
    )
    found = by_name(BENCHMARKS["hotel_bookings"].measure({"bookings": rows}, 7))
    assert found["shrunk less raw"].high < 0.0
    assert found["pooled less raw"].value > found["shrunk less raw"].value
    assert 3.0 < found["trials the prior is worth"].value < 15.0  # the truth: 6


def test_the_best_of_many_is_promised_too_much_unless_shrunk() -> None:
    rng = np.random.default_rng(5)
    rate = np.clip(0.03 + 0.004 * rng.normal(size=(600, 1)) + 0.002 * rng.normal(size=(600, 6)), 0.005, None)
    shown = np.zeros((600, 14), dtype=np.int64)
    shown[:, :6] = 2_000
    clicks = np.zeros(shown.shape, dtype=np.int64)
    clicks[:, :6] = rng.binomial(2_000, rate)
    frames = {
        name: pd.DataFrame(table, columns=[str(n) for n in range(14)]).assign(
            **{"Unnamed: 0": [f"{n:04d}" for n in range(600)]}
        )
        for name, table in (("impressions", shown), ("clicks", clicks))
    }
    found = by_name(BENCHMARKS["upworthy"].measure(frames, 7))
    assert found["promised less got, raw"].low > 2.0
    assert abs(found["promised less got, shrunk towards the test"].value) < 1.0
    assert found["squared error of a headline's rate, shrunk towards the test less raw"].high < 0.0
    assert found["got less blind, raw"].low > 0.0


def test_an_early_look_is_held_against_what_came_after_it_alone() -> None:
    looks = pd.DataFrame(
        {
            "experiment_id": "e", "variant_id": 1, "metric_id": 1, "time_since_start": [1.0, 4.0],
            "count_c": [100.0, 200.0], "count_t": [100.0, 200.0], "mean_c": [1.0, 1.5], "mean_t": [1.2, 1.6],
            "variance_c": 1.0, "variance_t": 1.0,
        }
    )  # fmt: skip
    (row,) = asos_experiments.comparisons(looks).itertuples()
    assert row.early == pytest.approx(0.2)
    # 200 x 1.6 - 100 x 1.2 = 200 against 200 x 1.5 - 100 x 1.0 = 200.
    assert row.later == pytest.approx(0.0)
    assert row.error == pytest.approx(math.sqrt(0.01 + 1.44 * 0.01))


def test_intervals_of_a_mean_hold_it_as_often_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(karlan_list, "DRAWS", 200)
    ours, normal = karlan_list.coverage(np.random.default_rng(6).normal(size=20_000), 100, seed=7)
    assert ours == pytest.approx(0.95, abs=0.04)
    assert normal == pytest.approx(0.95, abs=0.04)
    assert not karlan_list.held_out(pd.Series([0, 2])).any()


def test_a_model_that_knows_the_name_has_the_gap_and_one_that_does_not_has_none() -> None:
    rng = np.random.default_rng(7)
    size = 3_000
    black, reviews = rng.random(size) < 0.5, rng.integers(0, 60, size)
    yes = rng.random(size) < 0.35 + 0.005 * reviews - 0.2 * black
    rows = pd.DataFrame(
        {
            "host_response": np.where(yes, 1, 0), "host_id": np.arange(size), "number_of_reviews": reviews,
            "guest_race": np.where(black, "black", "white"), "guest_gender": rng.choice(["male", "female"], size),
            "member_since": "May 2013",
        }
    )  # fmt: skip
    benchmark = BENCHMARKS["airbnb_audit"]
    for name in benchmark.columns["inquiries"]:
        if name not in rows:
            rows[name] = (
                rng.choice(["a", "b"], size) if name.startswith(("bed_t", "prop", "canc", "city", "host_")) else "1"
            )
    found = by_name(benchmark.measure({"inquiries": rows}, 7))
    assert found["measured gap, black less white"].high < -0.1
    assert found["the same hosts asked by either, with the name"].value == pytest.approx(-0.2, abs=0.06)
    assert abs(found["gap as predicted, without the name"].value) < 0.03
    assert found["gap predicted less measured, without the name"].low > 0.05
    assert found["predicted less accepted of black guests, without the name"].low > 0.0


def test_what_is_missing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["karlan_list", "--from", str(tmp_path)]) == 2
    assert "letters.parquet" in capsys.readouterr().err
    pd.DataFrame({"date": ["2015-01-05"]}).to_parquet(tmp_path / "sales_and_cost.parquet")
    assert main(["geo_experiment", "--from", str(tmp_path)]) == 2
    assert "with date, geo, sales, cost" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="COLLABRANK_REAL_DATA names no folder of the published data")
@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_the_published_data_are_read(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(str(REAL)) / name
    if not folder.is_dir():
        pytest.skip(f"no folder {name}")
    assert main([name, "--from", str(folder), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert figures
    assert all(one["value"] is not None for one in figures)
