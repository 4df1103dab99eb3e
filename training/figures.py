"""The figures that a run keeps: calibration, gain, importance, metric by slice.

Each function returns a new `matplotlib.figure.Figure` and touches no global
state (no pyplot), so that any number of runs may draw at once.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from marketplace.arrays import Floats
from marketplace.canvas import COLOURS, INK, QUIET, SECOND, axes_of
from training.stats import METRICS

__all__ = ["calibration_figure", "draw_constant", "draw_intervals", "gain_figure", "importance_figure", "slice_figure"]


def calibration_figure(tables: Mapping[str, pd.DataFrame], *, title: str = "Predicted against observed") -> Any:
    """Mean predicted against mean observed with its 95 % interval, one line a head, beside what a constant would tell.

    Parameters
    ----------
    tables : mapping of head to DataFrame[predicted, observed, count]
        As `training.stats.metrics.calibration_table` gives them.
    """
    figure, axes = axes_of(title)
    top = max([0.05, *(float(t[["predicted", "observed"]].to_numpy().max()) for t in tables.values() if len(t))])
    axes.plot([0, top], [0, top], color=QUIET, linewidth=1, linestyle="--", label="perfect")
    for colour, (head, table) in zip(COLOURS, tables.items(), strict=False):
        if not len(table):
            continue
        low, high = _share_ends(table["observed"].to_numpy(np.float64), table["count"].to_numpy(np.float64))
        axes.vlines(table["predicted"], low, high, color=colour, linewidth=0.8, alpha=0.6)
        draw_constant(axes, table, colour)
        area = 15 + 60 * table["count"] / max(float(table["count"].max()), 1.0)
        axes.plot(table["predicted"], table["observed"], color=colour, linewidth=1.5, label=head)
        axes.scatter(table["predicted"], table["observed"], s=area, color=colour)
    axes.set_xlabel("chance that was told, mean of a tenth of the rows")
    axes.set_ylabel("share in which it came (line: 95 % interval)\ndotted: what a constant would tell")
    axes.legend(frameon=False, fontsize=8)
    return figure


def draw_constant(axes: Any, table: pd.DataFrame, colour: str) -> None:
    """A dotted line at the mean that was observed: a constant that is right on the whole, and tells nobody apart."""
    if table["count"].sum() > 0:
        mean = float(np.average(table["observed"], weights=table["count"]))
        axes.axhline(mean, color=colour, linewidth=0.9, linestyle=":")


def _share_ends(share: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """The 95 % interval, Wilson's, around shares of so many rows."""
    found = [
        binomtest(round(part * n), round(n)).proportion_ci(0.95, method="wilson")
        for part, n in zip(share.tolist(), rows.tolist(), strict=True)
    ]
    return np.array([one.low for one in found]), np.array([one.high for one in found])


def gain_figure(curves: Mapping[str, Floats], *, depth: int, what: str) -> Any:
    """What picking the first 1..depth creators a campaign brings, one line a ranker.

    Parameters
    ----------
    curves : mapping of ranker to float64 array of shape (depth,)
        Mean over campaigns of the sum over the first k, for k = 1..depth.
    what : str
        The vertical axis with its unit.
    """
    figure, axes = axes_of("Gain by how many are invited")
    places = np.arange(1, depth + 1)
    for number, (name, curve) in enumerate(curves.items()):
        bold = number == 0
        axes.plot(places, curve, linewidth=2.4 if bold else 1.2, color=INK if bold else None, label=name)
    axes.set_xlabel("creators picked for each campaign")
    axes.set_ylabel(what)
    axes.legend(frameon=False, fontsize=8)
    return figure


