"""What a file is, by its headers and its cells: which table, which column is which of the contract's, and how sure.

Names come from ``vocabulary.toml``; what stands in the cells then speaks for or against each. A table's columns are
given out all at once (an assignment of most score), so that no header serves two.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from marketplace.contract import TABLES, Column, Table
from marketplace.sources.files.cells import distinct, text_of_cell
from marketplace.sources.files.dates import decide_order, find_number_kind, parse_moment
from marketplace.sources.files.numbers import decide_marks, is_percent, parse_number
from marketplace.sources.files.reading import Sheet
from marketplace.sources.files.texts import FLAGS, own_word, own_words

__all__ = [
    "Match",
    "Profile",
    "Recognised",
    "Sureness",
    "plain_header",
    "profile_sheet",
    "recognise",
    "recognise_as",
    "sums_of",
    "word_of",
]

Sureness = Literal["sure", "likely", "guess"]

SAMPLE = 2000
"""Distinct cells of a column that are looked at."""

REPEATS = ", but it repeats"

MADE: Mapping[str, tuple[str, ...]] = {
    "invitations": ("campaign_id", "creator_id", "sent_at"),
    "samples": ("creator_id", "product_id", "requested_at"),
    "deliveries": ("creator_id", "campaign_id", "posted_at"),
}
"""Tables whose id can be made of other columns, and those that must be there instead of it."""

LEAST_TABLE = 0.42
"""Below this no table is named: better none than a wrong one."""


@dataclass(frozen=True)
class Profile:
    """What the cells of one column look like.

    ``texts`` are distinct cells as text, at most `SAMPLE`; ``numeric``, ``dated``, ``flag`` the shares of them that
    read as such; ``distinct`` counts all, ``empty`` is the share of rows without a value.
    """

    header: str
    texts: tuple[str, ...]
    rows: int
    distinct: int
    empty: float
    numeric: float
    dated: float
    flag: float
    percent: bool
    most: float
    listed: float


@dataclass(frozen=True)
class Match:
    """A file's column found to be one of the contract's: how sure, and why."""

    column: str
    header: str
    score: float
    why: str
    spelling: str = ""
    total: bool = False

    @property
    def sureness(self) -> Sureness:
        """The score in a word."""
        return "sure" if self.score >= 0.85 else "likely" if self.score >= 0.55 else "guess"


@dataclass(frozen=True)
class Recognised:
    """What a sheet was recognised as; ``table`` is empty where nothing fits."""

    table: str
    score: float
    matches: Mapping[str, Match] = field(default_factory=dict)


@cache
def _vocabulary() -> dict[str, Any]:
    with Path(__file__).with_name("vocabulary.toml").open("rb") as opened:
        return tomllib.load(opened)


@cache
def plain_header(text: str) -> str:
    """A header for comparing: lower case, without accents, brackets, marks and the underscores of programs."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("_", " ")
    text = re.sub(r"[(\[【（].*?[)\]】）]", " ", text)
    text = "".join(sign for sign in unicodedata.normalize("NFKD", text) if unicodedata.category(sign) != "Mn")
    return " ".join("".join(sign if sign.isalnum() else " " for sign in text).split())


@cache
def _names(kind: str, key: str) -> tuple[str, ...]:
    own = [key.replace("_", " ")] if kind in ("tables", "columns") else []
    return tuple(dict.fromkeys(plain_header(one) for one in (*own, *_vocabulary()[kind].get(key, ()))))


@cache
def word_of(column: str, text: str) -> str | None:
    """The contract's word for a cell of an enum called ``column``, as far as the vocabulary tells."""
    plain = plain_header(text) or text.strip()
    for ours, theirs in _vocabulary()["words"].get(column, {}).items():
        if (
            plain == plain_header(ours)
            or text.strip().casefold() in theirs
            # Without their accents two letters may be a code: Áo is Austria, AO is Angola.
            or plain in {plain_header(one) for one in theirs if one.isascii() or len(plain) > 2}
        ):
            return str(ours)
    return None


def sums_of(sheet: Sheet) -> tuple[npt.NDArray[np.bool_], str, tuple[str, ...]]:
    """Rows of sums, which exports put below what they sum: whose first cell says so, and is alone in saying it.

    Returns
    -------
    (bool (n,), str, tuple of str)
        Which rows; the column that says it; its words. Nothing where half of the rows or more would be sums.
    """
    nothing = np.zeros(len(sheet.cells), dtype=bool)
    if len(sheet.cells) < 2 or not len(sheet.cells.columns):
        return nothing, "", ()
    first = str(sheet.cells.columns[0])
    cells = distinct(sheet, first)
    names = _names("footers", "total")
    said = [isinstance(value, str) and plain_header(value) in names for value in cells.values]
    rows = cells.spread(said, False).astype(bool)
    if not rows.any() or rows.mean() >= 0.5:
        return nothing, "", ()
    words = tuple(text_of_cell(value) for value, one in zip(cells.values, said, strict=True) if one)
    return rows, first, words


