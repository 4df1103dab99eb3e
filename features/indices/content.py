"""What a creator published, one row an item and state of knowledge, as the indices count it.

*Duplicates* are removed: of several items of one creator, format and product
list on one UTC day the first that became known counts. Items without products
have nothing to be told apart by and all count. Deleted items stop counting
when the deletion is known.

*First-week views* are organic views of the first seven days as known so far;
an item is judged (barely viewed or not) once it is eight days old.
"""

from __future__ import annotations

from typing import Any

import ibis

from features.facts import flag
from features.time import FOREVER, day_of, known_once, known_states, meet, seconds_between
from marketplace.tables import Marketplace

__all__ = ["JUDGED_AFTER_DAYS", "content_items", "creator_acts", "viewed_items"]

JUDGED_AFTER_DAYS = 7
"""Whole days that an item must have been out before its views are judged."""


def content_items(market: Marketplace) -> Any:
    """Standing, first-of-their-kind items: ``content_id``, ``creator_id``, ``event_day``, ``since_day``, ``until_day``,
    ``video`` (0/1), ``live_seconds``, ``shoppable`` (0/1)."""
    states = known_states(market.table("contents"), ("content_id",), "published_at")
    key = ibis.coalesce(states.product_ids.sort().join(","), ibis.literal(""))
    key = ibis.ifelse(key == "", states.content_id, key)
    states = states.mutate(likeness=key)
    # What an item promotes is taken from its first state, so that a later one never re-opens the past.
    first = states.group_by("content_id").aggregate(first_known=states.since_day.min())
    order = ibis.row_number().over(
        ibis.window(group_by=[states.content_id], order_by=[states.since_day, states.known_at])
    )
    firsts = states.mutate(order_=order)
    firsts = firsts.filter(firsts.order_ == 0).inner_join(first, "content_id")
    place = ibis.row_number().over(
        ibis.window(
            group_by=[firsts.creator_id, firsts.format, firsts.likeness, firsts.event_day],
            order_by=[firsts.first_known, firsts.content_id],
        )
    )
    firsts = firsts.mutate(place_=place)
    kept = firsts.filter(firsts.place_ == 0).select(kept_="content_id")
    standing = states.filter(states.deleted_at.isnull(), states.since_day < states.until_day)
    standing = standing.semi_join(kept, [standing.content_id == kept.kept_])
    seconds = seconds_between(standing.published_at, standing.live_end_at)
    zero = ibis.literal(0, "int64")
    live = ibis.ifelse(standing.format == "LIVE", ibis.coalesce(seconds, zero), zero)
    return standing.select(
        "content_id", "creator_id", "event_day", "since_day", "until_day",
        video=flag(standing.format == "VIDEO"),
        live_seconds=live.cast("int64"),
        shoppable=flag(standing.is_shoppable),
    )  # fmt: skip


def viewed_items(market: Marketplace, items: Any) -> Any:
    """``items`` (a table of `content_items`) with ``views``: readable from the day they can be judged on.

    Without ``content_days`` every item has 0 views, and none is barely viewed.
    """
    items = items.mutate(ripe_day=items.event_day + JUDGED_AFTER_DAYS)
    unseen = items.select(seen_="content_id", since_day="ripe_day", views=ibis.literal(0, "int64")).distinct()
    if "content_days" in market.present:
        days = known_once(market.table("content_days"), "day")
        born = items.select("ripe_day", seen_="content_id").distinct()
        days = days.filter(days.view_count.notnull())
        days = days.select("content_id", "view_count", "paid_view_count", "event_day", known_="since_day")
        days = days.inner_join(born, [days.content_id == born.seen_])
        days = days.filter(days.event_day < days.ripe_day, days.event_day >= days.ripe_day - 7)
        paid = ibis.least(ibis.coalesce(days.paid_view_count, ibis.literal(0, "int64")), days.view_count)
        days = days.select("seen_", since_day=ibis.greatest(days.known_, days.ripe_day), views=days.view_count - paid)
        unseen = unseen.union(days)
    gains = unseen.group_by(["seen_", "since_day"]).aggregate(views=unseen.views.sum().cast("int64"))
    by_item = ibis.window(group_by=[gains.seen_], order_by=[gains.since_day])
    running = ibis.window(group_by=[gains.seen_], order_by=[gains.since_day], rows=(None, 0))
    counts = gains.mutate(
        views=gains.views.sum().over(running).cast("int64"),
        until_day=ibis.coalesce(gains.since_day.lead().over(by_item), ibis.literal(FOREVER, "int64")),
    )
    return meet(items.drop("ripe_day"), counts, [items.content_id == counts.seen_])


def creator_acts(market: Marketplace) -> Any:
    """Days on which a creator did something, one row a creator and day: ``creator_id``, ``event_day``, ``since_day``.

    Publishing, answering an invitation, delivering, and selling count; being invited does not.
    """
    parts = []
    contents = known_once(market.table("contents"), "published_at")
    parts.append(contents.select("creator_id", "event_day", "since_day"))
    answers = market.table("invitations")
    answers = answers.filter(answers.replied_at.notnull(), (answers.origin != "REQUESTED").fill_null(True))
    answers = known_once(answers, "replied_at")
    parts.append(answers.select("creator_id", "event_day", "since_day"))
    deliveries = known_once(market.table("deliveries"), "posted_at")
    parts.append(deliveries.select("creator_id", "event_day", "since_day"))
    orders = market.table("orders")
    orders = orders.filter(orders.creator_id.notnull())
    day = day_of(orders.ordered_at)
    parts.append(orders.select("creator_id", event_day=day, since_day=ibis.greatest(day, day_of(orders.known_at))))
    acts = parts[0].union(*parts[1:])
    return acts.group_by(["creator_id", "event_day"]).aggregate(since_day=acts.since_day.min())
