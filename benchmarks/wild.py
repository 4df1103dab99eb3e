"""How rankers fare where nobody chose the law: ``python -m benchmarks.wild --seeds 101-120``.

For every seed a law is drawn at random (`marketplace.simulator.worlds.wild`), a marketplace drawn by it, both rankers
fitted on the first two thirds of its campaigns, and the last third measured: ``oracle_gain_share_at_20`` of the
champion (and ``without_stage``, by its expected profit alone), of each ranker and of what brands sort by today; what
the champion says that its first 20 bring, over what they are truly expected to; how often its 80 and 90 % intervals
hold the lift that came; how high the lifts that it learned from stand, over those that came; and ``luck``, those that
came over those that were expected of the same partnerships: nobody could learn a better level from what came.
``--ceiling`` adds the informed ceiling.

``benchmarks/laws.toml`` says which seeds may choose defaults and which are only reported. ``--out FILE`` keeps one JSON
line a law and goes on from there. ``--market DIR`` measures a folder instead: with its own ``truth/``, and held out as
its ``held_out.json`` says (``cutoff``, a date; ``held_out_campaigns``, ids) or else by time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.marketplaces import (
    METRIC,
    Drawn,
    draw,
    gain_shares,
    gather,
    measure_cells,
    options,
    seeds_of,
    size_of,
)
from benchmarks.worlds import HEURISTICS
from features.time import as_of_day
from marketplace.arrays import Floats
from marketplace.errors import CollabrankError, ContractError
from marketplace.progress import say
from marketplace.simulator import find_world
from marketplace.tables import Marketplace, open_marketplace
from models.predict import Predictions
from training.data import Split, split_of
from training.evaluation import baseline_scores, fit_ceiling
from training.heads import fit_rankers, lift_labels
from training.stats import Groups

__all__ = ["learned_from", "main", "measure", "said_of_first", "split_told", "summarise"]

LAWS = Path(__file__).with_name("laws.toml")
SIZE = (2_500, 240, 300)
FIRST = 20
COLUMNS = ("champion", "lead", "ceiling", "profit", "lift", "80 %", "90 %", "labels", "luck", "stage")


def said_of_first(drawn: Drawn, scores: Floats, predictions: Predictions) -> dict[str, float]:
    """Profit and lift (USD) that the first 20 of each held-out campaign are said to bring, and are expected to.

    ``profit`` is the sum over an invited 20, ``lift`` the mean given delivery, each a mean over campaigns; beside
    them ``coverage_80`` and ``coverage_90``, the share of lifts that came which lie in their intervals.
    """
    pairs = drawn.held_out.pairs
    assert drawn.held_out.truth is not None  # only marketplaces with truth are measured
    keys = ["campaign_id", "creator_id"]
    truth = pairs[keys].astype(str).merge(drawn.held_out.truth, on=keys, how="left")
    groups = Groups.of(pairs["campaign_id"].to_numpy(), pairs["creator_id"].to_numpy())
    first = groups.order(scores)[groups.place <= FIRST]
    known = first[truth["incremental_profit"].notna().to_numpy()[first]]
    campaigns = max(len(np.unique(groups.code[known])), 1)
    # A marketplace of others may tell what was expected alone.
    came = truth.reindex(columns=["incremental_gmv_realised"]).to_numpy(dtype=np.float64)[:, 0]
    rows = np.flatnonzero(np.isfinite(came))

    def held(low: Floats, high: Floats) -> float:
        return float(((low[rows] <= came[rows]) & (came[rows] <= high[rows])).mean()) if len(rows) else math.nan

    return {
        "profit_said": float(predictions.utility[known].sum() / campaigns),
        "profit_true": float(truth["incremental_profit"].to_numpy()[known].sum() / campaigns),
        "lift_said": float(predictions.lift[known].mean()),
        "lift_true": float(truth["incremental_gmv"].to_numpy()[known].mean()),
        "lifts_came": len(rows),
        "coverage_80": held(predictions.lift_low, predictions.lift_high),
        "coverage_90": held(predictions.lift_low_90, predictions.lift_high_90),
    }


def learned_from(drawn: Drawn) -> dict[str, float]:
    """``labels``: lifts learned from over those that came; ``luck``: those that came over those expected of the same.

    Ratios of sums over partnerships; NaN where what came is not told, or not above zero.
    """
    assert drawn.held_out.truth is not None
    told = {"labels": math.nan, "luck": math.nan}
    if "incremental_gmv_realised" not in drawn.held_out.truth:
        return told
    keys = ["campaign_id", "creator_id"]
    known = drawn.held_out.truth[[*keys, "incremental_gmv", "incremental_gmv_realised"]]
    learned = pd.DataFrame({"learned": lift_labels(drawn.data)[0]}).join(drawn.data.rows[keys].astype(str))
    sums = learned.merge(known, on=keys, how="inner").dropna().sum(numeric_only=True)
    came, expected = float(sums["incremental_gmv_realised"]), float(sums["incremental_gmv"])
    if came > 0:
        told["labels"] = float(sums["learned"]) / came
    if expected > 0:
        told["luck"] = came / expected
    return told


def measure_drawn(drawn: Drawn, *, ceiling: bool) -> dict[str, Any]:
    """Each ranker's share of the possible gain, and what the champion says against the truth."""
    started = time.perf_counter()
    rankers = fit_rankers(drawn.data, seed=drawn.seed)
    fitted = drawn.build_seconds + time.perf_counter() - started
    held_out = drawn.held_out
    found = {ranker.name: held_out.score(ranker.bundle) for ranker in rankers}
    frame, predictions = found[rankers[-1].name]
    scores = {name: scored["score"].to_numpy(np.float64) for name, (scored, _) in found.items()}
    if ceiling:
        best = fit_ceiling(drawn.market, drawn.split.train, as_of=drawn.split.cutoff, seed=drawn.seed)
        scores["informed_ceiling"] = held_out.score(best)[0]["score"].to_numpy(np.float64)
    scores["without_stage"] = predictions.utility
    scores |= baseline_scores(held_out.X, indices=held_out.indices, seed=drawn.seed)
    shares = gain_shares(drawn, scores)
    return {
        **drawn.facts, "fit_seconds": round(fitted, 1), "cores": os.cpu_count(), "chosen": rankers[-1].name,
        "shares": {"champion": shares[rankers[-1].name], **shares},
        "first": said_of_first(drawn, frame["score"].to_numpy(np.float64), predictions),
        "staged": rankers[-1].bundle.stage is not None, **learned_from(drawn),
    }  # fmt: skip


