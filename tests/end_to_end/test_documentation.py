"""What the README says to do after the demo, and the tutorials, work as written on a home like the demo's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from marketplace.tables import open_marketplace

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "docs/quickstart.md",
    *(f"docs/tutorials/{name}.md" for name in ("brand_manager", "creator", "scientist", "brand_engineer", "operator")),
]
SERVERS = ("make ", ".venv/bin/collabrank serve")
"""Commands that do not end; the tests of the service, of MLflow's pages and of the demo start those."""


@pytest.fixture(scope="module")
def folder(journey: Any, small_market: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ``var/demo`` is as the demo leaves it, of a smaller marketplace."""
    here = tmp_path_factory.mktemp("checkout")
    home = here / "var" / "demo"
    shutil.copytree(journey.home, home)
    (home / "market").symlink_to(small_market)
    (here / ".venv" / "bin").mkdir(parents=True)
    command = here / ".venv" / "bin" / "collabrank"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m collabrank "$@"\n')
    command.chmod(0o755)
    return here


@pytest.fixture(scope="module")
def ids(small_market: Path) -> dict[str, str]:
    """The demo's campaigns and creator, and what stands for each in the smaller marketplace."""
    market = open_marketplace(small_market)
    briefed = market.frame("campaigns").sort_values(["briefed_at", "campaign_id"])
    return {
        "ca_0179": briefed["campaign_id"].iloc[-1],
        "ca_0129": briefed["campaign_id"].iloc[-20],
        "cr_001293": market.frame("creators")["creator_id"].iloc[5],
        "br_032": market.frame("brands")["brand_id"].iloc[0],
    }


def commands(text: str) -> list[str]:
    """The lines with a prompt of a page's console blocks from the one on that sets the demo's home."""
    found = [
        line.removeprefix("$ ").partition("  #")[0].strip()
        for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    first = found.index("export COLLABRANK_HOME=var/demo")
    rest = found[first:]
    placeholders = [n for n, one in enumerate(rest) if re.search(r"\b(?:MARKET|EXPORTS|OUT)\b", one)]
    return rest[: placeholders[0]] if placeholders else rest


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work_in_order(page: str, folder: Path, ids: dict[str, str]) -> None:
    script = commands((ROOT / page).read_text(encoding="utf-8"))
    run = [line for line in script if not line.startswith(SERVERS)]
    assert len(run) >= 2
    text = "\n".join(run)
    for name, stands in ids.items():
        text = text.replace(name, stands)
    done = subprocess.run(
        ["sh", "-e"],
        input=text,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "docs/newcomer.md", "docs/tutorials/scientist.md"])
def test_the_python_of_a_page_works(page: str, folder: Path, ids: dict[str, str]) -> None:
    text = "\n".join(re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S))
    for name, stands in ids.items():
        text = text.replace(name, stands)
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLLABRANK_HOME": "var/demo"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stderr[-4000:]}"
