"""What a request waits for the decision log: ``python -m benchmarks.decisions``.

Lines of twenty creators and their vectors, kept one after the other by one thread and by sixteen at once, into SQLite
under a folder on the disk that is measured. By turns in one process: waiting for the disk, and without the call that
waits for it (`os.fsync` does nothing then, and an answer promises nothing that outlives the machine). Wall-clock
milliseconds of a line.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from serving.decisions import DecisionLog

__all__ = ["main"]

ROUNDS = 5
SIGNALS = 150
SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """Measure by turns and print."""
    parser = argparse.ArgumentParser(description="Time what a request waits for the decision log.")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    parser.add_argument("--lines", type=int, default=300, help="lines a thread and round (default 300)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        for threads in (1, 16):
            lines = chosen.lines if threads == 1 else max(chosen.lines // 8, 1)
            waits: dict[str, list[float]] = {"synced": [], "unsynced": []}
            syncs = 0
            for turn in range(2 * ROUNDS):
                name = "synced" if turn % 2 == 0 else "unsynced"
                with _disk(waited_for=name == "synced") as counted:
                    waits[name] += _kept(Path(folder) / f"{threads}-{turn}", threads=threads, lines=lines)
                    syncs += counted[0] if name == "synced" else 0
            figures[f"{threads}_at_once"] = {
                name: {"median_ms": 1e3 * float(np.median(found)), "p99_ms": 1e3 * float(np.quantile(found, 0.99))}
                for name, found in waits.items()
            } | {"lines_a_sync": len(waits["synced"]) / max(syncs, 1)}
    if chosen.json:
        print(json.dumps(figures))
        return 0
    for said, found in figures.items():
        print(f"{said.replace('_', ' ')}, {found['lines_a_sync']:.1f} lines a sync")
        for name in ("synced", "unsynced"):
            print(f"  {name:<9} median {found[name]['median_ms']:.2f} ms, p99 {found[name]['p99_ms']:.2f} ms")
    return 0


@contextmanager
def _disk(*, waited_for: bool) -> Iterator[list[int]]:
    """Counts the syncs of the thread that writes ahead in the block; without ``waited_for`` they do nothing."""
    real, counted = os.fsync, [0]

    def counting(handle: Any) -> None:
        counted[0] += 1
        if waited_for:
            real(handle)

    with mock.patch.object(os, "fsync", counting):
        yield counted


def _kept(folder: Path, *, threads: int, lines: int) -> list[float]:
    """Seconds that each line took to be kept."""
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(SHOWN, SIGNALS))
    log = DecisionLog(folder, longest=10_000)
    waits: list[float] = []

    def work(number: int) -> None:
        for one in range(lines):
            creators = [
                {"creator_id": f"cr_{place}", "position": place + 1, "score": float(place), "vector": vectors[place]}
                for place in range(SHOWN)
            ]
            line = {"kind": "rank", "request_id": f"{number:016x}{one:016x}", "brief": {}, "creators": creators}
            began = time.perf_counter()
            log.keep(line)
            waits.append(time.perf_counter() - began)

    try:
        log.keep({"kind": "rank", "request_id": "first", "brief": {}, "creators": []})
        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        log.close()
    return waits


if __name__ == "__main__":
    raise SystemExit(main())
