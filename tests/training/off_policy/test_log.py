"""From a marketplace's tables to its log, and the command on top."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from features.signals.registry import SIGNALS
from marketplace.contract import ATTRIBUTION_DAYS, GRACE_DAYS, REFUND_DAYS
from marketplace.errors import BundleError, ContractError, TrainingError
from marketplace.tables import Marketplace, open_marketplace
from training.commands import app
from training.off_policy import log as log_module
from training.off_policy import run as off_policy_run
from training.off_policy.estimators import estimate, invitation_weights, top_policy
from training.off_policy.log import PolicyData, read_policy_data

IMPRESSION_TABLES = ("campaigns", "creators", "invitations", "orders", "deliveries", "impressions")


@pytest.fixture(scope="module")
def data(small_market) -> PolicyData:
    return read_policy_data(open_marketplace(small_market))


@pytest.fixture
def frames(small_market):
    """The small marketplace's tables in memory, as far as the log is read before it is refused."""
    market = open_marketplace(small_market)
    return {name: market.frame(name) for name in IMPRESSION_TABLES}


def test_the_log_holds_every_eligible_creator_of_the_matured_campaigns(data, small_market):
    market, log = open_marketplace(small_market), data.log
    assert data.left_out == {"not matured": 60 - len(log.campaign_ids)}
    sent = market.frame("invitations").drop_duplicates("invitation_id")
    assert log.invited.sum() == sent["campaign_id"].isin(log.campaign_ids).sum()
    ends = market.frame("campaigns").set_index("campaign_id")["ends_at"]
    assert ends[list(log.campaign_ids)].max() < ends.max() - pd.Timedelta(days=20)
    shown = market.frame("impressions")
    held = shown[(shown["policy"] == "random_holdback") & shown["campaign_id"].isin(log.campaign_ids)]
    assert log.held.sum() == len(held)
    by_campaign = log.per_campaign(log.held_chance) / log.per_campaign(np.ones(len(log)))
    expected = held.groupby("campaign_id")["propensity"].first()[list(log.campaign_ids)]
    assert by_campaign == pytest.approx(expected.to_numpy())
    assert np.isfinite(log.profit[log.invited]).all()
    assert np.isnan(log.profit[~log.invited]).all()
    assert np.isfinite(data.model).all()


def test_weights_sum_to_the_number_of_the_eligible(data):
    # Everybody invited: the weights stand for all n, up to the chance of the draws.
    weights = invitation_weights(data.log)
    error = np.sqrt((weights[data.log.invited] ** 2).sum())
    assert abs(weights.sum() - len(data.log)) < 3 * error
    assert weights.max() <= 1.6 / data.log.held_chance.min()


def test_the_chance_model_knows_the_list(data):
    """Of campaigns that it never saw: how far it orders their creators, beyond how many the list invited."""
    log = data.log
    known = np.isfinite(log.listed_chance)
    centred = [
        pd.Series(chance[known]).groupby(log.campaign[known]).transform(lambda one: one - one.mean())
        for chance in (log.listed_chance, log.modelled_chance)
    ]
    assert np.corrcoef(*centred)[0, 1] > 0.4


@pytest.mark.parametrize("signal", ["net_gmv_sum_28d", "engagement_rate_90d"])
def test_profits_that_are_known_for_everybody_are_given_back_from_the_invited(data, signal):
    # The reward model's own numbers stand as a truth that reaches every eligible creator.
    log = dataclasses.replace(data.log, profit=np.where(data.log.invited, data.model, np.nan))
    policy = top_policy(log, data.X[:, list(SIGNALS).index(signal)], top=15)
    one = estimate(log, policy).estimates["ips"]
    assert one.low <= (policy * data.model).sum() / len(log.campaign_ids) <= one.high


def test_refuses_a_marketplace_without_impressions(frames):
    del frames["impressions"]
    with pytest.raises(TrainingError, match="an impressions table"):
        read_policy_data(Marketplace.from_frames(frames))


def test_refuses_impressions_without_chances(frames):
    frames["impressions"]["propensity"] = np.nan
    with pytest.raises(TrainingError, match="propensity is known"):
        read_policy_data(Marketplace.from_frames(frames))


def test_refuses_two_lists_in_one_campaign(frames):
    shown = frames["impressions"]
    shown.loc[shown.index[shown["policy"] == "gmv_sort"][::2], "policy"] = "newer_sort"
    with pytest.raises(TrainingError, match="one policy beside random_holdback"):
        read_policy_data(Marketplace.from_frames(frames))


