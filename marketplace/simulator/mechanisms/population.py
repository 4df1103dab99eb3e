"""Who is there: currencies, brands, products and creators with their latent traits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit, ndtr, ndtri

from marketplace.arrays import Flags, Floats, Ints
from marketplace.simulator.mechanisms.differences import draw_differences, draw_sale_shares
from marketplace.simulator.worlds import CATEGORIES, CURRENCIES, MARKETS, TRAITS, World, stream

__all__ = ["DAY", "HOUR", "MINUTE", "Population", "draw_population", "normal_scores"]


MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
"""Microseconds. Instants are int64 microseconds since 1970, days are int64 counted from the world's start."""


@dataclass(frozen=True)
class Population:
    """The fixed part of a marketplace. Arrays by position: brand (b,), product (p,), creator (n,), category (k,).

    ``fx`` is (currencies, days + horizon), USD for one unit at the start of the day.
    ``capture_share`` (n, k) is the share of a product's demand level that a partnership's content takes over
    its window; ``affinity`` (n, k) and ``fit_creator`` (n, 4), ``fit_brand`` (b, 4) are latent. ``audience``
    numbers each creator's audience, ``gaming`` says who inflates what is counted, ``followers_shown`` is what their
    profile claims, times ``followers_bought`` from ``bought_day`` on. Where the world drifts, ``later`` holds from
    the instant ``drift_us`` on.

    Multiples with one at their middle: ``sells`` (n, k) of incremental lines, ``captures`` (n,) of the captured share,
    ``boost`` (n,) of `World.partnership_boost`, ``live_multiple`` (n,) of `World.live_conversion`,
    ``product_sale`` (p,) of the surge of sales days. ``live_partnership`` (n,) is the chance that a partnership's
    content is a live, ``reserve`` (n,) the commission below which a creator declines, ``agency_ease`` (n,) log-odds
    by which the agency of a creator accepts more; ``audience_age`` (n,) and ``audience_market`` (n,) say who follows.
    """

    start_us: int
    days: int
    fx: Floats
    brand_market: Ints
    brand_category: Ints
    brand_second: Ints
    brand_never_ships: Floats
    fit_brand: Floats
    product_brand: Ints
    product_market: Ints
    product_category: Ints
    product_subcategory: Ints
    product_price: Floats
    product_price_usd: Floats
    product_price_score: Floats
    product_margin: Floats
    product_margin_told: Flags
    product_level: Floats
    product_refund: Floats
    product_launched: Ints
    product_sale: Floats
    shop_cells: dict[tuple[int, int], Ints]
    creator_market: Ints
    traits: dict[str, Floats]
    followers: Floats
    follower_score: Floats
    growth: Floats
    affinity: Floats
    category_shares: Floats
    fit_creator: Floats
    price_point: Floats
    posts_30d: Floats
    posts_size: Floats
    shoppable: Floats
    live: Floats
    reliance: Floats
    views_mean: Floats
    views_sd: Floats
    capture_share: Floats
    joined: Ints
    consents: Flags
    managed: Flags
    audience: Ints
    gaming: Flags
    followers_shown: Floats
    followers_bought: Floats
    bought_day: Ints
    audience_age: Ints
    audience_market: Ints
    sells: Floats
    captures: Floats
    boost: Floats
    live_multiple: Floats
    live_partnership: Floats
    agency_ease: Floats
    reserve: Floats
    drift_us: int
    later: Population | None = None

    @property
    def end_us(self) -> int:
        """The first instant that is no longer simulated."""
        return self.start_us + self.days * DAY

    def usd(self, market: Ints, day: Ints) -> Floats:
        """USD for one unit of each market's currency on each day (clipped to the days drawn)."""
        rates: Floats = self.fx[market, np.clip(day, 0, self.fx.shape[1] - 1)]
        return rates

    def fit(self, creator: Ints, brand: Ints | int) -> Floats:
        """Brand x creator fit, standard normal over pairs."""
        product: Floats = (self.fit_creator[creator] * self.fit_brand[brand]).sum(axis=-1)
        return product


