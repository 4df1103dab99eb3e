"""The whole evaluation of the small marketplace: champion, a stranger's file, the ceiling; table, JSON, figures."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from collabrank.doctor import findings
from features.signals.build import eligible_pairs
from marketplace.errors import BundleError, ContractError, TrainingError
from marketplace.signature import read_signer
from marketplace.tables import open_marketplace, read_truth
from models.bundle.disk import bundle_folder, save_bundle
from training import pipeline
from training.commands import app
from training.evaluation import ceiling as evaluate_ceiling
from training.evaluation import evaluate as module
from training.evaluation.ceiling import TOLD, ceiling_targets, noise_free_data
from training.evaluation.evaluate import Evaluation, evaluate_marketplace
from training.evaluation.figures import save_figures
from training.evaluation.held_out import gather_held_out
from training.evaluation.report import evaluation_text, print_evaluation
from training.off_policy import evaluate_policy
from training.scoring import rank_brief, score_marketplace
from training.stats import LEAST_CAMPAIGNS, METRICS


@pytest.fixture(scope="module")
def champion_home(rankers, tmp_path_factory):
    """A home whose champion is the small marketplace's pointwise ranker; set while this module's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(tmp_path_factory.mktemp("home")))
        shutil.rmtree(bundle_folder(), ignore_errors=True)
        save_bundle(rankers["expected_value"].bundle, bundle_folder(), read_signer())
        yield


@pytest.fixture(scope="module")
def held_out(small_market, small_split):
    """Gathered once: every evaluation of this module asks for the same campaigns."""
    return gather_held_out(open_marketplace(small_market), small_split.held_out, train_campaigns=small_split.train)


@pytest.fixture(scope="module")
def taught(small_market, small_split):
    """What the ceiling learns from."""
    return noise_free_data(open_marketplace(small_market), small_split.train, as_of=small_split.cutoff)


@pytest.fixture(scope="module")
def once(held_out, taught):
    """Evaluations of this module read what was gathered already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate_ceiling, "noise_free_data", lambda *_, **__: taught)
        patch.setattr(module, "gather_held_out", lambda *_, **__: held_out)
        yield


@pytest.fixture(scope="module")
def scores(small_market, small_split, tmp_path_factory) -> Path:
    """A stranger's file: true profit under noise, for every eligible creator of the held-out campaigns."""
    pairs = eligible_pairs(open_marketplace(small_market), small_split.held_out)
    truth = read_truth(small_market, "outcomes")
    rows = pairs.merge(truth, on=["campaign_id", "creator_id"], how="left")
    noise = np.random.default_rng(0).normal(0.0, 1.0, len(rows))
    file = tmp_path_factory.mktemp("stranger") / "scores.parquet"
    rows[["campaign_id", "creator_id"]].assign(score=rows["incremental_profit"] + noise).to_parquet(file)
    return file


@pytest.fixture(scope="module")
def found(champion_home, once, small_market, scores) -> Evaluation:
    return evaluate_marketplace(small_market, scores=scores, ceiling=True)


def test_everybody_is_measured_on_the_same_campaigns(found):
    whole = {row.ranker: row for row in found.standings if row.slice == "all" and row.metric == "regret_usd_at_20"}
    assert set(whole) >= {"champion", "file", "ceiling", "oracle", "random", "category_gmv", "indices_only"}
    assert {row.campaigns for row in whole.values()} == {20}
    assert whole["oracle"].estimate == 0.0
    assert whole["file"].estimate < whole["champion"].estimate < whole["random"].estimate
    assert found.standing("oracle", "oracle_gain_share_at_20").estimate == pytest.approx(1.0)
    assert found.standing("file", "oracle_gain_share_at_20").p_holm < 0.05
    with pytest.raises(TrainingError, match="ndcg"):
        found.standing("nobody", "ndcg_at_10")


