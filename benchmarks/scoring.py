"""Raw scores by masks made beforehand against LightGBM on the same rows, in one run: ``python -m benchmarks.scoring``.

Two models: trees of 31 leaves that ask about creators' own signals alone, and heads of the shape that training chose on
the demo marketplace (220, 100, 240 and 240 trees of 6 leaves), on a brief's own matrix of a simulated marketplace. Rows
are that matrix's, repeated with noise. Each slice of rows is scored by LightGBM and so in turn, and every bit compared.
Masks are made beforehand and timed apart; what a brief asks of each row is gathered within the time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving import TREES, made_up_bundle
from marketplace.arrays import Floats, Ints

__all__ = ["main"]

SLICE = 100_000
TARGETS = {"creators_alone": 30.0, "champion": 8.0}


def main(arguments: list[str] | None = None) -> int:
    """Fit, score, compare, print; exit code 1 where a ratio is below its target or a bit differs."""
    parser = argparse.ArgumentParser(description="Time exact scoring against Booster.predict.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to score (default a million)")
    parser.add_argument("--creators", type=int, default=1_000, help="creators to simulate for the matrix")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    matrix, same, own = _a_brief(chosen.creators)
    heads = made_up_bundle(matrix, TREES).heads
    began = time.perf_counter()
    from models.scoring.kernels import compiled_gather, compiled_plan, compiled_score

    for ready in (compiled_plan, compiled_gather, compiled_score):
        ready()
    figures: dict[str, Any] = {
        "rows": chosen.rows,
        "threads": chosen.threads,
        "cores": len(os.sched_getaffinity(0)),
        "compile_seconds": round(time.perf_counter() - began, 2),
        "creators_alone": _timed({"alone": _alone(matrix, own)}, matrix, {}, own, chosen),
        "champion": _timed(heads, matrix, same, own, chosen),
    }
    if chosen.json:
        print(json.dumps(figures))
    else:
        print(f"{chosen.rows:,} rows, {chosen.threads} threads, {figures['cores']} cores; "
              f"compiled in {figures['compile_seconds']} s")  # fmt: skip
        for name in TARGETS:
            one = figures[name]
            print(
                f"  {name:<14} {one['trees']} trees: {one['ratio']:.1f} times as fast as Booster.predict "
                f"({one['ns']:.2f} against {one['lightgbm_ns']:.1f} ns a creator and tree), as a plain matrix "
                f"{one['matrix_ratio']:.1f} times; {one['bytes_per_creator']} bytes a creator, masks made at "
                f"{one['masks_us']:.1f} us a creator; "
                f"{'every bit the same' if one['same_bits'] else 'OTHER BITS'}"
            )
    fine = all(figures[name]["ratio"] >= target and figures[name]["same_bits"] for name, target in TARGETS.items())
    return int(not fine)


def _a_brief(creators: int) -> tuple[Floats, dict[int, float], np.ndarray]:
    """A brief's matrix, the columns alike in (nearly) every row with their values, and creators' own columns."""
    from features.signals import SIGNALS, names_of
    from features.snapshot import build_snapshot
    from marketplace.simulator import simulate
    from marketplace.tables import open_marketplace

    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder) / "market", creators=creators, campaigns=30, days=120, seed=7)
        snapshot = build_snapshot(open_marketplace(Path(folder) / "market"))
        brief = list(snapshot.campaigns.values())[-1]
        rows = np.arange(len(snapshot), dtype=np.int64)
        columns = snapshot.columns(brief, rows)
        matrix = snapshot.matrix(brief, rows)
    names = list(SIGNALS)
    same = {names.index(name): value for name, value in columns.same.items()}
    own = np.array([names.index(name) for name in names_of("creator")], dtype=np.int64)
    return matrix, same, own


def _alone(matrix: Floats, own: np.ndarray) -> Any:
    """300 trees of 31 leaves on creators' own columns of ``matrix``; the others are there and say nothing."""
    import lightgbm as lgb

    rng = np.random.default_rng(1)
    X = np.full_like(matrix, np.nan)
    X[:, own] = matrix[:, own]
    X = np.repeat(X, 5, axis=0) * (1.0 + 0.1 * rng.normal(size=(5 * len(X), X.shape[1])))
    y = np.nan_to_num(X[:, own]).argsort(axis=0).argsort(axis=0) @ rng.normal(size=len(own))
    settings = {"objective": "regression", "num_leaves": 31, "learning_rate": 0.05, "verbosity": -1, "seed": 7}
    return lgb.train({**settings, "feature_fraction": 0.5}, lgb.Dataset(X, y), 300)


def _timed(
    heads: Mapping[str, Any], matrix: Floats, same: Mapping[int, float], own: np.ndarray, chosen: argparse.Namespace
) -> dict[str, Any]:
    from models.scoring import CHUNK, Scorer, forest_of, share
    from models.scoring.kernels import compiled_gather

    forest = forest_of(heads)
    scorer, plain = Scorer(forest, own), Scorer(forest, own[:0])
    plan = scorer.plan(same)
    gather = compiled_gather()
    rng = np.random.default_rng(2)
    took = dict.fromkeys(("lightgbm", "ours", "matrix", "masks"), 0.0)
    equal, n, threads = True, 0, chosen.threads
    while n < chosen.rows:
        X = matrix[rng.integers(0, len(matrix), min(SLICE, chosen.rows - n))]
        X *= 1.0 + 0.05 * rng.normal(size=X.shape)
        for place, value in same.items():
            X[:, place] = value
        began = time.perf_counter()
        masks = scorer.masks(len(X), _columns_of(X), threads=threads)
        took["masks"] += time.perf_counter() - began
        began = time.perf_counter()
        wanted = np.stack([one.predict(X, raw_score=True, num_threads=threads) for one in heads.values()])
        took["lightgbm"] += time.perf_counter() - began
        found = np.zeros_like(wanted)
        rows = np.arange(len(X), dtype=np.int64)

        def chunk(start: int, X: Floats = X, rows: Any = rows, masks: Any = masks, found: Floats = found) -> None:
            some = rows[start : start + CHUNK]
            asked, sums = np.empty((len(plan.columns), len(some))), np.zeros((len(found), len(some)))
            gather(X, some, plan.columns, asked)
            scorer.add(plan, some, masks, asked, sums)
            found[:, start : start + CHUNK] = sums

        began = time.perf_counter()
        share(chunk, range(0, len(X), CHUNK), threads=threads)
        took["ours"] += time.perf_counter() - began
        began = time.perf_counter()
        again = np.stack(list(plain.of_matrix(X, threads=threads).values()))
        took["matrix"] += time.perf_counter() - began
        equal = equal and found.tobytes() == wanted.tobytes() == again.tobytes()
        n += len(X)
    each = 1e9 / (n * len(forest.head))
    return {
        "trees": len(forest.head),
        "ratio": round(took["lightgbm"] / took["ours"], 1),
        "matrix_ratio": round(took["lightgbm"] / took["matrix"], 1),
        "ns": round(took["ours"] * each, 3),
        "lightgbm_ns": round(took["lightgbm"] * each, 2),
        "bytes_per_creator": scorer.shape.bytes_each,
        "masks_us": round(1e6 * took["masks"] / n, 2),
        "asked_nodes": int(plan.starts[-1]),
        "nodes": len(forest.feature),
        "same_bits": equal,
    }


def _columns_of(X: Floats) -> Callable[[int, int, Ints], Floats]:
    """What masks are made of: some columns of rows a to b, one a line."""
    return lambda a, b, places: np.ascontiguousarray(X[a:b].T[places])


if __name__ == "__main__":
    sys.exit(main())
