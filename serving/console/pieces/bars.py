"""Bars: an interval with its expectation, an index between 0 and 100, and how sure one is."""

from __future__ import annotations

import math

from nicegui import ui

from serving.console.pieces.layout import text, tidy
from serving.console.pieces.wording import UNKNOWN, score_text

__all__ = ["confidence_chip", "index_meter", "interval_bar"]


def _share(value: float, ends: tuple[float, float]) -> float:
    low, high = ends
    return 0.0 if high <= low else 100.0 * min(1.0, max(0.0, (value - low) / (high - low)))


def interval_bar(
    low: float | None, expected: float | None, high: float | None, *, ends: tuple[float, float], label: str
) -> ui.element:
    """An interval as a bar with a mark at the expectation, on a scale from ``ends[0]`` to ``ends[1]``.

    ``label`` says the same in words. A line marks nought where the scale goes through it.
    """
    made = ui.element("span").classes("cr-bar").props(f'role="img" aria-label="{tidy(label)}" title="{tidy(label)}"')
    if low is None or high is None or not all(map(math.isfinite, (low, high))):
        return made.classes("cr-bar-none")
    with made:
        if ends[0] < 0 < ends[1]:
            ui.element("i").classes("cr-bar-nought").style(f"left:{_share(0.0, ends):.1f}%")
        left, right = _share(low, ends), _share(high, ends)
        ui.element("i").classes("cr-bar-span").style(f"left:{left:.1f}%;width:{max(1.0, right - left):.1f}%")
        if expected is not None and math.isfinite(expected):
            ui.element("i").classes("cr-bar-mark").style(f"left:{_share(expected, ends):.1f}%")
    return made


def index_meter(
    value: float | None, *, low: float | None = None, high: float | None = None, label: str = ""
) -> ui.element:
    """An index, 0..100, as a number and a bar, with its interval where it is known."""
    with ui.element("span").classes("cr-meter") as made:
        text(score_text(value), classes="cr-meter-value")
        known = value is not None and math.isfinite(value)
        ends = (value if low is None else low, value if high is None else high) if known else (None, None)
        interval_bar(ends[0], value, ends[1], ends=(0.0, 100.0), label=label or f"{score_text(value)} of 100")
    return made


def confidence_chip(confidence: float | None) -> ui.element:
    """How much is known, 0..100, in a word and a number."""
    if confidence is None or not math.isfinite(confidence):
        return text(UNKNOWN, classes="cr-chip")
    word, kind = next(
        (word, kind)
        for least, word, kind in (
            (66.0, "well known", "good"),
            (33.0, "partly known", "mid"),
            (0.5, "little known", "low"),
            (-math.inf, "nothing known", "low"),
        )
        if confidence >= least
    )
    return text(f"{word} · {confidence:.0f}", classes=f"cr-chip cr-chip-{kind}")
