"""Who is drawn for the slots that explore, and how likely each was: exact, in closed form.

Let ``n`` creators be eligible and the first ``s`` of the ranking be shown as ranked. The ``m = n - s`` others stand
at the places ``p = s+1 .. n`` of the ranking. Each has the share

``q_p = (1 - floor) * log(1 + 1/p) / log((n+1) / (s+1)) + floor / m``

of every draw. The first part is uniform on the score's own scale of standing, which is logarithmic in places
(`models.score.standing`): as many are drawn from the places 20 to 200 as from 200 to 2,000, so most of what is
learned is learned near those shown, where rankings differ. The second is uniform over the creators, so that nobody's
chance is ever less than ``floor * k / m``: what the log says of any other ranking has a bounded weight.

``k`` slots are filled without replacement by systematic sampling: with one uniform ``u``, the points
``(u + i) / k``, ``i = 0 .. k-1``, on the cumulated shares say who is drawn. A creator's chance of being among the
``k`` is then exactly ``k q_p``, whatever ``k`` is, and it costs a few logarithms for a million creators. Drawing one
after the other in proportion to ``q`` (Plackett-Luce) has no such closed form: its chances of inclusion are sums over
every order of drawing. Where ``k q_p`` would pass 1 (few are left) the creator is shown for certain and the others
share what remains.

Two creators of neighbouring places are never drawn together. First-order chances alone enter the estimates, and
their intervals resample whole requests or brands, so no chance of pairs is needed.

Source: Madow (1949), On the theory of systematic sampling; Horvitz and Thompson (1952) for what the chances are for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from marketplace.arrays import Floats

__all__ = ["FLOOR", "Drawn", "draw_places", "place_chances"]

FLOOR = 0.2
"""The part of every draw that is uniform over the creators, unless the settings say otherwise."""

_CERTAIN = 1.0 - 1e-9
# Rounding must not put two points into one creator's part.


@dataclass(frozen=True)
class Drawn:
    """The places that were drawn (from 1 over all eligible, ascending) and the chance of each to be among them."""

    places: tuple[int, ...]
    chances: tuple[float, ...]


def _share(place: int, *, first: int, last: int, floor: float) -> float:
    """``q_p`` of one place among ``first .. last``."""
    return (1.0 - floor) * math.log1p(1.0 / place) / math.log((last + 1) / first) + floor / (last - first + 1)


def _certain(first: int, last: int, slots: int, floor: float) -> int:
    """How many places from ``first`` on are drawn for certain; shares fall with the place, so they come first."""
    count = 0
    while count < slots:
        share = _share(first + count, first=first + count, last=last, floor=floor)
        if (slots - count) * share < _CERTAIN:
            break
        count += 1
    return count


def place_chances(eligible: int, ranked: int, slots: int, *, floor: float = FLOOR) -> Floats:
    """The chance of every place after ``ranked`` to be among the ``slots`` drawn, float64 (eligible - ranked,).

    They sum to ``slots``, or are all 1 where no more are left than that.
    """
    left = max(eligible - ranked, 0)
    if left <= slots:
        return np.ones(left)
    sure = _certain(ranked + 1, eligible, slots, floor)
    first, rest = ranked + 1 + sure, slots - sure
    places = np.arange(first, eligible + 1, dtype=np.float64)
    share = (1.0 - floor) * np.log1p(1.0 / places) / math.log((eligible + 1) / first) + floor / len(places)
    return np.concatenate((np.ones(sure), rest * share))


def draw_places(eligible: int, ranked: int, slots: int, *, u: float, floor: float = FLOOR) -> Drawn:
    """Draw ``slots`` of the places ``ranked + 1 .. eligible``.

    Parameters
    ----------
    eligible, ranked, slots : int
        All who may be shown, those shown as ranked, and the slots that explore.
    u : float
        Uniform in [0, 1).
    floor : float
        The uniform part, 0 < floor <= 1.
    """
    if eligible - ranked <= slots:
        everybody = tuple(range(ranked + 1, eligible + 1))
        return Drawn(everybody, (1.0,) * len(everybody))
    sure = _certain(ranked + 1, eligible, slots, floor)
    first, rest = ranked + 1 + sure, slots - sure
    places = list(range(ranked + 1, first))
    chances = [1.0] * sure
    for point in range(rest):
        place = _place_at((u + point) / rest, first=first, last=eligible, floor=floor)
        places.append(place)
        chances.append(rest * _share(place, first=first, last=eligible, floor=floor))
    return Drawn(tuple(places), tuple(chances))


def _place_at(point: float, *, first: int, last: int, floor: float) -> int:
    """The place in whose part of the cumulated shares ``point`` (0..1) lies, by halving."""
    scale = (1.0 - floor) / math.log((last + 1) / first)
    even = floor / (last - first + 1)
    low, high = first, last
    while low < high:
        middle = (low + high) // 2
        # Shares of the places first .. middle: the logarithms telescope.
        if point < scale * math.log((middle + 1) / first) + even * (middle + 1 - first):
            high = middle
        else:
            low = middle + 1
    return low
