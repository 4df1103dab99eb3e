"""The eight indices declared: their components, weights, windows and words, in one readable place.

Source: indices.md. The weights are defaults; a brand may set its own on the
indices, and the evaluation may move these. What each component counts is in
``features/indices/evidence.py``; how it is shrunk and ranked, in
``features/indices/shrinkage.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from features.indices.shrinkage import Kind
from marketplace.arrays import Ints

__all__ = [
    "BARELY_VIEWED_SHARE",
    "BRAND_CAP",
    "CATEGORY_INDEX",
    "CREATOR_INDEX_NAMES",
    "FOLLOWER_TIERS",
    "HEALTH_CAP",
    "HEALTH_FLOOR",
    "INDEX_NAMES",
    "INDICES",
    "MIN_EVIDENCE",
    "MIN_PEERS",
    "PERCENT_SATURATED",
    "REFERENCE_EVERY_DAYS",
    "WINDOW_DAYS",
    "WINDOW_LONG_DAYS",
    "Component",
    "Index",
    "grid_day",
]

WINDOW_DAYS = 90
WINDOW_LONG_DAYS = 180
"""Window of category influence, profitability, lift and coming back to a brand."""

REFERENCE_EVERY_DAYS = 28
"""Peers' reference distributions are frozen every 28 days, counted from 1970-01-01."""


