"""The benchmark of many partnerships measures what it says, and refuses what is no marketplace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.lift_scale import main


@pytest.mark.slow
def test_the_benchmark_measures_a_marketplace(small_market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--market", str(small_market), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["labelled"] <= found["ripe"] <= found["partnerships"] <= found["accepted"] < found["invitations"]
    for part in ("build_labels", "estimate_lift", "lift_report"):
        assert found[part]["seconds"] > 0


def test_the_benchmark_refuses_what_is_no_marketplace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--market", str(tmp_path / "nowhere")]) == 2
    assert "Traceback" not in capsys.readouterr().err
