"""What each step costs as creators and orders grow: ``python -m benchmarks.scale --creators 10000 100000``.

A marketplace of each size is simulated (in shards of creators), then every step is run on it in a process of its own,
from the tables alone, without the cache: ``check``, ``signals`` (every creator's, as of the last day), ``conversion``
(one fit), ``labels``, ``snapshot`` and ``score`` (ten campaigns, by a model of the demo's size that is fitted on drawn
outcomes). Standard output is JSON lines: one a size and step with wall-clock and CPU seconds, the process's peak
resident memory and the bytes of what it wrote or made, then one a step with its slopes, of logarithms over the
logarithm of creators (1 is proportional), between the smallest and the largest size.

Orders come from days: a creator of the baseline sells half an order a day, so ``--orders-per-creator 100`` simulates
200 days. What that came to is in every line. ``--market DIR`` measures a marketplace that is there already.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.simulate import slope

__all__ = ["STEPS", "Run", "main", "slopes"]

CAMPAIGNS = 180
SCORED = 10
"""Campaigns that are scored: the latest."""

_ORDERS_PER_DAY = 0.5
_LEAST_DAYS = 60
_ROOT = Path(__file__).resolve().parents[1]
_SEED = 7


@dataclass(frozen=True)
class Run:
    """One step to be measured: the marketplace's folder and size, and the home that the step writes to."""

    market: Path
    home: Path
    creators: int
    orders_per_creator: float


def _simulate(run: Run) -> int:
    from marketplace.simulator import simulate

    days = max(_LEAST_DAYS, round(run.orders_per_creator / _ORDERS_PER_DAY))
    simulate(run.market, creators=run.creators, campaigns=CAMPAIGNS, days=days, seed=_SEED)
    return _size(run.market)


def _check(run: Run) -> int:
    from marketplace.checks import check

    report = check(run.market)
    if report.problems:
        sys.exit(f"the simulated marketplace breaks the contract: {report.problems[0]}")
    return _size(run.market)


def _signals(run: Run) -> int:
    import pandas as pd

    from features.signals import build_creator
    from features.time import day_number, default_as_of, known_creators
    from marketplace.tables import open_marketplace

    opened = open_marketplace(run.market, unchecked=True)
    at = default_as_of(opened)
    rows = pd.DataFrame({"creator_id": known_creators(opened, day_number(at)), "as_of": at})
    return int(build_creator(opened, rows).memory_usage().sum())


def _conversion(run: Run) -> int:
    from features.conversion import conversion_of
    from features.time import day_number, default_as_of
    from marketplace.tables import open_marketplace

    opened = open_marketplace(run.market, unchecked=True)
    model = conversion_of(opened, day_number(default_as_of(opened)))
    return 0 if model is None else model.size


def _labels(run: Run) -> int:
    from features.time import known_until
    from marketplace.tables import open_marketplace
    from training.data import build_labels

    opened = open_marketplace(run.market, unchecked=True)
    return int(build_labels(opened, known_until(opened)).memory_usage().sum())


def _snapshot(run: Run) -> int:
    from features.snapshot import take_snapshot
    from marketplace.tables import open_marketplace

    take_snapshot(open_marketplace(run.market, unchecked=True))
    return _size(run.home / "var" / "snapshot")


def _score(run: Run) -> int:
    from marketplace.tables import open_marketplace
    from training.scoring import score_marketplace

    opened = open_marketplace(run.market, unchecked=True)
    briefs = opened.frame("campaigns", ["campaign_id", "briefed_at"]).sort_values(["briefed_at", "campaign_id"])
    out = run.home / "scores.parquet"
    score_marketplace(opened, out, campaigns=list(dict.fromkeys(briefs["campaign_id"]))[-SCORED:])
    return out.stat().st_size


STEPS: Mapping[str, Callable[[Run], int]] = {
    "simulate": _simulate,
    "check": _check,
    "signals": _signals,
    "conversion": _conversion,
    "labels": _labels,
    "snapshot": _snapshot,
    "score": _score,
}
"""What is measured, in order; each gives bytes."""


