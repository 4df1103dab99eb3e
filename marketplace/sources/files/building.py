"""The contract's tables from a mapping's parts: states, repeated rows, what was there from the start.

Cells are turned by `marketplace.sources.files.converting`; here rows become tables. Everything that is wrong anywhere
is told at once, before anything is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.contract import TABLES, Column, Table
from marketplace.errors import SourceError
from marketplace.sources.base import Ingested
from marketplace.sources.files.cells import distinct, text_of_cell
from marketplace.sources.files.converting import Converter
from marketplace.sources.files.delivering import NEEDS, deliveries_of
from marketplace.sources.files.identities import plain_username, spelt_differently
from marketplace.sources.files.mapping import FROM_PRODUCTS, FileSetting, Mapped, Origin, Part
from marketplace.sources.files.reading import Sheet, Told, data_files, join_sheets, read_sheet
from marketplace.sources.files.texts import plain_word
from marketplace.sources.files.troubles import Troubles

__all__ = ["build_tables"]


@dataclass
class _Built:
    """One part's rows with the file's rows that they are from; columns that wait for the data's start (True) or end."""

    part: Part
    frame: pd.DataFrame
    sheet: Sheet
    waiting: dict[str, bool]


def build_tables(folder: Path, mapped: Mapped) -> Ingested:
    """Every table that ``mapped`` makes of the files in ``folder``.

    Raises
    ------
    SourceError
        A file that the mapping names is not there or does not read, a cell is not what the mapping says, a column that
        may not be null is, or a key comes twice: all of it at once, by file, row and column.
    """
    return _Building(folder, mapped).run()


