"""Check a marketplace against the contract and report every problem at once.

`check` reads the raw files itself and never stops at the first problem: what one problem hides (the
values of a column of the wrong type, say) is left out of the later checks, everything else is still looked at.
Problems make a marketplace unfit; notes say what is missing that the contract allows to be missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import pandas as pd

from marketplace.checks.raw import SQL_TYPE, RawTable, Tables, connect, files_of, quote, view_of_files, view_of_frame
from marketplace.contract import (
    FX_FILL_DAYS,
    LARGEST_RATE,
    LEAST_RATE,
    RATE_FACTOR,
    REPORTING_CURRENCY,
    TABLES,
    Column,
    Table,
)
from marketplace.display import Shown, text_of
from marketplace.errors import ContractError

__all__ = ["EXAMPLES", "Finding", "Kind", "Report", "check", "report_text"]

EXAMPLES = 3
"""Examples shown of each problem, at most."""

Kind = Literal[
    "missing_table",
    "missing_column",
    "unreadable_file",
    "wrong_type",
    "null",
    "not_finite",
    "unknown_value",
    "unknown_currency",
    "out_of_bounds",
    "known_before_event",
    "duplicate_key",
    "dangling_reference",
    "unknown_column",
    "unknown_table",
    "not_read",
    "empty_table",
    "unchecked_reference",
    "missing_rate",
    "absurd_rate",
]


@dataclass(frozen=True)
class Finding:
    """One kind of problem, or one note, with one column of one table.

    Attributes
    ----------
    table, column : str
        ``column`` is empty where the finding is about the whole table, and ``"a, b"`` for a key of several.
    count : int
        Rows concerned (list entries for id lists, files for unreadable files, 1 for a missing table).
    text : str
        The same in plain words.
    examples : tuple of str
        Up to `EXAMPLES` of the rows, in the order of the table's key.
    """

    table: str
    column: str
    kind: Kind
    count: int
    text: str
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.table}.{self.column}" if self.column else self.table
        shown = f" (such as {'; '.join(self.examples)})" if self.examples else ""
        return f"{where}: {self.text}{shown}"


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """What `check` found.

    Attributes
    ----------
    rows : dict of str to int
        Readable rows of each table that is there.
    problems, notes : tuple of Finding
        In the order of the contract's tables.
    """

    rows: dict[str, int]
    problems: tuple[Finding, ...]
    notes: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the marketplace keeps the contract."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """The same for a program: ``{ok, rows, problems[], notes[]}``."""
        return {"ok": self.ok, **asdict(self)}

    @property
    def headline(self) -> str:
        """Whether the contract is kept, and how much there is to read about it."""
        kept = "keeps the contract" if self.ok else "breaks the contract"
        return f"{kept}: {len(self.problems)} problems, {len(self.notes)} notes on {len(self.rows)} tables"

    def to_frame(self) -> pd.DataFrame:
        """One row a finding, problems first: ``problem`` (bool), table, column, kind, count, text, examples."""
        rows = [
            {"problem": finding in self.problems, **vars(finding), "examples": "; ".join(finding.examples)}
            for finding in (*self.problems, *self.notes)
        ]
        return pd.DataFrame(rows, columns=["problem", "table", "column", "kind", "count", "text", "examples"])


@text_of.register
def report_text(report: Report) -> str:
    """The tables with their rows, every note and every problem on a line, and the verdict."""
    return "\n".join(
        [
            *(f"{table:<18} {rows:>11,} rows" for table, rows in report.rows.items()),
            *(f"note     {note}" for note in report.notes),
            *(f"PROBLEM  {problem}" for problem in report.problems),
            "keeps the contract" if report.ok else "breaks the contract",
        ]
    )


def check(market: str | Path | Tables) -> Report:
    """Look at every table of ``market`` and report all problems.

    Parameters
    ----------
    market : path or marketplace.tables.Marketplace
        A folder with one sub-folder a table, or a marketplace that is open already. Frames in memory have
        been cast to the contract's types, so types and columns are not looked at again there.

    Raises
    ------
    ContractError
        The path is no folder.
    """
    path = Path(market) if isinstance(market, str | Path) else market.path
    if path is not None and not path.is_dir():
        raise ContractError(
            "a folder with one sub-folder of Parquet files a table",
            received=f"{path}, which is no folder",
            look="docs/contract.md",
        )
    with connect() as connection:
        found: dict[str, RawTable] = {}
        if path is not None:
            for name, files in files_of(path).items():
                found[name] = view_of_files(connection, TABLES[name], files)
        elif not isinstance(market, str | Path):
            for name in sorted(market.present):
                found[name] = view_of_frame(connection, TABLES[name], market)
        findings = [*_strangers(path), *(f for table in TABLES.values() for f in _table(connection, table, found))]
    problems = tuple(finding for finding, is_problem in findings if is_problem)
    notes = tuple(finding for finding, is_problem in findings if not is_problem)
    return Report(rows={name: raw.rows for name, raw in found.items()}, problems=problems, notes=notes)


Judged = tuple[Finding, bool]
"""A finding and whether it is a problem (or a note)."""


def _strangers(path: Path | None) -> Iterator[Judged]:
    """Notes on folders and files that nothing reads."""
    if path is None:
        return
    for entry in sorted(path.iterdir()):
        if entry.is_dir() and entry.name not in (*TABLES, "truth") and any(entry.glob("*.parquet")):
            yield Finding(entry.name, "", "unknown_table", 1, "is no table of the contract and is not read"), False
        elif entry.name in TABLES and entry.is_dir():
            other = [
                file for file in sorted(entry.rglob("*")) if file.is_file() and file not in entry.glob("*.parquet")
            ]
            if other:
                names = tuple(str(file.relative_to(path)) for file in other[:EXAMPLES])
                text = f"{len(other)} files are not read (only {entry.name}/*.parquet is)"
                yield Finding(entry.name, "", "not_read", len(other), text, names), False


def _table(connection: duckdb.DuckDBPyConnection, table: Table, found: dict[str, RawTable]) -> Iterator[Judged]:
    if table.name not in found:
        text = "the table is missing" if table.required else "the table is missing; what depends on it is null"
        yield Finding(table.name, "", "missing_table", 1, text), table.required
        return
    raw = found[table.name]
    if raw.unreadable:
        shown = tuple(f"{Path(file).name}: {reason}" for file, reason in list(raw.unreadable.items())[:EXAMPLES])
        text = f"{len(raw.unreadable)} files cannot be read"
        yield Finding(table.name, "", "unreadable_file", len(raw.unreadable), text, shown), True
    if not raw.rows:
        yield Finding(table.name, "", "empty_table", 0, "the table has no rows"), False
    for name, rows in raw.unknown.items():
        yield Finding(table.name, name, "unknown_column", rows, "is no column of the contract and is not read"), False
    yield from _columns(connection, table, raw)
    yield from _duplicates(connection, table, raw)
    for column in table.columns:
        if column.refers_to and column.name in raw.raw_types:
            yield from _references(connection, table, column, found)
    yield from _rates(connection, table, found)


@dataclass(frozen=True)
class _Rule:
    """One condition on one column: rows where ``sql`` holds break it."""

    column: Column
    kind: Kind
    sql: str
    text: str
    is_problem: bool = True


def _rules(table: Table, raw: RawTable) -> Iterator[_Rule]:
    for column in table.columns:
        name, bad = quote(column.name), quote(column.name + "__bad")
        if column.name not in raw.raw_types:
            needed = not column.nullable
            text = "the column is missing" if needed else "the column is missing; what depends on it is null"
            yield _Rule(column, "missing_column", "TRUE", text, is_problem=needed)
            continue
        yield _Rule(column, "missing_column", f"{bad} IS NULL", "files lack the column", is_problem=not column.nullable)
        received = " and ".join(raw.raw_types[column.name])
        wanted = f"{SQL_TYPE[column.type]} ({column.type})"
        yield _Rule(column, "wrong_type", bad, f"does not cast to {wanted} without loss; received {received}")
        if not column.nullable:
            yield _Rule(column, "null", f"{name} IS NULL AND NOT {bad}", "null is not allowed")
        if column.type == "ids":
            yield _Rule(column, "null", f"len({name}) > list_count({name})", "null in the list")
        if column.values:
            allowed = ", ".join(f"'{value}'" for value in column.values)
            kind: Kind = "unknown_currency" if column.name == "currency" else "unknown_value"
            words = "an unknown currency" if kind == "unknown_currency" else "an unknown value"
            yield _Rule(column, kind, f"{name} NOT IN ({allowed})", f"{words}; known are {', '.join(column.values)}")
        if column.type == "measure":
            yield _Rule(column, "not_finite", f"NOT isfinite({name})", "is not a finite number")
        yield from _bounds(column, name)
        yield from _clock(table, column, raw)


def _bounds(column: Column, name: str) -> Iterator[_Rule]:
    limits = []
    if column.minimum is not None:
        limits.append(f"{name} < {column.minimum!r}")
    if column.maximum is not None:
        limits.append(f"{name} > {column.maximum!r}")
    if limits:
        finite = f" AND isfinite({name})" if column.type == "measure" else ""
        low = "-inf" if column.minimum is None else f"{column.minimum:g}"
        high = "inf" if column.maximum is None else f"{column.maximum:g}"
        text = "is negative" if (low, high) == ("0", "inf") else f"lies outside {low} to {high}"
        yield _Rule(column, "out_of_bounds", f"({' OR '.join(limits)}){finite}", text)


def _clock(table: Table, column: Column, raw: RawTable) -> Iterator[_Rule]:
    happened = column.type == "instant" and not column.planned and column.name != "known_at"
    if (happened or column.name == table.event) and "known_at" in raw.raw_types:
        event = f"CAST({quote(column.name)} AS TIMESTAMPTZ)"
        yield _Rule(column, "known_before_event", f"known_at < {event}", "known_at lies before it")


def _columns(connection: duckdb.DuckDBPyConnection, table: Table, raw: RawTable) -> Iterator[Judged]:
    """Every rule of every column in one pass; the few that are broken again for their examples."""
    rules = list(_rules(table, raw))
    counts = ", ".join(f"count(*) FILTER ({rule.sql})" for rule in rules)
    broken = connection.execute(f"SELECT {counts} FROM {quote(table.name)}").fetchone() or ()
    for rule, count in zip(rules, broken, strict=True):
        if count or (rule.kind == "missing_column" and rule.sql == "TRUE"):
            lacks = rule.kind == "missing_column"
            shown = () if lacks else _examples(connection, table, rule.column, rule.sql)
            text = rule.text if rule.sql == "TRUE" else f"{count} rows: {rule.text}"
            yield Finding(table.name, rule.column.name, rule.kind, count, text, shown), rule.is_problem


def _examples(connection: duckdb.DuckDBPyConnection, table: Table, column: Column, condition: str) -> tuple[str, ...]:
    names = list(dict.fromkeys([*table.key, column.name, *(["known_at"] if "known_at < " in condition else [])]))
    values = ", ".join(f"CAST({quote(name)} AS VARCHAR)" for name in names)
    order = ", ".join(quote(name) for name in names)
    rows = connection.execute(
        f"SELECT {values} FROM {quote(table.name)} WHERE {condition} ORDER BY {order} LIMIT {EXAMPLES}"
    ).fetchall()
    return tuple(_words(names, row) for row in rows)


def _words(names: list[str], row: tuple[Any, ...]) -> str:
    return ", ".join(f"{name}={value}" for name, value in zip(names, row, strict=True))


def _duplicates(connection: duckdb.DuckDBPyConnection, table: Table, raw: RawTable) -> Iterator[Judged]:
    if any(name not in raw.raw_types for name in table.key):
        return
    # Whole keys are grouped only where the hash repeats: of millions of rows that is next to none.
    key = ", ".join(quote(name) for name in table.key)
    there = " AND ".join(f"{quote(name)} IS NOT NULL" for name in table.key)
    view = quote(table.name)
    repeated = (
        f"SELECT {key}, count(*) AS n FROM {view} WHERE {there} AND hash({key}) IN "
        f"(SELECT h FROM (SELECT hash({key}) AS h FROM {view}) GROUP BY h HAVING count(*) > 1) "
        f"GROUP BY {key} HAVING count(*) > 1"
    )
    counted = connection.execute(f"SELECT coalesce(sum(n - 1), 0)::BIGINT FROM ({repeated})").fetchone()
    count = counted[0] if counted else 0
    if count:
        values = ", ".join(f"CAST({quote(name)} AS VARCHAR)" for name in table.key)
        rows = connection.execute(f"SELECT {values} FROM ({repeated}) ORDER BY {key} LIMIT {EXAMPLES}").fetchall()
        shown = tuple(_words(list(table.key), row) for row in rows)
        text = f"{count} rows repeat the key of another row"
        yield Finding(table.name, ", ".join(table.key), "duplicate_key", count, text, shown), True


def _references(
    connection: duckdb.DuckDBPyConnection, table: Table, column: Column, found: dict[str, RawTable]
) -> Iterator[Judged]:
    target, target_column = column.refers_to.split(".")
    if not _whole(connection, target, target_column, found):
        text = f"its values are not checked: {column.refers_to} is missing or cannot be read in full"
        yield Finding(table.name, column.name, "unchecked_reference", 0, text), False
        return
    value = f"unnest({quote(column.name)})" if column.type == "ids" else quote(column.name)
    dangling = (
        f"SELECT v FROM (SELECT {value} AS v FROM {quote(table.name)}) WHERE v IS NOT NULL AND v NOT IN "
        f"(SELECT {quote(target_column)} FROM {quote(target)} WHERE {quote(target_column)} IS NOT NULL)"
    )
    counted = connection.execute(f"SELECT count(*) FROM ({dangling})").fetchone()
    if counted and counted[0]:
        rows = connection.execute(f"SELECT DISTINCT v FROM ({dangling}) ORDER BY v LIMIT {EXAMPLES}").fetchall()
        text = f"{counted[0]} values are not in {column.refers_to}"
        shown = tuple(str(row[0]) for row in rows)
        yield Finding(table.name, column.name, "dangling_reference", counted[0], text, shown), True


def _whole(connection: duckdb.DuckDBPyConnection, table: str, column: str, found: dict[str, RawTable]) -> bool:
    """Whether every row of ``table`` could be read with a value of ``column`` of the right type."""
    if table not in found or column not in found[table].raw_types or found[table].unreadable:
        return False
    bad = quote(column + "__bad")
    return connection.execute(f"SELECT 1 FROM {quote(table)} WHERE {bad} IS NULL OR {bad} LIMIT 1").fetchone() is None


def _rates(connection: duckdb.DuckDBPyConnection, table: Table, found: dict[str, RawTable]) -> Iterator[Judged]:
    """A note where money of some day has no rate of that day or of the `FX_FILL_DAYS` before; rates that are absurd."""
    raw = found[table.name]
    if table.name == "fx_rates" and {"currency", "day", "usd_rate"} <= set(raw.raw_types):
        yield from _absurd_rates(connection)
    needed = {"currency", table.event}
    if table.name == "fx_rates" or not table.event or not needed <= set(raw.raw_types):
        return
    money = (
        f"SELECT currency, CAST({quote(table.event)} AS DATE) AS day FROM {quote(table.name)} "
        f"WHERE currency <> '{REPORTING_CURRENCY}' AND {quote(table.event)} IS NOT NULL"
    )
    rated = "fx_rates" in found and {"currency", "day"} <= set(found["fx_rates"].raw_types)
    known = (
        f" ANTI JOIN (SELECT DISTINCT currency, CAST(day + CAST(o AS INTEGER) AS DATE) AS day FROM fx_rates, "
        f"range({FX_FILL_DAYS + 1}) AS offsets(o) WHERE day IS NOT NULL) AS rates USING (currency, day)"
        if rated
        else ""
    )
    lacking = f"SELECT currency, day FROM ({money}) AS money{known}"
    counted = connection.execute(f"SELECT count(*) FROM ({lacking})").fetchone()
    if counted and counted[0]:
        rows = connection.execute(
            f"SELECT DISTINCT currency, CAST(day AS VARCHAR) AS d FROM ({lacking}) ORDER BY ALL LIMIT {EXAMPLES}"
        ).fetchall()
        text = (
            f"{counted[0]} rows have money that fx_rates cannot turn into {REPORTING_CURRENCY}: no rate of that day "
            f"or the {FX_FILL_DAYS} before; it is null"
        )
        shown = tuple(f"{currency} on {day}" for currency, day in rows)
        yield Finding(table.name, "currency", "missing_rate", counted[0], text, shown), False


def _absurd_rates(connection: duckdb.DuckDBPyConnection) -> Iterator[Judged]:
    """Rates far from their currency's others, and dollars that are not worth a dollar.

    What lies outside the contract's bounds is told there already. A currency that is everywhere off by the same
    factor cannot be told from its own rates; the bounds are all there is against that.
    """
    within = f"isfinite(usd_rate) AND usd_rate BETWEEN {LEAST_RATE} AND {LARGEST_RATE}"
    off = (
        "SELECT currency, day, usd_rate FROM (SELECT *, median(usd_rate) OVER (PARTITION BY currency) AS usual "
        f"FROM fx_rates WHERE {within}) "
        f"WHERE CASE WHEN currency = '{REPORTING_CURRENCY}' THEN abs(usd_rate - 1) > 1e-9 "
        f"ELSE usd_rate > {RATE_FACTOR} * usual OR usd_rate * {RATE_FACTOR} < usual END"
    )
    counted = connection.execute(f"SELECT count(*) FROM ({off})").fetchone()
    if counted and counted[0]:
        rows = connection.execute(
            f"SELECT currency, CAST(day AS VARCHAR), usd_rate FROM ({off}) ORDER BY ALL LIMIT {EXAMPLES}"
        ).fetchall()
        shown = tuple(_words(["currency", "day", "usd_rate"], row) for row in rows)
        text = (
            f"{counted[0]} rows: {RATE_FACTOR:g} times off the currency's usual rate, "
            f"or a {REPORTING_CURRENCY} that is not 1"
        )
        yield Finding("fx_rates", "usd_rate", "absurd_rate", counted[0], text, shown), True
