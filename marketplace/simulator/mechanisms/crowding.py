"""The truth where creators share an audience: what one more invitation adds beside those that were sent.

Given the campaign's invitations, whether each of them delivers is an
independent event, and each delivered post of the same audience leaves the
others ``1 - audience_loss`` of their lines. The expected share that a post
keeps, and the expected loss it causes, are therefore products over the
invited.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.simulator.mechanisms.expectation import Expectation
from marketplace.simulator.mechanisms.population import Population
from marketplace.simulator.worlds import World

__all__ = ["beside_the_invited"]


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