def importance_figure(
    importance: Mapping[str, Mapping[str, float]], *, top: int = 20, words: Mapping[str, str] | None = None
) -> Any:
    """Total split gain of the ``top`` signals, a share of each head's total, stacked by head.

    Beside it the share that each would have if all signals counted alike. The one that counts most is said in words
    below, where ``words`` has what signals say.
    """
    frame = pd.DataFrame({head: pd.Series(dict(values), dtype=float) for head, values in importance.items()}).fillna(
        0.0
    )
    frame = frame / frame.sum().replace(0.0, 1.0)
    order = frame.sum(axis=1).sort_values(ascending=False, kind="stable").index[:top][::-1]
    figure, axes = axes_of("What the heads look at", width=7.4, height=1.2 + 0.24 * max(len(order), 4))
    left = np.zeros(len(order))
    for head in frame.columns:
        values = frame.loc[order, head].to_numpy()
        axes.barh(list(order), values, left=left, label=head)
        left = left + values
    axes.set_xlabel("share of the head's split gain")
    if len(order):
        alike = len(frame.columns) / len(frame)
        axes.axvline(alike, color=SECOND, linewidth=1, linestyle="--", label="if all signals counted alike")
        first = str(order[-1])
        said = (words or {}).get(first, first).rstrip(".")
        axes.set_xlabel(f"share of the head's split gain\nmost: {textwrap.fill(said, 60)}", fontsize=9)
    axes.tick_params(axis="y", labelsize=8)
    axes.legend(frameon=False, fontsize=8)
    return figure


def slice_figure(
    values: Mapping[str, tuple[float, float, float]],
    *,
    metric: str,
    by: str,
    interval: str = "95 % interval",
    beside: Mapping[str, Mapping[str, float]] | None = None,
) -> Any:
    """A metric with its interval, called ``interval``, for every value of one slice, beside what it is held against.

    Parameters
    ----------
    values : mapping of slice value to (estimate, low, high)
        Entries whose estimate is NaN are left out.
    metric : str
        Its first word is the metric's name, whose meaning stands below.
    beside : mapping of name to mapping of slice value to estimate
        Baselines; those that are not finite are left out.
    """
    shown = {name: triple for name, triple in values.items() if np.isfinite(triple[0])}
    figure, axes = axes_of(f"{metric} by {by}", width=7.4, height=2.0 + 0.34 * max(len(shown), 3))
    draw_intervals(axes, shown, said=".3g")
    if not shown:
        axes.text(0.5, 0.5, "nothing here has campaigns enough", transform=axes.transAxes, ha="center", color=QUIET)
    rows = {name: row for row, name in enumerate(list(shown)[::-1])}
    for mark, colour, (label, found) in zip("D|sx", (SECOND, INK, *COLOURS[2:]), (beside or {}).items(), strict=False):
        known = {rows[name]: value for name, value in found.items() if name in rows and np.isfinite(value)}
        if known:
            size = 90 if mark == "|" else 22
            axes.scatter(list(known.values()), list(known), marker=mark, s=size, color=colour, zorder=2, label=label)
    if any(low < 0 for _, low, _ in shown.values()):
        axes.axvline(0.0, color=QUIET, linewidth=0.8, linestyle=":")
    declared = METRICS.get(metric.split(" ", maxsplit=1)[0])
    said = metric if declared is None else textwrap.fill(declared.says, 90)
    axes.set_xlabel(f"{said}\nline: {interval}", fontsize=8)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=2)
    return figure


def draw_intervals(axes: Any, values: Mapping[str, tuple[float, float, float]], *, said: str) -> None:
    """One line an entry, the first on top: its interval, a dot at the estimate, and all three in numbers.

    Parameters
    ----------
    values : mapping of name to (estimate, low, high)
    said : str
        How numbers are written, such as ``.1%``.
    """
    names = list(values)[::-1]
    for row, name in enumerate(names):
        estimate, low, high = values[name]
        axes.plot([low, high], [row, row], color=QUIET, linewidth=2)
        axes.scatter([estimate], [row], color=INK, zorder=3)
        axes.annotate(
            f"{estimate:{said}} ({low:{said}} to {high:{said}})", (high, row), xytext=(6, 0),
            textcoords="offset points", va="center", fontsize=7, color=INK,
        )  # fmt: skip
    if names:
        axes.margins(x=0.25)  # for the numbers beside the lines
    axes.set_yticks(range(len(names)), names, fontsize=8)
