"""Campaign briefs: who asks, for which products, at what terms, when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from marketplace.arrays import Flags, Floats, Ints
from marketplace.simulator.mechanisms.population import DAY, HOUR, Population
from marketplace.simulator.mechanisms.seasons import aim_briefs
from marketplace.simulator.worlds import MARKETS, World, stream

__all__ = ["Briefs", "draw_briefs"]


@dataclass(frozen=True)
class Briefs:
    """Campaigns by time of brief. ``products`` holds up to three product positions each, -1 where fewer.

    ``fee`` and ``shipping`` are in the market's own currency, ``fee_usd`` and ``shipping_usd`` at the brief's rate.
    ``hunch`` is the brand's foreboding of demand; ``sought`` the size of audience it wants and pays for, in standard
    deviations of creators' log followers; ``own`` says whether the marketplace's data show the campaign; ``sale`` is
    the sales day, counted from the start, that contents aim at, -1 for none.
    """

    brand: Ints
    market: Ints
    category: Ints
    products: Ints
    objective: Ints
    is_open: Flags
    commission: Floats
    fee: Floats
    fee_usd: Floats
    sample: Flags
    shipping: Floats
    shipping_usd: Floats
    budget: Floats
    wanted: Ints
    briefed: Ints
    starts: Ints
    ends: Ints
    rate: Floats
    hunch: Floats
    sought: Floats
    own: Flags
    sale: Ints

    def __len__(self) -> int:
        return len(self.brand)

    @property
    def evaluation(self) -> Flags:
        """The last third by time of brief of those shown, whose truth is told for every eligible creator."""
        flags: Flags = self.own & (np.cumsum(self.own) - 1 >= 2 * int(self.own.sum()) // 3)
        return flags


def _open_markets(world: World, population: Population) -> Ints:
    there = np.bincount(population.creator_market[population.joined < population.start_us], minlength=len(MARKETS))
    enough = np.flatnonzero(there >= world.market_floor)
    return enough if len(enough) else np.array([int(np.argmax(there))])


def _own(world: World, campaigns: int) -> Flags:
    """Which campaigns the data show: all, or one seller's, evenly spread."""
    if not world.seller_share:
        return np.ones(campaigns, dtype=bool)
    count = max(min(3, campaigns), round(world.seller_share * campaigns))
    own = np.zeros(campaigns, dtype=bool)
    own[((np.arange(count) + 1) * campaigns / count - 1).astype(np.int64)] = True
    return own


def _seller(world: World, population: Population, markets: Ints, weight: Floats) -> tuple[int, int]:
    """The market and the brand whose data alone are shown; -1 where every brand's are."""
    if not world.seller_share:
        return -1, -1
    home = int(markets[np.argmax(weight)])
    return home, int(np.flatnonzero(population.brand_market == home)[0])


def draw_briefs(world: World, seed: int, population: Population, *, campaigns: int) -> Briefs:
    """Draw the briefs, evenly spread in time from `World.first_brief` to `World.last_brief` but for sales days."""
    rng = stream(seed, "briefs")
    days = population.days
    low, high = world.first_brief * days, world.last_brief * days
    day = low + (np.arange(campaigns) + rng.random(campaigns)) * ((high - low) / campaigns)
    day, sale = aim_briefs(
        stream(seed, "sale_briefs"), world, day, start_us=population.start_us, days=days, ends=(low, high)
    )
    briefed = population.start_us + (day * DAY).astype(np.int64) // (60 * 1_000_000) * (60 * 1_000_000)
    brief_day = (briefed - population.start_us) // DAY

    markets = _open_markets(world, population)
    weight = np.asarray(world.creator_shares)[markets]
    market = markets[
        np.minimum(
            np.searchsorted(np.cumsum(weight) / weight.sum(), rng.random(campaigns), side="right"), len(markets) - 1
        )
    ]
    own = _own(world, campaigns)
    home, seller = _seller(world, population, markets, weight)
    market = np.where(own & (seller >= 0), home, market)
    brand = np.zeros(campaigns, dtype=np.int64)
    category = np.zeros(campaigns, dtype=np.int64)
    products = np.full((campaigns, 3), -1, dtype=np.int64)
    objective = np.zeros(campaigns, dtype=np.int64)
    how_many = rng.choice([1, 2, 3], size=campaigns, p=[0.6, 0.3, 0.1])
    draws = rng.random((campaigns, 3))
    for i in range(campaigns):
        here = np.flatnonzero(
            (population.brand_market == market[i]) & (np.arange(len(population.brand_market)) != seller)
        )
        brand[i] = seller if seller >= 0 and own[i] else here[int(draws[i, 0] * len(here))]
        mine = np.flatnonzero((population.product_brand == brand[i]) & (population.product_launched < brief_day[i] - 2))
        lead = mine[int(draws[i, 1] * len(mine))]
        category[i] = population.product_category[lead]
        others = mine[(population.product_category[mine] == category[i]) & (mine != lead)]
        first = int(draws[i, 2] * max(1, len(others)))
        chosen = np.concatenate([[lead], np.roll(others, -first)[: how_many[i] - 1]])
        products[i, : len(chosen)] = chosen
        age = brief_day[i] - population.product_launched[lead]
        objective[i] = 1 if age < 45 else (2 if draws[i, 0] * 97 % 1 < 0.15 else 0)

    rate = population.usd(market, brief_day)
    # Large creators ask for money where small ones take goods, so a brief that seeks them offers fees, and larger ones.
    sought = stream(seed, "sought").normal(size=campaigns)
    has_fee = rng.random(campaigns) < expit(logit(world.fee_rate) + world.fee_offered * sought)
    level = np.asarray(world.price_levels)[market]
    drifted = (briefed >= population.drift_us) & (population.later is not None)
    median = np.where(drifted, world.later.fee_usd, world.fee_usd)
    fee_target = np.where(
        has_fee,
        median * level * np.exp(world.fee_followers * sought + rng.normal(0.0, world.fee_spread, size=campaigns)),
        0.0,
    )
    step = np.where(rate < 0.01, 1_000.0, 1.0)
    fee = np.round(fee_target / rate / step) * step
    shipping = np.round(rng.uniform(*world.shipping_usd, size=campaigns) / rate / step) * step
    shipping = np.maximum(shipping, step)
    commission = np.round(rng.uniform(*world.commission_range, size=campaigns) * 200) / 200
    hunch = stream(seed, "brief_hunches").normal(size=campaigns)
    wanted = rng.integers(world.invites[0], world.invites[1] + 1, size=campaigns)
    wanted = np.maximum(np.round(wanted * np.exp(world.hunch_wanted * hunch)), 1)
    sample = rng.random(campaigns) < world.sample_rate
    price = population.product_price[products[:, 0]]
    per_head = fee + np.where(sample, 0.5 * price + shipping, 0.0) + 30 * price * commission
    return Briefs(
        brand=brand,
        market=market,
        category=category,
        products=products,
        objective=objective,
        is_open=rng.random(campaigns) < world.open_rate,
        commission=commission,
        fee=fee,
        fee_usd=fee * rate,
        sample=sample,
        shipping=shipping,
        shipping_usd=shipping * rate,
        budget=np.ceil(per_head * wanted * 0.25 / (10 * step)) * 10 * step,
        wanted=wanted.astype(np.int64),
        briefed=briefed,
        starts=briefed + 2 * DAY + rng.integers(0, 24, size=campaigns) * HOUR,
        ends=briefed + rng.integers(world.brief_days[0], world.brief_days[1] + 1, size=campaigns) * DAY,
        rate=rate,
        hunch=hunch,
        sought=sought,
        own=own,
        sale=sale,
    )
