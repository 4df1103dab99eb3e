"""What each partnership left and added, frozen: profit and estimated lift as events.

Both are read once, `FREEZE_DAYS` after the post: when the attribution window
has closed and a week for late counters has passed. What becomes known later
(a refund) changes nothing any more, so the estimate is point-in-time by
construction and the same in every later index.

**Profit** = organic net sales of the partnership x margin - commission - fee
- sample - shipping. A partnership that failed by the creator's doing (sample
sent, content never made) has its costs alone.

**Lift** is the nearest honest thing to a matched forecast that needs no
training: the campaign's products' sales in the attribution window, less their
level of the 28 days before x the movement of all other sales in the same
currency (the market's season and shocks). Partnerships of one campaign whose
windows overlap share the excess by their organic attributed sales. Its
variance comes from the products' own daily variation before; it may be
negative and is kept so.
"""

from __future__ import annotations

from typing import Any

import ibis

from features.facts import DEFAULT_MARGIN_RATE, MICRO, fact_table, is_known
from features.indices.declare import WINDOW_DAYS, WINDOW_LONG_DAYS
from features.indices.events import EVENT_SCALE, MASS_ONE, campaign_terms, first_deliveries
from features.outcomes import partnership_outcomes
from features.time import FOREVER, day_of, known_once, to_usd
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.tables import Marketplace

__all__ = ["FREEZE_DAYS", "LIFT_SCALE", "LIFT_SE_ONE", "money_events"]

FREEZE_DAYS = ATTRIBUTION_DAYS + 7
"""Days after the post at which its money is read off, for good."""

LIFT_SE_ONE = 100.0
"""USD: an estimate with this standard error weighs 1; one with half of it, 4."""

_BEFORE_DAYS = 28
_ALLOCATION_FLOOR = 10.0  # USD added to each partnership's attributed sales when an excess is shared
_LIFT_LIMIT = 100_000.0  # USD
LIFT_SCALE = 100  # fixed-point steps of one USD of lift
_LEAST_COST = 1.0  # USD, so that a costless partnership has a ratio


def _asinh(value: Any) -> Any:
    size = value.abs()
    return value.sign() * (size + (size * size + 1.0).sqrt()).ln()


def _dollars(micro: Any) -> Any:
    return ibis.coalesce(micro, ibis.literal(0, "int64")).cast("float64") / float(MICRO)


def _partnerships(market: Marketplace) -> Any:
    """Delivered partnerships with the day on which their money is frozen, and their organic sales by then."""
    first = first_deliveries(market).select("campaign_id", "creator_id", "brand_id", "event_day", "since_day")
    first = first.mutate(freeze_day=ibis.greatest(first.event_day + FREEZE_DAYS, first.since_day + 1))
    return _with_sales(first, market)


def _failed_samples(market: Marketplace) -> Any:
    """Failed partnerships (`features.outcomes`) whose sample was used up, on the day it was asked for."""
    rows = partnership_outcomes(market)
    rows = rows.filter(rows.outcome == "failed", rows.shipped_at.notnull() | rows.arrived_at.notnull())
    rows = rows.mutate(asked_day=day_of(rows.requested_at))
    failed = rows.group_by(["campaign_id", "creator_id", "brand_id"]).aggregate(
        event_day=rows.asked_day.min(), since_day=rows.since_day.min()
    )
    made = first_deliveries(market).select(
        made_campaign_="campaign_id", made_creator_="creator_id", made_since_="since_day"
    )
    failed = failed.anti_join(
        made,
        [
            failed.campaign_id == made.made_campaign_,
            failed.creator_id == made.made_creator_,
            made.made_since_ <= failed.since_day,
        ],
    )
    failed = failed.select("campaign_id", "creator_id", "brand_id", "event_day", "since_day")
    failed = failed.mutate(freeze_day=failed.since_day + 1)
    return _with_sales(failed, market)


def _with_sales(rows: Any, market: Marketplace) -> Any:
    """``rows`` with ``organic`` (net sales), ``margin`` and ``commission`` in USD, as known at ``freeze_day``."""
    products = market.table("products").select(
        of_product_="product_id",
        margin_=ibis.coalesce(market.table("products").gross_margin_rate, ibis.literal(DEFAULT_MARGIN_RATE, "float64")),
    )
    orders = fact_table(market, "orders", ("creator_id", "product_id", "campaign_id"))
    orders = orders.inner_join(products, [orders.product_id == products.of_product_])
    orders = orders.select(
        "commission", "commission_gmv", "organic_net_gmv",
        sold_creator_="creator_id", sold_campaign_="campaign_id", sold_known_="known_day",
        margin_usd_=(orders.organic_net_gmv.cast("float64") * orders.margin_).round().cast("int64"),
    )  # fmt: skip
    joined = rows.left_join(
        orders,
        [
            rows.campaign_id == orders.sold_campaign_,
            rows.creator_id == orders.sold_creator_,
            orders.sold_known_ < rows.freeze_day,
        ],
    )
    sums = joined.group_by(["campaign_id", "creator_id", "brand_id", "event_day", "since_day", "freeze_day"]).aggregate(
        organic_=joined.organic_net_gmv.sum(),
        margin_=joined.margin_usd_.sum(),
        commission_=joined.commission.sum(),
        commission_gmv_=joined.commission_gmv.sum(),
    )
    sums = sums.mutate(organic=_dollars(sums.organic_), margin=_dollars(sums.margin_))
    owed = ibis.ifelse(
        _dollars(sums.commission_gmv_) > 0.0,
        _dollars(sums.commission_) / ibis.greatest(_dollars(sums.commission_gmv_), ibis.literal(1e-6, "float64")),
        ibis.literal(0.0, "float64"),
    )
    return sums.mutate(commission=sums.organic * owed).drop("organic_", "margin_", "commission_", "commission_gmv_")


