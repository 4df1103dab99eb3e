"""What each partnership left and added, as events: profit, and estimated lift.

**Profit** = organic net sales of the partnership x margin - commission - fee
- sample - shipping. A partnership that failed by the creator's doing (sample
sent, content never made) has its costs alone. It is read once, `FREEZE_DAYS`
after the post: when the attribution window has closed and a week for late
counters has passed. What becomes known later (a refund) changes nothing any
more, so it is point-in-time by construction and the same in every later index.

**Lift** is `features.lift`'s, the estimate that rankers learn from, read off
once the window and the refunds of its orders are over, on each day of the grid
on which peers' references are frozen too, from what was known before that day.
What each partnership is given is `features.lift`'s posterior mean and its standard
deviation. That is shrunk already, but towards what the partnership's own sales
foretell, not towards other creators; the index then weighs partnerships by
precision and shrinks creators towards their peers, so nothing is shrunk to the
same thing twice. Estimates before the first shrinkage are the noisier half: on
a simulated marketplace of 3,000 creators the component's rank correlation with
true lift was .26 with them and .49 with the posterior.
It may be negative and is kept so.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import ibis
import numpy as np
import pandas as pd

from features.facts import MICRO, fact_table, is_known, product_identity
from features.indices.declare import REFERENCE_EVERY_DAYS, WINDOW_LONG_DAYS, grid_day
from features.indices.events import EVENT_SCALE, MASS_ONE, first_deliveries
from features.lift import ripe_lifts
from features.outcomes import partnership_outcomes
from features.time import FOREVER, day_of
from marketplace.arrays import Ints
from marketplace.cache import FRAME, remembered
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.tables import Marketplace

__all__ = ["FREEZE_DAYS", "LIFT_SCALE", "LIFT_SE_ONE", "lift_events", "money_events"]

FREEZE_DAYS = ATTRIBUTION_DAYS + 7
"""Days after the post at which its profit is read off, for good."""

LIFT_SE_ONE = 100.0
"""USD: an estimate with this standard error weighs 1; one with half of it, 4."""

LIFT_SE_LEAST = 10.0
"""USD, added in squares to every standard error, so that no single estimate is everything."""

LIFT_SCALE = 100
"""Fixed-point steps of one USD of lift."""

_LIFT_LIMIT = 100_000.0  # USD
_LEAST_COST = 1.0  # USD, so that a costless partnership has a ratio

_NO_LIFTS = pd.DataFrame(
    {
        name: pd.Series(dtype=kind)
        for name, kind in (
            ("creator_id", "str"), ("event_day", "int64"), ("since_day", "int64"), ("until_day", "int64"),
            ("kind", "str"), ("window", "int64"), ("brand_id", "str"), ("mass", "int64"), ("mx", "int64"),
            ("mxx", "int64"),
        )
    }
)  # fmt: skip

_LIFTS: WeakKeyDictionary[Marketplace, dict[int, pd.DataFrame]] = WeakKeyDictionary()


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
    states = product_identity(market)
    first = states.since_day == states.since_day.min().over(ibis.window(group_by=states.product_id))
    products = states.select(
        of_product_="product_id",
        margin_="margin_rate",
        from_=ibis.ifelse(first, ibis.literal(-FOREVER, "int64"), states.since_day),
        to_="until_day",
    )
    orders = fact_table(market, "orders", ("creator_id", "product_id", "campaign_id"))
    orders = orders.inner_join(
        products,
        [
            orders.product_id == products.of_product_,
            orders.known_day >= products.from_,
            orders.known_day < products.to_,
        ],
    )
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


def lift_events(market: Marketplace, days: Ints) -> pd.DataFrame:
    """Estimated lifts as events (see `features.indices.events.partnership_events`), for as-of days (int64, any shape).

    On each day of the references' grid (`grid_day`) that the ``days`` stand on, all partnerships ripe by then are
    estimated anew, from what was known before it, and readable until the day before the next: an as-of day has one
    estimate of each. The estimates of a grid day are made once a marketplace and kept in memory.

    Returns
    -------
    DataFrame
        The columns of an event; ``mx`` is mass x lift in steps of 1 / `LIFT_SCALE` USD.
    """
    parts = [_lifts_of(market, int(grid)) for grid in np.unique(grid_day(np.asarray(days, dtype=np.int64)))]
    return pd.concat([_NO_LIFTS, *(part for part in parts if len(part))], ignore_index=True).astype(_NO_LIFTS.dtypes)


def _lifts_of(market: Marketplace, grid: int) -> pd.DataFrame:
    kept = _LIFTS.setdefault(market, {})
    if grid not in kept:
        lifts = remembered(
            market, "lift", [grid], code="features.lift", form=FRAME, make=lambda: ripe_lifts(market, grid)
        )
        kept[grid] = _as_events(lifts, grid)
    return kept[grid]


def _as_events(lifts: pd.DataFrame, grid: int) -> pd.DataFrame:
    """`features.lift.ripe_lifts` of a grid day as events that are readable until the next."""
    usd = lifts["lift_usd"].clip(-_LIFT_LIMIT, _LIFT_LIMIT)
    variance = lifts["lift_se_usd"] ** 2 + LIFT_SE_LEAST**2
    mass = (MASS_ONE * LIFT_SE_ONE**2 / variance).round().clip(lower=1.0).astype(np.int64)
    events = lifts[["creator_id"]].assign(
        event_day=lifts["posted_day"],
        since_day=grid - 1,
        until_day=grid + REFERENCE_EVERY_DAYS - 1,
        kind="lift_per_partnership",
        window=WINDOW_LONG_DAYS,
        brand_id=lifts["brand_id"].fillna(""),
        mass=mass,
        mx=mass * (usd * LIFT_SCALE).round().astype(np.int64),
        mxx=0,
    )
    return events[_NO_LIFTS.columns].astype(_NO_LIFTS.dtypes)


def money_events(market: Marketplace) -> list[Any]:
    """Profit as events (see `features.indices.events.partnership_events`); none where a table is missing."""
    return _profit_events(market) if "deliveries" in market.present else []
