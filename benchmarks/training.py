"""What `training.heads.CampaignRanker` costs and reaches beside LightGBM itself: ``python -m benchmarks.training``.

1,000,000 rows x 100 signals in 10,000 queries: `CampaignRanker.fit` and a bare ``lightgbm.train`` on the same
matrix with the same parameters take turns, after a small warm-up; the bare call once with LightGBM's own defaults
(all cores, no promise to give the same bytes again) and once with ours, `training.heads.booster.DETERMINISTIC`.

``--lambdarank FOLDER`` instead trains on LightGBM's public ``examples/lambdarank`` data (``rank.train``,
``rank.train.query``, ``rank.test``, ``rank.test.query`` in FOLDER) through the same estimator, and prints
``ndcg_at_10`` on its test queries beside LightGBM's own Python call with the same parameters.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.errors import CollabrankError, TrainingError
from training.heads import CampaignRanker
from training.stats import Groups, ndcg_at_k

__all__ = ["main"]


QUERY_ROWS = 100
EXAMPLE: Mapping[str, Any] = {
    "num_leaves": 31, "learning_rate": 0.1, "min_data_in_leaf": 50, "more": {"min_sum_hessian": 5.0},
}  # fmt: skip
"""Hyperparameters of the trees on the public data: those of the example's own configuration, without its bagging."""

OURS = "CampaignRanker"


def made_up(rows: int, signals: int, *, seed: int) -> tuple[Floats, Floats, Ints]:
    """A matrix (rows, signals) with a tenth missing, grades 0..4 (rows,) and queries of `QUERY_ROWS` rows."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, signals))
    value = X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * np.sin(3 * X[:, 3]) + rng.standard_normal(rows)
    X[rng.random(X.shape, dtype=np.float32) < 0.1] = np.nan
    grades = np.clip(np.floor(value + 2.0), 0, 4)
    return X, grades, np.full(rows // QUERY_ROWS, QUERY_ROWS, dtype=np.int64)


def bare(X: Any, y: Floats, groups: Ints, *, params: Mapping[str, Any], rounds: int) -> Any:
    """The call a person would write."""
    import lightgbm

    return lightgbm.train(dict(params), lightgbm.Dataset(X, label=y, group=groups), num_boost_round=rounds)


def time_fits(rows: int, signals: int, *, rounds: int, repeats: int, seed: int) -> dict[str, Any]:
    """Median seconds of the three ways, by turns."""
    X, y, groups = made_up(rows, signals, seed=seed)
    campaign = np.repeat(np.arange(len(groups)), groups)
    ranker = CampaignRanker(n_estimators=rounds, random_state=seed)
    plain = {"objective": "lambdarank", "verbosity": -1, "seed": seed}
    ways: dict[str, Callable[[int], Any]] = {
        OURS: lambda r: (
            ranker.fit(X[: r * QUERY_ROWS], y[: r * QUERY_ROWS], groups=campaign[: r * QUERY_ROWS]).booster_
        ),
        "lightgbm, its defaults": lambda r: bare(
            X[: r * QUERY_ROWS], y[: r * QUERY_ROWS], groups[:r], params=plain, rounds=rounds
        ),
        "lightgbm, our parameters": lambda r: bare(
            X[: r * QUERY_ROWS], y[: r * QUERY_ROWS], groups[:r], params=ranker.lightgbm_params(), rounds=rounds
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    texts: dict[str, str] = {}
    for way in ways.values():
        way(20)
    for turn in range(repeats):
        for name in (list(ways), list(reversed(ways)))[turn % 2]:
            started = time.perf_counter()
            booster = ways[name](len(groups))
            seconds[name].append(time.perf_counter() - started)
            texts[name] = booster.model_to_string().partition("\nend of trees\n")[0]
    median = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "rows": rows,
        "signals": signals,
        "rounds": rounds,
        "cores": os.cpu_count(),
        "seconds": {name: round(value, 2) for name, value in median.items()},
        "ratio": {name: round(median[OURS] / value, 3) for name, value in median.items()},
        "same_trees": texts[OURS] == texts["lightgbm, our parameters"],
    }


def read_example(folder: Path) -> tuple[tuple[Any, Floats, Ints], ...]:
    """The public data, to learn from and to measure on: sparse matrix, grades, rows of each query.

    Raises
    ------
    TrainingError
        A file is not there.
    """
    from sklearn.datasets import load_svmlight_files

    files = [folder / f"rank.{half}{tail}" for half in ("train", "test") for tail in ("", ".query")]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise TrainingError(
            f"{', '.join(missing)} in {folder}", received="none", look="LightGBM's examples/lambdarank folder"
        )
    X, y, T, grades = load_svmlight_files([str(files[0]), str(files[2])])
    sizes = [np.loadtxt(file, dtype=np.int64) for file in (files[1], files[3])]
    return (X, y, sizes[0]), (T, grades, sizes[1])


def example(folder: Path, *, rounds: int, seed: int) -> dict[str, Any]:
    """``ndcg_at_10`` on the public test queries: ours, and LightGBM's own call with the same parameters."""
    (X, y, learned), (T, grades, sizes) = read_example(folder)
    ranker = CampaignRanker(n_estimators=rounds, random_state=seed, **EXAMPLE)
    queries = Groups.of(np.repeat(np.arange(len(sizes)), sizes), np.arange(len(grades)))
    boosters = {
        OURS: ranker.fit(X, y, groups=np.repeat(np.arange(len(learned)), learned)).booster_,
        "lightgbm": bare(X, y, learned, params=ranker.lightgbm_params(), rounds=rounds),
    }
    ndcg = {
        name: float(np.nanmean(ndcg_at_k(queries, booster.predict(T), 2.0**grades - 1.0, k=10)))
        for name, booster in boosters.items()
    }
    return {"train_rows": len(y), "test_rows": len(grades), "rounds": rounds, "ndcg_at_10": ndcg}


