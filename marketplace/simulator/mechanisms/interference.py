"""What a partnership does to other sales: of sibling products, and of creators who share its audience.

Siblings are the products of one brand and category that were on sale from the
first day. Each incremental line of a partnership keeps as many units of a
sibling from being sold with the chance `World.sibling_loss`, or sells them
besides with the chance `World.sibling_gain`. Of the posts that one campaign
gets from creators of one audience, each keeps the share ``1 - audience_loss``
of its lines for every other one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.simulator.mechanisms.funnel import Funnel
from marketplace.simulator.mechanisms.population import DAY, Population
from marketplace.simulator.mechanisms.sales import Lines
from marketplace.simulator.worlds import World, stream

__all__ = ["Moved", "draw_siblings", "sibling_means", "siblings", "spill", "survival"]


@dataclass(frozen=True)
class Moved:
    """What lines moved beside themselves: units (p, days) of each product, and USD kept (lines,), both signed."""

    units: Floats
    usd: Floats


def siblings(population: Population, product: int) -> Ints:
    """Positions of the products of the same brand and category that were on sale from the first day."""
    same = (population.product_brand == population.product_brand[product]) & (
        population.product_category == population.product_category[product]
    )
    there = np.flatnonzero(same & (population.product_launched < 0))
    others: Ints = there[there != product].astype(np.int64)
    return others


def _kept_value(world: World, population: Population) -> Floats:
    """Net sales of one unit of each product at its own price, in the market's currency."""
    value: Floats = population.product_price * (1.0 - world.cancel_rate) * (1.0 - population.product_refund)
    return value


def sibling_means(world: World, population: Population, product: int) -> tuple[float, float]:
    """Expected net sales, and margin on them, of siblings for one incremental unit; the market's currency."""
    if world.sibling_loss == 0.0 and world.sibling_gain == 0.0:
        return 0.0, 0.0
    others = siblings(population, product)
    if not len(others):
        return 0.0, 0.0
    value = (world.sibling_gain - world.sibling_loss) * _kept_value(world, population)[others]
    return float(value.mean()), float((value * population.product_margin[others]).mean())


def draw_siblings(world: World, seed: int, population: Population, lines: Lines) -> Moved | None:
    """Draw which siblings the lines move; None where the world moves none."""
    if world.sibling_loss == 0.0 and world.sibling_gain == 0.0:
        return None
    rng = stream(seed, "siblings")
    n = len(lines.creator)
    chance, which = rng.random(n), rng.random(n)
    sign = np.where(chance < world.sibling_loss, -1.0, 1.0)
    moves = lines.incremental & (lines.partnership >= 0) & (chance < world.sibling_loss + world.sibling_gain)
    other = np.full(n, -1)
    for product in np.unique(lines.product[moves]):
        rows = np.flatnonzero(moves & (lines.product == product))
        there = siblings(population, int(product))
        if len(there):
            other[rows] = there[(which[rows] * len(there)).astype(np.int64)]
    rows = np.flatnonzero(other >= 0)
    day = (lines.ordered[rows] - population.start_us) // DAY
    amount = sign[rows] * lines.quantity[rows]
    usd = np.zeros(n)
    rate = population.usd(population.product_market[other[rows]], day)
    usd[rows] = amount * _kept_value(world, population)[other[rows]] * rate
    units = np.zeros((len(population.product_brand), population.days))
    inside = day < population.days
    np.add.at(units, (other[rows][inside], day[inside]), amount[inside])
    return Moved(units, usd)


def _crowd(population: Population, funnel: Funnel, campaign: Ints) -> tuple[Ints, Ints]:
    """Positions of the delivered, and a number for the campaign and audience of each."""
    rows = np.flatnonzero(funnel.delivered)
    crowd: Ints = campaign[rows] * (int(population.audience.max()) + 1) + population.audience[funnel.creator[rows]]
    return rows, crowd


def survival(world: World, population: Population, funnel: Funnel, campaign: Ints) -> Floats:
    """Share of lines that each delivered post keeps beside the others of its campaign and audience."""
    rows, crowd = _crowd(population, funnel, campaign)
    if world.audience_loss == 0.0:
        return np.ones(len(rows))
    _, place, count = np.unique(crowd, return_inverse=True, return_counts=True)
    kept: Floats = np.power(1.0 - world.audience_loss, (count[place] - 1).astype(np.float64))
    return kept


def spill(
    world: World,
    seed: int,
    population: Population,
    lines: Lines,
    *,
    funnel: Funnel,
    campaign: Ints,
    content_of: Ints,
) -> Lines:
    """Some lines bought through another video of the same campaign and audience; who caused them does not change.

    ``content_of`` (m,) is each invitation's content. A line goes only to a video that had been posted, within its
    attribution window.
    """
    if world.audience_spill == 0.0:
        return lines
    rng = stream(seed, "spills")
    rows, crowd = _crowd(population, funnel, campaign)
    video = ~funnel.live[rows]
    of_row = np.full(len(funnel.creator), -1)
    of_row[rows] = crowd
    chance, which = rng.random(len(lines.creator)), rng.random(len(lines.creator))
    strays = lines.incremental & (lines.partnership >= 0) & (chance < world.audience_spill)
    creator, content, live = lines.creator.copy(), lines.content.copy(), lines.live.copy()
    for line in np.flatnonzero(strays):
        cause = lines.partnership[line]
        mates = rows[(crowd == of_row[cause]) & video & (rows != cause)]
        age = lines.ordered[line] - funnel.posted[mates]
        mates = mates[(age > 0) & (age < ATTRIBUTION_DAYS * DAY)]
        if len(mates):
            mate = mates[int(which[line] * len(mates))]
            creator[line], content[line], live[line] = funnel.creator[mate], content_of[mate], False
    return replace(lines, creator=creator, content=content, live=live)
