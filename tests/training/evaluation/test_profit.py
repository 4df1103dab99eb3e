"""Profit told from the log: right on average whatever the control variate, steadier with a good one, by hand among
the invited.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from features.briefs import read_briefs
from features.signals.build import eligible_pairs
from features.time import known_until
from marketplace.tables import open_marketplace
from models.economics import Economics
from training.data.labels import build_labels
from training.evaluation.comparison import compare_rankers
from training.evaluation.profit import ProfitLog, read_profits

CAMPAIGNS, CREATORS = 40, 60


def world(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.DataFrame]:
    """Expected profits, the chances of being invited (more for those who look good), campaign numbers, pairs."""
    rng = np.random.default_rng(seed)
    campaign = np.repeat(np.arange(CAMPAIGNS), CREATORS)
    expected = rng.normal(10.0, 30.0, len(campaign))
    chance = 1.0 / (1.0 + np.exp(-(expected / 40.0 + rng.normal(-0.5, 1.0, len(campaign)))))
    pairs = pd.DataFrame(
        {
            "campaign_id": [f"c{i:02d}" for i in campaign],
            "creator_id": [f"k{i:02d}" for i in np.tile(np.arange(CREATORS), CAMPAIGNS)],
        }
    )
    return expected, np.clip(chance, 0.05, 1.0), campaign, pairs


def log(expected: np.ndarray, chance: np.ndarray, campaign: np.ndarray, *, seed: int, luck: float = 60.0) -> ProfitLog:
    rng = np.random.default_rng(seed)
    invited = rng.random(len(expected)) < chance
    profit = np.where(invited, expected + luck * rng.standard_t(4, len(expected)), np.nan)
    everybody = np.ones(len(expected), dtype=bool)
    return ProfitLog(campaign, everybody, np.where(invited, 1.0 / chance, 0.0), profit)


def first_twenty(values: np.ndarray, score: np.ndarray) -> float:
    order = np.argsort(-score.reshape(CAMPAIGNS, CREATORS), axis=1)[:, :20]
    return float(np.take_along_axis(values.reshape(CAMPAIGNS, CREATORS), order, axis=1).sum(axis=1).mean())


def test_right_on_average_whatever_the_control_variate() -> None:
    expected, chance, campaign, _ = world(0)
    score = expected + np.random.default_rng(1).normal(0.0, 30.0, len(expected))
    truth = first_twenty(expected, score)
    # None; one that claims a fortune for whom the ranker likes; one that knows.
    controls = {"none": None, "boaster": 500.0 + 20.0 * score, "knows": expected}
    told = {name: [] for name in controls}
    for i in range(150):
        one = log(expected, chance, campaign, seed=i, luck=10.0)
        for name, q in controls.items():
            told[name].append(first_twenty(dataclasses.replace(one, foreseen=q).earned(), score))
    told = {name: np.array(values) for name, values in told.items()}
    for values in told.values():
        assert values.mean() == pytest.approx(truth, abs=4.0 * values.std() / np.sqrt(150))
    assert told["knows"].std() < 0.7 * told["none"].std()
    # Claims that outcomes do not bear out are taken back by the fit, not believed.
    assert told["boaster"].std() < 1.3 * told["none"].std()


def test_the_interval_of_a_lead_holds_the_true_lead() -> None:
    from training.stats import cluster_bootstrap

    held = []
    for i in range(60):
        expected, chance, campaign, pairs = world(100 + i)
        rng = np.random.default_rng(i)
        scores = {"good": expected + rng.normal(0.0, 30.0, len(expected)), "random": rng.random(len(expected))}
        found = compare_rankers(scores, pairs, profits=log(expected, chance, campaign, seed=i))
        values = found.values["profit_usd_at_20"]
        interval = cluster_bootstrap(values["good"] - values["random"], level=0.90)
        lead = first_twenty(expected, scores["good"]) - first_twenty(expected, scores["random"])
        held.append(interval.low <= lead <= interval.high)
    assert np.mean(held) >= 0.78


def test_among_the_invited_by_hand() -> None:
    pairs = pd.DataFrame({"campaign_id": ["a"] * 5, "creator_id": list("vwxyz")})
    invited = np.array([True, True, True, True, False])
    profit = np.array([4.0, 3.0, -2.0, -1.0, np.nan])
    found = compare_rankers(
        {"right": [5.0, 4.0, 1.0, 2.0, 9.0], "wrong": [1.0, 2.0, 5.0, 4.0, 9.0]},
        pairs,
        profits=ProfitLog(np.zeros(5, dtype=np.int64), invited, invited.astype(float), profit, {"among_invited": 1}),
    )
    # The better half of four, as if there were twenty; whom nobody invited cannot be chosen.
    assert found.values["profit_usd_at_20"]["right"][0] == pytest.approx(20 * (4 + 3) / 2)
    assert found.values["profit_usd_at_20"]["wrong"][0] == pytest.approx(20 * (-2 - 1) / 2)
    assert found.counts["campaigns_among_invited"] == 1


@pytest.fixture(scope="module")
def market(small_market):
    return open_marketplace(small_market)


@pytest.fixture(scope="module")
def read(market, small_split):
    """Pairs, labels and log of the first twenty campaigns, which have long ripened."""
    ids = small_split.train[:20]
    pairs, labels = eligible_pairs(market, ids), build_labels(market, known_until(market))
    economics = Economics.of_many(read_briefs(market, ids), pairs["campaign_id"].to_numpy(dtype=object))
    return pairs, labels, economics, read_profits(market, pairs, labels=labels, economics=economics)


def test_the_log_of_a_marketplace_by_its_chances(read, market) -> None:
    pairs, labels, _, found = read
    assert found.counts["by_chance"] > 10
    assert found.counts.get("among_invited", 0) == 0
    invited = pairs.merge(labels[["campaign_id", "creator_id", "grade"]], how="left", on=["campaign_id", "creator_id"])
    inside = np.isin(found.campaign, np.unique(found.campaign[found.offered]))
    # Weights stand for the eligible: on average one over the chance, so that they sum to how many there are.
    assert found.weight[inside].sum() / found.offered.sum() == pytest.approx(1.0, abs=0.25)
    refused = (invited["grade"] == 0).to_numpy() & found.offered
    assert (found.profit[refused] == 0.0).all()
    assert (found.weight[refused] >= 1.0).all()


def test_without_impressions_only_the_invited_can_be_chosen(read, market) -> None:
    from marketplace.tables import Marketplace

    pairs, labels, economics, with_chances = read
    bare = Marketplace.from_frames({"campaigns": market.frame("campaigns"), "invitations": market.frame("invitations")})
    found = read_profits(bare, pairs, labels=labels, economics=economics)
    assert found.counts["among_invited"] == with_chances.counts["by_chance"]
    assert set(np.unique(found.weight)) == {0.0, 1.0}
    np.testing.assert_array_equal(found.offered, with_chances.weight > 0)
    np.testing.assert_array_equal(found.profit, np.where(found.offered, with_chances.profit, np.nan))


def test_outcomes_of_other_campaigns_alone_move_the_control_variate() -> None:
    expected, chance, campaign, _ = world(3)
    one = dataclasses.replace(log(expected, chance, campaign, seed=1), foreseen=expected)
    changed = dataclasses.replace(one, profit=np.where(campaign == 0, 1e6, one.profit))
    silent = (campaign == 0) & (one.weight == 0)
    np.testing.assert_array_equal(one.earned()[silent], changed.earned()[silent])


def test_a_sort_has_the_same_figure_whichever_models_it_is_compared_with(market, small_split, rankers) -> None:
    from training.evaluation.held_out import gather_held_out
    from training.priors.stated import stated_prior

    held_out = gather_held_out(market, small_split.train[:16], train_campaigns=())
    bundles = {name: ranker.bundle for name, ranker in rankers.items()}
    both = held_out.compare(bundles, champion="expected_value").values["profit_usd_at_20"]
    other = held_out.compare({"stated": stated_prior("2025-01-01")}, champion="stated").values["profit_usd_at_20"]
    for name in ("category_gmv", "gmv", "random", "indices_only"):
        np.testing.assert_array_equal(both[name], other[name])
    assert np.isfinite(both["category_gmv"]).sum() >= 8


def test_who_is_judged_hangs_on_age_and_not_on_what_came(read, market) -> None:
    """Campaigns too young for most of what they bring are left out, complete or not."""
    pairs, labels, _, _ = read
    end = known_until(market)
    briefed = market.frame("campaigns", ["campaign_id", "briefed_at"]).set_index("campaign_id")["briefed_at"]
    ids = [*pairs["campaign_id"].unique(), briefed.sort_values().index[-1]]
    asked = eligible_pairs(market, ids)
    # The youngest campaign's every invitation is refused at once: it is complete, and still too young.
    told = labels.assign(
        campaign_settled=labels["campaign_settled"] | (labels["campaign_id"] == ids[-1]),
        status=labels["status"].mask(labels["campaign_id"] == ids[-1], "labelled"),
        accepted=labels["accepted"].mask(labels["campaign_id"] == ids[-1], 0.0),
        delivered=labels["delivered"].mask(labels["campaign_id"] == ids[-1], 0.0),
    )
    terms = Economics.of_many(read_briefs(market, ids), asked["campaign_id"].to_numpy(dtype=object))
    found = read_profits(market, asked, labels=told, economics=terms)
    assert found.counts["too_young"] >= 1
    assert not found.offered[(asked["campaign_id"] == ids[-1]).to_numpy()].any()
    assert (end - briefed[ids[-1]]).days < 35
