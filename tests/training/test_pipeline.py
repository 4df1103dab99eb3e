"""``train`` from the tables to the registry, then promote, evaluate, score and rank through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from marketplace.errors import BriefError, BundleError, ContractError, DateError, FileError, TrainingError
from marketplace.tables import open_marketplace, read_truth
from models.bundle.disk import bundle_folder
from training.commands import app
from training.data.splits import split_of
from training.heads.hyperparameters import DEFAULT
from training.pipeline import TrainResult, train
from training.scoring import SCORES, rank_brief, score_marketplace
from training.stats.significance import paired_randomisation_test
from training.tracking.compare import compare_runs
from training.tracking.experiment import DATA
from training.tracking.ledger import Ledger
from training.tracking.registry import CHALLENGER, aliased, find_version
from training.tracking.standing import evidence_of_version, open_version
from training.tracking.store import Store, open_store

METRICS = {"oracle_gain_share_at_20", "ndcg_at_10", "map", "auc_within_campaign"}


@pytest.fixture(scope="module")
def trained(small_market: Path, tmp_path_factory: pytest.TempPathFactory):
    """One training run in a home of its own; the home stays set while this module's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        store = open_store()
        yield store, train(small_market, store=store)


@pytest.fixture(scope="module")
def promoted(trained: tuple[Store, TrainResult]) -> dict:
    """The challenger, promoted by the command."""
    answer = CliRunner().invoke(app, ["promote", "--force", "--reason", "for the tests", "--json"])
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_two_versions_and_the_challenger(trained):
    store, result = trained
    assert {ranker.name for ranker in result.rankers} == {"lambdarank", "expected_value"}
    assert result.challenger == result.rankers[-1].version
    assert aliased(store, CHALLENGER).number == result.challenger
    version = find_version(store, result.challenger)
    assert "Held out" in version.description
    assert version.tags["ranker"] == result.rankers[-1].name


def test_a_version_says_what_changed_what_it_beat_where_and_by_which_test(trained):
    store, result = trained
    for ranker in result.rankers:
        version = find_version(store, ranker.version)
        evidence = store.read_json(ranker.run_id, "evidence.json")
        rankers = evidence["metrics"]["oracle_gain_share_at_20"]
        ours, theirs = rankers["candidate"], rankers[version.tags["compared_with"]]
        wins, ties, losses = (int(n) for n in version.tags["win_tie_loss"].split("/"))
        assert wins == sum(a > b + 1e-12 for a, b in zip(ours, theirs, strict=True))
        assert wins + ties + losses == int(version.tags["campaigns"]) == 20
        assert float(version.tags["difference"]) == pytest.approx(np.mean(ours) - np.mean(theirs), abs=1e-4)
        assert version.tags["campaigns_from"] == f"{result.cutoff:%Y-%m-%d}"
        assert version.tags["changed"] in version.description
        assert "paired randomisation test" in version.description
        registered = Ledger().registration_of(ranker.run_id)
        assert registered is not None
        assert registered.version == ranker.version
        opened = open_version(store, version, Ledger())
        assert opened.bundle.evidence_sha256 == registered.evidence_sha256
        assert evidence_of_version(store, opened).held_out == version.tags["held_out"] == registered.held_out


def test_a_run_says_how_well_conversion_holds_before_the_cutoff(trained):
    store, result = trained
    found = result.conversion
    assert found is not None
    assert pd.Timestamp(found.fitted_on, tz="UTC") + pd.Timedelta(days=56) <= result.cutoff
    run = store.client.get_run(result.rankers[0].run_id)
    parent = store.client.get_run(run.data.tags["mlflow.parentRunId"])
    assert parent.data.metrics["conversion/all/sold_over_told"] == pytest.approx(found.all.ratio)
    assert store.read_json(parent.info.run_id, "conversion.json") == found.as_dict()
    assert store.fetch(parent.info.run_id, "conversion.txt").read_text().startswith(found.headline)
    assert str(result).endswith(found.headline)
    assert result.as_dict()["conversion"]["off"] == list(found.off)


def test_runs_belong_to_the_marketplace_and_carry_its_shape(trained, small_market):
    store, result = trained
    fingerprint = open_marketplace(small_market).fingerprint()
    for ranker in result.rankers:
        run = store.client.get_run(ranker.run_id)
        experiment = store.client.get_experiment(run.info.experiment_id)
        assert (experiment.name, experiment.tags[DATA]) == (small_market.name, fingerprint)
        assert run.info.run_name == f"{ranker.name} v{ranker.version}"
        assert {name: run.data.params[name] for name in DEFAULT.as_dict()} == {
            name: str(value) for name, value in DEFAULT.as_dict().items()
        }


