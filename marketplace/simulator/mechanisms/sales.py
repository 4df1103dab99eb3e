"""What a content sells: the structural equations of incremental, captured and paid order lines.

The same functions give the expectations (for ``truth/``) and the rates that
lines are drawn from, so that the two cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from marketplace.arrays import Flags, Floats, Ints
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.simulator.mechanisms.population import DAY, MINUTE, Population
from marketplace.simulator.worlds import World

__all__ = [
    "Lines",
    "capture_rate",
    "conversion",
    "draw_lines",
    "kept_share",
    "live_conversion",
    "mean_quantity",
    "paid_rate",
    "refund_rate",
    "sales_kernel",
]


_SURGE = 3
"""The kind of line that is a sales day's own; the kinds before it are incremental, captured and paid."""


@dataclass(frozen=True)
class Lines:
    """Order lines, one position a line; ``content`` is -1 for the showcase, ``partnership`` -1 outside one."""

    creator: Ints
    product: Ints
    content: Ints
    partnership: Ints
    ordered: Ints
    quantity: Ints
    incremental: Flags
    paid: Flags
    live: Flags

    def take(self, rows: NDArray[np.generic]) -> Lines:
        """The lines at ``rows`` (positions or flags), copied."""
        return Lines(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @staticmethod
    def concat(parts: list[Lines]) -> Lines:
        """All lines of ``parts``, in order, copied."""
        return Lines(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Lines)})


def mean_quantity(world: World) -> float:
    """Expected units of one line."""
    shares = world.quantities
    return sum((i + 1) * share for i, share in enumerate(shares)) / sum(shares)


def refund_rate(world: World, population: Population, creator: Ints, product: Ints, *, live: Flags | bool) -> Floats:
    """Chance that a line which was not cancelled is refunded: the product's, less for a better audience.

    In a ``live`` it is more, and the more the better the audience: a warm one interacts, and buys on impulse.
    """
    quality = population.traits["audience_quality"][creator]
    rate = population.product_refund[product] * np.where(
        live, world.refund_live * np.exp(world.refund_warmth * quality), np.exp(world.refund_quality * quality)
    )
    kept: Floats = np.minimum(rate, 0.6)
    return kept


def kept_share(world: World, population: Population, creator: Ints, product: Ints, *, live: Flags | bool) -> Floats:
    """Expected share of ordered sales that stays sold: neither cancelled nor refunded."""
    share: Floats = (1.0 - world.cancel_rate) * (1.0 - refund_rate(world, population, creator, product, live=live))
    return share


def conversion(world: World, population: Population, creator: Ints, product: Ints) -> Floats:
    """Expected incremental lines for one organic view of a video, at `World.views_reference` views."""
    category = population.product_category[product]
    brand = population.product_brand[product]
    gap = (population.product_price_score[product] - population.price_point[creator]) ** 2
    log_rate = (
        world.sell_persuasion * population.traits["persuasion"][creator]
        + world.sell_affinity * population.affinity[creator, category]
        + world.sell_quality * population.traits["audience_quality"][creator]
        + world.sell_followers * population.follower_score[creator]
        + world.sell_fit * population.fit(creator, brand)
        + world.sell_price * np.log(population.product_price_usd[product] / 15.0)
        + world.sell_price_gap * np.minimum(gap, world.price_gap_cap)
    )
    rate: Floats = world.conversion * np.exp(log_rate) * population.sells[creator, category]
    return rate


def live_conversion(world: World, population: Population, creator: Ints) -> Floats:
    """Multiple of a video's conversion in a live of each of ``creator``."""
    multiple: Floats = world.live_conversion * population.live_multiple[creator]
    return multiple


def capture_rate(world: World, population: Population, creator: Ints, product: Ints) -> Floats:
    """Expected lines of a partnership's content that the shop would have sold anyway, over the window."""
    share = population.capture_share[creator, population.product_category[product]]
    rate: Floats = share * population.product_level[product] * ATTRIBUTION_DAYS / mean_quantity(world)
    return rate


def paid_rate(world: World, population: Population, paid_views: Floats, product: Ints) -> Floats:
    """Expected lines from bought views: what the ad budget buys, whoever's content it runs behind."""
    price = population.product_price_usd[product] / 15.0
    rate: Floats = paid_views * world.paid_conversion * price**world.sell_price
    return rate


def sales_kernel(world: World) -> Floats:
    """Shares of a video's lines by days since posting, (ATTRIBUTION_DAYS,), adding up to one."""
    weights = world.sales_decay ** np.arange(ATTRIBUTION_DAYS)
    share: Floats = weights / weights.sum()
    return share


def draw_lines(
    rng: np.random.Generator,
    world: World,
    *,
    creator: Ints,
    product: Ints,
    content: Ints,
    partnership: Ints,
    published: Ints,
    live_minutes: Ints,
    incremental: Floats,
    captured: Floats,
    paid: Floats,
    surge: Floats | None = None,
) -> Lines:
    """Draw the lines of contents: Poisson counts, times after posting, quantities.

    All arrays are (contents,); the last four are expected lines; ``live_minutes`` is 0 for a video. ``surge`` are
    captured lines that a video takes before the day of posting ends.
    """
    rates = (incremental, captured, paid, *(() if surge is None else (surge,)))
    counts = np.stack([rng.poisson(rate) for rate in rates], axis=1)
    total = counts.sum(axis=1)
    rows = np.repeat(np.arange(len(creator)), total)
    kind = np.repeat(np.tile(np.arange(len(rates)), len(creator)), counts.ravel())
    kernel = np.cumsum(sales_kernel(world))
    days = np.minimum(np.searchsorted(kernel, rng.random(len(rows)), side="right"), ATTRIBUTION_DAYS - 1)
    within = rng.random(len(rows))
    is_live = live_minutes[rows] > 0
    delay = np.where(
        is_live,
        within * live_minutes[rows] * MINUTE,
        np.where(days == 0, 10 * MINUTE + within * (DAY - 10 * MINUTE), (days + within) * DAY),
    )
    today = (kind == _SURGE) & ~is_live
    if today.any():
        delay = np.where(today, within * (DAY - published[rows] % DAY), delay)
    cuts = np.cumsum(world.quantities) / np.sum(world.quantities)
    quantity = 1 + np.minimum(np.searchsorted(cuts, rng.random(len(rows)), side="right"), len(cuts) - 1)
    return Lines(
        creator=creator[rows],
        product=product[rows],
        content=content[rows],
        partnership=partnership[rows],
        ordered=published[rows] + 10 * MINUTE * is_live + delay.astype(np.int64),
        quantity=quantity.astype(np.int64),
        incremental=kind == 0,
        paid=kind == 2,
        live=is_live,
    )
