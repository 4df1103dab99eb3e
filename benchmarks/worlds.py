"""How much of the possible gain rankers capture, world by world: ``python -m benchmarks.worlds``.

For every world and seed a marketplace is drawn, both forms are fitted on the first two thirds of its campaigns, and
``oracle_gain_share_at_20`` is measured on the last third: of the form that training itself chooses (``champion``), of
each form, of what brands sort by today, of other libraries' rankers where they are installed
(`benchmarks.references`), and of the informed ceiling. The table has the mean over seeds; ``lead`` is the champion's
lead over the best heuristic *on average over the seeds*, with its standard error over them.

``--out FILE`` keeps one JSON line for each marketplace as it is done; started again with the same file it goes on from
there. ``--track`` records each marketplace as a run in MLflow. Nothing is tuned here: defaults are what ``train`` uses.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.references import reference_scores
from marketplace.errors import CollabrankError
from marketplace.progress import say
from marketplace.simulator import WORLDS, find_world, simulate
from marketplace.tables import open_marketplace
from training.baselines import BASELINES, baseline_scores
from training.dataset import build_training_data
from training.evaluate import compare
from training.evaluate_ceiling import fit_ceiling
from training.evaluate_held_out import gather_held_out
from training.forms import fit_forms
from training.pipeline import split_of

__all__ = ["main", "measure", "summarise"]

METRIC = "oracle_gain_share_at_20"
HEURISTICS = (*BASELINES, "indices_only")
DEFAULT_WORLDS = ("baseline", "confounded", "interference", "drift", "gaming")


def measure(world: str, seed: int, *, creators: int, campaigns: int, days: int, ceiling: bool) -> dict[str, Any]:
    """One marketplace: size, seconds, which form was chosen, and each ranker's share of the possible gain.

    Raises
    ------
    ContractError, TrainingError
        No such world, or too little to learn from.
    """
    with tempfile.TemporaryDirectory(prefix="collabrank-") as scratch:
        folder = Path(scratch) / "market"
        simulate(folder, creators=creators, campaigns=campaigns, days=days, seed=seed, world=find_world(world))
        market = open_marketplace(folder)
        split = split_of(market, None)
        started = time.perf_counter()
        data = build_training_data(market, split.train, as_of=split.cutoff)
        forms = fit_forms(data, seed=seed)
        fitted = time.perf_counter() - started
        held_out = gather_held_out(market, split.held_out, train_campaigns=split.train)
        bundles = {form.form: form.bundle for form in forms}
        if ceiling:
            bundles["informed_ceiling"] = fit_ceiling(market, split.train, as_of=split.cutoff, seed=seed)
        scores = {name: held_out.score(bundle)[0]["score"].to_numpy(np.float64) for name, bundle in bundles.items()}
        X = np.ascontiguousarray(held_out.X[list(data.signals)].to_numpy(dtype=np.float64))
        scores |= reference_scores(data, X, seed=seed)
        scores |= baseline_scores(held_out.X, indices=held_out.indices, seed=seed)
        found = compare(scores, held_out.pairs, truth=held_out.truth, champion=forms[-1].form, seed=seed)
    shares = {}
    for ranker in scores:
        value = next(row.estimate for row in found.rows if (row.ranker, row.metric) == (ranker, METRIC))
        shares[ranker] = float(value) if math.isfinite(value) else None
    return {
        "world": world, "seed": seed, "creators": creators, "campaigns": campaigns, "days": days,
        "held_out": len(split.held_out), "invitations": len(data), "lifts": int(data.lift_known.sum()),
        "fit_seconds": round(fitted, 1), "cores": os.cpu_count(), "chosen": forms[-1].form,
        "validation": {form.form: form.validation for form in forms},
        "shares": {"champion": shares[forms[-1].form], **shares},
    }  # fmt: skip


def summarise(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """World by world: means over seeds, the best heuristic on average, the lead over it and its standard error."""
    out = []
    for world in dict.fromkeys(str(row["world"]) for row in rows):
        mine = [row["shares"] for row in rows if row["world"] == world]
        names = list(dict.fromkeys(name for shares in mine for name in shares))
        known = {name: [s[name] for s in mine if s.get(name) is not None] for name in names}
        mean = {name: float(np.mean(values)) for name, values in known.items() if values}
        rivals = [name for name in HEURISTICS if name in mean]
        best = max(rivals, key=lambda name: mean[name], default=None)
        leads = [s["champion"] - s[best] for s in mine if best and None not in (s.get("champion"), s.get(best))]
        ceiling = mean.get("informed_ceiling")
        out.append(
            {
                "world": world,
                "seeds": len(mine),
                "mean": mean,
                "best_heuristic": best,
                "lead": float(np.mean(leads)) if leads else None,
                "lead_se": float(np.std(leads, ddof=1) / math.sqrt(len(leads))) if len(leads) > 1 else None,
                "of_ceiling": mean["champion"] / ceiling if ceiling and "champion" in mean else None,
                "fit_seconds": float(np.median([row["fit_seconds"] for row in rows if row["world"] == world])),
            }
        )
    return out


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    first = rows[0]
    size = f"{first['creators']:,} creators, {first['campaigns']} campaigns, {first['days']} days"
    print(f"{METRIC}, means over seeds; {size}; {first['cores']} cores")
    for one in summarise(rows):
        lead = "" if one["lead"] is None else f"lead over {one['best_heuristic']} {one['lead']:+.3f}"
        lead += "" if one["lead_se"] is None else f" (standard error {one['lead_se']:.3f})"
        part = "" if one["of_ceiling"] is None else f"; {one['of_ceiling']:.2f} of the informed ceiling"
        print(f"\n{one['world']}: {one['seeds']} seeds, fitting {one['fit_seconds']:.0f} s (median); {lead}{part}")
        for name, value in sorted(one["mean"].items(), key=lambda item: -item[1]):
            print(f"  {name:<20} {value:7.3f}")


def _track(row: Mapping[str, Any]) -> None:
    from training.tracking import open_store

    with open_store().run(f"worlds {row['world']} seed {row['seed']}") as run:
        run.params({name: row[name] for name in ("world", "seed", "creators", "campaigns", "days", "chosen")})
        run.metrics({f"{METRIC}.{name}": value for name, value in row["shares"].items() if value is not None})
        run.metrics({"fit_seconds": row["fit_seconds"], **{f"validation.{k}": v for k, v in row["validation"].items()}})


def _done(file: Path | None) -> list[dict[str, Any]]:
    if file is None or not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines() if line.strip()]


def main(arguments: list[str] | None = None) -> int:
    """Measure every world and seed that is not in the file yet, and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure rankers over worlds and seeds.")
    parser.add_argument("--worlds", default=",".join(DEFAULT_WORLDS), help=f"of {', '.join(WORLDS)}")
    parser.add_argument("--seeds", default="201-202", help="as 201-210 or 3,5,8 (default 201-202)")
    parser.add_argument("--creators", type=int, default=3_000, help="creators (default 3000)")
    parser.add_argument("--campaigns", type=int, default=180, help="campaigns (default 180)")
    parser.add_argument("--days", type=int, default=240, help="days (default 240)")
    parser.add_argument("--ceiling", action="store_true", help="also fit the informed ceiling")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep and resume results here, one JSON line each")
    parser.add_argument("--track", action="store_true", help="record each marketplace as a run in MLflow")
    chosen = parser.parse_args(arguments)
    low, dash, high = chosen.seeds.partition("-")
    size = {name: getattr(chosen, name) for name in ("creators", "campaigns", "days")}
    rows = [row for row in _done(chosen.out) if all(row[name] == value for name, value in size.items())]
    try:
        seeds = list(range(int(low), int(high) + 1)) if dash else [int(seed) for seed in chosen.seeds.split(",")]
        worlds = [name.strip() for name in chosen.worlds.split(",")]
        for world in worlds:
            find_world(world)
        # Seed by seed, so that a run that is cut short has every world.
        for seed, world in ((seed, world) for seed in seeds for world in worlds):
            if any((row["world"], row["seed"]) == (world, seed) for row in rows):
                continue
            row = measure(world, seed, ceiling=chosen.ceiling, **size)
            rows.append(row)
            champion = row["shares"]["champion"]
            say(f"{world} seed {seed}: champion {'not defined' if champion is None else f'{champion:.3f}'}")
            if chosen.out is not None:
                with chosen.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            if chosen.track:
                _track(row)
    except (CollabrankError, ValueError) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    rows = [row for row in rows if row["world"] in worlds and row["seed"] in seeds]
    if rows:
        _print(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
