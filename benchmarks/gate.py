"""Does the gate let the right models pass where nobody knows the truth? ``python -m benchmarks.gate --seeds 301-320``.

For each world and seed a marketplace is drawn, its truth put aside, and candidates are judged for the champion's place
by `training.tracking.check_gate` as ``collabrank promote`` would:

- ``genuine``: trained as ``train`` trains;
- ``shuffled``: the same on outcomes exchanged at random among all invitations;
- ``shuffled_within``: on outcomes exchanged among the invitations of each campaign, so that campaigns keep their level
  and nothing is left to learn of creators;
- ``another_seed``: genuine with another seed, as a successor of ``genuine`` on the same campaigns.

The first three should be passed, refused, refused; the last replaces nothing. The true share of the possible gain
stands beside each, and the log's estimate of the first 20's profit beside the truth on the same campaigns, so that its
90 % interval can be counted. (Labels alone are shuffled: what all posts sold is known to the signals, so a model
without a single true label still orders by expected sales, and may earn more than a simple sort. The gate refuses it
for what it tells wrongly of who delivers.)

``--out FILE`` keeps one JSON line for each marketplace; started again with the same file it goes on from there.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.marketplaces import METRIC, Drawn, cells_of, draw, measure_cells, options, size_of
from marketplace.errors import CollabrankError
from marketplace.progress import say
from training.data import TrainingData
from training.evaluation import Comparison
from training.heads import FittedRanker, fit_rankers
from training.stats import campaign_mean, cluster_bootstrap
from training.tracking import Judgement, check_gate, evidence_of

__all__ = ["OUTCOMES", "VARIANTS", "judge_candidate", "main", "measure", "shuffle_outcomes", "summarise"]

OUTCOMES = (
    "status", "reason", "grade", "accepted", "delivered", "on_time", "posted_at", "attributed_usd", "lift_usd",
    "lift_se_usd", "lift_raw_usd", "lift_raw_se_usd", "reply_matured", "campaign_settled",
)  # fmt: skip
"""Columns of `training.data.labels.LABEL_COLUMNS` that say what came of an invitation."""

VARIANTS = {"genuine": True, "shuffled": False, "shuffled_within": False, "another_seed": False}
"""Candidate to whether the gate should let it pass."""

CANDIDATES = 2
"""``train`` registers both rankers, so the gate counts two candidates a training."""

PROFIT = "profit_usd_at_20"


def shuffle_outcomes(data: TrainingData, *, seed: int, within: bool) -> TrainingData:
    """``data`` with the outcomes of its n invitations exchanged at random, among all or ``within`` each campaign."""
    rng = np.random.default_rng(seed)
    order = np.arange(len(data))
    if within:
        for one in np.unique(data.campaign):
            inside = np.flatnonzero(data.campaign == one)
            order[inside] = rng.permutation(inside)
    else:
        order = rng.permutation(len(data))
    rows = data.rows.copy()
    for column in OUTCOMES:
        rows[column] = data.rows[column].array.take(order)
    return dataclasses.replace(data, rows=rows)


def judge_candidate(
    drawn: Drawn, rankers: Sequence[FittedRanker], *, champion: FittedRanker | None = None
) -> tuple[Judgement, Comparison]:
    """The gate's judgement of the preferred ranker with the truth hidden, and the comparison that it rests on.

    ``champion``: whose successor it would be, measured on the same campaigns.
    """
    bundles = {ranker.name: ranker.bundle for ranker in rankers}
    if champion is not None:
        bundles["version 1"] = champion.bundle
    hidden = dataclasses.replace(drawn.held_out, truth=None)
    comparison = hidden.compare(bundles, champion=rankers[-1].name, seed=drawn.seed)
    version = None if champion is None else 1
    evidence = evidence_of(comparison, rankers[-1].name, fingerprint="", champion=version, bundles=bundles)
    candidates = CANDIDATES * (1 if champion is None else 2)
    return check_gate(evidence, champion_version=version, candidates=candidates), comparison


def measure(world: str, seed: int, *, creators: int, campaigns: int, days: int) -> dict[str, Any]:
    """One marketplace: the verdict on each of `VARIANTS`, its true share, and the log's estimate beside the truth."""
    with draw(world, seed, creators=creators, campaigns=campaigns, days=days) as drawn:
        genuine = fit_rankers(drawn.data, seed=seed)
        candidates = {
            "genuine": (genuine, None),
            "shuffled": (fit_rankers(shuffle_outcomes(drawn.data, seed=seed, within=False), seed=seed), None),
            "shuffled_within": (fit_rankers(shuffle_outcomes(drawn.data, seed=seed, within=True), seed=seed), None),
            "another_seed": (fit_rankers(drawn.data, seed=seed + 10_000), genuine[-1]),
        }
        found = {
            name: _row(drawn, rankers, *judge_candidate(drawn, rankers, champion=champion))
            for name, (rankers, champion) in candidates.items()
        }
        return {**drawn.facts, "variants": found}


