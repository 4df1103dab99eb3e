"""Facts: a marketplace's tables as day-grained integer sums that can be read as of any day.

A *fact* is a table of signed deltas: entity keys, ``event_day``, ``known_day``
and integer measures. A state that becomes known adds its measures on its
``known_day``; the state that replaces it takes them back on its own. So

    ``sum(measure) where known_day < t``

is the state of things as known as of day *t*, and summing over the rows with
``t - 28 <= event_day`` as well gives the last 28 days of it. Every measure is
an int64 in fixed point (``scale`` says how many make one unit: money is kept
in millionths of a USD), so sums are exact: row order, file splits and threads
cannot change a bit of them.

How to ask for numbers: see `features.facts.windows`. What there is to ask for:
`FACTS`, or ``python -m features.signals.reference`` (docs/signals.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import ibis

from features.facts.base import Fact, Measure
from features.facts.content import CONTENT_FACTS
from features.facts.partnership import PARTNERSHIP_FACTS
from features.facts.sales import SALES_FACTS
from features.time import FOREVER, money_is_told
from marketplace.errors import SignalError
from marketplace.tables import Marketplace

__all__ = ["FACTS", "Fact", "Measure", "fact_table", "is_known", "measure_is_known"]

FACTS: Mapping[str, Fact] = MappingProxyType(
    {fact.name: fact for fact in (*SALES_FACTS, *CONTENT_FACTS, *PARTNERSHIP_FACTS)}
)
"""Every fact by name."""

_MONEY_OF = {"orders": "orders", "brief_orders": "orders", "costs": "costs", "fees": "campaigns",
             "profile_gmv": "creator_snapshots"}  # fmt: skip
"""The table whose currency a fact's money is in."""

_BUILT: WeakKeyDictionary[Marketplace, dict[tuple[str, ...], Any]] = WeakKeyDictionary()


def is_known(market: Marketplace, fact: str) -> bool:
    """Whether ``market`` has every table that ``fact`` needs; without them its sums are null, not zero."""
    return all(_told(market, need) for need in _fact(fact).needs)


def measure_is_known(market: Marketplace, fact: str, measure: str) -> bool:
    """Whether ``market`` tells what ``measure`` of a known fact is made of, rates for its money among it."""
    declared = _fact(fact).measures[measure]
    money = declared.unit != "USD" or money_is_told(market, _MONEY_OF.get(fact, ""))
    return money and all(_told(market, need) for need in declared.needs)


def _told(market: Marketplace, need: str) -> bool:
    table, _, column = need.partition(".")
    return table in market.present and (not column or market.tells(table, column))


def fact_table(market: Marketplace, fact: str, keys: Sequence[str]) -> Any:
    """``fact`` summed to the grain of ``keys``, as an Ibis table of ``market.engine``.

    Parameters
    ----------
    fact : str
        A name of `FACTS`.
    keys : sequence of str
        Some of the fact's ``keys``. Rows with a null key are not there.

    Returns
    -------
    ibis table
        ``keys`` (string), ``event_day`` and ``known_day`` (int64, days from
        1970-01-01; ``event_day <= known_day``) and every measure (int64, in
        ``1 / scale`` units). Built once a marketplace
        (`Marketplace.build`).

    Raises
    ------
    SignalError
        There is no such fact, or it has no such key.
    """
    declared = _fact(fact)
    unknown = [key for key in keys if key not in declared.keys]
    if unknown:
        raise SignalError(
            f"keys of the fact {fact}: {', '.join(declared.keys)}",
            received=", ".join(unknown),
            look="features/facts/store.py",
        )
    built = _BUILT.setdefault(market, {})
    grain = tuple(key for key in declared.keys if key in keys)
    if (fact, *grain) not in built:
        built[(fact, *grain)] = market.build(
            "_".join(("fact", fact, *grain)), lambda: _at_grain(market, declared, grain), code="features.facts"
        )
    return built[(fact, *grain)]


def _at_grain(market: Marketplace, fact: Fact, grain: tuple[str, ...]) -> Any:
    if len(grain) == len(fact.keys):
        parts = [fact_table(market, *part) for part in fact.made_of]
        return _summed(fact, _deltas(fact, fact.rows(market, *parts)), grain)
    finest = fact_table(market, fact.name, fact.keys)
    return _summed(fact, finest.filter([finest[key].notnull() for key in grain]), grain)


def _fact(name: str) -> Fact:
    if name not in FACTS:
        raise SignalError("a fact: " + ", ".join(FACTS), received=name, look="features/facts/store.py")
    return FACTS[name]


def _deltas(fact: Fact, rows: Any) -> Any:
    """Intervals of knowledge as signed deltas: each row once as it begins to count, and once as it ends, if it does.

    One pass over ``rows``; two, put together, would have the database work all of it out twice.
    """
    measures = {name: ibis.coalesce(rows[name].cast("int64"), ibis.literal(0, "int64")) for name in fact.measures}
    rows = rows.select(*fact.keys, "event_day", "since_day", "until_day", **measures)
    signs = ibis.array([ibis.literal(1, "int64"), ibis.literal(-1, "int64")])
    both = rows.mutate(sign_=ibis.ifelse(rows.until_day < FOREVER, signs, signs[:1])).unnest("sign_")
    return both.select(
        *fact.keys,
        "event_day",
        known_day=ibis.ifelse(both.sign_ > 0, both.since_day, both.until_day),
        **{name: both[name] * both.sign_ for name in measures},
    )


def _summed(fact: Fact, deltas: Any, grain: Sequence[str]) -> Any:
    sums = {name: deltas[name].sum() for name in fact.measures}
    table = deltas.group_by([*grain, "event_day", "known_day"]).aggregate(**sums)
    nonzero = ibis.or_(*[table[name] != 0 for name in fact.measures])
    return table.filter(nonzero)
