"""Make a snapshot of a marketplace as of a day."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.briefs import read_briefs, read_catalogue
from features.conversion import conversion_of
from features.facts import FACTS, Windows, fact_table, is_known
from features.indices import ScoreCard, build_card, build_category_influence, build_indices, gather_everyone
from features.signals import PRODUCT_SUMS, build_entity, names_of
from features.snapshot.disk import of_parts, parts_of
from features.snapshot.model import Snapshot, SnapshotArrays
from features.snapshot.sparse import Sparse
from features.time import as_of_days, creators_before, day_number, default_as_of, known_ids, midnight_of
from marketplace.arrays import Floats, Ints
from marketplace.cache import ARRAYS, recalled, remembered
from marketplace.errors import SnapshotError
from marketplace.tables import Marketplace

__all__ = ["build_snapshot", "score_card_of"]

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
    day = _day(market, as_of)
    kept = remembered(
        market, "snapshot", [day], code="features.snapshot", form=ARRAYS,
        make=lambda: _packed(_built(market, day)),
    )  # fmt: skip
    return _unpacked(kept)


def score_card_of(market: Marketplace, creator_id: str, as_of: Any = None) -> ScoreCard:
    """`features.indices.build_card`, read off the snapshot of that day where the cache has it: the same card."""
    day = _day(market, as_of)
    kept = recalled(market, "snapshot", [day], code="features.snapshot", form=ARRAYS)
    if kept is not None:
        snapshot = _unpacked(kept)
        if creator_id in snapshot.rows_of:
            return snapshot.card(creator_id)
    return build_card(market, creator_id, midnight_of(day))


def _day(market: Marketplace, as_of: Any) -> int:
    return day_number(default_as_of(market) if as_of is None else as_of)


def _packed(snapshot: Snapshot) -> Mapping[str, npt.NDArray[Any]]:
    """All of a snapshot as arrays, what is no array as the bytes of JSON."""
    meta, arrays = parts_of(snapshot)
    return {_META: np.frombuffer(json.dumps(meta, allow_nan=False).encode(), dtype=np.uint8), **arrays}


def _unpacked(arrays: Mapping[str, npt.NDArray[Any]]) -> Snapshot:
    return of_parts(json.loads(arrays[_META].tobytes()), arrays.__getitem__)


def _built(market: Marketplace, day: int) -> Snapshot:
    at = midnight_of(day)
    creators = creators_before(market, day)
    if creators.empty:
        raise SnapshotError(f"a creator known by {at:%Y-%m-%d}", received="none", look="the marketplace's creators")
    ids = creators["creator_id"].to_numpy(dtype=str)
    categories = known_ids(market, "category_id", at)
    asked = creators[["creator_id"]].assign(as_of=at)
    within = pd.DataFrame(
        {
            "creator_id": np.repeat(creators["creator_id"].to_numpy(), len(categories)),
            "category_id": np.tile(np.array(categories, dtype=object), len(creators)),
            "as_of": at,
        }
    )
    gather_everyone(market, day)
    brand_ids, brands, brand_default = _brands(market, ids, day)
    product_ids, products = _products(market, ids, day)
    return Snapshot(
        as_of=at.to_pydatetime(),
        arrays=SnapshotArrays(
            creator_ids=ids,
            usernames=_text(creators["username"]),
            markets=_text(creators["market"]),
            languages=_text(creators["language"]),
            agency_status=_text(creators["agency_status"]),
            joined_day=as_of_days(creators["joined_at"]),
            creator=_creator(market, ids, day),
            category=_category(market, ids, categories, day),
            brand_starts=brands.starts,
            brand_rows=brands.rows,
            brand_values=brands.values,
            brand_default=brand_default,
            product_starts=products.starts,
            product_rows=products.rows,
            product_values=products.values,
        ),
        category_ids=tuple(categories),
        brand_ids=tuple(brand_ids),
        product_ids=tuple(product_ids),
        catalogue=read_catalogue(market, at),
        campaigns=_campaigns(market, at),
        general=build_indices(market, asked),
        influence=build_category_influence(market, within),
        conversion=conversion_of(market, day),
    )


def _campaigns(market: Marketplace, at: pd.Timestamp) -> dict[str, Any]:
    campaigns = market.frame("campaigns", ["campaign_id", "known_at"])
    return read_briefs(market, campaigns.loc[campaigns["known_at"] <= at, "campaign_id"])


def _creator(market: Marketplace, ids: npt.NDArray[np.str_], day: int) -> Floats:
    columns = build_entity(market, "creator", pd.DataFrame({"creator_id": ids, "day": day}))
    return np.column_stack([columns[name] for name in names_of("creator")])


def _category(market: Marketplace, ids: npt.NDArray[np.str_], categories: Sequence[str], day: int) -> Floats:
    out = np.empty((len(ids), len(categories) + 1, len(names_of("creator_category"))))
    out[:] = _of_nobody(market, "creator_category", "category_id", day)
    pairs = _pairs(market, ids, "category_id", categories, day)
    columns = build_entity(market, "creator_category", pairs[["creator_id", "category_id", "day"]])
    for i, name in enumerate(names_of("creator_category")):
        out[pairs["row"].to_numpy(), pairs["group"].to_numpy(), i] = columns[name]
    return out


def _brands(market: Marketplace, ids: npt.NDArray[np.str_], day: int) -> tuple[list[str], Sparse, Floats]:
    brand_ids = known_ids(market, "brand_id", midnight_of(day))
    pairs = _pairs(market, ids, "brand_id", brand_ids, day)
    columns = build_entity(market, "creator_brand", pairs[["creator_id", "brand_id", "day"]])
    values = np.column_stack([columns[name] for name in names_of("creator_brand")])
    sparse = Sparse.of(pairs["group"].to_numpy(), pairs["row"].to_numpy(), values, count=len(brand_ids))
    return brand_ids, sparse, _of_nobody(market, "creator_brand", "brand_id", day)


def _of_nobody(market: Marketplace, entity: Any, key: str, day: int) -> Floats:
    """The signals of a pair without any history."""
    columns = build_entity(market, entity, pd.DataFrame({"creator_id": [_NOBODY], key: [_NOBODY], "day": [day]}))
    return np.array([columns[name][0] for name in names_of(entity)])


def _pairs(market: Marketplace, ids: npt.NDArray[np.str_], key: str, groups: Sequence[str], day: int) -> pd.DataFrame:
    """Pairs of creators and ``key`` with any fact known before ``day``: ids, ``row``, ``group``, ``day``."""
    parts = []
    for name, fact in FACTS.items():
        if key in fact.keys and "creator_id" in fact.keys and is_known(market, name):
            table = fact_table(market, name, ("creator_id", key))
            parts.append(table.filter(table.known_day < day).select("creator_id", key).distinct())
    together = parts[0]
    for part in parts[1:]:
        together = together.union(part)
    pairs = market.query(together.distinct())
    pairs["row"] = _places(ids, pairs["creator_id"])
    pairs["group"] = _places(groups, pairs[key])
    pairs = pairs[(pairs["row"] >= 0) & (pairs["group"] >= 0)]
    return pairs.sort_values(["group", "row"], ignore_index=True).assign(day=day)


def _products(market: Marketplace, ids: npt.NDArray[np.str_], day: int) -> tuple[list[str], Sparse]:
    windows = Windows(("creator_id", "product_id"), code="features.snapshot")
    sums = {name: windows.sum("orders", *asked) for name, asked in PRODUCT_SUMS.items()}
    longest = max(days for _, days in PRODUCT_SUMS.values())
    table = fact_table(market, "orders", ("creator_id", "product_id"))
    recent = table.filter(table.known_day < day, table.event_day >= day - longest)
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


def _places(names: Any, column: pd.Series) -> Ints:
    """Where each value of ``column`` stands in ``names``; -1 where it does not."""
    places = pd.Index(list(names), dtype=object).get_indexer(pd.Index(column, dtype=object))
    return np.asarray(places, dtype=np.int64)


def _text(column: pd.Series) -> npt.NDArray[np.str_]:
    return column.fillna("").to_numpy(dtype=str)
