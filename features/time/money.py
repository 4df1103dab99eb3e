"""Money in USD: the one reader of ``fx_rates``, and the one rule for a day without a rate.

A day takes its own rate once that is known, until then the latest of the
`marketplace.contract.FX_FILL_DAYS` days before. Older rates are not used: a
marketplace whose rates have stopped has money that cannot be told, which
`collabrank check` says, and not money at last year's rate. The dollar's rate
is 1 on every day. A rate that is not a positive finite number is no rate.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import ibis
import numpy as np
import pandas as pd

from features.time.clocks import FOREVER, day_of, known_once, meet
from marketplace.arrays import Floats
from marketplace.contract import FX_FILL_DAYS, REPORTING_CURRENCY
from marketplace.progress import say
from marketplace.tables import Marketplace

__all__ = ["brief_rates", "fx_intervals", "in_usd", "money_is_told", "to_usd", "unrated_share", "usd_rates"]

MOST_UNRATED = 0.05
"""Share of a table's rows that may have no rate for its sums of money to be told all the same, without them."""

_DATED = {"orders": "ordered_at", "costs": "paid_at", "campaigns": "briefed_at", "creator_snapshots": "snapshot_at"}
"""Tables of money that is turned row by row, and the day on which it is."""

_UNRATED: WeakKeyDictionary[Marketplace, dict[str, float]] = WeakKeyDictionary()
_SAID: WeakKeyDictionary[Marketplace, set[str]] = WeakKeyDictionary()

_USD_DAYS = (7_305, 47_847)  # 1990-01-01 to 2100-12-31: a dollar is a dollar on every day


def _filled(market: Marketplace) -> Any:
    """`fx_intervals` without the dollar."""
    rates = known_once(market.table("fx_rates"), "day")
    rates = rates.filter(
        rates.currency != REPORTING_CURRENCY, rates.usd_rate > 0.0, ~rates.usd_rate.isnan(), ~rates.usd_rate.isinf()
    )
    offsets = ibis.memtable({"offset_": list(range(FX_FILL_DAYS + 1))}, schema={"offset_": "int64"})
    filled = rates.select("usd_rate", "since_day", fx_currency="currency", rate_day="event_day").cross_join(offsets)
    filled = filled.mutate(fx_day=filled.rate_day + filled.offset_)
    newer = filled.since_day.min().over(
        ibis.window(group_by=[filled.fx_currency, filled.fx_day], order_by=filled.rate_day, rows=(1, None))
    )
    filled = filled.mutate(until_day=ibis.coalesce(newer, ibis.literal(FOREVER, "int64")))
    filled = filled.filter(filled.since_day < filled.until_day)
    return filled.select("fx_currency", "fx_day", "usd_rate", "since_day", "until_day")


def fx_intervals(market: Marketplace) -> Any:
    """Rates to USD: ``fx_currency``, ``fx_day``, ``usd_rate`` and when each was the best one known."""
    filled = _filled(market)
    days = ibis.memtable({"fx_day": np.arange(*_USD_DAYS)}, schema={"fx_day": "int64"})
    dollars = days.select(
        fx_currency=ibis.literal(REPORTING_CURRENCY),
        fx_day=days.fx_day,
        usd_rate=ibis.literal(1.0, "float64"),
        since_day=days.fx_day,
        until_day=ibis.literal(FOREVER, "int64"),
    )
    return filled.union(dollars)


def to_usd(table: Any, market: Marketplace) -> Any:
    """``table`` with ``usd_rate`` of its ``currency`` on its ``event_day``, known when both are.

    A row whose rate is not known is not read until it is. One whose rate is never told is there with a null rate: it
    counts, and its money is not known.
    """
    fx = fx_intervals(market)
    on = [table.currency == fx.fx_currency, table.event_day == fx.fx_day]
    rated = meet(table, fx, on).drop("fx_currency", "fx_day")
    if not _lacks_rates(market):
        return rated
    never = table.anti_join(fx, on).mutate(usd_rate=ibis.null("float64"))
    return rated.union(never.select(rated.columns))


