"""Columns of words: ids, names, words of enums, yes and no, lists of ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from marketplace.contract import MARKETS, Column
from marketplace.sources.files.cells import Distinct, distinct, text_of_cell
from marketplace.sources.files.columns import Columns
from marketplace.sources.files.identities import SPELLINGS, spelt_differently
from marketplace.sources.files.mapping import Origin

__all__ = ["FLAGS", "Texts", "own_word", "own_words", "plain_word"]

YES = (
    "true", "yes", "y", "1", "1.0", "t", "ja", "wahr", "oui", "vrai", "si", "sí", "sì", "verdadero", "vero", "sim",
    "ya", "benar", "có", "đúng", "ใช่", "はい", "有", "是", "有り", "x", "예", "네", "✓", "✔",
)  # fmt: skip
NO = (
    "false", "no", "n", "0", "0.0", "f", "nein", "falsch", "non", "faux", "falso", "não", "nao", "tidak", "bukan",
    "không", "sai", "ไม่", "ไม่ใช่", "いいえ", "無", "否", "无", "なし", "아니오", "아니요",
)  # fmt: skip
FLAGS: Mapping[str, bool] = {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}
"""Words for yes and no, in lower case."""

ROUNDED = re.compile(r"^\d(?:[.,]\d+)?[eE]\+?\d+$")
PRINTED = re.compile(r"""^\s*[\[({]\s*["'].*["']\s*,?\s*[\])}]\s*$""", re.DOTALL)
QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")
PARTED = re.compile(r"\s*[;,|\n]\s*")


def plain_word(text: str) -> str:
    """A word of an enum for comparing: capitals, one underscore for whatever parts it."""
    return re.sub(r"[\s\-_/]+", "_", text.strip()).upper()


def own_words(column: Column) -> tuple[str, ...]:
    """The contract's words that ``column`` is known to hold; empty where any string will do."""
    return tuple(MARKETS) if column.name == "market" else column.values


def own_word(column: Column, text: str) -> str | None:
    """The contract's word that ``text`` is but for its spelling: of an enum, or a code of the column's pattern."""
    plain = plain_word(text)
    own = next((word for word in own_words(column) if plain_word(word) == plain), None)
    if own is None and column.pattern and re.fullmatch(column.pattern, plain):
        # A market that is not listed is one all the same.
        return plain
    return own


class Texts(Columns):
    """Reads columns of words."""

    def strings(self, column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        """Ids, names and words of enums: str, None where empty."""
        cells = distinct(self.sheet, name, empty=origin.empty)
        if column.name.endswith("_id"):
            self._refuse_rounded(name, cells)
        if own_words(column) or origin.words:
            return self._words(column, cells, name, origin, where)
        texts = [text_of_cell(value) for value in cells.values]
        if origin.spelling:
            self._tell_spellings(name, texts, origin.spelling)
            texts = [SPELLINGS[origin.spelling](text) for text in texts]
        return pd.Series(cells.spread([text or None for text in texts]), dtype=object)

    def _tell_spellings(self, name: str, texts: list[str], spelling: str) -> None:
        for plain, ways in spelt_differently(texts, spelling).items():
            ways_text = " and ".join(repr(way) for way in ways)
            self.notes.append(f'warning: {self.sheet.name}, column "{name}": {ways_text} count as one, {plain!r}')

    def _refuse_rounded(self, name: str, cells: Distinct) -> None:
        """Ids that a spreadsheet has written as 7.49E+18 are lost: no two of them can be told apart any more."""
        rounded = cells.where(
            lambda v: (isinstance(v, str) and bool(ROUNDED.match(v))) or (isinstance(v, float) and abs(v) >= 1e15)
        )
        self.refuse_rows(
            name, rounded, cells, expected="an id with all its digits",
            mend="a spreadsheet has rounded it for good; export again, and open the file with that column as text",
        )  # fmt: skip

    def _words(self, column: Column, cells: Distinct, name: str, origin: Origin, where: str) -> pd.Series:
        told = {plain_word(theirs): ours for theirs, ours in origin.words.items()}
        texts = [text_of_cell(value) for value in cells.values]
        results = [told.get(plain_word(text), text) for text in texts]
        known: list[str | None] = [*results]
        if own_words(column):
            known = [one if one == "" else own_word(column, one) for one in results]
        example = next((text for text, one in zip(texts, known, strict=True) if one is None), "")
        self.refuse(
            name, cells, known, expected=column.shape or f"one of {', '.join(column.values)}",
            mend=f'under {where} add the word: words = {{ {example!r} = "…" }} with what it means',
        )  # fmt: skip
        return pd.Series(cells.spread([one or None for one in known]), dtype=object)

    def flags(self, _column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        """Yes and no in many languages: bool, None where empty."""
        cells = distinct(self.sheet, name, empty=origin.empty)
        told = {text.casefold(): str(ours) for text, ours in origin.words.items()}
        texts = [text_of_cell(value).casefold() for value in cells.values]
        results = [FLAGS.get(told.get(text, text).casefold()) for text in texts]
        example = next((text for text, one in zip(texts, results, strict=True) if one is None), "")
        self.refuse(
            name, cells, results, expected="yes or no",
            mend=f'under {where} say words = {{ {example!r} = "yes" }} or "no"',
        )  # fmt: skip
        return pd.Series(cells.spread(results), dtype=object)

    def lists(self, _column: Column, name: str, origin: Origin, _where: str) -> pd.Series:
        """Cells of several ids: a list of str each, None where empty."""
        cells = distinct(self.sheet, name, empty=origin.empty)
        self._refuse_rounded(name, cells)
        part = re.compile(rf"\s*{re.escape(origin.split)}\s*") if origin.split else PARTED
        results: list[Any] = []
        for value in cells.values:
            text = text_of_cell(value)
            # As Python prints a list or an array: ['a', 'b'], ['a' 'b'].
            quoted = [] if origin.split else QUOTED.findall(text) if PRINTED.match(text) else []
            ids = [a or b for a, b in quoted] or [one.strip("\"' ") for one in part.split(text.strip("[]{}() "))]
            spelt = [SPELLINGS[origin.spelling](one) if origin.spelling else one for one in ids if one]
            results.append(list(dict.fromkeys(spelt)))
        return pd.Series(cells.spread(results), dtype=object)
