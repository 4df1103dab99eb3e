"""How well redemptions are foreseen on real campaigns: ``python -m benchmarks.complete_journey``.

Ingests Complete Journey, learns from the first 18 campaigns by date (outcomes as known on the day
the 19th begins) and ranks the households that the last 9 were sent to. Figures are means over the 9
campaigns: ``auc_within_campaign`` (chance that a household which redeems is ranked above one that does
not; ties count one half) and ``ndcg_at_10`` (gain 3 for a household that redeems, 0 else).

Both rankers of the model are shown twice: by success probability, which is what the figures
ask for, and by the score that brands see, which also weighs money and the indices. The simple
sorts know exactly what the model knows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.time import known_until
from marketplace.arrays import Floats
from marketplace.contract import GRACE_DAYS
from marketplace.progress import say
from marketplace.sources import ingest
from marketplace.tables import open_marketplace
from training.data import build_labels, build_training_data, split_by_time
from training.evaluation import Comparison, baseline_scores, compare, gather_held_out
from training.heads import fit_rankers

__all__ = ["main", "measure"]

SORTS = {
    "past_coupons": "deliveries_sum_180d",
    "accept_rate": "accept_rate_ever",
    "own_products": "brief_products_net_gmv_sum_90d",
}
"""Simple sorts beside the project's baselines: coupons redeemed, share of campaigns answered, spending on the
campaign's own products."""

METRICS = ("auc_within_campaign", "ndcg_at_10")


def measure(folder: Path, *, seed: int) -> Comparison:
    """Train on the first 18 campaigns of the marketplace in ``folder`` and compare on the last 9."""
    market = open_marketplace(folder)
    split = split_by_time(market.frame("campaigns", ["campaign_id", "briefed_at"]))
    data = build_training_data(market, split.train, as_of=split.cutoff)
    say(f"{len(split.train)} campaigns, {len(data)} invitations known on {split.cutoff:%Y-%m-%d}")
    rankers = fit_rankers(data, seed=seed)
    held_out = gather_held_out(market, split.held_out, train_campaigns=split.train)
    scores: dict[str, Floats] = {}
    success: dict[str, Floats] = {}
    for ranker in rankers:
        frame, predictions = held_out.score(ranker.bundle)
        scores[f"{ranker.name}, success"] = predictions.success_probability
        scores[f"{ranker.name}, score"] = frame["score"].to_numpy(dtype=np.float64)
        success[f"{ranker.name}, success"] = predictions.success_probability
    scores |= baseline_scores(held_out.X, indices=held_out.indices, seed=seed)
    for name, signal in SORTS.items():
        scores[name] = np.nan_to_num(held_out.X[signal].to_numpy(dtype=np.float64), nan=-np.inf)
    return compare(
        scores,
        held_out.pairs,
        # The last campaign's grace days end after the source's last row; nothing more is to come of it.
        labels=build_labels(market, known_until(market) + pd.Timedelta(days=GRACE_DAYS + 1)),
        champion=f"{rankers[-1].name}, success",
        success=success,
        seed=seed,
    )


def _rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One row a ranker, best AUC first: estimate and 95 % interval of each metric, and p against the chosen ranker."""
    rows: list[dict[str, Any]] = []
    for ranker in comparison.rankers:
        found: dict[str, Any] = {"ranker": ranker}
        for metric in METRICS:
            row = comparison.row(ranker, metric)
            p = None if np.isnan(row.p) else round(row.p, 4)
            found[metric] = {"estimate": row.estimate, "low": row.low, "high": row.high, "p": p}
        rows.append(found)
    return sorted(rows, key=lambda row: -row["auc_within_campaign"]["estimate"])


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Foresee redemptions on Complete Journey.")
    parser.add_argument("--market", type=Path, help="an ingested Complete Journey (default: ingest it anew)")
    parser.add_argument("--seed", type=int, default=7, help="seed of everything random (default 7)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.market or Path(scratch) / "complete_journey"
        if chosen.market is None:
            ingest("complete-journey", folder)
        comparison = measure(folder, seed=chosen.seed)
    rows = _rows(comparison)
    if chosen.json:
        figures = {"counts": comparison.counts, "chosen": comparison.champion, "rows": rows}
        print(json.dumps({**figures, "seconds": round(time.perf_counter() - started, 1)}))
        return 0
    print(
        f"{comparison.counts['labelled_invitations']:,} invitations of the last {comparison.counts['campaigns']} "
        f"campaigns; chosen on the first 18: {comparison.champion}"
    )
    print(f"{'ranker':<26} {'AUC':>6} {'95 %':>13} {'p':>7}   {'nDCG@10':>7} {'95 %':>13} {'p':>7}")
    for row in rows:
        cells = []
        for metric in METRICS:
            value = row[metric]
            p = "" if value["p"] is None else f"{value['p']:.3f}"
            cells.append(f"{value['estimate']:>6.3f} {value['low']:>6.3f}-{value['high']:.3f} {p:>7}")
        print(f"{row['ranker']:<26} {'    '.join(cells)}")
    print(f"{time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
