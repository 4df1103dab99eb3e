"""One figure of the facts: five distributions behind them, and where each measured value lies in its band."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from marketplace.canvas import BAD, GOOD, INK, QUIET, SECOND, bare
from marketplace.stylised.measure import FactsReport
from marketplace.stylised.people import reach
from marketplace.stylised.readings import NotMeasured, Readings
from marketplace.stylised.sales import creator_gmv

__all__ = ["facts_figure"]

_COLOURS = {"pass": GOOD, "fail": BAD, "broken on purpose": SECOND}


def facts_figure(report: FactsReport, evidence: Readings, *, title: str) -> bytes:
    """A PNG of six panels; a panel that cannot be drawn says why. The same facts give the same bytes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.0, 8.0), layout="constrained", dpi=110)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    panels: tuple[tuple[str, Callable[[Any, Readings], None]], ...] = (
        ("Followers: share of creators with more", _followers),
        ("Views of a video by followers", _views),
        ("Engagement a view by followers", _engagement),
        ("GMV of the smallest creators, of all", _lorenz),
        ("Refunds by delay", _delays),
    )
    axes = figure.subplots(2, 3).ravel()
    for place, (name, draw) in zip(axes, panels, strict=False):
        bare(place, name)
        try:
            draw(place, evidence)
        except NotMeasured as reason:
            place.text(0.5, 0.5, f"not measured: {reason}", ha="center", va="center", wrap=True, fontsize=8)
            place.set_axis_off()
    _bands(axes[5], report)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", metadata={"Software": None})
    return sink.getvalue()


def _followers(axes: Any, evidence: Readings) -> None:
    values = np.sort(evidence.followers.to_numpy(dtype=np.float64))[::-1]
    axes.loglog(values, np.arange(1, len(values) + 1) / len(values), color=INK)
    axes.set_xlabel("followers")


def _by_followers(axes: Any, frame: pd.DataFrame, column: str, what: str) -> None:
    axes.scatter(np.exp(frame.log_followers), np.exp(frame[column]), s=4, color=QUIET, alpha=0.5, linewidths=0)
    tenth = pd.qcut(frame.log_followers.rank(method="first"), 10, labels=False)
    middle = frame[["log_followers", column]].groupby(tenth).mean()
    axes.plot(np.exp(middle.log_followers), np.exp(middle[column]), color=INK, marker="o", markersize=4)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("followers")
    axes.set_ylabel(what)


def _views(axes: Any, evidence: Readings) -> None:
    _by_followers(axes, reach(evidence), "log_views", "organic views, geometric mean")


def _engagement(axes: Any, evidence: Readings) -> None:
    _by_followers(axes, reach(evidence), "log_engagement", "interactions a view")


def _lorenz(axes: Any, evidence: Readings) -> None:
    gmv = np.sort(creator_gmv(evidence))
    if gmv.sum() <= 0:
        raise NotMeasured("no creator sold anything")
    axes.plot(np.linspace(0, 1, len(gmv) + 1), np.concatenate([[0], np.cumsum(gmv) / gmv.sum()]), color=INK)
    axes.plot([0, 1], [0, 1], color=QUIET, linestyle="--", linewidth=1)
    axes.set_xlabel("share of creators")
    axes.set_ylabel("share of GMV")


def _delays(axes: Any, evidence: Readings) -> None:
    orders = evidence.orders[evidence.orders.refunded]
    if orders.empty:
        raise NotMeasured("no refund")
    days = (orders.known_at - orders.ordered_at).dt.total_seconds() / 86_400.0
    axes.hist(days, bins=np.arange(0.0, days.max() + 1.0), color=INK)
    axes.set_xlabel("days from order to refund")


def _bands(axes: Any, report: FactsReport) -> None:
    """Every measured value on a scale on which the band reaches from 0 to 1."""
    bare(axes, "Measured, in bands (shaded)")
    axes.axvspan(0.0, 1.0, color="#e6ecef")
    names = []
    for row, one in enumerate(reversed(report.facts)):
        names.append(one.fact.key)
        if one.value is None:
            axes.text(0.5, row, "not measured", ha="center", va="center", fontsize=7, color=QUIET)
            continue
        low = max(one.fact.low, -20.0)
        place = (one.value - low) / (one.fact.high - low)
        axes.scatter([np.clip(place, -1.0, 2.0)], [row], color=_COLOURS[one.state], s=28, zorder=3)
        axes.text(2.15, row, f"{one.value:.3g}", va="center", fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xlim(-1.2, 2.7)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
