"""Signals of a creator within one category, and with one brand."""

from __future__ import annotations

from features.signals.base import declare, mean, share, shrunk
from features.signals.partnership import ACCEPT_PRIOR

__all__ = ["BRAND_SIGNALS", "CATEGORY_SIGNALS"]

CATEGORY_SIGNALS = declare(
    "creator_category",
    ("category_net_gmv_sum_28d", "USD", 0, "Net sales in the category in the last 28 days.",
     lambda w: w.sum("orders", "net_gmv", 28)),
    ("category_net_gmv_sum_90d", "USD", 0, "Net sales in the category in the last 90 days.",
     lambda w: w.sum("orders", "net_gmv", 90)),
    ("category_net_gmv_sum_180d", "USD", 0, "Net sales in the category in the last 180 days.",
     lambda w: w.sum("orders", "net_gmv", 180)),
    ("category_organic_net_gmv_sum_90d", "USD", 1, "Net sales in the category in the last 90 days that no ad led to.",
     lambda w: w.sum("orders", "organic_net_gmv", 90)),
    ("category_orders_sum_90d", "orders", 0, "Orders in the category in the last 90 days.",
     lambda w: w.sum("orders", "orders", 90)),
    ("category_price_mean_180d", "USD", 0, "Average price of a unit sold in the category in the last 180 days.",
     lambda w: mean(w.sum("orders", "gross_gmv", 180), w.sum("orders", "ordered_units", 180))),
    ("category_refund_rate_180d", "fraction", -1,
     "Share of the units ordered in the category in the last 180 days that were cancelled or refunded.",
     lambda w: 1.0 - share(w.sum("orders", "units", 180), w.sum("orders", "ordered_units", 180))),
    ("category_brands_sold_distinct_180d", "brands", 0, "Different brands sold in the category in the last 180 days.",
     lambda w: w.distinct("orders", "brand_id", "orders", 180)),
    ("category_days_since_last_order_365d", "days", -1, "Days since the last order in the category (within a year).",
     lambda w: w.since_last("orders", "orders", 365)),
    ("category_shoppable_posts_sum_90d", "posts", 0, "Shoppable posts for the category in the last 90 days.",
     lambda w: w.sum("category_contents", "shoppable_posts", 90)),
    ("category_organic_views_sum_90d", "views", 0, "Unbought views of posts for the category in the last 90 days.",
     lambda w: w.sum("category_views", "organic_views", 90)),
    ("category_organic_gmv_per_1000_views_90d", "USD", 1,
     "Net sales in the category that no ad led to per 1,000 views of posts for it that no ad bought, over 90 days.",
     lambda w: 1000.0 * share(w.sum("orders", "organic_net_gmv", 90), w.sum("category_views", "organic_views", 90))),
    ("category_invitations_closed_sum_365d", "invitations", 0,
     "Invitations for the category in the last year that were answered or expired.",
     lambda w: w.sum("invitations", "resolved", 365)),
    ("category_accept_rate_365d", "fraction", 1,
     "Share of the last year's invitations for the category that were accepted (towards .1 while there are few).",
     lambda w: shrunk(w.sum("invitations", "accepted", 365), w.sum("invitations", "resolved", 365),
                      prior=ACCEPT_PRIOR, weight=3.0)),
    ("category_deliveries_sum_365d", "deliveries", 0, "Pieces delivered for the category in the last year.",
     lambda w: w.sum("deliveries", "deliveries", 365)),
    ("category_gmv_per_partnership_365d", "USD", 1,
     "Net sales within campaigns of the category per partnership accepted in it in the last year.",
     lambda w: mean(w.sum("orders", "campaign_net_gmv", 365), w.sum("invitations", "accepted", 365))),
)  # fmt: skip
"""Signals of a creator x category."""

BRAND_SIGNALS = declare(
    "creator_brand",
    ("brand_invitations_sum_365d", "invitations", 0, "Invitations from this brand in the last year.",
     lambda w: w.sum("invitations", "sent", 365)),
    ("brand_accepts_sum_365d", "invitations", 1, "Invitations from this brand that were accepted in the last year.",
     lambda w: w.sum("invitations", "accepted", 365)),
    ("brand_accept_rate_365d", "fraction", 1,
     "Share of this brand's invitations in the last year that were accepted (towards .1 while there are few).",
     lambda w: shrunk(w.sum("invitations", "accepted", 365), w.sum("invitations", "resolved", 365),
                      prior=ACCEPT_PRIOR, weight=3.0)),
    ("brand_days_since_last_accept_365d", "days", 0, "Days since an invitation from this brand was last accepted.",
     lambda w: w.since_last("invitations", "accepted", 365)),
    ("brand_days_since_last_invitation_365d", "days", 0, "Days since this brand last invited the creator.",
     lambda w: w.since_last("invitations", "sent", 365)),
    ("brand_deliveries_sum_365d", "deliveries", 0, "Pieces delivered to this brand in the last year.",
     lambda w: w.sum("deliveries", "deliveries", 365)),
    ("brand_stars_mean_365d", "stars", 1, "Average stars this brand gave in the last year.",
     lambda w: mean(w.sum("reviews", "stars", 365), w.sum("reviews", "reviews", 365))),
    ("brand_net_gmv_sum_28d", "USD", 0, "Net sales of this brand's products in the last 28 days.",
     lambda w: w.sum("orders", "net_gmv", 28)),
    ("brand_net_gmv_sum_180d", "USD", 0, "Net sales of this brand's products in the last 180 days.",
     lambda w: w.sum("orders", "net_gmv", 180)),
    ("brand_campaign_gmv_sum_365d", "USD", 0, "Net sales of this brand's products within campaigns in the last year.",
     lambda w: w.sum("orders", "campaign_net_gmv", 365)),
    ("brand_promotions_sum_180d", "promotions", 0, "This brand's products promoted in posts of the last 180 days.",
     lambda w: w.sum("promotions", "posts", 180)),
)  # fmt: skip
"""Signals of a creator x brand."""
