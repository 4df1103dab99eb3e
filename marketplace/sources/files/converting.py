"""One column of a file as one column of the contract: each type has its function, each fault is told by its row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from marketplace.contract import Column
from marketplace.sources.files.cells import Distinct, distinct, text_of_cell
from marketplace.sources.files.dates import Moment, decide_order, find_number_kind, native_moment, parse_moment
from marketplace.sources.files.dates import from_number as moment_of_number
from marketplace.sources.files.identities import SPELLINGS, spelt_differently
from marketplace.sources.files.mapping import UNITS, FileSetting, Origin
from marketplace.sources.files.numbers import decide_marks, is_percent, parse_number
from marketplace.sources.files.reading import Sheet
from marketplace.sources.files.troubles import Troubles

__all__ = ["FLAGS", "Converter", "plain_word"]

FLAGS: Mapping[str, bool] = {
    **dict.fromkeys(
        "true yes y 1 1.0 t ja wahr oui vrai si sí sì verdadero vero sim ya benar có đúng ใช่ はい 有 是 有り x ✓ ✔".split(), True
    ),
    **dict.fromkeys(
        "false no n 0 0.0 f nein falsch non faux falso não nao tidak bukan không sai ไม่ ไม่ใช่ いいえ 無 否 无 なし".split(), False
    ),
}
"""Words for yes and no, in lower case."""

ROUNDED = re.compile(r"^\d(?:[.,]\d+)?[eE]\+?\d+$")
PARTED = re.compile(r"\s*[;,|\n]\s*")


def plain_word(text: str) -> str:
    """A word of an enum for comparing: capitals, one underscore for whatever parts it."""
    return re.sub(r"[\s\-_/]+", "_", text.strip()).upper()


@dataclass
class Converter:
    """Turns columns of one sheet into columns of the contract.

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

    def convert(self, column: Column, origin: Origin, where: str) -> pd.Series:
        """The values of ``column``, of the type that the contract declares; None where the file says nothing.

        Parameters
        ----------
        where : str
            The line of the mapping, for errors: ``[[orders]] price``.
        """
        if origin.otherwise is not None:
            first = self.convert(column, replace(origin, otherwise=None), where)
            return first.where(first.notna(), self.convert(column, origin.otherwise, where))
        if origin.value is not None:
            return self._constant(column, origin, where)
        if origin.latest_of:
            each = [self._instants(column, name, origin, where) for name in origin.latest_of if self._has(name, where)]
            return pd.concat(each, axis=1).max(axis=1) if each else self._nothing()
        if origin.from_file_name:
            return self._dated_by_name(column, origin, where)
        if origin.made_of:
            return self._joined(origin, where)
        name = self._found(origin, where)
        if name is None:
            return self._nothing()
        kinds: dict[str, Callable[[Column, str, Origin, str], pd.Series]] = {
            "string": self._strings,
            "instant": self._instants,
            "day": self._days,
            "count": self._numbers,
            "measure": self._numbers,
            "flag": self._flags,
            "ids": self._lists,
        }
        return kinds[column.type](column, name, origin, where)

    def _nothing(self) -> pd.Series:
        return pd.Series(np.full(len(self), None, dtype=object))

    def _has(self, name: str, where: str) -> bool:
        if name in self.sheet.cells.columns:
            return True
        there = ", ".join(map(str, self.sheet.cells.columns))
        self.troubles.say(self.sheet.name, name, "a column of that name", f"{where} names it; the file has {there}")
        return False

    def _found(self, origin: Origin, where: str) -> str | None:
        for name in origin.column:
            if name in self.sheet.cells.columns:
                return name
        self._has(origin.column[0], where)
        return None

    def _constant(self, column: Column, origin: Origin, where: str) -> pd.Series:
        """One value for every row, read as a cell would be."""
        value = origin.value
        if isinstance(value, datetime | date) and not isinstance(value, str):
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
            self.troubles.found[at] = type(fault)(where, "", fault.value, fault.expected, "write another value there")
        return pd.Series(result.to_numpy().repeat(len(self)) if column.type != "ids" else [result.iloc[0]] * len(self))

    def _joined(self, origin: Origin, where: str) -> pd.Series:
        if not all([self._has(name, where) for name in origin.made_of]):
            return self._nothing()
        columns = []
        for name in origin.made_of:
            cells = distinct(self.sheet, name, empty=origin.empty)
            columns.append(cells.spread([text_of_cell(value) for value in cells.values], ""))
        return pd.Series([":".join(parts) for parts in zip(*columns, strict=True)], dtype=object)

    def _dated_by_name(self, column: Column, origin: Origin, where: str) -> pd.Series:
        """The end of the last day that the file's name tells."""
        found: dict[str, Any] = {}
        for file in dict.fromkeys(self.sheet.files):
            days = [d for d in map(_day_in_name, re.findall(r"(?<!\d)(20\d\d)[-_.]?(\d\d)[-_.]?(\d\d)(?!\d)", file)) if d]
            if not days:
                self.troubles.say(
                    file, "", "a date in the file's name, such as creators_20250131.csv",
                    f'rename it, or write {where.split()[-1]} = {{ value = "2025-01-31" }}',
                )  # fmt: skip
                found[file] = None
                continue
            last = datetime.combine(days[-1] + timedelta(days=1), time()) - timedelta(microseconds=1)
            moment = self._placed(Moment(last, False), origin)
            found[file] = days[-1] if column.type == "day" else moment
        return pd.Series([found[file] for file in self.sheet.files], dtype=object)

    # Text

    def _strings(self, column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        cells = distinct(self.sheet, name, empty=origin.empty)
        is_id = column.name.endswith("_id")
        if is_id:
            self._refuse_rounded(cells, name)
        if column.values or origin.words:
            return self._words(column, cells, name, origin, where)
        texts = [text_of_cell(value) for value in cells.values]
        if origin.spelling:
            self._tell_spellings(name, texts, origin.spelling)
            texts = [SPELLINGS[origin.spelling](text) for text in texts]
        return self._filled(pd.Series(cells.spread([text or None for text in texts]), dtype=object), origin)

    def _tell_spellings(self, name: str, texts: list[str], spelling: str) -> None:
        for plain, ways in spelt_differently(texts, spelling).items():
            ways_text = " and ".join(repr(way) for way in ways)
            self.notes.append(f"warning: {self.sheet.name}, column \"{name}\": {ways_text} count as one, {plain!r}")

    def _refuse_rounded(self, cells: Distinct, name: str) -> None:
        rounded = cells.where(
            lambda v: (isinstance(v, str) and bool(ROUNDED.match(v))) or (isinstance(v, float) and abs(v) >= 1e15)
        )
        self.troubles.rows(
            self.sheet, rounded, name, cells.spread(cells.values), "an id with all its digits",
            "a spreadsheet has rounded it for good; export again, and open the file with that column as text",
        )  # fmt: skip

    def _words(self, column: Column, cells: Distinct, name: str, origin: Origin, where: str) -> pd.Series:
        told = {plain_word(theirs): ours for theirs, ours in origin.words.items()}
        ours_by_word = {plain_word(word): word for word in column.values}
        results: list[Any] = []
        for value in cells.values:
            word = plain_word(text_of_cell(value))
            ours = told[word] if word in told else ours_by_word.get(word, None if column.values else text_of_cell(value))
            results.append(ours)
        allowed = set(column.values)
        wrong = {i for i, r in enumerate(results) if r is None or (allowed and r not in allowed and r != "")}
        values = cells.spread(cells.values)
        bad = np.isin(cells.codes, list(wrong))
        example = text_of_cell(cells.values[min(wrong)]) if wrong else ""
        self.troubles.rows(
            self.sheet, bad, name, values, f"one of {', '.join(column.values)}",
            f'under {where} say words = {{ "{example}" = "{column.values[0] if column.values else "…"}" }} with the right word',
        )  # fmt: skip
        final = [None if i in wrong or r == "" else r for i, r in enumerate(results)]
        return self._filled(pd.Series(cells.spread(final), dtype=object), origin)

    def _filled(self, values: pd.Series, origin: Origin) -> pd.Series:
        return values if origin.default is None else values.where(values.notna(), origin.default)

    def _flags(self, column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        cells = distinct(self.sheet, name, empty=origin.empty)
        told = {text.casefold(): ours for text, ours in origin.words.items()}
        results: list[Any] = []
        for value in cells.values:
            text = text_of_cell(value).casefold()
            results.append(FLAGS.get(str(told.get(text, text)).casefold()))
        wrong = {i for i, result in enumerate(results) if result is None}
        self.troubles.rows(
            self.sheet, np.isin(cells.codes, list(wrong)), name, cells.spread(cells.values), "yes or no",
            f'under {where} say words = {{ "{text_of_cell(cells.values[min(wrong)]) if wrong else ""}" = "yes" }}',
        )  # fmt: skip
        return self._filled(pd.Series(cells.spread(results), dtype=object), origin)

    def _lists(self, column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        cells = distinct(self.sheet, name, empty=origin.empty)
        self._refuse_rounded(cells, name)
        part = re.compile(rf"\s*{re.escape(origin.split)}\s*") if origin.split else PARTED
        results: list[Any] = []
        for value in cells.values:
            text = text_of_cell(value).strip("[]{}() ")
            ids = [one.strip("\"' ") for one in part.split(text)]
            spelt = [SPELLINGS[origin.spelling](one) if origin.spelling else one for one in ids if one]
            results.append(list(dict.fromkeys(spelt)))
        return pd.Series(cells.spread(results), dtype=object)

    # Numbers

    def _numbers(self, column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        values = self._read_numbers(column, name, origin, where)
        if origin.divided_by and self._has(origin.divided_by, where):
            plain = Column(column.name, "measure", column.doc)
            by = self._read_numbers(plain, origin.divided_by, Origin(decimal=origin.decimal), where)
            values = values / by.where(by != 0)
        values = self._filled(values, origin)
        cells = self.sheet.cells[name].to_numpy(dtype=object)
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        least = -np.inf if column.minimum is None else column.minimum
        most = np.inf if column.maximum is None else column.maximum
        with np.errstate(invalid="ignore"):
            outside = (numbers < least) | (numbers > most)
        mend = "correct it"
        if column.unit == "fraction":
            mend = f'under {where} say unit = "percent" (15 is 15 %) or "basis_points" (1500 is 15 %), or correct it'
        self.troubles.rows(self.sheet, outside, name, cells, _range(column), mend)
        if column.type == "count":
            with np.errstate(invalid="ignore"):
                whole = np.round(numbers)
                broken = np.abs(numbers - whole) > 1e-6 * np.maximum(1.0, np.abs(numbers))
            self.troubles.rows(self.sheet, broken, name, cells, "a whole number", "correct it, or say the decimal mark")
            return pd.Series(whole).astype("Int64")
        return pd.Series(numbers)

    def _read_numbers(self, column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        cells = distinct(self.sheet, name, empty=(*origin.empty, "na"))
        texts = cells.texts
        shift = UNITS.get(origin.unit, 0)
        decimal = origin.decimal or self.setting.decimal or self._decimal(column, cells, name, where)
        results: list[float | None] = []
        for value in cells.values:
            if isinstance(value, str):
                results.append(parse_number(value, decimal, shift=shift))
            elif isinstance(value, bool) or not isinstance(value, int | float | np.number):
                results.append(None)
            else:
                results.append(float(value) if not shift else float(f"{float(value)!r}e{shift}"))
        wrong = {i for i, result in enumerate(results) if result is None}
        example = "1.234,56" if decimal == "," else "1,234.56"
        self.troubles.rows(
            self.sheet, np.isin(cells.codes, list(wrong)), name, cells.spread(cells.values),
            f"a number such as {example}", f'correct it, or under {where} say decimal = "." or ",", or empty = ["…"]',
        )  # fmt: skip
        if column.unit == "fraction" and not shift and texts and not any(map(is_percent, texts)):
            pass  # what lies outside 0 to 1 is told by the caller, with the unit as the mend
        spread = cells.spread([np.nan if result is None else result for result in results], np.nan)
        return pd.Series(spread.astype(float))

    def _decimal(self, column: Column, cells: Distinct, name: str, where: str) -> str:
        marks = decide_marks(cells.texts)
        if marks.conflict:
            self.troubles.rows(
                self.sheet, cells.where(lambda v: v in (marks.witness, marks.conflict)), name,
                cells.spread(cells.values), "one decimal mark throughout the column",
                f'{marks.witness!r} and {marks.conflict!r} disagree; correct one, or under {where} say decimal = "," or "."',
            )  # fmt: skip
            return marks.decimal or "."
        if marks.decimal is None:
            if column.type == "count":
                return "," if "." in marks.witness else "."  # a count has no decimals, so its marks part thousands
            self.troubles.say(
                self.sheet.name, name, "a column that shows which mark parts the decimals",
                f'{marks.witness!r} may be read both ways; under {where} say decimal = "," or "."', repr(marks.witness),
            )  # fmt: skip
        return marks.decimal or "."

    # Time

    def _instants(self, column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        moments, cells = self._moments(name, origin, where)
        if origin.clock and self._has(origin.clock, where):
            return self._with_clock(moments, cells, origin, where)
        zone = origin.time_zone or self.setting.time_zone
        bare = [m for m in moments if m is not None and m.at.tzinfo is None]
        if bare and not zone:
            self.troubles.say(
                self.sheet.name, name, "clocks whose time zone is known",
                'under [all] say time_zone = "Asia/Jakarta", or whatever the export\'s clock was', str(bare[0].at),
            )  # fmt: skip
        late = column.name == "known_at"
        results = [None if m is None else self._placed(m, origin, late=late) for m in moments]
        values = pd.Series(pd.to_datetime(pd.Series(cells.spread(results), dtype=object), utc=True)).dt.as_unit("us")
        values = self._filled_instants(values, column, origin, where)
        return values + pd.Timedelta(days=origin.plus_days) if origin.plus_days else values

    def _filled_instants(self, values: pd.Series, column: Column, origin: Origin, where: str) -> pd.Series:
        if origin.default is None:
            return values
        return values.fillna(self._constant(column, Origin(value=origin.default, time_zone=origin.time_zone), where))

    def _with_clock(self, moments: list[Moment | None], cells: Distinct, origin: Origin, where: str) -> pd.Series:
        """The day of one column at the time of day of another."""
        clocks = distinct(self.sheet, origin.clock)
        read = [parse_moment(f"2000-01-01 {text_of_cell(value)}", "ymd") for value in clocks.values]
        self.troubles.rows(
            self.sheet, np.isin(clocks.codes, [i for i, m in enumerate(read) if m is None]), origin.clock,
            clocks.spread(clocks.values), "a time of day such as 14:30", f"correct it, or leave clock out under {where}",
        )  # fmt: skip
        days, times = cells.spread(list(moments)), clocks.spread(list(read))
        results = [
            None if day is None else self._placed(Moment(datetime.combine(day.at, at.at.time() if at else time()), not at), origin)
            for day, at in zip(days, times, strict=True)
        ]
        return pd.Series(pd.to_datetime(pd.Series(results, dtype=object), utc=True)).dt.as_unit("us")

    def _days(self, column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        moments, cells = self._moments(name, origin, where)
        days: list[Any] = []
        for moment in moments:
            day = None if moment is None else moment.at.astimezone(UTC) if moment.at.tzinfo else moment.at
            days.append(None if day is None else day.date() + timedelta(days=int(origin.plus_days)))
        return pd.Series(cells.spread(days), dtype=object)

    def _moments(self, name: str, origin: Origin, where: str) -> tuple[list[Moment | None], Distinct]:
        """One moment a distinct cell."""
        cells = distinct(self.sheet, name, empty=(*origin.empty, "na", "0000-00-00", "0000-00-00 00:00:00"))
        numbers = cells.numbers
        kind = origin.order or self.setting.order
        if not kind:
            order = decide_order(cells.texts)
            kind = order.kind or "?"
            if order.conflict:
                self.troubles.rows(
                    self.sheet, cells.where(lambda v: v in (order.witness, order.conflict)), name,
                    cells.spread(cells.values), "day and month in one order throughout the column",
                    f'{order.witness!r} and {order.conflict!r} disagree; correct one, or under {where} say order = "dmy"',
                )  # fmt: skip
            elif order.kind is None and order.witness:
                self.troubles.say(
                    self.sheet.name, name, "a column that shows whether the day or the month stands first",
                    f'{order.witness!r} may be read both ways; say order = "dmy" or "mdy" under {where} or [all]',
                    repr(order.witness),
                )  # fmt: skip
                return [None] * len(cells.values), cells
        by_number = kind if kind in ("excel", "epoch_s", "epoch_ms", "epoch_us", "yyyymmdd") else None
        by_number = by_number or find_number_kind(numbers) or ""
        results = [self._moment(value, kind, by_number) for value in cells.values]
        self.troubles.rows(
            self.sheet, np.isin(cells.codes, [i for i, m in enumerate(results) if m is None]), name,
            cells.spread(cells.values), f"a date {FORMS.get(kind, 'such as 2025-01-31 14:30')}",
            f'correct it, or under {where} say order = "dmy", "mdy" or "ymd", or empty = ["…"]',
        )  # fmt: skip
        return results, cells

    def _moment(self, value: Any, kind: str, by_number: str) -> Moment | None:
        if isinstance(value, str):
            return parse_moment(value, kind)
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float | np.number):
            return moment_of_number(float(value), by_number)
        try:
            return native_moment(value)
        except (TypeError, ValueError):
            return None

    def _placed(self, moment: Moment, origin: Origin, *, late: bool = False) -> datetime:
        """The moment in UTC; ``late``: a day without a clock counts until its end."""
        at = moment.at
        if moment.whole_day and late:
            at += timedelta(days=1) - timedelta(microseconds=1)
        if at.tzinfo is None:
            at = at.replace(tzinfo=ZoneInfo(origin.time_zone or self.setting.time_zone or "UTC"))
        return at.astimezone(UTC)


FORMS = {
    "dmy": "with the day first, such as 31.01.2025 or 31/01/2025 14:30",
    "mdy": "with the month first, such as 01/31/2025 2:30 PM",
    "epoch_s": "in seconds since 1970",
    "epoch_ms": "in milliseconds since 1970",
    "epoch_us": "in microseconds since 1970",
    "excel": "as Excel counts days",
    "yyyymmdd": "such as 20250131",
}


def _day_in_name(found: tuple[str, str, str]) -> date | None:
    try:
        return date(int(found[0]), int(found[1]), int(found[2]))
    except ValueError:
        return None


def _range(column: Column) -> str:
    unit = f" {column.unit}" if column.unit else ""
    if column.maximum is not None:
        return f"a number from {column.minimum:g} to {column.maximum:g}{unit and f' ({column.unit})'}"
    return f"a number not below {column.minimum:g}{unit and f' ({column.unit})'}"
