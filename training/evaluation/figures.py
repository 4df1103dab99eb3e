"""An evaluation's figures, saved as PNG: rankers, slices, calibration of chances and of money, coverage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from marketplace.canvas import COLOURS, QUIET, SECOND, axes_of
from training.evaluation.evaluate import Evaluation
from training.evaluation.standings import WHOLE
from training.figures import calibration_figure, draw_constant, draw_intervals, slice_figure

__all__ = ["coverage_figure", "money_figure", "save_figures"]

KEPT_LEVEL = 0.8
SLICED = ("oracle_gain_share_at_20", "ndcg_at_10_truth", "ndcg_at_10")
"""Metrics drawn by slice; those that could be measured."""


def save_figures(found: Evaluation, folder: str | Path) -> list[Path]:
    """Save every figure that ``found`` allows to ``folder`` (made where it is missing); the files, in order."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for name, figure in _figures(found):
        files.append(out / f"{name}.png")
        figure.savefig(files[-1], dpi=130)
    return files


def money_figure(tables: Mapping[str, pd.DataFrame], *, unit: str = "USD") -> Any:
    """Mean predicted against mean observed money by bin, one line a quantity, beside what a constant would tell.

    Axes are signed, and logarithmic beyond 10.

    Parameters
    ----------
    tables : mapping of name to DataFrame[predicted, observed, count]
        As `training.stats.metrics.calibration_table` gives them.
    """
    figure, axes = axes_of("Predicted against observed money")
    ends = [t[["predicted", "observed"]].to_numpy() for t in tables.values() if len(t)]
    low = min([0.0, *(float(e.min()) for e in ends)])
    high = max([10.0, *(float(e.max()) for e in ends)])
    line = np.linspace(low, high, 400)
    axes.plot(line, line, color=QUIET, linewidth=1, linestyle="--", label="perfect")
    for colour, (name, table) in zip(COLOURS, tables.items(), strict=False):
        axes.plot(table["predicted"], table["observed"], color=colour, linewidth=1.4, marker="o", label=name)
        draw_constant(axes, table, colour)
    for scale in (axes.set_xscale, axes.set_yscale):
        scale("symlog", linthresh=10.0, subs=(3,))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,.0f}")
        axis.set_minor_formatter("{x:,.0f}")
    axes.tick_params(which="both", labelsize=8)
    axes.set_xlabel(f"told, mean of a tenth of the rows, {unit}")
    axes.set_ylabel(f"what came, mean of the same rows, {unit}\ndotted: what a constant would tell")
    axes.legend(frameon=False, fontsize=8)
    return figure


def coverage_figure(values: Mapping[str, tuple[float, float, float]], *, level: float, title: str) -> Any:
    """Coverage with its interval for every slice, beside the level that it should have."""
    figure, axes = axes_of(title, height=1.6 + 0.28 * max(len(values), 3))
    draw_intervals(axes, values, said=".1%")
    axes.axvline(level, color=SECOND, linewidth=1, linestyle="--", label=f"what it should be, {level:.0%}")
    axes.set_xlabel("share of rows whose truth lies in the interval (line: 95 % interval)")
    figure.legend(frameon=False, fontsize=8, loc="outside lower center")
    return figure


def _figures(found: Evaluation) -> Iterator[tuple[str, Any]]:
    for metric in found.comparison.metrics:
        whole = {row.ranker: (row.estimate, row.low, row.high) for row in found.comparison.rows if row.metric == metric}
        beside = {
            label: dict.fromkeys(whole, whole[ranker][0])
            for ranker, label in found.comparison.held_against(metric).items()
            if ranker in whole
        }
        yield f"rankers_{metric}", slice_figure(whole, metric=metric, by="ranker", beside=beside)
    for metric in SLICED:
        by_slice = {
            row.slice: (row.estimate, row.low, row.high)
            for row in found.comparison.slice_rows(metric)
            if row.ranker == found.reference
        }
        if by_slice:
            beside = {
                label: {row.slice: row.estimate for row in found.comparison.slice_rows(metric) if row.ranker == ranker}
                for ranker, label in found.comparison.held_against(metric).items()
            }
            figure = slice_figure(by_slice, metric=f"{metric} of {found.reference}", by="slice", beside=beside)
            yield f"slices_{metric}", figure
    whole_readings = [row for row in found.readings if row.slice == WHOLE and row.table is not None]
    for unit, name, draw in (
        ("probability", "calibration_probability", calibration_figure),
        ("USD", "calibration_money", money_figure),
    ):
        for against in dict.fromkeys(row.against for row in whole_readings):
            tables = {
                f"{row.quantity}, {row.against}": row.table
                for row in whole_readings
                if row.unit == unit and row.against == against and row.table is not None
            }
            if tables:
                yield f"{name}_{against}", draw(tables)
    for quantity, against in dict.fromkeys((row.quantity, row.against) for row in found.coverages):
        rows = [row for row in found.coverages if (row.quantity, row.against) == (quantity, against)]
        kept = {row.slice: (row.coverage, row.low, row.high) for row in rows if row.level == KEPT_LEVEL}
        truth = "expected" if against == "truth" else "realised"
        title = f"{quantity}: 80 % interval against the {truth} truth"
        yield f"coverage_{quantity}_{truth}", coverage_figure(kept, level=KEPT_LEVEL, title=title)
