"""A folder of somebody's own called ``features`` or ``models``: said in one sentence, by processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from collabrank import neighbours

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLLABRANK_HOME": str(folder)},
        check=False,
    )


@pytest.fixture(params=["regular", "namespace"])
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project with a ``features`` folder, with an ``__init__.py`` or without."""
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "mine.py").write_text("ANSWER = 42\n")
    if request.param == "regular":
        (tmp_path / "features" / "__init__.py").write_text("")
    return tmp_path


def hides_ours(folder: Path) -> bool:
    """A folder without ``__init__.py`` hides a package only where that is found by another way than a path."""
    asked = run(folder, "-c", "import features; print(list(features.__path__))")
    return str(folder.resolve()) in asked.stdout


def test_our_own_are_not_foreign() -> None:
    assert neighbours.foreign() == ""


def test_the_import_says_which_was_found_where(foreign: Path) -> None:
    if not hides_ours(foreign):
        assert run(foreign, "-c", "import collabrank as cr; cr.signals").returncode == 0
        return
    answer = run(foreign, "-c", "import collabrank")
    assert answer.returncode == 1
    said = answer.stderr.splitlines()[-1]
    assert said.startswith("ImportError: collabrank needs its own package 'features'")
    assert str(foreign.resolve() / "features") in said
    assert "PYTHONPATH" in said
    assert "features.build" not in answer.stderr


def test_the_command_line_says_it_without_a_traceback(foreign: Path) -> None:
    if not hides_ours(foreign):
        assert run(foreign, "-m", "collabrank", "signals").returncode == 0
        return
    answer = run(foreign, "-m", "collabrank", "signals")
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 1
    assert str(foreign.resolve() / "features") in answer.stderr


def test_one_that_is_imported_already_is_named(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text("")
    code = "import models, sys; sys.path.remove(''); import collabrank"
    answer = run(tmp_path, "-c", code)
    assert answer.returncode == 1
    assert "'models'" in answer.stderr
    assert str(tmp_path.resolve() / "models.py") in answer.stderr


def test_one_that_comes_into_sight_later_is_named(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "__init__.py").write_text("")
    code = f"import collabrank as cr, sys; sys.path.insert(0, {str(tmp_path)!r}); cr.train"
    answer = run(ROOT, "-c", code)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith("ImportError: collabrank needs its own package 'training'")
