"""Coupons sent to those who spend anyway: does our lift fall for the targeting?

A customer stands for a product, a period in which coupons were sent for a partnership, the spending of those who
redeemed one in it for attributed sales. Nobody knows the truth; customers with coupons spend 60.8 more a day than those
without, and within customer and period -0.7.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.real.panels import (
    PERIOD_DAYS,
    Panel,
    as_marketplace,
    by_the_days_alone,
    drawn_days,
    gathered,
    index_error,
    report_figures,
)
from benchmarks.real.published import Benchmark, Figure, Frames
from marketplace.arrays import Floats

__all__ = ["BENCHMARK", "measure", "within"]

Z90 = 1.6448536269514722
REDEEMED = "coupons_Any_redeemed_preperiod"


def measure(frames: Frames, seed: int) -> list[Figure]:
    """Spending a day that coupons add: naive, within customer and period, and ours with every check."""
    spent, sent, redeemed = _wide(frames["customer_periods"])
    unit, period = np.nonzero(sent > 0)
    touched = np.where(redeemed > 0, spent * PERIOD_DAYS, 0.0)[unit, period]
    panel = Panel(
        sales=drawn_days(spent * PERIOD_DAYS, seed=seed),
        # Units are not told: one a day.
        units_sold=np.ones((len(spent), spent.shape[1] * PERIOD_DAYS), dtype=np.int64),
        unit=unit,
        day=period * PERIOD_DAYS,
        campaign=period,
        attributed=touched,
    )
    market = as_marketplace(panel)
    evidence = gathered(panel, market)
    mean, sd = by_the_days_alone(evidence)
    days = len(unit) * PERIOD_DAYS
    treated = (sent > 0).astype(np.float64)
    figures = [
        Figure("customers", float(len(spent))),
        Figure("periods with coupons", float(len(unit))),
        Figure(
            "naive, a day", float(spent[treated > 0].mean() - spent[treated == 0].mean()), against="+60.8 seen before"
        ),
        Figure("within customer and period, a day", within(spent, treated), against="-.7 seen before"),
        Figure(
            "ours, by the days alone (90 %), a day", mean / days, (mean - Z90 * sd) / days, (mean + Z90 * sd) / days
        ),
    ]
    figures.append(index_error(evidence))
    return figures + report_figures(panel, market, scale=1.0 / days, unit="a day", seed=seed)


def within(values: Floats, treated: Floats) -> float:
    """The slope of ``values`` on ``treated``, both (P, T), within rows and columns: the balanced two-way estimate."""
    left, right = (
        table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
        for table in (values, treated)
    )
    return float((left * right).sum() / (right * right).sum())


def _wide(rows: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Spending a day, coupons sent, coupons redeemed by customer and period, float64 (P, T) each.

    What was redeemed in a period is told with the next; of the last it is not known, and counts as none.
    """
    rows = rows.assign(period=rows["period"].astype(str).astype(int))
    spent, sent, before = (
        rows.pivot_table(index="customer_id", columns="period", values=name).to_numpy(dtype=np.float64)
        for name in ("dailyspending", "coupons_Any", REDEEMED)
    )
    return spent, sent, np.column_stack([before[:, 1:], np.zeros(len(before))])


BENCHMARK = Benchmark(
    "coupon_panel",
    "coupons sent to those who spend anyway: does our lift fall for the targeting?",
    {"customer_periods": ("customer_id", "period", "dailyspending", "coupons_Any", REDEEMED)},
    measure,
)
