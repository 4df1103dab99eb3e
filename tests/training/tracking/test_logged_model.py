"""A bundle as MLflow's own model: in a process that knows MLflow alone, verified, with the scores that are served."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from features.briefs import read_briefs
from features.indices import index_scores
from features.signals import build_matrix, eligible_pairs
from features.snapshot import build_snapshot
from marketplace.errors import BundleError
from marketplace.signature import Signer
from marketplace.tables import open_marketplace
from models.batch import frame_of, score_frame
from models.bundle import bundle_folder, read_signer, save_bundle
from models.ranking import rank
from tests.training.tracking.test_promote import small_bundle
from training.tracking.logged_model import logged_model
from training.tracking.registry import CHAMPION, point_alias, register
from training.tracking.store import open_mlflow

ROOT = Path(__file__).resolve().parents[3]
URI = f"models:/collabrank@{CHAMPION}"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for sys.path with the entry points that an installed collabrank has."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    folder = tmp_path_factory.mktemp("installed")
    told = folder / "collabrank-0.1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: collabrank\nVersion: 0.1.0\n")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in each.items()) for group, each in declared.items()]
    (told / "entry_points.txt").write_text("\n".join(lines))
    return folder


def environment(store, plugin: Path) -> dict[str, str]:
    """Of a process that is told of the store and the home, and of nothing else."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    path = os.pathsep.join([str(plugin), str(ROOT)])
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    mine = {"MLFLOW_TRACKING_URI": store.uri, "PYTHONPATH": path, "PATH": programs}
    return kept | mine | {"MLFLOW_DISABLE_TELEMETRY": "true"}


def kept(store, bundle, example: pd.DataFrame) -> str:
    """A registered, aliased version of ``bundle``; the id of its logged model."""
    with store.run("a ranker") as run, logged_model(run, bundle.ranker, params={"seed": 7}) as model:
        folder = bundle_folder().parent / "made" / "bundle"
        save_bundle(replace(bundle, run_id=run.id), folder, read_signer())
        run.folder(folder, "bundle")
        run.metrics({"ndcg_at_10": 0.5}, model=model.id)
        model.keep(folder, bundle, example)
    point_alias(store, CHAMPION, register(run, description="", tags={}, model=model))
    return model.id


