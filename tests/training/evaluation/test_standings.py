"""Standings of rankers: figures by hand, direction of regret, correction for many tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.evaluation.comparison import compare_rankers
from training.evaluation.standings import Standing
from training.stats import METRICS, holm


def world(campaigns: int = 30, creators: int = 60, seed: int = 0) -> pd.DataFrame:
    """Known outcomes: profit of every pair, grade of one in three."""
    rng = np.random.default_rng(seed)
    known = pd.DataFrame(
        {
            "campaign_id": np.repeat([f"c{i:02d}" for i in range(campaigns)], creators),
            "creator_id": np.tile([f"k{i:02d}" for i in range(creators)], campaigns),
            "profit": rng.normal(0.0, 10.0, campaigns * creators),
        }
    )
    grade = np.clip(np.round(2 + known["profit"] / 8 + rng.normal(0, 1, len(known))), 0, 4)
    return known.assign(grade=grade.where(rng.random(len(known)) < 0.33))


def rankers(known: pd.DataFrame, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    profit = known["profit"].to_numpy()
    return {
        "model": profit + rng.normal(0, 5, len(profit)),
        "weak": profit + rng.normal(0, 30, len(profit)),
        "random": rng.random(len(profit)),
        "oracle": profit,
    }


def rank_standings(scores, known, *, reference, for_scale=(), slices=None) -> tuple[Standing, ...]:
    """On the whole and in slices, of the outcomes that `world` makes."""
    pairs = known[["campaign_id", "creator_id"]]
    labels = known.dropna(subset="grade").assign(
        status="labelled", campaign_settled=True, sent_at=0, invitation_id=known["campaign_id"] + known["creator_id"]
    )
    found = compare_rankers(
        {name: score for name, score in scores.items() if name not in for_scale},
        pairs,
        labels=labels,
        truth=known.assign(incremental_profit=known["profit"]),
        champion=reference,
        slices=slices,
        for_scale={name: scores[name] for name in for_scale},
    )
    return (*found.rows, *found.slice_rows())


def one(rows: tuple[Standing, ...], ranker: str, metric: str, part: str = "all") -> Standing:
    return next(row for row in rows if (row.ranker, row.metric, row.slice) == (ranker, metric, part))


def test_figures_by_hand():
    profit = np.array([100.0, 50.0, *([0.0] * 20)])
    known = pd.DataFrame(
        {"campaign_id": "c", "creator_id": [f"k{i:02d}" for i in range(22)], "profit": profit, "grade": np.nan}
    )
    rows = rank_standings({"upside_down": np.arange(22.0), "oracle": profit}, known, reference="upside_down")
    chance = 20 * 150 / 22
    assert one(rows, "upside_down", "oracle_gain_share_at_20").estimate == pytest.approx(-chance / (150 - chance))
    # The two best are the two left out.
    assert one(rows, "upside_down", "regret_usd_at_20").estimate == pytest.approx(150.0)
    assert one(rows, "oracle", "regret_usd_at_20").estimate == 0.0
    assert one(rows, "upside_down", "ndcg_at_10_truth").estimate == 0.0
    assert one(rows, "oracle", "ndcg_at_10_truth").estimate == pytest.approx(1.0)
    assert {row.metric for row in rows} == {name for name, each in METRICS.items() if "truth" in each.needs}


def test_regret_is_better_when_less():
    known = world()
    rows = rank_standings(rankers(known), known, reference="model", for_scale=("oracle",))
    order = [row.ranker for row in rows if row.metric == "regret_usd_at_20" and row.slice == "all"]
    assert order == ["oracle", "model", "weak", "random"]
    weak = one(rows, "weak", "regret_usd_at_20")
    assert weak.difference > 0
    assert weak.losses > 25
    assert weak.wins + weak.ties + weak.losses == 30
    # Regret and gain share tell the same story of the same campaigns.
    assert weak.losses == one(rows, "weak", "oracle_gain_share_at_20").losses


def test_p_values_are_corrected_for_the_rankers_that_compete():
    known = world()
    rows = rank_standings(rankers(known), known, reference="model", for_scale=("oracle",))
    for metric in dict.fromkeys(row.metric for row in rows):
        pair = [one(rows, name, metric) for name in ("weak", "random")]
        np.testing.assert_allclose([row.p_holm for row in pair], holm([row.p for row in pair]))
        assert np.isnan(one(rows, "oracle", metric).p_holm)
        assert np.isfinite(one(rows, "oracle", metric).p)
        assert np.isnan(one(rows, "model", metric).p)


def test_slices_are_measured_on_their_own():
    known = world()
    half = np.where(known["campaign_id"] < "c15", "US", "GB")
    score = np.where(half == "US", 1.0, -1.0) * known["profit"].to_numpy()
    few = np.where(known["campaign_id"] < "c07", "rare", "common")
    rows = rank_standings(
        {"r": score, "oracle": known["profit"].to_numpy()}, known, reference="r",
        slices=pd.DataFrame({"market": half, "category": few}),
    )  # fmt: skip
    assert one(rows, "r", "oracle_gain_share_at_20", "market=US").estimate == pytest.approx(1.0)
    assert one(rows, "r", "oracle_gain_share_at_20", "market=GB").estimate < -0.5
    assert one(rows, "r", "regret_usd_at_20", "market=US").estimate == pytest.approx(0.0)
    assert {row.slice for row in rows} == {"all", "market=US", "market=GB", "category=common"}


def test_row_order_changes_nothing():
    known = world(campaigns=8)
    mixed = np.random.default_rng(5).permutation(len(known))
    scores = rankers(known)
    first = rank_standings(scores, known, reference="model")
    second = rank_standings(
        {name: score[mixed] for name, score in scores.items()},
        known.iloc[mixed].reset_index(drop=True),
        reference="model",
    )
    assert [vars(row) for row in first] == [pytest.approx(vars(row), nan_ok=True) for row in second]


def test_nobody_is_certified_better_by_chance():
    """Ten rankers as good as the reference: with Holm's correction a family cries wolf in about 5 % of worlds."""
    wolves = 0
    for seed in range(40):
        known = world(campaigns=12, creators=30, seed=seed)
        rng = np.random.default_rng(seed)
        scores = {f"r{i}": rng.random(len(known)) for i in range(11)}
        rows = rank_standings(scores, known, reference="r0")
        family = [row.p_holm for row in rows if row.metric == "oracle_gain_share_at_20"]
        wolves += bool(np.nanmin(family) < 0.05)
    assert wolves <= 5


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.5, np.nan, 0.9]), [1.0, np.nan, 1.0])
    assert holm([]).size == 0
