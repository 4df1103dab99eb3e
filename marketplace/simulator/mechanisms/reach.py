"""What views sell: a power of the views of each content, which chance and rare hits multiply.

A content has ``m x noise x hit`` views, both multiples with mean one, and sells in proportion to
``reference x (views / reference) ^ power``. Noise is lognormal and a hit's multiple Pareto between two ends,
so that the mean of that power is known in closed form.
"""

from __future__ import annotations

import numpy as np

from marketplace.arrays import Floats
from marketplace.simulator.worlds import World

__all__ = ["draw_hits", "mean_response", "response", "view_noise"]


def view_noise(rng: np.random.Generator, deviation: Floats) -> Floats:
    """Lognormal multiples with mean one and the given sd of the log."""
    noise: Floats = np.exp(deviation * rng.normal(size=len(deviation)) - 0.5 * deviation**2)
    return noise


def _hit_moment(world: World, power: float) -> float:
    """Mean of ``hit ^ power`` of a content, before it is scaled to a mean of one."""
    tail, cap = world.hit_tail, world.hit_cap
    over = np.log(cap) if power == tail else (1.0 - cap ** (power - tail)) / (tail - power)
    of_hits = world.hit_views**power * tail * over / (1.0 - cap**-tail)
    return float(1.0 - world.hit_chance + world.hit_chance * of_hits)


def draw_hits(rng: np.random.Generator, world: World, size: int) -> Floats:
    """Multiples of views (size,) with mean one: the few hits far above, all others a little below."""
    if world.hit_chance == 0.0:
        return np.ones(size)
    hit = rng.random(size) < world.hit_chance
    rank = rng.random(size) * (1.0 - world.hit_cap**-world.hit_tail)
    multiple = world.hit_views * (1.0 - rank) ** (-1.0 / world.hit_tail)
    scaled: Floats = np.where(hit, multiple, 1.0) / _hit_moment(world, 1.0)
    return scaled


def response(world: World, views: Floats) -> Floats:
    """What ``views`` (n,) are worth in views at the reference: themselves where lines are in proportion to views."""
    if world.views_power == 1.0:
        return views
    worth: Floats = world.views_reference * (views / world.views_reference) ** world.views_power
    return worth


def mean_response(world: World, views: Floats, deviation: Floats) -> Floats:
    """Mean of `response` over noise and hits, at expected ``views`` (n,) and the sd ``deviation`` (n,) of their log."""
    power = world.views_power
    if power == 1.0:
        return views
    noise = np.exp(0.5 * power * (power - 1.0) * deviation**2)
    hits = _hit_moment(world, power) / _hit_moment(world, 1.0) ** power
    mean: Floats = response(world, views) * noise * hits
    return mean
