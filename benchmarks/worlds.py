"""How much of the possible gain rankers capture, world by world: ``python -m benchmarks.worlds``.

For every world and seed a marketplace is drawn, both rankers are fitted on the first two thirds of its campaigns, and
``oracle_gain_share_at_20`` is measured on the last third: of the ranker that training itself chooses (``champion``), of
each ranker, of what brands sort by today, of other libraries' rankers where they are installed
(`benchmarks.references`), and of the informed ceiling. The table has the mean over seeds; ``lead`` is the champion's
lead over the best heuristic *on average over the seeds*, with its standard error over them.

``--out FILE`` keeps one JSON line for each marketplace as it is done; started again with the same file it goes on from
there. ``--track`` records each marketplace as a run in MLflow. Nothing is tuned here: defaults are what ``train`` uses.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.marketplaces import METRIC, SIZE, cells_of, draw, gain_shares, measure_cells, options, size_of
from benchmarks.references import reference_scores
from marketplace.errors import CollabrankError
from marketplace.progress import say
from training.evaluation import BASELINES, baseline_scores, fit_ceiling
from training.heads import fit_rankers

__all__ = ["main", "measure", "summarise"]

HEURISTICS = (*BASELINES, "indices_only")


def measure(world: str, seed: int, *, creators: int, campaigns: int, days: int, ceiling: bool) -> dict[str, Any]:
    """One marketplace: size, seconds, which ranker was chosen, and each ranker's share of the possible gain.

    Raises
    ------
    ContractError, TrainingError
        No such world, or too little to learn from.
    """
    with draw(world, seed, creators=creators, campaigns=campaigns, days=days) as drawn:
        started = time.perf_counter()
        rankers = fit_rankers(drawn.data, seed=seed)
        fitted = drawn.build_seconds + time.perf_counter() - started
        held_out = drawn.held_out
        bundles = {ranker.name: ranker.bundle for ranker in rankers}
        if ceiling:
            as_of = drawn.split.cutoff
            bundles["informed_ceiling"] = fit_ceiling(drawn.market, drawn.split.train, as_of=as_of, seed=seed)
        scores = {name: held_out.score(bundle)[0]["score"].to_numpy(np.float64) for name, bundle in bundles.items()}
        scores |= reference_scores(drawn.data, drawn.matrix, seed=seed)
        scores |= baseline_scores(held_out.X, indices=held_out.indices, seed=seed)
        shares = gain_shares(drawn, scores)
    return {
        **drawn.facts, "fit_seconds": round(fitted, 1), "cores": os.cpu_count(), "chosen": rankers[-1].name,
        "validation": {ranker.name: ranker.validation for ranker in rankers},
        "shares": {"champion": shares[rankers[-1].name], **shares},
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
        run.params({name: row[name] for name in ("world", "seed", *SIZE, "chosen")})
        run.metrics({f"{METRIC}.{name}": value for name, value in row["shares"].items() if value is not None})
        run.metrics({"fit_seconds": row["fit_seconds"], **{f"validation.{k}": v for k, v in row["validation"].items()}})


def main(arguments: list[str] | None = None) -> int:
    """Measure every world and seed that is not in the file yet, and print the table; returns the exit code."""
    parser = options("Measure rankers over worlds and seeds.")
    parser.add_argument("--ceiling", action="store_true", help="also fit the informed ceiling")
    parser.add_argument("--track", action="store_true", help="record each marketplace as a run in MLflow")
    chosen = parser.parse_args(arguments)

    def missing(world: str, seed: int, kept: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        return None if kept else measure(world, seed, ceiling=chosen.ceiling, **size_of(chosen))

    def tell(row: Mapping[str, Any]) -> None:
        champion = row["shares"]["champion"]
        say(f"{row['world']} seed {row['seed']}: champion {'not defined' if champion is None else f'{champion:.3f}'}")
        if chosen.track:
            _track(row)

    try:
        rows = measure_cells(chosen, cells_of(chosen), missing, tell)
    except (CollabrankError, ValueError) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    if rows:
        _print(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
