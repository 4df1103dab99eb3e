"""What happened between creators and brands, as one table of events that the indices weigh.

Every row is one costly, counterparty-verified event of one ``kind``
(`EVENT_WINDOWS`): which creator and brand, ``event_day``, the days in which it
is readable (``since_day < t <= until_day``) and integer moments of its value.
What an invitation or a sample came to is `features.outcomes`'; what is excused
or still open is no event. An invitation counts from the day on which it can no
longer be answered in time, a sample from the day on which content was made or
failed to be, a partnership's money from the day on which it is frozen
(`features.indices.money`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import ibis
import numpy as np
import pandas as pd

from features import outcomes
from features.facts import flag, product_identity
from features.indices.declare import REFERENCE_EVERY_DAYS, WINDOW_DAYS, WINDOW_LONG_DAYS
from features.outcomes import (
    DELIVERED,
    REPLY_SOON_HOURS,
    arrival_to_post,
    invitation_states,
    partnership_outcomes,
    sample_outcomes,
)
from features.time import FOREVER, day_of, known_once, meet
from marketplace.arrays import Floats
from marketplace.contract import GRACE_DAYS, REPLY_DAYS
from marketplace.tables import Marketplace

__all__ = [
    "EVENT_SCALE",
    "EVENT_WINDOWS",
    "MASS_ONE",
    "campaign_terms",
    "first_deliveries",
    "partnership_events",
]

EVENT_SCALE = 10_000
"""Fixed-point steps of one unit of an event's value."""

MASS_ONE = 10_000
"""Fixed-point steps of an inverse-variance weight of 1 (a standard error of `features.indices.money.LIFT_SE_ONE`)."""

EVENT_WINDOWS: Mapping[str, int] = MappingProxyType(
    {
        "replied_48h": WINDOW_DAYS,
        "acceptance_above_expected": WINDOW_DAYS,
        "sample_fulfilment": WINDOW_DAYS,
        "brand_stars": WINDOW_DAYS,
        "sample_to_post_days": WINDOW_DAYS,
        "brief_compliance": WINDOW_DAYS,
        "reply_hours": WINDOW_DAYS,
        "on_time_rate": WINDOW_DAYS,
        "brands_worked_with_90d": WINDOW_DAYS,
        "repeat_brand_rate": WINDOW_LONG_DAYS,
        "profit_per_partnership": WINDOW_LONG_DAYS,
        "profit_per_cost": WINDOW_LONG_DAYS,
        "lift_per_partnership": WINDOW_LONG_DAYS,
    }
)
"""Kind of event (the component that it feeds) and its window in days."""

_QUICK_REPLY_READ_DAYS = REPLY_SOON_HOURS // 24 + 1  # a day more for the news to arrive
_COMMISSION_BANDS = (0.05, 0.10, 0.15, 0.20)
_FIRST_GUESS = 0.3  # acceptance before anything is known; worth _CELL_STRENGTH invitations
_CELL_STRENGTH = 20.0
_NO_BAND = -1


def campaign_terms(market: Marketplace) -> Any:
    """Briefs from the day they were known: brand, category, products, sample and commission."""
    campaigns = known_once(market.table("campaigns"), "briefed_at")
    return campaigns.select(
        "brand_id", "category_id", "product_ids", "has_free_sample", "since_day", "until_day",
        of_campaign_="campaign_id", brief_rate_="commission_rate",
    )  # fmt: skip


def _with_brand(rows: Any, market: Marketplace) -> Any:
    terms = campaign_terms(market).select("brand_id", "since_day", "until_day", "of_campaign_")
    return meet(rows, terms, [rows.campaign_id == terms.of_campaign_])


