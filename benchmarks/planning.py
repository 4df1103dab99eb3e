"""How good are plans, and how long do they take? ``python -m benchmarks.planning``.

Marketplaces are drawn, a ranker is trained on the first two thirds of each one's campaigns, and the held-out campaigns
are planned: with half of the brief's budget at most, so many samples and so many invitations. The exact choice is held
against going down the list by expected profit, and by expected profit for what it uses; what each would really bring
is the truth's expected profit. Five times a campaign a dozen of its candidates are planned under limits drawn at
random, and held against all 4,096 choices. The power planner's numbers are held against draws: normal ones, and ones
with the heavy upper tail of lift.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ttest_1samp

from features.briefs import Brief
from marketplace.arrays import Floats
from marketplace.progress import say
from marketplace.simulator import find_world, simulate
from marketplace.tables import open_marketplace
from models.bundle import Bundle
from models.economics import Economics
from models.planning import (
    Choice,
    Dependence,
    Limits,
    Noise,
    Offers,
    choose,
    choose_greedily,
    constraints_of,
    goal_of,
    look_ahead,
    needed,
    power,
)
from training.data import build_training_data, split_by_time
from training.evaluation import gather_held_out
from training.heads import fit_rankers

__all__ = ["HeldOut", "every_best", "held_against_draws", "held_out_campaigns", "main", "planned", "small_cases"]

INVITATIONS, SAMPLES, BUDGET = 40, 8, 400.0
"""Limits of every plan; the budget in USD, or half of the brief's where that is less."""

DRAWS = 20_000
SMALL, CASES = 12, 5
"""Candidates of a small case, and such cases of a campaign."""


@dataclass(frozen=True)
class HeldOut:
    """One campaign to plan: its candidates' offers, and what each would really bring, USD (n,)."""

    seed: int
    campaign_id: str
    brief: Brief
    offers: Offers
    real: Floats
    bundle: Bundle


def held_out_campaigns(folder: Path, *, creators: int, campaigns: int, days: int, seed: int) -> Iterator[HeldOut]:
    """Simulate, fit on the first two thirds of the campaigns, and predict the others."""
    simulate(folder, creators=creators, campaigns=campaigns, days=days, seed=seed, world=find_world("baseline"))
    market = open_marketplace(folder)
    split = split_by_time(market.frame("campaigns", ["campaign_id", "briefed_at"]))
    bundle = fit_rankers(build_training_data(market, split.train, as_of=split.cutoff), seed=seed)[0].bundle
    held_out = gather_held_out(market, split.held_out, train_campaigns=split.train)
    _, told = held_out.score(bundle)
    assert held_out.truth is not None
    truth = held_out.pairs.merge(held_out.truth, on=["campaign_id", "creator_id"], how="left")
    for name, rows in held_out.pairs.groupby("campaign_id").indices.items():
        brief = held_out.briefs[str(name)]
        economics = Economics.of(brief)
        ids = held_out.pairs["creator_id"].to_numpy(dtype=str)[rows]
        offers = Offers.of(told.take(rows), economics, ids, has_sample=brief.has_free_sample)
        real = truth["incremental_profit"].to_numpy(dtype=np.float64)[rows]
        yield HeldOut(seed, str(name), brief, offers, real, bundle)


def planned(one: HeldOut) -> dict[str, Any]:
    """The exact choice of a campaign beside both lists."""
    offers, real = one.offers, one.real
    limits = Limits(budget=min(BUDGET, one.brief.budget_usd / 2), samples=SAMPLES, invitations=INVITATIONS)
    bounds, value = constraints_of(offers, limits), goal_of(offers, "profit")
    exact = choose(value, bounds)
    lists = {by: choose_greedily(value, bounds, by=by) for by in ("value", "ratio")}
    began = time.perf_counter()
    look_ahead(offers, [exact.rows], dependence=Dependence.of(one.bundle.calibration, offers))
    drawn = time.perf_counter() - began
    return {
        "seed": one.seed, "campaign_id": one.campaign_id, "candidates": len(offers), "invited": len(exact.rows),
        "method": exact.method, "proven": exact.proven, "seconds": exact.seconds, "draw_seconds": drawn,
        "exact": exact.value, "exact_true": _sum(real, exact),
        **{f"greedy_{by}": one.value for by, one in lists.items()},
        **{f"greedy_{by}_true": _sum(real, one) for by, one in lists.items()},
        **{f"greedy_{by}_seconds": one.seconds for by, one in lists.items()},
    }  # fmt: skip


