"""Runs, models and studies in a real PostgreSQL, by the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import PASSWORD, database


@pytest.mark.slow
def test_tune_and_train_keep_everything_in_postgres(
    postgres: str, small_market: Path, tmp_path: Path, shell_at: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, studies = database(postgres, "runs"), database(postgres, "kept")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    plain = shell_at(tmp_path / "plain").json("train", small_market)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", runs.replace("postgres://", "postgresql+psycopg://"))
    monkeypatch.setenv("COLLABRANK_STUDIES", studies)
    shell = shell_at(tmp_path / "home")
    tuned = shell.json("tune", small_market, "--minutes", "4", "--trials", "2")
    assert tuned["trials"]["complete"] + tuned["trials"]["pruned"] >= 2
    again = shell.json("tune", small_market, "--minutes", "4", "--trials", "2")
    assert again["study"] == tuned["study"]
    trained = shell.json("train", small_market)
    # The store says where runs go, and nothing of what is learned.
    assert [one["validation"] for one in trained["rankers"]] == [one["validation"] for one in plain["rankers"]]
    promoted = shell("promote", "--force", "--reason", "a test").stdout
    assert "champion is now version 2, ranker expected_value" in promoted
    assert json.loads(shell("compare", "1", "2", "--json").stdout)
    shell("snapshot", small_market)
    doctor = shell("doctor")
    assert "champion version" in doctor.stdout + doctor.stderr
    assert PASSWORD not in doctor.stdout + doctor.stderr
    assert "%25" not in doctor.stdout + doctor.stderr
    # Nothing lies where the command was run, and no SQLite file stands in.
    assert not list(elsewhere.iterdir())
    assert not list(tmp_path.joinpath("home").rglob("*.db"))
    assert list(tmp_path.joinpath("home", "var", "mlflow", "artifacts").rglob("bundle.json"))