def test_the_parent_carries_the_headline_metrics_of_the_challenger_and_the_same_name_is_the_same_number(trained):
    store, result = trained
    runs = {ranker.version: store.client.get_run(ranker.run_id) for ranker in result.rankers}
    challenger = runs[result.challenger]
    parent = store.client.get_run(challenger.data.tags["mlflow.parentRunId"])
    assert set(parent.data.metrics) >= {*METRICS, "validation_share"}
    shared = set(parent.data.metrics) & set(challenger.data.metrics)
    assert {name: parent.data.metrics[name] for name in shared} == {
        name: challenger.data.metrics[name] for name in shared
    }
    for ranker in result.rankers:
        logged = runs[ranker.version].data.metrics
        for row in result.comparison.rows:
            if row.ranker == ranker.name:
                assert logged[row.metric] == row.estimate
        (output,) = runs[ranker.version].outputs.model_outputs
        model = store.client.get_logged_model(output.model_id)
        assert model.status.value == "READY"
        assert {one.key: one.value for one in model.metrics}.items() <= logged.items()
        assert "ndcg_at_10" in {one.key for one in model.metrics}
        assert store.client.get_model_version("collabrank", ranker.version).source == model.artifact_location


def test_compare_reads_what_train_recorded(trained):
    store, result = trained
    one, other = (ranker.version for ranker in result.rankers)
    found = compare_runs([str(one), str(other)], store=store)
    assert found.metric == "oracle_gain_share_at_20"
    values = [result.comparison.values[found.metric][ranker.name] for ranker in result.rankers]
    assert found.tests[0] == paired_randomisation_test(values[1], values[0])
    by_share = compare_runs([str(one), str(other)], metric="validation_share", store=store)
    assert by_share.campaigns != found.campaigns


def test_runs_hold_what_a_reader_looks_for(trained):
    store, result = trained
    for ranker in result.rankers:
        run = store.client.get_run(ranker.run_id)
        assert set(run.data.metrics) >= {*METRICS, "validation_share", "head/lift/loss", "head/lift/constant_loss"}
        assert any(name.startswith("slice/") for name in run.data.metrics)
        parent = store.client.get_run(run.data.tags["mlflow.parentRunId"])
        assert parent.data.params["seed"] == "7"
        assert len(parent.data.params["data_fingerprint"]) == 64
        # What was asked for is alike in all: a comparison of runs shows what they made of it.
        assert parent.data.params.items() <= run.data.params.items()
        # MLflow compares runs by the first parameters, by name, in which they differ, and by their first metric.
        assert min(run.data.params.keys() - parent.data.params.keys()) == "ranker"
        assert {next(iter(one.data.metrics)) for one in (parent, run)} == {"oracle_gain_share_at_20"}
        for one in (parent, run):
            seen = {i.dataset.name: i.dataset.digest for i in one.inputs.dataset_inputs}
            assert set(seen) == {"training invitations", "held-out candidates"}
            assert len(set(seen.values())) == 2
            assert {len(digest) for digest in seen.values()} == {12}
        for path in ("calibration", "gain", "importance", "by_market", "by_follower_tier"):
            assert store.fetch(ranker.run_id, f"figures/{path}.png").stat().st_size > 2_000
        assert store.fetch(ranker.run_id, "heads/lift.txt").read_text().startswith("tree")
        evidence = store.read_json(ranker.run_id, "evidence.json")
        rankers = set(evidence["metrics"]["oracle_gain_share_at_20"])
        assert rankers >= {"candidate", "gmv", "category_gmv", "followers"}
        assert not rankers & {"lambdarank", "expected_value"}


def test_better_than_chance_on_campaigns_never_seen(trained):
    _, result = trained
    for ranker in result.rankers:
        assert result.comparison.row(ranker.name, "oracle_gain_share_at_20").low > 0


