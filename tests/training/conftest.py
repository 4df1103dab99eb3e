"""Made once for this package's tests: the training rows and both rankers of the small marketplace, MLflow's tables."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from marketplace.state import state_folder
from marketplace.tables import open_marketplace
from training.data.dataset import TrainingData, build_training_data
from training.data.splits import Split, split_by_time
from training.heads.rankers import FittedRanker, fit_rankers
from training.tracking.store import Store, open_store


@pytest.fixture(scope="session")
def small_split(small_market: Path) -> Split:
    """The default split of the small marketplace: 40 campaigns to learn from, 20 held out."""
    return split_by_time(open_marketplace(small_market).frame("campaigns", ["campaign_id", "briefed_at"]))


@pytest.fixture(scope="session")
def training_data(small_market: Path, small_split: Split) -> TrainingData:
    """What the heads learn from on the small marketplace."""
    return build_training_data(open_marketplace(small_market), small_split.train, as_of=small_split.cutoff)


@pytest.fixture(scope="session")
def rankers(training_data: TrainingData) -> dict[str, FittedRanker]:
    """Both rankers, seed 7, by name."""
    return {ranker.name: ranker for ranker in fit_rankers(training_data, seed=7)}


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables and nothing in it: making the tables takes longer than most tests."""
    folder = tmp_path_factory.mktemp("empty")
    uri = f"sqlite:///{folder}/mlflow.db"
    MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def store(home: Path, empty_database: Path) -> Store:
    """A real, empty store in the test's own home."""
    folder = state_folder("mlflow")
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    return open_store()