_EVERY = np.array(list(product((0.0, 1.0), repeat=SMALL)))


def every_best(value: Floats, weights: Floats, caps: Floats) -> float:
    """The best of all choices of `SMALL` candidates worth ``value`` (n,) each, with ``weights`` (m, n) in ``caps``."""
    used = _EVERY @ weights.T
    fine = (used <= caps + 1e-9 * np.maximum(caps, 1.0)).all(axis=1)
    return float((_EVERY[fine] @ value).max())


def small_cases(one: HeldOut) -> Iterator[dict[str, Any]]:
    """`CASES` draws of `SMALL` candidates worth inviting under limits that bind, the choice beside every choice."""
    rng = np.random.default_rng([one.seed, *one.campaign_id.encode()])
    worth = np.flatnonzero(goal_of(one.offers, "profit") > 0)
    for _ in range(CASES if worth.size >= SMALL else 0):
        offers = one.offers.take(np.sort(rng.choice(worth, SMALL, replace=False)).astype(np.int64))
        spend, samples = offers.spend("expected").sum(), offers.sample_use("expected").sum()
        limits = Limits(
            budget=float(rng.uniform(0.1, 0.7) * spend),
            samples=int(rng.uniform(0.2, 1.0) * samples) if samples > 0 else None,
            invitations=int(rng.integers(2, SMALL)),
        )
        value, bounds = goal_of(offers, "profit"), constraints_of(offers, limits)
        found = choose(value, bounds)
        began = time.perf_counter()
        best = every_best(value, bounds.weights, bounds.caps)
        yield {
            "exact": found.value, "best": best, "proven": found.proven, "seconds": found.seconds,
            "every_seconds": time.perf_counter() - began,
            "greedy_value": choose_greedily(value, bounds, by="value").value,
        }  # fmt: skip


def _sum(values: Floats, choice: Choice) -> float:
    return float(values[choice.rows].sum())


def _by_the_truth(exact: Floats, listed: Floats) -> tuple[float, float, float]:
    """The sum of the differences by campaign, and its 95 % interval by bootstrap of campaigns."""
    apart = exact - listed
    rng = np.random.default_rng(0)
    sums = apart[rng.integers(0, apart.size, (10_000, apart.size))].sum(axis=1)
    low, high = np.quantile(sums, [0.025, 0.975])
    return float(apart.sum()), float(low), float(high)


