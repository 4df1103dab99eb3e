"""Rules that a row keeps or breaks by itself: types, nulls, words, bounds, clocks, and columns that contradict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from marketplace.checks.findings import EXAMPLES, Finding, Judged, Kind
from marketplace.contract import FIRST_DAY, LAST_DAY, LONGEST_TEXT, Column, Table
from marketplace.reading import SQL_TYPE, RawTable, quote
from marketplace.text import printable

__all__ = ["column_findings", "row_words"]

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_EPOCHS = (("seconds", 1e8, 1e11, "to_timestamp({0})"), ("milliseconds", 1e11, 1e14, "to_timestamp({0} / 1000)"),
           ("microseconds", 1e14, 1e17, "to_timestamp({0} / 1000000)"))  # fmt: skip
"""Unix times by their unit, the sizes that dates since 1973 have in it, and DuckDB's way to an instant."""

_ORDERED = {
    "campaigns": (("starts_at", "ends_at", "ends_at lies before starts_at", True),),
    "contents": (
        ("published_at", "live_end_at", "live_end_at lies before published_at", True),
        ("published_at", "deleted_at", "deleted_at lies before published_at", False),
    ),
    "invitations": (("sent_at", "replied_at", "replied_at lies before sent_at", False),),
    "creator_snapshots": (("gmv_30d_min", "gmv_30d_max", "gmv_30d_max lies below gmv_30d_min", True),),
    "orders": (("refunded_quantity", "quantity", "refunded_quantity is above quantity; all of it counts as refunded",
                False),),
}  # fmt: skip
"""By table: a column that is at most the next, what is said otherwise, and whether that is a problem."""


@dataclass(frozen=True)
class _Rule:
    """One condition on one column: rows where ``sql`` holds break it."""

    column: Column
    kind: Kind
    sql: str
    text: str
    is_problem: bool = True
    mend: str = ""


def column_findings(connection: duckdb.DuckDBPyConnection, table: Table, raw: RawTable) -> Iterator[Judged]:
    """Every rule of every column in one pass; the few that are broken again for their examples."""
    rules = list(_rules(table, raw))
    counts = ", ".join(f"count(*) FILTER ({rule.sql})" for rule in rules)
    broken = connection.execute(f"SELECT {counts} FROM {quote(table.name)}").fetchone() or ()
    for rule, count in zip(rules, broken, strict=True):
        if count or (rule.kind == "missing_column" and rule.sql == "TRUE"):
            lacks = rule.kind == "missing_column"
            shown = () if lacks else _examples(connection, table, rule)
            text = rule.text if rule.sql == "TRUE" else f"{count} rows: {rule.text}"
            mend = rule.mend
            if rule.kind == "wrong_type":
                mend = _cast_mend(connection, table, rule.column, raw) or mend
            yield Finding(table.name, rule.column.name, rule.kind, count, text, shown, mend), rule.is_problem


def _rules(table: Table, raw: RawTable) -> Iterator[_Rule]:
    for column in table.columns:
        name, bad = quote(column.name), quote(column.name + "__bad")
        if column.name not in raw.raw_types and column.assumed:
            continue
        if column.name not in raw.raw_types:
            needed = not column.nullable
            text = "the column is missing" if needed else "the column is missing; what depends on it is null"
            yield _Rule(column, "missing_column", "TRUE", text, is_problem=needed)
            continue
        if not column.assumed:
            needed = not column.nullable
            yield _Rule(column, "missing_column", f"{bad} IS NULL", "files lack the column", is_problem=needed)
        received = " and ".join(raw.raw_types[column.name])
        wanted = f"{SQL_TYPE[column.type]} ({column.type})"
        yield _Rule(
            column, "wrong_type", bad, f"does not cast to {wanted} without loss; received {received}",
            mend=f"write {column.name} as {column.arrow}",
        )  # fmt: skip
        if not column.nullable:
            yield _Rule(
                column, "null", f"{name} IS NULL AND NOT {bad}", "null is not allowed",
                mend=f"tell {column.name}, or leave those rows out",
            )  # fmt: skip
        if column.type == "ids":
            yield _Rule(column, "null", f"len({name}) > list_count({name})", "null in the list")
        yield from _words(column, name)
        if column.type == "measure":
            yield _Rule(column, "not_finite", f"NOT isfinite({name})", "is not a finite number")
        yield from _bounds(column, name)
        yield from _clock(table, column, raw)
    yield from _order(table, raw)


