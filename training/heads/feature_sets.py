"""The feature sets of a head that are tried, and the signals that a small head is held to.

On a few hundred noisy labels a head that may choose among all signals finds
some that fit by chance. A *few* feature set shows it only signals that speak of the
matter, each held to the direction that common sense gives it; the out-of-fold
loss decides whether that pays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from marketplace.arrays import Flags

__all__ = ["FEW", "FREE", "MONOTONE", "SALES_FEW", "SALES_SIGNS", "FeatureSet"]

SALES_SIGNS: Mapping[str, int] = MappingProxyType(
    {
        # Who watches and clicks
        "log_views_mean_180d": 1,
        "organic_views_per_post_90d": 1,
        "organic_views_sum_90d": 0,
        "category_organic_views_sum_90d": 0,
        "click_rate_90d": 1,
        "engagement_rate_90d": 1,
        "follower_count_last": 0,
        "paid_view_share_90d": 0,
        # What watching turns into
        "organic_orders_per_1000_views_90d": 1,
        "organic_gmv_per_1000_views_90d": 1,
        "category_organic_gmv_per_1000_views_90d": 1,
        "category_organic_net_gmv_sum_90d": 1,
        "category_orders_sum_90d": 1,
        "showcase_orders_per_active_day_180d": 1,
        "campaign_gmv_per_partnership_365d": 1,
        "category_gmv_per_partnership_365d": 1,
        "compliance_mean_365d": 1,
        "refund_rate_90d": -1,
        "live_gmv_share_90d": 0,
        "live_minutes_sum_28d": 0,
        "brief_views_expected_365d": 1,
        "brief_conversion_mean_365d": 1,
        "brief_conversion_spread_365d": 0,
        "brief_conversion_taste_365d": 1,
        "brief_conversion_general_365d": 1,
        "brief_sales_expected_365d": 1,
        # How brief and creator fit
        "brief_price_brief": 1,
        "brief_price_distance_180d": -1,
        "brief_price_log_ratio_180d": 0,
        "category_price_mean_180d": 0,
        "order_value_mean_90d": 0,
        "brief_category_gmv_share_90d": 1,
        "brief_expected_organic_gmv_28d": 1,
        "brief_products_orders_sum_90d": 1,
        "brief_is_launch_brief": 0,
        "brand_net_gmv_sum_180d": 0,
        # Tired audiences
        "partnerships_open_42d": -1,
        "invitations_sum_28d": 0,
    }
)
"""Signals that speak of what a partnership sells, and which way: more watched, clicked and bought sells more."""


@dataclass(frozen=True)
class FeatureSet:
    """What one head may be shown, and the directions it is held to.

    Attributes
    ----------
    name : str
    monotone : bool
        Whether signals are held to a direction.
    few : bool
        Whether the head sees only the signals of ``signs`` (of those with a direction, where that is empty).
    signs : mapping of signal to -1, 0 or +1
        Directions for this feature set, before the signals' own.
    """

    name: str
    monotone: bool
    few: bool = False
    signs: Mapping[str, int] = field(default_factory=dict, hash=False)

    def directions(self, signals: tuple[str, ...], own: tuple[int, ...]) -> list[int] | None:
        """The direction of each signal, or None where none is held to one."""
        if not self.monotone:
            return None
        return [self.signs.get(name, sign) for name, sign in zip(signals, own, strict=True)]

    def hidden(self, signals: tuple[str, ...], own: tuple[int, ...]) -> Flags:
        """Which signals the head does not see, bool (k,)."""
        if not self.few:
            return np.zeros(len(signals), dtype=bool)
        if self.signs:
            return np.array([name not in self.signs for name in signals])
        return np.asarray(np.array(own) == 0, dtype=np.bool_)


FEW = FeatureSet("few monotone", monotone=True, few=True)
SALES_FEW = FeatureSet("sales signals, monotone", monotone=True, few=True, signs=SALES_SIGNS)
MONOTONE = FeatureSet("monotone", monotone=True)
FREE = FeatureSet("free", monotone=False)