def _profit_events(market: Marketplace) -> list[Any]:
    rows = _partnerships(market)
    if "samples" in market.present:
        rows = rows.union(_failed_samples(market).select(rows.columns))
    if is_known(market, "costs"):
        costs = fact_table(market, "costs", ("creator_id", "campaign_id")).rename(
            paid_creator_="creator_id", paid_campaign_="campaign_id", paid_known_="known_day", paid_day_="event_day"
        )
        joined = rows.left_join(
            costs,
            [
                rows.campaign_id == costs.paid_campaign_,
                rows.creator_id == costs.paid_creator_,
                costs.paid_known_ < rows.freeze_day,
            ],
        )
        paid = joined.flat_fee + joined.sample_cost + joined.shipping_cost
        rows = joined.group_by(rows.columns).aggregate(paid_=paid.sum())
        rows = rows.mutate(paid=_dollars(rows.paid_)).drop("paid_")
    else:
        rows = rows.mutate(paid=ibis.literal(0.0, "float64"))
    cost = rows.commission + rows.paid
    rows = rows.mutate(
        profit=rows.margin - cost,
        ratio=(rows.margin - cost) / ibis.greatest(cost, ibis.literal(_LEAST_COST, "float64")),
    )
    return [
        _frozen(rows, kind, WINDOW_LONG_DAYS, _asinh(value))
        for kind, value in (("profit_per_partnership", rows.profit), ("profit_per_cost", rows.ratio))
    ]


def _frozen(rows: Any, kind: str, window: int, value: Any) -> Any:
    rows = rows.mutate(x_=(value * float(EVENT_SCALE)).round().cast("int64"))
    return rows.select(
        "creator_id",
        "event_day",
        since_day=rows.freeze_day - 1,
        until_day=ibis.literal(FOREVER, "int64"),
        kind=ibis.literal(kind),
        window=ibis.literal(window, "int64"),
        brand_id=ibis.coalesce(rows.brand_id, ibis.literal("")),
        mass=ibis.literal(1, "int64"),
        mx=rows.x_,
        mxx=rows.x_ * rows.x_,
    )


def _product_sales(market: Marketplace) -> Any:
    """Net sales by product and day (int64 cents of a USD), with the day each became known."""
    days = market.table("product_days")
    days = to_usd(known_once(days.filter(days.gmv.notnull()), "day"), market)
    cents = (days.gmv * days.usd_rate * 100.0).round().cast("int64")
    return days.select("product_id", "currency", "since_day", day="event_day", cents=cents)


def _beside(rows: Any, market: Marketplace) -> Any:
    """For each campaign and ``freeze_day`` of ``rows``: its partnerships known by then, with their sales by *then*.

    Not by their own day, which may come later: what a neighbour sells after that is not known yet.
    """
    asked = rows.select(at_campaign_="campaign_id", freeze_day="freeze_day").distinct()
    posted = first_deliveries(market).select("campaign_id", "creator_id", "brand_id", "event_day", "since_day")
    there = asked.inner_join(
        posted, [asked.at_campaign_ == posted.campaign_id, posted.since_day < asked.freeze_day]
    ).select("campaign_id", "creator_id", "brand_id", "event_day", "since_day", "freeze_day")
    return _with_sales(there, market)


