"""A home that was copied: training there leaves the one that it was copied from as it is."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def bytes_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_training_in_a_copy_leaves_the_original_alone(
    journey: Any, small_market: Path, tmp_path: Path, shell_at: Callable[[Path], Any]
) -> None:
    before = bytes_of(journey.home)
    shutil.copytree(journey.home, tmp_path / "copy")
    shell = shell_at(tmp_path / "copy")
    trained = shell.json("train", small_market, "--seed", "8")
    shell("promote", "--version", trained["challenger"], "--force", "--reason", "a test")
    assert bytes_of(journey.home) == before
    kept = {path.name for path in (tmp_path / "copy" / "var" / "mlflow" / "artifacts").iterdir()}
    assert {one["run_id"] for one in trained["rankers"]} <= kept
