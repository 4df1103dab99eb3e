"""The orders table: every attributed line and its later states."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from marketplace.arrays import Ints
from marketplace.simulator.mechanisms import Briefs, Fates, Lines, Population
from marketplace.simulator.record.write import TableWriter, coded, numbered
from marketplace.simulator.worlds import MARKETS

__all__ = ["record_orders"]

_STATUS = ("PROCESSING", "FROZEN", "COMPLETED", "CANCELLED", "DEDUCTED")
_ORGANIC_COMMISSION = 0.10


def record_orders(
    population: Population,
    briefs: Briefs,
    *,
    lines: Lines,
    fates: Fates,
    campaign_of: Ints,
    content_ids: pa.Array,
    creator_ids: pa.Array,
    product_ids: pa.Array,
    campaign_ids: pa.Array,
    first_order: int,
    out: TableWriter,
) -> int:
    """Write the states of all lines, by order and time known. Returns the rows written.

    ``campaign_of`` (m,) is each invitation's brief; orders are numbered from ``first_order`` on.

    A line is PROCESSING, sometimes FROZEN, then COMPLETED or CANCELLED; a refund is a later COMPLETED row (a
    DEDUCTED one after the commission was paid out) with ``refunded_quantity``.
    """
    order = np.argsort(lines.ordered, kind="stable")
    lines, fates = lines.take(order), fates.take(order)
    n = len(lines.creator)
    there = np.stack([np.ones(n, dtype=bool), fates.frozen, np.ones(n, dtype=bool), fates.refunded], axis=1)
    known = np.stack([fates.placed_known, fates.frozen_known, fates.settled_known, fates.refund_known], axis=1)
    there &= known < out.end
    line, step = np.nonzero(there)
    at = known[line, step]
    # Refunds within 14 days come off before the pay-out, later ones are deducted from it.
    deducted = (step == 3) & (at - lines.ordered[line] > 14 * 86_400_000_000)
    status = np.select([step == 0, step == 1, deducted, (step == 2) & fates.cancelled[line]], [0, 1, 4, 3], 2)
    creator, product = lines.creator[line], lines.product[line]
    campaign = np.full(len(line), -1)
    partner = lines.partnership[line] >= 0
    campaign[partner] = campaign_of[lines.partnership[line][partner]]
    content = lines.content[line]
    kind = np.where(content < 0, 2, np.where(lines.live[line], 1, 0))
    quantity = lines.quantity[line]
    refunded = np.where(step == 3, quantity, 0)
    price = population.product_price[product]
    rate = np.where(campaign >= 0, briefs.commission[np.maximum(campaign, 0)], _ORGANIC_COMMISSION)
    owed = np.where(status == 3, 0.0, (quantity - refunded) * price * rate)
    variants = pa.array([f"sku_{p:05d}_{v}" for p in range(len(population.product_brand)) for v in range(3)])
    return out.write(
        "orders",
        {
            "order_id": coded(line, numbered("or", n, 9, first=first_order)),
            "sku_id": coded(product * 3 + (line * 7919) % 3, variants),
            "product_id": coded(product, product_ids),
            "creator_id": coded(creator, creator_ids),
            "content_id": coded(content, content_ids),
            "content_type": coded(kind, ("VIDEO", "LIVE", "SHOWCASE")),
            "campaign_id": coded(campaign, campaign_ids),
            "ordered_at": lines.ordered[line],
            "status": coded(status, _STATUS),
            "quantity": quantity,
            "refunded_quantity": refunded,
            "price": price,
            "currency": coded(population.product_market[product], list(MARKETS.values())),
            "commission": np.round(owed, 4),
            "is_paid_traffic": lines.paid[line],
            "known_at": at,
        },
    )
