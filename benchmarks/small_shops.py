"""How the ranker of small shops does where the truth is known: its order, and how often its intervals hold.

``python -m benchmarks.small_shops`` draws marketplaces of 300 creators and 180 days, learns from the first 30 % of the
campaigns, when next to no outcome is known, and measures on the rest: share of the possible gain at 20 invited, beside
the simple sorts, and the share of realised lifts within the 80 and 90 % intervals. The prior's numbers were chosen on
other seeds (`training.priors.stated_prior`).
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np

from marketplace.simulator import find_world, simulate
from marketplace.tables import open_marketplace
from training.data import build_training_data, split_by_time
from training.evaluation import gather_held_out
from training.priors import fit_small

__all__ = ["SHOPS", "main", "measure"]

SHOPS = (
    *(("small_seller", 110, seed) for seed in (21, 22, 23, 24)),
    *(("baseline", 24, seed) for seed in (31, 32, 33)),
    *(("wild", 24, seed) for seed in (41, 42, 43)),
    ("null", 24, 51),
)
"""World, campaigns (of all sellers: one in five is the small seller's) and seed of each shop."""

METRIC = "oracle_gain_share_at_20"


def measure(folder: Path, world: str, campaigns: int, seed: int) -> tuple[str, int, int, int]:
    """One shop: its line, realised lifts within the 80 and the 90 % interval, and how many there are."""
    simulate(folder, creators=300, campaigns=campaigns, days=180, seed=seed, world=find_world(world, seed=seed))
    market = open_marketplace(folder)
    briefed = market.frame("campaigns", ["campaign_id", "briefed_at"])
    split = split_by_time(briefed, held_out=math.ceil(0.7 * briefed["campaign_id"].nunique()))
    fitted = fit_small(build_training_data(market, split.train, as_of=split.cutoff, small=True))
    held_out = gather_held_out(market, split.held_out, train_campaigns=split.train)
    values = held_out.compare({fitted.name: fitted.bundle}, champion=fitted.name, unmeasured=True).values[METRIC]
    gains = ", ".join(f"{name} {np.nanmean(each):.3f}" for name, each in values.items())
    _, told = held_out.score(fitted.bundle)
    assert held_out.truth is not None  # a simulated marketplace has one
    truth = held_out.pairs.merge(held_out.truth, on=["campaign_id", "creator_id"], how="left")
    came = truth["incremental_gmv_realised"].to_numpy(dtype=np.float64)
    seen = np.isfinite(came)
    held, held_90 = (
        int(((came >= low) & (came <= high))[seen].sum())
        for low, high in ((told.lift_low, told.lift_high), (told.lift_low_90, told.lift_high_90))
    )
    basis = "" if fitted.bundle.basis is None else fitted.bundle.basis.text
    return f"{world} {seed}, {basis}\n  {METRIC}: {gains}", held, held_90, int(seen.sum())


def main() -> None:
    """Print every shop, then each interval's coverage over all of them."""
    total = np.zeros(3, dtype=np.int64)
    with tempfile.TemporaryDirectory(prefix="collabrank-") as scratch:
        for world, campaigns, seed in SHOPS:
            line, *counts = measure(Path(scratch) / f"{world}-{seed}", world, campaigns, seed)
            total += counts
            held, held_90, count = (int(one) for one in counts)
            print(f"{line}\n  realised lifts in 80 %: {held / count:.3f}, in 90 %: {held_90 / count:.3f} of {count}")
    print(f"all: in 80 %: {total[0] / total[2]:.3f}, in 90 %: {total[1] / total[2]:.3f} of {total[2]}")


if __name__ == "__main__":
    main()
