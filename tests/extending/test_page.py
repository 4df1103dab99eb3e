"""docs/extending.md holds: its patches fit the code, touch no more than they may, and its table is what they touch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.extending.examples import MOST, PAGE, apply, copy_code, examples, page_with_table, touched


@pytest.mark.parametrize("idea", MOST)
def test_an_idea_costs_no_more_files_than_it_may(idea: str, tmp_path: Path) -> None:
    folder = copy_code(tmp_path / "code")
    assert touched(folder) == ()
    apply(examples()[idea], folder)
    files = touched(folder)
    assert 1 <= len(files) <= MOST[idea], files
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--quiet", *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_idea_has_an_example() -> None:
    assert set(examples()) == set(MOST)


def test_the_table_is_what_the_examples_touch() -> None:
    assert PAGE.read_text(encoding="utf-8") == page_with_table()
