"""How good estimated lift is, where it fails, and whether it says so: ``python -m benchmarks.lift``.

First table: simulated marketplaces by world, ``collabrank lift``'s estimates
against the truth, and which checks fail. Second: what a share of invitations
drawn at random is worth (benchmarks/holdback.py), by that share.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.holdback import calibrate, randomised
from features.time import known_until
from marketplace.progress import say
from marketplace.simulator import simulate
from marketplace.simulator.worlds import WORLDS, World
from marketplace.tables import open_marketplace, read_truth
from training.lift import lift_report, lift_truth, ripe_evidence

__all__ = ["by_world", "holdback_curve", "main", "one_holdback", "one_report"]

WORLD_SEEDS = {
    "baseline": range(11, 20),
    "null": range(11, 20),
    "confounded": range(11, 14),
    "interference": range(11, 14),
}
HOLDBACK_WORLDS, HOLDBACK_SEEDS = ("baseline", "confounded"), range(11, 14)
HOLDBACKS = (0.01, 0.02, 0.05, 0.10, 0.15)
TARGET_ERROR, TARGET_COVERAGE, TARGET_HOLDBACK = 0.10, (0.88, 0.92), 0.25


def one_report(world: str, seed: int, *, creators: int, campaigns: int, days: int) -> dict[str, Any]:
    """Simulate one marketplace and report on it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "market"
        simulate(folder, creators=creators, campaigns=campaigns, days=days, seed=seed, world=WORLDS[world])
        market = open_marketplace(folder)
        started = time.perf_counter()
        report = lift_report(market, known_until(market))
        seconds = time.perf_counter() - started
        truth = lift_truth(folder, report)
    assert truth is not None  # a simulated marketplace has one
    n = report.overall.partnerships
    lead = next((test for test in report.placebos if test.name == "lead"), None)
    return {
        "world": world,
        "seed": seed,
        "partnerships": n,
        "truth": truth.overall / n,
        "attributed": report.overall.attributed / n,
        "learned": report.learned.estimate / n,
        "reported": report.overall.estimate / n,
        "se": report.overall.se / n,
        "error": truth.error,
        "held": float(truth.held),
        "campaigns": len(report.campaigns),
        "campaigns_held": truth.coverage,
        "partnerships_held": truth.partnership_coverage,
        "placebo_z": float(np.mean([abs(test.z) for test in report.placebos])),
        "lead_excluded": float("nan") if lead is None else lead.excluded,
        "sibling_z": float("nan") if report.siblings is None else report.siblings.z,
        "breakdown": report.sensitivity.breakdown,
        "flags": sorted(report.flags),
        "seconds": seconds,
    }


