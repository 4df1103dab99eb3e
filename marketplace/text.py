"""Text for people: tables with rules on a terminal, aligned plain text everywhere else.

    show([TextTable("by market", ("market", "rows"), [("US", "3"), ("GB", "12")]), "Two markets."])

Both are drawn by rich. Off a terminal nothing is wrapped, cut or coloured, so that output can be kept, compared and
cut up by other programs.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.box import HEAVY_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

__all__ = ["TextTable", "plain_text", "printable", "show"]

_WIDE = 100_000
_TURNS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0x2028, 0x2029}
"""Marks that turn the direction of what follows, or end a line, without showing."""


def printable(text: str, *, lines: bool = False) -> str:
    """``text`` with what steers a terminal or turns the reading direction spelt out (``\\x1b``, ``\\u202e``).

    Parameters
    ----------
    lines : bool
        Leave ends of lines and tabs as they are: for whole texts, not for a name within one.
    """
    kept = "\n\t" if lines else ""
    return "".join(
        char if char in kept or not (ord(char) < 32 or 127 <= ord(char) < 160 or ord(char) in _TURNS)
        else char.encode("unicode_escape").decode()
        for char in text
    )  # fmt: skip


@dataclass(frozen=True)
class TextTable:
    """A titled table.

    Attributes
    ----------
    title : str
        Above it; none where empty.
    heads : sequence of str
    rows : sequence of sequences of str
        As many cells each as there are heads. The first column reads from the left, the others from the right.
    marked : str
        First cell of the rows that stand out on a terminal.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: str = ""


def show(blocks: Iterable[TextTable | str], *, file: TextIO | None = None) -> None:
    """Write tables and lines to ``file`` (standard output by default)."""
    out = sys.stdout if file is None else file
    if not out.isatty():
        out.write(plain_text(blocks) + "\n")
        return
    console = Console(file=out, highlight=False, force_jupyter=False)
    for block in blocks:
        console.print(_drawn(block, plain=False) if isinstance(block, TextTable) else Text(block))


def plain_text(blocks: Iterable[TextTable | str]) -> str:
    """Tables and lines as plain text, one below the other, without a last line's end."""
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, str):
            lines.append(block)
            continue
        sink = io.StringIO()
        # In a notebook rich would show what is to be written.
        console = Console(file=sink, width=_WIDE, color_system=None, highlight=False, force_jupyter=False)
        console.print(_drawn(block, plain=True))
        lines += [block.title] if block.title else []
        lines += [line.rstrip() for line in sink.getvalue().splitlines()]
    return "\n".join(lines)


def _drawn(table: TextTable, *, plain: bool) -> RichTable | Padding:
    drawn = RichTable(
        title=None if plain or not table.title else Text(table.title, style="bold"),
        title_justify="left",
        box=None if plain else HEAVY_HEAD,
        pad_edge=not plain,
    )
    for place, head in enumerate(table.heads):
        drawn.add_column(Text(head), justify="right" if place else "left", no_wrap=plain)
    for row in table.rows:
        drawn.add_row(*map(Text, row), style="bold green" if not plain and row[0] == table.marked else None)
    # Set in by two, so that a table stands out from the lines about it.
    return Padding(drawn, (0, 0, 0, 2)) if plain else drawn