def grid_day(day: Ints) -> Ints:
    """The latest frozen day at or before each ``day`` (int64, from 1970-01-01)."""
    return (day // REFERENCE_EVERY_DAYS) * REFERENCE_EVERY_DAYS


MIN_PEERS = 50
"""A peer group with fewer creators falls back to the next wider one."""

MIN_EVIDENCE = 20
"""A peer group of which fewer creators have any evidence of a component takes the wider group's prior."""

BRAND_CAP = 3
"""One brand counts for at most as much as this many events of today: friends cannot inflate each other."""

HEALTH_FLOOR = 150.0
"""Health rating (points) at or below which cooperation is capped."""

HEALTH_CAP = 40.0
"""What cooperation is then capped at."""

PERCENT_SATURATED = 0.6
"""Shoppable share beyond which more gives no credit."""

BARELY_VIEWED_SHARE = 0.2
"""Content with fewer first-week views than this share of the creator's own median is left out of the volume."""

FOLLOWER_TIERS = (
    ("nano", 0),
    ("micro", 10_000),
    ("mid", 100_000),
    ("macro", 500_000),
    ("mega", 1_000_000),
)
"""Tier and the followers it starts at."""


@dataclass(frozen=True)
class Component:
    """One component of an index.

    Parameters
    ----------
    name : str
        Unique among all components; the evidence of the same name feeds it.
    weight : float
        Its share of the index; an index's weights add up to 1.
    kind : {"rate", "count", "mean"}
        How it is shrunk (see `features.indices.shrinkage`).
    unit, text : str
        Of the shrunk value, and what it says in plain words.
    less_is_better : bool
        Whether ``P`` is reversed.
    ceiling : float or None
        More than this gives no more credit (a saturation flag is raised).
    shown : {"plain", "expm1", "sqrt", "sinh"}
        What turns the shrunk value into ``unit`` for the card; ``P`` does not depend on it.
    money : bool
        Whether it rests on GMV, which counts .6 where the platform gives it as a range or projection.
    """

    name: str
    weight: float
    kind: Kind
    unit: str
    text: str
    less_is_better: bool = False
    ceiling: float | None = None
    shown: Literal["plain", "expm1", "sqrt", "sinh"] = "plain"
    money: bool = False


@dataclass(frozen=True)
class Index:
    """One index.

    Parameters
    ----------
    name, says : str
        As every answer calls it, and what it says in plain words.
    weight : float
        What it counts in the score where a brand sets no weights of its own; the model has
        `models.score.MODEL_WEIGHT`.
    components : tuple of Component
    """

    name: str
    says: str
    weight: float
    components: tuple[Component, ...]


INDICES: Mapping[str, Index] = MappingProxyType(
    {
        index.name: index
        for index in (
            Index(
                "cooperation",
                "how willing the creator is to work with brands",
                0.015,
                (
                    Component("replied_48h", 0.20, "rate", "fraction",
                              "share of invitations answered within 48 hours; a decline is an answer"),
                    Component("acceptance_above_expected", 0.20, "mean", "fraction",
                              "acceptance above what commission, sample and category lead one to expect"),
                    Component("sample_fulfilment", 0.30, "rate", "fraction",
                              "share of free samples for which content was made"),
                    Component("brand_stars", 0.15, "mean", "stars", "stars that brands gave"),
                    Component("sample_to_post_days", 0.15, "mean", "days",
                              "typical days from a sample's arrival to the post", less_is_better=True, shown="expm1"),
                ),
            ),
            Index(
                "diligence",
                "how willing they are to fill their feed with shoppable products",
                0.005,
                (
                    Component("shoppable_output_30d", 0.40, "count", "videos per 30 days",
                              "shoppable videos plus twice the shoppable live hours, duplicates removed"),
                    Component("active_weeks", 0.25, "rate", "fraction",
                              "share of the last 13 weeks with a shoppable post"),
                    Component("products_promoted_30d", 0.20, "count", "products per 30 days",
                              "different products promoted"),
                    Component("shoppable_share", 0.15, "rate", "fraction",
                              "share of posts that are shoppable, up to .6", ceiling=PERCENT_SATURATED),
                ),
            ),
            Index(
                "collaborative",
                "how well they work together with a brand, and come back",
                0.01,
                (
                    Component("repeat_brand_rate", 0.30, "rate", "fraction",
                              "share of brands with a later brief for which the creator delivered again"),
                    Component("brands_worked_with_90d", 0.25, "count", "brands per 90 days",
                              "different brands delivered for"),
                    Component("brief_compliance", 0.25, "mean", "fraction",
                              "how far content followed the brief at first pass"),
                    Component("reply_hours", 0.20, "mean", "hours", "typical hours to a reply",
                              less_is_better=True, shown="expm1"),
                ),
            ),
            Index(
                "consistent",
                "how steady they are",
                0.01,
                (
                    Component("weekly_variation", 0.40, "mean", "ratio",
                              "variation of weekly shoppable posts beyond what chance gives",
                              less_is_better=True),
                    Component("view_spread", 0.35, "mean", "log views",
                              "spread of the logarithm of videos' first-week organic views",
                              less_is_better=True, shown="sqrt"),
                    Component("on_time_rate", 0.25, "rate", "fraction", "share of deliveries posted by their due date"),
                ),
            ),
            Index(
                "category_influence",
                "sway over buyers in one product category",
                0.025,
                (
                    Component("category_gmv_30d", 0.45, "count", "USD per 30 days",
                              "organic net sales in the category", money=True),
                    Component("category_gmv_per_1000_views", 0.35, "count", "USD per 1,000 views",
                              "organic net sales in the category per 1,000 organic views in it", money=True),
                    Component("category_gmv_share", 0.20, "rate", "fraction",
                              "the category's share of the creator's organic net sales", money=True),
                ),
            ),
            Index(
                "sales_drive",
                "how well their content sells",
                0.02,
                (
                    Component("gmv_per_1000_views", 0.35, "count", "USD per 1,000 views",
                              "organic net sales per 1,000 organic views", money=True),
                    Component("orders_per_1000_views", 0.25, "count", "orders per 1,000 views",
                              "organic orders per 1,000 organic views"),
                    Component("lift_per_partnership", 0.40, "mean", "USD",
                              "estimated sales that would not have happened otherwise, per partnership"),
                ),
            ),
            Index(
                "content_volume",
                "how much they make",
                0.005,
                (
                    Component("videos_30d", 0.60, "count", "videos per 30 days",
                              "videos that stand, less duplicates and barely viewed ones"),
                    Component("live_hours_30d", 0.40, "count", "hours per 30 days",
                              "hours of lives that stand, less duplicates and barely viewed ones"),
                ),
            ),
            Index(
                "profitability",
                "what working with them leaves",
                0.01,
                (
                    Component("profit_per_partnership", 0.60, "mean", "USD",
                              "typical profit of a partnership: margin less commission, fees, sample and shipping",
                              shown="sinh"),
                    Component("profit_per_cost", 0.40, "mean", "USD per USD",
                              "typical profit for each dollar of cost", shown="sinh"),
                ),
            ),
        )
    }
)  # fmt: skip
"""Every index by name, in the order in which all arrays of indices hold them."""

INDEX_NAMES: tuple[str, ...] = tuple(INDICES)
CATEGORY_INDEX = "category_influence"
CREATOR_INDEX_NAMES: tuple[str, ...] = tuple(name for name in INDEX_NAMES if name != CATEGORY_INDEX)
"""The seven indices of a creator whatever the category."""
