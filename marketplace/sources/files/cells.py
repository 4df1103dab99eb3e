"""A file's cells, trimmed, and worked on once for each distinct value: a column of a million rows has few of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.sources.files.reading import Sheet

__all__ = ["Distinct", "distinct", "text_of_cell", "trimmed"]

EMPTY = frozenset(
    (
        "",
        "-",
        "--",
        "–",
        "—",
        "#n/a",
        "n/a",
        "null",
        "(null)",
        "<na>",
        "nan",
        "nat",
        "\\n",
        "k.a.",
        "none",
        "#ref!",
        "#value!",
    )
)
"""Cells that say nothing, in lower case."""

_QUOTED = re.compile(r'^="(.*)"$')
_EDGES = " \t\r\n\u00a0\u200b\u200e\u200f\ufeff\u202f\u3000"


@dataclass(frozen=True)
class Distinct:
    """The different values of a column (``values``) and which of them each row holds (``codes``; -1 is empty)."""

    values: list[Any]
    codes: npt.NDArray[np.intp]

    def spread(self, results: list[Any], empty: Any = None) -> npt.NDArray[np.object_]:
        """One result a value, as one a row."""
        filled = np.empty(len(results) + 1, dtype=object)
        filled[:-1] = results
        filled[-1] = empty
        spread: npt.NDArray[np.object_] = filled[self.codes]
        return spread

    def where(self, test: Callable[[Any], bool]) -> npt.NDArray[np.bool_]:
        """The rows whose value passes ``test``."""
        return np.append(np.array([test(value) for value in self.values], dtype=bool), False)[self.codes]

    @property
    def texts(self) -> list[str]:
        """Those values that are text."""
        return [value for value in self.values if isinstance(value, str)]

    @property
    def numbers(self) -> list[float]:
        """Those values that the file holds as numbers."""
        return [float(v) for v in self.values if isinstance(v, int | float | np.number) and not isinstance(v, bool)]


def trimmed(text: str) -> str:
    """``text`` without the spaces, quotes and apostrophes by which exports keep a spreadsheet's hands off it."""
    text = text.strip(_EDGES)
    if text[:1] == "=":
        text = _QUOTED.sub(r"\1", text)
    return text[1:] if text[:1] == "'" and text[1:2] not in ("", "'") else text


def distinct(sheet: Sheet, column: str, *, empty: tuple[str, ...] = ()) -> Distinct:
    """The distinct cells of a column, text trimmed; what says nothing (`EMPTY`, and ``empty``) is no value."""
    series = sheet.cells[column]
    if series.map(lambda cell: isinstance(cell, list | np.ndarray)).any() if series.dtype == object else False:
        series = series.map(lambda cell: ";".join(map(str, cell)) if isinstance(cell, list | np.ndarray) else cell)
    codes, uniques = pd.factorize(series, use_na_sentinel=True)
    nothing = EMPTY | {word.casefold() for word in empty}
    values: list[Any] = []
    places: dict[Any, int] = {}
    moved = np.empty(len(uniques) + 1, dtype=np.intp)
    moved[-1] = -1
    for at, raw in enumerate(uniques):
        value = trimmed(raw) if isinstance(raw, str) else raw
        if isinstance(value, str) and value.casefold() in nothing:
            moved[at] = -1
            continue
        key = (type(value), value)
        if key not in places:
            places[key] = len(values)
            values.append(value)
        moved[at] = places[key]
    return Distinct(values, moved[codes])


def text_of_cell(value: Any) -> str:
    """A cell as a person would write it: whole numbers without a fraction, instants in ISO form."""
    if isinstance(value, str):
        return value
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(float(value)) < 2**63:
        return str(int(value))
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