def _lacks_rates(market: Marketplace) -> bool:
    """Whether any row of money has no rate at all."""
    return any(unrated_share(market, table) > 0.0 for table in _DATED)


def unrated_share(market: Marketplace, table: str) -> float:
    """Share of the rows of ``table`` (of `_DATED`) whose currency has no rate on their day; 0 without rows."""
    found = _UNRATED.setdefault(market, {})
    if table not in found:
        rows = market.table(table)
        rows = rows.filter(rows.currency.notnull(), rows[_DATED[table]].notnull())
        rows = rows.select("currency", day=day_of(rows[_DATED[table]])).group_by(["currency", "day"])
        rows = rows.aggregate(n=ibis._.count())
        fx = fx_intervals(market).select("fx_currency", "fx_day")
        never = rows.anti_join(fx, [rows.currency == fx.fx_currency, rows.day == fx.fx_day])
        total = market.query(rows.n.sum().name("n").as_table())["n"].iloc[0]
        lacking = market.query(never.n.sum().name("n").as_table())["n"].iloc[0]
        found[table] = float(lacking) / float(total) if pd.notna(lacking) and lacking else 0.0
    return found[table]


def money_is_told(market: Marketplace, table: str) -> bool:
    """Whether sums of money over ``table`` leave out no more than `MOST_UNRATED` of its rows; said once where not."""
    if table not in _DATED or table not in market.present:
        return True
    share = unrated_share(market, table)
    if share and table not in _SAID.setdefault(market, set()):
        _SAID[market].add(table)
        left = "is not told" if share > MOST_UNRATED else "is in no sum"
        say(f"fx_rates lacks the rates of {share:.1%} of {table}: what they came to in {REPORTING_CURRENCY} {left}")
    return share <= MOST_UNRATED


def usd_rates(market: Marketplace, day: int) -> pd.DataFrame:
    """USD for one unit of each currency on each day, as known before ``day`` (days from 1970-01-01).

    Returns
    -------
    DataFrame[currency, day int64, usd_rate float64]
        Days before ``day``, by currency and day. The dollar is not in it: its rate is 1.
    """
    fx = _filled(market)
    known = fx.filter(fx.since_day < day, fx.until_day >= day, fx.fx_day < day)
    rates = market.query(known.select(currency="fx_currency", day="fx_day", usd_rate="usd_rate"))
    return rates.sort_values(["currency", "day"], ignore_index=True)


def in_usd(frame: pd.DataFrame, amount: str, rates: pd.DataFrame) -> Floats:
    """``frame[amount]`` in USD by ``frame``'s ``currency`` and ``day`` (int64); NaN where no rate is known.

    Parameters
    ----------
    rates : DataFrame
        As `usd_rates` gives it.
    """
    known = frame[["currency", "day"]].merge(rates, on=["currency", "day"], how="left")["usd_rate"].to_numpy()
    rate = np.where((frame["currency"] == REPORTING_CURRENCY).to_numpy(), 1.0, known.astype(np.float64))
    return frame[amount].to_numpy(dtype=np.float64) * rate


def brief_rates(market: Marketplace) -> pd.DataFrame:
    """USD for one unit by currency and day, as known before that very day: what a brief of the day is turned with.

    Its own day's rate is not known at its midnight, so it is that of the day before, or of one of those that
    `marketplace.contract.FX_FILL_DAYS` allows. The columns of `usd_rates`; the dollar is not in it.
    """
    fx = _filled(market)
    known = fx.filter(fx.since_day < fx.fx_day, fx.until_day >= fx.fx_day)
    rates = market.query(known.select(currency="fx_currency", day="fx_day", usd_rate="usd_rate"))
    return rates.sort_values(["currency", "day"], ignore_index=True)
