"""One home in which the whole journey has been made once, by the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Shell:
    """Runs ``collabrank`` in its own process with ``COLLABRANK_HOME`` set to ``home``."""

    home: Path
    trained: Any = None

    def __call__(self, *words: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", "collabrank", *map(str, words)],
            capture_output=True,
            text=True,
            env={**os.environ, "COLLABRANK_HOME": str(self.home)},
            timeout=300,
            check=False,
        )
        assert result.returncode == code, f"{words} exited {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def json(self, *words: str | Path) -> Any:
        return json.loads(self(*words, "--json").stdout)


@pytest.fixture(scope="session")
def shell_at() -> Callable[[Path], Shell]:
    return Shell


@pytest.fixture(scope="session")
def journey(small_market: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Trained, promoted (by force: 600 creators prove nothing) and snapshotted on the small marketplace."""
    home = tmp_path_factory.mktemp("journey")
    shell = Shell(home, trained=Shell(home).json("train", small_market))
    shell("promote", "--force", "--reason", "the small marketplace of the tests")
    shell("snapshot", small_market)
    return shell
