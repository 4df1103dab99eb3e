"""Columns of numbers: counts, money, rates."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd

from marketplace.contract import Column
from marketplace.sources.files.cells import Distinct, distinct
from marketplace.sources.files.columns import Columns
from marketplace.sources.files.mapping import UNITS, Origin
from marketplace.sources.files.numbers import decide_marks, parse_number

__all__ = ["Amounts"]


class Amounts(Columns):
    """Reads columns of numbers."""

    def amounts(self, column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        """Counts (Int64) and measures (float64) within the contract's bounds; null where empty."""
        values = self._read(column, name, origin, where)
        if origin.divided_by and self.has(origin.divided_by, where):
            plain = Column(column.name, "measure", column.doc)
            by = self._read(plain, origin.divided_by, Origin(decimal=origin.decimal), where)
            values = values / by.where(by != 0)
        cells = self.sheet.cells[name].to_numpy(dtype=object)
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        least = -np.inf if column.minimum is None else column.minimum
        most = np.inf if column.maximum is None else column.maximum
        mend = "correct it"
        if column.unit == "fraction":
            mend = f'under {where} say unit = "percent" (15 is 15 %) or "basis_points" (1500 is 15 %), or correct it'
        outside = (numbers < least) | (numbers > most)
        self.troubles.rows(self.sheet, outside, name, values=cells, expected=_range(column), mend=mend)
        if column.type != "count":
            return pd.Series(numbers)
        whole = np.round(numbers)
        broken = np.abs(numbers - whole) > 1e-6 * np.maximum(1.0, np.abs(numbers))
        self.troubles.rows(
            self.sheet,
            broken,
            name,
            values=cells,
            expected="a whole number",
            mend="correct it, or say the decimal mark",
        )
        return pd.Series(whole).astype("Int64")

    def _read(self, column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        """The numbers of a column as the contract's unit has them; NaN where empty."""
        cells = distinct(self.sheet, name, empty=(*origin.empty, "na"))
        shift = UNITS.get(origin.unit, 0)
        decimal = origin.decimal or self.setting.decimal or self._decimal(column, cells, name, where)
        results: list[float | None] = []
        for value in cells.values:
            if isinstance(value, str):
                results.append(parse_number(value, decimal, shift=shift))
            elif isinstance(value, bool) or not isinstance(value, int | float | np.number | Decimal):
                results.append(None)
            else:
                results.append(float(f"{float(value)!r}e{shift}") if shift else float(value))
        example = "1.234,56" if decimal == "," else "1,234.56"
        self.refuse(
            name, cells, results, expected=f"a number such as {example}",
            mend=f'correct it, or under {where} say decimal = "." or ",", or empty = ["…"]',
        )  # fmt: skip
        spread = cells.spread([np.nan if result is None else result for result in results], np.nan)
        return pd.Series(spread.astype(float))

    def _decimal(self, column: Column, cells: Distinct, name: str, where: str) -> str:
        """The decimal mark that the column shows."""
        marks = decide_marks(cells.texts)
        pair = (marks.witness, marks.conflict)
        if marks.conflict:
            self.refuse_rows(
                name, cells.where(lambda v: v in pair), cells, expected="one decimal mark throughout the column",
                mend=f'{pair[0]!r} and {pair[1]!r} disagree; correct one, or under {where} say decimal = "," or "."',
            )  # fmt: skip
        elif marks.decimal is None and column.type == "count":
            return "," if "." in marks.witness else "."  # a count has no decimals, so its marks part thousands
        elif marks.decimal is None:
            self.troubles.say(
                self.sheet.name, name, "a column that shows which mark parts the decimals",
                f'{marks.witness!r} may be read both ways; under {where} say decimal = "," or "."', repr(marks.witness),
            )  # fmt: skip
        return marks.decimal or "."


def _range(column: Column) -> str:
    unit = f" {column.unit}" if column.unit else ""
    if column.maximum is not None:
        return f"a number from {column.minimum:g} to {column.maximum:g}{unit and f' ({column.unit})'}"
    return f"a number not below {column.minimum:g}{unit and f' ({column.unit})'}"
