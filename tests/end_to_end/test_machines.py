"""`collabrank train` by two processes: registered once, and as good as by one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TRAIN = """
import json, sys
import numpy as np
from training.heads import Hyperparameters, Machines
from training.pipeline import help_train, train

market, told, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
# Bagging draws other rows on two machines than on one; without it the trees are the same until sums that round
# otherwise decide between two splits.
asked = {"hyperparameters": Hyperparameters(bagging_fraction=1.0, max_rounds=120)}
together = Machines(tuple(told.split(",")), number, least_rows=100) if told else None
if number > 1:
    print(help_train(market, machines=together, **asked))
else:
    result = train(market, machines=together, **asked)
    brier = result.comparison.values["success_brier"]
    print(json.dumps({
        "versions": sorted(one.version for one in result.rankers),
        "validation": {one.name: one.validation for one in result.rankers},
        "brier": {one.name: float(np.nanmean(brier[one.name])) for one in result.rankers},
    }))
"""


@pytest.mark.slow
def test_two_processes_train_as_one(small_market: Path, tmp_path: Path) -> None:
    with socket.socket() as one, socket.socket() as other:
        for free in (one, other):
            free.bind(("127.0.0.1", 0))
        told = ",".join(f"127.0.0.1:{free.getsockname()[1]}" for free in (one, other))

    def begun(home: str, told: str, number: int) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLLABRANK_HOME": str(tmp_path / home)}
        return subprocess.Popen(
            [sys.executable, "-c", TRAIN, str(small_market), told, str(number)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
        )  # fmt: skip

    running = [begun("alone", "", 1), begun("first", told, 1), begun("second", told, 2)]
    ended = [one.communicate(timeout=600) for one in running]
    assert [one.returncode for one in running] == [0, 0, 0], ended
    alone, together = json.loads(ended[0][0]), json.loads(ended[1][0])
    assert together["versions"] == alone["versions"] == [1, 2]
    for name, brier in alone["brier"].items():
        assert together["brier"][name] == pytest.approx(brier, abs=0.005)
        # The best ten of forty small campaigns: one place changed is worth about a hundredth.
        assert together["validation"][name] == pytest.approx(alone["validation"][name], abs=0.03)
    assert int(ended[2][0]) > 1_000
    assert not (tmp_path / "second" / "var" / "mlflow").exists()