def profile_sheet(sheet: Sheet) -> dict[str, Profile]:
    """One profile a column."""
    return {str(name): _profile(sheet, str(name)) for name in sheet.cells.columns}


def _profile(sheet: Sheet, name: str) -> Profile:
    cells = distinct(sheet, name)
    values = cells.values[:SAMPLE]
    texts = tuple(text_of_cell(value) for value in values)
    count = max(1, len(values))
    native = [isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in values]
    strings = [value for value in values if isinstance(value, str)]
    decimal = decide_marks(strings).decimal or "."
    numbers = [
        float(v) if is_native else parse_number(t, decimal)
        for v, t, is_native in zip(values, texts, native, strict=True)
    ]
    read = [number for number in numbers if number is not None]
    kind = decide_order(strings).kind or "dmy"
    by_number = find_number_kind(read) if read and len(read) == len(values) else None
    dated = sum(
        isinstance(v, date) or (isinstance(v, str) and parse_moment(v, by_number or kind) is not None) for v in values
    )
    if by_number:
        dated = len(read)
    return Profile(
        name, texts, len(sheet.cells), len(cells.values), float(np.mean(cells.codes < 0)) if len(cells.codes) else 1.0,
        len(read) / count, dated / count, sum(t.casefold() in FLAGS for t in texts) / count,
        bool(strings and sum(map(is_percent, strings)) > len(strings) / 2), max(map(abs, read), default=0.0),
        sum(bool(re.search(r"[;,|\n]", t.strip("[]"))) for t in texts) / count,
    )  # fmt: skip


def recognise(sheet: Sheet, profiles: Mapping[str, Profile]) -> Recognised:
    """The table that ``sheet`` is most likely to be, with its columns."""
    found = [recognise_as(table, sheet, profiles) for table in TABLES.values()]
    best = max(found, key=lambda one: one.score)
    return best if best.score >= LEAST_TABLE else Recognised("", best.score)


def recognise_as(table: Table, sheet: Sheet, profiles: Mapping[str, Profile]) -> Recognised:
    """``sheet`` taken to be ``table``: its columns, and how well that explains the file."""
    headers = list(profiles)
    options = [[_best(table, column, profiles[header]) for column in table.columns] for header in headers]
    scores = np.array([[one.score for one in row] for row in options])
    if not scores.size or scores.max() <= 0:
        return Recognised(table.name, 0.0)
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(scores, maximize=True)
    matches = {
        table.columns[column].name: options[row][column]
        for row, column in zip(rows, columns, strict=True)
        if options[row][column].score >= 0.3
    }
    if table.name == "creators" and "creator_id" not in matches and "username" in matches:
        one = matches["username"]
        matches["creator_id"] = Match("creator_id", one.header, one.score * 0.9, "made of the username", "username")
    return Recognised(table.name, _weigh(table, matches, headers, sheet.name), matches)


def _weigh(table: Table, matches: Mapping[str, Match], headers: Sequence[str], name: str) -> float:
    """How well a table explains a file: the share of its columns that are there, and of the file's that it uses."""
    key = [one for one in table.key if one != "known_at"]
    if not any(one in matches for one in key) and not all(one in matches for one in MADE.get(table.name, ("",))):
        return 0.0
    weights = {
        c.name: 2.0 if c.name in key else 1.0 if not c.nullable else 0.4 for c in table.columns if c.name != "known_at"
    }
    recall = sum(weights[name] * match.score for name, match in matches.items() if name in weights) / sum(
        weights.values()
    )
    used = len({match.header for match in matches.values()}) / len(headers)
    # Several states of one creator or product are told by when each was known.
    states = "known_at" in table.key and "known_at" in matches
    repeats = len(key) == 1 and not states and REPEATS in getattr(matches.get(key[0]), "why", "")
    return (0.5 * recall + 0.3 * used + 0.3 * _called(table.name, name)) * (0.6 if repeats else 1.0)


def _called(table: str, name: str) -> float:
    """1 where the file's name says the table's, less where it holds a part of it."""
    stem = name.split(" [")
    plain = plain_header(Path(stem[0]).stem + (" " + stem[1].rstrip("]") if len(stem) > 1 else ""))
    plain = re.sub(r"\b\d+\b", " ", plain)
    words = " ".join(plain.split())
    best = 0.0
    for one in _names("tables", table):
        if words == one:
            return 1.0
        inside = f" {one} " in f" {words} " or (not one.isascii() and one in words)
        best = max(best, 0.75 * len(one) / max(len(words), 1) + 0.2 if inside else 0.0)
    return min(best, 0.95)


