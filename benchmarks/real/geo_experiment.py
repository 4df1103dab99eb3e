"""A randomised experiment with regions: does our lift agree with it?

Advertising ran in the regions of one group, drawn at random, for some weeks, and nowhere else. A region stands for a
product, a day of spending in it for a partnership. The truth is what randomisation makes of it: published time-based
regression finds 2.95 of sales a unit of cost. Our estimate gets no attributed sales here: the days alone speak
(`features.lift`). Regions without advertising are then given advertising that never was, `DRAWS` times, half of them
on the same days: how often do 90 % intervals leave out the zero that is true?
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.real.panels import Panel, as_marketplace, by_the_days_alone, gathered, index_error, report_figures
from benchmarks.real.published import Benchmark, Figure, Frames, figure
from marketplace.arrays import Floats, Ints
from training.stats import cluster_bootstrap

__all__ = ["BENCHMARK", "DRAWS", "PUBLISHED", "measure", "regions"]

PUBLISHED = 2.95
"""Incremental sales a unit of cost, by time-based regression."""

DRAWS = 40
Z90 = 1.6448536269514722


def measure(frames: Frames, seed: int) -> list[Figure]:
    """Incremental sales a unit of cost, ours and plain; the checks; coverage of advertising that never was."""
    sales, cost = regions(frames["sales_and_cost"])
    unit, day = np.nonzero(cost > 0)
    spent = float(cost.sum())
    panel = _panel(sales, unit, day)
    market = as_marketplace(panel)
    evidence = gathered(panel, market)
    mean, sd = by_the_days_alone(evidence)
    treated = np.unique(unit)
    figures = [
        Figure("regions", float(len(sales))),
        Figure("regions with advertising", float(len(treated))),
        Figure("days of advertising", float(len(np.unique(day)))),
        Figure("cost", spent),
        Figure(
            "lift a unit of cost, by the days alone (90 %)",
            mean / spent,
            (mean - Z90 * sd) / spent,
            (mean + Z90 * sd) / spent,
            f"{PUBLISHED} published",
        ),
        Figure("difference in differences a unit of cost", _plain(sales, treated, day) / spent),
    ]
    figures.append(index_error(evidence))
    figures += report_figures(panel, market, scale=1.0 / spent, unit="a unit of cost", seed=seed)
    return figures + _never_was(np.delete(sales, treated, axis=0), np.unique(day), seed)


def regions(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """Sales and cost by region and day, float64 (P, T) each; a day without a row is a day without either."""
    wide = rows.assign(day=pd.to_datetime(rows["date"])).pivot_table(
        index="geo", columns="day", values=["sales", "cost"], aggfunc="sum", fill_value=0.0
    )
    every = pd.date_range(wide.columns.get_level_values(1).min(), wide.columns.get_level_values(1).max())
    sales, cost = (
        pd.DataFrame(wide[name]).reindex(columns=every, fill_value=0.0).to_numpy(dtype=np.float64)
        for name in ("sales", "cost")
    )
    return sales, cost


def _panel(sales: Floats, unit: Ints, day: Ints) -> Panel:
    none = np.full(len(unit), np.nan)
    # What was sold in units is not told: one a day, so that a price is what an average day brings.
    return Panel(sales, np.ones(sales.shape, dtype=np.int64), unit, day, np.zeros(len(unit), dtype=np.int64), none)


def _plain(sales: Floats, treated: Ints, day: Ints) -> float:
    """Sales from the first advertising day on in the ``treated`` regions, beyond what the others' change foretells."""
    first, others = int(day.min()), np.delete(sales, treated, axis=0)
    growth = others[:, first:].sum() / others[:, :first].sum()
    return float(sales[treated, first:].sum() - growth * sales[treated, :first].sum())


def _never_was(sales: Floats, days: Ints, seed: int) -> list[Figure]:
    rng = np.random.default_rng(seed)
    z = []
    for _ in range(DRAWS):
        chosen = np.sort(rng.permutation(len(sales))[: len(sales) // 2])
        panel = _panel(sales, np.repeat(chosen, len(days)), np.tile(days, len(chosen)))
        mean, sd = by_the_days_alone(gathered(panel, as_marketplace(panel)))
        z.append(mean / sd)
    held = (np.abs(z) <= Z90).astype(np.float64)
    return [
        figure(
            f"90 % intervals that hold the 0 of advertising that never was ({DRAWS})",
            cluster_bootstrap(held, seed=seed),
            ".9",
        ),
        Figure("those sums, standard deviation in standard errors", float(np.std(z)), against="1"),
    ]


BENCHMARK = Benchmark(
    "geo_experiment",
    "a randomised experiment with regions: does our lift agree with it?",
    {"sales_and_cost": ("date", "geo", "sales", "cost")},
    measure,
)
