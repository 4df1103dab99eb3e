"""What evidence is, and how it is read: sufficient statistics, the tables behind them, the joins they share.

Integers are summed by the engine (exact whatever the order of rows) and turned
into float64 once at the end, so the result is the same for one row alone as
for the same row within a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from features.indices.content import content_items, creator_acts, viewed_items
from features.indices.events import partnership_events
from features.indices.money import money_events
from features.time import decay_of
from marketplace.arrays import Flags, Floats, Ints
from marketplace.tables import Marketplace

__all__ = [
    "DAYS_PER_30",
    "WEIGHT_ONE",
    "CategoryEvidence",
    "Evidence",
    "Gathered",
    "arrays_of",
    "built",
    "event_weights",
    "joined",
    "kept",
    "of_arrays",
    "readable",
    "sums_by_row",
]


WEIGHT_ONE = 2**16
"""The fixed-point weight of an event of today: decayed sums are exact in these steps."""

DAYS_PER_30 = 30.0

_OWN = ("market", "main_category", "followers", "health_rating", "exact_gmv", "idle_days")

_TABLES: WeakKeyDictionary[Marketplace, dict[str, Any]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Evidence:
    """A component's sufficient statistics, float64 (n,) each.

    ``total`` and ``evidence`` are ``sum w*s`` and ``sum w`` (rate), ``N`` and ``T`` (count) or ``sum w*x`` and
    ``sum w`` (mean); ``n_e`` and ``squares`` (``sum w*x^2``) belong to means and rates made of events.
    """

    total: Floats
    evidence: Floats
    n_e: Floats | None = None
    squares: Floats | None = None

    def take(self, rows: Ints) -> Evidence:
        """The statistics of some rows, as new arrays."""
        return Evidence(
            self.total[rows],
            self.evidence[rows],
            None if self.n_e is None else self.n_e[rows],
            None if self.squares is None else self.squares[rows],
        )


@dataclass(frozen=True)
class CategoryEvidence:
    """Sums by creator and category, float64 (n, c): organic net sales (USD) and organic views, decayed over 180 days.

    ``gmv_all`` and ``views_all`` (n,) are the same over all categories, ``orders_all`` (n,) decayed orders,
    ``exposure`` (n,) weighted days watched / 30.
    """

    gmv: Floats
    views: Floats
    gmv_all: Floats
    views_all: Floats
    orders_all: Floats
    exposure: Floats

    def take(self, rows: Ints) -> CategoryEvidence:
        """The sums of some rows, as new arrays."""
        return CategoryEvidence(
            self.gmv[rows],
            self.views[rows],
            self.gmv_all[rows],
            self.views_all[rows],
            self.orders_all[rows],
            self.exposure[rows],
        )


@dataclass(frozen=True)
class Gathered:
    """Everything that the indices read of n creators as of their days.

    ``idle_days`` is infinite where nothing ever happened; ``main_category`` and ``market`` are ids (empty where
    unknown); ``followers`` and ``health_rating`` are NaN where unknown; ``exact_gmv`` is False where the creator's
    last profile gives GMV as a range, projection or estimate.
    """

    evidence: dict[str, Evidence]
    category: CategoryEvidence
    market: npt.NDArray[np.object_]
    main_category: npt.NDArray[np.object_]
    followers: Floats
    health_rating: Floats
    exact_gmv: Flags
    idle_days: Floats

    def take(self, rows: Ints) -> Gathered:
        """The evidence of some rows, as new arrays."""
        return Gathered(
            {name: evidence.take(rows) for name, evidence in self.evidence.items()},
            self.category.take(rows),
            self.market[rows],
            self.main_category[rows],
            self.followers[rows],
            self.health_rating[rows],
            self.exact_gmv[rows],
            self.idle_days[rows],
        )


def joined(parts: Sequence[Gathered]) -> Gathered:
    """Several one after another, as new arrays; they must be of one marketplace."""
    if len(parts) == 1:
        return parts[0]
    columns = [arrays_of(part) for part in parts]
    return of_arrays({name: np.concatenate([each[name] for each in columns]) for name in columns[0]})


def arrays_of(gathered: Gathered) -> dict[str, npt.NDArray[Any]]:
    """Every array by name: what the cache keeps."""
    own = {name: getattr(gathered, name) for name in _OWN}
    sums = {f"category/{one.name}": getattr(gathered.category, one.name) for one in fields(CategoryEvidence)}
    evidence = {
        f"evidence/{name}/{one.name}": values
        for name, statistics in gathered.evidence.items()
        for one in fields(Evidence)
        if (values := getattr(statistics, one.name)) is not None
    }
    return own | sums | evidence


def of_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> Gathered:
    """The evidence of `arrays_of`."""
    evidence: dict[str, dict[str, Any]] = {}
    category: dict[str, Any] = {}
    for name, values in arrays.items():
        match name.split("/"):
            case ["evidence", component, statistic]:
                evidence.setdefault(component, {})[statistic] = values
            case ["category", sums]:
                category[sums] = values
    return Gathered(
        {name: Evidence(**statistics) for name, statistics in evidence.items()},
        CategoryEvidence(**category),
        *(arrays[name] for name in _OWN),
    )


def kept(market: Marketplace) -> dict[str, Any]:
    """What this module keeps of ``market`` for as long as it lives."""
    return _TABLES.setdefault(market, {})


def built(market: Marketplace, name: str) -> Any:
    """The table ``name`` of this module's facts, built once a marketplace (`Marketplace.build`)."""
    tables = kept(market)
    if name not in tables:
        tables[name] = market.build(f"index_{name}", lambda: _rows(market, name), code="features.indices")
    return tables[name]


def _rows(market: Marketplace, name: str) -> Any:
    if name == "events":
        parts = [*partnership_events(market), *money_events(market)]
        parts = [part.select(parts[0].columns) for part in parts]
        return parts[0].union(*parts[1:]) if len(parts) > 1 else parts[0]
    if name == "items":
        return content_items(market)
    if name == "viewed":
        return viewed_items(market, built(market, "items"))
    return creator_acts(market)


def event_weights(day: Any, event_day: Any) -> Any:
    """``2^(-a/45)`` in steps of 1 / `WEIGHT_ONE`, int64."""
    return (decay_of(day - event_day) * float(WEIGHT_ONE)).round().cast("int64")


def sums_by_row(market: Marketplace, table: Any, names: Sequence[str], count: int) -> dict[str, Floats]:
    """Integer columns of ``table`` by ``row_`` as float64 (count,); 0 where a row has nothing."""
    found = market.engine.run(table.select("row_", **{name: table[name].cast("int64") for name in names}))
    at = found["row_"].to_numpy()
    columns = {}
    for name in names:
        column = np.zeros(count)
        column[at] = found[name].to_numpy().astype(np.float64)
        columns[name] = column
    return columns


def readable(base: Any, facts: Any) -> list[Any]:
    """The join of as-of rows with interval facts of their creator: known before the day, not yet replaced."""
    return [
        base.row_creator == facts.creator_id,
        facts.since_day < base.day,
        facts.until_day >= base.day,
        facts.event_day < base.day,
    ]
