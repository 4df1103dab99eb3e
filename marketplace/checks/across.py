"""Rules across rows and tables: keys, references, rates, totals, and the clocks of a whole table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb

from marketplace.checks.findings import EXAMPLES, Finding, Judged
from marketplace.checks.rules import row_words
from marketplace.contract import (
    FX_FILL_DAYS,
    LARGEST_RATE,
    LARGEST_TOTAL_USD,
    LEAST_RATE,
    MARKETS,
    RATE_FACTOR,
    REPORTING_CURRENCY,
    TABLES,
    USUAL_FACTOR,
    USUAL_RATES,
    Column,
    Table,
)
from marketplace.reading import RawTable, quote

__all__ = ["across_findings", "clock_findings"]

AHEAD_DAYS = 366
"""Days by which a few rows may lie ahead of everything else before they are taken for slips."""

_AHEAD_SHARE = 0.01
_DRIVES_THE_DAY = (("orders", "ordered_at"), ("invitations", "sent_at"), ("campaigns", "briefed_at"),
                   ("deliveries", "posted_at"))  # fmt: skip
"""Tables whose latest rows move the day as of which everything is read, and their events."""

_ONE_DAY_ROWS, _ONE_DAY_SPAN = 20, 30
"""So many rows, with events over so many days, that are all known on one day were dated by the export."""

Found = Mapping[str, RawTable]


def across_findings(connection: duckdb.DuckDBPyConnection, table: Table, found: Found) -> Iterator[Judged]:
    """What only several rows of ``table``, or other tables beside it, can tell."""
    raw = found[table.name]
    yield from _duplicates(connection, table, raw)
    for column in table.columns:
        if column.refers_to and column.name in raw.raw_types:
            yield from _references(connection, table, column, found)
    yield from _markets(connection, table, raw)
    yield from _rates(connection, table, found)
    yield from _totals(connection, table, found)
    yield from _one_day(connection, table, raw)


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    counted = connection.execute(sql).fetchone()
    return int(counted[0] or 0) if counted else 0


def _duplicates(connection: duckdb.DuckDBPyConnection, table: Table, raw: RawTable) -> Iterator[Judged]:
    if any(name not in raw.raw_types for name in table.key):
        return
    # Whole keys are grouped only where the hash repeats: of millions of rows that is next to none.
    key = ", ".join(quote(name) for name in table.key)
    there = " AND ".join(f"{quote(name)} IS NOT NULL" for name in table.key)
    view = quote(table.name)
    every = ", ".join(quote(column.name) for column in table.columns)
    repeated = (
        f"SELECT {key}, count(*) AS n, count(DISTINCT hash({every})) AS kinds FROM {view} WHERE {there} AND "
        f"hash({key}) IN (SELECT h FROM (SELECT hash({key}) AS h FROM {view}) GROUP BY h HAVING count(*) > 1) "
        f"GROUP BY {key} HAVING count(*) > 1"
    )
    values = ", ".join(f"CAST({quote(name)} AS VARCHAR)" for name in table.key)
    cases = (
        (False, "kinds > 1", "rows repeat the key of another row, and say something else",
         "one row a key; what changed later is a row with a later known_at"),
        (True, "kinds = 1", "rows are copies of another row; one of them is read", "leave the copies out"),
    )  # fmt: skip
    for copies, which, text, mend in cases:
        count = _count(connection, f"SELECT coalesce(sum(n - 1), 0)::BIGINT FROM ({repeated}) WHERE {which}")
        if count:
            rows = connection.execute(
                f"SELECT {values} FROM ({repeated}) WHERE {which} ORDER BY {key} LIMIT {EXAMPLES}"
            ).fetchall()
            shown = tuple(row_words(list(table.key), row) for row in rows)
            of = ", ".join(name for name in table.key if name != "known_at")
            yield Finding(table.name, of, "duplicate_key", count, f"{count} {text}", shown, mend, copies), True


def _references(connection: duckdb.DuckDBPyConnection, table: Table, column: Column, found: Found) -> Iterator[Judged]:
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
    count = _count(connection, f"SELECT count(*) FROM ({dangling})")
    if count:
        rows = connection.execute(f"SELECT DISTINCT v FROM ({dangling}) ORDER BY v LIMIT {EXAMPLES}").fetchall()
        text = f"{count} values are not in {column.refers_to}"
        mend = f"hand over their rows of {target}, or leave these out"
        yield (
            Finding(
                table.name, column.name, "dangling_reference", count, text, tuple(str(row[0]) for row in rows), mend
            ),
            True,
        )


def _whole(connection: duckdb.DuckDBPyConnection, table: str, column: str, found: Found) -> bool:
    """Whether every row of ``table`` could be read with a value of ``column`` of the right type."""
    if table not in found or column not in found[table].raw_types or found[table].unreadable:
        return False
    bad = quote(column + "__bad")
    return connection.execute(f"SELECT 1 FROM {quote(table)} WHERE {bad} IS NULL OR {bad} LIMIT 1").fetchone() is None


def _markets(connection: duckdb.DuckDBPyConnection, table: Table, raw: RawTable) -> Iterator[Judged]:
    """A note where a market is one whose currency and time zone are not known here."""
    if "market" not in raw.raw_types:
        return
    known = ", ".join(f"'{code}'" for code in MARKETS)
    strange = (
        f"SELECT market FROM {quote(table.name)} WHERE market NOT IN ({known}) "
        f"AND regexp_full_match(market, '{table.by_name['market'].pattern}')"
    )
    count = _count(connection, f"SELECT count(*) FROM ({strange})")
    if count:
        rows = connection.execute(f"SELECT DISTINCT market FROM ({strange}) ORDER BY ALL LIMIT {EXAMPLES}").fetchall()
        text = f"{count} rows of markets that are not listed; they are read as they are"
        mend = "nothing where the code is right (ISO 3166: GB and not UK); the list is marketplace/contract/markets.py"
        yield (
            Finding(table.name, "market", "unknown_market", count, text, tuple(str(row[0]) for row in rows), mend),
            False,
        )


def _rates(connection: duckdb.DuckDBPyConnection, table: Table, found: Found) -> Iterator[Judged]:
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
    count = _count(connection, f"SELECT count(*) FROM ({lacking})")
    if count:
        rows = connection.execute(
            f"SELECT DISTINCT currency, CAST(day AS VARCHAR) AS d FROM ({lacking}) ORDER BY ALL LIMIT {EXAMPLES}"
        ).fetchall()
        text = (
            f"{count} rows have money that fx_rates cannot turn into {REPORTING_CURRENCY}: neither their day nor the "
            f"{FX_FILL_DAYS} before have a rate; they count, and what they came to in {REPORTING_CURRENCY} is not known"
        )
        shown = tuple(f"{currency} on {day}" for currency, day in rows)
        mend = "rates of those days, or of a day in the week before"
        yield Finding(table.name, "currency", "missing_rate", count, text, shown, mend), False


def _absurd_rates(connection: duckdb.DuckDBPyConnection) -> Iterator[Judged]:
    """Rates far from their currency's others or from what the currency is usually worth, and dollars that are not one.

    What lies outside the contract's bounds, or is of no currency that it knows, is told there already: rows under one
    unknown code need not be of one currency, so that their rates say nothing about each other.
    """
    known = ", ".join(f"'{code}'" for code in TABLES["fx_rates"].by_name["currency"].values)
    within = f"isfinite(usd_rate) AND usd_rate BETWEEN {LEAST_RATE} AND {LARGEST_RATE} AND currency IN ({known})"
    usual = ", ".join(f"('{currency}', {rate!r})" for currency, rate in USUAL_RATES.items())
    off = (
        "SELECT currency, day, usd_rate, worth FROM (SELECT *, median(usd_rate) OVER (PARTITION BY currency) AS middle "
        f"FROM fx_rates WHERE {within}) LEFT JOIN (VALUES {usual}) AS v(currency, worth) USING (currency) "
        f"WHERE CASE WHEN currency = '{REPORTING_CURRENCY}' THEN abs(usd_rate - 1) > 1e-9 "
        f"ELSE usd_rate > {RATE_FACTOR} * middle OR usd_rate * {RATE_FACTOR} < middle "
        f"OR usd_rate > {USUAL_FACTOR} * worth OR usd_rate * {USUAL_FACTOR} < worth END"
    )
    count = _count(connection, f"SELECT count(*) FROM ({off})")
    if count:
        rows = connection.execute(
            f"SELECT currency, CAST(day AS VARCHAR), usd_rate FROM ({off}) ORDER BY ALL LIMIT {EXAMPLES}"
        ).fetchall()
        fits = f"1 / usd_rate BETWEEN worth / {USUAL_FACTOR} AND worth * {USUAL_FACTOR}"
        turned = _count(connection, f"SELECT count(*) FROM ({off}) WHERE {fits}")
        shown = tuple(row_words(["currency", "day", "usd_rate"], row) for row in rows)
        text = (
            f"{count} rows: {RATE_FACTOR:g} times off the currency's other rates, {USUAL_FACTOR:g} times off what "
            f"it is usually worth, or a {REPORTING_CURRENCY} that is not 1"
        )
        mend = (
            f"{turned} of them fit upside down: usd_rate is {REPORTING_CURRENCY} for one unit of the currency"
            if turned
            else f"{REPORTING_CURRENCY} for one unit of the currency"
        )
        yield Finding("fx_rates", "usd_rate", "absurd_rate", count, text, shown, mend), True


def _totals(connection: duckdb.DuckDBPyConnection, table: Table, found: Found) -> Iterator[Judged]:
    """Columns of money whose sum no shop ever takes: a wrong unit, and too much for exact sums."""
    raw = found[table.name]
    if "currency" not in raw.raw_types:
        return
    rates = (
        "SELECT currency, max(usd_rate) AS rate FROM fx_rates "
        f"WHERE isfinite(usd_rate) AND usd_rate BETWEEN {LEAST_RATE} AND {LARGEST_RATE} GROUP BY currency"
        if "fx_rates" in found and {"currency", "usd_rate"} <= set(found["fx_rates"].raw_types)
        else "SELECT NULL::VARCHAR AS currency, NULL::DOUBLE AS rate WHERE FALSE"
    )
    usual = ", ".join(f"('{currency}', {rate!r})" for currency, rate in USUAL_RATES.items())
    for column in table.columns:
        if column.unit != "own currency" or column.name not in raw.raw_types:
            continue
        each = quote(column.name)
        if (table.name, column.name) == ("orders", "price") and "quantity" in raw.raw_types:
            each = "price * greatest(quantity, 1)"
        total = connection.execute(
            f"SELECT sum(abs({each}) * coalesce(rate, worth, 1.0)) FROM {quote(table.name)} LEFT JOIN ({rates}) "
            f"USING (currency) LEFT JOIN (VALUES {usual}) AS v(currency, worth) USING (currency) "
            f"WHERE isfinite({each})"
        ).fetchone()
        if total and total[0] is not None and total[0] > LARGEST_TOTAL_USD:
            text = f"comes to {total[0]:.3g} {REPORTING_CURRENCY} in all; sums are exact up to {LARGEST_TOTAL_USD:.0e}"
            mend = "money in major units, in the row's own currency"
            yield Finding(table.name, column.name, "too_large", 1, text, (), mend), True


def _one_day(connection: duckdb.DuckDBPyConnection, table: Table, raw: RawTable) -> Iterator[Judged]:
    """A note where ``known_at`` is the day of the export: then nothing is known any earlier."""
    if not table.event or not {"known_at", table.event} <= set(raw.raw_types):
        return
    found = connection.execute(
        f"SELECT count(*), count(DISTINCT CAST(known_at AS DATE)), CAST(min(CAST(known_at AS DATE)) AS VARCHAR), "
        f"date_diff('day', min(CAST({quote(table.event)} AS DATE)), max(CAST({quote(table.event)} AS DATE))) "
        f"FROM {quote(table.name)}"
    ).fetchone()
    if found and found[0] >= _ONE_DAY_ROWS and found[1] == 1 and (found[3] or 0) > _ONE_DAY_SPAN:
        text = (
            f"all {found[0]:,} rows are known on {found[2]} and none before: nothing can be learned, measured or "
            f"ranked as of an earlier day, for nobody could have known it"
        )
        mend = f"known_at as the platform could have told each row ({table.event} or soon after), not the export's day"
        yield Finding(table.name, "known_at", "known_on_one_day", found[0], text, (), mend), False


def clock_findings(connection: duckdb.DuckDBPyConnection, found: Found) -> Iterator[Judged]:
    """Few rows far ahead of all others: one slip of the year would move the day as of which everything is read."""
    ends: dict[tuple[str, str], str] = {}
    for name, event in _DRIVES_THE_DAY:
        if name not in found:
            continue
        for column in (event, "known_at"):
            if column not in found[name].raw_types:
                continue
            end = connection.execute(
                f"""
                WITH days AS (SELECT CAST({quote(column)} AS DATE) AS day, count(*) AS n FROM {quote(name)}
                              WHERE {quote(column)} IS NOT NULL GROUP BY day),
                     seen AS (SELECT day, lead(day) OVER (ORDER BY day) AS next, sum(n) OVER (ORDER BY day DESC) - n
                              AS after, sum(n) OVER () AS total FROM days)
                SELECT CAST(coalesce(min(day) FILTER (next - day > {AHEAD_DAYS} AND
                       after <= greatest(1, {_AHEAD_SHARE} * total)), max(day)) AS VARCHAR) FROM seen
                """
            ).fetchone()
            if end and end[0] is not None:
                ends[(name, column)] = end[0]
    if not ends:
        return
    horizon = max(ends.values())
    for name, column in ends:
        ahead = f"CAST({quote(column)} AS DATE) > DATE '{horizon}' + {AHEAD_DAYS}"
        count = _count(connection, f"SELECT count(*) FROM {quote(name)} WHERE {ahead}")
        if count:
            names = list(dict.fromkeys([*TABLES[name].key, column]))
            values = ", ".join(f"CAST({quote(n)} AS VARCHAR)" for n in names)
            rows = connection.execute(
                f"SELECT {values} FROM {quote(name)} WHERE {ahead} ORDER BY ALL LIMIT {EXAMPLES}"
            ).fetchall()
            text = f"{count} rows lie more than a year after everything else, which ends on {horizon}"
            mend = "the right year; otherwise everything would be read as of that day"
            shown = tuple(row_words(names, row) for row in rows)
            yield Finding(name, column, "far_ahead", count, text, shown, mend), True