def _events(rows: Any, kind: str, value: Any) -> Any:
    """``rows`` (creator_id, brand_id, event_day, since_day, until_day) as events of ``kind``; null values drop out."""
    rows = rows.mutate(x_=(value.cast("float64") * float(EVENT_SCALE)).round().cast("int64"))
    rows = rows.filter(rows.x_.notnull(), rows.since_day < rows.until_day)
    return rows.select(
        "creator_id", "event_day", "since_day", "until_day",
        kind=ibis.literal(kind),
        window=ibis.literal(EVENT_WINDOWS[kind], "int64"),
        brand_id=ibis.coalesce(rows.brand_id, ibis.literal("")),
        mass=ibis.literal(1, "int64"),
        mx=rows.x_,
        mxx=rows.x_ * rows.x_,
    )  # fmt: skip


def _from_day(rows: Any, day: Any) -> Any:
    """``rows`` readable only where the as-of day is ``day`` or later."""
    return rows.mutate(since_day=ibis.greatest(rows.since_day, day - 1))


def _invitations(market: Marketplace) -> Any:
    states = invitation_states(market).rename(offered_="commission_rate")
    return states.filter(states.answer != "void", ~states.applied).select(
        "invitation_id", "creator_id", "brand_id", "category_id", "has_free_sample", "answer", "reply_seconds",
        "offered_", "brief_rate", "event_day", "since_day", "until_day",
    )  # fmt: skip


def _reply_events(market: Marketplace) -> list[Any]:
    invitations = _invitations(market)
    soon = _from_day(invitations, invitations.event_day + _QUICK_REPLY_READ_DAYS)
    late = _from_day(invitations, invitations.event_day + REPLY_DAYS + 1)
    replied = late.filter(late.reply_seconds.notnull())
    return [
        _events(soon, "replied_48h", flag(soon.reply_seconds <= REPLY_SOON_HOURS * 3_600)),
        _events(replied, "reply_hours", (replied.reply_seconds.cast("float64") / 3_600.0 + 1.0).ln()),
    ]