def by_world(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a world: error of the mean, of single marketplaces, coverage, and how often each check fails."""
    found = []
    for world, some in rows.groupby("world", sort=False):
        true, reported = some["truth"].mean(), some["reported"].mean()
        flags = {
            f"flag_{name}": some["flags"].map(lambda kept, name=name: name in kept).mean()
            for name in ("placebo", "lead", "after", "disagreement", "siblings", "synthetic", "sensitivity")
        }
        found.append(
            {
                "world": world,
                "markets": len(some),
                "truth": true,
                "attributed": some["attributed"].mean(),
                "learned": some["learned"].mean(),
                "reported": reported,
                "error_of_mean": reported / true - 1.0 if true else float("nan"),
                "median_error": some["error"].abs().median(),
                "overall_held": some["held"].mean(),
                "campaigns_held": np.average(some["campaigns_held"], weights=some["campaigns"]),
                "breakdown": some["breakdown"].median(),
                **flags,
                "any_flag": some["flags"].map(bool).mean(),
                "seconds": some["seconds"].mean(),
            }
        )
    return pd.DataFrame(found)


def one_holdback(world: World, seed: int, *, creators: int, campaigns: int, days: int) -> dict[str, float]:
    """Simulate one marketplace; total lift by its randomised partnerships, against the truth."""
    keys = ["campaign_id", "creator_id"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "market"
        simulate(folder, creators=creators, campaigns=campaigns, days=days, seed=seed, world=world)
        market = open_marketplace(folder)
        evidence, ripe = ripe_evidence(market, known_until(market))
        drawn = randomised(market, evidence.rows)
        outcomes = read_truth(folder, "outcomes")
    assert outcomes is not None  # a simulated marketplace has one
    true = evidence.rows[ripe][keys].merge(outcomes, on=keys)["incremental_gmv_realised"].sum()
    found = calibrate(evidence, drawn & ripe, ripe)
    learned = found.corrected / found.factor
    return {
        "drawn": found.randomised,
        "partnerships": found.partnerships,
        "error_by_proxies": abs(found.total / true - 1.0),
        "error_corrected": abs(found.corrected / true - 1.0),
        "error_learned": abs(learned / true - 1.0),
        "factor": found.factor,
        "factor_se": found.factor_se,
    }


def holdback_curve(*, creators: int, campaigns: int, days: int, shift: int = 0) -> pd.DataFrame:
    """Mean absolute error of total lift by the share of invitations drawn at random, world by world."""
    found = []
    for name in HOLDBACK_WORLDS:
        for share in HOLDBACKS:
            world = replace(WORLDS[name], holdback=share)
            rows = [
                one_holdback(world, seed + shift, creators=creators, campaigns=campaigns, days=days)
                for seed in HOLDBACK_SEEDS
            ]
            found.append({"world": name, "holdback": share, **pd.DataFrame(rows).mean().to_dict()})
    return pd.DataFrame(found)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Estimated lift against the truth of simulated marketplaces.")
    parser.add_argument("--creators", type=int, default=800, help="creators a marketplace (default 800)")
    parser.add_argument("--campaigns", type=int, default=60, help="campaigns a marketplace (default 60)")
    parser.add_argument("--days", type=int, default=200, help="days a marketplace (default 200)")
    parser.add_argument(
        "--shift-seeds",
        type=int,
        default=0,
        help="added to every seed (defaults 11-19 baseline and null, 11-13 others)",
    )
    parser.add_argument("--worlds", default=",".join(WORLD_SEEDS), help="which worlds, by comma")
    parser.add_argument("--no-holdback", dest="holdback", action="store_false", help="leave out the second table")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    rows = []
    for world in chosen.worlds.split(","):
        for seed in WORLD_SEEDS[world]:
            rows.append(
                one_report(
                    world,
                    seed + chosen.shift_seeds,
                    creators=chosen.creators,
                    campaigns=chosen.campaigns,
                    days=chosen.days,
                )
            )
            say(f"{world} {rows[-1]['seed']}: error {rows[-1]['error']:+.3f}, flags {rows[-1]['flags']}")
    frame = pd.DataFrame(rows)
    table = by_world(frame)
    size = {"creators": chosen.creators, "campaigns": chosen.campaigns, "days": chosen.days}
    curve = holdback_curve(**size, shift=chosen.shift_seeds) if chosen.holdback else pd.DataFrame()
    if chosen.json:
        found = {"rows": frame, "worlds": table, "holdback": curve}
        print(json.dumps({name: part.to_dict("records") for name, part in found.items()}, default=float))
        return 0
    print("USD a partnership; held: share of 90 % intervals that hold the truth; flags: share of marketplaces")
    print(table.set_index("world").T.to_string(float_format="{:.3f}".format))
    low, high = TARGET_COVERAGE
    print(f"\ntargets in baseline: error of the mean at most {TARGET_ERROR:.2f}, coverage {low:.2f} to {high:.2f}")
    if len(curve):
        print("\nTotal lift by the share of invitations drawn at random; mean absolute error, 3 marketplaces each")
        print(curve.to_string(index=False, float_format="{:.3f}".format))
        print(f"\ntarget at 0.05: error at most {TARGET_HOLDBACK:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
