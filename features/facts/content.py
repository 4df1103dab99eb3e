"""Facts of content and profiles: posts, views, and what a creator's page said."""

from __future__ import annotations

from typing import Any

import ibis

from features.facts.base import MICRO, Fact, Measure, fixed, flag, measures
from features.facts.sales import product_identity
from features.time import FOREVER, day_of, known_latest, known_once, known_states, meet, seconds_between, to_usd
from marketplace.tables import Marketplace

__all__ = ["CONTENT_FACTS", "FIRST_WEEK_READ_AFTER", "promoted_states", "view_rows"]

FIRST_WEEK_READ_AFTER = 10
"""Days after publication at which a post's first seven days are read off, for good: late counters have come in."""

_SECONDS_PER_MINUTE = 60


def _content_states(market: Marketplace) -> Any:
    states = known_states(market.table("contents"), ("content_id",), "published_at")
    return states.filter(states.since_day < states.until_day)


def _content_measures(states: Any) -> Any:
    deleted = states.deleted_at.notnull()
    video, live = states.format == "VIDEO", states.format == "LIVE"
    there = ~deleted
    seconds = seconds_between(states.published_at, states.live_end_at)
    live_seconds = ibis.ifelse(live & there, ibis.coalesce(seconds, ibis.literal(0, "int64")), ibis.literal(0, "int64"))
    disclosed_known = there & states.is_disclosed.notnull()
    return states.mutate(
        posts=flag(there),
        videos=flag(there & video),
        lives=flag(there & live),
        live_minutes=live_seconds,
        shoppable_posts=flag(there & states.is_shoppable),
        shoppable_videos=flag(there & states.is_shoppable & video),
        shoppable_live_minutes=ibis.ifelse(states.is_shoppable, live_seconds, ibis.literal(0, "int64")),
        deleted_posts=flag(deleted),
        disclosed_posts=flag(there & states.is_disclosed),
        disclosure_known=flag(disclosed_known),
        ad_authorized_posts=flag(there & states.is_ad_authorized),
    )


def _contents(market: Marketplace) -> Any:
    return _content_measures(_content_states(market))


def promoted_states(market: Marketplace) -> Any:
    """States of contents x the products that each promotes, with the product's category."""
    states = _content_states(market)
    each = states.mutate(promoted_=states.product_ids.unnest()).distinct()
    products = product_identity(market)
    return meet(each, products, [each.promoted_ == products.product_id])


def _promotions(market: Marketplace) -> Any:
    promoted = promoted_states(market)
    return _content_measures(promoted.rename(product_id="promoted_"))


def _in_category(market: Marketplace) -> Any:
    """States of contents x the categories they promote: a post that promotes two categories is in both."""
    promoted = promoted_states(market)
    return promoted.group_by(
        [
            "content_id", "creator_id", "category_id", "format", "published_at", "live_end_at", "is_shoppable",
            "is_ad_authorized", "is_disclosed", "deleted_at", "event_day", "until_day",
        ]
    ).aggregate(since_day=promoted.since_day.min())  # fmt: skip


def _category_contents(market: Marketplace) -> Any:
    return _content_measures(_in_category(market))


def view_rows(market: Marketplace) -> Any:
    """Days of contents: views, those that no ad bought among them, engagements and clicks, and when they are known."""
    days = known_once(market.table("content_days"), "day")
    days = days.filter(days.view_count.notnull())  # of a day whose views are not told nothing else can be made either
    zero = ibis.literal(0, "int64")
    paid = ibis.least(ibis.coalesce(days.paid_view_count, zero), days.view_count)
    return days.select(
        "content_id",
        "creator_id",
        "event_day",
        "since_day",
        "until_day",
        views=days.view_count,
        organic_views=days.view_count - paid,
        engagements=sum(ibis.coalesce(n, zero) for n in (days.like_count, days.comment_count, days.share_count)),
        shares=days.share_count,
        clicks=ibis.coalesce(days.product_clicks, zero),
        clicks_known_views=ibis.ifelse(days.product_clicks.notnull(), days.view_count, zero),
    )


def _category_views(market: Marketplace) -> Any:
    days, contents = view_rows(market), _in_category(market)
    contents = contents.select("category_id", "since_day", "until_day", of_content_="content_id")
    return meet(days, contents, [days.content_id == contents.of_content_])


