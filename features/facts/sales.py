"""Facts of sales: orders attributed to creators, and what campaigns cost."""

from __future__ import annotations

from typing import Any

import ibis

from features.facts.base import MICRO, Fact, Measure, fixed, flag, measures
from features.time import FOREVER, known_once, known_rows_of, known_states, meet, to_usd
from marketplace.tables import Marketplace

__all__ = ["DEFAULT_MARGIN_RATE", "SALES_FACTS", "campaign_identity", "product_identity"]

DEFAULT_MARGIN_RATE = 0.4
"""Gross margin where a product tells none."""


def product_identity(market: Marketplace) -> Any:
    """``product_id``, ``category_id``, ``brand_id``, ``margin_rate`` of each product's states as they became known."""
    products = known_rows_of(market.table("products"), "product_id")
    return products.select(
        "product_id",
        "category_id",
        "brand_id",
        "since_day",
        "until_day",
        margin_rate=ibis.coalesce(products.gross_margin_rate, ibis.literal(DEFAULT_MARGIN_RATE, "float64")),
    )


def campaign_identity(market: Marketplace) -> Any:
    """``campaign_id``, ``category_id``, ``brand_id``, terms and day of each brief from the day it was known."""
    campaigns = known_once(market.table("campaigns"), "briefed_at")
    return campaigns.select(
        "campaign_id",
        "category_id",
        "brand_id",
        "has_free_sample",
        "since_day",
        "until_day",
    )


def _orders(market: Marketplace) -> Any:
    orders = known_states(market.table("orders"), ("order_id", "sku_id"), "ordered_at")
    orders = orders.filter(orders.creator_id.notnull(), orders.since_day < orders.until_day)
    orders = orders.select(
        "creator_id",
        "product_id",
        "campaign_id",
        "currency",
        "status",
        "quantity",
        "refunded_quantity",
        "price",
        "commission",
        "event_day",
        "since_day",
        "until_day",
        is_live=orders.content_type == "LIVE",
        is_showcase=orders.content_type == "SHOWCASE",
        is_paid=ibis.coalesce(orders.is_paid_traffic, ibis.literal(False)),
    )
    orders = to_usd(orders, market)
    products = product_identity(market)
    orders = meet(orders, products, [orders.product_id == products.product_id])
    kept = orders.status != "CANCELLED"
    zero = ibis.literal(0, "int64")
    units = ibis.ifelse(
        kept, ibis.greatest(orders.quantity - ibis.coalesce(orders.refunded_quantity, zero), zero), zero
    )
    unit_usd = orders.price * orders.usd_rate
    gross = fixed(unit_usd * orders.quantity.cast("float64"))
    net = fixed(unit_usd * units.cast("float64"))
    commission = fixed(ibis.ifelse(kept, orders.commission, ibis.literal(0.0, "float64")) * orders.usd_rate)
    in_campaign = orders.campaign_id.notnull()
    return orders.mutate(
        orders=flag(kept),
        ordered_units=orders.quantity,
        units=units,
        gross_gmv=gross,
        net_gmv=net,
        organic_orders=flag(kept & ~orders.is_paid),
        organic_net_gmv=ibis.ifelse(orders.is_paid, zero, net),
        live_net_gmv=ibis.ifelse(orders.is_live, net, zero),
        showcase_orders=flag(kept & orders.is_showcase),
        commission=commission,
        commission_gmv=ibis.ifelse(orders.commission.notnull(), net, zero),
        campaign_orders=flag(kept & in_campaign),
        campaign_net_gmv=ibis.ifelse(in_campaign, net, zero),
        campaign_margin=ibis.ifelse(in_campaign, fixed(unit_usd * units.cast("float64") * orders.margin_rate), zero),
        campaign_commission=ibis.ifelse(in_campaign, commission, zero),
    )


_ORDER_MEASURES = measures(
    Measure("orders", "orders", "order lines that were not cancelled"),
    Measure(
        "ordered_units",
        "units",
        "units ordered, cancelled and refunded ones included",
        needs=("orders.refunded_quantity",),
    ),
    Measure("units", "units", "units ordered less cancelled and refunded ones"),
    Measure("gross_gmv", "USD", "price x quantity, cancelled and refunded ones included", MICRO),
    Measure("net_gmv", "USD", "price x units kept", MICRO),
    Measure("organic_orders", "orders", "orders that no ad led to"),
    Measure("organic_net_gmv", "USD", "net GMV that no ad led to", MICRO),
    Measure("live_net_gmv", "USD", "net GMV bought in lives", MICRO),
    Measure("showcase_orders", "orders", "orders from the creator's showcase"),
    Measure("commission", "USD", "commission owed", MICRO),
    Measure("commission_gmv", "USD", "net GMV of the orders whose commission is known", MICRO),
    Measure("campaign_orders", "orders", "orders within a campaign"),
    Measure("campaign_net_gmv", "USD", "net GMV within campaigns", MICRO),
    Measure("campaign_margin", "USD", "net GMV within campaigns x the product's gross margin", MICRO),
    Measure("campaign_commission", "USD", "commission owed within campaigns", MICRO),
)


def _brief_orders(market: Marketplace, orders: Any) -> Any:
    campaigns = market.table("campaigns").select("campaign_id", "product_ids")
    wanted = campaigns.select("campaign_id", wanted_=campaigns.product_ids.unnest()).distinct()
    joined = orders.join(wanted, [orders.product_id == wanted.wanted_])
    return joined.mutate(since_day=joined.known_day, until_day=ibis.literal(FOREVER, "int64"))


def _costs(market: Marketplace) -> Any:
    costs = to_usd(known_once(market.table("costs"), "paid_at"), market)
    campaigns = campaign_identity(market)
    costs = meet(costs, campaigns, [costs.campaign_id == campaigns.campaign_id])
    return costs.mutate(
        partnerships=ibis.literal(1, "int64"),
        flat_fee=fixed(costs.flat_fee * costs.usd_rate),
        sample_cost=fixed(costs.sample_cost * costs.usd_rate),
        shipping_cost=fixed(costs.shipping_cost * costs.usd_rate),
    )


SALES_FACTS = (
    Fact(
        "orders",
        "Orders attributed to a creator, in USD of the order's day, as their states became known.",
        ("creator_id", "category_id", "brand_id", "product_id", "campaign_id"),
        _ORDER_MEASURES,
        ("orders", "products"),
        _orders,
    ),
    Fact(
        "brief_orders",
        "Orders of the very products that a campaign is about, attributed to a creator in or out of any campaign.",
        ("campaign_id", "creator_id"),
        _ORDER_MEASURES,
        ("orders", "products"),
        _brief_orders,
        made_of=(("orders", ("creator_id", "product_id")),),
    ),
    Fact(
        "costs",
        "What brands paid for partnerships, in USD of the day of booking.",
        ("creator_id", "category_id", "brand_id", "campaign_id"),
        measures(
            Measure("partnerships", "partnerships", "partnerships with booked costs"),
            Measure("flat_fee", "USD", "fees paid", MICRO),
            Measure("sample_cost", "USD", "cost of sample goods", MICRO),
            Measure("shipping_cost", "USD", "cost of shipping samples", MICRO),
        ),
        ("costs",),
        _costs,
    ),
)
"""Facts made of ``orders``, ``products``, ``campaigns`` and ``costs``."""
