"""Make a snapshot of a marketplace as of a day."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.briefs import Brief, Catalogue, read_briefs, read_catalogue
from features.contacts import Contacts, sent_before
from features.conversion import conversion_of
from features.facts import FACTS, Windows, fact_table, is_known
from features.indices import (
    ScoreCard,
    build_card,
    build_category_influence,
    build_indices,
    gather_everyone,
)
from features.signals import PRODUCT_SUMS, build_entity, names_of
from features.snapshot.disk import of_parts, parts_of
from features.snapshot.find import creator_called
from features.snapshot.model import Snapshot, SnapshotArrays
from features.snapshot.sparse import Sparse
from features.snapshot.text import TextColumn
from features.time import as_of_days, creators_before, day_number, default_as_of, known_ids, midnight_of
from marketplace.arrays import Floats, Ints
from marketplace.cache import ARRAYS, recalled, remembered
from marketplace.errors import SnapshotError
from marketplace.tables import Marketplace

__all__ = ["Day", "build_part", "build_snapshot", "score_card_of"]

_META = "meta"

_NOBODY = ""  # an id that no creator, brand or category has: its signals are those of no history


def build_snapshot(market: Marketplace, as_of: Any = None) -> Snapshot:
    """Every creator known before ``as_of`` (floored to UTC midnight), with all that ranking needs.

    Parameters
    ----------
    as_of : instant, optional
        By default `default_as_of`.

    Raises
    ------
    SnapshotError
        No creator was known by then.
    """
    day = Day.of(market, as_of)
    kept = remembered(
        market, "snapshot", [day.number], code="features.snapshot", form=ARRAYS,
        make=lambda: _packed(_snapshot(day, None)),
    )  # fmt: skip
    return _unpacked(kept)


def build_part(day: Day, home: str) -> Snapshot:
    """The creators whose market is ``home``, as of ``day``: `Snapshot.only` of `build_snapshot`, bit for bit.

    A creator's signals and indices do not depend on who else is asked for, so that no more than a market's creators
    need be in memory at a time; their peers are whoever they are, in whatever market.
    """
    kept = remembered(
        day.market, "snapshot", [day.number, home], code="features.snapshot", form=ARRAYS,
        make=lambda: _packed(_snapshot(day, home)),
    )  # fmt: skip
    return _unpacked(kept)


def score_card_of(market: Marketplace, creator: str, as_of: Any = None) -> ScoreCard:
    """`features.indices.build_card`, read off the snapshot of that day where the cache has it: the same card.

    Parameters
    ----------
    creator : str
        An id or a username (`features.snapshot.creator_called`).

    Raises
    ------
    SignalError
        Nobody who was known by then is called so, or several are.
    """
    day = Day.of(market, as_of)
    whole = _kept(market, [day.number])
    if whole is not None:  # it knows everybody who was known by then, and no table has to be read
        names = {"creator_id": np.asarray(whole.creator_ids), "username": np.asarray(whole.usernames)}
        return whole.card(creator_called(pd.DataFrame(names), creator))
    creator_id = creator_called(day.creators, creator)
    for home in day.creators.loc[day.creators["creator_id"] == creator_id, "market"]:
        part = _kept(market, [day.number, str(home)])
        if part is not None and creator_id in part.rows_of:
            return part.card(creator_id)
    return build_card(market, creator_id, midnight_of(day.number))


def _kept(market: Marketplace, asked: list[object]) -> Snapshot | None:
    """The snapshot that the cache keeps of what was asked; None where it has none."""
    kept = recalled(market, "snapshot", asked, code="features.snapshot", form=ARRAYS)
    return None if kept is None else _unpacked(kept)


def _packed(snapshot: Snapshot) -> Mapping[str, npt.NDArray[Any]]:
    """All of a snapshot as arrays, what is no array as the bytes of JSON."""
    meta, arrays = parts_of(snapshot)
    return {_META: np.frombuffer(json.dumps(meta, allow_nan=False).encode(), dtype=np.uint8), **arrays}


def _unpacked(arrays: Mapping[str, npt.NDArray[Any]]) -> Snapshot:
    return of_parts(json.loads(arrays[_META].tobytes()), arrays.__getitem__)


@dataclass(frozen=True)
class Day:
    """What the parts of a snapshot as of a day share, each read when it is first asked for.

    Attributes
    ----------
    market : Marketplace
    number : int
        The as-of day, from 1970-01-01.
    """

    market: Marketplace
    number: int

    @classmethod
    def of(cls, market: Marketplace, as_of: Any = None) -> Day:
        """The day of ``as_of`` (floored to UTC midnight), `default_as_of` where it is left out."""
        return cls(market, day_number(default_as_of(market) if as_of is None else as_of))

    @property
    def at(self) -> pd.Timestamp:
        """Its midnight."""
        return midnight_of(self.number)

    @cached_property
    def creators(self) -> pd.DataFrame:
        """Every creator known by then, by id."""
        return creators_before(self.market, self.number)

    @property
    def homes(self) -> list[str]:
        """The markets that have creators, ascending."""
        return sorted(set(_text(self.creators["market"]).tolist()))

    @cached_property
    def categories(self) -> list[str]:
        """The categories known by then, ascending."""
        return known_ids(self.market, "category_id", self.at)

    @cached_property
    def brand_ids(self) -> list[str]:
        """The brands known by then, ascending."""
        return known_ids(self.market, "brand_id", self.at)

    @cached_property
    def catalogue(self) -> Catalogue:
        """What briefs written out by hand are completed from."""
        return read_catalogue(self.market, self.at)

    @cached_property
    def campaigns(self) -> dict[str, Brief]:
        """The campaigns known by then."""
        campaigns = self.market.frame("campaigns", ["campaign_id", "known_at"])
        return read_briefs(self.market, campaigns.loc[campaigns["known_at"] <= self.at, "campaign_id"])

    @cached_property
    def sent(self) -> pd.DataFrame:
        """The invitations known by then."""
        return sent_before(self.market, self.at)

    @cached_property
    def category_of_nobody(self) -> Floats:
        """The signals of a creator in a category without any history."""
        return _of_nobody(self.market, "creator_category", "category_id", self.number)

    @cached_property
    def brand_of_nobody(self) -> Floats:
        """The signals of a creator with a brand without any history."""
        return _of_nobody(self.market, "creator_brand", "brand_id", self.number)


def _snapshot(day: Day, home: str | None) -> Snapshot:
    """Of the creators of ``home``, of all where it is None."""
    market, number, everyone = day.market, day.number, day.creators
    creators = everyone if home is None else everyone[_text(everyone["market"]) == home].reset_index(drop=True)
    if creators.empty:
        raise SnapshotError(f"a creator known by {day.at:%Y-%m-%d}", received="none", look="the marketplace's creators")
    ids = creators["creator_id"].to_numpy(dtype=str)
    asked = creators[["creator_id"]].assign(as_of=day.at)
    within = pd.DataFrame(
        {
            "creator_id": np.repeat(creators["creator_id"].to_numpy(), len(day.categories)),
            "category_id": np.tile(np.array(day.categories, dtype=object), len(creators)),
            "as_of": day.at,
        }
    )
    gather_everyone(market, number)
    brands = _brands(day, ids)
    product_ids, products = _products(market, ids, number)
    conversion = conversion_of(market, number)
    return Snapshot(
        as_of=day.at.to_pydatetime(),
        arrays=SnapshotArrays(
            creator_ids=TextColumn.of(ids),
            usernames=TextColumn.of(creators["username"].fillna("")),
            markets=TextColumn.of(creators["market"].fillna("")),
            languages=TextColumn.of(creators["language"].fillna("")),
            agency_status=TextColumn.of(creators["agency_status"].fillna("")),
            joined_day=as_of_days(creators["joined_at"]),
            creator=_creator(market, ids, number),
            category=_category(day, ids),
            brand_starts=brands.starts,
            brand_rows=brands.rows,
            brand_values=brands.values,
            brand_default=day.brand_of_nobody,
            product_starts=products.starts,
            product_rows=products.rows,
            product_values=products.values,
        ),
        category_ids=tuple(day.categories),
        brand_ids=tuple(day.brand_ids),
        product_ids=tuple(product_ids),
        catalogue=day.catalogue,
        campaigns=day.campaigns,
        general=build_indices(market, asked),
        influence=build_category_influence(market, within),
        conversion=conversion if home is None or conversion is None else conversion.only(ids),
        elsewhere=len(everyone) - len(creators),
        contacts=Contacts.of(day.sent, ids),
    )


def _creator(market: Marketplace, ids: npt.NDArray[np.str_], day: int) -> Floats:
    columns = build_entity(market, "creator", pd.DataFrame({"creator_id": ids, "day": day}))
    return np.column_stack([columns[name] for name in names_of("creator")])


def _category(day: Day, ids: npt.NDArray[np.str_]) -> Floats:
    names = names_of("creator_category")
    out = np.empty((len(ids), len(day.categories) + 1, len(names)))
    out[:] = day.category_of_nobody
    pairs = _pairs(day, ids, "category_id", day.categories)
    columns = build_entity(day.market, "creator_category", pairs[["creator_id", "category_id", "day"]])
    for i, name in enumerate(names):
        out[pairs["row"].to_numpy(), pairs["group"].to_numpy(), i] = columns[name]
    return out


def _brands(day: Day, ids: npt.NDArray[np.str_]) -> Sparse:
    pairs = _pairs(day, ids, "brand_id", day.brand_ids)
    columns = build_entity(day.market, "creator_brand", pairs[["creator_id", "brand_id", "day"]])
    values = np.column_stack([columns[name] for name in names_of("creator_brand")])
    return Sparse.of(pairs["group"].to_numpy(), pairs["row"].to_numpy(), values, count=len(day.brand_ids))


def _of_nobody(market: Marketplace, entity: Any, key: str, day: int) -> Floats:
    """The signals of a pair without any history."""
    columns = build_entity(market, entity, pd.DataFrame({"creator_id": [_NOBODY], key: [_NOBODY], "day": [day]}))
    return np.array([columns[name][0] for name in names_of(entity)])


def _pairs(day: Day, ids: npt.NDArray[np.str_], key: str, groups: Sequence[str]) -> pd.DataFrame:
    """Pairs of ``ids`` and ``key`` with any fact known before the day: ids, ``row``, ``group``, ``day``."""
    market, mine = day.market, _among(ids)
    parts = []
    for name, fact in FACTS.items():
        if key in fact.keys and "creator_id" in fact.keys and is_known(market, name):
            table = fact_table(market, name, ("creator_id", key))
            known = table.filter(table.known_day < day.number).select("creator_id", key).distinct()
            parts.append(known.semi_join(mine, known.creator_id == mine.asked_))
    together = parts[0]
    for part in parts[1:]:
        together = together.union(part)
    pairs = market.query(together.distinct())
    pairs["row"] = _places(ids, pairs["creator_id"])
    pairs["group"] = _places(groups, pairs[key])
    pairs = pairs[(pairs["row"] >= 0) & (pairs["group"] >= 0)]
    return pairs.sort_values(["group", "row"], ignore_index=True).assign(day=day.number)


def _products(market: Marketplace, ids: npt.NDArray[np.str_], day: int) -> tuple[list[str], Sparse]:
    windows = Windows(("creator_id", "product_id"), code="features.snapshot")
    sums = {name: windows.sum("orders", *asked) for name, asked in PRODUCT_SUMS.items()}
    longest = max(days for _, days in PRODUCT_SUMS.values())
    table = fact_table(market, "orders", ("creator_id", "product_id"))
    recent = table.filter(table.known_day < day, table.event_day >= day - longest)
    mine = _among(ids)
    recent = recent.semi_join(mine, recent.creator_id == mine.asked_)
    pairs = market.query(recent.select("creator_id", "product_id").distinct())
    pairs["row"] = _places(ids, pairs["creator_id"])
    pairs = pairs[pairs["row"] >= 0].assign(day=day)
    product_ids = sorted(set(pairs["product_id"]))
    groups = _places(product_ids, pairs["product_id"])
    columns = windows.compute(market, pairs, sums)
    steps = {name: FACTS["orders"].measures[measure].scale for name, (measure, _) in PRODUCT_SUMS.items()}
    values = np.column_stack([np.round(columns[name] * steps[name]) for name in PRODUCT_SUMS])
    rows = pairs["row"].to_numpy()
    return product_ids, Sparse.of(groups, rows, values, count=len(product_ids))


def _among(ids: npt.NDArray[np.str_]) -> Any:
    """``ids`` as a table to keep others out by: a market's creators are few of all."""
    return ibis.memtable(pa.table({"asked_": pa.array(ids.tolist(), pa.string())}))


def _places(names: Any, column: pd.Series) -> Ints:
    """Where each value of ``column`` stands in ``names``; -1 where it does not."""
    places = pd.Index(list(names), dtype=object).get_indexer(pd.Index(column, dtype=object))
    return np.asarray(places, dtype=np.int64)


def _text(column: pd.Series) -> npt.NDArray[np.str_]:
    return column.fillna("").to_numpy(dtype=str)