def _first_weeks(market: Marketplace) -> Any:
    """Videos whose first seven days can be read: log views as they stood `FIRST_WEEK_READ_AFTER` days on."""
    states = _content_states(market)
    states = states.mutate(read_day=states.event_day + FIRST_WEEK_READ_AFTER)
    states = states.filter(
        states.format == "VIDEO", states.since_day <= states.read_day, states.until_day > states.read_day
    ).select("content_id", "creator_id", "event_day", "read_day")
    days = view_rows(market).select(
        "views", "organic_views", "since_day", of_content_="content_id", viewed_day="event_day"
    )
    seen = states.join(
        days,
        [
            states.content_id == days.of_content_,
            days.viewed_day >= states.event_day,
            days.viewed_day < states.event_day + 7,
            days.since_day <= states.read_day,
        ],
    )
    sums = seen.group_by(["content_id", "creator_id", "event_day", "read_day"]).aggregate(
        week_views=seen.views.sum(), week_organic_views=seen.organic_views.sum()
    )
    log = (sums.week_organic_views.cast("float64") + 1.0).ln()
    return sums.mutate(
        since_day=sums.read_day,
        until_day=ibis.literal(FOREVER, "int64"),
        read_videos=ibis.literal(1, "int64"),
        week_views=sums.week_views,
        log_views=fixed(log),
        log_views_squared=fixed(log * log),
    )


def _profiles(market: Marketplace) -> Any:
    readings = known_latest(market.table("creator_snapshots"), ("creator_id",), "snapshot_at")
    plain = readings.select("creator_id", "currency", "event_day", "since_day", "until_day",
                            "follower_count", "creator_health_rating", "gmv_30d", "gmv_30d_min", "gmv_30d_max",
                            "precision", read_day=day_of(readings.snapshot_at))  # fmt: skip
    gmv = ibis.coalesce(plain.gmv_30d, (plain.gmv_30d_min + plain.gmv_30d_max) / 2.0)
    log = (plain.follower_count.cast("float64") + 1.0).ln()
    return plain.mutate(
        readings=ibis.literal(1, "int64"),
        read_day_known=ibis.literal(1, "int64"),
        follower_count=plain.follower_count,
        follower_count_known=flag(plain.follower_count.notnull()),
        log_followers=fixed(log),
        log_followers_known=flag(plain.follower_count.notnull()),
        health_rating=fixed(plain.creator_health_rating),
        health_rating_known=flag(plain.creator_health_rating.notnull()),
        own_gmv_30d=fixed(gmv),
        own_gmv_30d_known=flag(gmv.notnull()),
        exact_gmv=flag((plain.precision == "exact") & plain.gmv_30d.notnull()),
        exact_gmv_known=flag(gmv.notnull()),
    )


def _profile_gmv(market: Marketplace) -> Any:
    rows = _profiles(market)
    rows = rows.select("creator_id", "currency", "event_day", "since_day", "until_day", "own_gmv_30d")
    rows = to_usd(rows.filter(rows.own_gmv_30d.notnull()), market)
    return rows.mutate(
        gmv_30d=(rows.own_gmv_30d.cast("float64") * rows.usd_rate).round().cast("int64"),
        gmv_30d_known=flag(rows.usd_rate.notnull()),
    )


def _members(market: Marketplace) -> Any:
    creators = market.table("creators")
    first = creators.known_at.min().over(ibis.window(group_by=creators.creator_id))
    creators = known_states(
        creators.mutate(joined_at=ibis.coalesce(creators.joined_at, first)), ("creator_id",), "joined_at"
    )
    creators = creators.filter(creators.since_day < creators.until_day)
    return creators.mutate(
        members=ibis.literal(1, "int64"),
        joined_day=creators.event_day,
        joined_day_known=ibis.literal(1, "int64"),
        agency_managed=flag(creators.agency_status == "AGENCY_MANAGED"),
        agency_managed_known=flag(creators.agency_status.notnull()),
    )


