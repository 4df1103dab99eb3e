"""Each notebook is stored without outputs, runs from top to bottom on a small marketplace, and has its page."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.pages import NOTEBOOKS, PAGES, executed, page_of

CAUTION = "those whom somebody chose to invite"
"""Of the sentence that goes with every nDCG of logged outcomes."""

NAMES = ["01_retrain", "02_lift", "03_indices", "04_endpoint", "05_real_data"]


def test_there_are_five() -> None:
    assert [path.stem for path in NOTEBOOKS] == NAMES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_outputs_are_stripped_and_no_process_is_started_by_hand(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert "subprocess" not in cell.source
        assert "urllib" not in cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_its_page_holds_its_cells_and_outputs_and_asks_nobody_for_anything(path: Path) -> None:
    page = (PAGES / f"{path.stem}.html").read_text()
    assert len(page) < 300_000
    assert "<script" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "output_stderr" not in page.split("</style>", 1)[1]
    assert 'src="data:image/png' in page
    assert "<table" in page
    assert "/tmp/" not in page
    if "ndcg" in page:
        assert CAUTION in " ".join(page.split())
    told = re.sub(r"<[^>]+>", "", page)
    for cell in nbformat.read(path, as_version=4).cells:
        first = cell.source.splitlines()[0].strip("# ")
        assert first[:20].split("`")[0] in told


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_runs_from_top_to_bottom(
    path: Path, small_market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path))
    monkeypatch.setenv("COLLABRANK_MARKET", str(small_market))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    notebook = executed(path, tmp_path)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert [output for output in outputs if "image/png" in output.get("data", {})], "the notebook draws nothing"
    assert [output for output in outputs if "<table" in output.get("data", {}).get("text/html", "")]
    assert "<script" not in page_of(notebook, path.name)
    assert os.environ["COLLABRANK_HOME"] == str(tmp_path)
