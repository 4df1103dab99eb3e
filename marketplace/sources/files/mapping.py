"""The mapping file: which column of which file is which column of the contract, and what no cell says.

It is TOML, made by `collabrank ingest propose` to be read and edited by people. docs/ingest.md shows every word of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marketplace.contract import TABLES
from marketplace.errors import SourceError
from marketplace.sources.files.dates import KINDS
from marketplace.sources.files.identities import SPELLINGS

__all__ = ["FROM_PRODUCTS", "UNITS", "FileSetting", "Mapped", "Origin", "Part", "load_mapping", "parse_mapping"]

UNITS = {"percent": -2, "basis_points": -4, "per_mille": -3, "fraction": 0, "minor": -2, "thousands": 3, "millions": 6}
"""A unit as a mapping says it, to the power of ten that turns its numbers into the contract's."""

FROM_PRODUCTS = ("category_id", "brand_id")
"""Columns of campaigns that their products tell where no file does."""

UNDECIDED = "?"
LOOK = "docs/ingest.md, The mapping file"


@dataclass(frozen=True)
class FileSetting:
    """How the cells of a file are written; empty where that is to be found (zones never are)."""

    encoding: str = ""
    delimiter: str = ""
    header_row: int = 0
    sheet: str = ""
    decimal: str = ""
    order: str = ""
    time_zone: str = ""

    def over(self, other: FileSetting) -> FileSetting:
        """This one, and what it leaves empty from ``other``."""
        return replace(self, **{f.name: getattr(self, f.name) or getattr(other, f.name) for f in fields(self)})


@dataclass(frozen=True)
class Origin:
    """Where one contract column's values come from.

    Attributes
    ----------
    column : tuple of str
        The file's column; of several names the first that the file has.
    value : object
        The same for every row, instead of a column.
    made_of : tuple of str
        Columns whose cells are joined by ``:``, for an id that no single column holds.
    latest_of : tuple of str
        Columns of which the latest instant is taken.
    from_start : bool
        The day before the first row of the whole marketplace: what is only known to have been there.
    from_end : bool
        The last instant of the whole marketplace: what the export tells of the time it was made.
    from_file_name : bool
        The last date that the file's name holds.
    from_products : bool
        A campaign's category or brand (`FROM_PRODUCTS`): that of most of its products.
    clock : str
        The column with the time of day, where ``column`` holds the date alone.
    divided_by : str
        The column that this one is divided by: a line's total by its quantity is a price.
    words : mapping of str to str
        The file's words to the contract's; an empty one is not known.
    unit : str
        One of `UNITS`.
    split : str
        What parts the ids of one cell.
    spelling : str
        ``username`` or ``name``: an id is made of what the cell spells.
    decimal, order, time_zone : str
        As in `FileSetting`, for this column alone.
    empty : tuple of str
        Further words that mean "not known".
    default : object
        What an empty cell stands for.
    plus_days : float
        Days that are added to an instant.
    otherwise : Origin or None
        What stands in where this one says nothing.
    """

    column: tuple[str, ...] = ()
    value: Any = None
    made_of: tuple[str, ...] = ()
    latest_of: tuple[str, ...] = ()
    from_start: bool = False
    from_end: bool = False
    from_file_name: bool = False
    from_products: bool = False
    clock: str = ""
    divided_by: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    split: str = ""
    spelling: str = ""
    decimal: str = ""
    order: str = ""
    time_zone: str = ""
    empty: tuple[str, ...] = ()
    default: Any = None
    plus_days: float = 0.0
    otherwise: Origin | None = None


