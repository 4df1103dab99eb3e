"""What all figures share: their colours, and axes without a box. No pyplot, so that any number may draw at once."""

from __future__ import annotations

from typing import Any

__all__ = ["BAD", "COLOURS", "GOOD", "INK", "QUIET", "SECOND", "axes_of", "bare"]

INK = "#1b4f72"
"""What is looked at."""
SECOND = "#c0622d"
"""What it is held against."""
QUIET = "#9aa5ad"
"""What only helps the eye."""
GOOD = "#3d7a4f"
BAD = "#b03a2e"
COLOURS = (INK, SECOND, GOOD, "#7d4f8a")
"""Of the lines of one figure, in turn."""


def axes_of(title: str, *, width: float = 6.8, height: float = 4.4) -> tuple[Any, Any]:
    """A new matplotlib figure of ``width`` by ``height`` inches with one titled pair of axes: (figure, axes)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    bare(axes, title)
    return figure, axes


def bare(axes: Any, title: str) -> None:
    """Title on the left; no rules above and on the right."""
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
