"""Signals of a brief x creator: what is asked and offered against what the creator usually does.

Row-wise numpy over the creator's other signals and the brief's terms. The same
function runs over vectors of briefs (training) and over one brief (serving).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

from features.briefs import TERMS
from features.facts import Windows
from features.signals.base import declare
from marketplace.arrays import Floats

__all__ = ["BRIEF_SIGNALS", "PRODUCT_SUMS", "brief_signals", "one_signal", "product_sums"]

Columns = Mapping[str, Floats]

PRODUCT_SUMS: dict[str, tuple[str, int]] = {
    "brief_products_net_gmv_sum_28d": ("net_gmv", 28),
    "brief_products_net_gmv_sum_90d": ("net_gmv", 90),
    "brief_products_orders_sum_28d": ("orders", 28),
    "brief_products_orders_sum_90d": ("orders", 90),
}
"""Signals that sum the creator's orders of the brief's own products: measure and days."""


@cache
def product_sums() -> tuple[Windows, dict[str, object]]:
    """The `PRODUCT_SUMS` as requests on the fact ``brief_orders``."""
    windows = Windows(("campaign_id", "creator_id"), code="features.signals")
    return windows, {name: windows.sum("brief_orders", *asked) for name, asked in PRODUCT_SUMS.items()}


def _ratio(part: Floats, whole: Floats) -> Floats:
    """``part / whole``; NaN where the whole is 0 or unknown."""
    out = np.full(part.shape, np.nan)
    np.divide(part, whole, out=out, where=whole > 0.0)
    return out


def _log_ratio(part: Floats, whole: Floats) -> Floats:
    """ln(part / whole); NaN where either is 0 or unknown."""
    out = np.full(part.shape, np.nan)
    ratio = _ratio(part, whole)
    np.log(ratio, out=out, where=ratio > 0.0)
    return out


def _usual_price(c: Columns) -> Floats:
    """Price of what the creator sells in the category; what an order brings elsewhere where there is none."""
    return np.where(np.isnan(c["category_price_mean_180d"]), c["order_value_mean_90d"], c["category_price_mean_180d"])


def _usual_sales(c: Columns) -> Floats:
    """Net sales per partnership in the category, or in all, or sales of 28 days where there was none yet."""
    in_category = c["category_gmv_per_partnership_365d"]
    usual = np.where(np.isnan(in_category), c["campaign_gmv_per_partnership_365d"], in_category)
    return np.where(np.isnan(usual), c["category_net_gmv_sum_28d"], usual)


def _sum_of(name: str) -> Callable[[Columns, Columns], Floats]:
    return lambda c, _b: c[name]


def _term(name: str) -> Callable[[Columns, Columns], Floats]:
    return lambda _c, b: b[name]


BRIEF_SIGNALS = declare(
    "brief_creator",
    ("brief_products_net_gmv_sum_28d", "USD", 1, "Net sales of the brief's own products in the last 28 days.",
     _sum_of("brief_products_net_gmv_sum_28d")),
    ("brief_products_net_gmv_sum_90d", "USD", 1, "Net sales of the brief's own products in the last 90 days.",
     _sum_of("brief_products_net_gmv_sum_90d")),
    ("brief_products_orders_sum_28d", "orders", 1, "Orders of the brief's own products in the last 28 days.",
     _sum_of("brief_products_orders_sum_28d")),
    ("brief_products_orders_sum_90d", "orders", 1, "Orders of the brief's own products in the last 90 days.",
     _sum_of("brief_products_orders_sum_90d")),
    ("brief_commission_rate_brief", "fraction", 0, "Commission rate that the brief offers.", _term("commission_rate")),
    ("brief_flat_fee_brief", "USD", 0, "Flat fee that the brief offers.", _term("flat_fee_usd")),
    ("brief_sample_offered_brief", "flag", 0, "Whether the brief offers a free sample.", _term("has_free_sample")),
    ("brief_price_brief", "USD", 0, "Average list price of the brief's products.", _term("price_usd")),
    ("brief_days_brief", "days", 0, "Days that the brief leaves for content.", _term("days")),
    ("brief_is_open_brief", "flag", 0, "Whether the brief is open to all and not by invitation.", _term("is_open")),
    ("brief_is_launch_brief", "flag", 0, "Whether the brief launches a product.", _term("is_launch")),
    ("brief_commission_per_order_brief", "USD", 0, "Commission for one unit sold at list price.",
     lambda _c, b: b["commission_rate"] * b["price_usd"]),
    ("brief_commission_over_offered_365d", "fraction", 1,
     "Commission rate of the brief less the average rate brands offered the creator in the last year.",
     lambda c, b: b["commission_rate"] - c["commission_offered_mean_365d"]),
    ("brief_commission_over_accepted_365d", "fraction", 1,
     "Commission rate of the brief less the average rate the creator accepted in the last year.",
     lambda c, b: b["commission_rate"] - c["commission_accepted_mean_365d"]),
    ("brief_commission_over_earned_180d", "fraction", 1,
     "Commission rate of the brief less what the creator earned per dollar of sales in the last 180 days.",
     lambda c, b: b["commission_rate"] - c["commission_rate_mean_180d"]),
    ("brief_fee_over_accepted_365d", "USD", 0,
     "Flat fee of the brief less the average fee of the partnerships accepted in the last year.",
     lambda c, b: b["flat_fee_usd"] - c["fee_accepted_mean_365d"]),
    ("brief_price_log_ratio_180d", "log ratio", 0,
     "Logarithm of the brief's price over the price of what the creator usually sells.",
     lambda c, b: _log_ratio(b["price_usd"], _usual_price(c))),
    ("brief_price_distance_180d", "log ratio", -1,
     "How far the brief's price is from the price of what the creator usually sells, either way.",
     lambda c, b: np.abs(_log_ratio(b["price_usd"], _usual_price(c)))),
    ("brief_category_gmv_share_90d", "fraction", 1,
     "Share of the creator's net sales of the last 90 days that was in the brief's category.",
     lambda c, _b: _ratio(c["category_net_gmv_sum_90d"], c["net_gmv_sum_90d"])),
    ("brief_category_post_share_90d", "fraction", 0,
     "Share of the creator's shoppable posts of the last 90 days that were for the brief's category.",
     lambda c, _b: _ratio(c["category_shoppable_posts_sum_90d"], c["shoppable_posts_sum_90d"])),
    ("brief_category_accept_lift_365d", "fraction", 0,
     "Acceptance within the brief's category less the creator's acceptance in all.",
     lambda c, _b: c["category_accept_rate_365d"] - c["accept_rate_ever"]),
    ("brief_expected_organic_gmv_28d", "USD", 1,
     "Views of the last 28 days that no ad bought x net sales per 1,000 views in the category.",
     lambda c, _b: c["organic_views_sum_28d"] / 1000.0 * c["category_organic_gmv_per_1000_views_90d"]),
    ("brief_expected_commission_365d", "USD", 0,
     "What the creator would earn at the brief's commission rate on the usual sales of a partnership, with the fee.",
     lambda c, b: b["commission_rate"] * _usual_sales(c) + b["flat_fee_usd"]),
    ("brief_expected_margin_365d", "USD", 0,
     "Margin after commission, fee and sample on the usual sales of a partnership.",
     lambda c, b: (b["margin_rate"] - b["commission_rate"]) * _usual_sales(c)
     - b["flat_fee_usd"] - b["sample_cost_usd"]),
    ("brief_conversion_mean_365d", "units", 1,
     "Units that 1,000 views without ads of the creator's next post sell by being watched, of what the brief sells "
     "(fitted on the last year's posts).",
     _sum_of("brief_conversion_mean_365d")),
    ("brief_conversion_spread_365d", "log ratio", 0,
     "How unsure units per view are for what the brief sells (standard deviation of the logarithm).",
     _sum_of("brief_conversion_spread_365d")),
    ("brief_conversion_taste_365d", "log ratio", 1,
     "How much better than others a brand like this one sells to the creator's audience (as a logarithm).",
     _sum_of("brief_conversion_taste_365d")),
    ("brief_conversion_general_365d", "log ratio", 1,
     "How much better than usual watching the creator sells, whatever the product (as a logarithm).",
     _sum_of("brief_conversion_general_365d")),
    ("brief_views_expected_365d", "views", 1,
     "Views without ads that the creator's next post, a video in its first week or a live, is expected to have.",
     _sum_of("brief_views_expected_365d")),
    ("brief_sales_expected_365d", "USD", 1,
     "Sales expected of one post for what the brief sells (views x units per view x price).",
     lambda c, b: c["brief_views_expected_365d"] / 1000.0 * c["brief_conversion_mean_365d"] * b["price_usd"]),
    ("brief_sample_over_order_90d", "ratio", 0, "Price of the sample offered over the creator's usual order.",
     lambda c, b: b["has_free_sample"] * _ratio(b["price_usd"], c["order_value_mean_90d"])),
    ("brief_fee_per_1000_views_28d", "USD", 0,
     "Flat fee of the brief per 1,000 views that the creator had in the last 28 days without ads.",
     lambda c, b: _ratio(b["flat_fee_usd"] * 1000.0, c["organic_views_sum_28d"])),
    ("brief_budget_over_gmv_90d", "ratio", 0, "The brief's budget over the creator's net sales of the last 90 days.",
     lambda c, b: _ratio(b["budget_usd"], c["net_gmv_sum_90d"])),
    ("brief_sample_fit_365d", "fraction", 0,
     "Where a sample is offered, the share of past samples for which the creator made content; else 0.",
     lambda c, b: b["has_free_sample"] * c["sample_fulfil_rate_365d"]),
)  # fmt: skip
"""Signals of a brief x creator."""


def brief_signals(columns: Columns, brief_columns: Mapping[str, Floats | float]) -> dict[str, Floats]:
    """The signals of ``BRIEF_SIGNALS`` for n rows.

    Parameters
    ----------
    columns : mapping of str to float64 array (n,)
        The creator, creator x category and creator x brand signals, the
        `PRODUCT_SUMS` and `features.conversion.model.CONVERSION_SIGNALS` of each row.
    brief_columns : mapping of str to float64 array (n,) or float
        The `TERMS` of each row's brief, or of the one brief of all rows.

    Returns
    -------
    dict of str to float64 array (n,)
        New arrays, in the order of ``BRIEF_SIGNALS``.
    """
    n = len(next(iter(columns.values())))
    terms = {name: np.ascontiguousarray(np.broadcast_to(np.float64(brief_columns[name]), n)) for name in TERMS}
    arrays = _Contiguous(columns)
    return {signal.name: np.array(signal.expression(arrays, terms), dtype=np.float64) for signal in BRIEF_SIGNALS}


def one_signal(name: str, columns: Columns, terms: Mapping[str, Floats], *, n: int) -> Floats:
    """One of ``BRIEF_SIGNALS`` for n rows of one brief: new float64 (n,), as `brief_signals` has it.

    ``columns`` as there, each contiguous; ``terms`` of the brief, float64 (1,) each.
    """
    spread = _Spread(terms, n)
    return np.array(_BY_NAME[name].expression(columns, spread), dtype=np.float64)


_BY_NAME = {signal.name: signal for signal in BRIEF_SIGNALS}


class _Spread(dict[str, Floats]):
    """A brief's terms, each laid out for n rows when it is first read: arithmetic with one number may round alike, but
    then not by the same loop."""

    def __init__(self, terms: Mapping[str, Floats], n: int) -> None:
        super().__init__()
        self._terms = terms
        self._n = n

    def __missing__(self, name: str) -> Floats:
        self[name] = np.full(self._n, self._terms[name][0])
        return self[name]


class _Contiguous(dict[str, Floats]):
    """Columns, each made contiguous once: numpy rounds a strided logarithm another way than a contiguous one."""

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        self._columns = columns

    def __missing__(self, name: str) -> Floats:
        self[name] = np.ascontiguousarray(self._columns[name])
        return self[name]
