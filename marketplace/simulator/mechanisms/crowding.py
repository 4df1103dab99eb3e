"""The truth where creators share an audience: what one more invitation adds beside those that were sent.

Given the campaign's invitations, whether each of them delivers is an
independent event, and each delivered post of the same audience leaves the
others ``1 - audience_loss`` of their lines. The expected share that a post
keeps, and the expected loss it causes, are therefore products over the
invited. So it is where contents persuade buyers of one pool
(`marketplace.simulator.mechanisms.buyers`), under the integral that shares
the credit out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.simulator.mechanisms.briefs import Briefs
from marketplace.simulator.mechanisms.buyers import AWAY, WEIGHTS, persuades, pool
from marketplace.simulator.mechanisms.chances import History
from marketplace.simulator.mechanisms.expectation import Expectation, mean_multiples
from marketplace.simulator.mechanisms.interference import sibling_means
from marketplace.simulator.mechanisms.population import Population
from marketplace.simulator.mechanisms.sales import kept_share, mean_quantity
from marketplace.simulator.worlds import World

__all__ = ["beside_other_contents", "beside_the_invited"]


def beside_the_invited(
    world: World,
    population: Population,
    expected: Expectation,
    *,
    creator: Ints,
    invited: Ints,
    commission: float,
) -> Expectation:
    """``expected`` (n,) of inviting each of ``creator`` alone, made that of inviting each beside all ``invited``.

    ``invited`` are positions within ``creator``. With ``q`` the chance of delivery, ``f`` the sales of one post alone
    and ``k`` the loss, a post of *c* keeps ``prod(1 - k q_d)`` over the others invited of its audience, and costs them
    ``k sum(q_d f_d prod(1 - k q_e))`` over the others *e* of each *d*.
    """
    if world.audience_loss == 0.0:
        return expected
    k = world.audience_loss
    q = expected.accept * expected.deliver
    audience = population.audience[creator]
    groups = int(population.audience.max()) + 1
    there = np.zeros(len(creator), dtype=bool)
    there[invited] = True
    free = 1.0 - k * q
    log_all = np.bincount(audience[invited], weights=np.log(free[invited]), minlength=groups)
    share: Floats = np.exp(log_all[audience] - np.where(there, np.log(free), 0.0))

    def cost(alone: Floats) -> Floats:
        term = q * alone / free
        total = np.bincount(audience[invited], weights=term[invited], minlength=groups)
        loss: Floats = k * share * (total[audience] - np.where(there, term, 0.0))
        return loss

    direct_lost = cost(expected.direct)
    margin = share * expected.margin - cost(expected.margin)
    kept_change = (margin - expected.margin) - commission * (share * expected.direct - direct_lost - expected.direct)
    return replace(
        expected,
        incremental=share * expected.incremental - cost(expected.incremental),
        attributed=expected.attributed - expected.direct + share * expected.direct,
        profit=expected.profit + q * kept_change,
        direct=share * expected.direct,
        margin=margin,
    )


def beside_other_contents(
    world: World,
    population: Population,
    expected: Expectation,
    *,
    briefs: Briefs,
    i: int,
    creator: Ints,
    past: History,
    invited: Ints,
) -> Expectation:
    """``expected`` (n,) of inviting each of ``creator`` alone, made that of inviting each beside all ``invited``.

    Where views sell, it is as it was. Where buyers are persuaded, a content shares the buyers of its product with those
    whom the others invited may deliver for the same one: of *m* products each is promoted with the chance ``1 / m``.
    ``invited`` are positions within ``creator``; what is taken from the others' credit comes off ``incremental``, their
    ``margin`` and the commission due, not off the creator's own ``attributed``.
    """
    if not world.buyers_days:
        return expected
    products = briefs.products[i][briefs.products[i] >= 0]
    comes = expected.accept * expected.deliver / len(products)
    there = np.zeros(len(creator), dtype=bool)
    there[invited] = True
    multiple, _ = mean_multiples(world, population, briefs=briefs, i=i, creator=creator)
    # By what is counted: credited sales, those of them that add, those with siblings', the margin on these.
    alone, own, lost = (np.zeros((4, len(creator))) for _ in range(3))
    for one in products:
        value, persuaded = _values(world, population, briefs=briefs, i=i, one=int(one), creator=creator, past=past)
        value, persuaded = value * multiple[:, None], persuaded * multiple[:, None]
        lines = pool(world, population, np.array([one]))[0] / len(products)
        free = 1.0 - (comes[:, None] * persuaded)[:, :, None] * AWAY
        log_all = np.log(free[invited]).sum(axis=0)
        others = np.exp(log_all - np.where(there[:, None, None], np.log(free), 0.0))
        alone += value @ lines
        own += (value * (others @ WEIGHTS)) @ lines
        for kind in range(4):
            term = (comes[:, None] * value[kind])[:, :, None] / free
            rest = term[invited].sum(axis=0) - np.where(there[:, None, None], term, 0.0)
            lost[kind] += (persuaded * ((others * rest) @ (WEIGHTS * AWAY))) @ lines
    change = own - lost - alone
    return replace(
        expected,
        incremental=expected.incremental + change[2],
        attributed=expected.attributed + own[0] - alone[0],
        profit=expected.profit
        + expected.accept * expected.deliver * (change[3] - float(briefs.commission[i]) * change[0]),
        direct=expected.direct + own[1] - alone[1],
        margin=expected.margin + change[3],
    )


def _values(
    world: World, population: Population, *, briefs: Briefs, i: int, one: int, creator: Ints, past: History
) -> tuple[Floats, Floats]:
    """USD (4, n, g) for a line of each segment's pool, and the chance (n, g) to persuade, both at a multiple of one."""
    product = np.full(len(creator), one)
    live = population.live_partnership[creator]
    moved, moved_margin = sibling_means(world, population, one)
    rate, units = float(briefs.rate[i]), mean_quantity(world)
    adds = 1.0 - world.buyers_habit
    shape = (len(creator), population.category_shares.shape[1])
    value, persuaded = np.zeros((4, *shape)), np.zeros(shape)
    for is_live, chance in ((False, 1.0 - live), (True, live)):
        share = chance[:, None] * persuades(
            world,
            population,
            creator=creator,
            product=product,
            live=np.full(len(creator), is_live),
            load=past.load,
            hunch=past.hunch,
        )
        kept = kept_share(world, population, creator, product, live=is_live)
        money = units * float(population.product_price[one]) * rate * kept
        beside, beside_margin = units * rate * moved, units * rate * moved_margin
        margin = adds * (money * float(population.product_margin[one]) + beside_margin)
        for kind, usd in enumerate((money, adds * money, adds * (money + beside), margin)):
            value[kind] += share * usd[:, None]
        persuaded = persuaded + share
    return value, persuaded
