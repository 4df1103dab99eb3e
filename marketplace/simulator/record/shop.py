"""Tables of the shop: brands, products, product days and exchange rates."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from marketplace.arrays import Floats
from marketplace.simulator.mechanisms import DAY, HOUR, Briefs, Fates, Lines, Moved, Population, Posts, sale_days
from marketplace.simulator.record.write import TableWriter, coded, numbered
from marketplace.simulator.worlds import CATEGORIES, CURRENCIES, MARKETS, World, stream

__all__ = ["ShopSums", "draw_demand", "foreseen", "record_shop", "shop_sales", "shop_sums"]

_FIRST = ("Luma", "Nori", "Bayu", "Orchid", "Kestrel", "Mango", "Saffron", "Tidal", "Ember", "Willow", "Aster", "Pipit")
_SECOND = ("Lab", "House", "Works", "Garden", "Studio", "Market", "Supply", "Craft", "Daily", "Goods")


def draw_demand(
    world: World, seed: int, population: Population, *, surge: Floats | None = None
) -> tuple[Floats, Floats]:
    """Units that the shop sells without creators' incremental lines (p, days), and the day's discount (days,).

    Poisson around level x weekday x category shock x product shock x sales day x ``surge`` (p, days), if any;
    nothing before launch.
    """
    rng = stream(seed, "demand")
    days = population.days
    products = len(population.product_brand)

    def walk(rows: int, deviation: float) -> Floats:
        state = np.zeros((rows, days))
        steps = rng.normal(0.0, deviation, size=(rows, days))
        state[:, 0] = steps[:, 0] / np.sqrt(1 - world.shock_memory**2)
        for day in range(1, days):
            state[:, day] = world.shock_memory * state[:, day - 1] + steps[:, day]
        spread = deviation**2 / (1 - world.shock_memory**2)
        path: Floats = np.exp(state - 0.5 * spread)
        return path

    category = walk(len(MARKETS) * len(CATEGORIES), world.category_shock)
    own = walk(products, world.product_shock)
    weekday = (population.start_us // DAY + np.arange(days) + 3) % 7
    calendar = sale_days(world, start_us=population.start_us, days=days)
    rate = (
        population.product_level[:, None]
        * np.asarray(world.week)[weekday][None, :]
        * calendar.surge(population.product_sale)
        * category[population.product_market * len(CATEGORIES) + population.product_category]
        * own
    )
    if surge is not None:
        rate = rate * surge
    rate = np.where(np.arange(days)[None, :] >= population.product_launched[:, None], rate, 0.0)
    return rng.poisson(rate).astype(np.float64), calendar.discount


def shop_sales(base: Floats, taken: Floats) -> Floats:
    """Units the shop sells without incremental lines (p, days), at least those that creators ``taken`` of them.

    Captured orders add nothing: where more are taken in a day than the shop would have sold in it, the days after
    sell so much less.
    """
    shop = np.empty_like(base)
    ahead = np.zeros(len(base))
    for day in range(base.shape[1]):
        shop[:, day] = np.maximum(base[:, day] - ahead, taken[:, day])
        ahead += shop[:, day] - base[:, day]
    return shop


def foreseen(world: World, population: Population, briefs: Briefs) -> Floats | None:
    """Multiples of demand (p, days) that brands foresaw when they wrote their briefs; None where they foresee none."""
    if world.hunch_demand == 0.0:
        return None
    multiple = np.ones((len(population.product_brand), population.days))
    for i in range(len(briefs)):
        first, last = (briefs.starts[i] - population.start_us) // DAY, (briefs.ends[i] - population.start_us) // DAY
        products = briefs.products[i][briefs.products[i] >= 0]
        multiple[products, first : last + 1] *= np.exp(
            world.hunch_demand * briefs.hunch[i] - 0.5 * world.hunch_demand**2
        )
    return multiple


@dataclass(frozen=True)
class ShopSums:
    """What creators' lines and contents did to the products' days, each (p, days) float64.

    ``added`` and ``taken`` are units of incremental and of other lines, ``gross`` and ``back`` the ordered and the
    refunded money of the incremental, in the market's currency, and ``spend_usd`` what ads behind contents cost.
    """

    added: Floats
    taken: Floats
    gross: Floats
    back: Floats
    spend_usd: Floats

    def __add__(self, other: ShopSums) -> ShopSums:
        return ShopSums(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


def shop_sums(world: World, population: Population, *, posts: Posts, lines: Lines, fates: Fates) -> ShopSums:
    """Add up contents and lines by product and day; what falls after the end is left out."""
    products, days, start = len(population.product_brand), population.days, population.start_us
    shape = (products, days)

    def daily(rows: np.ndarray, instant: np.ndarray, amount: np.ndarray) -> Floats:
        day = (instant[rows] - start) // DAY
        inside = day < days
        cell = lines.product[rows][inside] * days + day[inside]
        table = np.bincount(cell, weights=amount[rows][inside], minlength=products * days)
        return table.astype(np.float64).reshape(shape)

    units = lines.quantity.astype(np.float64)
    money = units * population.product_price[lines.product]
    bought = np.flatnonzero((posts.paid_views > 0) & (posts.product >= 0) & (posts.published < population.end_us))
    bought_day = (posts.published[bought] - start) // DAY
    spend = np.bincount(
        posts.product[bought] * days + bought_day,
        weights=posts.paid_views[bought] * world.cpm_usd / 1_000.0,
        minlength=products * days,
    )
    return ShopSums(
        added=daily(np.flatnonzero(lines.incremental), lines.ordered, units),
        taken=daily(np.flatnonzero(~lines.incremental), lines.ordered, units),
        gross=daily(np.flatnonzero(lines.incremental & ~fates.cancelled), lines.ordered, money),
        back=daily(np.flatnonzero(lines.incremental & fates.refunded), fates.refund_known, money),
        spend_usd=spend.astype(np.float64).reshape(shape),
    )


def record_shop(
    world: World,
    seed: int,
    population: Population,
    *,
    briefs: Briefs,
    moved: Moved | None = None,
    sums: ShopSums,
    out: TableWriter,
) -> None:
    """Write brands, products, product_days and fx_rates. ``moved`` is what partnerships did to siblings' sales."""
    brands, products, days = len(population.brand_market), len(population.product_brand), population.days
    start = population.start_us
    brand_ids, product_ids = numbered("br", brands, 3), numbered("pr", products, 5)
    markets, currencies = list(MARKETS), list(MARKETS.values())
    index = np.arange(brands)
    names = [f"{_FIRST[i % len(_FIRST)]} {_SECOND[(i // len(_FIRST) + i) % len(_SECOND)]} {i}" for i in range(brands)]
    out.write(
        "brands",
        {
            "brand_id": brand_ids,
            "market": coded(population.brand_market, markets),
            "name": names,
            "known_at": start - (400 - index % 300) * DAY,
        },
    )
    launched = start + population.product_launched * DAY
    subcategories = [f"{c}_{j}" for c in CATEGORIES for j in range(1, 5)]
    out.write(
        "products",
        {
            "product_id": product_ids,
            "brand_id": coded(population.product_brand, brand_ids),
            "category_id": coded(population.product_category, CATEGORIES),
            "subcategory_id": coded(
                population.product_category * 4 + population.product_subcategory - 1, subcategories
            ),
            "price": population.product_price,
            "currency": coded(population.product_market, currencies),
            "gross_margin_rate": np.where(population.product_margin_told, population.product_margin, np.nan),
            "launched_at": launched,
            "known_at": launched + HOUR,
        },
    )

    base, discount = draw_demand(world, seed, population, surge=foreseen(world, population, briefs))
    price = population.product_price
    kept = (1.0 - world.cancel_rate) * (1.0 - population.product_refund)
    # A sibling's lost units may be more than a day sells: the rest is missing on the days after.
    shop = shop_sales(base if moved is None else base + moved.units, sums.taken)
    gmv = shop * (price * kept)[:, None] * (1.0 - discount)[None, :] + sums.gross - sums.back
    rate = population.fx[population.product_market, :days]
    advertised = sale_days(world, start_us=start, days=days).there
    spend = 0.03 * base * price[:, None] * np.where(advertised, world.sale_ads, 1.0) + sums.spend_usd / rate

    product = np.repeat(np.arange(products), days)
    day = np.tile(np.arange(days), products)
    on_sale = day >= population.product_launched[product]
    product, day = product[on_sale], day[on_sale]
    out.write(
        "product_days",
        {
            "product_id": coded(product, product_ids),
            "day": start // DAY + day,
            "units_sold": (shop + sums.added)[product, day].astype(np.int64),
            "gmv": np.round(np.maximum(gmv[product, day], 0.0), 2),
            "currency": coded(population.product_market[product], currencies),
            "ad_spend": np.round(spend[product, day], 2),
            "discount_rate": discount[day],
            "known_at": start + (day + 1) * DAY + 2 * HOUR + round(world.report_days * DAY),
        },
    )
    currency = np.repeat(np.arange(len(CURRENCIES)), days)
    day = np.tile(np.arange(days), len(CURRENCIES))
    out.write(
        "fx_rates",
        {
            "currency": coded(currency, CURRENCIES),
            "day": start // DAY + day,
            "usd_rate": population.fx[currency, day],
            "known_at": start + day * DAY,
        },
    )
