"""What Spark on this machine takes beside DuckDB: ``python -m benchmarks.engines``.

A small simulated marketplace, opened anew on each engine without the cache; the same work in the same order, so that
what the first needs and the second finds built is the first's. Spark's start is told apart. Wall-clock seconds of one
round: where a marketplace fits one machine the question is how many times as long, not how many seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from features.conversion.rows import read_conversion_data
from features.indices import build_indices
from features.signals import build_matrix
from features.time import day_number, default_as_of, known_creators
from marketplace.simulator import simulate
from marketplace.tables import Marketplace, open_marketplace
from training.data import build_labels

__all__ = ["main"]


def _matrix(market: Marketplace) -> Any:
    return build_matrix(market, market.frame("invitations", ["campaign_id", "creator_id"]).drop_duplicates())


def _indices(market: Marketplace) -> Any:
    at = default_as_of(market)
    return build_indices(market, pd.DataFrame({"creator_id": known_creators(market, day_number(at)), "as_of": at}))


WORK: dict[str, Callable[[Marketplace], Any]] = {
    "labels and lift labels": lambda market: build_labels(market, default_as_of(market)),
    "signals of every invitation": _matrix,
    "indices of every creator": _indices,
    "conversion's rows": lambda market: read_conversion_data(market, day_number(default_as_of(market))),
}


def seconds_of(folder: Path, engine: str) -> dict[str, float]:
    """Seconds by piece of work, opening first."""
    clock = time.perf_counter()
    market = open_marketplace(folder, engine=engine)
    found = {"opening": time.perf_counter() - clock}
    for name, work in WORK.items():
        clock = time.perf_counter()
        work(market)
        found[name] = time.perf_counter() - clock
    return found


def main(arguments: list[str] | None = None) -> int:
    """Draw the marketplace, time both, print seconds and ratios."""
    parser = argparse.ArgumentParser(description="Time Spark on this machine beside DuckDB.")
    parser.add_argument("--creators", type=int, default=300, help="creators (default 300)")
    parser.add_argument("--campaigns", type=int, default=30, help="campaigns (default 30)")
    parser.add_argument("--days", type=int, default=200, help="days (default 200)")
    parser.add_argument("--engine", default="local[2]", help="the engine beside DuckDB (default local[2])")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    os.environ["COLLABRANK_CACHE"] = "off"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "market"
        simulate(folder, creators=chosen.creators, campaigns=chosen.campaigns, days=chosen.days, seed=5)
        figures = {engine: seconds_of(folder, engine) for engine in ("duckdb", chosen.engine)}
    here, there = figures["duckdb"], figures[chosen.engine]
    if chosen.json:
        print(json.dumps(figures))
        return 0
    print(f"{'':<28} {'duckdb':>8} {chosen.engine:>10} {'ratio':>6}")
    for name in here:
        print(f"{name:<28} {here[name]:8.1f} {there[name]:10.1f} {there[name] / here[name]:6.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
