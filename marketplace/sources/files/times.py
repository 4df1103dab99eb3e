"""Columns of time: instants and days, by the clock that the mapping tells."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from marketplace.contract import Column
from marketplace.sources.files.cells import Distinct, distinct, text_of_cell
from marketplace.sources.files.columns import Columns
from marketplace.sources.files.dates import (
    Moment,
    decide_order,
    find_number_kind,
    from_number,
    native_moment,
    parse_moment,
)
from marketplace.sources.files.mapping import Origin

__all__ = ["Times"]

FORMS = {
    "dmy": "with the day first, such as 31.01.2025 or 31/01/2025 14:30",
    "mdy": "with the month first, such as 01/31/2025 2:30 PM",
    "epoch_s": "in seconds since 1970",
    "epoch_ms": "in milliseconds since 1970",
    "epoch_us": "in microseconds since 1970",
    "excel": "as Excel counts days",
    "yyyymmdd": "such as 20250131",
}


class Times(Columns):
    """Reads columns of time."""

    def instants(self, column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        """Instants in UTC, NaT where empty; a known_at without a clock is the end of its day."""
        moments, cells = self._moments(name, origin, where)
        if origin.clock and self.has(origin.clock, where):
            return self._with_clock(moments, cells, origin, where)
        zone = origin.time_zone or self.setting.time_zone
        bare = [m for m in moments if m is not None and m.at.tzinfo is None]
        if bare and not zone:
            self.troubles.say(
                self.sheet.name, name, "clocks whose time zone is known",
                'under [all] say time_zone = "Asia/Jakarta", or whatever the export\'s clock was', str(bare[0].at),
            )  # fmt: skip
        twice = sum(_comes_twice(moment.at, zone) for moment in bare) if zone else 0
        if twice:
            self.notes.append(
                f'{self.sheet.name}, column "{name}": {twice:,} clocks fall into the hour that {zone} has twice, '
                "or not at all; they count as the first"
            )
        late = column.name == "known_at"
        results = [None if m is None else self._placed(m, origin, late=late) for m in moments]
        values = pd.Series(pd.to_datetime(pd.Series(cells.spread(results), dtype=object), utc=True)).dt.as_unit("us")
        return values + pd.Timedelta(days=origin.plus_days) if origin.plus_days else values

    def _with_clock(self, moments: list[Moment | None], cells: Distinct, origin: Origin, where: str) -> pd.Series:
        """The day of one column at the time of day of another."""
        clocks = distinct(self.sheet, origin.clock)
        read = [parse_moment(f"2000-01-01 {text_of_cell(value)}", "ymd") for value in clocks.values]
        self.refuse(
            origin.clock, clocks, read, expected="a time of day such as 14:30",
            mend=f"correct it, or leave clock out under {where}",
        )  # fmt: skip
        days, times = cells.spread(list(moments)), clocks.spread(list(read))
        results = []
        for day, at in zip(days, times, strict=True):
            moment = day and Moment(datetime.combine(day.at, at.at.time() if at else time()), at is None)
            results.append(moment and self._placed(moment, origin))
        return pd.Series(pd.to_datetime(pd.Series(results, dtype=object), utc=True)).dt.as_unit("us")

    def days(self, _column: Column, name: str, origin: Origin, where: str) -> pd.Series:
        """Dates as they stand; of an instant with a zone, its date in UTC."""
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
                pair = (order.witness, order.conflict)
                self.refuse_rows(
                    name, cells.where(lambda v: v in pair), cells, expected="day and month in one order in all rows",
                    mend=f'{pair[0]!r} and {pair[1]!r} disagree; correct one, or under {where} say order = "dmy"',
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
        self.refuse(
            name, cells, results, expected=f"a date {FORMS.get(kind, 'such as 2025-01-31 14:30')}",
            mend=f'correct it, or under {where} say order = "dmy", "mdy" or "ymd", or empty = ["…"]',
        )  # fmt: skip
        return results, cells

    def _moment(self, value: Any, kind: str, by_number: str) -> Moment | None:
        if isinstance(value, str):
            return parse_moment(value, kind)
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float | np.number):
            return from_number(float(value), by_number)
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

    def dated_by_name(self, column: Column, origin: Origin, where: str) -> pd.Series:
        """The end of the last day that the file's name tells, in every row."""
        found: dict[str, Any] = {}
        for file in dict.fromkeys(self.sheet.files):
            days = [day for day in map(_day_in_name, _IN_NAME.findall(file)) if day]
            if not days:
                self.troubles.say(
                    file, "", "a date in the file's name, such as creators_20250131.csv",
                    f'rename it, or write {where.rsplit(maxsplit=1)[-1]} = {{ value = "2025-01-31" }}',
                )  # fmt: skip
                found[file] = None
                continue
            last = datetime.combine(days[-1] + timedelta(days=1), time()) - timedelta(microseconds=1)
            found[file] = days[-1] if column.type == "day" else self._placed(Moment(last, False), origin)
        return pd.Series([found[file] for file in self.sheet.files], dtype=object)


def _comes_twice(at: datetime, zone: str) -> bool:
    """Whether clocks are put back, or forward, over this moment."""
    local = at.replace(tzinfo=ZoneInfo(zone))
    return local.utcoffset() != local.replace(fold=1).utcoffset()


_IN_NAME = re.compile(r"(?<!\d)(20\d\d)[-_.]?(\d\d)[-_.]?(\d\d)(?!\d)")


def _day_in_name(found: tuple[str, str, str]) -> date | None:
    try:
        return date(int(found[0]), int(found[1]), int(found[2]))
    except ValueError:
        return None
