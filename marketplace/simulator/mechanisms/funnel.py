"""From invitation to delivered content: draws, with the chances that `chances` declares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from marketplace.arrays import Flags, Floats, Ints
from marketplace.contract import GRACE_DAYS, REPLY_DAYS
from marketplace.simulator.mechanisms.briefs import Briefs
from marketplace.simulator.mechanisms.chances import History, accept_logit, deliver_logit, late_chance, mean_compliance
from marketplace.simulator.mechanisms.population import DAY, HOUR, Population
from marketplace.simulator.mechanisms.seasons import out_on
from marketplace.simulator.worlds import World

__all__ = ["NONE", "Funnel", "draw_funnel"]

NONE = np.iinfo(np.int64).min
"""An instant that is not there (null in the tables)."""


@dataclass(frozen=True)
class Funnel:
    """What became of each invitation (m,), instants in microseconds or `NONE`.

    ``decision`` counts 1 ACCEPT, 2 DECLINE, 3 EXPIRED, 4 WITHDRAWN_BY_SELLER. ``shipping_fault`` counts
    0 none, 1 seller never shipped, 2 platform cancelled. ``product`` is the one promoted, -1 unless accepted.
    ``sale`` is the sales day on which a content came out because the brief aims at it, -1 for none.
    """

    creator: Ints
    sent: Ints
    replied: Ints
    decided: Ints
    decision: Ints
    product: Ints
    load: Floats
    shipping_fault: Ints
    shipped: Ints
    arrived: Ints
    delivered: Flags
    posted: Ints
    compliance: Floats
    live: Flags
    hunch: Floats
    briefed: Ints
    sale: Ints

    @property
    def accepted(self) -> Flags:
        """Whether each was accepted."""
        flags: Flags = self.decision == 1
        return flags


def draw_funnel(
    rng: np.random.Generator,
    world: World,
    *,
    population: Population,
    briefs: Briefs,
    i: int,
    creator: Ints,
    past: History,
) -> Funnel:
    """Draw the fate of every invitation of brief ``i`` to ``creator`` (m,)."""
    m = len(creator)
    cooperation = population.traits["cooperation"][creator]
    sent = briefs.briefed[i] + HOUR + rng.integers(0, 34 * HOUR, size=m)
    withdrawn = rng.random(m) < world.withdrawn_rate
    accepted = ~withdrawn & (
        rng.random(m) < expit(accept_logit(world, population, briefs=briefs, i=i, creator=creator, past=past))
    )
    replies = accepted | (rng.random(m) < expit(world.reply_level + world.reply_cooperation * cooperation))
    hours = world.reply_hours * np.exp(-0.45 * cooperation + rng.normal(0.0, 0.8, size=m))
    hours = hours * np.where(population.gaming[creator], world.gaming_reply, 1.0)
    reply = sent + (np.clip(hours, 0.1, (REPLY_DAYS - 0.2) * 24) * HOUR).astype(np.int64)
    decision = np.where(withdrawn, 4, np.where(accepted, 1, np.where(replies, 2, 3)))
    drop = sent + (rng.uniform(0.2, 4.0, size=m) * DAY).astype(np.int64)
    replied = np.where(decision <= 2, reply, NONE)
    decided = np.select([decision <= 2, decision == 3], [reply, sent + REPLY_DAYS * DAY], drop)

    products = briefs.products[i][briefs.products[i] >= 0]
    product = np.where(accepted, products[rng.integers(0, len(products), size=m)], -1)
    draw = rng.random(m)
    never = draw < population.brand_never_ships[briefs.brand[i]]
    platform = ~never & (rng.random(m) < world.platform_cancelled)
    fault = np.where(accepted & briefs.sample[i], np.where(never, 1, np.where(platform, 2, 0)), 0)
    sends = accepted & briefs.sample[i] & (fault == 0)
    shipped = decided + (rng.uniform(0.6, 3.0, size=m) * DAY).astype(np.int64)
    arrived = shipped + (rng.uniform(1.5, 4.0, size=m) * DAY).astype(np.int64)
    delivers = (
        accepted
        & (fault == 0)
        & (rng.random(m) < expit(deliver_logit(world, population, briefs=briefs, i=i, creator=creator, past=past)))
    )
    late = rng.random(m) < late_chance(world, population, creator)
    free = np.maximum(np.where(sends, arrived, decided), briefs.starts[i]) + 6 * HOUR
    speed = rng.beta(1.6, 1.8 * np.exp(0.35 * population.traits["diligence"][creator]))
    on_time_at = free + (speed * np.maximum(briefs.ends[i] - free - HOUR, HOUR)).astype(np.int64)
    late_at = np.maximum(briefs.ends[i], free) + (rng.uniform(0.1, GRACE_DAYS - 0.5, size=m) * DAY).astype(np.int64)
    posted = np.where(delivers, np.where(late, late_at, on_time_at), NONE)
    mean = mean_compliance(world, population, creator)
    size = world.compliance_size
    compliance, live = rng.beta(mean * size, (1 - mean) * size), rng.random(m) < population.live_partnership[creator]
    sale = np.full(m, -1)
    if briefs.sale[i] >= 0 and world.sale_posts:
        aims = delivers & ~late & (rng.random(m) < world.sale_posts)
        sale = np.where(aims, briefs.sale[i], -1)
        posted = np.where(aims, out_on(rng, np.full(m, briefs.sale[i]), population.start_us), posted)
    return Funnel(
        creator=creator,
        sent=sent,
        replied=replied,
        decided=decided,
        decision=decision,
        product=product,
        load=past.load,
        shipping_fault=fault,
        shipped=np.where(sends, shipped, NONE),
        arrived=np.where(sends, arrived, NONE),
        delivered=delivers,
        posted=posted,
        compliance=compliance,
        live=live,
        hunch=np.zeros(m) if past.hunch is None else past.hunch,
        briefed=np.full(m, briefs.briefed[i]),
        sale=sale,
    )
