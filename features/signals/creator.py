"""Signals of a creator as such: sales, content, reach, profile."""

from __future__ import annotations

from typing import Any

import ibis

from features.facts import Windows
from features.signals.base import at_least_zero, declare, mean, share

__all__ = ["CREATOR_SIGNALS"]

_WEEKS = 13


def _week_spread(w: Windows) -> Any:
    """Standard deviation over mean of the shoppable posts of the last 13 weeks."""
    weeks = [w.sum("contents", "shoppable_posts", 7, lag=7 * k) for k in range(_WEEKS)]
    total, squares = weeks[0], weeks[0] * weeks[0]
    for week in weeks[1:]:
        total, squares = total + week, squares + week * week
    average = total / float(_WEEKS)
    spread = at_least_zero(squares / float(_WEEKS) - average * average).sqrt()
    return share(spread, average)


def _log_view_spread(w: Windows) -> Any:
    """Standard deviation of log first-week views."""
    count = w.sum("first_weeks", "read_videos", 180)
    average = mean(w.sum("first_weeks", "log_views", 180), count)
    square = mean(w.sum("first_weeks", "log_views_squared", 180), count)
    return at_least_zero(square - average * average).sqrt()


def _growth(w: Windows) -> Any:
    before = w.latest("profiles", "follower_count", lag=28)
    return share(w.latest("profiles", "follower_count") - before, before)


def _recent_share(w: Windows, fact: str, measure: str) -> Any:
    return share(w.sum(fact, measure, 28), w.sum(fact, measure, 90))


SALES = declare(
    "creator",
    ("net_gmv_sum_28d", "USD", 0, "Net sales attributed to the creator in the last 28 days.",
     lambda w: w.sum("orders", "net_gmv", 28)),
    ("net_gmv_sum_90d", "USD", 0, "Net sales attributed to the creator in the last 90 days.",
     lambda w: w.sum("orders", "net_gmv", 90)),
    ("net_gmv_sum_365d", "USD", 0, "Net sales attributed to the creator in the last year.",
     lambda w: w.sum("orders", "net_gmv", 365)),
    ("net_gmv_decayed_180d", "USD", 0, "Net sales of the last 180 days, each halved for every 45 days of age.",
     lambda w: w.decayed("orders", "net_gmv", 180)),
    ("net_gmv_recent_share_90d", "fraction", 0, "Share of the last 90 days' net sales that came in the last 28.",
     lambda w: _recent_share(w, "orders", "net_gmv")),
    ("organic_net_gmv_sum_28d", "USD", 0, "Net sales of the last 28 days that no ad led to.",
     lambda w: w.sum("orders", "organic_net_gmv", 28)),
    ("organic_net_gmv_sum_90d", "USD", 0, "Net sales of the last 90 days that no ad led to.",
     lambda w: w.sum("orders", "organic_net_gmv", 90)),
    ("orders_sum_28d", "orders", 0, "Orders attributed to the creator in the last 28 days.",
     lambda w: w.sum("orders", "orders", 28)),
    ("orders_sum_90d", "orders", 0, "Orders attributed to the creator in the last 90 days.",
     lambda w: w.sum("orders", "orders", 90)),
    ("order_active_days_90d", "days", 0, "Days of the last 90 on which the creator sold anything.",
     lambda w: w.distinct("orders", "day", "orders", 90)),
    ("order_value_mean_90d", "USD", 0, "Net sales per order in the last 90 days.",
     lambda w: mean(w.sum("orders", "net_gmv", 90), w.sum("orders", "orders", 90))),
    ("refund_rate_90d", "fraction", -1, "Share of the last 90 days' units that were cancelled or refunded.",
     lambda w: 1.0 - share(w.sum("orders", "units", 90), w.sum("orders", "ordered_units", 90))),
    ("paid_gmv_share_90d", "fraction", 0, "Share of the last 90 days' net sales that ads led to.",
     lambda w: 1.0 - share(w.sum("orders", "organic_net_gmv", 90), w.sum("orders", "net_gmv", 90))),
    ("live_gmv_share_90d", "fraction", 0, "Share of the last 90 days' net sales that were made in lives.",
     lambda w: share(w.sum("orders", "live_net_gmv", 90), w.sum("orders", "net_gmv", 90))),
    ("commission_sum_180d", "USD", 0, "Commission the creator earned in the last 180 days.",
     lambda w: w.sum("orders", "commission", 180)),
    ("commission_rate_mean_180d", "fraction", 0, "Commission earned per dollar of net sales in the last 180 days.",
     lambda w: share(w.sum("orders", "commission", 180), w.sum("orders", "commission_gmv", 180))),
    ("showcase_orders_sum_180d", "orders", 1, "Orders from the creator's showcase in the last 180 days.",
     lambda w: w.sum("orders", "showcase_orders", 180)),
    ("showcase_orders_per_active_day_180d", "orders", 1,
     "Orders from the creator's showcase per day with any order, in the last 180 days.",
     lambda w: mean(w.sum("orders", "showcase_orders", 180), w.distinct("orders", "day", "orders", 180))),
    ("products_sold_distinct_90d", "products", 0, "Different products the creator sold in the last 90 days.",
     lambda w: w.distinct("orders", "product_id", "orders", 90)),
    ("brands_sold_distinct_90d", "brands", 0, "Different brands the creator sold for in the last 90 days.",
     lambda w: w.distinct("orders", "brand_id", "orders", 90)),
    ("categories_sold_distinct_90d", "categories", 0, "Different categories the creator sold in the last 90 days.",
     lambda w: w.distinct("orders", "category_id", "orders", 90)),
    ("organic_gmv_per_1000_views_90d", "USD", 1,
     "Net sales that no ad led to per 1,000 views that no ad bought, in the last 90 days.",
     lambda w: 1000.0 * share(w.sum("orders", "organic_net_gmv", 90), w.sum("views", "organic_views", 90))),
    ("organic_orders_per_1000_views_90d", "orders", 1,
     "Orders that no ad led to per 1,000 views that no ad bought, in the last 90 days.",
     lambda w: 1000.0 * share(w.sum("orders", "organic_orders", 90), w.sum("views", "organic_views", 90))),
)  # fmt: skip