@dataclass(frozen=True)
class Part:
    """Rows of one contract table that come from one kind of file.

    Attributes
    ----------
    file : str
        The file's name, or a pattern (``orders_*.csv``); empty for a single row of constants.
    sheet : str
        The workbook's sheet, where it has several.
    distinct : bool
        Whether the file repeats what a row here is (the creators of an orders file): the first row of a key counts.
    each_day : bool
        One row for every day of the data, without a file: an exchange rate that is always the same.
    from_contents : bool
        Deliveries that no file tells, of what was posted (`marketplace.sources.files.delivering`).
    only, skip : mapping of str to tuple of str
        Column to the words of the rows that are taken, or left out.
    opening : mapping of str to object, or None
        What an earlier state of each row held, before what the row says was known: contract column to value. None:
        there is no earlier state to be made.
    """

    table: str
    file: str
    origins: Mapping[str, Origin]
    sheet: str = ""
    distinct: bool = False
    each_day: bool = False
    from_contents: bool = False
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    skip: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    opening: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Mapped:
    """A whole mapping file.

    ``constants`` are contract columns that hold the same value in every table that has them and says nothing else.
    """

    name: str
    setting: FileSetting
    constants: Mapping[str, Origin]
    files: Mapping[str, FileSetting]
    parts: tuple[Part, ...]

    def setting_of(self, file: str) -> FileSetting:
        """How the cells of ``file`` are written."""
        own = next((setting for pattern, setting in self.files.items() if fnmatch(file, pattern)), FileSetting())
        return own.over(self.setting)


SETTINGS = tuple(f.name for f in fields(FileSetting))
ORIGIN_WORDS = tuple(f.name for f in fields(Origin))
PART_WORDS = tuple(f.name for f in fields(Part) if f.name not in ("table", "origins"))
TUPLES = ("column", "made_of", "latest_of", "empty")
SOURCES = ("column", "value", "made_of", "latest_of", "from_start", "from_end", "from_file_name", "from_products")


def load_mapping(file: Path) -> Mapped:
    """The mapping in ``file``.

    Raises
    ------
    SourceError
        It is not there, is no TOML, says a word that there is not, or leaves something undecided (``"?"``).
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as reason:
        raise SourceError(
            "a mapping file in UTF-8", received=f"{file}: {reason}", look="`collabrank ingest propose FOLDER`"
        ) from reason
    return parse_mapping(text, name=file.name)


def parse_mapping(text: str, *, name: str) -> Mapped:
    """The mapping that ``text`` says; ``name`` is what errors call it. Raises as `load_mapping`."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as reason:
        raise SourceError("a mapping file in TOML", received=f"{name}: {reason}", look=LOOK) from reason
    reader = _Reader(name)
    mapped = reader.whole(raw)
    if reader.faults:
        raise SourceError(
            "a mapping whose every word is known and decided",
            received=f"{name} with {len(reader.faults)} faults:",
            look=LOOK,
            each=reader.faults,
        )
    return mapped


