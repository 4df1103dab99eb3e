"""What the conversion model is fitted on: posts, who watched them, and what was bought from them, as known on a day.

One row is a post and a product that could be bought from it. Views and orders are
those that no ad led to. Everything is read under both clocks (`features.time.clocks`):
a state counts from the midnight after it became known until the midnight after
a newer one did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.briefs import read_catalogue
from features.facts import Windows, promoted_states, view_rows
from features.time import day_of, known_creators, known_once, known_states, midnight_of
from marketplace.arrays import Floats, Ints
from marketplace.tables import Marketplace

__all__ = [
    "OWN_CATEGORIES",
    "RIPE_DAYS",
    "TRAITS",
    "USUAL_VIEWS",
    "WINDOW_DAYS",
    "ConversionData",
    "Posts",
    "Shelf",
    "read_conversion_data",
    "read_later_posts",
]


WINDOW_DAYS = 365
"""Posts of the last year are read."""

RIPE_DAYS = 28
"""Days in which a later post is watched and bought from before it is held against what was told of it."""

OWN_CATEGORIES = 12
"""Categories with the most posts that are told apart; the rest are one. Bounds what is kept of each creator."""

USUAL_VIEWS = 500.0
"""Views that the usual click and engagement rates weigh beside a creator's own."""

TRAITS = 3
"""Columns of `ConversionData.traits`."""

_NEEDS = ("contents", "content_days", "orders", "products")