def measure(seed: int, *, creators: int, campaigns: int, days: int, ceiling: bool) -> dict[str, Any]:
    """One law: what holds, size, seconds, and everything that `measure_drawn` finds.

    Raises
    ------
    TrainingError
        Too little to learn from.
    """
    with draw("wild", seed, creators=creators, campaigns=campaigns, days=days) as drawn:
        return {**measure_drawn(drawn, ceiling=ceiling), "laws": list(find_world("wild", seed=seed).laws)}


def split_told(folder: Path, market: Marketplace) -> Split:
    """The split that ``held_out.json`` in ``folder`` tells, or the last third by time where there is none.

    Raises
    ------
    ContractError
        The file names campaigns that are not there, or leaves none to learn from.
    """
    file = folder / "held_out.json"
    if not file.is_file():
        return split_of(market, None)
    told = json.loads(file.read_text())
    cutoff = as_of_day(told["cutoff"])
    rows = market.frame("campaigns", ["campaign_id", "briefed_at"]).drop_duplicates("campaign_id")
    rows = rows.sort_values(["briefed_at", "campaign_id"])
    wanted = {str(one) for one in told["held_out_campaigns"]}
    ids = rows["campaign_id"].astype(str)
    train = tuple(ids[(rows["briefed_at"] < cutoff) & ~ids.isin(wanted)])
    held_out = tuple(ids[ids.isin(wanted)])
    if not train or not held_out or len(held_out) != len(wanted):
        raise ContractError(
            "campaigns to hold out that are in the table, and others briefed before the cut-off",
            received=f"{len(held_out)} of {len(wanted)} there, {len(train)} before {cutoff:%Y-%m-%d}",
            look=str(file),
        )
    return Split(train, held_out, cutoff)


def _best(shares: Mapping[str, float | None]) -> tuple[str, float]:
    return max(
        ((name, value) for name in HEURISTICS if (value := shares.get(name)) is not None),
        key=lambda item: item[1],
        default=("none", math.nan),
    )


