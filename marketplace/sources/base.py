"""What a source is: a name, a line about it, and a function that reads it as the contract's tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from marketplace.display import Shown, text_of

__all__ = ["IngestReport", "Ingested", "Source", "ingest_text"]


@dataclass(frozen=True)
class Ingested:
    """What a source was read as.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        Tables of the contract (`marketplace.contract.TABLES`); those and the columns that the source lacks are left
        out, and are null.
    notes : list of str
        Plain sentences on what was left out or cannot be known.
    """

    tables: Mapping[str, pd.DataFrame]
    notes: list[str]


@dataclass(frozen=True)
class Source:
    """Where marketplaces can come from: what a module of this package declares as ``SOURCE``.

    Parameters
    ----------
    name : str
        As `collabrank ingest NAME` takes it.
    about : str
        The source in a line.
    read : callable
        The folder of its files (None where it was not told) -> `Ingested`. Raises `SourceError` where the source
        cannot be read or mapped. Its libraries are imported when it is called, not with the module.
    """

    name: str
    about: str
    read: Callable[[Path | None], Ingested]


@dataclass(frozen=True, repr=False)
class IngestReport(Shown):
    """What an ingest wrote, what the source lacks, and what a reader should know.

    Attributes
    ----------
    source : str
        The source's name.
    rows : dict of str to int
        Rows written, by table.
    missing : dict of str to str
        Contract table or ``table.column`` that the source lacks, to what becomes null without it.
    notes : list of str
        As the source gave them.
    """

    source: str
    rows: dict[str, int]
    missing: dict[str, str]
    notes: list[str]

    @property
    def headline(self) -> str:
        """How much was written, and how much the source lacks."""
        lacks = f"which lacks {len(self.missing)} tables and columns"
        return f"{sum(self.rows.values()):,} rows in {len(self.rows)} tables from {self.source}, {lacks}"

    def to_frame(self) -> pd.DataFrame:
        """One row a table that was written or is lacking: its rows, and which columns are null throughout."""
        tables = [*self.rows, *(name for name in self.missing if "." not in name)]
        lacking = {table: [n.partition(".")[2] for n in self.missing if n.startswith(f"{table}.")] for table in tables}
        return pd.DataFrame(
            {"rows": [self.rows.get(one, 0) for one in tables], "null": [", ".join(lacking[one]) for one in tables]},
            index=pd.Index(tables, name="table"),
        )

    def as_dict(self) -> dict[str, Any]:
        """The same for a program."""
        return asdict(self)


@text_of.register
def ingest_text(report: IngestReport) -> str:
    """The report in words, a line each."""
    return "\n".join(
        [
            *(f"{table:<18} {rows:>9,} rows" for table, rows in report.rows.items()),
            "\nThe source lacks:",
            *(f"  {name:<40} {consequence}" for name, consequence in report.missing.items()),
            "\nTo know:",
            *(f"  {note}" for note in report.notes),
        ]
    )
