"""Where nothing lifts anything, does a ranker claim that its first twenty do? ``python -m benchmarks.null``.

Marketplaces of the world ``null`` are drawn until enough campaigns were held
out; in each both rankers are trained on the first two thirds of the campaigns.
For every held-out campaign the mean predicted lift of a ranker's first 20 is
taken with its 90 % interval (`training.evaluation.first`). The claim: the interval
holds zero in at least 88 of 100 campaigns.

Campaigns of one marketplace share one model and its error: the count's own
uncertainty is that of the marketplaces, not of the campaigns.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from marketplace.progress import say
from marketplace.simulator import find_world, simulate
from marketplace.tables import open_marketplace
from training.data import build_training_data, split_by_time
from training.evaluation import first_lifts, gather_held_out
from training.heads import fit_rankers
from training.stats import Groups

__all__ = ["main", "one_market"]

TARGET = 0.88


def one_market(
    folder: Path, *, creators: int, campaigns: int, days: int, seed: int, world: str
) -> list[dict[str, Any]]:
    """Simulate, fit both rankers, look at the first 20 of each held-out campaign; one row a ranker and campaign."""
    simulate(folder, creators=creators, campaigns=campaigns, days=days, seed=seed, world=find_world(world))
    market = open_marketplace(folder)
    split = split_by_time(market.frame("campaigns", ["campaign_id", "briefed_at"]))
    rankers = fit_rankers(build_training_data(market, split.train, as_of=split.cutoff), seed=seed)
    held_out = gather_held_out(market, split.held_out, train_campaigns=split.train)
    groups = Groups.of(held_out.pairs["campaign_id"].to_numpy(), held_out.pairs["creator_id"].to_numpy())
    found: list[dict[str, Any]] = []
    for ranker in rankers:
        frame, _ = held_out.score(ranker.bundle)
        X = np.ascontiguousarray(held_out.X[list(ranker.bundle.signals)].to_numpy(dtype=np.float64))
        for one in first_lifts(ranker.bundle, X, groups=groups, scores=frame["score"].to_numpy(dtype=np.float64)):
            found.append(
                {
                    "seed": seed, "ranker": ranker.name, "campaign_id": one.campaign_id, "mean": one.mean,
                    "low": one.low, "high": one.high, "holds_zero": one.holds_zero, "claims": one.claims,
                }
            )  # fmt: skip
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Lift claimed where nothing lifts anything.")
    parser.add_argument("--creators", type=int, default=1_000, help="creators a marketplace (default 1000)")
    parser.add_argument("--campaigns", type=int, default=90, help="campaigns a marketplace (default 90)")
    parser.add_argument("--days", type=int, default=220, help="days a marketplace (default 220)")
    parser.add_argument("--held-out", type=int, default=100, help="campaigns to hold out in all (default 100)")
    parser.add_argument("--seed", type=int, default=31, help="the first seed (default 31)")
    parser.add_argument("--world", default="null", help="which world (default null)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    seed = chosen.seed
    while len({(row["seed"], row["campaign_id"]) for row in rows}) < chosen.held_out:
        with tempfile.TemporaryDirectory() as folder:
            rows += one_market(
                Path(folder) / "market", creators=chosen.creators, campaigns=chosen.campaigns, days=chosen.days,
                seed=seed, world=chosen.world,
            )  # fmt: skip
        say(f"seed {seed}: {len({(row['seed'], row['campaign_id']) for row in rows})} campaigns held out so far")
        seed += 1
    frame = pd.DataFrame(rows)
    if chosen.json:
        print(json.dumps({"rows": rows, "target": TARGET}, default=float))
        return 0
    by_seed = frame.groupby(["ranker", "seed"]).agg(
        campaigns=("mean", "size"), holds_zero=("holds_zero", "sum"), claims=("claims", "sum"),
        mean_usd=("mean", "mean"), low_usd=("low", "mean"), high_usd=("high", "mean"),
    )  # fmt: skip
    print(by_seed.to_string(float_format="{:.1f}".format))
    for ranker, some in frame.groupby("ranker"):
        print(
            f"{ranker}: the 90 % interval of the first 20's mean lift holds zero in {int(some['holds_zero'].sum())} of "
            f"{len(some)} campaigns ({some['holds_zero'].mean():.3f}; at least {TARGET}), lies above it in "
            f"{int(some['claims'].sum())}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