def summarise(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Over all laws: mean shares, the lead over the sort that is best on average and over each law's own best.

    Errors are standard errors over laws, None for one law alone. ``of_ceiling`` is the mean share over the ceiling's;
    ``profit`` and ``lift`` are medians over laws of what is said of the first 20 over what is true of them; ``losing``
    counts the laws in which these truly lose, ``luck`` is the least and the most, None where no law tells it.
    """
    mine = [row["shares"] for row in rows if row["shares"].get("champion") is not None]
    names = list(dict.fromkeys(name for shares in mine for name in shares))
    known = {name: [s[name] for s in mine if s.get(name) is not None] for name in names}
    mean = {name: float(np.mean(values)) for name, values in known.items() if values}
    best, _ = _best(mean)
    leads = [s["champion"] - s[best] for s in mine if s.get(best) is not None]
    own = [s["champion"] - _best(s)[1] for s in mine if math.isfinite(_best(s)[1])]

    def error(values: Sequence[float]) -> float | None:
        return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None

    def said(what: str) -> float:
        pairs = [(row["first"][f"{what}_said"], row["first"][f"{what}_true"]) for row in rows]
        return float(np.median([claim / true for claim, true in pairs if true > 0] or [math.nan]))

    ceiling = mean.get("informed_ceiling")

    def held(level: str) -> list[float]:
        return [row["first"][level] for row in rows if math.isfinite(row["first"][level])]

    def told(what: str) -> list[float]:
        # A file may have rows from before there was the number.
        return [row[what] for row in rows if math.isfinite(row.get(what, math.nan))]

    within = [said for row in rows if row["first"]["profit_true"] > 0
              for said in [row["first"]["profit_said"] / row["first"]["profit_true"]]]  # fmt: skip
    return {
        "laws": len(rows),
        "mean": mean,
        "champion_se": error(known.get("champion", [])),
        "best_sort": best,
        "lead": float(np.mean(leads)) if leads else None,
        "lead_se": error(leads),
        "lead_own": float(np.mean(own)) if own else None,
        "lead_own_se": error(own),
        "of_ceiling": mean["champion"] / ceiling if ceiling and mean else None,
        "profit": said("profit"),
        "lift": said("lift"),
        "profit_within": sum(0.67 <= said <= 1.5 for said in within) / len(rows) if rows else None,
        "coverage_80": float(np.mean(held("coverage_80"))) if held("coverage_80") else None,
        "coverage_90": float(np.mean(held("coverage_90"))) if held("coverage_90") else None,
        "coverage_90_within": float(np.mean([float(0.86 <= one <= 0.94) for one in held("coverage_90")] or [math.nan])),
        "losing": sum(row["first"]["profit_true"] <= 0 for row in rows),
        "labels": float(np.mean(told("labels") or [math.nan])),
        "luck": (min(told("luck")), max(told("luck"))) if told("luck") else None,
    }


def _line(label: str, row: Mapping[str, Any]) -> str:
    shares, first = row["shares"], row["first"]
    best, value = _best(shares)
    ceiling = shares.get("informed_ceiling")
    champion = shares.get("champion")
    numbers = [
        "-" if champion is None else f"{champion:.3f}",
        "-" if champion is None else f"{champion - value:+.3f}",
        "-" if champion is None or not ceiling else f"{champion / ceiling:.2f}",
        *(
            f"{first[f'{what}_said'] / first[f'{what}_true']:.2f}" if first[f"{what}_true"] > 0 else "< 0"
            for what in ("profit", "lift")
        ),
        f"{first['coverage_80']:.2f}",
        f"{first['coverage_90']:.2f}",
        f"{row['labels']:.2f}",
        f"{row.get('luck', math.nan):.2f}",
        "-" if champion is None or not row["staged"] else f"{champion - shares['without_stage']:+.3f}",
        f"{row['lifts']}",
    ]
    return (
        f"{label:>6} " + " ".join(f"{number:>8}" for number in numbers) + f"  {best:<15} {', '.join(row['laws'][1:])}"
    )


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    first = rows[0]
    print(
        f"{METRIC} by law; {first['creators']:,} creators, {first['campaigns']} campaigns, {first['days']} days\n"
        "lead: over the law's best simple sort; profit, lift: said of the first 20 over true; labels: lifts learned\n"
        "from over those that came; luck: those that came over those expected of the same partnerships; stage: what\n"
        "the last stage adds; lifts: how many are learned from\n"
        f"{'seed':>6} " + " ".join(f"{name:>8}" for name in COLUMNS)
        + f" {'lifts':>8}  {'best sort':<15} laws"
    )  # fmt: skip
    for row in rows:
        print(_line(str(row["seed"]), row))
    found = summarise(rows)

    def with_error(value: float | None, spread: float | None) -> str:
        return "-" if value is None else f"{value:+.3f}" + ("" if spread is None else f" (standard error {spread:.3f})")

    print(f"\nmean of {found['laws']} laws:")
    for name, value in sorted(found["mean"].items(), key=lambda item: -item[1]):
        spread = f" (standard error {found['champion_se']:.3f})" if name == "champion" and found["champion_se"] else ""
        print(f"  {name:<20} {value:7.3f}{spread}")
    print(f"lead over {found['best_sort']}, the best on average: {with_error(found['lead'], found['lead_se'])}")
    print(f"lead over each law's own best: {with_error(found['lead_own'], found['lead_own_se'])}")
    if found["of_ceiling"] is not None:
        print(f"of the informed ceiling: {found['of_ceiling']:.2f}")
    print(f"said of the first 20 over true, medians over laws: profit {found['profit']:.2f}, lift {found['lift']:.2f}")
    print(
        f"profit said is .67 to 1.5 times the true one in {found['profit_within']:.2f} of the laws; the first 20 of "
        f"{found['losing']} laws truly lose"
    )
    if found["coverage_90"] is not None:
        print(
            f"80 and 90 % intervals hold {found['coverage_80']:.2f} and {found['coverage_90']:.2f} of the lifts that "
            f"came; the 90 % ones .86 to .94 in {found['coverage_90_within']:.2f} of the laws"
        )
    print(f"lifts learned from over those that came: {found['labels']:.2f}")
    if found["luck"] is not None:
        low, high = found["luck"]
        print(f"lifts that came over those expected of the same partnerships: {low:.2f} to {high:.2f} by law")


def _remind(seeds: Sequence[int]) -> None:
    declared = tomllib.loads(LAWS.read_text())
    if set(seeds) & set(declared["report"]):
        say("seeds of `report` are among these: nothing may be chosen on them; note the look in benchmarks/laws.toml")


def _measure_folder(folder: Path, *, ceiling: bool) -> dict[str, Any]:
    market = open_marketplace(folder)
    law = folder / "truth" / "law.json"
    sizes = {name: len(market.frame(name, [f"{name[:-1]}_id"]).drop_duplicates()) for name in ("creators", "campaigns")}
    days = market.frame("product_days", ["day"])["day"]
    facts = {"world": str(folder), "seed": 0, **sizes, "days": int(days.nunique())}
    drawn = gather(market, split_told(folder, market), seed=7, facts=facts)
    if drawn.held_out.truth is None:
        raise ContractError("a marketplace with truth to measure against", received=str(folder), look="truth/outcomes")
    laws = list(json.loads(law.read_text())["laws"]) if law.is_file() else ["", "not told"]
    return {**measure_drawn(drawn, ceiling=ceiling), "laws": laws}


def _options() -> argparse.ArgumentParser:
    parser = options("Measure rankers over laws drawn at random.", worlds=("wild",), size=SIZE)
    parser.set_defaults(seeds="1-4")
    parser.add_argument("--ceiling", action="store_true", help="also fit the informed ceiling")
    parser.add_argument("--market", type=Path, metavar="DIR", help="measure this folder instead of drawing")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Measure every law that is not in the file yet, and print the table; returns the exit code."""
    chosen = _options().parse_args(arguments)

    def missing(_world: str, seed: int, kept: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        return None if kept else measure(seed, ceiling=chosen.ceiling, **size_of(chosen))

    def tell(row: Mapping[str, Any]) -> None:
        say(_line(str(row["seed"]), row))

    try:
        if chosen.market is not None:
            rows = [_measure_folder(chosen.market, ceiling=chosen.ceiling)]
        else:
            seeds = seeds_of(chosen.seeds)
            _remind(seeds)
            rows = measure_cells(chosen, [("wild", seed) for seed in seeds], missing, tell)
    except (CollabrankError, ValueError) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    if rows:
        _print(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