def test_success_alone_foresees_delivery_better_than_profit_does(found):
    auc = {name: found.standing(name, "auc_within_campaign").estimate for name in ("champion", "champion_success")}
    assert auc["champion_success"] > auc["champion"]
    shares = [found.standing(name, "oracle_gain_share_at_20").estimate for name in ("champion", "champion_success")]
    assert shares[0] > shares[1]
    assert all(np.isnan(row.p_holm) for row in found.standings if row.ranker == "champion_success")


def test_the_ceiling_stands_between_champion_and_oracle(found):
    share = {
        name: found.standing(name, "oracle_gain_share_at_20").estimate for name in ("champion", "ceiling", "oracle")
    }
    assert share["champion"] < share["ceiling"] < share["oracle"]


def test_standings_hold_the_comparison_and_its_slices(found):
    whole = [row for row in found.standings if row.slice == "all"]
    assert whole == list(found.comparison.rows)
    assert {row.metric for row in whole} == set(found.comparison.metrics) == set(METRICS)
    assert found.comparison.counts["campaigns_by_chance"] > 0
    # A metric of predictions has those alone that tell a probability.
    assert [row.ranker for row in whole if row.metric == "success_brier"] == ["champion"]


def test_all_slices_calibration_and_coverage_are_there(found):
    # Of 20 campaigns no market or category has the eight that a slice needs.
    assert {row.slice.split("=")[0] for row in found.standings} >= {"all", "follower_tier", "creator"}
    # A ranker with fewer values than the others in a slice is shown there, without an interval.
    assert all(np.isnan([row.low, row.high]).all() for row in found.standings if row.campaigns < LEAST_CAMPAIGNS)
    assert min(row.campaigns for row in (*found.readings, *found.coverages) if row.slice != "all") >= LEAST_CAMPAIGNS
    whole = {(row.quantity, row.against) for row in found.readings if row.slice == "all"}
    assert whole == {
        *((q, e) for q in ("accept", "success", "lift", "attributed", "utility") for e in ("truth", "logged")),
        ("lift", "realised"),
    }
    assert {row.level for row in found.coverages} == {0.8, 0.9}
    assert any(row.slice.startswith("creator=") for row in found.coverages)
    for row in found.coverages:
        if row.slice == "all":
            assert 0.6 < row.coverage <= 1.0


def test_noise_free_data_is_the_truth_of_the_invited(small_market, small_split, taught):
    market, data = open_marketplace(small_market), taught
    invited = market.frame("invitations", ["campaign_id", "creator_id"]).drop_duplicates()
    assert len(data) == int(invited["campaign_id"].isin(small_split.train).sum())
    assert set(data.rows["campaign_id"]) <= set(small_split.train)
    truth = data.rows[["campaign_id", "creator_id"]].merge(read_truth(small_market, "outcomes"), how="left")
    for told, label in TOLD.items():
        np.testing.assert_array_equal(data.column(label), truth[told])
    assert (np.diff(data.campaign) >= 0).all()
    for target in ceiling_targets(data):
        assert target.rows.all()


def test_a_real_marketplace_has_no_ceiling(small_market, small_split, tmp_path):
    folder = tmp_path / "real"
    folder.mkdir()
    for table in Path(small_market).iterdir():
        if table.name != "truth":
            (folder / table.name).symlink_to(table)
    with pytest.raises(TrainingError, match="simulated"):
        noise_free_data(open_marketplace(folder), small_split.train, as_of=small_split.cutoff)


def test_report_says_all_of_it_in_plain_text(found):
    out = io.StringIO()
    print_evaluation(found, file=out)
    text = out.getvalue()
    assert text == evaluation_text(found) + "\n"
    assert text.isascii()
    assert "\x1b" not in text
    for words in (
        "regret_usd_at_20", "p Holm", "by slice", "creator=", "follower_tier=", "Predicted against observed",
        "How often the interval holds the truth", "lift 90%", "noise-free truth", "file: ", "less is better",
        "Mean lift of the champion's first 20",
    ):  # fmt: skip
        assert words in text
    json.dumps(found.as_dict(), allow_nan=False)


