"""The older ranker: a noisy GMV sort that shows lists, and a uniformly random holdback beside it.

Sorting with exponential noise is a race: creator *i* with weight ``w_i``
arrives at ``T_i ~ Exp(w_i)``, and the list is the order of arrival (the
Plackett-Luce model; Source: Luce 1959, Plackett 1975). The brand picks by how
early somebody stands: the chance depends on the *expected* place at ``T_i``,
``N(t) = sum_j (1 - exp(-w_j t))``, constant between grid points, so that the
propensity (chance of being invited, over both draws, for one who is not held
back) is an exact finite sum. Who is held back is drawn first, uniformly; their
propensity is the chance of that.

A list may come from outside instead (`Offered`): a ranking service's, say. The brand then picks by the place itself,
with the same impatience, and nobody is held back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.simulator.worlds import World

__all__ = ["GMV_SORT", "OFFERED", "Offered", "Shown", "propensities", "show", "show_offered"]

GMV_SORT = "gmv_sort"
OFFERED = "offered"

_CELLS = 160


@dataclass(frozen=True)
class Shown:
    """Two lists for one brief, as positions within the eligible creators, in the order shown.

    ``listed`` and ``listed_propensity`` are the GMV sort's, ``held`` and ``held_propensity`` the holdback's;
    ``invited`` are the positions invited from the first; everybody held back is invited. ``policy`` says who made the
    first: the older ranker (`GMV_SORT`), or whoever `OFFERED` it.
    """

    listed: Ints
    listed_propensity: Floats
    invited: Ints
    held: Ints
    held_propensity: float
    policy: str = GMV_SORT


@dataclass(frozen=True)
class Offered:
    """A list from outside for one brief, in its order.

    Attributes
    ----------
    rows : int64 (m,)
        Positions within the eligible creators, no one twice.
    propensity : float64 (m,)
        The chance, 0 < p <= 1, that each would be in the list.
    """

    rows: Ints
    propensity: Floats


def _race(world: World, weight: Floats, target: float) -> tuple[Floats, Floats]:
    """Grid of times (cells + 1,) and the chance of being picked within each cell (cells,)."""
    scaled = weight / weight.mean()
    grid = np.concatenate([[0.0], np.geomspace(1e-4, 60.0, _CELLS - 1), [np.inf]])
    arrived = np.array([(1.0 - np.exp(-scaled * t)).sum() for t in grid[:-1]] + [float(len(weight))])
    middle = 0.5 * (arrived[1:] + arrived[:-1])
    width = np.diff(arrived)
    return grid / weight.mean(), _picks(world, middle, width, target)


def _picks(world: World, place: Floats, width: Floats, target: float) -> Floats:
    """Chance of being picked at each ``place`` (k,), where ``width`` (k,) creators stand at each."""
    # The reach of the brand's patience is set so that the expected number of picks is the target.
    low, high = 0.0, 50.0 * target + 50.0
    for _ in range(60):
        reach = 0.5 * (low + high)
        if (world.pick_first * np.exp(-place / max(reach, 1e-9)) * width).sum() < target:
            low = reach
        else:
            high = reach
    pick: Floats = world.pick_first * np.exp(-place / max(high, 1e-9))
    return pick


def propensities(world: World, weight: Floats, target: float) -> Floats:
    """Chance of each creator (n,) to be invited by the GMV sort with these weights."""
    return _chances(weight, *_race(world, weight, target))


def _chances(weight: Floats, grid: Floats, pick: Floats) -> Floats:
    chance = np.zeros(len(weight))
    before = np.ones(len(weight))
    for cell in range(len(pick)):
        after = np.exp(-weight * grid[cell + 1])
        chance += (before - after) * pick[cell]
        before = after
    return np.minimum(chance, 1.0)


def _moved(world: World, chance: Floats, hunch: Floats | None) -> Floats:
    """Chances of being picked, moved by what the brand alone forebodes of each creator."""
    if hunch is None:
        return chance
    odds = chance / np.maximum(1.0 - chance, 1e-9) * np.exp(world.hunch_invite * hunch)
    moved: Floats = odds / (1.0 + odds)
    return moved


def show(
    rng: np.random.Generator,
    world: World,
    *,
    gmv_usd: Floats,
    again: Floats,
    target: int,
    hunch: Floats | None = None,
    gap: Floats | None = None,
) -> Shown:
    """Draw both lists for one brief.

    Parameters
    ----------
    gmv_usd : (n,) float64
        30-day GMV of every eligible creator as the ranker knew it, USD.
    again : (n,) float64
        1 where the creator has delivered for the brand before.
    target : int
        Invitations wanted in all.
    hunch : (n,) float64 or None
        The brand's own, which moves its picks and never the propensity that is logged.
    gap : (n,) float64 or None
        How far each one's audience is from the size that the brief seeks, in standard deviations of log followers;
        the ranker knows it.
    """
    count = len(gmv_usd)
    held_count = min(max(1, round(world.holdback * target)), count)
    held = rng.permutation(count)[:held_count].astype(np.int64)
    free = np.ones(count, dtype=bool)
    free[held] = False
    rest = np.flatnonzero(free).astype(np.int64)
    if not len(rest):
        return Shown(rest, np.zeros(0), rest, held, held_count / count)
    weight = (gmv_usd[rest] + world.ranker_floor_usd) ** world.ranker_power * np.exp(world.ranker_again * again[rest])
    if gap is not None:
        weight = weight * np.exp(-world.ranker_size * gap[rest] ** 2)
    grid, pick = _race(world, weight, min(target - held_count, 0.8 * len(rest)))
    time = rng.exponential(size=len(rest)) / weight
    cell = np.clip(np.searchsorted(grid, time, side="right") - 1, 0, len(pick) - 1)
    chosen = _moved(world, pick[cell], None if hunch is None else hunch[rest])
    invited = rng.random(len(rest)) < chosen
    order = np.argsort(time, kind="stable")
    last = int(np.flatnonzero(invited[order]).max(initial=0)) + 1
    length = min(len(rest), max(3 * target, last))
    listed = order[:length]
    return Shown(
        rest[listed], _chances(weight[listed], grid, pick), rest[np.flatnonzero(invited)], held, held_count / count
    )


def show_offered(
    rng: np.random.Generator, world: World, offered: Offered, *, target: int, hunch: Floats | None = None
) -> Shown:
    """Let the brand pick from a list that came from outside; nobody is held back.

    The chance of a pick falls with the place as in the older ranker's lists, so that ``target`` creators are picked of
    a long list, and at most eight tenths of a short one. `Shown.listed_propensity` is the chance of being invited: of
    being in the list, times that of being picked there.
    """
    count = len(offered.rows)
    nobody = np.zeros(0, dtype=np.int64)
    if not count:
        return Shown(nobody, np.zeros(0), nobody, nobody, 0.0, OFFERED)
    pick = _picks(world, np.arange(count, dtype=np.float64) + np.float64(0.5), np.ones(count), min(target, 0.8 * count))
    chosen = rng.random(count) < _moved(world, pick, None if hunch is None else hunch[offered.rows])
    return Shown(offered.rows, offered.propensity * pick, offered.rows[chosen], nobody, 0.0, OFFERED)