_TABLES: WeakKeyDictionary[Marketplace, tuple[Any, Any, Any, Any]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Posts:
    """n rows in order of creator, post and product.

    Attributes
    ----------
    creator, product : int64 (n,)
        Places in `ConversionData.creator_ids` and `Shelf`.
    views, units : float64 (n,)
        Views (above 0) and units ordered that no ad led to, until now.
    live, partnership : float64 (n,)
        1 where the post is a live, where it was delivered for an invitation; else 0.
    """

    creator: Ints
    product: Ints
    views: Floats
    units: Floats
    live: Floats
    partnership: Floats

    def __len__(self) -> int:
        return len(self.creator)


@dataclass(frozen=True)
class Shelf:
    """The p products of the posts.

    Attributes
    ----------
    brand, category : int64 (p,)
        Places in ``brand_ids``; in ``category_ids``, or their number for one that is not told apart.
    price : float64 (p,)
        ln of the USD price less the category's mean; 0 where it is not known.
    level : float64 (p,)
        Units that the product sells on its usual day (median), from whatever source; 1 where that is never told.
    brand_ids, category_ids : tuple of str
    category_price : float64 (categories + 1,)
        Mean ln USD price of each category, and of those that are not told apart.
    """

    brand: Ints
    category: Ints
    price: Floats
    level: Floats
    brand_ids: tuple[str, ...]
    category_ids: tuple[str, ...]
    category_price: Floats


@dataclass(frozen=True)
class ConversionData:
    """All that is known before one day.

    Attributes
    ----------
    posts : Posts
    shelf : Shelf
    creator_ids : str (m,)
        Every creator known, ascending.
    traits : float64 (m, 3)
        ln of followers at the latest reading, of clicks on products a view, of likes, comments and shares a view; less
        the mean of all, 0 where it is not known.
    videos, log_views, log_views_squared : float64 (m,)
        Videos of the window whose first week has been read; sums over them of ln(1 + unbought views) and its square.
    """

    posts: Posts
    shelf: Shelf
    creator_ids: npt.NDArray[np.object_]
    traits: Floats
    videos: Floats
    log_views: Floats
    log_views_squared: Floats


def read_conversion_data(market: Marketplace, day: int) -> ConversionData | None:
    """What is known before ``day`` (whole days from 1970-01-01); None where the marketplace lacks the tables."""
    if not all(name in market.present for name in _NEEDS):
        return None
    known = read_catalogue(market, midnight_of(day)).products
    creator_ids = known_creators(market, day)
    rows, product, product_ids = _placed(market, day, creator_ids, sorted(known))
    if rows.empty:
        return None
    shelf = _shelf(product, product_ids, known, _levels(market, day))
    people = pd.DataFrame({"creator_id": creator_ids, "day": day})
    windows, asked = _people()
    sums = windows.compute(market, people, asked)
    return ConversionData(
        posts=_posts(rows, rows["creator"].to_numpy(dtype=np.int64), product),
        shelf=shelf,
        creator_ids=creator_ids,
        traits=_traits(sums),
        **{name: np.nan_to_num(sums[name]) for name in ("videos", "log_views", "log_views_squared")},
    )


def _placed(
    market: Marketplace, day: int, creator_ids: npt.NDArray[np.object_], known: list[str]
) -> tuple[pd.DataFrame, Ints, list[str]]:
    """Posts before ``day`` in order of creator, post and product, with the creator's place; products; their ids.

    Sorted and placed by the database, so that no ids of posts leave it: there are as many as there are posts.
    """
    people = ibis.memtable(pa.table({"who_": pa.array(creator_ids, pa.string()), "creator": _count(creator_ids)}))
    goods = ibis.memtable(pa.table({"what_": pa.array(known, pa.string()), "product": _count(known)}))
    rows = _posts_before(market, day)
    rows = rows.inner_join(people, rows.creator_id == people.who_)
    rows = rows.inner_join(goods, rows.product_id == goods.what_).order_by(["creator", "content_id", "product"])
    frame = market.query(rows.select("creator", "product", "views", "units", "live", "partnership"))
    there, product = np.unique(frame["product"].to_numpy(dtype=np.int64), return_inverse=True)
    return frame, product.astype(np.int64), [known[place] for place in there.tolist()]


def _count(things: Sequence[str] | npt.NDArray[np.object_]) -> pa.Array:
    return pa.array(np.arange(len(things), dtype=np.int64))


def read_later_posts(
    market: Marketplace, evidence: ConversionData, *, published: int, known: int
) -> tuple[Posts, Shelf] | None:
    """Posts from the day ``published`` until `RIPE_DAYS` before ``known``, as known then.

    ``evidence`` was read on the day ``published``; both are whole days from 1970-01-01. Products stand in the
    evidence's own terms: its brands and categories (their number for one that it does not know), prices about its
    categories' means, usual days as known on ``published``. `Posts.creator` is the number of creators for one that it
    does not know. None where there are no such posts.
    """
    rows = market.query(_posts_before(market, known, published=(published, known - RIPE_DAYS))).sort_values(
        ["creator_id", "content_id", "product_id"], kind="stable", ignore_index=True
    )
    catalogue = read_catalogue(market, midnight_of(known)).products
    rows = rows[rows["product_id"].isin(list(catalogue))].reset_index(drop=True)
    if rows.empty:
        return None
    product, product_ids = pd.factorize(rows["product_id"], sort=True)
    own = evidence.shelf
    brand = pd.Index(own.brand_ids).get_indexer(pd.Index([catalogue[p].brand_id for p in product_ids]))
    category = pd.Index(own.category_ids).get_indexer(pd.Index([catalogue[p].category_id for p in product_ids]))
    category = np.where(category < 0, len(own.category_ids), category).astype(np.int64)
    usd = np.array([catalogue[p].price_usd for p in product_ids])
    price = np.log(np.where(usd > 0, usd, np.nan)) - own.category_price[category]
    levels, usual = _levels(market, published), float(np.median(own.level))
    level = np.array([levels.get(p, np.nan) for p in product_ids])
    shelf = replace(
        own,
        brand=np.where(brand < 0, len(own.brand_ids), brand).astype(np.int64),
        category=category,
        price=np.nan_to_num(price),
        level=np.maximum(np.where(np.isfinite(level), level, usual), LEAST_LEVEL),
    )
    creators = pd.Index(evidence.creator_ids).get_indexer(pd.Index(rows["creator_id"]))
    creator = np.where(creators < 0, len(evidence.creator_ids), creators).astype(np.int64)
    return _posts(rows, creator, product.astype(np.int64)), shelf


def _posts(rows: pd.DataFrame, creator: Ints, product: Ints) -> Posts:
    named = {name: rows[name].to_numpy(dtype=np.float64) for name in ("views", "units", "live", "partnership")}
    return Posts(creator=creator, product=product, **named)


def _tables(market: Marketplace) -> tuple[Any, Any, Any, Any]:
    """Posts x products, views, orders and deliveries with the days on which they count; built once a marketplace."""
    if market not in _TABLES:
        made = {
            "posts": lambda: _shoppable_posts(market),
            "views": lambda: view_rows(market).select("content_id", "since_day", "organic_views"),
            "orders": lambda: _orders(market),
            "deliveries": lambda: known_once(market.table("deliveries"), "posted_at").select("content_id", "since_day"),
        }
        posts, views, orders, deliveries = (
            market.build(f"conversion_{name}", make, code="features.conversion") for name, make in made.items()
        )
        _TABLES[market] = posts, views, orders, deliveries
    return _TABLES[market]


def _shoppable_posts(market: Marketplace) -> Any:
    states = promoted_states(market)
    there = states.deleted_at.isnull() & states.is_shoppable.fill_null(False)
    return states.filter(there).select(
        "content_id", "creator_id", "event_day", "since_day", "until_day",
        product_id="promoted_", live=(states.format == "LIVE").cast("int64"),
    )  # fmt: skip


def _orders(market: Marketplace) -> Any:
    states = known_states(market.table("orders"), ("order_id", "sku_id"), "ordered_at")
    kept = (states.status != "CANCELLED") & ~ibis.coalesce(states.is_paid_traffic, ibis.literal(False))
    return states.filter(kept, states.content_id.notnull()).select(
        "content_id", "product_id", "since_day", "until_day", "quantity"
    )


def _posts_before(market: Marketplace, day: int, *, published: tuple[int, int] | None = None) -> Any:
    """Posts x products as known before ``day``: of the window, or published from one day until before another."""
    posts, views, orders, deliveries = _tables(market)
    before = ibis.literal(day, "int64")
    posts = posts.filter(posts.since_day < before, posts.until_day >= before)
    if published is None:
        posts = posts.filter(posts.event_day >= before - WINDOW_DAYS)
    else:
        posts = posts.filter(posts.event_day >= published[0], posts.event_day < published[1])
    posts = posts.group_by(["creator_id", "content_id", "product_id"]).aggregate(live=posts.live.max())
    views = views.filter(views.since_day < before)
    views = views.group_by("content_id").aggregate(views=views.organic_views.sum())
    views = views.filter(views.views > 0).rename(of_content_="content_id")
    orders = orders.filter(orders.since_day < before, orders.until_day >= before)
    orders = orders.group_by(["content_id", "product_id"]).aggregate(units=orders.quantity.sum())
    orders = orders.rename(bought_from_="content_id", bought_="product_id")
    done = deliveries.filter(deliveries.since_day < before).select(delivered_="content_id").distinct()
    joined = posts.inner_join(views, posts.content_id == views.of_content_)
    joined = joined.left_join(orders, [joined.content_id == orders.bought_from_, joined.product_id == orders.bought_])
    joined = joined.left_join(done, joined.content_id == done.delivered_)
    return joined.select(
        "creator_id",
        "content_id",
        "product_id",
        "live",
        "views",
        units=ibis.coalesce(joined.units, ibis.literal(0, "int64")),
        partnership=joined.delivered_.notnull().cast("int64"),
    )


@cache
def _people() -> tuple[Windows, dict[str, Any]]:
    windows = Windows(("creator_id",), code="features.conversion")
    return windows, {
        "log_followers": windows.latest("profiles", "log_followers"),
        "videos": windows.sum("first_weeks", "read_videos", WINDOW_DAYS),
        "log_views": windows.sum("first_weeks", "log_views", WINDOW_DAYS),
        "log_views_squared": windows.sum("first_weeks", "log_views_squared", WINDOW_DAYS),
        "clicks": windows.sum("views", "clicks", WINDOW_DAYS),
        "clicks_known_views": windows.sum("views", "clicks_known_views", WINDOW_DAYS),
        "engagements": windows.sum("views", "engagements", WINDOW_DAYS),
        "views": windows.sum("views", "views", WINDOW_DAYS),
    }


def _traits(sums: dict[str, Floats]) -> Floats:
    """`ConversionData.traits`; rates are drawn to that of all as if `USUAL_VIEWS` more views had had it."""
    columns = [sums["log_followers"]]
    for part, whole in (("clicks", "clicks_known_views"), ("engagements", "views")):
        rate = np.nansum(sums[part]) / max(float(np.nansum(sums[whole])), 1.0)
        drawn = (sums[part] + rate * USUAL_VIEWS) / (sums[whole] + USUAL_VIEWS)
        columns.append(np.log(np.where(drawn > 0, drawn, np.nan)))
    table = np.column_stack(columns)
    known = np.isfinite(table)
    count = np.maximum(known.sum(axis=0), 1)
    return np.where(known, table - np.where(known, table, 0.0).sum(axis=0) / count, 0.0)


def _levels(market: Marketplace, day: int) -> dict[str, float]:
    """Median daily units of each product over the window, as known before ``day``."""
    if "product_days" not in market.present:
        return {}
    days = market.table("product_days")
    event, known = day_of(days.day), day_of(days.known_at)
    days = days.filter(event < day, known < day, event >= day - WINDOW_DAYS)
    sold = market.query(days.group_by("product_id").aggregate(units=days.units_sold.median()))
    return dict(zip(sold["product_id"], sold["units"].astype(float), strict=True))


def _shelf(product: Ints, product_ids: list[str], known: Any, levels: dict[str, float]) -> Shelf:
    places, brands = pd.factorize(np.array([known[p].brand_id for p in product_ids], dtype=object), sort=True)
    category, names = pd.factorize(np.array([known[p].category_id for p in product_ids], dtype=object), sort=True)
    posts = np.bincount(category[product], minlength=len(names))
    own = np.sort(np.argsort(-posts, kind="stable")[:OWN_CATEGORIES])
    slot = np.full(len(names), len(own))
    slot[own] = np.arange(len(own))
    usd = np.array([known[p].price_usd for p in product_ids])
    log_price = np.log(np.where(usd > 0, usd, np.nan))
    category = slot[category]
    told = np.isfinite(log_price)
    count = np.bincount(category[told], minlength=len(own) + 1)
    total = np.bincount(category[told], weights=log_price[told], minlength=len(own) + 1)
    overall = float(log_price[told].mean()) if told.any() else 0.0
    mean = np.where(count > 0, total / np.maximum(count, 1), overall)
    level = np.array([levels.get(p, np.nan) for p in product_ids])
    usual = float(np.nanmedian(level)) if np.isfinite(level).any() else 1.0
    return Shelf(
        brand=places.astype(np.int64),
        category=category.astype(np.int64),
        price=np.where(told, log_price - mean[category], 0.0),
        level=np.maximum(np.where(np.isfinite(level), level, usual), LEAST_LEVEL),
        brand_ids=tuple(str(name) for name in brands),
        category_ids=tuple(str(names[i]) for i in own),
        category_price=mean,
    )


LEAST_LEVEL = 0.3
"""Units a day that a product sells at least, as far as `Shelf.level` goes: medians of slow sellers are 0."""
