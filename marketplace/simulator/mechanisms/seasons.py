"""Sales days: which they are, how much more the shop then sells anyway, and the briefs and contents that aim at them.

A brief that aims at a sales day is written so long before that whoever accepts can have the sample by then; its
punctual contents come out on the day with a stated chance, whoever the creator is. Such contents take their share
of the day's surge: it is attributed to them, and adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketplace.arrays import Flags, Floats, Ints
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.simulator.worlds import World

__all__ = ["SaleDays", "aim_briefs", "out_on", "sale_days", "surge_captured", "wait_for_sale"]

_USUAL_DISCOUNT = 0.02
_GREAT = (9, 11, 12)
_PAYDAYS = (25, 28)
_LEAD = (15.6, 16.1)
"""Days from a brief to the sales day it aims at: the longest reply, shipping and arrival of a sample take 15.52."""
_OUT = 20 / 24
"""Fraction of the sales day by which contents for it are out."""
_DAY = 86_400_000_000
_WAIT = 14


@dataclass(frozen=True)
class SaleDays:
    """The calendar of a marketplace: (days,) each, ``lift`` multiples of demand and ``discount`` fractions off."""

    lift: Floats
    discount: Floats

    @property
    def there(self) -> Flags:
        """Whether the shop sells more on each day."""
        flags: Flags = self.lift > 1.0
        return flags

    def surge(self, shares: Floats) -> Floats:
        """Multiples of each product's demand (products, days), by its share in the surge."""
        if (shares == 1.0).all():
            return np.broadcast_to(self.lift, (len(shares), len(self.lift)))
        multiple: Floats = 1.0 + (self.lift - 1.0)[None, :] * shares[:, None]
        return multiple


def sale_days(world: World, *, start_us: int, days: int) -> SaleDays:
    """Double dates, the great ones among them, and paydays of the ``days`` from ``start_us`` on."""
    dates = np.datetime64(start_us // _DAY, "D") + np.arange(days)
    month = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    date = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    double = month == date
    great = np.where(np.isin(month, _GREAT), world.great_sale, 1.0)
    payday = (date >= _PAYDAYS[0]) & (date <= _PAYDAYS[1])
    return SaleDays(
        lift=np.where(double, world.sale_lift * great, np.where(payday, world.payday_lift, 1.0)),
        discount=np.where(double, world.sale_discount, np.where(payday, world.payday_discount, _USUAL_DISCOUNT)),
    )


def aim_briefs(
    rng: np.random.Generator, world: World, day: Floats, *, start_us: int, days: int, ends: tuple[float, float]
) -> tuple[Floats, Ints]:
    """The times of briefs in days (campaigns,), sorted, within ``ends``, and the sales day each aims at, -1 for none.

    A share `World.sale_briefs` of them moves to where the sales day nearest to their contents can still be met.
    """
    aims = np.full(len(day), -1, dtype=np.int64)
    sales = np.flatnonzero(sale_days(world, start_us=start_us, days=days).there)
    sales = sales[(sales - _LEAD[1] >= ends[0]) & (sales - _LEAD[0] <= ends[1])]
    if world.sale_briefs == 0.0 or not len(sales):
        return day, aims
    chosen = rng.random(len(day)) < world.sale_briefs
    lead = rng.uniform(*_LEAD, size=len(day))
    nearest = sales[np.abs(day[:, None] + lead[:, None] - sales[None, :]).argmin(axis=1)]
    moved = np.where(chosen, nearest - lead, day)
    order = np.argsort(moved, kind="stable")
    return moved[order], np.where(chosen, nearest, aims)[order]


def out_on(rng: np.random.Generator, day: Ints, start_us: int) -> Ints:
    """Instants at which contents for the sales days ``day`` (n,) come out."""
    at: Ints = start_us + day * _DAY + (rng.random(len(day)) * _OUT * _DAY).astype(np.int64)
    return at


def wait_for_sale(
    rng: np.random.Generator, world: World, calendar: SaleDays, published: Ints, *, start_us: int
) -> Ints:
    """``published`` (n,), some of them put off until a sales day within a fortnight."""
    sales = np.flatnonzero(calendar.there)
    if world.sale_organic == 0.0 or not len(sales):
        return published
    day = (published - start_us) // _DAY
    place = np.searchsorted(sales, day)
    upcoming = sales[np.minimum(place, len(sales) - 1)]
    waits = (upcoming > day) & (upcoming - day <= _WAIT) & (rng.random(len(day)) < world.sale_organic)
    return np.where(waits, out_on(rng, upcoming, start_us), published)


def surge_captured(world: World, captured: Floats, lift: Floats | float) -> Floats:
    """Expected lines (n,) of the surge that contents out on a sales day take, whose ordinary ones are ``captured``.

    ``captured`` is over the attribution window, ``lift`` the product's multiple of demand on the day.
    """
    taken: Floats = captured * (world.sale_capture * (np.asarray(lift) - 1.0) / ATTRIBUTION_DAYS)
    return taken
