"""One column of a file as one column of the contract, whatever its type; each fault is told by its row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from marketplace.contract import Column
from marketplace.sources.files.amounts import Amounts
from marketplace.sources.files.cells import distinct, text_of_cell
from marketplace.sources.files.mapping import Origin
from marketplace.sources.files.reading import Sheet
from marketplace.sources.files.texts import Texts
from marketplace.sources.files.times import Times

__all__ = ["Converter"]


class Converter(Texts, Amounts, Times):
    """Turns columns of one sheet into columns of the contract."""

    def convert(self, column: Column, origin: Origin, where: str) -> pd.Series:
        """The values of ``column``, of the type that the contract declares; null where the file says nothing.

        Parameters
        ----------
        where : str
            The line of the mapping, for errors: ``[[orders]] price``.
        """
        if origin.otherwise is not None:
            first = self.convert(column, replace(origin, otherwise=None), where)
            return first.where(first.notna(), self.convert(column, origin.otherwise, where))
        if origin.default is not None:
            first = self.convert(column, replace(origin, default=None), where)
            return first.where(first.notna(), self._constant(column, replace(origin, value=origin.default), where))
        if origin.value is not None:
            return self._constant(column, origin, where)
        return self._of_cells(column, origin, where)

    def _of_cells(self, column: Column, origin: Origin, where: str) -> pd.Series:
        """What the file's cells say of ``column``."""
        if origin.from_file_name:
            return self.dated_by_name(column, origin, where)
        if origin.made_of:
            return self._joined(origin, where)
        if origin.latest_of:
            each = [self.instants(column, name, origin, where) for name in origin.latest_of if self.has(name, where)]
            return pd.concat(each, axis=1).max(axis=1) if each else self.nothing()
        name = next((name for name in origin.column if name in self.sheet.cells.columns), origin.column[0])
        if not self.has(name, where):
            return self.nothing()
        kinds: dict[str, Callable[[Column, str, Origin, str], pd.Series]] = {
            "string": self.strings,
            "instant": self.instants,
            "day": self.days,
            "count": self.amounts,
            "measure": self.amounts,
            "flag": self.flags,
            "ids": self.lists,
        }
        return kinds[column.type](column, name, origin, where)

    def _constant(self, column: Column, origin: Origin, where: str) -> pd.Series:
        """One value for every row, read as a cell would be."""
        value = origin.value
        if isinstance(value, date):
            value = value.isoformat()
        if isinstance(value, list):
            value = ";".join(map(str, value))
        cells = pd.DataFrame({"value": pd.Series([value], dtype=object)})
        one = Sheet(where, cells, np.array([self.troubles.mapping], dtype=object), np.array([0]), self.sheet.told)
        held = Converter(one, self.setting, self.troubles, self.notes)
        plain = Origin(column=("value",), unit=origin.unit, time_zone=origin.time_zone, decimal=".", order="ymd")
        before = len(self.troubles.found)
        result = held.convert(column, plain, where)
        for at in range(before, len(self.troubles.found)):
            fault = self.troubles.found[at]
            self.troubles.found[at] = replace(fault, where=where, column="", mend="write another value there")
        if column.type == "ids":
            return pd.Series([result.iloc[0]] * len(self), dtype=object)
        return result.iloc[[0] * len(self)].reset_index(drop=True)

    def _joined(self, origin: Origin, where: str) -> pd.Series:
        """The cells of several columns as one id; null where all of them are empty."""
        there = [self.has(name, where) for name in origin.made_of]
        if not all(there):
            return self.nothing()
        columns = []
        for name in origin.made_of:
            cells = distinct(self.sheet, name, empty=origin.empty)
            columns.append(cells.spread([text_of_cell(value) for value in cells.values], ""))
        joined = [":".join(parts) if any(parts) else None for parts in zip(*columns, strict=True)]
        return pd.Series(joined, dtype=object)