def _lift_events(market: Marketplace) -> Any:
    rows = _partnerships(market)
    shared = _beside(rows, market)
    together = rows.join(
        shared,
        [
            rows.campaign_id == shared.campaign_id,
            rows.freeze_day == shared.freeze_day,
            (rows.event_day - shared.event_day).abs() < ATTRIBUTION_DAYS,
        ],
        rname="{name}_other_",
    )
    keys = ["campaign_id", "creator_id", "brand_id", "event_day", "freeze_day", "organic"]
    cents = (together.organic_other_ * 100.0).round().cast("int64") + int(_ALLOCATION_FLOOR * 100)
    rows = together.group_by(keys).aggregate(all_cents_=cents.sum())
    rows = rows.mutate(
        share=(rows.organic * 100.0 + _ALLOCATION_FLOOR * 100.0).round() / rows.all_cents_.cast("float64")
    )
    windows = rows.select("campaign_id", "event_day", "freeze_day").distinct()
    own = _own_sales(windows, market)
    rows = rows.inner_join(own, ["campaign_id", "event_day", "freeze_day"])
    forecast = rows.before * (ATTRIBUTION_DAYS / _BEFORE_DAYS) * rows.movement
    excess = rows.after - forecast
    spread = (
        rows.daily_variance * rows.movement * rows.movement * ATTRIBUTION_DAYS * (1.0 + ATTRIBUTION_DAYS / _BEFORE_DAYS)
    )
    lift = (excess * rows.share).clip(lower=-_LIFT_LIMIT, upper=_LIFT_LIMIT)
    variance = spread * rows.share + (LIFT_SE_ONE / 10.0) ** 2
    mass = (MASS_ONE * LIFT_SE_ONE**2 / variance).round().cast("int64")
    rows = rows.mutate(
        mass_=ibis.greatest(mass, ibis.literal(1, "int64")), lift_=(lift * float(LIFT_SCALE)).round().cast("int64")
    )
    return rows.select(
        "creator_id",
        "event_day",
        since_day=rows.freeze_day - 1,
        until_day=ibis.literal(FOREVER, "int64"),
        kind=ibis.literal("lift_per_partnership"),
        window=ibis.literal(WINDOW_DAYS, "int64"),
        brand_id=ibis.coalesce(rows.brand_id, ibis.literal("")),
        mass=rows.mass_,
        mx=rows.mass_ * rows.lift_,
        mxx=ibis.literal(0, "int64"),
    )


def _own_sales(windows: Any, market: Marketplace) -> Any:
    """``windows`` with the campaign's products' sales before and after (USD), their daily variance, and the movement.

    ``movement`` is what all other sales in the same currency did between the
    28 days before and the attribution window, per day; 1 where there were none.
    """
    sales = _product_sales(market)
    terms = campaign_terms(market)
    wanted = terms.select(wanted_campaign_="of_campaign_", wanted_=terms.product_ids.unnest()).distinct()
    windows = windows.inner_join(wanted, [windows.campaign_id == wanted.wanted_campaign_])
    inside = [
        sales.day >= windows.event_day - _BEFORE_DAYS,
        sales.day < windows.event_day + ATTRIBUTION_DAYS,
        sales.since_day < windows.freeze_day,
    ]
    own = windows.join(sales, [windows.wanted_ == sales.product_id, *inside])
    keys = ["campaign_id", "event_day", "freeze_day"]
    daily = own.group_by([*keys, "currency", "day"]).aggregate(cents=own.cents.sum().cast("int64"))
    past = daily.day < daily.event_day
    # A mean's variance is of days that have a row; a day without one sold nothing.
    own = daily.group_by([*keys, "currency"]).aggregate(
        before_=daily.cents.sum(where=past),
        squares_=(daily.cents.cast("float64") / 100.0 * (daily.cents.cast("float64") / 100.0))
        .round()
        .cast("int64")
        .sum(where=past),
        after_=daily.cents.sum(where=~past),
    )
    zero = ibis.literal(0, "int64")
    own = own.mutate(
        before_=ibis.coalesce(own.before_, zero).cast("int64"),
        after_=ibis.coalesce(own.after_, zero).cast("int64"),
        squares_=ibis.coalesce(own.squares_, zero).cast("float64"),
    )
    totals = sales.group_by(["currency", "day", "since_day"]).aggregate(cents=sales.cents.sum().cast("int64"))
    rest = own.join(
        totals,
        [
            own.currency == totals.currency,
            totals.day >= own.event_day - _BEFORE_DAYS,
            totals.day < own.event_day + ATTRIBUTION_DAYS,
            totals.since_day < own.freeze_day,
        ],
        rname="{name}_all_",
    )
    earlier = rest.day < rest.event_day
    rest = rest.group_by([*keys, "currency", "before_", "after_", "squares_"]).aggregate(
        all_before_=rest.cents.sum(where=earlier), all_after_=rest.cents.sum(where=~earlier)
    )
    other_before = (ibis.coalesce(rest.all_before_, zero) - rest.before_).cast("float64") / _BEFORE_DAYS
    other_after = (ibis.coalesce(rest.all_after_, zero) - rest.after_).cast("float64") / ATTRIBUTION_DAYS
    before = rest.before_.cast("float64") / 100.0
    level = before / _BEFORE_DAYS
    return rest.select(
        *keys,
        before=before,
        after=rest.after_.cast("float64") / 100.0,
        daily_variance=ibis.greatest(rest.squares_ / _BEFORE_DAYS - level * level, ibis.literal(0.0, "float64")),
        movement=ibis.ifelse(
            (other_before > 0.0) & (other_after > 0.0), other_after / other_before, ibis.literal(1.0, "float64")
        ),
    )


def money_events(market: Marketplace) -> list[Any]:
    """Profit and lift as events (see `features.indices.events.partnership_events`); none where a table is missing."""
    if "deliveries" not in market.present:
        return []
    tables = _profit_events(market)
    if "product_days" in market.present:
        tables.append(_lift_events(market))
    return tables
