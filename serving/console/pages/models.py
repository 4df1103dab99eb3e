"""Models: champion and challenger side by side, how they were measured, what the gate said, and what has drifted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from nicegui import ui

from serving.client import Drift, Metric, Model, Models
from serving.console.pieces import (
    UNKNOWN,
    empty_state,
    facts,
    interval_bar,
    link,
    notice,
    panel,
    plain_table,
    text,
)
from serving.console.registry import LOOKERS, Page, Visit

__all__ = ["PAGE", "beside", "figure_text"]

_VERDICTS = {"better": "good", "not worse": "good", "cannot tell": "mid", "worse": "bad"}
_PSI = "Signals and predictions now, beside those of training: the population stability index."
_MEASURED = "On campaigns that were held out, with 95 % intervals over campaigns where they were kept."
_KINDS = {"drifted": "bad", "moved": "mid"}


def figure_text(value: float | None) -> str:
    """A metric's value in as many digits as say something; a dash where it is not known."""
    if value is None:
        return UNKNOWN
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
    return digits.replace("-", "\N{MINUS SIGN}")


def beside(champion: Model, challenger: Model | None) -> list[tuple[Metric, Metric | None]]:
    """The champion's metrics, each with the challenger's of the same name, where it has one."""
    others = {} if challenger is None else {one.name: one for one in challenger.metrics}
    return [(one, others.get(one.name)) for one in champion.metrics]


async def _draw(visit: Visit) -> None:
    found = await visit.client.models()
    with ui.element("div").classes("cr-sides"):
        with panel("Champion"):
            _model(found.champion)
        with panel("Challenger"):
            if found.challenger is None:
                with empty_state("No challenger", "An operator sets one with: collabrank challenger set"):
                    pass
            else:
                _model(found.challenger)
    with panel("How they were measured", about=_MEASURED, classes="cr-dense"):
        _metrics(found)
    with panel("What has drifted", about=_PSI, classes="cr-dense"):
        _drift(found.drift)
    if found.mlflow_url:
        run = found.champion.run_id
        with panel("Every run"):
            text(f"MLflow keeps every run; the champion's is {run}.", tag="p")
            link("Open MLflow", found.mlflow_url, kind="plain", new_tab=True)


def _model(one: Model) -> None:
    with ui.element("div").classes("cr-line"):
        text(f"Version {one.version}", classes="cr-figure")
        if one.gate:
            text(one.gate, classes=f"cr-chip cr-chip-{_VERDICTS.get(one.gate, 'low')}")
    if one.verdict:
        text(f"{one.verdict[:1].upper()}{one.verdict[1:].rstrip('.')}.", tag="p").props('dir="auto"')
    if one.basis:
        notice(one.basis, kind="warn")
    facts(
        [
            ("Ranker", one.ranker.replace("_", " ")),
            ("Learned until", one.trained_until or UNKNOWN),
            ("Promoted", UNKNOWN if one.promoted_at is None else one.promoted_at[:16].replace("T", " ")),
            ("Signals", f"{one.signals:,}"),
            ("Heads", ", ".join(one.heads)),
        ]
    )


def _metrics(found: Models) -> None:
    rows: list[Sequence[Any]] = []
    for mine, theirs in beside(found.champion, found.challenger):
        told: list[Any] = [partial(_metric, mine), partial(_value, mine, theirs)]
        if found.challenger is not None:
            told.append(UNKNOWN if theirs is None else partial(_value, theirs, mine))
        best = UNKNOWN if mine.best_sort is None else f"{figure_text(mine.best_sort_value)} ({mine.best_sort})"
        rows.append((*told, best))
    heads = ["Metric", "Champion", *(["Challenger"] if found.challenger else []), "Best simple sort"]
    plain_table(heads, rows, caption="What was measured", numeric=(len(heads) - 1,))
    text(
        "Only a simulated marketplace knows the truth; nDCG on logged outcomes sees only those who were invited, and "
        "is no measure of how good the order of everybody is.",
        tag="p",
        classes="cr-quiet cr-small",
    )


def _metric(one: Metric) -> None:
    text(one.name, tag="div")
    if one.meaning:
        text(one.meaning, tag="div", classes="cr-quiet cr-small")


def _value(one: Metric, other: Metric | None) -> None:
    """A value with its interval, on the scale of both."""
    with ui.element("div").classes("cr-metric"):
        text(figure_text(one.value), classes="cr-number")
        if one.low is None or one.high is None:
            return
        known = [
            value
            for each in (one, other)
            if each is not None
            for value in (each.low, each.high, each.best_sort_value)
            if value is not None
        ]
        span = f"{figure_text(one.low)} to {figure_text(one.high)}"
        interval_bar(
            one.low, one.value, one.high, ends=(min(known), max(known)),
            label=f"{one.name} {figure_text(one.value)}, 95 % interval {span}",
        )  # fmt: skip
        text(span, classes="cr-quiet cr-small")


def _drift(found: Sequence[Drift]) -> None:
    seen = [one for one in found if one.counts]
    if not seen:
        with empty_state("Not looked at yet", "The service looks once a minute after it has started."):
            pass
        return
    for one in seen:
        text(one.what[:1].upper() + one.what[1:], tag="h3")
        counts = {verdict: one.counts.get(verdict, 0) for verdict in ("drifted", "moved")}
        steady = sum(one.counts.values()) - sum(counts.values())
        text(f"{one.rows:,} rows: {counts['drifted']} drifted, {counts['moved']} moved, {steady} steady.", tag="p")
        most = [each for each in one.moved if each.verdict in _KINDS]
        if most:
            plain_table(
                ("Signal or prediction", "PSI", "Verdict", "What has changed"),
                [
                    (
                        each.name,
                        UNKNOWN if each.psi is None else f"{each.psi:.3f}",
                        partial(text, each.verdict, classes=f"cr-chip cr-chip-{_KINDS[each.verdict]}"),
                        each.direction,
                    )
                    for each in most
                ],
                caption=f"What has moved: {one.what}",
                numeric=(1,),
            )


PAGE = Page(
    "/models",
    "Models",
    _draw,
    icon="models",
    about="Which model ranks, which one waits, how both were measured, and whether the world has moved since.",
    scopes=LOOKERS,
)
