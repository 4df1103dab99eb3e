"""Sales visits to the doctors who prescribe anyway: does our lift fall for the targeting?

A doctor stands for a product, a prescription for a unit of 1 USD, a visit for a partnership: several of one month
count as so many. Nobody knows the truth; across doctors a visit goes with .94 prescriptions more, within doctors with
.14.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.real.coupon_panel import within
from benchmarks.real.panels import (
    PERIOD_DAYS,
    Panel,
    as_marketplace,
    by_the_days_alone,
    drawn_units,
    gathered,
    index_error,
    report_figures,
)
from benchmarks.real.published import Benchmark, Figure, Frames
from marketplace.arrays import Floats

__all__ = ["BENCHMARK", "measure"]

Z90 = 1.6448536269514722


def measure(frames: Frames, seed: int) -> list[Figure]:
    """Prescriptions that a visit adds: pooled, within doctor and month, and ours with every check."""
    written, visits = _wide(frames["counts"])
    unit, month = np.nonzero(visits > 0)
    times = visits[unit, month].astype(np.int64)
    unit, month = np.repeat(unit, times), np.repeat(month, times)
    daily = drawn_units(written.astype(np.int64), seed=seed)
    panel = Panel(
        sales=daily.astype(np.float64),
        units_sold=daily,
        unit=unit,
        day=month * PERIOD_DAYS,
        campaign=month,
        # No sale is attributed to a visit; that prescriptions fall evenly over the month is all that is told.
        attributed=np.zeros(len(unit)),
    )
    market = as_marketplace(panel)
    evidence = gathered(panel, market)
    mean, sd = by_the_days_alone(evidence)
    own, usual = (table.mean(axis=1, keepdims=True) for table in (visits, written))
    figures = [
        Figure("doctors", float(len(written))),
        Figure("visits", float(len(unit))),
        Figure(
            "pooled, a visit",
            _slope(visits - visits.mean(), written - written.mean()),
            against=".94 seen before",
        ),
        Figure("within doctor, a visit", _slope(visits - own, written - usual), against=".14 seen before"),
        Figure("within doctor and month, a visit", within(written, visits)),
        Figure(
            "ours, by the days alone (90 %), a visit",
            mean / len(unit),
            (mean - Z90 * sd) / len(unit),
            (mean + Z90 * sd) / len(unit),
        ),
    ]
    figures.append(index_error(evidence))
    return figures + report_figures(panel, market, scale=1.0 / len(unit), unit="a visit", seed=seed)


def _slope(x: Floats, y: Floats) -> float:
    """Of ``y`` on ``x``, both centred."""
    return float((x * y).sum() / (x * x).sum())


def _wide(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """New prescriptions and visits by doctor and month, float64 (P, T) each; months are in the order of the rows."""
    month = rows.groupby("id").cumcount()
    written, visits = (
        rows.assign(month=month).pivot_table(index="id", columns="month", values=name).to_numpy(dtype=np.float64)
        for name in ("scripts", "detailing")
    )
    return written, visits


BENCHMARK = Benchmark(
    "detailing_panel",
    "sales visits to those who prescribe anyway: does our lift fall for the targeting?",
    {"counts": ("id", "scripts", "detailing")},
    measure,
)