def _best(table: Table, column: Column, profile: Profile) -> Match:
    """How well one header and its cells fit one column."""
    score, why = _by_name(table, column, profile.header)
    spelling, total = "", False
    if column.refers_to == "creators.creator_id" or (column.name == "creator_id" and table.name == "creators"):
        by_username, reason = _named(_names("columns", "username"), profile.header)
        if table.name == "creators":
            by_username = 0.0
        if by_username > score:
            score, why, spelling = by_username * 0.97, f"{reason}, a username", "username"
    if column.name == "price" and table.name == "orders":
        by_total, reason = _named(_names("totals", "price"), profile.header)
        if by_total * 0.8 > score:
            score, why, total = by_total * 0.8, f"{reason}, a line's total", True
    if score <= 0:
        return Match(column.name, profile.header, 0.0, "")
    fit, said = _fit(table, column, profile)
    return Match(column.name, profile.header, min(score * fit, 1.0), f"{why}{said}", spelling, total)


def _by_name(table: Table, column: Column, header: str) -> tuple[float, str]:
    plain = plain_header(header)
    if plain == column.name.replace("_", " "):
        return 1.0, "the contract's own name"
    score, why = _named(_names("columns", column.name), header)
    if plain in ("id", "no", "nr", "number", "nummer", "kode", "code") and column.name == table.key[0]:
        return max(score, 0.7), "the id of such a file"
    return score, why


@cache
def _named(names: tuple[str, ...], header: str) -> tuple[float, str]:
    """How well a header is one of the ``names``: as it stands, with its abbreviations written out, or, of a name that
    leads inwards (``profile.followers``), by its end."""
    plain = plain_header(header)
    short = _vocabulary()["abbreviations"]
    full = " ".join(plain_header(short.get(word, word)) for word in plain.split())
    found = [_alike(names, one) for one in dict.fromkeys((plain, full))]
    outer, dot, inner = header.rpartition(".")
    if dot and outer and " " not in header:
        score, why = _alike(names, plain_header(inner))
        found.append((score * 0.9, why))
    return max(found, key=lambda told: told[0])


def _alike(names: tuple[str, ...], plain: str) -> tuple[float, str]:
    if not plain:
        return 0.0, ""
    if plain in names:
        return 0.95, "known name"
    if plain.replace(" ", "") in {one.replace(" ", "") for one in names}:
        return 0.92, "known name"
    best, near = 0.0, ""
    words = set(plain.split())
    for one in names:
        theirs = set(one.split())
        if len(one) > 3 and len(theirs) > 1 and theirs <= words:
            score = 0.5 + 0.3 * len(theirs) / len(words)
        elif len(one) >= 5 and len(words) > 1 and one in words:
            score = 0.35 + 0.2 / len(words)
        elif abs(len(one) - len(plain)) <= 3 and len(plain) > 4:
            ratio = SequenceMatcher(None, one, plain).ratio()
            score = ratio * 0.75 if ratio > 0.84 else 0.0
        else:
            continue
        if score > best:
            best, near = score, one
    return best, f"like {near!r}" if near else ""


def _fit(table: Table, column: Column, profile: Profile) -> tuple[float, str]:  # noqa: PLR0911, PLR0912 - one answer a type
    """What the cells say to the name: a factor, and words about it."""
    if not profile.texts:
        return 0.5, ", but empty throughout"
    if column.type in ("instant", "day"):
        return (1.0, "") if profile.dated > 0.9 else (0.05, ", but no dates")
    if column.type in ("count", "measure"):
        if profile.numeric < 0.9:
            return 0.05, ", but no numbers"
        if column.unit == "fraction":
            return (1.05, "") if profile.percent else (0.95, "") if profile.most <= 100 else (0.4, ", but above 100")
        if profile.percent:
            return 0.2, ", but percent"
        return 1.0, ""
    if column.type == "flag":
        return (1.0, "") if profile.flag > 0.95 else (0.1, ", but not yes or no")
    if column.type == "ids":
        return (1.0, "") if profile.listed > 0 else (0.8, ", one id a cell")
    if words := own_words(column):
        known = np.mean([own_word(column, t) is not None or word_of(column.name, t) in words for t in profile.texts])
        if known == 0 and profile.distinct > 30:
            return 0.05, ", but not such words"
        return (1.02, "") if known == 1 else (0.55 + 0.4 * float(known), ", some words not known")
    if (
        column.name.endswith("_id")
        and column.name == table.key[0]
        and len([k for k in table.key if k != "known_at"]) == 1
    ):
        unique = profile.distinct >= 0.98 * profile.rows * (1 - profile.empty)
        if "known_at" in table.key:
            return 1.0, "" if unique or table.event else REPEATS
        return (1.0, "") if unique else (0.6, REPEATS)
    if profile.dated > 0.9 and profile.numeric < 0.5:
        return 0.1, ", but dates"
    return 1.0, ""