class _Reader:
    """Reads TOML's values as a mapping and keeps every fault, so that all are told at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[str] = []

    def whole(self, raw: Mapping[str, Any]) -> Mapped:
        self.known(raw, ("all", "files", *TABLES), "the file")
        everywhere = dict(raw.get("all", {}))
        columns = {column.name for table in TABLES.values() for column in table.columns}
        self.known(everywhere, (*SETTINGS, *sorted(columns)), "[all]")
        setting = self.setting({k: v for k, v in everywhere.items() if k in SETTINGS}, "[all]")
        constants = {
            key: self.origin({"value": value} if not isinstance(value, dict) else value, f"[all] {key}")
            for key, value in everywhere.items()
            if key in columns
        }
        files = {}
        for pattern, told in raw.get("files", {}).items():
            self.known(told, SETTINGS, f"[files.{pattern!r}]")
            files[pattern] = self.setting(told, f"[files.{pattern!r}]")
        parts = [
            self.part(table, told)
            for table in TABLES
            for told in (raw.get(table, []) if isinstance(raw.get(table, []), list) else [raw[table]])
        ]
        if not parts:
            self.faults.append("no table: say at least [[orders]]")
        return Mapped(self.name, setting, constants, files, tuple(parts))

    def known(self, told: Mapping[str, Any], words: tuple[str, ...], where: str) -> None:
        for word in told:
            if word not in words:
                near = get_close_matches(word, words, 1, 0.6)
                self.faults.append(f"{where}: there is no {word!r}" + (f"; did you mean {near[0]!r}?" if near else ""))

    def setting(self, told: Mapping[str, Any], where: str) -> FileSetting:
        kept = {key: value for key, value in told.items() if key in SETTINGS}
        for key, value in kept.items():
            self.one(key, value, f"{where} {key}")
        return FileSetting(**kept)

    def one(self, key: str, value: Any, where: str) -> None:
        """Hold one setting against what it may be."""
        choices = {"decimal": (".", ","), "order": KINDS, "unit": tuple(UNITS), "spelling": tuple(SPELLINGS)}.get(key)
        if value == UNDECIDED:
            self.faults.append(f'{where} is not decided yet: put a value instead of "?"')
        elif choices is not None and value not in choices:
            self.faults.append(f"{where}: {value!r} is none of {', '.join(choices)}")
        elif key == "time_zone":
            try:
                ZoneInfo(str(value))
            except (ZoneInfoNotFoundError, ValueError, OSError):
                self.faults.append(f'{where}: there is no zone {value!r}; say one such as "Asia/Jakarta" or "UTC"')
        elif key in ("plus_days",) and (isinstance(value, bool) or not isinstance(value, int | float)):
            self.faults.append(f"{where}: {value!r} is no number of days")

    def part(self, table: str, told: Mapping[str, Any]) -> Part:
        where = f"[[{table}]]"
        declared = TABLES[table].by_name
        if not isinstance(told, dict):
            self.faults.append(f"{where}: expected a table of columns")
            return Part(table, "", {})
        self.known(told, (*PART_WORDS, *declared), where)
        origins = {
            key: self.origin(value, f"{where} {key}")
            for key, value in told.items()
            if key in declared and key not in PART_WORDS
        }
        opening = dict(told["opening"]) if "opening" in told else None
        self.known(opening or {}, tuple(declared), f"{where} opening")
        if opening is not None and not TABLES[table].event:
            self.faults.append(f"{where} opening: {table} have no beginning of their own, so no state before the first")
        if told.get("from_contents") and table != "deliveries":
            self.faults.append(f"{where} from_contents: it makes [[deliveries]] alone")
        rows = {
            key: {column: _several(words) for column, words in dict(told.get(key, {})).items()}
            for key in ("only", "skip")
        }
        return Part(
            table,
            str(told.get("file", "")),
            origins,
            sheet=str(told.get("sheet", "")),
            distinct=told.get("distinct", False) is True,
            each_day=told.get("each_day", False) is True,
            from_contents=told.get("from_contents", False) is True,
            only=rows["only"],
            skip=rows["skip"],
            opening=opening,
        )

    def origin(self, told: Any, where: str) -> Origin:
        """A column's name, or the words that say more."""
        if isinstance(told, str):
            if told == UNDECIDED:
                self.faults.append(f'{where} is not decided yet: put the file\'s column instead of "?"')
            return Origin(column=(told,))
        if not isinstance(told, dict):
            self.faults.append(f"{where}: write {{ value = {told!r} }} for the same value in every row")
            return Origin(value=told)
        self.known(told, ORIGIN_WORDS, where)
        kept = {key: value for key, value in told.items() if key in ORIGIN_WORDS}
        said = [key for key in SOURCES if key in kept]
        if len(said) != 1:
            self.faults.append(f"{where}: say one of {', '.join(SOURCES)}; it says {', '.join(said) or 'none'}")
        if "from_products" in kept and where not in {f"[[campaigns]] {name}" for name in FROM_PRODUCTS}:
            self.faults.append(f"{where}: from_products tells {' and '.join(FROM_PRODUCTS)} of [[campaigns]] alone")
        for key, value in kept.items():
            self.one(key, value, f"{where} {key}")
        if isinstance(kept.get("value"), str) and kept["value"] == "":
            self.faults.append(f"{where}: an empty value; leave the line out where nothing is known")
        for key in TUPLES:
            if key in kept:
                kept[key] = _several(kept[key])
        self.words(kept, where)
        if "otherwise" in kept:
            kept["otherwise"] = self.origin(kept["otherwise"], f"{where} otherwise")
        return Origin(**kept)

    def words(self, kept: dict[str, Any], where: str) -> None:
        """Hold a line's words against what they may be."""
        if "words" in kept and not isinstance(kept["words"], dict):
            self.faults.append(f'{where} words: write {{ "their word" = "OURS" }}')
            kept["words"] = {}
        for theirs, ours in kept.get("words", {}).items():
            if ours == UNDECIDED:
                self.faults.append(
                    f'{where}: the word {theirs!r} is not decided yet: put one of the contract\'s instead of "?"'
                )


def _several(told: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in told) if isinstance(told, list) else (str(told),)