def test_promoted_then_measured_beside_the_baselines(promoted, small_market):
    assert promoted["version"] > 0
    answer = CliRunner().invoke(app, ["evaluate", str(small_market), "--json"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert {row["ranker"] for row in found["rows"]} >= {"champion", "category_gmv", "random", "indices_only"}
    assert len(found["campaigns"]) == 20


def test_score_covers_every_eligible_pair_once_and_rank_agrees(promoted, small_market, tmp_path):
    out = tmp_path / "deep" / "scores.parquet"
    made = score_marketplace(small_market, out)
    scores = pd.read_parquet(out)
    assert made.rows == len(scores) > 0
    pd.testing.assert_frame_equal(made.to_frame(), scores)
    assert list(scores.columns) == SCORES.names
    assert [p.name for p in out.parent.iterdir()] == ["scores.parquet"]
    assert not scores.duplicated(["campaign_id", "creator_id"]).any()
    truth = read_truth(small_market, "outcomes")
    merged = truth.merge(scores, on=["campaign_id", "creator_id"], how="left")
    assert merged["score"].notna().all()
    for _, group in scores.groupby("campaign_id"):
        assert group["rank"].tolist() == list(range(1, len(group) + 1))
        assert (np.diff(group["score"]) <= 0).all()
    last = scores["campaign_id"].iloc[-1]
    ranking = rank_brief(small_market, campaign=last, top=5)
    mine = scores[scores["campaign_id"] == last].head(5)
    assert [one.creator_id for one in ranking.creators] == mine["creator_id"].to_list()
    np.testing.assert_array_equal([one.score for one in ranking.creators], mine["score"])
    np.testing.assert_array_equal([one.utility.expected for one in ranking.creators], mine["utility_usd"])
    assert ranking.considered == int((scores["campaign_id"] == last).sum())


def test_the_ending_says_the_format_and_every_format_says_the_same(promoted, small_market, tmp_path):
    some = list(open_marketplace(small_market).frame("campaigns")["campaign_id"][:2])
    kept = score_marketplace(small_market, campaigns=some)
    made = [
        score_marketplace(small_market, tmp_path / f"s{end}", campaigns=some) for end in (".csv", ".parquet", ".CSV")
    ]
    assert (tmp_path / "s.csv").read_bytes() == (tmp_path / "s.CSV").read_bytes()
    assert (tmp_path / "s.csv").read_text().splitlines()[0].replace('"', "") == ",".join(SCORES.names)
    for one in made:
        pd.testing.assert_frame_equal(one.to_frame(), kept.to_frame())
        assert one.rows == kept.rows == len(kept.to_frame())
    assert set(kept.to_frame()["campaign_id"]) == set(some)
    with pytest.raises(FileError, match=r"parquet or \.csv"):
        score_marketplace(tmp_path / "no marketplace", tmp_path / "s.json")
    with pytest.raises(ContractError, match="nobody's"):
        score_marketplace(small_market, campaigns=["nobody's"])
    (tmp_path / "s.csv").unlink()
    with pytest.raises(FileError, match=r"s\.csv"):
        made[0].to_frame()


def test_rank_takes_an_inline_brief(promoted, small_market, tmp_path):
    market = open_marketplace(small_market)
    campaign = market.frame("campaigns").iloc[0]
    body = {"market": campaign["market"], "category_id": campaign["category_id"], "commission_rate": 0.1}
    file = tmp_path / "brief.json"
    file.write_text(json.dumps({"brief": body}))
    answer = CliRunner().invoke(app, ["rank", str(small_market), "--brief", str(file), "--top", "3", "--json"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert [one["position"] for one in found["creators"]] == [1, 2, 3]
    assert found["creators"][0]["reasons"]


def test_rank_refuses_neither_both_and_nonsense(promoted, small_market, tmp_path):
    with pytest.raises(BriefError, match="one of"):
        rank_brief(small_market)
    with pytest.raises(BriefError, match="one of"):
        rank_brief(small_market, campaign="c", brief=tmp_path / "b.json")
    for content in ("[1]", "{", '{"brief": 3}'):
        (tmp_path / "b.json").write_text(content)
        with pytest.raises(BriefError, match="JSON"):
            rank_brief(small_market, brief=tmp_path / "b.json")
    with pytest.raises(BriefError):
        rank_brief(small_market, campaign="no such campaign")


def test_a_bundle_for_other_signals_is_refused(promoted, monkeypatch, small_market):
    monkeypatch.setattr("models.bundle.champion.signals_sha256", lambda _: "0" * 64)
    with pytest.raises(BundleError, match="contract"):
        rank_brief(small_market, campaign="any")


def test_a_score_that_fails_leaves_the_old_file(promoted, monkeypatch, small_market, tmp_path):
    from training import scoring

    out = tmp_path / "scores.parquet"
    out.write_bytes(b"old")

    def broken(*args):
        raise OSError("disk full")

    monkeypatch.setattr(scoring, "score_campaigns", broken)
    with pytest.raises(OSError, match="disk full"):
        score_marketplace(small_market, out)
    assert out.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["scores.parquet"]


def test_without_a_champion_there_is_nothing_to_score(home, small_market, tmp_path):
    assert not bundle_folder().exists()
    with pytest.raises(BundleError):
        score_marketplace(small_market, tmp_path / "scores.parquet")


def test_as_of_moves_the_cut_off(small_market):
    market = open_marketplace(small_market)
    default = split_of(market, None)
    same = split_of(market, f"{default.cutoff:%Y-%m-%d}")
    assert same.cutoff == default.cutoff
    assert set(same.train) | set(same.held_out) == set(default.train) | set(default.held_out)
    briefed = market.frame("campaigns", ["campaign_id", "briefed_at"]).set_index("campaign_id")["briefed_at"]
    assert (briefed[list(same.held_out)] >= same.cutoff).all()
    assert (briefed[list(same.train)] < same.cutoff).all()
    with pytest.raises(DateError, match="2025-02-01"):
        split_of(market, "yesterday-ish")
    with pytest.raises(TrainingError, match="a cut-off with campaigns before it"):
        split_of(market, "2099-01-01")
