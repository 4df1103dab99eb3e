"""The decision log: exact vectors, whole lines, nothing dropped in silence."""

from __future__ import annotations

import json
import math
import os
import stat
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from serving.decisions import DecisionLog, read_decisions


def line(n: int = 0, **more: object) -> dict[str, object]:
    return {"kind": "rank", "request_id": f"{n:032x}", **more}


def test_vectors_read_back_to_the_same_bits(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    vector = np.concatenate([rng.normal(size=50) * 10.0 ** rng.integers(-300, 300, 50), [0.1 + 0.2, -0.0, 5e-324]])
    log = DecisionLog(tmp_path)
    assert log.append_and_wait(line(creators=[{"creator_id": "c1", "vector": np.append(vector, np.nan)}]))
    log.close()
    (read,) = read_decisions(tmp_path)
    *back, last = read["creators"][0]["vector"]
    assert np.array(back).tobytes() == vector.tobytes()
    assert last is None


def test_lines_of_many_threads_are_all_whole(tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    log = DecisionLog(tmp_path, longest=10_000, count=lambda outcome: outcomes.update([outcome]))
    threads = [
        threading.Thread(target=lambda start=start: [log.append(line(start + i, text="ä\n" * 50)) for i in range(100)])
        for start in range(0, 800, 100)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert sorted(int(read["request_id"], 16) for read in read_decisions(tmp_path)) == list(range(800))
    assert outcomes == {"written": 800}
    (file,) = tmp_path.glob("*.jsonl")
    assert file.name.endswith(f"-{os.getpid()}.jsonl")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_says_so_and_recovers(tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    folder = tmp_path / "decisions"
    folder.write_text("a file where the folder should be")
    log = DecisionLog(folder, count=lambda outcome: outcomes.update([outcome]))
    assert not log.append_and_wait(line(1))
    folder.unlink()
    assert log.append_and_wait(line(2))
    log.close()
    assert [read["request_id"] for read in read_decisions(folder)] == [f"{2:032x}"]
    assert outcomes == {"failed": 1, "written": 1}


def test_a_full_queue_refuses_at_once_and_counts(tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    busy, gate = threading.Event(), threading.Event()

    def count(outcome: str) -> None:
        outcomes[outcome] += 1
        if outcome == "written":
            busy.set()
            gate.wait(10)

    log = DecisionLog(tmp_path, longest=1, count=count)
    assert log.append(line(0))
    assert busy.wait(10)
    assert log.append(line(1))
    assert not log.append(line(2))
    assert not log.append_and_wait(line(3))
    gate.set()
    log.close()
    assert [int(read["request_id"], 16) for read in read_decisions(tmp_path)] == [0, 1]
    assert outcomes == {"written": 2, "refused": 2}


def test_a_line_cut_short_spoils_no_other(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    log.append_and_wait(line(1))
    log.close()
    (file,) = tmp_path.glob("*.jsonl")
    with open(file, "a") as half:
        half.write('{"kind": "rank", "requ')
    log = DecisionLog(tmp_path)
    log.append_and_wait(line(2))
    log.close()
    assert [int(read["request_id"], 16) for read in read_decisions(tmp_path)] == [1, 2]


def test_infinities_never_reach_the_file(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    log.append_and_wait(line(1, high=math.inf, nested={"low": [-math.inf, np.float32("nan")]}))
    log.close()
    (file,) = tmp_path.glob("*.jsonl")
    read = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert read["high"] is None
    assert read["nested"] == {"low": [None, None]}
