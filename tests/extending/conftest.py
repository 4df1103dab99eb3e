"""A copy of the code with one example applied, and a marketplace small enough to be read in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.extending.examples import apply, copy_code, examples


@dataclass(frozen=True)
class Changed:
    """The code with one example applied, in ``folder``, and a home of its own."""

    folder: Path
    home: Path

    def run(self, *call: str) -> str:
        """Standard output of Python with ``call`` as its arguments, which must succeed, reading the changed code."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "COLLABRANK_HOME": str(self.home)}
        environment.pop("MLFLOW_TRACKING_URI", None)
        done = subprocess.run(
            [sys.executable, *call], cwd=self.folder, env=environment, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def collabrank(self, *call: str) -> str:
        """What the command line prints."""
        return self.run("-m", "collabrank", *call)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str], Changed]:
    """The code with the example of an idea applied."""

    def change(idea: str) -> Changed:
        folder = copy_code(tmp_path / "code")
        apply(examples()[idea], folder)
        return Changed(folder, tmp_path / "home")

    return change


@pytest.fixture(scope="session")
def tiny_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated marketplace: 60 creators, 6 campaigns, 75 days, seed 7. Read only."""
    from marketplace.simulator import simulate

    folder = tmp_path_factory.mktemp("market") / "tiny"
    simulate(folder, creators=60, campaigns=6, days=75, seed=7)
    return folder