_CONTENT_MEASURES = measures(
    Measure("posts", "posts", "videos and lives that stand (not deleted)"),
    Measure("videos", "videos", "videos that stand"),
    Measure("lives", "lives", "lives that stand"),
    Measure("live_minutes", "minutes", "length of the lives that stand", _SECONDS_PER_MINUTE),
    Measure("shoppable_posts", "posts", "posts from which a product can be bought"),
    Measure("shoppable_videos", "videos", "videos from which a product can be bought"),
    Measure("shoppable_live_minutes", "minutes", "length of the shoppable lives", _SECONDS_PER_MINUTE),
    Measure("deleted_posts", "posts", "posts that were deleted"),
    Measure("disclosed_posts", "posts", "posts marked as advertising"),
    Measure("disclosure_known", "posts", "posts of which it is known whether they are marked"),
    Measure("ad_authorized_posts", "posts", "posts that the brand may run as ads"),
)

_VIEW_MEASURES = measures(
    Measure("views", "views", "views, paid ones included"),
    Measure("organic_views", "views", "views that were not bought"),
    Measure(
        "engagements",
        "engagements",
        "likes, comments and shares, those of them that are told",
        needs=("content_days.like_count",),
    ),
    Measure("shares", "shares", "shares", needs=("content_days.share_count",)),
    Measure("clicks", "clicks", "clicks on products"),
    Measure("clicks_known_views", "views", "views of the days whose clicks are known"),
)

CONTENT_FACTS = (
    Fact("contents", "Videos and lives as their states became known.",
         ("creator_id", "content_id"), _CONTENT_MEASURES, ("contents",), _contents),
    Fact("category_contents", "Videos and lives by the categories of the products they promote.",
         ("creator_id", "category_id"), _CONTENT_MEASURES, ("contents", "products"), _category_contents),
    Fact("promotions", "Videos and lives by the products they promote.",
         ("creator_id", "category_id", "brand_id", "product_id"), _CONTENT_MEASURES, ("contents", "products"),
         _promotions),
    Fact("views", "What content drew, by day.",
         ("creator_id",), _VIEW_MEASURES, ("content_days.view_count",), view_rows),
    Fact("category_views", "What content drew, by day and by the categories it promotes.",
         ("creator_id", "category_id"), _VIEW_MEASURES, ("content_days.view_count", "contents", "products"),
         _category_views),
    Fact("first_weeks", "Videos' first seven days, read off ten days after publication.",
         ("creator_id",),
         measures(
             Measure("read_videos", "videos", "videos whose first week has been read"),
             Measure("week_views", "views", "views of the first seven days, paid ones included"),
             Measure("log_views", "log views", "ln(1 + organic views of the first seven days)", MICRO),
             Measure("log_views_squared", "log views squared", "its square", MICRO),
         ),
         ("contents", "content_days.view_count"), _first_weeks),
    Fact("profiles", "The latest reading of a creator's profile.",
         ("creator_id",),
         measures(
             Measure("readings", "readings", "1 where there is a reading"),
             Measure("read_day", "days", "day of the reading, from 1970-01-01"),
             Measure("read_day_known", "readings", "1 where there is a reading"),
             Measure("follower_count", "followers", "followers"),
             Measure("follower_count_known", "readings", "1 where the reading has it"),
             Measure("log_followers", "log followers", "ln(1 + followers)", MICRO),
             Measure("log_followers_known", "readings", "1 where the reading has it"),
             Measure("health_rating", "points", "creator health rating, 0 to 1000", MICRO),
             Measure("health_rating_known", "readings", "1 where the reading has it"),
             Measure("exact_gmv", "readings", "1 where GMV is exact, 0 where it is a range, projected or estimated"),
             Measure("exact_gmv_known", "readings", "1 where the reading has GMV or a range"),
         ),
         ("creator_snapshots",), _profiles),
    Fact("profile_gmv", "The latest reading of a creator's own GMV of 30 days, a range by its middle.",
         ("creator_id",),
         measures(
             Measure("gmv_30d", "USD", "GMV of 30 days as the profile told it", MICRO),
             Measure("gmv_30d_known", "readings", "1 where the reading has it"),
         ),
         ("creator_snapshots",), _profile_gmv),
    Fact("members", "Creators from the day they were known to have joined.",
         ("creator_id",),
         measures(
             Measure("members", "creators", "1"),
             Measure("joined_day", "days", "day of joining, from 1970-01-01"),
             Measure("joined_day_known", "creators", "1"),
             Measure("agency_managed", "creators", "1 where an agency manages the creator"),
             Measure("agency_managed_known", "creators", "1 where that is known"),
         ),
         ("creators",), _members),
)  # fmt: skip
"""Facts made of ``contents``, ``content_days``, ``creator_snapshots`` and ``creators``."""