CONTENT = declare(
    "creator",
    ("posts_sum_28d", "posts", 0, "Videos and lives published in the last 28 days and not deleted.",
     lambda w: w.sum("contents", "posts", 28)),
    ("shoppable_posts_sum_28d", "posts", 0, "Posts of the last 28 days from which a product can be bought.",
     lambda w: w.sum("contents", "shoppable_posts", 28)),
    ("shoppable_posts_sum_90d", "posts", 0, "Posts of the last 90 days from which a product can be bought.",
     lambda w: w.sum("contents", "shoppable_posts", 90)),
    ("shoppable_share_90d", "fraction", 0, "Share of the last 90 days' posts from which a product can be bought.",
     lambda w: share(w.sum("contents", "shoppable_posts", 90), w.sum("contents", "posts", 90))),
    ("live_minutes_sum_28d", "minutes", 0, "Minutes live in the last 28 days.",
     lambda w: w.sum("contents", "live_minutes", 28)),
    ("active_weeks_91d", "weeks", 0, "Weeks of the last 13 with a shoppable post.",
     lambda w: w.distinct("contents", "week", "shoppable_posts", 91)),
    ("shoppable_posts_variation_91d", "ratio", 0,
     "How unevenly shoppable posts spread over the last 13 weeks (standard deviation over mean).", _week_spread),
    ("deleted_share_180d", "fraction", -1, "Share of the last 180 days' posts that were deleted.",
     lambda w: share(w.sum("contents", "deleted_posts", 180),
                     w.sum("contents", "deleted_posts", 180) + w.sum("contents", "posts", 180))),
    ("disclosed_share_180d", "fraction", 0, "Share of the last 180 days' posts marked as advertising.",
     lambda w: share(w.sum("contents", "disclosed_posts", 180), w.sum("contents", "disclosure_known", 180))),
    ("products_promoted_distinct_90d", "products", 0, "Different products promoted in the last 90 days' posts.",
     lambda w: w.distinct("promotions", "product_id", "posts", 90)),
    ("brands_promoted_distinct_90d", "brands", 0, "Different brands promoted in the last 90 days' posts.",
     lambda w: w.distinct("promotions", "brand_id", "posts", 90)),
    ("days_since_last_post_365d", "days", -1, "Days since the creator last posted (within a year).",
     lambda w: w.since_last("contents", "posts", 365)),
)  # fmt: skip

