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

from marketplace.arrays import Floats
from marketplace.canvas import COLOURS, INK, QUIET, axes_of

__all__ = ["calibration_figure", "draw_intervals", "gain_figure", "importance_figure", "slice_figure"]


def calibration_figure(tables: Mapping[str, pd.DataFrame], *, title: str = "Predicted against observed") -> Any:
    """Mean predicted against mean observed, one line a head.

    Parameters
    ----------
    tables : mapping of head to DataFrame[predicted, observed, count]
        As `training.stats.metrics.calibration_table` gives them.
    """
    figure, axes = axes_of(title)
    top = max([0.05, *(float(t[["predicted", "observed"]].to_numpy().max()) for t in tables.values() if len(t))])
    axes.plot([0, top], [0, top], color=QUIET, linewidth=1, linestyle="--", label="perfect")
    for colour, (head, table) in zip(COLOURS, tables.items(), strict=False):
        area = 15 + 60 * table["count"] / max(float(table["count"].max()), 1.0) if len(table) else 20
        axes.plot(table["predicted"], table["observed"], color=colour, linewidth=1.5, label=head)
        axes.scatter(table["predicted"], table["observed"], s=area, color=colour)
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("observed share")
    axes.legend(frameon=False)
    return figure


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

    The one that counts most is said in words below, where ``words`` has what signals say.
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
        first = str(order[-1])
        said = (words or {}).get(first, first).rstrip(".")
        axes.set_xlabel(f"share of the head's split gain\nmost: {textwrap.fill(said, 60)}", fontsize=9)
    axes.tick_params(axis="y", labelsize=8)
    axes.legend(frameon=False, fontsize=8)
    return figure


def slice_figure(
    values: Mapping[str, tuple[float, float, float]], *, metric: str, by: str, interval: str = "95 % interval"
) -> Any:
    """A metric with its interval, called ``interval``, for every value of one slice.

    Parameters
    ----------
    values : mapping of slice value to (estimate, low, high)
        Entries whose estimate is NaN are left out.
    """
    shown = {name: triple for name, triple in values.items() if np.isfinite(triple[0])}
    figure, axes = axes_of(f"{metric} by {by}", height=1.4 + 0.32 * max(len(shown), 3))
    draw_intervals(axes, shown, said=".3g")
    axes.axvline(0.0, color=QUIET, linewidth=0.8, linestyle=":")
    axes.set_xlabel(f"{metric} (line: {interval})")
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
