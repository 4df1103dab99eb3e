"""What a simulated marketplace writes down: the contract's tables, as a real one would hand them over."""

from __future__ import annotations

from marketplace.simulator.record.contents import record_content_days, record_contents
from marketplace.simulator.record.creators import record_creators
from marketplace.simulator.record.funnel import record_campaigns, record_invitations, record_outcomes, record_samples
from marketplace.simulator.record.orders import record_orders
from marketplace.simulator.record.seller import keep_seller
from marketplace.simulator.record.shop import ShopSums, record_shop, shop_sums
from marketplace.simulator.record.write import TableWriter, TruthWriter, coded, numbered

__all__ = [
    "ShopSums",
    "TableWriter",
    "TruthWriter",
    "coded",
    "keep_seller",
    "numbered",
    "record_campaigns",
    "record_content_days",
    "record_contents",
    "record_creators",
    "record_invitations",
    "record_orders",
    "record_outcomes",
    "record_samples",
    "record_shop",
    "shop_sums",
]