REACH = declare(
    "creator",
    ("views_sum_28d", "views", 0, "Views of the creator's content in the last 28 days, bought ones included.",
     lambda w: w.sum("views", "views", 28)),
    ("organic_views_sum_28d", "views", 0, "Views of the last 28 days that no ad bought.",
     lambda w: w.sum("views", "organic_views", 28)),
    ("organic_views_sum_90d", "views", 0, "Views of the last 90 days that no ad bought.",
     lambda w: w.sum("views", "organic_views", 90)),
    ("views_recent_share_90d", "fraction", 0, "Share of the last 90 days' unbought views that came in the last 28.",
     lambda w: _recent_share(w, "views", "organic_views")),
    ("organic_views_per_post_90d", "views", 0, "Views that no ad bought per post, in the last 90 days.",
     lambda w: mean(w.sum("views", "organic_views", 90), w.sum("contents", "posts", 90))),
    ("views_per_follower_28d", "ratio", 0, "Views of the last 28 days that no ad bought per follower.",
     lambda w: share(w.sum("views", "organic_views", 28), w.latest("profiles", "follower_count"))),
    ("engagement_rate_90d", "fraction", 0, "Likes, comments and shares per view in the last 90 days.",
     lambda w: share(w.sum("views", "engagements", 90), w.sum("views", "views", 90))),
    ("share_rate_90d", "fraction", 0, "Shares per view in the last 90 days.",
     lambda w: share(w.sum("views", "shares", 90), w.sum("views", "views", 90))),
    ("click_rate_90d", "fraction", 0, "Clicks on products per view in the last 90 days.",
     lambda w: share(w.sum("views", "clicks", 90), w.sum("views", "clicks_known_views", 90))),
    ("paid_view_share_90d", "fraction", 0, "Share of the last 90 days' views that were bought with ads.",
     lambda w: 1.0 - share(w.sum("views", "organic_views", 90), w.sum("views", "views", 90))),
    ("log_views_mean_180d", "log views", 0, "Average of log views of videos' first week, over the last 180 days.",
     lambda w: mean(w.sum("first_weeks", "log_views", 180), w.sum("first_weeks", "read_videos", 180))),
    ("log_views_spread_180d", "log views", 0, "How much first-week views differ from video to video, over 180 days.",
     _log_view_spread),
)  # fmt: skip

PROFILE = declare(
    "creator",
    ("follower_count_last", "followers", 0, "Followers at the latest reading of the profile.",
     lambda w: w.latest("profiles", "follower_count")),
    ("follower_growth_28d", "fraction", 0, "Growth in followers over the last 28 days.", _growth),
    ("health_rating_last", "points", 1, "The platform's health rating of the creator (0 to 1000), latest reading.",
     lambda w: w.latest("profiles", "health_rating")),
    ("profile_gmv_last", "USD", 0, "GMV of 30 days as the profile last told it (a range by its middle).",
     lambda w: w.latest("profile_gmv", "gmv_30d")),
    ("profile_gmv_exact_last", "flag", 0, "Whether the profile tells exact GMV (1) or a range or estimate (0).",
     lambda w: w.latest("profiles", "exact_gmv")),
    ("tenure_days_last", "days", 0, "Days since the creator joined the marketplace.",
     lambda w: ibis._.day.cast("float64") - w.latest("members", "joined_day")),
    ("agency_managed_last", "flag", 0, "Whether an agency manages the creator (1) or nobody does (0).",
     lambda w: w.latest("members", "agency_managed")),
)  # fmt: skip

CREATOR_SIGNALS = (*SALES, *CONTENT, *REACH, *PROFILE)
"""Signals of a creator as such; those of working with brands are in `features.signals.partnership`."""
