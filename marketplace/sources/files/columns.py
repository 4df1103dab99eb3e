"""A file's columns under the names that a mapping gives them: what every kind of reading needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.sources.files.cells import Distinct
from marketplace.sources.files.mapping import FileSetting
from marketplace.sources.files.reading import Sheet
from marketplace.sources.files.troubles import Troubles

__all__ = ["Columns"]


@dataclass
class Columns:
    """The columns of one sheet, to be read as columns of the contract.

    Attributes
    ----------
    sheet : Sheet
    setting : FileSetting
        How the file's cells are written, where that is told.
    troubles : Troubles
        What is wrong is said here, and the value is null.
    notes : list of str
        What a reader should know is added here.
    """

    sheet: Sheet
    setting: FileSetting
    troubles: Troubles
    notes: list[str]

    def __len__(self) -> int:
        return len(self.sheet.cells)

    def nothing(self) -> pd.Series:
        """Null in every row."""
        return pd.Series(np.full(len(self), None, dtype=object))

    def has(self, name: str, where: str) -> bool:
        """Whether the sheet has a column called ``name``; that it has none is a trouble of the line ``where``."""
        if name in self.sheet.cells.columns:
            return True
        there = ", ".join(map(str, self.sheet.cells.columns))
        self.troubles.say(self.sheet.name, name, "a column of that name", f"{where} names it; the file has {there}")
        return False

    def refuse(self, name: str, cells: Distinct, results: Sequence[Any], *, expected: str, mend: str) -> None:
        """Tell the rows whose distinct value came to None."""
        wrong = [at for at, result in enumerate(results) if result is None]
        if wrong:
            self.refuse_rows(name, np.isin(cells.codes, wrong), cells, expected=expected, mend=mend)

    def refuse_rows(
        self, name: str, wrong: npt.NDArray[np.bool_], cells: Distinct, *, expected: str, mend: str
    ) -> None:
        """Tell the rows where ``wrong`` holds, with what stands there."""
        self.troubles.rows(self.sheet, wrong, name, values=cells.spread(cells.values), expected=expected, mend=mend)
