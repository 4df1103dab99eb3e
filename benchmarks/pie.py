"""Lift foretold from what randomised partnerships showed: ``python -m benchmarks.pie``.

Predicted incrementality by experimentation learns from experiments how the incrementality of a campaign goes with what
is known of it, *attributed sales afterwards among it*, and foretells it where nobody experimented. Here the experiments
are the partnerships whose invitation was drawn at random (`benchmarks.holdback.POLICY`), each with its own estimate of
lift before shrinkage; what is learned is lift as a share of attributed sales.

Three ways to tell the lift of all partnerships, against what came:

- ``pie``: a random forest on signals as of the brief and on attributed sales (`KNOWN`), fitted on the randomised;
- ``ratio``: attributed sales times one share, of the randomised;
- ``learned``: the labels that rankers learn from, which read every product's days and no randomisation.

Source: Gordon, Moakler and Zettelmeyer (2023), Predicted Incrementality by Experimentation (PIE) for Ad Measurement.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.holdback import randomised
from benchmarks.marketplaces import Drawn, draw, measure_cells, options, seeds_of, size_of
from marketplace.arrays import Flags, Floats
from marketplace.errors import CollabrankError
from marketplace.progress import say
from marketplace.simulator import FAMILIES
from training.heads import lift_labels
from training.heads.linear import RATIO_SIGNALS
from training.heads.mixture import SCATTER

__all__ = ["KNOWN", "LEAF", "foretell", "main", "measure"]

SIZE = (2_500, 240, 300)
CELLS = (("baseline", (31, 32)), ("confounded", (31, 32)), ("wild", (2, 8)))
"""Worlds and seeds; those of ``wild`` may choose, and in both the brand invites on a hunch that also drives sales."""

KNOWN = ("brief_commission_rate_brief", "brief_sales_expected_365d", "category_net_gmv_sum_90d",
         "brief_products_net_gmv_sum_28d", "paid_gmv_share_90d", *RATIO_SIGNALS)  # fmt: skip
"""Signals that the forest reads beside attributed sales: the brief's, how known the product is, and the ratio's own."""

TREES, LEAF = 500, 10
"""Size of the forest, and the fewest partnerships in a leaf."""

WAYS = ("pie", "ratio", "learned")


def foretell(
    X: Floats, attributed: Floats, raw: Floats, raw_se: Floats, drawn: Flags, *, seed: int
) -> dict[str, Floats]:
    """Lift of every row by ``pie`` and by ``ratio``, USD (n,), learned where ``drawn``, bool (n,).

    ``X`` (n, k) with NaN where not known; ``attributed``, ``raw`` and ``raw_se`` (n,), USD. An estimate weighs by its
    precision, as a share of attributed sales, and by the scatter of single lifts about their mean.
    """
    from sklearn.ensemble import RandomForestRegressor

    size = np.maximum(attributed, 1.0)
    weight = np.square(size) / (np.square(SCATTER * size) + np.square(raw_se))
    share = raw / size
    both = np.column_stack([X, np.log(size)])
    forest = RandomForestRegressor(TREES, min_samples_leaf=LEAF, max_features=1 / 3, random_state=seed, n_jobs=1)
    forest.fit(both[drawn], share[drawn], sample_weight=weight[drawn])
    overall = float(np.average(share[drawn], weights=weight[drawn]))
    return {"pie": forest.predict(both) * attributed, "ratio": overall * attributed}


def measure_drawn(drawn: Drawn) -> dict[str, Any]:
    """Error of the total, of campaigns' sums and of their order, way by way."""
    data = drawn.data
    keys = ["campaign_id", "creator_id"]
    truth = drawn.held_out.truth
    assert truth is not None  # a simulated marketplace has one
    came = (
        data.rows[keys].astype(str).merge(truth, on=keys, how="left")["incremental_gmv_realised"].to_numpy(np.float64)
    )
    label, _, attributed = lift_labels(data)
    raw, raw_se = data.column("lift_raw_usd"), data.column("lift_raw_se_usd")
    rows = np.isfinite(label) & np.isfinite(raw) & np.isfinite(raw_se) & np.isfinite(came) & np.isfinite(attributed)
    picked = randomised(drawn.market, data.rows)[rows]
    X = data.X[rows][:, [data.signals.index(name) for name in KNOWN]]
    told = foretell(X, attributed[rows], raw[rows], raw_se[rows], picked, seed=drawn.seed)
    told["learned"] = label[rows]
    sums = pd.DataFrame({**told, "came": came[rows]}).groupby(data.campaign[rows]).sum()
    spread = float(np.sqrt(np.mean(np.square(sums["came"]))))
    return {
        **drawn.facts,
        "partnerships": int(rows.sum()),
        "randomised": int(picked.sum()),
        "total": {way: float(sums[way].sum() / sums["came"].sum()) for way in WAYS},
        "error": {way: float(np.sqrt(np.mean(np.square(sums[way] - sums["came"]))) / spread) for way in WAYS},
        "order": {way: float(sums[way].corr(sums["came"], method="spearman")) for way in WAYS},
    }


def measure(world: str, seed: int, *, creators: int, campaigns: int, days: int) -> dict[str, Any]:
    """One marketplace: everything that `measure_drawn` finds.

    Raises
    ------
    ContractError, TrainingError
        No such world, or too little to learn from.
    """
    with draw(world, seed, creators=creators, campaigns=campaigns, days=days) as drawn:
        return measure_drawn(drawn)


def _line(row: Mapping[str, Any]) -> str:
    numbers = " ".join(
        f"{row[what][way]:>{width}.2f}" for what, width in (("total", 8), ("error", 8), ("order", 8)) for way in WAYS
    )
    return f"{row['world']:<12} {row['seed']:>4} {row['partnerships']:>6} {row['randomised']:>6} {numbers}"


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    print("lift told over what came; root mean square error of a campaign's, over the root mean square of what came;")
    print("rank correlation over campaigns")
    print(f"{'':<30} {'total':>26} {'error':>26} {'order':>26}")
    print(
        f"{'world':<12} {'seed':>4} {'all':>6} {'random':>6} " + " ".join(f"{way:>8}" for _ in range(3) for way in WAYS)
    )
    for row in rows:
        print(_line(row))


def _options() -> argparse.ArgumentParser:
    parser = options("Foretell lift from randomised partnerships.", worlds=tuple(FAMILIES), size=SIZE)
    parser.set_defaults(worlds=None, seeds=None)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Measure every marketplace that is not in the file yet, and print the table; returns the exit code."""
    chosen = _options().parse_args(arguments)

    def missing(world: str, seed: int, kept: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        return None if kept else measure(world, seed, **size_of(chosen))

    try:
        if chosen.worlds is None and chosen.seeds is None:
            cells = [(world, seed) for world, seeds in CELLS for seed in seeds]
        else:
            worlds = (chosen.worlds or "baseline").split(",")
            cells = [(world, seed) for world in worlds for seed in seeds_of(chosen.seeds or "31-32")]
        rows = measure_cells(chosen, cells, missing, lambda row: say(_line(row)))
    except (CollabrankError, ValueError) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    _print(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