def test_refuses_where_nothing_has_matured(small_market):
    late = open_marketplace(small_market).frame("campaigns").sort_values("briefed_at")["campaign_id"].iloc[-3:]
    with pytest.raises(TrainingError, match="none: 3 not matured"):
        read_policy_data(open_marketplace(small_market), campaigns=list(late))


@pytest.fixture
def quick(data, monkeypatch):
    """The command on the log that was read already."""
    monkeypatch.setattr(off_policy_run, "read_policy_data", lambda *_, **__: data)
    return data


def scores_of(data: PolicyData) -> pd.DataFrame:
    return data.pairs.assign(score=np.arange(len(data.pairs)) % 97 / 7.0)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_command_values_a_file_of_scores(quick, small_market, tmp_path, ending):
    scores, file = scores_of(quick), tmp_path / f"mine.{ending}"
    scores.to_csv(file, index=False) if ending == "csv" else scores.to_parquet(file)
    command = ["off-policy", str(small_market), "--scores", str(file), "--top", "15"]
    answer = CliRunner().invoke(app, [*command, "--json"], catch_exceptions=False)
    told = json.loads(answer.output)
    expected = estimate(quick.log, top_policy(quick.log, scores["score"], top=15), model=quick.model, seed=7)
    assert told["policy"] == f"invite the 15 best by the scores of mine.{ending}"
    assert told["value"]["estimates"]["dr"]["estimate"] == pytest.approx(expected.estimates["dr"].estimate)
    text = CliRunner().invoke(app, command, catch_exceptions=False).output
    assert f"{expected.estimates['ips'].estimate:.2f}" in text
    assert "effective sample" in text
    soft = CliRunner().invoke(app, [*command, "--soften", "1", "--json"], catch_exceptions=False)
    assert json.loads(soft.output)["value"]["effective"] > told["value"]["effective"]


def test_campaigns_without_scores_do_not_take_part(quick, small_market, tmp_path):
    scores = scores_of(quick)
    first = quick.log.campaign_ids[0]
    scores[scores["campaign_id"] != first].to_csv(tmp_path / "some.csv", index=False)
    report = off_policy_run.evaluate_policy(small_market, scores=tmp_path / "some.csv", top=30)
    assert report.value.campaigns == len(quick.log.campaign_ids) - 1
    assert report.left_out["not in the scores file"] == 1
    scores[scores["campaign_id"] == first].to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(TrainingError, match=r"received 1; left out: \d+ not matured, \d+ not in the scores file"):
        off_policy_run.evaluate_policy(small_market, scores=tmp_path / "one.csv")


def test_a_bad_file_is_refused_with_all_that_is_wrong(small_market, data, tmp_path):
    scores = scores_of(data)
    scores.loc[0, "score"] = np.nan
    bad = pd.concat([scores, scores.iloc[[1]], scores.iloc[[2]].assign(creator_id="nobody", campaign_id="ca_none")])
    bad.to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(ContractError) as refusal:
        off_policy_run.evaluate_policy(small_market, scores=tmp_path / "bad.csv")
    for words in (
        "4 problems",
        "unknown campaign_id: 1, such as 'ca_none'",
        "unknown creator_id: 1, such as 'nobody'",
        "rows that repeat a pair: 1",
        "scores that are empty or NaN: 1, such as 'row 1'",
    ):
        assert words in refusal.value.received
    scores.drop(columns="score").to_csv(tmp_path / "short.csv", index=False)
    with pytest.raises(ContractError, match="column score missing"):
        off_policy_run.evaluate_policy(small_market, scores=tmp_path / "short.csv")
    with pytest.raises(ContractError, match="no such file"):
        off_policy_run.evaluate_policy(small_market, scores=tmp_path / "missing.parquet")


