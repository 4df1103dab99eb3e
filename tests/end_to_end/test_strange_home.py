"""A home and a marketplace whose paths hold what addresses, shells and programs take for signs of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

STRANGE = "a b%41?c=d#ü'\"&;$x"


@pytest.mark.slow
def test_every_step_works_in_a_home_of_any_name(shell_at: Callable[[Path], Any], tmp_path: Path) -> None:
    home = tmp_path / STRANGE
    home.mkdir()
    market, shell = home / "m#1?%20 ü", shell_at(home)
    shell("simulate", market, "--creators", 120, "--campaigns", 12, "--days", 120, "--seed", 5)
    trained = shell.json("train", market)
    shell("promote", "--force", "--reason", "a test")
    shell("snapshot", market)
    doctor = shell("doctor").stdout
    assert f"sqlite {home}/var/mlflow/mlflow.db, champion version {trained['rankers'][-1]['version']}" in doctor
    assert shell.json("rank", market, "--campaign", "ca_0011", "--top", "2")["creators"]
    assert (home / "var" / "mlflow" / "artifacts").is_dir()
    # No file or folder by a name that was read otherwise.
    assert [one.name for one in tmp_path.iterdir()] == [STRANGE]
