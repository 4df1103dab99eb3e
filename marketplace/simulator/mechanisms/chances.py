"""The chances along the funnel and the rates of a partnership's content, as functions of traits, brief and past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from marketplace.arrays import Floats, Ints
from marketplace.simulator.mechanisms.briefs import Briefs
from marketplace.simulator.mechanisms.population import Population
from marketplace.simulator.mechanisms.sales import conversion
from marketplace.simulator.worlds import World

__all__ = [
    "History",
    "accept_logit",
    "boosted_chance",
    "compliance_multiple",
    "deliver_logit",
    "late_chance",
    "mean_compliance",
    "partnership_rates",
    "ship_chance",
]


@dataclass(frozen=True)
class History:
    """What the past weighs on each eligible creator at the brief: (n,) float64 each.

    ``load`` counts partnerships accepted and ``asked`` invitations received, both halved every
    `World.load_half_life` days; ``again`` is 1 where the creator has delivered for the brand. ``hunch`` is the
    brand's own about the creator, standard normal, where the world has any.
    """

    load: Floats
    asked: Floats
    again: Floats
    hunch: Floats | None = None

    def take(self, rows: Ints) -> History:
        """The history of ``rows`` (positions), copied."""
        hunch = None if self.hunch is None else self.hunch[rows]
        return History(load=self.load[rows], asked=self.asked[rows], again=self.again[rows], hunch=hunch)


def mean_compliance(world: World, population: Population, creator: Ints) -> Floats:
    """Expected brief compliance at first pass."""
    mean: Floats = expit(
        world.compliance_level
        + world.compliance_diligence * population.traits["diligence"][creator]
        + world.compliance_cooperation * population.traits["cooperation"][creator]
    )
    return mean


def accept_logit(
    world: World, population: Population, *, briefs: Briefs, i: int, creator: Ints, past: History
) -> Floats:
    """Log-odds, for each of ``creator`` (n,), of accepting brief ``i``.

    Minus infinity for those who earn more elsewhere. Where agencies decide, they do so for all whom they manage, by
    what is paid alone.
    """
    own: Floats = (
        world.accept_level
        + world.accept_cooperation * population.traits["cooperation"][creator]
        + world.accept_commission * (briefs.commission[i] - 0.12) / 0.05
        + world.accept_sample * briefs.sample[i]
        + world.accept_fee * np.log1p(briefs.fee_usd[i] / 20.0)
        + world.accept_affinity * population.affinity[creator, briefs.category[i]]
        + world.accept_fit * population.fit(creator, int(briefs.brand[i]))
        + world.accept_followers * population.follower_score[creator]
        + world.accept_load * past.load
        + world.accept_asked * past.asked
        + world.accept_again * past.again
        + world.accept_open * briefs.is_open[i]
    )
    own = np.where(briefs.commission[i] < population.reserve[creator], -np.inf, own)
    if not world.agencies:
        return own
    agency = (
        world.agency_accept
        + population.agency_ease[creator]
        + world.agency_commission * (briefs.commission[i] - 0.12) / 0.05
        + world.agency_fee * np.log1p(briefs.fee_usd[i] / 20.0)
    )
    return np.where(population.managed[creator], agency, own)


def deliver_logit(
    world: World, population: Population, *, briefs: Briefs, i: int, creator: Ints, past: History
) -> Floats:
    """Log-odds, for each of ``creator`` (n,), of delivering for brief ``i`` once accepted and the sample arrived."""
    decided_for = population.managed[creator] & (world.agencies > 0)
    effort = np.where(decided_for, world.agency_effort, 1.0)
    logit: Floats = (
        world.deliver_level
        + np.where(decided_for, world.agency_deliver, 0.0)
        + world.deliver_diligence * effort * population.traits["diligence"][creator]
        + world.deliver_cooperation * effort * population.traits["cooperation"][creator]
        + world.deliver_affinity * population.affinity[creator, briefs.category[i]]
        + world.deliver_fee * np.log1p(briefs.fee_usd[i] / 20.0)
        + world.deliver_load * past.load
    )
    return logit


def partnership_rates(
    world: World,
    population: Population,
    *,
    creator: Ints,
    product: Ints,
    load: Floats,
    hunch: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Incremental lines per organic view at the reference, and organic views, of a partnership's video.

    At mean compliance, and on no sales day.
    """
    per_view: Floats = (
        conversion(world, population, creator, product)
        * world.partnership_boost
        / world.partnership_views
        * np.exp(world.sell_load * load)
        * population.boost[creator]
    )
    if hunch is not None and world.hunch_sales:
        per_view = per_view * np.exp(world.hunch_sales * hunch - 0.5 * world.hunch_sales**2)
    return per_view, population.views_mean[creator] * world.partnership_views


def late_chance(world: World, population: Population, creator: Ints) -> Floats:
    """Chance that a delivery of each of ``creator`` is late."""
    chance: Floats = expit(
        world.late_level
        + world.late_consistency * population.traits["consistency"][creator]
        + world.late_diligence * population.traits["diligence"][creator]
    )
    return chance


def boosted_chance(world: World, population: Population, creator: Ints) -> Floats:
    """Chance that ads are bought behind a partnership's content."""
    chance: Floats = np.minimum(population.reliance[creator] + world.paid_partnership, 1.0)
    return chance


def compliance_multiple(world: World, compliance: Floats) -> Floats:
    """Multiple of incremental lines: linear, so that its mean is its value at the mean."""
    multiple: Floats = (world.compliance_offset + compliance) / (world.compliance_offset + 0.75)
    return multiple


def ship_chance(world: World, population: Population, *, briefs: Briefs, i: int) -> float:
    """Chance that nothing but the creator stands between acceptance and delivery: the sample, if any, is shipped."""
    if not briefs.sample[i]:
        return 1.0
    return (1.0 - float(population.brand_never_ships[briefs.brand[i]])) * (1.0 - world.platform_cancelled)