def _acceptance_events(market: Marketplace) -> Any:
    """Accepted (1) or not (0), less the share that accepted such offers before.

    An invitation counts when its week of reply is over and its answer is known,
    so that quick answers are not counted before the others. The expectation is
    frozen with the offer: of the invitations that counted by the reference day
    at or before the sending, the share accepted in the same cell of
    category x sample x commission band, shrunk to sample x band, shrunk to all.
    """
    rows = _invitations(market)
    rows = rows.filter(rows.answer != "open")
    answered = rows.since_day.min().over(ibis.window(group_by=rows.invitation_id)) + 1
    rate = ibis.coalesce(rows.offered_, rows.brief_rate)
    band = ibis.ifelse(rate.isnull(), _NO_BAND, sum(flag(rate >= edge) for edge in _COMMISSION_BANDS))
    settled = ibis.greatest(rows.event_day + REPLY_DAYS + 1, answered)
    rows = rows.mutate(
        band=band.cast("int64"),
        with_sample=flag(rows.has_free_sample),
        accepted=flag(rows.answer == "accepted"),
        sent_grid=(rows.event_day // REFERENCE_EVERY_DAYS) * REFERENCE_EVERY_DAYS,
        settled_grid=((settled + REFERENCE_EVERY_DAYS - 1) // REFERENCE_EVERY_DAYS) * REFERENCE_EVERY_DAYS,
        settled=settled,
    )
    once = rows.filter(rows.since_day < rows.settled, rows.until_day >= rows.settled)
    counts = market.query(
        once.group_by(["settled_grid", "category_id", "with_sample", "band"]).aggregate(
            accepted=once.accepted.sum().cast("int64"), offers=once.count().cast("int64")
        )
    )
    offers = market.query(rows.select("sent_grid", "category_id", "with_sample", "band").distinct())
    expected = ibis.memtable(
        _expectations(counts, offers).rename(
            columns={"sent_grid": "grid_", "category_id": "category_", "with_sample": "sample_", "band": "band_"}
        ),
        schema={"grid_": "int64", "category_": "string", "sample_": "int64", "band_": "int64", "expected": "float64"},
    )
    rows = rows.inner_join(
        expected,
        [
            rows.sent_grid == expected.grid_,
            rows.category_id == expected.category_,
            rows.with_sample == expected.sample_,
            rows.band == expected.band_,
        ],
    )
    rows = _from_day(rows, rows.settled)
    return _events(rows, "acceptance_above_expected", rows.accepted.cast("float64") - rows.expected)


def _expectations(counts: pd.DataFrame, offers: pd.DataFrame) -> pd.DataFrame:
    """The expected acceptance of every (sent_grid, category, sample, band), from what was settled by then."""
    expected = np.empty(len(offers))
    for grid, at in offers.groupby("sent_grid").groups.items():
        known = counts[counts["settled_grid"] <= grid]
        wide = known[["accepted", "offers"]].sum()
        middle = known.groupby(["with_sample", "band"])[["accepted", "offers"]].sum()
        narrow = known.groupby(["category_id", "with_sample", "band"])[["accepted", "offers"]].sum()
        overall = (wide["accepted"] + _CELL_STRENGTH * _FIRST_GUESS) / (wide["offers"] + _CELL_STRENGTH)
        cells = offers.loc[at]
        share: Floats = np.full(len(cells), float(overall))
        for table, keys in ((middle, ["with_sample", "band"]), (narrow, ["category_id", "with_sample", "band"])):
            found = cells[keys].merge(table, left_on=keys, right_index=True, how="left")[["accepted", "offers"]]
            seen = found.fillna(0).to_numpy(dtype=np.float64)
            share = (seen[:, 0] + _CELL_STRENGTH * share) / (seen[:, 1] + _CELL_STRENGTH)
        expected[offers.index.get_indexer(at)] = share
    return offers.assign(expected=expected)


def _sample_events(market: Marketplace) -> Any:
    """Content made for it (1) or owed and not made (0); open and excused samples are no event.

    A sample counts on the day it arrived (else was shipped, else asked for).
    """
    rows = sample_outcomes(market)
    products = product_identity(market).select("brand_id", "since_day", "until_day", of_product_="product_id")
    rows = meet(rows, products, [rows.product_id == products.of_product_])
    rows = rows.filter(rows.outcome.isin([*DELIVERED, "failed"]))
    when = ibis.coalesce(rows.delivered_at, rows.shipped_at, rows.requested_at)
    rows = rows.mutate(event_day=ibis.least(day_of(when), rows.since_day), made=flag(rows.outcome != "failed"))
    return _events(rows, "sample_fulfilment", rows.made)


def first_deliveries(market: Marketplace) -> Any:
    """Each partnership's delivery with its brand, one a campaign and creator: the earliest known.

    `features.outcomes.first_deliveries` is by invitation. Orders and costs name a campaign and a creator and no
    invitation, so that the money of somebody who was invited twice for one campaign can be read off once only.

    Columns ``invitation_id``, ``campaign_id``, ``creator_id``, ``brand_id``,
    ``posted_at``, ``event_day``, ``since_day``, ``until_day``. Deliveries that
    become known later never displace it.
    """
    rows = _with_brand(outcomes.first_deliveries(market), market)
    order = ibis.row_number().over(
        ibis.window(
            group_by=[rows.campaign_id, rows.creator_id], order_by=[rows.since_day, rows.posted_at, rows.delivery_id]
        )
    )
    rows = rows.mutate(order_=order)
    return rows.filter(rows.order_ == 0).drop("order_")


def _delivery_events(market: Marketplace) -> list[Any]:
    rows = _with_brand(known_once(market.table("deliveries"), "posted_at"), market)
    first = first_deliveries(market)
    timed = partnership_outcomes(market)
    timed = timed.filter(timed.outcome.isin(["on_time", "late"]))
    timed = timed.mutate(event_day=day_of(timed.posted_at))
    spoken = _with_brand(arrival_to_post(market), market)
    one = ibis.literal(1, "int64")
    return [
        _events(rows, "brief_compliance", rows.brief_compliance),
        _events(timed, "on_time_rate", flag(timed.outcome == "on_time")),
        _events(first, "brands_worked_with_90d", one),
        _comebacks(first, market),
        _events(spoken, "sample_to_post_days", (spoken.seconds.cast("float64") / 86_400.0 + 1.0).ln()),
    ]


def _comebacks(first: Any, market: Marketplace) -> Any:
    """Whether a creator delivered for the brand again (1) or not (0), one event a partnership.

    A partnership counts from the day on which the brand's next brief, with its
    days of grace, is over: until then there was no chance to come back. One
    that comes back later turns from 0 to 1 when that is known.
    """
    briefs = known_once(market.table("campaigns"), "briefed_at")
    briefs = briefs.select(
        next_campaign_="campaign_id", next_brand_="brand_id", next_day_="event_day",
        over_day_=ibis.greatest(day_of(briefs.ends_at) + GRACE_DAYS + 1, briefs.since_day + 1),
    )  # fmt: skip
    chances = first.join(
        briefs,
        [
            first.brand_id == briefs.next_brand_,
            first.campaign_id != briefs.next_campaign_,
            briefs.next_day_ >= first.event_day,
        ],
    )
    keys = ["campaign_id", "creator_id", "brand_id", "event_day", "since_day"]
    chances = chances.group_by(keys).aggregate(chance_day=chances.over_day_.min())
    again = first.select(
        again_campaign_="campaign_id", again_creator_="creator_id", again_brand_="brand_id", again_day_="event_day",
        again_since_="since_day",
    )  # fmt: skip
    both = chances.left_join(
        again,
        [
            chances.creator_id == again.again_creator_,
            chances.brand_id == again.again_brand_,
            chances.campaign_id != again.again_campaign_,
            again.again_day_ >= chances.event_day,
        ],
    )
    both = both.group_by([*keys, "chance_day"]).aggregate(back_=both.again_since_.min())
    both = both.mutate(
        start=ibis.greatest(both.since_day, both.chance_day - 1), back_=both.back_.fill_null(FOREVER).cast("int64")
    )
    party = ["creator_id", "brand_id", "event_day"]
    not_yet = both.select(*party, since_day="start", until_day="back_", came=ibis.literal(0, "int64"))
    came = both.filter(both.back_ < FOREVER)
    came = came.select(
        *party,
        since_day=ibis.greatest(came.start, came.back_),
        until_day=ibis.literal(FOREVER, "int64"),
        came=ibis.literal(1, "int64"),
    )
    rows = not_yet.union(came)
    return _events(rows, "repeat_brand_rate", rows.came)


def _review_events(market: Marketplace) -> Any:
    reviews = known_once(market.table("reviews"), "reviewed_at")
    reviews = reviews.filter(reviews.direction == "BRAND_OF_CREATOR")
    states = invitation_states(market)
    who = states.group_by(["invitation_id", "creator_id", "campaign_id"]).aggregate(since_day=states.since_day.min())
    who = who.mutate(until_day=ibis.literal(FOREVER, "int64")).rename(of_invitation_="invitation_id")
    reviews = _with_brand(meet(reviews, who, [reviews.invitation_id == who.of_invitation_]), market)
    return _events(reviews, "brand_stars", reviews.stars)


def partnership_events(market: Marketplace) -> list[Any]:
    """Every kind of event but money, as Ibis tables with the same columns.

    ``creator_id``, ``brand_id`` (string), ``kind``, ``event_day``, ``since_day``,
    ``until_day``, ``window`` (days), ``mass`` (the event's own weight), ``mx``
    and ``mxx`` (mass x value and mass x value squared, value in `EVENT_SCALE` steps).
    """
    tables = [*_reply_events(market), _acceptance_events(market)]
    if "samples" in market.present:
        tables.append(_sample_events(market))
    if "deliveries" in market.present:
        tables.extend(_delivery_events(market))
    if "reviews" in market.present:
        tables.append(_review_events(market))
    return tables
