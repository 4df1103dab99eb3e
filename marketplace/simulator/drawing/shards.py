"""Shards: consecutive creators whose contents and sales outside partnerships are drawn and written on their own.

What a creator posts and sells outside partnerships hangs on nobody else, so
that a shard is drawn from its own streams, written as its own part of every
table, and forgotten but for small sums. Memory therefore does not grow with
the contents and the orders of the whole marketplace.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from marketplace.arrays import Floats, Ints
from marketplace.simulator.mechanisms import DAY, Briefs, Lines, Population, draw_fates, draw_organic_lines, draw_posts
from marketplace.simulator.record import (
    ShopSums,
    TableWriter,
    numbered,
    record_content_days,
    record_contents,
    record_orders,
    shop_sums,
)
from marketplace.simulator.worlds import MARKETS, World

__all__ = [
    "SHARD_CREATORS",
    "Ids",
    "Shard",
    "ShardSums",
    "draw_shard",
    "money_by_day",
    "only",
    "ranker_gmv",
    "shards_of",
]

SHARD_CREATORS = 10_000
"""Creators in a shard at most: about 1 GiB at a year of days. Fewer cost more files, more cost more memory."""

_BY_CREATOR = (
    "creator_market",
    "followers",
    "follower_score",
    "growth",
    "affinity",
    "category_shares",
    "fit_creator",
    "price_point",
    "posts_30d",
    "posts_size",
    "shoppable",
    "live",
    "reliance",
    "views_mean",
    "views_sd",
    "capture_share",
    "joined",
    "consents",
    "managed",
    "audience",
    "gaming",
    "followers_shown",
    "followers_bought",
    "bought_day",
    "audience_age",
    "audience_market",
    "sells",
    "captures",
    "boost",
    "live_multiple",
    "live_partnership",
    "agency_ease",
    "reserve",
)


@dataclass(frozen=True)
class Shard:
    """The creators at positions ``first`` to ``last`` (exclusive), the ``part``-th shard."""

    part: int
    first: int
    last: int

    @property
    def name(self) -> str:
        """What the shard's work is recorded under."""
        return f"shard-{self.part:05d}"


@dataclass(frozen=True)
class Ids:
    """Identifiers of what all parts share; ``creators`` by position in the whole population."""

    brands: pa.Array
    products: pa.Array
    campaigns: pa.Array
    creators: pa.Array


@dataclass(frozen=True)
class ShardSums:
    """All that later stages need of a shard.

    ``cell`` (z,) int64 numbers a creator of the shard and a day (creator x days + day) on which something was
    attributed to them, ``money`` (z,) how much in their market's currency. ``gmv_usd`` holds, for one brief after
    the other, the 30-day GMV of the shard's creators of its market as `ranker_gmv` lays them out.
    """

    cell: Ints
    money: Floats
    gmv_usd: Floats
    shop: ShopSums

    def save(self, file: Path) -> None:
        """Write all arrays to ``file`` (.npz)."""
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, cell=self.cell, money=self.money, gmv_usd=self.gmv_usd, **vars(self.shop))


def shards_of(creators: int, size: int) -> list[Shard]:
    """Shards of at most ``size`` of ``creators``, as even as can be."""
    count = -(-creators // size)
    edges = [creators * part // count for part in range(count + 1)]
    return [Shard(part, edges[part], edges[part + 1]) for part in range(count)]


def only(population: Population, shard: Shard) -> Population:
    """The population with the creators of ``shard`` alone (views); brands and products are all there."""
    rows = slice(shard.first, shard.last)
    return replace(
        population,
        **{name: getattr(population, name)[rows] for name in _BY_CREATOR},
        traits={name: values[rows] for name, values in population.traits.items()},
        later=None if population.later is None else only(population.later, shard),
    )


def money_by_day(population: Population, lines: Lines, *, usd: bool) -> Floats:
    """Attributed sales of each creator's days (n, days), in USD or in the market's currency."""
    day = (lines.ordered - population.start_us) // DAY
    money = lines.quantity * population.product_price[lines.product]
    if usd:
        money = money * population.usd(population.product_market[lines.product], day)
    n = len(population.creator_market)
    cells = lines.creator * population.days + day
    table = np.bincount(cells, weights=money, minlength=n * population.days)
    return table.astype(np.float64).reshape(n, population.days)


def ranker_gmv(population: Population, briefs: Briefs, gmv_by_day: Floats, *, report_days: float = 0.0) -> Floats:
    """30-day GMV as each brief's ranker knew it, of the creators of the brief's market, brief after brief.

    ``gmv_by_day`` is (n, days) in USD, known ``report_days`` late. Creators of a brief come by position.
    """
    so_far = np.concatenate([np.zeros((len(gmv_by_day), 1)), np.cumsum(gmv_by_day, axis=1)], axis=1)
    members = [np.flatnonzero(population.creator_market == market) for market in range(len(MARKETS))]
    parts = [np.zeros(0)]
    for i in range(len(briefs)):
        who = members[int(briefs.market[i])]
        last = max(int((briefs.briefed[i] - population.start_us) // DAY) - 1 - round(report_days), 0)
        parts.append(so_far[who, last] - so_far[who, max(last - 30, 0)])
    return np.concatenate(parts)


def draw_shard(
    world: World,
    seed: int,
    population: Population,
    briefs: Briefs,
    *,
    shard: Shard,
    ids: Ids,
    first_content: int,
    first_order: int,
    out: TableWriter,
) -> tuple[ShardSums, dict[str, int]]:
    """Draw one shard and write its contents, content_days and orders.

    ``first_content`` and ``first_order`` are what the shards before it have counted up to. Returns the sums, and
    counts of contents, lines, order states and content days.
    """
    people = only(population, shard)
    part = shard.part
    posts = draw_posts(world, seed, people, part=part)
    lines = draw_organic_lines(world, seed, people, posts, part=part)
    fates = draw_fates(world, seed, people, lines, part=part)
    creator_ids = ids.creators[shard.first : shard.last]
    content_ids = numbered("co", len(posts.creator), 9, first=first_content)
    states = record_orders(
        people,
        briefs,
        lines=lines,
        fates=fates,
        campaign_of=np.zeros(0, dtype=np.int64),
        content_ids=content_ids,
        creator_ids=creator_ids,
        product_ids=ids.products,
        campaign_ids=ids.campaigns,
        first_order=first_order,
        out=out,
    )
    money = money_by_day(people, lines, usd=False).ravel()
    cell = np.flatnonzero(money)
    sums = ShardSums(
        cell=cell,
        money=money[cell],
        gmv_usd=ranker_gmv(people, briefs, money_by_day(people, lines, usd=True), report_days=world.report_days),
        shop=shop_sums(world, people, posts=posts, lines=lines, fates=fates),
    )
    counts = {"contents": len(posts.creator), "lines": len(lines.creator), "states": states}
    del lines, fates, money
    record_contents(
        world,
        seed,
        posts=posts,
        content_ids=content_ids,
        creator_ids=creator_ids,
        product_ids=ids.products,
        part=part,
        out=out,
    )
    days = record_content_days(
        world, seed, people, posts=posts, content_ids=content_ids, creator_ids=creator_ids, part=part, out=out
    )
    return sums, {**counts, "days": days}
