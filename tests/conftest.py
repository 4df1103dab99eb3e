"""Fixtures that all tests share: a small marketplace, its training rows and rankers, an empty MLflow store, a home."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.once import once
from tests.postgres import started

if TYPE_CHECKING:
    from training.data.dataset import TrainingData
    from training.data.splits import Split
    from training.heads.rankers import FittedRanker
    from training.tracking.store import Store

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
# Threads of LightGBM that wait for each other would spin, and take the cores from the other worker.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Tests change code and tables under way; those of the cache switch it on for themselves.
os.environ["COLLABRANK_CACHE"] = "off"

LONG = Path(__file__).with_name("long.txt")
"""Files of tests, and single tests as ``file::name``, that are too long for `make test`: a line each."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `LONG` names, before the marks are asked for."""
    root = LONG.parents[1]
    long = set(LONG.read_text(encoding="utf-8").split())
    for item in items:
        file = item.path.relative_to(root).as_posix() if item.path.is_relative_to(root) else ""
        if file in long or f"{file}::{getattr(item, 'originalname', item.name)}" in long:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def small_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated marketplace: 600 creators, 60 campaigns, 200 days, seed 7. Read only."""
    from marketplace.simulator import simulate

    return once(
        tmp_path_factory, "small", lambda folder: simulate(folder, creators=600, campaigns=60, days=200, seed=7)
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL, without a database, of a PostgreSQL started for the tests."""
    with started() as url:
        yield url


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``COLLABRANK_HOME`` for one test."""
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "COLLABRANK_STUDIES"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def small_split(small_market: Path) -> Split:
    """The default split of the small marketplace: 40 campaigns to learn from, 20 held out."""
    from marketplace.tables import open_marketplace
    from training.data.splits import split_by_time

    return split_by_time(open_marketplace(small_market).frame("campaigns", ["campaign_id", "briefed_at"]))


@pytest.fixture(scope="session")
def training_data(small_market: Path, small_split: Split) -> TrainingData:
    """What the heads learn from on the small marketplace."""
    from marketplace.tables import open_marketplace
    from training.data.dataset import build_training_data

    return build_training_data(open_marketplace(small_market), small_split.train, as_of=small_split.cutoff)


@pytest.fixture(scope="session")
def rankers(training_data: TrainingData) -> dict[str, FittedRanker]:
    """Both rankers, seed 7, by name."""
    from training.heads.rankers import fit_rankers

    return {ranker.name: ranker for ranker in fit_rankers(training_data, seed=7)}


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables and nothing in it: making the tables takes longer than most tests."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("empty")
    uri = f"sqlite:///{folder}/mlflow.db"
    MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def store(home: Path, empty_database: Path) -> Store:  # a store lives in a home
    """A real, empty store in the test's own home."""
    from marketplace.state import state_folder
    from training.tracking.store import open_store

    folder = state_folder("mlflow")
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    return open_store()


@pytest.fixture(scope="session")
def spark() -> str:
    """The engine's name of a Spark on this machine; tests that ask for it skip without pyspark or Java."""
    pytest.importorskip("pyspark")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("no Java")
    return "local[2]"