def held_against_draws(seed: int = 0) -> list[dict[str, float | str]]:
    """Foretold and drawn power at the number of partnerships that is foretold to give 80 %."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, float | str]] = []
    for share, together, many in ((0.2, 0.0, 1), (0.5, 0.0, 1), (1.0, 0.0, 1), (0.3, 0.1, 10), (0.5, 0.05, 20)):
        noise = Noise(100.0, together=together)
        found = needed(100.0 * share, noise, per_campaign=many)
        groups = round(found.partnerships / many)
        for law in ("normal", "heavy tail"):
            common = rng.standard_normal((DRAWS, groups))
            mean = np.zeros((DRAWS, groups))
            for _ in range(many):
                own = math.sqrt(together) * common + math.sqrt(1 - together) * rng.standard_normal((DRAWS, groups))
                mean += (_heavy(own) if law == "heavy tail" else own) / many
            noise_alone = 100.0 * mean
            rows.append(
                {
                    "lift_over_sd": share, "together": together, "per_campaign": float(many), "law": law,
                    "partnerships": float(found.partnerships),
                    "foretold": power(100.0 * share, found.partnerships, noise, per_campaign=many),
                    "drawn": _told(noise_alone + 100.0 * share),
                    "told_of_none": _told(noise_alone),
                }
            )  # fmt: skip
    return rows


def _told(values: Floats) -> float:
    """In which share of the draws (DRAWS, n) a t-test tells the mean from none."""
    return float((ttest_1samp(values, 0.0, axis=1).pvalue < 0.05).mean())


def _heavy(normal: Floats) -> Floats:
    """Log-normal with a skewness of 6, of mean 0 and variance 1."""
    sigma = 1.0
    size = math.exp(sigma**2 / 2)
    spread = math.sqrt((math.exp(sigma**2) - 1) * math.exp(sigma**2))
    return np.asarray((np.exp(sigma * normal) - size) / spread, dtype=np.float64)


def main(arguments: list[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Plans against greedy lists, and the power planner against draws.")
    parser.add_argument("--creators", type=int, default=2_000, help="creators a marketplace (default 2000)")
    parser.add_argument("--campaigns", type=int, default=90, help="campaigns a marketplace (default 90)")
    parser.add_argument("--days", type=int, default=220, help="days a marketplace (default 220)")
    parser.add_argument("--held-out", type=int, default=50, help="campaigns to plan in all (default 50)")
    parser.add_argument("--seed", type=int, default=61, help="the first seed (default 61)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    small: list[dict[str, Any]] = []
    seed = chosen.seed
    while len(rows) < chosen.held_out:
        with tempfile.TemporaryDirectory() as folder:
            found = held_out_campaigns(
                Path(folder) / "market",
                creators=chosen.creators,
                campaigns=chosen.campaigns,
                days=chosen.days,
                seed=seed,
            )
            for one in islice(found, chosen.held_out - len(rows)):
                rows.append(planned(one))
                small += islice(small_cases(one), max(0, 4 * chosen.held_out - len(small)))
        say(f"seed {seed}: {len(rows)} campaigns planned so far")
        seed += 1
    tested = held_against_draws()
    if chosen.json:
        print(json.dumps({"plans": rows, "small": small, "power": tested}, default=float))
        return 0
    frame = pd.DataFrame(rows)
    print(
        f"{len(frame)} campaigns, {frame['candidates'].median():.0f} candidates (median), proven in "
        f"{int(frame['proven'].sum())}; an integer programme in {int((frame['method'] != 'sort').sum())}; "
        f"{frame['seconds'].median():.3f} s (median), {frame['seconds'].max():.2f} s (longest); 8,192 draws "
        f"{frame['draw_seconds'].median():.2f} s"
    )
    for by in ("value", "ratio"):
        greedy, real = frame[f"greedy_{by}"], frame[f"greedy_{by}_true"]
        gain = frame["exact"].sum() - greedy.sum()
        true, low, high = _by_the_truth(frame["exact_true"].to_numpy(), real.to_numpy())
        print(
            f"  against greedy by {by} ({frame[f'greedy_{by}_seconds'].median():.4f} s): {gain:,.0f} USD more expected "
            f"({gain / greedy.sum():.2%}), more in {int((frame['exact'] > greedy + 1e-6).sum())} campaigns, less in "
            f"{int((frame['exact'] < greedy - 1e-6).sum())}; by the truth {true:+,.0f} USD "
            f"({low:+,.0f} to {high:+,.0f}) of {real.sum():,.0f}"
        )
    cases = pd.DataFrame(small)
    apart = (cases["exact"] - cases["best"]).abs() / cases["best"].abs().clip(lower=1.0)
    print(
        f"{len(cases)} small cases of {SMALL} candidates: as good as the best of every choice in "
        f"{int((apart < 1e-9).sum())}, proven in {int(cases['proven'].sum())}, {cases['seconds'].median():.4f} s "
        f"(every choice {cases['every_seconds'].median():.4f} s); greedy by value falls short in "
        f"{int((cases['greedy_value'] < cases['best'] - 1e-6).sum())}, by "
        f"{1 - cases['greedy_value'].sum() / cases['best'].sum():.2%} in all"
    )
    print(pd.DataFrame(tested).to_string(index=False, float_format="{:.3f}".format))
    return 0


if __name__ == "__main__":
    sys.exit(main())
