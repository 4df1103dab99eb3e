"""Print an evaluation: tables on a terminal, aligned plain text elsewhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.table import Table

from marketplace.display import text_of
from training.evaluation.evaluate import CEILING, CHAMPION, FILE, FOR_SCALE, ORACLE, SUCCESS, Evaluation
from training.evaluation.standings import LESS_IS_BETTER, RANKER_METRICS, WHOLE, Standing

__all__ = ["evaluation_text", "print_evaluation"]

SHOWN_LEVEL = 0.8
EVIDENCE = {
    "truth": "truth",
    "realised": "realised truth",
    "logged": "logged outcomes",
}


@dataclass(frozen=True)
class _Block:
    """One table: its title, its heads, and rows of as many cells; the first column reads from the left."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: str = ""


def print_evaluation(found: Evaluation, *, file: TextIO | None = None) -> None:
    """Write ``found`` to ``file`` (standard output by default): rules and colours where that is a terminal."""
    out = sys.stdout if file is None else file
    if not out.isatty():
        out.write(evaluation_text(found) + "\n")
        return
    console = Console(file=out)
    for block in _blocks(found):
        table = Table(title=block.title, title_justify="left", title_style="bold")
        for number, head in enumerate(block.heads):
            table.add_column(head, justify="left" if number == 0 else "right")
        for row in block.rows:
            table.add_row(*row, style="bold green" if row[0] == block.marked else None)
        console.print(table)
    for line in _notes(found):
        console.print(line, style="dim")


@text_of.register
def evaluation_text(found: Evaluation) -> str:
    """Aligned plain text: the rankers metric by metric, the slices, calibration, coverage, then the notes."""
    lines: list[str] = []
    for block in _blocks(found):
        cells = [block.heads, *block.rows]
        widths = [max(len(line[i]) for line in cells) for i in range(len(block.heads))]
        lines.append(block.title)
        for first, *rest in cells:
            shown = "  ".join(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
            lines.append(f"  {first.ljust(widths[0])}  {shown}".rstrip())
        lines.append("")
    return "\n".join([*lines, *_notes(found)])


def _blocks(found: Evaluation) -> Iterator[_Block]:
    whole = [row for row in found.standings if row.slice == WHOLE]
    for metric in dict.fromkeys(row.metric for row in whole):
        rows = [row for row in whole if row.metric == metric]
        campaigns = max(row.campaigns for row in rows)
        yield _Block(
            f"{metric} ({RANKER_METRICS[metric]}; {campaigns} campaigns)",
            ("ranker", "estimate", "95 % interval", "p", "p Holm", "win/tie/loss"),
            tuple(_standing(row, found.reference) for row in rows),
            found.reference,
        )
    yield from _slices(found)
    if found.readings:
        yield _Block(
            f"Predicted against observed ({CHAMPION})",
            ("quantity", "against", "rows", "predicted", "observed", "bias", "95 % interval", "error of ten bins"),
            tuple(
                (
                    f"{row.quantity}, {row.unit}",
                    EVIDENCE[row.against],
                    str(row.rows),
                    *(_figure(value, row.unit) for value in (row.predicted, row.observed, row.bias)),
                    f"{_figure(row.low, row.unit)} .. {_figure(row.high, row.unit)}",
                    _figure(row.error, row.unit),
                )
                for row in found.readings
                if row.slice == WHOLE
            ),
        )
    if found.coverages:
        yield _Block(
            f"How often the interval holds the truth ({CHAMPION})",
            ("interval", "truth", "rows", "coverage", "95 % interval", "truth below", "above", "mean width, USD"),
            tuple(
                (
                    f"{row.quantity} {row.level:.0%}",
                    "expected" if row.against == "truth" else "realised",
                    str(row.rows),
                    f"{row.coverage:.3f}",
                    f"{row.low:.3f} .. {row.high:.3f}",
                    f"{row.below:.3f}",
                    f"{row.above:.3f}",
                    f"{row.width:,.0f}",
                )
                for row in found.coverages
                if row.slice == WHOLE
            ),
        )


def _slices(found: Evaluation) -> Iterator[_Block]:
    """The headline metric of the reference beside the best ranker of the others, and the champion's intervals."""
    parts = [part for part in dict.fromkeys(row.slice for row in found.standings) if part != WHOLE]
    if not parts:
        return
    headline = found.standings[0].metric
    lift, utility = (
        {
            row.slice: f"{row.coverage:.2f}"
            for row in found.coverages
            if (row.quantity, row.level, row.against) == (quantity, SHOWN_LEVEL, "truth")
        }
        for quantity in ("lift", "utility")
    )
    success = {
        row.slice: _figure(row.bias, row.unit)
        for row in found.readings
        if row.quantity == "success" and row.against == ("truth" if found.coverages else "logged")
    }
    rows = []
    for part in parts:
        here = [row for row in found.standings if row.slice == part and row.metric == headline]
        mine = next((row for row in here if row.ranker == found.reference), None)
        other = next((row for row in here if row.ranker not in (found.reference, *FOR_SCALE)), None)
        if mine is None or other is None:
            continue
        rows.append(
            (
                part, str(mine.campaigns), _number(mine.estimate), f"{_number(mine.low)} .. {_number(mine.high)}",
                f"{other.ranker} {_number(other.estimate)}", _p(other.p_holm), success.get(part, "-"),
                lift.get(part, "-"), utility.get(part, "-"),
            )
        )  # fmt: skip
    heads = (
        "slice", "campaigns", found.reference, "95 % interval", "best other", "p Holm", "success bias",
        "lift in 80 %", "utility in 80 %",
    )  # fmt: skip
    yield _Block(f"{headline} by slice", heads, tuple(rows))


def _standing(row: Standing, reference: str) -> tuple[str, ...]:
    span = f"{_number(row.low)} .. {_number(row.high)}"
    if row.ranker == reference:
        return (row.ranker, _number(row.estimate), span, "", "", "")
    # Seen from the reference: how often it did better than this ranker.
    return (
        row.ranker, _number(row.estimate), span, _p(row.p), _p(row.p_holm), f"{row.losses}/{row.ties}/{row.wins}",
    )  # fmt: skip


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"


def _figure(value: float, unit: str) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}" if unit == "probability" else f"{value:,.2f}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "< .0001" if value < 1e-4 else f"{value:.4f}"