_UNSEEN = 14
"""Days at either end in which no package is bought: profiles are read every fortnight."""


def normal_scores(values: Floats) -> Floats:
    """Normal scores of the mid-ranks, so that a heavy tail enters the model as a standard normal."""
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    scores: Floats = ndtri((order + 0.5) / len(values))
    return scores


def _choose(rng: np.random.Generator, shares: Floats, size: int) -> Ints:
    cuts = np.cumsum(shares) / np.sum(shares)
    return np.minimum(np.searchsorted(cuts, rng.random(size), side="right"), len(shares) - 1).astype(np.int64)


def _market_of_each(shares: Floats, size: int) -> Ints:
    """Markets in fixed numbers (largest remainder), so that a small marketplace has something in each."""
    exact = shares / shares.sum() * size
    counts = np.floor(exact).astype(np.int64)
    for index in np.argsort(counts - exact, kind="stable")[: size - int(counts.sum())]:
        counts[index] += 1
    return np.repeat(np.arange(len(shares)), counts)


def _draw_fx(world: World, seed: int, days: int) -> Floats:
    rng = stream(seed, "fx")
    steps = rng.normal(0.0, world.fx_volatility, size=(len(CURRENCIES), days))
    steps[:, 0] = 0.0
    steps[CURRENCIES.index("USD")] = 0.0
    # A martingale in levels: the rate at the brief is the expected rate on any later day.
    drift = -0.5 * world.fx_volatility**2 * np.arange(days)
    path: Floats = np.exp(np.cumsum(steps, axis=1) + drift) * np.asarray(world.usd_rates)[:, None]
    path[CURRENCIES.index("USD")] = 1.0
    return path


def _local_price(usd: Floats, rate: Floats) -> Floats:
    raw = usd / rate
    step = np.where(raw > 10_000, 1_000.0, np.where(raw > 500, 1.0, 0.1))
    return np.round(np.maximum(np.round(raw / step), 1.0) * step, 2)


def _draw_shop(world: World, seed: int, *, fx: Floats, campaigns: int, days: int) -> dict[str, Any]:
    """The fields of `Population` about brands and products."""
    markets, k = len(MARKETS), len(CATEGORIES)
    rng = stream(seed, "brands")
    floor = np.repeat(np.arange(markets), world.brands_per_market)
    more = _choose(rng, np.asarray(world.creator_shares), max(0, round(campaigns * world.brands_per_campaign)))
    brand_market = np.sort(np.concatenate([floor, more]), kind="stable")
    brands = len(brand_market)
    # Brands of a market take the categories in turn, so that few brands still cover many categories.
    brand_category = (np.arange(brands) * 3 + rng.integers(0, k, size=markets)[brand_market]) % k
    brand_second = (brand_category + rng.integers(1, k, size=brands)) % k
    never = rng.beta(*world.never_shipped, size=brands)
    fit_brand = rng.normal(size=(brands, 4))
    fit_brand /= np.sqrt((fit_brand**2).sum(axis=1, keepdims=True))

    rng = stream(seed, "products")
    low, high = world.products_per_brand
    product_brand = np.repeat(np.arange(brands), rng.integers(low, high + 1, size=brands))
    products = len(product_brand)
    first = np.concatenate([[True], product_brand[1:] != product_brand[:-1]])
    second = ~first & (rng.random(products) < 0.35)
    product_category = np.where(second, brand_second[product_brand], brand_category[product_brand])
    product_market = brand_market[product_brand]
    usd = (
        np.asarray(world.category_prices)[product_category]
        * np.asarray(world.price_levels)[product_market]
        * np.exp(rng.normal(0.0, world.price_spread, size=products))
    )
    price = _local_price(usd, fx[product_market, 0])
    price_usd = price * fx[product_market, 0]
    score = np.zeros(products)
    cells: dict[tuple[int, int], Ints] = {}
    for market in range(markets):
        for category in range(k):
            members = np.flatnonzero((product_market == market) & (product_category == category))
            if len(members):
                members = members[np.argsort(price_usd[members], kind="stable")]
                cells[market, category] = members
                score[members] = ndtri((np.arange(len(members)) + 0.5) / len(members))
    late = ~first & (rng.random(products) < world.launched_late)
    launched = np.where(late, rng.integers(5, max(6, days), size=products), -rng.integers(30, 700, size=products))
    return {
        "brand_market": brand_market,
        "brand_category": brand_category,
        "brand_second": brand_second,
        "brand_never_ships": never,
        "fit_brand": fit_brand,
        "product_brand": product_brand,
        "product_market": product_market,
        "product_category": product_category,
        "product_subcategory": rng.integers(1, 5, size=products),
        "product_price": price,
        "product_price_usd": price_usd,
        "product_price_score": score,
        "product_margin": np.round(rng.uniform(*world.margin_range, size=products), 3),
        "product_margin_told": rng.random(products) >= world.margin_missing,
        "product_level": world.demand_level * np.exp(rng.normal(0.0, world.demand_spread, size=products)),
        "product_refund": np.asarray(world.refund_rates)[product_category] * rng.uniform(0.6, 1.4, size=products),
        "product_launched": launched.astype(np.int64),
        "product_sale": draw_sale_shares(world, seed, products),
        "shop_cells": cells,
    }