def main(arguments: list[str] | None = None) -> int:
    """Measure every size, step by step, and print JSON lines; the number of steps that failed."""
    parser = argparse.ArgumentParser(description="Time every step as the marketplace grows.")
    parser.add_argument("--creators", type=int, nargs="+", default=[10_000, 100_000], help="sizes, ascending")
    parser.add_argument("--orders-per-creator", type=float, default=100.0, help="orders a creator (default 100)")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS), help="these alone")
    parser.add_argument("--market", type=Path, help="a marketplace that is there already, for one size")
    parser.add_argument("--folder", type=Path, help="write into this folder and clear it (default: the system's)")
    parser.add_argument("--within", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.within:
        print(json.dumps(_within(Path(chosen.within), chosen)))
        return 0
    lines: list[dict[str, Any]] = []
    failed = 0
    for creators in chosen.creators:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            for line in _measured(Path(folder), creators, chosen):
                print(json.dumps(line), flush=True)
                failed += "failed" in line
                lines.append(line)
    for line in slopes(lines):
        print(json.dumps(line), flush=True)
    return failed


def _measured(folder: Path, creators: int, chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One line a step, each from a process of its own."""
    market, home = chosen.market or folder / "market", folder / "home"
    steps = [name for name in chosen.steps if not (chosen.market and name == "simulate")]
    if not chosen.market and "simulate" not in steps:
        steps = ["simulate", *steps]
    if "score" in steps:
        _promote(folder, home)
    size: dict[str, Any] = {}
    for step in steps:
        command = [sys.executable, "-m", "benchmarks.scale", "--within", str(home), "--steps", step]
        command += ["--market", str(market), "--creators", str(creators)]
        command += ["--orders-per-creator", str(chosen.orders_per_creator)]
        environment = {**os.environ, "COLLABRANK_HOME": str(home), "COLLABRANK_CACHE": "off", "PYTHONPATH": str(_ROOT)}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        size = size or _counted(market)
        found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {"failed": done.returncode}
        yield {"step": step, **size, **found}
        for left in ("snapshot", "scores.parquet"):
            shutil.rmtree(home / "var" / left, ignore_errors=True)


def _within(home: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Run one step in this process, and say what it took."""
    started, worked = time.perf_counter(), time.process_time()
    made = STEPS[chosen.steps[0]](Run(chosen.market, home, chosen.creators[0], chosen.orders_per_creator))
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    peak = _peak_bytes()
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_gib": round(peak / 2**30, 2),
        "bytes": made,
    }


def _peak_bytes() -> int:
    """The most memory that this process has held; on Linux not ru_maxrss, which begins with that of the parent."""
    status = Path("/proc/self/status")
    if status.is_file():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    # In bytes on macOS, in KiB elsewhere.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _promote(folder: Path, home: Path) -> None:
    """Put a model of the demo's size where `collabrank score` looks for it."""
    import numpy as np

    from benchmarks.serving import TREES, made_up_bundle
    from features.snapshot import build_snapshot
    from marketplace.simulator import simulate
    from marketplace.tables import open_marketplace
    from models.bundle import read_signer, save_bundle

    small = folder / "small"
    simulate(small, creators=1_000, campaigns=12, days=120, seed=_SEED)
    snapshot = build_snapshot(open_marketplace(small, unchecked=True))
    matrix = snapshot.matrix(next(iter(snapshot.campaigns.values())), np.arange(len(snapshot), dtype=np.int64))
    save_bundle(made_up_bundle(matrix, TREES), home / "var" / "bundle", read_signer(home / "var" / "keys"))
    shutil.rmtree(small)


def _counted(market: Path) -> dict[str, Any]:
    """How many creators and orders there are, and states of orders: a row each in the table."""
    import duckdb

    connection = duckdb.connect()
    found = {}
    for name, table in (("creators", "creators"), ("order_states", "orders")):
        counted = connection.execute(f"SELECT count(*) FROM read_parquet('{market / table}/*.parquet')").fetchone()
        found[name] = int(counted[0]) if counted else 0
    return found


def slopes(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A line a step that was measured at two sizes or more."""
    for step in STEPS:
        own = [line for line in lines if line["step"] == step and "failed" not in line]
        if len(own) < 2:
            continue
        sizes = [line["creators"] for line in own]
        named = {
            name: [max(line[name], 0.01) for line in own] for name in ("seconds", "cpu_seconds", "peak_gib", "bytes")
        }
        yield {"step": step, "sizes": sizes, **{f"{k}_slope": round(slope(sizes, v), 2) for k, v in named.items()}}


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    sys.exit(main())