def _notes(found: Evaluation) -> Iterator[str]:
    yield (
        f"p and win/tie/loss: {found.reference} against the ranker of the row, campaign by campaign (paired "
        "randomisation test, two-sided); p Holm: corrected for the rankers of the same metric and slice."
    )
    if any(row.metric in LESS_IS_BETTER for row in found.standings):
        yield "regret: less is better; a win is a campaign with less of it."
    names = {row.ranker for row in found.standings}
    if CEILING in names:
        yield (
            f"{CEILING}: the same signals and fitting code, taught the noise-free truth of the training campaigns' "
            f"invited. From {found.reference} to it: noise and bias of the outcomes. From it to the oracle: what the "
            "signals do not tell, and how few and chosen the invited are."
        )
    if ORACLE in names:
        yield f"{ORACLE}: sorts by the true expected profit; the best that can be."
    if SUCCESS in names:
        yield (
            f"{SUCCESS}: the same creators in the order of the champion's success probability alone. Who delivers is "
            "not who brings most: the champion orders by expected profit, and so does the oracle."
        )
    if found.coverages:
        yield "Intervals speak of realised lift, luck included; expected lift and profit lie in them more often."
    if found.firsts:
        held = sum(one.low <= one.truth <= one.high for one in found.firsts)
        known = any(math.isfinite(one.truth) for one in found.firsts)
        yield (
            f"Mean lift of the {CHAMPION}'s first 20: its 90 % interval holds zero in "
            f"{sum(one.holds_zero for one in found.firsts)} of {len(found.firsts)} campaigns, lies above it in "
            f"{sum(one.claims for one in found.firsts)}" + (f", holds the true mean in {held}." if known else ".")
        )
    if found.file is not None:
        file = found.file
        yield (
            f"{FILE}: {file.rows} rows read; left out {file.not_held_out} of campaigns not held out and "
            f"{file.not_eligible} of creators not eligible; {file.ranked_last} eligible creators without a row ranked "
            "last."
        )
    evidence = found.comparison.counts.items()
    yield "Evidence: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in evidence)
