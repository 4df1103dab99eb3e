"""Print a comparison: a table on a terminal, aligned plain text elsewhere, JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.table import Table

from marketplace.display import text_of
from training.evaluation.comparison import Comparison, Row

__all__ = ["comparison_json", "comparison_text", "print_comparison"]

WORDS = {
    "oracle_gain_share_at_20": "share of the best possible gain above chance, 20 invited, incremental profit",
    "ndcg_at_10": "order of the invited by what came of them, first 10",
    "map": "average precision, delivered or not",
    "auc_within_campaign": "chance that who delivered ranks above who did not",
}
HEADS = ("ranker", "estimate", "95 % interval", "p", "win/tie/loss")


def print_comparison(comparison: Comparison, *, as_json: bool = False, file: TextIO | None = None) -> None:
    """Write ``comparison`` to ``file`` (standard output by default).

    Colours and rules where ``file`` is a terminal; plain aligned text where it is not; one JSON document where
    ``as_json``.
    """
    out = sys.stdout if file is None else file
    if as_json:
        out.write(comparison_json(comparison) + "\n")
    elif out.isatty():
        console = Console(file=out)
        for metric in comparison.metrics:
            console.print(_rich_table(comparison, metric))
        for line in _notes(comparison):
            console.print(line, style="dim")
    else:
        out.write(comparison_text(comparison) + "\n")


def comparison_json(comparison: Comparison) -> str:
    """One JSON document, keys sorted, NaN as null."""
    return json.dumps(comparison.as_dict(), sort_keys=True, allow_nan=False)


@text_of.register
def comparison_text(comparison: Comparison) -> str:
    """Aligned plain text, one block a metric, best ranker first."""
    lines: list[str] = []
    for metric in comparison.metrics:
        cells = [HEADS, *(_cells(row, comparison) for row in _of(comparison, metric))]
        widths = [max(len(line[i]) for line in cells) for i in range(len(HEADS))]
        lines.append(_title(comparison, metric))
        for line in cells:
            name, *figures = line
            shown = "  ".join(f.rjust(w) for f, w in zip(figures, widths[1:], strict=True))
            lines.append(f"  {name.ljust(widths[0])}  {shown}".rstrip())
        lines.append("")
    lines.extend(_notes(comparison))
    return "\n".join(lines)


def _rich_table(comparison: Comparison, metric: str) -> Table:
    table = Table(title=_title(comparison, metric), title_justify="left", title_style="bold")
    for head in HEADS:
        table.add_column(head, justify="left" if head == "ranker" else "right")
    for row in _of(comparison, metric):
        table.add_row(*_cells(row, comparison), style="bold green" if row.ranker == comparison.champion else None)
    return table


def _of(comparison: Comparison, metric: str) -> list[Row]:
    return [row for row in comparison.rows if row.metric == metric]


def _title(comparison: Comparison, metric: str) -> str:
    campaigns = max(row.campaigns for row in _of(comparison, metric))
    return f"{metric} ({WORDS.get(metric, metric)}; {campaigns} campaigns)"


def _cells(row: Row, comparison: Comparison) -> tuple[str, ...]:
    if row.ranker == comparison.champion:
        return (row.ranker, _number(row.estimate), _interval(row), "", "")
    # Seen from the champion: how often it did better than this ranker.
    return (
        row.ranker,
        _number(row.estimate),
        _interval(row),
        _p(row.p),
        f"{row.losses}/{row.ties}/{row.wins}",
    )


def _interval(row: Row) -> str:
    return f"{_number(row.low)} .. {_number(row.high)}"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "< .0001" if value < 1e-4 else f"{value:.4f}"


def _notes(comparison: Comparison) -> Iterator[str]:
    yield (
        f"p and win/tie/loss: {comparison.champion} against the ranker of the row, campaign by campaign "
        "(paired randomisation test, two-sided)."
    )
    yield "Evidence: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in comparison.counts.items())
    for ranker, found in comparison.calibration.items():
        if found["rows"]:
            yield f"Calibration error of {ranker}'s success probability: {found['error']:.3f} ({found['rows']} rows)"