def _row(drawn: Drawn, rankers: Sequence[FittedRanker], judgement: Judgement, hidden: Comparison) -> dict[str, Any]:
    name = rankers[-1].name
    told = drawn.held_out.compare({name: rankers[-1].bundle}, champion=name, seed=drawn.seed)
    row: dict[str, Any] = {
        "ranker": name,
        "verdict": str(judgement.verdict),
        "passed": judgement.passed,
        "failed": [check.rule for check in judgement.checks if not check.passed],
        "words": judgement.words,
        "share": float(campaign_mean(told.values[METRIC][name])),
    }
    if PROFIT in hidden.values:
        mine = hidden.values[PROFIT][name] - hidden.values[PROFIT]["category_gmv"]
        truth = told.values["regret_usd_at_20"]
        ahead = (truth["category_gmv"] - truth[name])[np.isfinite(mine)]
        interval = cluster_bootstrap(mine, level=0.90)
        row |= {
            "ahead_usd": interval.estimate, "low": interval.low, "high": interval.high,
            "true_ahead_usd": float(np.nanmean(ahead)), "campaigns": int(np.isfinite(mine).sum()),
        }  # fmt: skip
    return row


def summarise(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Variant by variant: how many the gate let pass, the verdicts, the mean true share, and how often the log's 90 %
    interval of the lead over ``category_gmv`` holds the true one.
    """
    out = []
    for name, right in VARIANTS.items():
        mine = [row["variants"][name] for row in rows]
        told = [one for one in mine if one.get("low") is not None and np.isfinite(one["low"])]
        out.append(
            {
                "variant": name,
                "marketplaces": len(mine),
                "passed": sum(one["passed"] for one in mine),
                "right": sum(one["passed"] == right for one in mine),
                "verdicts": dict(sorted(Counter(one["verdict"] for one in mine).items())),
                "share": float(np.mean([one["share"] for one in mine])),
                "held": sum(one["low"] <= one["true_ahead_usd"] <= one["high"] for one in told),
                "told": len(told),
            }
        )  # fmt: skip
    return out


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    first = rows[0]
    print(f"{len(rows)} marketplaces of {first['creators']:,} creators, {first['campaigns']} campaigns; truth hidden")
    for one in summarise(rows):
        verdicts = ", ".join(f"{word} {count}" for word, count in one["verdicts"].items())
        print(
            f"{one['variant']:<16} passed {one['passed']:>3} of {one['marketplaces']} ({verdicts}); true share "
            f"{one['share']:.3f}; 90 % interval of the lead in USD holds the truth in {one['held']} of {one['told']}"
        )


def main(arguments: list[str] | None = None) -> int:
    """Judge every world and seed that is not in the file yet, and print the table; 1 where a shuffled model passed."""
    parser = options("Judge candidates with the truth hidden.")
    parser.set_defaults(worlds="baseline")
    chosen = parser.parse_args(arguments)

    def missing(world: str, seed: int, kept: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        return None if kept else measure(world, seed, **size_of(chosen))

    def tell(row: Mapping[str, Any]) -> None:
        words = ", ".join(
            f"{name} {one['verdict']} {'in' if one['passed'] else 'out'}" for name, one in row["variants"].items()
        )
        say(f"{row['world']} seed {row['seed']}: {words}")

    try:
        rows = measure_cells(chosen, cells_of(chosen), missing, tell)
    except (CollabrankError, ValueError) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    if rows:
        _print(rows)
    return int(any(row["variants"][name]["passed"] for row in rows for name in ("shuffled", "shuffled_within")))


if __name__ == "__main__":
    sys.exit(main())
