"""A law in which views sell nothing: buyers with desires, budgets and habits who follow several creators.

A product has a pool of buyers who desire it and can afford it, in segments by the category they care for most. A
content persuades a buyer of a segment with a chance that hangs on the creator's hold over that segment, whoever
watches. A buyer whom several contents of a campaign persuade of one product buys once, and the order is credited to
one of those contents at random; the habitual among them would have bought anyway.

With ``R_c`` the chance that content *c* persuades a buyer and ``N`` the pool, the content is credited with
``N R_c integral over t in [0, 1] of prod(1 - R_d (1 - t))`` over the others *d*: the mean of one over one plus the
others who persuaded. These add up to ``N (1 - prod(1 - R))``, the buyers whom anybody persuades.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import ndtr

from marketplace.arrays import Flags, Floats, Ints
from marketplace.simulator.mechanisms.population import Population
from marketplace.simulator.mechanisms.sales import live_conversion, mean_quantity
from marketplace.simulator.worlds import CATEGORIES, World

__all__ = ["AWAY", "WEIGHTS", "credited", "credited_by_campaign", "organic_lines", "persuades", "pool"]

_NODES, _ON_BOTH = leggauss(32)
AWAY = 0.5 * (1.0 - _NODES)
"""``1 - t`` at the nodes of a rule on [0, 1] that is exact for up to 64 contents."""

WEIGHTS = 0.5 * _ON_BOTH
"""The rule's weights, adding up to one."""

_MOST = 0.6
"""Largest chance to persuade a buyer, so that no multiple by compliance or sales day takes it to one."""


def pool(world: World, population: Population, product: Ints) -> Floats:
    """Order lines (n, g) that the buyers of each segment would place of each ``product`` (n,), once persuaded."""
    price = np.log(population.product_price_usd[product] / world.buyers_budget)
    afford = ndtr(-price / world.buyers_budget_spread)
    buyers = world.buyers_days * population.product_level[product] * afford / mean_quantity(world)
    own = population.product_category[product][:, None] == np.arange(len(CATEGORIES))
    desires = np.where(own, world.buyers_focus, (1.0 - world.buyers_focus) / (len(CATEGORIES) - 1))
    lines: Floats = buyers[:, None] * desires
    return lines


def _hold(world: World, population: Population, creator: Ints, product: Ints) -> Floats:
    """Each creator's hold over each segment (n, g) for a product: the hazard of a partnership's video to persuade."""
    of_all = (
        world.buyers_persuasion * population.traits["persuasion"][creator]
        + world.buyers_fit * population.fit(creator, population.product_brand[product])
        + world.buyers_followers * population.follower_score[creator]
    )
    strength = world.buyers_reach * np.exp(of_all) * population.sells[creator, population.product_category[product]]
    hold: Floats = (len(CATEGORIES) * strength)[:, None] * population.category_shares[creator]
    return hold


def _chance(world: World, population: Population, hold: Floats, creator: Ints, live: Flags) -> Floats:
    multiple = np.where(live, world.live_views * live_conversion(world, population, creator), 1.0)
    chance: Floats = _MOST * -np.expm1(-hold * multiple[:, None])
    return chance


def persuades(
    world: World,
    population: Population,
    *,
    creator: Ints,
    product: Ints,
    live: Flags,
    load: Floats,
    hunch: Floats | None = None,
) -> Floats:
    """Chance (n, g) that a partnership's content persuades a buyer of each segment, at compliance .75."""
    tired = np.exp(world.sell_load * load) * population.boost[creator]
    if hunch is not None and world.hunch_sales:
        tired = tired * np.exp(world.hunch_sales * hunch - 0.5 * world.hunch_sales**2)
    hold = _hold(world, population, creator, product) * tired[:, None]
    return _chance(world, population, hold, creator, live)


def organic_lines(world: World, population: Population, *, creator: Ints, product: Ints, live: Flags) -> Floats:
    """Expected lines (n,) of contents outside partnerships, which persuade less and do not crowd."""
    hold = _hold(world, population, creator, product) * world.buyers_organic
    chance = _chance(world, population, hold, creator, live)
    lines: Floats = (chance * pool(world, population, product)).sum(axis=1)
    return lines


def credited(chances: Floats, lines: Floats) -> Floats:
    """Lines (m,) credited to each of m contents of a product that persuade with ``chances`` (m, g) of pools (g,)."""
    free = 1.0 - chances[:, :, None] * AWAY
    others = np.exp(np.log(free).sum(axis=0))[None, :, :] / free
    own: Floats = (chances * (others @ WEIGHTS)) @ lines
    return own


def credited_by_campaign(
    world: World, population: Population, *, chances: Floats, product: Ints, campaign: Ints
) -> Floats:
    """`credited` of contents (n,) of many campaigns and products, each pair of them for itself."""
    found = np.zeros(len(product))
    pair = campaign * len(population.product_brand) + product
    for rows in np.split(np.argsort(pair, kind="stable"), np.flatnonzero(np.diff(np.sort(pair))) + 1):
        if len(rows):
            found[rows] = credited(chances[rows], pool(world, population, product[rows[:1]])[0])
    return found