def test_a_champion_too_young_is_refused_with_what_would_do(small_market, rankers, monkeypatch):
    campaigns = open_marketplace(small_market).frame("campaigns").sort_values("briefed_at", ignore_index=True)
    day = campaigns["briefed_at"].iloc[-12].floor("D")
    later = campaigns[campaigns["briefed_at"] >= day]
    bundle = dataclasses.replace(rankers["expected_value"].bundle, as_of=f"{day:%Y-%m-%d}")
    monkeypatch.setattr("training.off_policy.run.load_champion", lambda: bundle)
    monkeypatch.setattr(off_policy_run, "read_policy_data", lambda *_, **__: pytest.fail("refused before it is read"))
    with pytest.raises(TrainingError) as refusal:
        off_policy_run.evaluate_policy(small_market)
    # Grace, attribution and refunds after the end, and the day in which they are over.
    ripe = (later["ends_at"].dt.floor("D") + pd.Timedelta(days=GRACE_DAYS + ATTRIBUTION_DAYS + REFUND_DAYS + 1)).min()
    assert f"0 of the {len(later)} briefed since" in refusal.value.received
    assert f"the next one matures on {ripe:%Y-%m-%d}" in refusal.value.received
    advised = re.search(r"--as-of (\S+) or earlier \((\d+) campaigns", refusal.value.look)
    assert advised is not None
    cut = pd.Timestamp(advised[1], tz="UTC")
    assert int(advised[2]) == (campaigns["briefed_at"] < cut).sum()
    # The advice is good: that cut-off passes, and a day later does not.
    off_policy_run._check_ripe(open_marketplace(small_market), advised[1])
    with pytest.raises(TrainingError):
        off_policy_run._check_ripe(open_marketplace(small_market), f"{cut + pd.Timedelta(days=1):%Y-%m-%d}")


def test_without_a_champion_it_says_so(home, small_market):
    with pytest.raises(BundleError):
        off_policy_run.evaluate_policy(small_market)


def test_a_champion_is_judged_on_campaigns_after_its_cutoff_alone(quick, small_market, rankers, monkeypatch):
    briefed = open_marketplace(small_market).frame("campaigns").set_index("campaign_id")["briefed_at"]
    day = briefed[list(quick.log.campaign_ids)].sort_values().iloc[10].floor("D")
    bundle = dataclasses.replace(rankers["expected_value"].bundle, as_of=f"{day:%Y-%m-%d}")
    monkeypatch.setattr("training.off_policy.run.load_champion", lambda: bundle)
    report = off_policy_run.evaluate_policy(small_market, top=30)
    later = briefed[list(quick.log.campaign_ids)] >= day
    assert report.value.campaigns == later.sum()
    assert report.left_out[f"briefed before the champion's cut-off, {day:%Y-%m-%d}"] == (~later).sum()


class Seen:
    """A booster that remembers which campaigns it was fitted on, and may not be asked about them.

    Signals are replaced by the campaign's number, so a row says where it is from.
    """

    def __init__(self, X: np.ndarray) -> None:
        self.campaigns = set(X[:, 0].tolist())

    def predict(self, X: np.ndarray, **_: object) -> np.ndarray:
        assert self.campaigns
        assert self.campaigns.isdisjoint(X[:, 0].tolist())
        return np.zeros(len(X))


def test_no_chance_is_told_by_a_model_that_saw_the_campaign(data, monkeypatch):
    monkeypatch.setattr(log_module, "fit_booster", lambda X, *_, **__: Seen(X))
    log = data.log
    told = log_module.model_chances(log, np.repeat(log.campaign.astype(float)[:, None], 2, axis=1))
    # Nothing said beyond the part that the list invited.
    size, picked = log.per_campaign(np.ones(len(log))), log.per_campaign(log.listed.astype(float))
    np.testing.assert_allclose(told, ((picked + 0.5) / (size + 1.0))[log.campaign])
    alone = log.take(np.arange(len(log.campaign_ids)) == 0)
    assert np.isfinite(log_module.model_chances(alone, np.zeros((len(alone), 2)))).all()


def test_no_profit_is_told_by_a_model_that_saw_the_campaign(training_data, monkeypatch):
    asked = []

    def spy(_target, part, X, **_):
        assert set(part.campaign.tolist()).isdisjoint(X[:, 0].tolist())
        asked.append(set(X[:, 0].tolist()))
        return np.zeros(len(X))

    monkeypatch.setattr(log_module, "_mean_of", spy)
    campaign = training_data.campaign
    log_module.model_profits(training_data, campaign.astype(float)[:, None], training_data.economics, campaign)
    assert set.union(*asked) == set(campaign.tolist())
    assert len(asked) == 4 * log_module.FOLDS


def test_folds_hold_whole_campaigns_in_equal_shares():
    campaign = np.repeat(np.arange(23), np.arange(1, 24))
    fold = log_module.campaign_folds(campaign, seed=3)
    assert all(len(set(fold[campaign == one].tolist())) == 1 for one in range(23))
    sizes = np.bincount([fold[campaign == one][0] for one in range(23)])
    assert len(sizes) == log_module.FOLDS
    assert np.ptp(sizes) <= 1
    assert log_module.campaign_folds(np.zeros(4, dtype=np.int64), seed=3).tolist() == [0] * 4
