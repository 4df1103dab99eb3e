"""What becomes of order lines after the order: cancelled, completed, frozen, refunded, and when that is known."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from marketplace.arrays import Flags, Floats, Ints
from marketplace.contract import REFUND_DAYS
from marketplace.simulator.mechanisms.population import DAY, MINUTE, Population
from marketplace.simulator.mechanisms.sales import Lines, refund_rate
from marketplace.simulator.worlds import World, stream

__all__ = ["Fates", "draw_fates", "net_usd"]


@dataclass(frozen=True)
class Fates:
    """One position a line. Instants in microseconds: when each state could be known."""

    cancelled: Flags
    frozen: Flags
    refunded: Flags
    placed_known: Ints
    frozen_known: Ints
    settled_known: Ints
    refund_known: Ints

    def take(self, rows: NDArray[np.generic]) -> Fates:
        """The fates at ``rows``, copied."""
        return Fates(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def draw_fates(world: World, seed: int, population: Population, lines: Lines, *, part: int = 0) -> Fates:
    """Draw every line's later states. Refunds come 8 to `REFUND_DAYS` days after the order, plus `World.refund_days`.

    Where reports are late, all states of a line are known later by one delay.
    """
    rng = stream(seed, "order_states", part)
    n = len(lines.creator)
    cancelled = rng.random(n) < world.cancel_rate
    rate = refund_rate(world, population, lines.creator, lines.product, live=lines.live)
    refunded = ~cancelled & (rng.random(n) < rate)
    frozen = ~cancelled & (rng.random(n) < 0.015)
    placed = lines.ordered + rng.integers(1, 60, size=n) * MINUTE
    settle = rng.uniform(3.0, 7.0, size=n) * DAY
    cancel = rng.uniform(0.1, 2.0, size=n) * DAY
    back = 8.0 * DAY + rng.beta(1.2, 2.2, size=n) * (REFUND_DAYS - 8.5) * DAY
    late, slow = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    if world.report_days or world.refund_days:
        of_reports = stream(seed, "reports", part)
        late = (of_reports.uniform(0.5, 1.5, size=n) * world.report_days * DAY).astype(np.int64)
        slow = (of_reports.uniform(0.0, 2.0, size=n) * world.refund_days * DAY).astype(np.int64)
    return Fates(
        cancelled=cancelled,
        frozen=frozen,
        refunded=refunded,
        placed_known=placed + late,
        frozen_known=lines.ordered + 2 * DAY + late,
        settled_known=lines.ordered + np.where(cancelled, cancel, settle).astype(np.int64) + 60 * MINUTE + late,
        refund_known=lines.ordered + back.astype(np.int64) + slow + late,
    )


def net_usd(population: Population, lines: Lines, fates: Fates) -> Floats:
    """What stays sold of each line, in USD at the rate of the order's day."""
    day = (lines.ordered - population.start_us) // DAY
    rate = population.usd(population.product_market[lines.product], day)
    sold = lines.quantity * population.product_price[lines.product] * rate
    net: Floats = np.where(fates.cancelled | fates.refunded, 0.0, sold)
    return net