class _Building:
    """One ingest under way."""

    def __init__(self, folder: Path, mapped: Mapped) -> None:
        self.folder, self.mapped = folder, mapped
        self.troubles = Troubles(mapped.name)
        self.notes: list[str] = []
        self.files = data_files(folder)
        self.accounts: Mapping[str, str] = {}
        self.of_products: dict[str, dict[str, str]] = {}
        self.read = cache(self._read)

    def run(self) -> Ingested:
        built: dict[str, list[_Built]] = {}
        for name in TABLES:
            parts = [
                part for part in self.mapped.parts if part.table == name and not (part.each_day or part.from_contents)
            ]
            built_parts = [one for one in map(self._part, parts) if one is not None]
            if built_parts:
                built[name] = built_parts
                if name == "creators":
                    self._learn_accounts(built_parts)
                if name == "products":
                    self._learn_products(built_parts)
        self.troubles.stop()
        self._fill_start(built)
        for name, each in built.items():
            for one in each:
                if one.part.opening is not None:
                    self._open(TABLES[name], one)
        for part in self.mapped.parts:
            if part.each_day:
                self._add_days(part, built)
        self.troubles.stop()
        tables = {name: self._table(TABLES[name], parts) for name, parts in built.items()}
        if any(part.from_contents for part in self.mapped.parts):
            self._deliver(tables)
        self.troubles.stop()
        return Ingested(tables, list(dict.fromkeys(self.notes)))

    def _deliver(self, tables: dict[str, pd.DataFrame]) -> None:
        """Deliveries made of what was posted, beside those that a file tells."""
        lacking = [name for name in NEEDS if name not in tables]
        if lacking:
            self.troubles.say(
                self.mapped.name, "", f"{' and '.join(NEEDS)}", f"[[deliveries]] from_contents needs {lacking[0]}"
            )
            return
        declared = TABLES["deliveries"]
        told = tables.get("deliveries")
        made = _typed(deliveries_of(tables), declared)
        if told is not None:
            made = made[~made["invitation_id"].isin(told["invitation_id"])]
        self.notes.append(
            f"deliveries: {len(made):,} are what creators who had accepted then posted of a brief's products; "
            "no file tells them"
        )
        both = made if told is None else pd.concat([told, made], ignore_index=True)
        tables["deliveries"] = both.sort_values(list(declared.key), kind="stable", ignore_index=True)

    # Files

    def _read(self, pattern: str, sheet: str) -> Sheet:
        """The files that ``pattern`` names, as one."""
        found = [file for file in self.files if file.name == pattern or fnmatch(file.name, pattern)]
        if not found:
            there = ", ".join(file.name for file in self.files)
            raise SourceError(
                f'a file called "{pattern}" in {self.folder}', received=f"only {there}", look=self.mapped.name
            )
        sheets = []
        for file in found:
            told = self.mapped.setting_of(file.name)
            sheets.append(
                read_sheet(
                    file,
                    Told(
                        told.encoding or None,
                        told.delimiter or None,
                        told.header_row or None,
                        sheet or told.sheet or None,
                    ),
                )
            )
        return join_sheets(sheets)

    def _part(self, part: Part) -> _Built | None:
        """One part's rows, each column converted."""
        if part.file:
            sheet = self._chosen(part, self.read(part.file, part.sheet))
            setting = self.mapped.setting_of(part.file)
        else:
            name = np.array([self.mapped.name], dtype=object)
            sheet = Sheet(self.mapped.name, pd.DataFrame(index=range(1)), name, np.array([0]), Told())
            setting = self.mapped.setting
        return self._rows_of(part, sheet, setting)

    def _rows_of(self, part: Part, sheet: Sheet, setting: FileSetting) -> _Built | None:
        """The rows of ``sheet`` with each column converted."""
        table = TABLES[part.table]
        converter = Converter(sheet, setting, self.troubles, self.notes)
        values: dict[str, Any] = {}
        waiting: dict[str, bool] = {}
        for column in table.columns:
            origin = part.origins.get(column.name) or self._everywhere(column, part)
            where = f"[[{table.name}]] {column.name}"
            if origin is None:
                if not column.nullable:
                    self._say_unmapped(table, column, part)
                continue
            if origin.from_start or origin.from_end:
                waiting[column.name] = origin.from_start
                values[column.name] = pd.Series(pd.NaT, index=range(len(sheet.cells)), dtype="datetime64[us, UTC]")
                continue
            if origin.from_products:
                continue
            series = converter.convert(column, origin, where)
            if column.refers_to == "creators.creator_id" and origin.spelling == "username":
                known = series.map(dict(self.accounts))
                series = known.where(known.notna(), series)
            values[column.name] = series
        for name, origin in part.origins.items():
            if origin.from_products:
                told = values.get("product_ids", [None] * len(sheet.cells))
                values[name] = pd.Series([self._by_products(name, ids) or origin.default for ids in told], dtype=object)
        frame = pd.DataFrame(values, index=range(len(sheet.cells)))
        built = _Built(part, frame, sheet, waiting)
        if part.distinct:
            built = self._first_rows(table, built)
        self._refuse_nulls(table, part, built)
        return built

    def _everywhere(self, column: Column, part: Part) -> Origin | None:
        """What ``[all]`` says of a column; the key of a table is no constant of it, but of a single row."""
        origin = self.mapped.constants.get(column.name)
        return None if origin is None or (column.name in TABLES[part.table].key[:1] and part.file) else origin

    def _say_unmapped(self, table: Table, column: Column, part: Part) -> None:
        self.troubles.say(
            f"[[{table.name}]] of {part.file or self.mapped.name}", column.name,
            f"{column.doc} ({column.type}): never null",
            f'say {column.name} = "the file\'s column" or {{ value = … }} (docs/contract.md#{table.name})',
        )  # fmt: skip

    def _chosen(self, part: Part, sheet: Sheet) -> Sheet:
        """The rows that ``only`` and ``skip`` leave."""
        for rules, wanted in ((part.only, True), (part.skip, False)):
            for column, words in rules.items():
                if column not in sheet.cells.columns:
                    self.troubles.say(
                        sheet.name, column, "a column of that name", f"[[{part.table}]] chooses rows by it"
                    )
                    continue
                told = {plain_word(word) for word in words}
                cells = distinct(sheet, column)
                chosen = [plain_word(text_of_cell(value)) in told for value in cells.values]
                # An empty word means the empty cells.
                sheet = sheet.keep(cells.spread(chosen, "" in told).astype(bool) == wanted)
        return sheet

    # Rows

    def _first_rows(self, table: Table, built: _Built) -> _Built:
        """The first row of each key, and none without a key: the file repeats what is a row here."""
        key = [name for name in _thing(table) if name in built.frame and name not in built.waiting]
        first = ~built.frame.duplicated(key).to_numpy() & built.frame[key].notna().all(axis=1).to_numpy()
        if table.name == "campaigns":
            # What each row says of its own begins the campaign with the earliest, and ends it with the latest.
            groups = built.frame.groupby(key, dropna=False, sort=False)
            for name in ("briefed_at", "starts_at", "known_at", "ends_at"):
                if name in built.frame and name not in built.waiting:
                    each = groups[name]
                    built.frame[name] = each.transform("max") if name == "ends_at" else each.transform("min")
        return _Built(built.part, built.frame[first].reset_index(drop=True), built.sheet.keep(first), built.waiting)

    def _refuse_nulls(self, table: Table, part: Part, built: _Built) -> None:
        for column in table.columns:
            if column.nullable or column.name not in built.frame or column.name in built.waiting:
                continue
            origin = part.origins.get(column.name)
            name = (origin.column or origin.made_of or origin.latest_of) if origin else ()
            shown = next((one for one in name if one in built.sheet.cells.columns), column.name)
            nothing = built.frame[column.name].isna().to_numpy()
            if shown in built.sheet.cells.columns and origin is not None and not origin.divided_by:
                # What stands there and could not be read is told already.
                nothing = nothing & (distinct(built.sheet, shown, empty=origin.empty).codes < 0)
            self.troubles.rows(
                built.sheet, nothing, shown, values=None,
                expected=f"{column.doc} in every row: {table.name}.{column.name} is never null",
                mend=f"fill the cell, take the row out, or under [[{table.name}]] {column.name} say default = …",
            )  # fmt: skip

    def _open(self, table: Table, built: _Built) -> None:
        """Put an earlier state before each row that was known later than it happened."""
        part = built.part
        frame = built.frame
        later = (frame["known_at"] > frame[table.event]).to_numpy(dtype=bool)
        early = frame[later].copy()
        early["known_at"] = early[table.event]
        for column in table.columns:
            if column.name not in early:
                # What the last state does not tell, the first one does not either.
                continue
            if column.name in (part.opening or {}):
                early[column.name] = (part.opening or {})[column.name]
            elif column.type == "instant" and column.nullable and not column.planned:
                early[column.name] = early[column.name].where(early[column.name] <= early[table.event])
        # A state in which nothing but the clock is another is none.
        same = frame[later].reset_index(drop=True).drop(columns=["known_at"])
        other = early.reset_index(drop=True).drop(columns=["known_at"])
        differs = ~(same.eq(other) | (same.isna() & other.isna())).all(axis=1).to_numpy()
        early = early[differs]
        sheet = built.sheet.keep(later).keep(differs)
        built.frame = pd.concat([early, frame], ignore_index=True)
        built.sheet = join_sheets([sheet, built.sheet])

    def _learn_accounts(self, parts: list[_Built]) -> None:
        """Which id an account's name stands for, and accounts that two ids share."""
        ids: dict[str, str] = {}
        for built in sorted(parts, key=_by_account):
            if _by_account(built):
                known = built.frame["creator_id"].map(ids)
                built.frame["creator_id"] = known.where(known.notna(), built.frame["creator_id"])
            if "username" not in built.frame:
                continue
            names = built.frame[["creator_id", "username"]].dropna().drop_duplicates()
            ways = spelt_differently(names["username"], "username")
            for one, name in names.itertuples(index=False):
                plain = plain_username(name)
                first = ids.setdefault(plain, one)
                if first != one:
                    spelt = " and ".join(repr(way) for way in ways.get(plain, [name]))
                    self.notes.append(
                        f"warning: {built.sheet.name}: {spelt} look like one account, but have the ids "
                        f"{first} and {one}"
                    )
        self.accounts = ids

    def _learn_products(self, parts: list[_Built]) -> None:
        """The category and the brand of each product, by its id."""
        for name in FROM_PRODUCTS:
            frames = [one.frame[["product_id", name]].dropna() for one in parts if name in one.frame]
            self.of_products[name] = {
                str(one): str(of) for frame in frames for one, of in frame.itertuples(index=False)
            }

    def _by_products(self, name: str, products: Any) -> str | None:
        """What most of ``products`` have, the first named of equals; None where none is known."""
        known = self.of_products.get(name, {})
        found = Counter(known[one] for one in (products or ()) if one in known)
        return found.most_common(1)[0][0] if found else None

    def _times(self, built: Mapping[str, list[_Built]]) -> list[pd.Timestamp]:
        """The first and the last of every column that tells when something happened."""
        found: list[pd.Timestamp] = []
        for name, parts in built.items():
            for part in parts:
                for column in TABLES[name].columns:
                    if column.type not in ("instant", "day") or column.planned or column.name not in part.frame:
                        continue
                    if column.name == "known_at" and _adds_days(part.part.origins.get("known_at")):
                        continue
                    values = pd.to_datetime(part.frame[column.name].dropna(), utc=True)
                    found += [values.min(), values.max()] if len(values) else []
        return found

    def _fill_start(self, built: Mapping[str, list[_Built]]) -> None:
        """The day before the first thing that any file tells, for what is only known to have been there."""
        waiting = [(name, column) for name, parts in built.items() for part in parts for column in part.waiting.items()]
        known = self._times(built)
        if not known and not waiting:
            return
        if not known:
            self.troubles.say(self.mapped.name, "", "at least one date in all the files", "map a column with a date")
            return
        start, end = min(known).floor("D") - timedelta(days=1), max(known)
        for name, parts in built.items():
            for part in parts:
                for column, first in part.waiting.items():
                    part.frame[column] = start if first else end
                if _adds_days(part.part.origins.get("known_at")) and part.frame["known_at"].max() > end:
                    # Whatever a row says was known when the export was made, for there it stands.
                    part.frame["known_at"] = part.frame["known_at"].where(part.frame["known_at"] <= end, end)
                    self.notes.append(
                        f"{name}: what would be known after the data end counts as known then, {end:%Y-%m-%d}"
                    )
        for name, (column, first) in dict.fromkeys(waiting):
            what = f"{start:%Y-%m-%d}, the day before the data begin" if first else f"{end:%Y-%m-%d}, when the data end"
            self.notes.append(f"{name}: {column} is not told everywhere; it counts as {what}")

    def _add_days(self, part: Part, built: dict[str, list[_Built]]) -> None:
        """One row for every day from the first to the last that anything tells."""
        known = self._times(built)
        if not known:
            return
        days = pd.date_range(min(known).floor("D"), max(known).ceil("D"), freq="D")
        names, rows = np.full(len(days), self.mapped.name, dtype=object), np.arange(1, len(days) + 1)
        sheet = Sheet(self.mapped.name, pd.DataFrame({"day": days}), names, rows, Told())
        origins = {"day": Origin(column=("day",)), "known_at": Origin(column=("day",)), **part.origins}
        one = self._rows_of(replace(part, origins=origins), sheet, self.mapped.setting)
        if one is not None:
            built.setdefault(part.table, []).append(one)

    def _table(self, table: Table, parts: list[_Built]) -> pd.DataFrame:
        """All parts as one table, each row once."""
        frame = pd.concat([_typed(part.frame, table) for part in parts], ignore_index=True)
        sheet = join_sheets(
            [Sheet(p.sheet.name, p.sheet.cells.iloc[:, :0], p.sheet.files, p.sheet.rows, Told()) for p in parts]
        )
        derived = np.concatenate([np.full(len(part.frame), part.part.distinct) for part in parts])
        frame, files = self._once(table, frame, sheet, derived)
        self._hold_clocks(table, frame, files)
        return frame.sort_values(list(table.key), kind="stable", ignore_index=True)

    def _once(
        self, table: Table, frame: pd.DataFrame, sheet: Sheet, derived: npt.NDArray[np.bool_]
    ) -> tuple[pd.DataFrame, Sheet]:
        """Rows that stand twice in the files count once; a key with two different rows is a trouble."""
        key = list(table.key)
        hashable = frame.assign(
            **{c.name: frame[c.name].map(repr) for c in table.columns if c.type == "ids" and c.name in frame}
        )
        # What another file repeats (the creators of an orders file) gives way to the table's own rows.
        own = np.flatnonzero(~derived)
        order = np.concatenate([own, np.flatnonzero(derived)])
        hashable = hashable.iloc[order]
        gone = hashable.duplicated().to_numpy() | (derived[order] & hashable.duplicated(_thing(table)).to_numpy())
        again = int((gone & ~derived[order]).sum())
        if again:
            self.notes.append(f"{table.name}: {again:,} rows stand in the files more than once and count once")
        kept = np.sort(order[~gone])
        frame, sheet = frame.iloc[kept].reset_index(drop=True), sheet.keep(np.isin(np.arange(len(frame)), kept))
        twice = frame.duplicated(key, keep=False).to_numpy()
        named = [":".join(map(str, values)) for values in frame[key].itertuples(index=False)] if twice.any() else None
        self.troubles.rows(
            sheet, twice, ", ".join(key), values=named, expected=f"one row for each {' and '.join(key)}",
            mend='take one out, or make the id of more columns: made_of = ["…", "…"]; distinct = true keeps the first',
        )  # fmt: skip
        return frame, sheet

    def _hold_clocks(self, table: Table, frame: pd.DataFrame, sheet: Sheet) -> None:
        """Nothing that has happened lies after the row was known."""
        for column in table.columns:
            if column.type != "instant" or column.planned or column.name == "known_at" or column.name not in frame:
                continue
            late = (frame[column.name] > frame["known_at"]).to_numpy(dtype=bool)
            self.troubles.rows(
                sheet, late, f"{table.name}.{column.name}", values=frame[column.name].astype(str),
                expected="an instant that is not after the row's known_at",
                mend=f"under [[{table.name}]] say known_at = {{ latest_of = [ … ] }} with all that has happened",
            )  # fmt: skip


