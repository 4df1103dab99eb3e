"""Fixtures that every package's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
# Tests change code and tables under way; those of the cache switch it on for themselves.
os.environ["COLLABRANK_CACHE"] = "off"


@pytest.fixture(scope="session")
def small_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated marketplace: 600 creators, 60 campaigns, 200 days, seed 7. Read only."""
    from marketplace.simulator import simulate

    folder = tmp_path_factory.mktemp("market") / "small"
    simulate(folder, creators=600, campaigns=60, days=200, seed=7)
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``COLLABRANK_HOME`` for one test."""
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path
