"""One tiny marketplace for all that is asked of it here, and small heads."""

from __future__ import annotations

import pytest

import training.data.dataset
import training.heads.fit
from tests.leaks.worlds import World, make_world
from training.heads.hyperparameters import STEP, Hyperparameters


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """100 creators, 24 campaigns, 110 days, seed 1. What is built of it is kept; change nothing."""
    return make_world(tmp_path_factory.mktemp("leaks") / "world", seed=1)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So little data is enough here, and one number of trees to choose from."""
    monkeypatch.setattr(training.data.dataset, "LEAST_LABELLED", 20)
    monkeypatch.setattr(training.data.dataset, "LEAST_DELIVERED", 0)
    monkeypatch.setitem(training.heads.fit.fit_head.__kwdefaults__, "hyperparameters", Hyperparameters(max_rounds=STEP))