def _words(column: Column, name: str) -> Iterator[_Rule]:
    if column.values:
        allowed = ", ".join(f"'{value}'" for value in column.values)
        currency = column.name == "currency"
        kind: Kind = "unknown_currency" if currency else "unknown_value"
        text = (
            "is no currency; ISO 4217 codes are known, such as USD, GBP and IDR"
            if currency
            else f"an unknown value; known are {', '.join(column.values)}"
        )
        yield _Rule(column, kind, f"{name} NOT IN ({allowed})", text)
    elif column.pattern:
        text = f"an unknown value; expected {column.shape}"
        yield _Rule(column, "unknown_value", f"NOT regexp_full_match({name}, '{column.pattern}')", text)
    elif column.type == "string":
        text = f"has more than {LONGEST_TEXT} characters"
        yield _Rule(column, "too_long", f"length({name}) > {LONGEST_TEXT}", text, mend=f"shorten {column.name}")
    elif column.type == "ids":
        long = f"len(list_filter({name}, lambda x: length(x) > {LONGEST_TEXT})) > 0"
        yield _Rule(column, "too_long", long, f"an id has more than {LONGEST_TEXT} characters")


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
        text = f"lies outside {low} to {high}"
        mend = "fractions are written 0.12 for 12 %" if column.unit == "fraction" else ""
        yield _Rule(column, "out_of_bounds", f"({' OR '.join(limits)}){finite}", text, mend=mend)
    if column.type in ("instant", "day") and not column.planned:
        at = f"CAST({name} AS TIMESTAMPTZ)" if column.type == "day" else name
        span = f"{at} < TIMESTAMPTZ '{FIRST_DAY}' OR {at} >= TIMESTAMPTZ '{LAST_DAY}'"
        yield _Rule(
            column, "out_of_bounds", f"({span})", f"lies outside {FIRST_DAY} to {LAST_DAY}",
            mend="look whether seconds, milliseconds and microseconds were mixed up; null is not known",
        )  # fmt: skip


def _clock(table: Table, column: Column, raw: RawTable) -> Iterator[_Rule]:
    happened = column.type == "instant" and not column.planned and column.name != "known_at"
    if (happened or column.name == table.event) and "known_at" in raw.raw_types:
        event = f"CAST({quote(column.name)} AS TIMESTAMPTZ)"
        mend = f"known_at at {column.name} or later; what changes later is a new row"
        yield _Rule(column, "known_before_event", f"known_at < {event}", "known_at lies before it", mend=mend)


def _order(table: Table, raw: RawTable) -> Iterator[_Rule]:
    for less, more, text, is_problem in _ORDERED.get(table.name, ()):
        if less in raw.raw_types and more in raw.raw_types:
            sql = f"{quote(less)} > {quote(more)}"
            column = table.by_name[less if table.name == "orders" else more]
            yield _Rule(column, "contradiction", sql, text, is_problem=is_problem)


def _examples(connection: duckdb.DuckDBPyConnection, table: Table, rule: _Rule) -> tuple[str, ...]:
    beside = ["known_at"] if "known_at < " in rule.sql else []
    if rule.kind == "contradiction":
        beside = [name for pair in _ORDERED[table.name] for name in pair[:2] if quote(name) in rule.sql]
    names = list(dict.fromkeys([*table.key, rule.column.name, *beside]))
    # What does not cast is shown as the file has it.
    values = ", ".join(f"coalesce(CAST({quote(n)} AS VARCHAR), {quote(n + '__raw')})" for n in names)
    order = ", ".join(quote(name) for name in names)
    rows = connection.execute(
        f"SELECT {values} FROM {quote(table.name)} WHERE {rule.sql} ORDER BY {order} LIMIT {EXAMPLES}"
    ).fetchall()
    return tuple(row_words(names, row) for row in rows)


def row_words(names: list[str], row: tuple[object, ...]) -> str:
    """``a=1, b=x``; values of more than 80 characters are cut."""
    values = (str(value) if len(str(value)) <= 80 else f"{str(value)[:79]}…" for value in row)
    return ", ".join(f"{name}={printable(value)}" for name, value in zip(names, values, strict=True))


def _cast_mend(connection: duckdb.DuckDBPyConnection, table: Table, column: Column, raw: RawTable) -> str:
    """The mend of a wrong type where the values tell it: Unix times, numbers in words of another language."""
    kinds = raw.raw_types[column.name]
    shown = quote(column.name + "__raw")
    if column.type in ("instant", "day") and all(kind in (*_WHOLE, "DOUBLE") for kind in kinds):
        found = connection.execute(
            f"SELECT median(TRY_CAST({shown} AS DOUBLE)) FROM {quote(table.name)} WHERE {quote(column.name + '__bad')}"
        ).fetchone()
        size = found[0] if found and found[0] is not None else 0.0
        for unit, low, high, way in _EPOCHS:
            if low <= size < high:
                return f"these look like Unix {unit}: {way.format(column.name)} in DuckDB makes instants of them"
    if "VARCHAR" in kinds and column.type in ("measure", "count"):
        return f"write {column.name} as a number: a point before decimals, no grouping marks, no currency sign"
    if "VARCHAR" in kinds and column.type in ("instant", "day"):
        return f"write {column.name} as {column.arrow}: CAST({column.name} AS TIMESTAMPTZ) in DuckDB reads ISO 8601"
    return ""
