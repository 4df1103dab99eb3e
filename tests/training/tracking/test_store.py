"""A real MLflow store in a temporary folder."""

from __future__ import annotations

import math
import os

import mlflow
import numpy as np
import pandas as pd
import pytest
import scipy.stats

from marketplace.errors import GateError, TrainingError
from training.figures import calibration_figure, gain_figure, importance_figure, slice_figure
from training.stats import METRICS
from training.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    aliased,
    fetch_bundle,
    find_version,
    newest,
    point_alias,
    register,
    tag_version,
)
from training.tracking.store import Store, default_tracking_uri, open_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store(f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db")


def test_default_store_lies_under_var(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path))
    assert default_tracking_uri() == f"sqlite:///{tmp_path}/var/mlflow/mlflow.db"


def test_environment_names_the_store(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    assert default_tracking_uri() == "https://mlflow.example"


@pytest.mark.parametrize("uri", ["file:///tmp/x", "./mlruns", "/tmp/mlruns"])
def test_folder_stores_are_refused(monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(TrainingError, match="sqlite"):
        open_store()


def test_a_store_that_cannot_be_opened_says_so(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(TrainingError, match="can be opened"):
        open_store(f"sqlite:///{tmp_path}/mlflow.db")


def test_telemetry_is_off(store):
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_run_keeps_what_it_is_given(store, tmp_path):
    (tmp_path / "heads").mkdir()
    (tmp_path / "heads" / "success.txt").write_text("tree")
    frame = pd.DataFrame({"signal": [1.0, 2.0], "grade": [0.0, 1.0]})
    with store.run("parent") as parent, store.run("child", parent=parent) as run:
        run.params({"seed": 7, "heads": {"a": 1}})
        run.metrics({"ndcg_at_10": 0.5, "undefined": math.nan, "slice/market=ID": 0.25})
        run.tags({"ranker": "lambdarank"})
        run.json({"b": [1.0, math.nan], "a": np.float64(2.0)}, "evidence.json")
        run.folder(tmp_path, "bundle")
        run.figure(slice_figure({"ID": (0.1, 0.0, 0.2)}, metric="ndcg_at_10", by="market"), "figures/slice.png")
        run.dataset(frame, source="/data/demo", name="demo", digest="f" * 64, context="training", target="grade")
    kept = store.client.get_run(run.id)
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {"seed": "7", "heads": "{'a': 1}"}
    assert kept.data.metrics == {"ndcg_at_10": 0.5, "slice/market-ID": 0.25}
    assert kept.data.tags["mlflow.parentRunId"] == parent.id
    assert kept.data.tags["ranker"] == "lambdarank"
    assert kept.inputs.dataset_inputs[0].dataset.name == "demo"
    assert kept.inputs.dataset_inputs[0].dataset.digest == "f" * 36
    assert store.read_json(run.id, "evidence.json") == {"a": 2.0, "b": [1.0, None]}
    assert (store.fetch(run.id, "bundle") / "heads" / "success.txt").read_text() == "tree"
    assert store.fetch(run.id, "figures/slice.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_that_raises_is_marked_failed(store):
    with pytest.raises(ZeroDivisionError), store.run("broken") as run:
        _ = 1 / 0
    assert store.client.get_run(run.id).info.status == "FAILED"


def test_a_missing_artifact_is_named(store):
    with store.run("empty") as run:
        pass
    with pytest.raises(TrainingError, match=r"evidence\.json"):
        store.read_json(run.id, "evidence.json")


def test_versions_aliases_and_tags(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(GateError, match="trained candidate"):
        newest(store)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "bundle.json").write_text("{}")
    made = []
    for ranker in ("expected_value", "lambdarank"):
        with store.run(ranker) as run:
            run.folder(bundle, "bundle")
            made.append(register(run, description=f"ranker {ranker}", tags={"ranker": ranker}))
    assert [version.number for version in made] == [1, 2]
    assert newest(store) == made[1]
    assert find_version(store, 1).description == "ranker expected_value"
    with pytest.raises(GateError, match="no such version"):
        find_version(store, 9)
    assert aliased(store, CHAMPION) is None
    point_alias(store, CHAMPION, made[0])
    point_alias(store, CHALLENGER, made[1])
    assert aliased(store, CHAMPION).number == 1
    point_alias(store, CHAMPION, None)
    point_alias(store, CHAMPION, None)
    assert aliased(store, CHAMPION) is None
    assert aliased(store, CHALLENGER).number == 2
    tag_version(store, made[1], {"promoted": True})
    assert find_version(store, 2).tags["promoted"] == "True"
    (tmp_path / "copy").mkdir()
    assert (fetch_bundle(store, made[1], tmp_path / "copy") / "bundle.json").read_text() == "{}"


def test_a_run_is_gone_on_with(store):
    with pytest.raises(ZeroDivisionError), store.run("broken") as run:
        _ = 1 / 0
    with store.run("broken", again=run.id) as same:
        assert store.client.get_run(run.id).info.status == "RUNNING"
    assert same.id == run.id
    assert store.client.get_run(run.id).info.status == "FINISHED"
    with store.run("fresh", again="0" * 32) as fresh:
        assert fresh.id != run.id


def test_runs_that_a_killed_process_left_are_failed_and_no_others(store):
    with store.run("parent") as parent, store.run("done", parent=parent) as done:
        pass
    tags = {"mlflow.parentRunId": parent.id}
    left = [store.client.create_run(store.experiment_id, tags=tags, run_name=name) for name in ("left", "under way")]
    for name in ("left", "done", "unknown"):
        store.fail_nested(parent.id, name)
    ids = [done.id, *(run.info.run_id for run in left)]
    assert [store.client.get_run(one).info.status for one in ids] == ["FINISHED", "FAILED", "RUNNING"]


def test_figures_take_empty_and_undefined_input():
    empty = pd.DataFrame({"predicted": [], "observed": [], "count": []})
    full = pd.DataFrame({"predicted": [0.1, 0.4], "observed": [0.2, 0.3], "count": [10, 30]})
    for figure in (
        calibration_figure({"success": full, "accept": empty}),
        gain_figure({"candidate": np.arange(20.0), "gmv": np.arange(20.0) / 2}, depth=20, what="USD"),
        importance_figure({"success": {"a": 3.0, "b": 0.0}, "lift": {"a": 1.0, "c": 2.0}}),
        slice_figure({"ID": (0.1, 0.0, 0.2), "MY": (math.nan, math.nan, math.nan)}, metric="m", by="market"),
    ):
        figure.canvas.draw()


def test_figures_say_their_interval_and_what_counts_most():
    axes = slice_figure({"ID": (0.1, 0.0, 0.2)}, metric="m", by="market").axes[0]
    assert axes.get_xlabel() == "m\nline: 95 % interval"
    assert [text.get_text() for text in axes.texts] == ["0.1 (0 to 0.2)"]
    words = {"a": "What a post sells.", "c": "How many posts."}
    importance = {"success": {"a": 3.0, "b": 0.0}, "lift": {"a": 1.0, "c": 1.0}}
    axes = importance_figure(importance, words=words).axes[0]
    assert axes.get_xlabel().endswith("most: What a post sells")


def test_figures_have_what_they_are_held_against():
    values = {"ID": (0.5, 0.4, 0.6), "MY": (0.7, 0.6, 0.8)}
    beside = {"best simple sort (gmv)": {"ID": 0.3, "TH": 0.1, "MY": math.nan}, "a random order": {"MY": 0.0}}
    figure = slice_figure(values, metric="success_auc of one", by="market", beside=beside)
    (axes,), (legend,) = figure.axes, figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(beside)
    drawn = {marks.get_label(): marks.get_offsets().tolist() for marks in axes.collections}
    assert {label: drawn[label] for label in beside} == {
        "best simple sort (gmv)": [[0.3, 1.0]],  # beside its own row: the first is on top
        "a random order": [[0.0, 0.0]],
    }
    said = axes.get_xlabel().replace("\n", " ")
    assert said == f"{METRICS['success_auc'].says} line: 95 % interval"
    (nothing,) = slice_figure({"ID": (math.nan,) * 3}, metric="m", by="market").axes[0].texts
    assert nothing.get_text() == "nothing here has campaigns enough"
    table = pd.DataFrame({"predicted": [0.1, 0.4], "observed": [0.2, 0.4], "count": [10, 30]})
    axes = calibration_figure({"success": table}).axes[0]
    constants = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"]
    assert constants == pytest.approx([(0.2 * 10 + 0.4 * 30) / 40])
    low, high = next(part.get_segments()[0][:, 1] for part in axes.collections if hasattr(part, "get_segments"))
    wilson = scipy.stats.binomtest(2, 10).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((wilson.low, wilson.high), abs=1e-6)
    axes = importance_figure({"success": {"a": 3.0, "b": 1.0}, "lift": {"a": 1.0, "b": 2.0}}).axes[0]
    assert [line.get_xdata()[0] for line in axes.lines] == [1.0]  # half of each of two heads


def test_a_dataset_is_described_as_mlflow_would_from_all_its_rows(store):
    frame = pd.DataFrame(
        {
            "words": ["a", "b", None, "d"],
            "whole": [1, 2, 3, 4],
            "missing": [0.5, np.nan, 1.5, np.nan],
            "nothing": [np.nan] * 4,
            "flag": [True, False, True, True],
            "at": pd.to_datetime(["2025-01-01", None, "2025-01-02", None], utc=True),
        }
    )
    with store.run("one") as run:
        run.dataset(frame, source="here", name="rows", digest="d" * 40, context="training", target="whole")
        (seen,) = store.client.get_run(run.id).inputs.dataset_inputs
    told = mlflow.data.from_pandas(
        frame, source="here", name="rows", digest="d" * 36, targets="whole"
    )._to_mlflow_entity()
    for name in ("name", "digest", "source_type", "source", "schema", "profile"):
        assert getattr(seen.dataset, name) == getattr(told, name)
