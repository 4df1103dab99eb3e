"""Before and after the drift: which parameters and which population hold for a brief or a content."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.simulator.mechanisms.population import Population
from marketplace.simulator.worlds import World

__all__ = ["by_era", "era"]


def era(world: World, population: Population, at: int) -> tuple[World, Population]:
    """The world and the population that hold at the instant ``at``."""
    if population.later is None or at < population.drift_us:
        return world, population
    return world.later, population.later


def by_era(world: World, population: Population, at: Ints, rate: Callable[[World, Population], Floats]) -> Floats:
    """``rate`` (..., n) of the world that held at each instant of ``at`` (n,)."""
    before = rate(world, population)
    if population.later is None:
        return before
    rates: Floats = np.where(at >= population.drift_us, rate(world.later, population.later), before)
    return rates
