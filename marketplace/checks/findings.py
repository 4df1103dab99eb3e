"""What a check finds: problems and notes, each with its column, its count, examples, and how to mend it.

Problems make a marketplace unfit; notes say what is missing that the contract allows to be missing, and what people
should know.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from marketplace.display import Shown, text_of

__all__ = ["EXAMPLES", "Finding", "Judged", "Kind", "Report", "report_text"]

EXAMPLES = 3
"""Examples shown of each problem, at most."""

Kind = Literal[
    "missing_table",
    "missing_column",
    "unreadable_file",
    "wrong_type",
    "null",
    "not_finite",
    "unknown_value",
    "unknown_currency",
    "out_of_bounds",
    "known_before_event",
    "contradiction",
    "too_long",
    "too_large",
    "far_ahead",
    "duplicate_key",
    "dangling_reference",
    "unknown_column",
    "unknown_table",
    "not_read",
    "empty_table",
    "unchecked_reference",
    "known_on_one_day",
    "unknown_market",
    "over_limit",
    "missing_rate",
    "absurd_rate",
]


@dataclass(frozen=True)
class Finding:
    """One kind of problem, or one note, with one column of one table.

    Attributes
    ----------
    table, column : str
        ``column`` is empty where the finding is about the whole table, and ``"a, b"`` for a key of several.
    count : int
        Rows concerned (list entries for id lists, files for unreadable files, 1 for a missing table).
    text : str
        The same in plain words.
    examples : tuple of str
        Up to `EXAMPLES` of the rows, in the order of the table's key.
    mend : str
        What to do about it; empty where the text says it.
    copies : bool
        The one problem that stops no command: rows that are the same in every column, of which one is read.
    """

    table: str
    column: str
    kind: Kind
    count: int
    text: str
    examples: tuple[str, ...] = ()
    mend: str = ""
    copies: bool = False

    def __str__(self) -> str:
        where = f"{self.table}.{self.column}" if self.column else self.table
        shown = f" (such as {'; '.join(self.examples)})" if self.examples else ""
        mend = f"; mend: {self.mend}" if self.mend else ""
        return f"{where}: {self.text}{shown}{mend}"


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """What `check` found.

    Attributes
    ----------
    rows : dict of str to int
        Readable rows of each table that is there.
    problems, notes : tuple of Finding
        In the order of the contract's tables.
    """

    rows: dict[str, int]
    problems: tuple[Finding, ...]
    notes: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the marketplace keeps the contract."""
        return not self.problems

    @property
    def readable(self) -> bool:
        """Whether every command reads it: there is no problem but copies of rows."""
        return all(problem.copies for problem in self.problems)

    @property
    def counts(self) -> str:
        """How many problems of which kind, in words."""
        kinds = Counter(problem.kind for problem in self.problems)
        return ", ".join(f"{count} of {kind.replace('_', ' ')}" for kind, count in kinds.items())

    def as_dict(self) -> dict[str, Any]:
        """The same for a program: ``{ok, rows, problems[], notes[]}``."""
        return {"ok": self.ok, **asdict(self)}

    @property
    def headline(self) -> str:
        """Whether the contract is kept, and how much there is to read about it."""
        kept = "keeps the contract" if self.ok else "breaks the contract"
        return f"{kept}: {len(self.problems)} problems, {len(self.notes)} notes on {len(self.rows)} tables"

    def to_frame(self) -> pd.DataFrame:
        """One row a finding, problems first: ``problem`` (bool), table, column, kind, count, text, examples."""
        rows = [
            {"problem": finding in self.problems, **vars(finding), "examples": "; ".join(finding.examples)}
            for finding in (*self.problems, *self.notes)
        ]
        return pd.DataFrame(rows, columns=["problem", *Finding.__dataclass_fields__])


@text_of.register
def report_text(report: Report) -> str:
    """The tables with their rows, every note and every problem on a line, and the verdict.

    Tables that may be missing, and are, share one line, and so do columns: an ordinary marketplace lacks some.
    """
    absent = [note for note in report.notes if _is_absence(note, report)]
    gathered = []
    for what, kind in (("tables", "missing_table"), ("columns", "missing_column")):
        names = [f"{one.table}.{one.column}" if one.column else one.table for one in absent if one.kind == kind]
        if len(names) > 1:
            told = f"{len(names)} {what} that may be missing are; what depends on them is null: {', '.join(names)}"
            gathered.append(f"note     {told}")
            absent = [one for one in absent if one.kind != kind]
    alone = [note for note in report.notes if note in absent or not _is_absence(note, report)]
    return "\n".join(
        [
            *(f"{table:<18} {rows:>11,} rows" for table, rows in report.rows.items()),
            *gathered,
            *(f"note     {note}" for note in alone),
            *(f"PROBLEM  {problem}" for problem in report.problems),
            "keeps the contract" if report.ok else "breaks the contract",
        ]
    )


def _is_absence(note: Finding, report: Report) -> bool:
    """Whether a note says that a table is not there, or that no row of it has a column."""
    whole = note.kind == "missing_column" and note.count == report.rows.get(note.table)
    return note.kind == "missing_table" or whole


Judged = tuple[Finding, bool]
"""A finding and whether it is a problem (or a note)."""
