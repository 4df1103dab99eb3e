"""How the ranker of small shops does where the truth is known: its order, and how often its intervals hold.

``python -m benchmarks.small_shops`` draws marketplaces of 300 creators and 180 days, learns from the first 30 % of the
campaigns, when next to no outcome is known, and measures on the rest: share of the possible gain at 20 invited, beside
the simple sorts, the share of realised lifts within the 80 and 90 % intervals, how many times too high lift is told
over all whom one might invite (weighed by their true chance of delivering), and by how much chances are.

``benchmarks/seeds.toml`` says which seeds may choose the prior's numbers (`training.priors.stated_prior`) and which are
only reported: ``report``, the default, or ``choose``.
"""

from __future__ import annotations

import math
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np

from marketplace.simulator import find_world, simulate
from marketplace.tables import open_marketplace
from training.data import build_training_data, split_by_time
from training.evaluation import gather_held_out
from training.priors import fit_small

__all__ = ["SEEDS", "main", "measure", "shops"]

SEEDS = Path(__file__).with_name("seeds.toml")

METRIC = "oracle_gain_share_at_20"


def shops(part: str) -> list[tuple[str, int, int]]:
    """World, campaigns (of all sellers: one in five is the small seller's) and seed of each shop of ``part``."""
    listed = tomllib.loads(SEEDS.read_text(encoding="utf-8"))["small_shops"][part]
    return [(world, 110 if world == "small_seller" else 24, seed) for world in listed for seed in listed[world]]


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
    accept, deliver, lift = (
        truth[name].to_numpy(dtype=np.float64)
        for name in ("accept_probability", "deliver_probability", "incremental_gmv")
    )
    expected = float(np.nansum(accept * deliver * lift))
    times = float(np.nansum(accept * deliver * told.lift)) / expected if expected > 0 else math.inf
    off = f"acceptance {np.nanmean(told.accept - accept):+.3f}, delivery {np.nanmean(told.deliver - deliver):+.3f}"
    basis = "" if fitted.bundle.basis is None else fitted.bundle.basis.text
    line = f"{world} {seed}, {basis}\n  {METRIC}: {gains}\n  lift told {times:.2f} times what it is; {off}"
    return line, held, held_90, int(seen.sum())


def main(part: str = "report") -> None:
    """Print every shop of ``part``, then each interval's coverage over all of them."""
    total = np.zeros(3, dtype=np.int64)
    with tempfile.TemporaryDirectory(prefix="collabrank-") as scratch:
        for world, campaigns, seed in shops(part):
            line, *counts = measure(Path(scratch) / f"{world}-{seed}", world, campaigns, seed)
            total += counts
            held, held_90, count = (int(one) for one in counts)
            print(f"{line}\n  realised lifts in 80 %: {held / count:.3f}, in 90 %: {held_90 / count:.3f} of {count}")
    print(f"all: in 80 %: {total[0] / total[2]:.3f}, in 90 %: {total[1] / total[2]:.3f} of {total[2]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