def _thing(table: Table) -> list[str]:
    """What tells a row of a file that repeats things: the key, of states without a beginning but the thing's id."""
    return [name for name in table.key if table.event or name != "known_at"]


def _by_account(built: _Built) -> bool:
    """Whether a creators' file knows them by their account alone."""
    origin = built.part.origins.get("creator_id")
    return origin is not None and origin.spelling == "username"


def _adds_days(origin: Origin | None) -> bool:
    return origin is not None and (origin.plus_days > 0 or _adds_days(origin.otherwise))


def _typed(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Every column of the table with a type of its own, so that parts of which one lacks a column fit together."""
    columns: dict[str, Any] = {}
    for column in table.columns:
        if column.name not in frame:
            values: Any = pd.Series(np.full(len(frame), None, dtype=object))
        else:
            values = frame[column.name]
        match column.type:
            case "instant":
                columns[column.name] = pd.to_datetime(values, utc=True).dt.as_unit("us")
            case "count":
                columns[column.name] = values.astype("Int64")
            case "measure":
                columns[column.name] = values.astype("Float64").astype(float)
            case "flag":
                columns[column.name] = values.astype("boolean")
            case "string":
                columns[column.name] = values.astype("str").where(values.notna(), None)
            case _:
                columns[column.name] = values.astype(object)
    return pd.DataFrame(columns)