def main(arguments: list[str] | None = None) -> int:
    """Run and print; returns the exit code."""
    parser = argparse.ArgumentParser(description="Time fitting against LightGBM itself.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows, a multiple of 100 (default 1000000)")
    parser.add_argument("--signals", type=int, default=100, help="signals (default 100)")
    parser.add_argument("--rounds", type=int, help="trees (default 30; 100 with --lambdarank)")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each way (default 3)")
    parser.add_argument("--seed", type=int, default=7, help="seed (default 7)")
    parser.add_argument("--lambdarank", type=Path, metavar="FOLDER", help="LightGBM's examples/lambdarank folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    if chosen.lambdarank is not None:
        try:
            found = example(chosen.lambdarank, rounds=chosen.rounds or 100, seed=chosen.seed)
        except CollabrankError as wrong:
            print(wrong, file=sys.stderr)
            return 2
        if chosen.json:
            print(json.dumps(found))
        else:
            print(f"{found['train_rows']:,} rows to learn from, {found['test_rows']:,} to measure on, "
                  f"{found['rounds']} trees; ndcg_at_10:")  # fmt: skip
            for name, value in found["ndcg_at_10"].items():
                print(f"  {name:<14} {value:.4f}")
        return 0
    rounds = chosen.rounds or 30
    figures = time_fits(chosen.rows, chosen.signals, rounds=rounds, repeats=chosen.repeats, seed=chosen.seed)
    if chosen.json:
        print(json.dumps(figures))
        return 0
    print(f"{chosen.rows:,} rows x {chosen.signals} signals, {rounds} trees, {figures['cores']} cores, "
          f"medians of {chosen.repeats} by turns")  # fmt: skip
    for name, value in figures["seconds"].items():
        print(f"  {name:<26} {value:8.2f} s   {OURS} takes {figures['ratio'][name]:.2f} times as long")
    print(f"  the same trees as LightGBM with our parameters: {figures['same_trees']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
