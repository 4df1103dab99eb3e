"""Two clocks on whole days: when a thing happened, and when it could be known.

``as_of`` instants are floored to 00:00 UTC. A row may be read as of day *t*
where its event and its ``known_at`` both lie before *t*. Everything below
turns rows into *intervals of knowledge*: ``since_day`` (the first day in which
the row's content was known; the row counts from the next midnight on) and
``until_day`` (the day in which a newer state replaced it, `FOREVER` where none
has). Two things that must both be known meet where their intervals overlap.

Days are int64, counted from 1970-01-01 UTC. All expressions stay within what
Spark runs as well: no as-of join, no ``first(order_by=…)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd

from marketplace.arrays import Ints
from marketplace.errors import SignalError
from marketplace.instants import read_instant

__all__ = [
    "FOREVER",
    "as_of_day",
    "as_of_days",
    "day_number",
    "day_of",
    "days_of",
    "known_latest",
    "known_once",
    "known_rows_of",
    "known_states",
    "meet",
    "seconds_between",
]

FOREVER = 2**31 - 1
"""``until_day`` of what nothing has replaced."""


def as_of_days(as_of: Any) -> Ints:
    """Instants (datetimes, dates, or text in ISO form; naive ones are UTC) as whole UTC days, int64 (n,).

    Raises
    ------
    DateError
        Text in another form, or a number (`marketplace.instants.read_instant`).
    SignalError
        An instant is missing.
    """
    given = pd.Series(as_of).reset_index(drop=True)
    if not pd.api.types.is_datetime64_any_dtype(given):
        read = {value: read_instant(value, "as_of") for value in given.dropna().unique()}
        given = given.map(read)
    instants = pd.DatetimeIndex(pd.to_datetime(given, utc=True))
    if instants.hasnans:
        raise SignalError(
            "an as_of for every row",
            received=f"{int(np.count_nonzero(instants.isna()))} rows without",
            look="docs/signals.md",
        )
    return instants.floor("D").as_unit("s").asi8 // 86_400


def as_of_day(as_of: str | date) -> pd.Timestamp:
    """``as_of``, an instant or text in ISO form, floored to 00:00 UTC; a naive instant is UTC.

    Raises
    ------
    DateError
        Text in another form (`marketplace.instants.read_instant`).
    """
    return pd.Timestamp(read_instant(as_of, "as_of")).floor("D")


def day_number(instant: Any) -> int:
    """One instant as a whole UTC day, counted from 1970-01-01 (`as_of_days` of one)."""
    return int(as_of_days([instant])[0])


def days_of(instants: pd.Series) -> Ints:
    """Instants or dates as whole UTC days, int64 (n,); a missing one is the lowest int64 (`as_of_days` refuses it)."""
    stamps = pd.to_datetime(instants, utc=True).dt.as_unit("us")
    days = np.floor_divide(stamps.astype("int64").to_numpy(), 86_400_000_000)
    return np.where(stamps.isna(), np.iinfo(np.int64).min, days)


def day_of(column: Any) -> Any:
    """The UTC day (int64) of an instant or day column."""
    return column.epoch_days().cast("int64") if column.type().is_date() else column.epoch_seconds() // 86_400


def seconds_between(start: Any, end: Any) -> Any:
    """Whole seconds (int64 Ibis column) from ``start`` to ``end``, at least 0; null where either is."""
    seconds = end.delta(start, unit="microsecond") // 1_000_000  # engines differ in what is left of a second
    return ibis.ifelse(seconds < 0, ibis.literal(0, "int64"), seconds)


def known_once(table: Any, event: str) -> Any:
    """``table`` with ``event_day``, ``since_day`` and ``until_day``, for rows that never change."""
    event_day = day_of(table[event])
    return table.mutate(
        event_day=event_day,
        since_day=ibis.greatest(event_day, day_of(table.known_at)),
        until_day=ibis.literal(FOREVER, "int64"),
    )


def known_states(table: Any, key: Sequence[str], event: str) -> Any:
    """``table`` with ``event_day``, ``since_day`` and ``until_day``, for tables whose rows are states.

    A state is known from the later of its event and its ``known_at`` until the
    next state of the same ``key`` is. A state with a missing event is not read.
    """
    table = table.filter(table[event].notnull())
    clock = ibis.greatest(table[event], table.known_at)
    table = table.mutate(event_day=day_of(table[event]), since_day=day_of(clock), clock_=clock)
    following = table.since_day.lead().over(
        ibis.window(group_by=[table[k] for k in key], order_by=[table.clock_, table.known_at])
    )
    return table.mutate(until_day=ibis.coalesce(following, ibis.literal(FOREVER, "int64"))).drop("clock_")


def known_rows_of(table: Any, key: str) -> Any:
    """``table`` with ``since_day`` and ``until_day``, for tables without an event whose rows are states of ``key``."""
    following = day_of(table.known_at).lead().over(ibis.window(group_by=table[key], order_by=table.known_at))
    table = table.mutate(
        since_day=day_of(table.known_at), until_day=ibis.coalesce(following, ibis.literal(FOREVER, "int64"))
    )
    return table.filter(table.since_day < table.until_day)


def known_latest(table: Any, key: Sequence[str], event: str) -> Any:
    """``table`` with ``event_day``, ``since_day`` and ``until_day``, for readings of which the latest counts.

    A reading is the latest known from its clock until a reading with a later
    event is known; one that comes in late never replaces a newer one. Both
    ``event_day`` and ``since_day`` are the day from which it counts.
    """
    table = table.filter(table[event].notnull())
    table = table.mutate(since_day=day_of(ibis.greatest(table[event], table.known_at)))
    newer = table.since_day.min().over(
        ibis.window(group_by=[table[k] for k in key], order_by=[table[event], table.known_at], rows=(1, None))
    )
    table = table.mutate(event_day=table.since_day, until_day=ibis.coalesce(newer, ibis.literal(FOREVER, "int64")))
    return table.filter(table.since_day < table.until_day)


def meet(left: Any, right: Any, on: Sequence[Any]) -> Any:
    """Inner join of two interval tables on ``on``, with the interval in which both are known.

    ``right``'s key columns are dropped, and so is its ``event_day`` where it has one.
    """
    right = right.drop("event_day") if "event_day" in right.columns else right
    right = right.rename(since_right_="since_day", until_right_="until_day")
    joined = left.join(right, list(on), how="inner", rname="{name}_right_")
    joined = joined.drop(*[c for c in joined.columns if c.endswith("_right_") and not c.startswith(("since", "until"))])
    joined = joined.mutate(
        since_day=ibis.greatest(joined.since_day, joined.since_right_),
        until_day=ibis.least(joined.until_day, joined.until_right_),
    ).drop("since_right_", "until_right_")
    return joined.filter(joined.since_day < joined.until_day)
