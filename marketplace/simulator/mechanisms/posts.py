"""Contents: when they are posted, how many watch, and what they sell outside partnerships."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.special import ndtr

from marketplace.arrays import Flags, Floats, Ints
from marketplace.simulator.mechanisms.buyers import organic_lines
from marketplace.simulator.mechanisms.eras import by_era
from marketplace.simulator.mechanisms.population import DAY, HOUR, Population
from marketplace.simulator.mechanisms.reach import draw_hits, response, view_noise
from marketplace.simulator.mechanisms.sales import (
    Lines,
    capture_rate,
    conversion,
    draw_lines,
    live_conversion,
    paid_rate,
)
from marketplace.simulator.mechanisms.seasons import sale_days, surge_captured, wait_for_sale
from marketplace.simulator.worlds import World, stream

__all__ = ["Posts", "draw_organic_lines", "draw_posts"]


@dataclass(frozen=True)
class Posts:
    """Contents, one position each, by time of publication.

    ``product`` is -1 where nothing can be bought, ``live_minutes`` 0 for a video, ``views`` and ``paid_views``
    the expected organic and bought views, ``original`` the content that this one repeats (-1: none).
    """

    creator: Ints
    published: Ints
    product: Ints
    live_minutes: Ints
    views: Floats
    paid_views: Floats
    partnership: Ints
    original: Ints

    @property
    def is_live(self) -> Flags:
        """Whether each is a live."""
        flags: Flags = self.live_minutes > 0
        return flags

    def join(self, other: Posts) -> tuple[Posts, Ints]:
        """Both in order of publication, and the new position of each (self's first, then other's)."""
        names = [f.name for f in fields(self)]
        return Posts(**{n: np.concatenate([getattr(self, n), getattr(other, n)]) for n in names}).in_order()

    def in_order(self) -> tuple[Posts, Ints]:
        """The same in order of publication, and the new position of each."""
        order = np.argsort(self.published, kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        ordered = Posts(**{f.name: getattr(self, f.name)[order] for f in fields(self)})
        original = ordered.original.copy()
        copies = np.flatnonzero(original >= 0)
        original[copies] = place[original[copies]]
        return replace(ordered, original=original), place


def _choose_category(rng: np.random.Generator, population: Population, creator: Ints) -> Ints:
    cuts = np.cumsum(population.category_shares, axis=1)
    draws = rng.random(len(creator))[:, None] * cuts[creator, -1:]
    chosen: Ints = np.minimum((cuts[creator] <= draws).sum(axis=1), cuts.shape[1] - 1)
    return chosen


def _choose_product(
    rng: np.random.Generator, world: World, population: Population, *, creator: Ints, category: Ints, day: Ints
) -> Ints:
    """A product of the category in the creator's market, near the creator's price point, already on sale."""
    level = ndtr(
        (population.price_point[creator] + rng.normal(0.0, world.price_wander, size=len(creator)))
        / np.sqrt(1 + world.price_wander**2)
    )
    product = np.full(len(creator), -1, dtype=np.int64)
    cell = population.creator_market[creator] * 1_000 + category
    order = np.argsort(cell, kind="stable")
    edges = np.flatnonzero(np.diff(cell[order], prepend=-1))
    for rows in np.split(order, edges[1:]):
        if len(rows):
            shelf = population.shop_cells.get((int(cell[rows[0]]) // 1_000, int(cell[rows[0]]) % 1_000))
            if shelf is not None:
                product[rows] = shelf[np.minimum((level[rows] * len(shelf)).astype(np.int64), len(shelf) - 1)]
    early = (product >= 0) & (population.product_launched[product] >= day)
    return np.where(early, -1, product)


def draw_posts(world: World, seed: int, population: Population, *, part: int = 0) -> Posts:
    """Draw every content outside partnerships: negative-binomial weeks, shelves, formats, views, duplicates."""
    rng = stream(seed, "posts", part)
    weeks = -(-population.days // 7)
    creators = len(population.creator_market)
    size = population.posts_size[:, None]
    rate = rng.gamma(size, 1.0, size=(creators, weeks)) * (population.posts_30d * 7 / 30)[:, None] / size
    count = rng.poisson(rate).ravel()
    creator = np.repeat(np.repeat(np.arange(creators), weeks), count)
    week = np.repeat(np.tile(np.arange(weeks), creators), count)
    day = week * 7 + rng.integers(0, 7, size=len(week))
    hour = np.mod(rng.normal(12.0, 4.0, size=len(week)), 24.0)
    published = population.start_us + day * DAY + (hour * HOUR).astype(np.int64)
    calendar = sale_days(world, start_us=population.start_us, days=population.days)
    published = wait_for_sale(
        stream(seed, "sale_dates", part), world, calendar, published, start_us=population.start_us
    )
    keep = (published < population.end_us) & (published > population.joined[creator] + DAY)
    order = np.flatnonzero(keep)[np.argsort(published[keep], kind="stable")]
    creator, published = creator[order], published[order]
    day = (published - population.start_us) // DAY
    total = len(order)
    product = _choose_product(
        rng,
        world,
        population,
        creator=creator,
        category=_choose_category(rng, population, creator),
        day=day,
    )
    product = np.where(rng.random(total) < population.shoppable[creator], product, -1)
    live = rng.random(total) < population.live[creator]
    minutes = np.where(live, rng.integers(40, 241, size=total), 0)
    boosted = (product >= 0) & (rng.random(total) < population.reliance[creator])
    twice = np.where(population.gaming, max(world.gaming_stuffing, world.duplicated_rate), world.duplicated_rate)
    again = np.flatnonzero(~live & (rng.random(total) < twice[creator]))
    delay = rng.integers(5 * 60_000_000, 90 * 60_000_000, size=len(again))

    rng = stream(seed, "views", part)
    views = (
        by_era(world, population, published, lambda _, people: people.views_mean[creator])
        * np.where(live, world.live_views, 1.0)
        * view_noise(rng, population.views_sd[creator])
        * draw_hits(stream(seed, "hits", part), world, total)
    )
    bought = np.where(boosted, views * world.paid_views * np.exp(rng.normal(0.0, 0.5, size=total) - 0.125), 0.0)
    posts = Posts(
        creator=creator,
        published=published,
        product=product,
        live_minutes=minutes,
        views=views,
        paid_views=bought,
        partnership=np.full(total, -1),
        original=np.full(total, -1),
    )
    copies = Posts(
        creator=creator[again],
        published=published[again] + delay,
        product=product[again],
        live_minutes=np.zeros(len(again), dtype=np.int64),
        views=views[again] * 0.06,
        paid_views=np.zeros(len(again)),
        partnership=np.full(len(again), -1),
        original=again,
    )
    inside = copies.published < population.end_us
    copies = Posts(**{f.name: getattr(copies, f.name)[inside] for f in fields(copies)})
    return posts.join(copies)[0]


def draw_organic_lines(world: World, seed: int, population: Population, posts: Posts, *, part: int = 0) -> Lines:
    """Draw the order lines of contents outside partnerships, and the few bought from the showcase."""
    rows = np.flatnonzero(posts.product >= 0)
    creator, product = posts.creator[rows], posts.product[rows]
    published, live = posts.published[rows], posts.is_live[rows]

    def sells(now: World, people: Population) -> Floats:
        if now.buyers_days:
            return organic_lines(now, people, creator=creator, product=product, live=live)
        rate: Floats = (
            response(now, posts.views[rows])
            * conversion(now, people, creator, product)
            * np.where(live, live_conversion(now, people, creator), 1.0)
        )
        return rate

    incremental = by_era(world, population, published, sells)
    captured = (
        by_era(world, population, published, lambda now, people: capture_rate(now, people, creator, product))
        * world.capture_organic
    )
    captured = np.where(posts.original[rows] >= 0, 0.0, captured)
    calendar = sale_days(world, start_us=population.start_us, days=population.days)
    day = (published - population.start_us) // DAY
    on_sale = calendar.there[day]
    surge = None
    if world.sale_capture:
        surge = surge_captured(world, captured, calendar.surge(population.product_sale)[product, day])
    lines = draw_lines(
        stream(seed, "organic_lines", part),
        world,
        creator=creator,
        product=product,
        content=rows,
        partnership=np.full(len(rows), -1),
        published=posts.published[rows],
        live_minutes=posts.live_minutes[rows],
        incremental=incremental * np.where(on_sale, world.sale_conversion, 1.0),
        captured=captured,
        paid=paid_rate(world, population, posts.paid_views[rows], product),
        surge=surge,
    )
    rng = stream(seed, "organic_sales", part)
    showcase = (rng.random(len(lines.creator)) < world.showcase_rate) & ~lines.live & ~lines.paid
    inside = lines.ordered < population.end_us
    return replace(lines, content=np.where(showcase, -1, lines.content)).take(inside)
