"""How near off-policy estimates come to the truth: ``python -m benchmarks.off_policy``.

Simulated marketplaces whose last briefs end early enough for every outcome to
mature; ten policies, the champion among them (fitted on the first two thirds
of the campaigns, as known at the cut-off). Only the last third is evaluated:
there the truth is told for every eligible creator. Two rewards: the log's own
estimated profits, and in their place the invited creators' true expected
profits, which leaves the chances as the only source of error.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.indices import index_scores
from features.signals import SIGNALS
from marketplace.arrays import Floats
from marketplace.errors import TrainingError
from marketplace.progress import say
from marketplace.simulator import simulate
from marketplace.simulator.worlds import BASELINE
from marketplace.tables import open_marketplace, read_truth
from training.data import build_training_data, split_by_time
from training.evaluation import baseline_scores
from training.heads import fit_rankers
from training.off_policy import (
    ESTIMATORS,
    Log,
    PolicyData,
    bundle_scores,
    estimate,
    mixture,
    read_policy_data,
    soft_policy,
    top_policy,
)

__all__ = ["main", "ten_policies"]

WORLD = replace(BASELINE, first_brief=0.2, last_brief=0.68)
TOP = 20
SPREAD = 0.5
TARGET_ERROR, TARGET_COVERAGE = 0.05, 0.88


def ten_policies(log: Log, scores: Mapping[str, Floats], *, top: int = TOP) -> dict[str, Floats]:
    """Ten policies by name: the chances that each row is invited."""
    best = {name: top_policy(log, score, top=top) for name, score in scores.items()}
    anybody = soft_policy(log, scores["random"], top=top, spread=1e3)
    soft = {name: soft_policy(log, scores[name], top=top, spread=SPREAD) for name in ("gmv", "champion")}
    return {
        **{n: best[n] for n in ("random", "followers", "gmv", "category_gmv", "indices_only", "champion")},
        "soft gmv": soft["gmv"],
        "soft champion": soft["champion"],
        "half champion, half anybody": mixture(
            {"champion": (0.5, best["champion"]), "anybody": (0.5, anybody)}
        ),
        "half indices, half category_gmv": mixture(
            {"indices": (0.5, best["indices_only"]), "category_gmv": (0.5, best["category_gmv"])}
        ),
    }  # fmt: skip


def one_market(folder: Path, *, creators: int, campaigns: int, days: int, seed: int) -> list[dict[str, Any]]:
    """Simulate, fit a champion, estimate; one row a policy, reward and estimator."""
    simulate(folder, creators=creators, campaigns=campaigns, days=days, seed=seed, world=WORLD)
    market = open_marketplace(folder)
    split = split_by_time(market.frame("campaigns", ["campaign_id", "briefed_at"]))
    champion = fit_rankers(build_training_data(market, split.train, as_of=split.cutoff), seed=seed)[-1].bundle
    data: PolicyData = read_policy_data(market, seed=seed)
    kept = np.isin(np.array(data.log.campaign_ids), split.held_out)
    rows = kept[data.log.campaign]
    log, pairs, X, model = data.log.take(kept), data.pairs[rows].reset_index(drop=True), data.X[rows], data.model[rows]
    outcomes = read_truth(folder, "outcomes")
    if outcomes is None:
        raise TrainingError("a simulated marketplace, whose truth is known", received="none", look=str(folder))
    truth = pairs.merge(outcomes, on=["campaign_id", "creator_id"], how="left")
    expected = truth["incremental_profit"].to_numpy(dtype=np.float64)
    matrix = pd.concat([pairs, pd.DataFrame(X, columns=list(SIGNALS))], axis=1)
    scores = baseline_scores(matrix, indices=index_scores(market, pairs), seed=seed)
    scores["champion"] = bundle_scores(champion, market, pairs, X)
    rewards = {"estimated": log, "expected": replace(log, profit=np.where(log.invited, expected, np.nan))}
    found: list[dict[str, Any]] = []
    for policy, chance in ten_policies(log, scores).items():
        value = float((chance * expected).sum()) / len(log.campaign_ids)
        for reward, seen in rewards.items():
            facts = {"seed": seed, "policy": policy, "reward": reward, "truth": value}
            try:
                answer = estimate(seen, chance, model=model, seed=seed)
            except TrainingError as reason:
                say(f"{policy}: {reason}")
                found.append({**facts, "estimator": "refused"})
                continue
            for name in ESTIMATORS:
                one = answer.estimates[name]
                found.append(
                    {
                        **facts, "estimator": name, "estimate": one.estimate, "low": one.low, "high": one.high,
                        "effective": answer.effective, "campaigns": answer.campaigns,
                        "covered": one.low <= value <= one.high,
                    }
                )  # fmt: skip
    return found


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a reward, estimator and policy, and a row for all policies: truth, estimate, error, coverage."""
    known = rows[rows["estimator"] != "refused"]
    parts = []
    for (reward, estimator), group in known.groupby(["reward", "estimator"], sort=False):
        for policy, some in [*group.groupby("policy", sort=False), ("all ten", group)]:
            error = some["estimate"] - some["truth"]
            parts.append(
                {
                    "reward": reward,
                    "estimator": estimator,
                    "policy": policy,
                    "truth_usd": some["truth"].mean(),
                    "estimate_usd": some["estimate"].mean(),
                    "pooled_error": abs(error.mean()) / abs(some["truth"].mean()),
                    "median_error": (error.abs() / some["truth"].abs()).median(),
                    "coverage": some["covered"].mean(),
                    "half_width": ((some["high"] - some["low"]) / 2).mean(),
                    "effective": some["effective"].mean(),
                }
            )
    return pd.DataFrame(parts)


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Off-policy estimates against the truth, ten policies.")
    parser.add_argument("--creators", type=int, default=1_000, help="creators a marketplace (default 1000)")
    parser.add_argument("--campaigns", type=int, default=150, help="campaigns a marketplace (default 150)")
    parser.add_argument("--days", type=int, default=300, help="days a marketplace (default 300)")
    parser.add_argument("--markets", type=int, default=12, help="marketplaces, one a seed (default 12)")
    parser.add_argument("--seed", type=int, default=11, help="the first seed (default 11)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for seed in range(chosen.seed, chosen.seed + chosen.markets):
        with tempfile.TemporaryDirectory() as folder:
            rows += one_market(
                Path(folder) / "market",
                creators=chosen.creators,
                campaigns=chosen.campaigns,
                days=chosen.days,
                seed=seed,
            )
    frame = pd.DataFrame(rows)
    table = summary(frame)
    if chosen.json:
        print(json.dumps({"rows": frame.to_dict("records"), "summary": table.to_dict("records")}, default=float))
        return 0
    print(table.to_string(index=False, float_format="{:.3f}".format))
    refused = int((frame["estimator"] == "refused").sum())
    print(f"\n{chosen.markets} marketplaces, {refused} of {len(frame)} estimates refused.")
    print(f"targets: error at most {TARGET_ERROR:.2f} of the truth, coverage at least {TARGET_COVERAGE:.2f}")
    for _, one in table[table["policy"] == "all ten"].iterrows():
        print(
            f"{one['reward']:<10} {one['estimator']:<6} pooled error {one['pooled_error']:.3f}, median error of one "
            f"estimate {one['median_error']:.3f}, coverage {one['coverage']:.3f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