def _views_mean(world: World, followers: Floats, appeal: Floats) -> Floats:
    mean: Floats = world.views_level * np.exp(
        world.views_followers * np.log(followers / 10_000.0) + world.views_appeal * appeal
    )
    return mean


def _capture_share(world: World, followers: Floats, log_posts: Floats, affinity: Floats, captures: Floats) -> Floats:
    share = (world.capture * captures)[:, None] * np.exp(
        (
            world.capture_followers * normal_scores(followers)
            + world.capture_posts * (log_posts - np.log(world.posts_per_30d)) / 0.6
        )[:, None]
        + world.capture_affinity * affinity
    )
    capped: Floats = np.minimum(share, world.capture_cap)
    return capped


def _depart(
    world: World, seed: int, people: dict[str, Any], *, start_us: int, days: int, campaigns: int
) -> dict[str, Any]:
    """``people`` with what the other worlds add; in the baseline nobody games, nobody is new, all audiences are one."""
    n = len(people["followers"])
    rng = stream(seed, "newcomers")
    new = rng.random(n) < world.newcomers
    first = max(days - world.newcomer_days, 0) * DAY
    joined = start_us + rng.integers(first, (days - 1) * DAY, size=n)
    gaming = stream(seed, "gaming").random(n) < world.gaming_share
    rng = stream(seed, "packages")
    buys = rng.random(n) < world.bought_share
    third = world.first_brief + (world.last_brief - world.first_brief) * (2 * campaigns // 3) / campaigns
    return {
        **people,
        "joined": np.where(new, joined, people["joined"]),
        "audience": stream(seed, "audiences").integers(0, max(world.audiences, 1), size=n),
        "gaming": gaming,
        "followers_shown": people["followers"] * np.where(gaming, world.gaming_followers, 1.0),
        "followers_bought": np.where(buys, world.bought_followers, 1.0),
        "bought_day": rng.integers(_UNSEEN, days - _UNSEEN, size=n),
        "drift_us": start_us + int(third * days * DAY) // MINUTE * MINUTE,
    }


def _later(world: World, seed: int, population: Population) -> Population:
    """The population after the drift: other tastes, and views and captured demand by the later parameters."""
    changed = world.later
    same = world.drift_tastes
    fresh = stream(seed, "tastes").normal(size=population.affinity.shape)
    affinity = same * population.affinity + np.sqrt(1.0 - same**2) * fresh
    return replace(
        population,
        affinity=affinity,
        views_mean=_views_mean(changed, population.followers, population.traits["appeal"]),
        capture_share=_capture_share(
            changed, population.followers, np.log(population.posts_30d), affinity, population.captures
        ),
    )


def _draw_creators(
    world: World, seed: int, *, cells: dict[tuple[int, int], Ints], creators: int, start_us: int, days: int
) -> dict[str, Any]:
    """The fields of `Population` about creators."""
    markets, k = len(MARKETS), len(CATEGORIES)
    rng = stream(seed, "creators")
    lower = np.linalg.cholesky(np.asarray(world.correlation))
    raw = rng.normal(size=(creators, len(TRAITS)))
    traits = {name: (raw * lower[i]).sum(axis=1) for i, name in enumerate(TRAITS)}
    creator_market = rng.permutation(_market_of_each(np.asarray(world.creator_shares), creators))
    rest = np.sqrt(1 - world.follower_appeal**2 - world.follower_persuasion**2)
    z = (
        world.follower_appeal * traits["appeal"]
        + world.follower_persuasion * traits["persuasion"]
        + rest * rng.normal(size=creators)
    )
    followers = np.minimum(world.follower_floor * ndtr(-z) ** (-1 / world.follower_tail), world.follower_cap)
    affinity = rng.normal(size=(creators, k))
    open_cells = np.array([[(m, c) in cells for c in range(k)] for m in range(markets)])
    weight = np.exp(world.category_focus * affinity) * open_cells[creator_market]
    log_posts = (
        np.log(world.posts_per_30d)
        + world.posts_diligence * traits["diligence"]
        + rng.normal(0.0, world.posts_spread, size=creators)
    )
    joined_late = rng.random(creators) < world.joined_late
    joined = np.where(
        joined_late,
        rng.integers(0, max(1, int(days * 0.9)) * DAY, size=creators),
        -rng.integers(1 * DAY, 900 * DAY, size=creators),
    )
    goes_live = rng.random(creators) < world.live_creators
    return {
        "creator_market": creator_market,
        "traits": traits,
        "followers": followers,
        "follower_score": normal_scores(followers),
        "growth": rng.normal(0.0006, 0.0008, size=creators),
        "affinity": affinity,
        "category_shares": weight / weight.sum(axis=1, keepdims=True),
        "fit_creator": rng.normal(size=(creators, 4)),
        "price_point": rng.normal(size=creators),
        "log_posts": log_posts,
        "posts_30d": np.exp(log_posts),
        "posts_size": world.posts_dispersion * np.exp(world.posts_consistency * traits["consistency"]),
        "shoppable": expit(
            world.shoppable_level
            + world.shoppable_diligence * traits["diligence"]
            + rng.normal(0.0, world.shoppable_spread, size=creators)
        ),
        "live": np.where(goes_live, rng.beta(2.0, 2.0 / world.live_share - 2.0, size=creators), 0.0),
        "reliance": rng.beta(*world.paid_reliance, size=creators),
        "views_mean": _views_mean(world, followers, traits["appeal"]),
        "views_sd": np.clip(world.views_noise * np.exp(world.views_consistency * traits["consistency"]), 0.4, 1.7),
        "joined": start_us + joined,
        "consents": rng.random(creators) < world.consent_rate,
        "managed": rng.random(creators) < expit(world.managed_level + 0.5 * normal_scores(followers)),
    }


def draw_population(world: World, seed: int, *, creators: int, campaigns: int, days: int) -> Population:
    """Draw brands, products and creators. Pure: the same arguments give the same arrays."""
    start_us = int(np.datetime64(world.start, "us").astype(np.int64))
    fx = _draw_fx(world, seed, days + world.horizon_days)
    shop = _draw_shop(world, seed, fx=fx, campaigns=campaigns, days=days)
    people = _draw_creators(world, seed, cells=shop["shop_cells"], creators=creators, start_us=start_us, days=days)
    people = _depart(world, seed, people, start_us=start_us, days=days, campaigns=campaigns)
    people |= draw_differences(world, seed, people)
    people["capture_share"] = _capture_share(
        world, people["followers"], people["log_posts"], people["affinity"], people["captures"]
    )
    del people["log_posts"]
    population = Population(start_us=start_us, days=days, fx=fx, **shop, **people)
    if not world.drift and world.drift_tastes == 1.0:
        return population
    return replace(population, later=_later(world, seed, population))