def test_report_is_a_table_on_a_terminal(found):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    print_evaluation(found, file=out)
    assert "┃" in out.getvalue() or "│" in out.getvalue()


def test_figures_are_saved(found, tmp_path):
    files = save_figures(found, tmp_path / "made" / "here")
    assert {file.stem for file in files} >= {
        "rankers_regret_usd_at_20", "slices_oracle_gain_share_at_20", "calibration_probability_truth",
        "calibration_money_logged", "coverage_lift_expected", "coverage_lift_realised", "coverage_utility_expected",
    }  # fmt: skip
    assert all(file.stat().st_size > 2_000 for file in files)


def test_the_command_takes_a_file_and_answers_in_json(champion_home, once, small_market, scores):
    answer = CliRunner().invoke(app, ["evaluate", str(small_market), "--scores", str(scores), "--json"])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert set(told) >= {"rows", "standings", "quantities", "coverage", "file", "slices", "counts"}
    assert told["champion"] == "champion"
    assert told["file"]["ranked_last"] == 0


def test_a_file_without_a_champion_stands_beside_the_baselines(once, small_market, scores, home):
    found = evaluate_marketplace(small_market, scores=scores)
    assert found.reference == "file"
    assert found.readings == ()
    assert found.standing("random", "oracle_gain_share_at_20").p_holm < 0.05
    assert "file against the ranker" in evaluation_text(found)
    with pytest.raises(BundleError):
        evaluate_marketplace(small_market)


def test_a_bad_file_is_refused_before_anything_is_built(champion_home, small_market, scores, tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("the file comes first")

    monkeypatch.setattr(module, "gather_held_out", never)
    bad = tmp_path / "bad.csv"
    pd.read_parquet(scores).iloc[1:].assign(score=np.nan).to_csv(bad, index=False)
    answer = CliRunner().invoke(app, ["evaluate", str(small_market), "--scores", str(bad)])
    assert isinstance(answer.exception, ContractError)
    assert "empty or NaN" in answer.exception.received
    assert "without a row" in answer.exception.received
    wrong = CliRunner().invoke(app, ["evaluate", str(small_market), "--missing", "first"])
    assert wrong.exit_code == 2


def test_the_first_twenty_have_a_mean_lift_with_its_interval(found):
    told = found.as_dict()["first_20_lift"]
    assert told["campaigns"] == len(found.firsts) == len({one.campaign_id for one in found.firsts}) > 3
    for one in found.firsts:
        assert one.low < one.mean < one.high
        assert 1 <= one.rows <= 20
        assert np.isfinite(one.truth)
        assert one.claims == (one.low > 0)
    assert told["holds_zero"] == sum(row["low"] <= 0 <= row["high"] for row in told["rows"])
    assert told["holds_truth"] == sum(row["low"] <= row["truth"] <= row["high"] for row in told["rows"])


def test_a_champion_of_other_signals_is_refused_everywhere(champion_home, once, small_market, scores, monkeypatch):
    """One loader: what `rank` refuses, `evaluate` refuses too, before anything is built."""

    def never(*_, **__):
        raise AssertionError("the champion comes first")

    monkeypatch.setattr(module, "gather_held_out", never)
    monkeypatch.setattr("models.bundle.champion.signals_sha256", lambda _: "f" * 64)
    for ask in (
        lambda: evaluate_marketplace(small_market),
        lambda: evaluate_marketplace(small_market, scores=scores),
        lambda: rank_brief(small_market, campaign="ca_0000"),
        lambda: score_marketplace(small_market, small_market / "never.parquet"),
        lambda: evaluate_policy(small_market),
    ):
        with pytest.raises(BundleError, match="signals of contract"):
            ask()
    monkeypatch.setattr(pipeline, "aliased", lambda *_: SimpleNamespace(number=1))
    assert pipeline._current_champion(None, cutoff=pd.Timestamp("2100-01-01", tz="UTC")) == {}
    assert [(one.ok, "signals of contract" in one.seen) for one in findings() if one.name == "bundle"] == [
        (False, True)
    ]
