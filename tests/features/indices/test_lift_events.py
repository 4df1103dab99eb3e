"""Estimated lift in the index: whose estimate, how it weighs, from when to when it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import features.indices.money
from features.indices.declare import REFERENCE_EVERY_DAYS, grid_day
from features.indices.gather import gather
from features.indices.money import LIFT_SE_LEAST, LIFT_SE_ONE, lift_events
from features.lift.ripe import RIPE_DAYS, ripe_lifts
from marketplace.tables import Marketplace, open_marketplace

GRID = 20_160  # 720 x 28
NAME = "lift_per_partnership"


def told(monkeypatch: pytest.MonkeyPatch, lifts: list[dict[str, object]]) -> list[int]:
    """The estimator answers ``lifts`` on every grid day; the days it is asked for."""
    asked: list[int] = []

    def answer(_market: Marketplace, day: int) -> pd.DataFrame:
        asked.append(day)
        return pd.DataFrame(lifts).assign(lift_usd=lambda f: f["lift_usd"] + float(day - GRID))

    monkeypatch.setattr(features.indices.money, "ripe_lifts", answer)
    return asked


def lift(creator: str, usd: float, se: float, *, posted: int = GRID - 60, brand: str = "b1") -> dict[str, object]:
    return {"creator_id": creator, "brand_id": brand, "posted_day": posted, "lift_usd": usd, "lift_se_usd": se}


def test_partnerships_weigh_by_precision_and_age(monkeypatch: pytest.MonkeyPatch, small_market: Path) -> None:
    told(monkeypatch, [lift("c", 200.0, 50.0), lift("c", -100.0, 100.0, posted=GRID - 80, brand="b2")])
    found = gather(open_marketplace(small_market), ["c", "other"], [GRID, GRID]).evidence[NAME]
    first, second = LIFT_SE_ONE**2 / (50.0**2 + LIFT_SE_LEAST**2), LIFT_SE_ONE**2 / (100.0**2 + LIFT_SE_LEAST**2)
    first, second = first * 2 ** (-60 / 45), second * 2 ** (-80 / 45)
    assert found.evidence.tolist() == pytest.approx([first + second, 0.0], rel=1e-3)
    assert found.total.tolist() == pytest.approx([200.0 * first - 100.0 * second, 0.0], rel=1e-3)


def test_between_two_grid_days_nothing_new_is_read(monkeypatch: pytest.MonkeyPatch, small_market: Path) -> None:
    asked = told(monkeypatch, [lift("c", 200.0, 50.0)])
    market = open_marketplace(small_market)
    days = [GRID - 1, GRID, GRID + 1, GRID + REFERENCE_EVERY_DAYS - 1, GRID + REFERENCE_EVERY_DAYS]
    found = gather(market, ["c"] * 5, days).evidence[NAME]
    # The estimator adds the days since GRID: what each as-of day has read is the estimate of its own grid day.
    assert (found.total / found.evidence).tolist() == pytest.approx([172.0, 200.0, 200.0, 200.0, 228.0], abs=0.01)
    assert asked == [GRID - 28, GRID, GRID + 28]
    gather(market, ["c"], [GRID + 3])
    assert asked == [GRID - 28, GRID, GRID + 28], "an estimate is kept for as long as the marketplace"


def test_without_lifts_there_is_no_evidence(small_market: Path) -> None:
    market = open_marketplace(small_market)
    assert lift_events(market, np.array([10_000, 10_027])).empty
    assert gather(market, ["cr_000001"], [10_000]).evidence[NAME].evidence.tolist() == [0.0]


def test_the_index_reads_the_estimator_that_labels_read(small_market: Path) -> None:
    market = open_marketplace(small_market)
    day = int(pd.Timestamp("2025-07-01").timestamp() // 86_400)
    events = lift_events(market, np.array([day]))
    grid = int(grid_day(np.int64(day)))
    lifts = ripe_lifts(market, grid)
    assert len(events) == len(lifts) > 100
    assert (events["mx"] / events["mass"] / 100.0).tolist() == pytest.approx(lifts["lift_usd"].tolist())
    assert (events["event_day"] + RIPE_DAYS < grid).all()
    assert events["since_day"].unique().tolist() == [grid - 1]
    assert events["until_day"].unique().tolist() == [grid + REFERENCE_EVERY_DAYS - 1]
