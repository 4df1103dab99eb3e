"""Artifacts by paths relative to the home: what becomes of them when a home is copied, moved, or meddled with."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from marketplace.errors import TrainingError
from training.artifacts import LOCATION, below, copied
from training.tracking.registry import fetch_bundle, register
from training.tracking.store import open_store


def bytes_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def one_run(folder: Path) -> str:
    """A run with one bundle of one file in the current home's store."""
    made = folder / "bundle"
    made.mkdir(exist_ok=True)
    (made / "bundle.json").write_text("{}")
    with open_store().run("one") as run:
        run.text("said", "notes/words.txt")
        run.folder(made, "bundle")
        register(run, description="", tags={})
    return run.id


def absolute(home: Path) -> None:
    """Make the store of ``home`` what an earlier version left: absolute paths."""
    folder = (home / "var" / "mlflow" / "artifacts").as_uri()
    with sqlite3.connect(home / "var" / "mlflow" / "mlflow.db") as store:
        store.execute("UPDATE experiments SET artifact_location = ? WHERE name = 'collabrank'", [folder])
        for table, column in (("runs", "artifact_uri"), ("model_versions", "source")):
            store.execute(f"UPDATE {table} SET {column} = replace({column}, 'mlflow-artifacts:', ?)", [folder])
    store.close()


@pytest.mark.parametrize("earlier", [False, True], ids=["this layout", "absolute paths"])
def test_a_copied_home_writes_into_itself_alone(store, home, tmp_path_factory, monkeypatch, earlier):
    first = one_run(home)
    if earlier:
        absolute(home)
    before = bytes_of(home)
    copy = tmp_path_factory.mktemp("elsewhere") / "moved home"
    shutil.copytree(home, copy)
    monkeypatch.setenv("COLLABRANK_HOME", str(copy))
    second = one_run(copy)
    assert bytes_of(home) == before
    mine = open_store()
    artifacts = copy / "var" / "mlflow" / "artifacts"
    for run_id in (first, second):
        assert mine.fetch(run_id, "notes/words.txt") == artifacts / run_id / "artifacts" / "notes" / "words.txt"
        assert mine.client.get_run(run_id).info.artifact_uri == f"{LOCATION}{run_id}/artifacts"
    sources = {raw.source for raw in mine.client.search_model_versions("name='collabrank'")}
    assert sources == {f"{LOCATION}{run_id}/artifacts/bundle" for run_id in (first, second)}
    # Not even with the original gone.
    shutil.rmtree(home)
    assert mine.fetch(first, "notes/words.txt").read_text() == "said"


def test_no_experiment_lies_where_a_command_happened_to_run(store, home):
    one_run(home)
    locations = {one.artifact_location for one in open_store().client.search_experiments()}
    assert locations == {LOCATION}


@pytest.mark.parametrize("uri", ["mlflow-artifacts:/../x", "mlflow-artifacts:/a/%2e%2e/b", "mlflow-artifacts:/a%00b"])
def test_an_address_that_leads_out_is_refused(tmp_path, uri):
    with pytest.raises(TrainingError, match="below"):
        below(tmp_path, uri)


def test_other_addresses_are_for_mlflow(tmp_path):
    assert below(tmp_path, "s3://bucket/run") is None
    assert below(tmp_path, "mlflow-artifacts://host:1/run") is None
    assert below(None, "mlflow-artifacts:/run") is None


def test_only_regular_files_are_copied(store, home, tmp_path):
    run_id = one_run(home)
    bundle = open_store().fetch(run_id, "bundle")
    into = tmp_path / "into"
    into.mkdir()
    assert bytes_of(copied(bundle, into)) == bytes_of(bundle)
    secret = tmp_path / "secret"
    secret.write_text("not yours")
    for odd in (lambda path: os.symlink(secret, path), os.mkfifo):
        odd(bundle / "odd")
        version = open_store().client.get_model_version("collabrank", "1")
        with pytest.raises(TrainingError, match="regular files"):
            fetch_bundle(open_store(), version, tmp_path / "other")
        (bundle / "odd").unlink()
