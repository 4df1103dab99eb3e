"""What is wrong with cells, told so that a person finds and mends them: file, row, column, value, what was expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marketplace.errors import SourceError
from marketplace.sources.files.reading import Sheet

__all__ = ["Trouble", "Troubles"]

SHOWN = 3
"""Rows of one kind that are named; the others are counted."""

MOST = 25
"""Kinds of trouble that are told at once."""


@dataclass(frozen=True)
class Trouble:
    """One kind of trouble of one column: where it is, what stands there, what was expected, and how to mend it."""

    where: str
    column: str
    value: str
    expected: str
    mend: str

    def __str__(self) -> str:
        column = f', column "{self.column}"' if self.column else ""
        value = f": {self.value}" if self.value else ""
        return f"{self.where}{column}{value}; expected {self.expected}. Mend: {self.mend}"


class Troubles:
    """All that was found, in the order it was found."""

    def __init__(self, mapping: str) -> None:
        self.mapping = mapping
        self.found: list[Trouble] = []

    def say(self, where: str, column: str, expected: str, mend: str, value: str = "") -> None:
        """One trouble that belongs to no single row."""
        self.found.append(Trouble(where, column, value, expected, mend))

    def rows(
        self,
        sheet: Sheet,
        wrong: npt.NDArray[np.bool_],
        column: str,
        *,
        values: npt.ArrayLike | None,
        expected: str,
        mend: str,
    ) -> None:
        """The rows of ``sheet`` where ``wrong`` holds, with what stands there; nothing where none does."""
        places = np.flatnonzero(wrong)
        if not len(places):
            return
        first = places[:SHOWN]
        file = sheet.files[first[0]]
        named = ", ".join(
            f"{sheet.rows[at]}" if sheet.files[at] == file else f"{sheet.rows[at]} of {sheet.files[at]}" for at in first
        )
        more = f" and {len(places) - SHOWN:,} more" if len(places) > SHOWN else ""
        shown = ""
        if values is not None:
            cells = np.asarray(values, dtype=object)
            shown = ", ".join(dict.fromkeys(repr(str(cells[at])) for at in first))
        self.found.append(Trouble(f"{file} row {named}{more}", column, shown, expected, mend))

    def stop(self) -> None:
        """Raise what was found, if anything was.

        Raises
        ------
        SourceError
            Every trouble in its words.
        """
        if not self.found:
            return
        # Two columns of the contract may be read from one of the file: what is wrong with it is told once.
        once = {(one.where, one.column, one.value, one.expected): one for one in reversed(self.found)}
        lines = [str(one) for one in reversed(once.values())]
        more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
        raise SourceError(
            "files that read as the mapping says",
            received=f"{len(lines)} troubles:",
            look=f"{self.mapping} and docs/ingest.md",
            each=[*lines[:MOST], *more],
        )