def candidates(bundle, rows: int = 40) -> pd.DataFrame:
    """Made-up candidates of two campaigns, a few numbers unknown."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"campaign_id": np.repeat(["c1", "c2"], rows // 2), "creator_id": [f"k{i}" for i in range(rows)]}
    )
    terms = {"margin_rate": 0.4, "commission_rate": 0.1, "flat_fee_usd": 20.0, "sample_cost_usd": 5.0}
    known = {name: rng.uniform(0, 100, rows) for name in bundle.index_names}
    signals = {name: rng.normal(size=rows) for name in bundle.signals}
    made = frame.assign(**terms, **known, **signals)
    made.loc[[1, 7], [bundle.index_names[0], bundle.signals[1]]] = np.nan
    return made


def artifacts_of(home: Path, model: str) -> Path:
    return home / "var" / "mlflow" / "artifacts" / "models" / model / "artifacts"


def test_it_says_what_goes_in_and_holds_no_pickle_and_no_path_of_this_machine(store, home):
    bundle = small_bundle(0)
    model = kept(store, bundle, candidates(bundle).head(3))
    folder = artifacts_of(home, model)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"MLmodel", "model_code.py", "requirements.txt", "input_example.json", "artifacts/bundle/signature"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib"))]
    said = (folder / "MLmodel").read_text()
    assert "pickle" not in said
    assert str(ROOT) not in said
    assert "file:" not in said
    pinned = (folder / "requirements.txt").read_text().split()
    assert all("==" in line for line in pinned)
    assert {line.split("==")[0] for line in pinned} >= {"collabrank", "lightgbm", "mlflow", "numpy", "pandas"}
    loaded = open_mlflow().pyfunc.load_model(URI)
    inputs = loaded.metadata.signature.inputs
    assert inputs.input_names() == list(candidates(bundle))
    assert {str(kind) for kind in inputs.input_types()} == {"DataType.string", "DataType.double"}
    example = loaded.input_example
    assert len(example) == 3
    pd.testing.assert_frame_equal(loaded.predict(example), score_frame(bundle, example))
    (version,) = store.client.search_model_versions("name='collabrank'")
    told = store.client.get_logged_model(model)
    assert json.loads(told.tags["mlflow.modelVersions"]) == [{"name": "collabrank", "version": 1}]
    assert told.status.value == "READY"
    assert {one.key: one.value for one in told.metrics} == {"ndcg_at_10": 0.5}
    assert [one.model_id for one in store.client.get_run(version.run_id).outputs.model_outputs] == [model]


def test_a_process_that_knows_mlflow_alone_loads_it_in_a_copied_home_too(store, home, plugin, tmp_path):
    bundle = small_bundle(1)
    frame = candidates(bundle)
    kept(store, bundle, frame.head(5))
    frame.to_parquet(tmp_path / "in.parquet")
    copy = tmp_path / "copied home"
    shutil.copytree(home, copy)
    code = (
        "import sys, mlflow, pandas as pd\n"
        f"model = mlflow.pyfunc.load_model('{URI}')\n"
        "model.predict(pd.read_parquet(sys.argv[1])).to_parquet(sys.argv[2])\n"
    )
    shutil.rmtree(home / "var" / "mlflow")
    address = f"sqlite:///{copy}/var/mlflow/mlflow.db"
    alone = environment(store, plugin) | {"MLFLOW_TRACKING_URI": address, "COLLABRANK_HOME": str(copy)}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "in.parquet", tmp_path / "out.parquet"],
        env=alone, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "out.parquet"), score_frame(bundle, frame), check_exact=True
    )


@pytest.mark.parametrize("meddled", ["heads/lift.txt", "bundle.json", "signature"])
def test_a_bundle_that_was_changed_or_is_signed_by_another_is_not_loaded(store, home, meddled):
    bundle = small_bundle(2)
    folder = artifacts_of(home, kept(store, bundle, candidates(bundle).head(3))) / "artifacts" / "bundle"
    content = (folder / meddled).read_bytes()
    if meddled == "signature":
        content = Signer.new().sign((folder / "bundle.json").read_bytes()) + b"\n"
    else:
        content += b"\n"
    (folder / meddled).write_bytes(content)
    with pytest.raises(BundleError):
        open_mlflow().pyfunc.load_model(URI)


def test_a_home_without_the_public_key_loads_nothing(store, home):
    bundle = small_bundle(2)
    kept(store, bundle, candidates(bundle).head(3))
    (home / "var" / "keys" / "public_key.pem").unlink()
    with pytest.raises(BundleError, match="public key"):
        open_mlflow().pyfunc.load_model(URI)


def test_a_model_whose_making_failed_is_marked_so(store):
    with (
        pytest.raises(ZeroDivisionError),
        store.run("a ranker") as run,
        logged_model(run, "broken", params={}) as model,
    ):
        _ = 1 / 0
    assert store.client.get_logged_model(model.id).status.value == "FAILED"


def test_columns_that_are_missing_are_named():
    bundle = small_bundle(0)
    frame = candidates(bundle)
    with pytest.raises(BundleError, match="without commission_rate, two"):
        score_frame(bundle, frame.drop(columns=["commission_rate", "two"]))
    shuffled = frame.sample(frac=1.0, random_state=1)
    again = score_frame(bundle, shuffled[list(frame)[::-1]]).sort_index()
    pd.testing.assert_frame_equal(again, score_frame(bundle, frame), check_exact=True)


def test_its_scores_are_those_that_are_served(store, rankers, small_market):
    """The same bits as ranking from a snapshot, which is the service's way."""
    market = open_marketplace(small_market)
    campaign = market.frame("campaigns").sort_values(["briefed_at", "campaign_id"])["campaign_id"].iloc[-1]
    for ranker in rankers.values():
        bundle = ranker.bundle
        pairs, briefs = eligible_pairs(market, [campaign]), read_briefs(market, [campaign])
        matrix = build_matrix(market, pairs)[list(bundle.signals)].to_numpy(dtype=np.float64)
        frame = frame_of(bundle, pairs, X=matrix, indices=index_scores(market, pairs), briefs=briefs)
        kept(store, bundle, frame.head(5))
        told = open_mlflow().pyfunc.load_model(URI).predict(frame).set_index("creator_id")
        brief = briefs[campaign]
        snapshot = build_snapshot(market, brief.briefed_at)
        rows, _ = snapshot.candidates(brief, {})
        served = rank(
            bundle, snapshot.matrix(brief, rows), snapshot.indices(brief, rows), snapshot.creator_ids[rows], brief,
            top=len(rows), explain=False,
        )  # fmt: skip
        told = told.loc[[one.creator_id for one in served]]
        assert len(told) == len(frame)
        assert told["rank"].to_list() == [one.position for one in served]
        assert told["score"].to_list() == [one.score for one in served]
        assert told["utility_usd"].to_list() == [one.utility.expected for one in served]
        assert told["lift_high"].to_list() == [one.lift.high for one in served]


@pytest.mark.slow
def test_mlflow_serves_it_over_http(store, home, plugin, tmp_path):
    bundle = small_bundle(4)
    frame = candidates(bundle)
    kept(store, bundle, frame.head(5))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["-m", "mlflow", "models", "serve", "-m", URI, "--env-manager", "local", "--host", "127.0.0.1"]
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, *words, "--port", str(port), "--workers", "1"],
            env=environment(store, plugin), stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        for _ in range(300):
            try:
                httpx.get(f"http://127.0.0.1:{port}/ping", timeout=2).raise_for_status()
                break
            except httpx.HTTPError:
                assert server.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.2)
        split = frame.astype(object).where(frame.notna(), None).to_dict(orient="split")
        body = {"dataframe_split": {name: split[name] for name in ("columns", "data")}}
        answer = httpx.post(f"http://127.0.0.1:{port}/invocations", json=body, timeout=60)
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)
    assert answer.status_code == 200, answer.text
    told = pd.DataFrame(answer.json()["predictions"])
    pd.testing.assert_frame_equal(told, score_frame(bundle, frame), check_exact=True)
