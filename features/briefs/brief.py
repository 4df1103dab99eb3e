"""A brief: what a brand asks and offers, in USD, as it was known when it was written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from features.facts import DEFAULT_MARGIN_RATE
from features.time import as_of_day, brief_rates, day_number, days_of, in_usd
from marketplace.arrays import Floats
from marketplace.contract import REPORTING_CURRENCY, TABLES, Column
from marketplace.errors import BriefError
from marketplace.tables import Marketplace

__all__ = ["OTHER_TERMS", "TERMS", "Brief", "PriceBook", "as_term", "brief_columns", "read_briefs"]

_SECONDS_PER_DAY = 86_400.0
_MONEY = "own currency"
_SPELLED_OUT = ("budget", "commission_rate", "flat_fee", "has_free_sample")

OTHER_TERMS: Mapping[str, Column] = MappingProxyType(
    {
        f"{column.name}_usd" if column.unit == _MONEY else column.name: column
        for column in TABLES["campaigns"].columns
        if column.type in ("measure", "count", "flag") and column.name not in _SPELLED_OUT
    }
)
"""Numbers of a brief that the contract's ``campaigns`` declare and a `Brief` has no field for, by their term's name.

A column that is declared there is read from campaigns, may be written into a brief by hand (as the column is called,
within its bounds), and is a term that signals may use; money becomes USD and its term ends in ``_usd``.
"""

_READ: WeakKeyDictionary[Marketplace, dict[str, Brief]] = WeakKeyDictionary()
"""Briefs that have been read, by campaign."""


@dataclass(frozen=True)
class Brief:
    """One brief.

    Parameters
    ----------
    campaign_id : str or None
        None for a brief that is not a campaign of the marketplace.
    objective : str
        ``SALES``, ``LAUNCH`` or ``AWARENESS``.
    collaboration : str
        ``TARGET`` (by invitation) or ``OPEN``.
    budget_usd : float
        NaN where the brief tells none.
    margin_rate : float
        Gross margin of the products before commission, as a share of net sales.
    price_usd : float
        Average list price of one unit of the products.
    shipping_usd : float
        Cost of shipping one sample.
    other_terms : mapping of str to float
        `OTHER_TERMS` by name; flags 0 or 1, NaN where the brief tells none.
    briefed_at, starts_at, ends_at : pandas.Timestamp
        UTC; signals are read as of the midnight before ``briefed_at``.
    """

    campaign_id: str | None
    brand_id: str
    market: str
    category_id: str
    product_ids: tuple[str, ...]
    objective: str
    collaboration: str
    budget_usd: float
    commission_rate: float
    flat_fee_usd: float
    has_free_sample: bool
    briefed_at: pd.Timestamp
    starts_at: pd.Timestamp
    ends_at: pd.Timestamp
    margin_rate: float
    price_usd: float
    shipping_usd: float
    other_terms: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def sample_cost_usd(self) -> float:
        """Goods and shipping of one sample, 0 where none is offered."""
        return self.price_usd * (1.0 - self.margin_rate) + self.shipping_usd if self.has_free_sample else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Every field by its name, the `OTHER_TERMS` among them: `Brief.of_dict` reads it back."""
        # Nothing in it can be changed, so that nothing need be copied deeply.
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        other: Mapping[str, float] = values.pop("other_terms")
        return values | dict(other)

    @classmethod
    def of_dict(cls, values: Mapping[str, Any]) -> Brief:
        """The brief whose `as_dict` is ``values``.

        Raises
        ------
        KeyError, TypeError
            A field is missing, or there is one that a brief does not have.
        """
        own = {name: value for name, value in values.items() if name not in OTHER_TERMS}
        return cls(**own, other_terms={name: values[name] for name in OTHER_TERMS})


def _other(name: str) -> Callable[[Brief], float]:
    return lambda brief: brief.other_terms.get(name, math.nan)


TERMS: Mapping[str, Callable[[Brief], float]] = MappingProxyType(
    {
        "commission_rate": attrgetter("commission_rate"),
        "flat_fee_usd": attrgetter("flat_fee_usd"),
        "budget_usd": attrgetter("budget_usd"),
        "has_free_sample": attrgetter("has_free_sample"),
        "sample_cost_usd": attrgetter("sample_cost_usd"),
        "price_usd": attrgetter("price_usd"),
        "margin_rate": attrgetter("margin_rate"),
        "days": lambda brief: (brief.ends_at - brief.starts_at).total_seconds() / _SECONDS_PER_DAY,
        "is_open": lambda brief: brief.collaboration == "OPEN",
        "is_launch": lambda brief: brief.objective == "LAUNCH",
        "is_awareness": lambda brief: brief.objective == "AWARENESS",
        **{name: _other(name) for name in OTHER_TERMS},
    }
)
"""What signals may read of a brief, by name: numbers; money in USD, flags 0 or 1, what is not told NaN."""


def brief_columns(briefs: Iterable[Brief]) -> dict[str, Floats]:
    """The terms of ``briefs`` as float64 columns (n,), named by `features.briefs.brief.TERMS`."""
    asked = list(briefs)
    return {name: np.array([of(brief) for brief in asked], dtype=np.float64) for name, of in TERMS.items()}


def read_briefs(market: Marketplace, campaign_ids: Iterable[str] | None = None) -> dict[str, Brief]:
    """The marketplace's briefs by campaign, each as known when it was written.

    Money is converted at the latest rate known before the brief's day. A
    product without a margin takes the median of its category's products known
    then, or `DEFAULT_MARGIN_RATE`; where no product has a price, that is the
    median of their category's; shipping is the market's median booked shipping
    cost before the brief, 0 without one.

    Raises
    ------
    BriefError
        A campaign is not there.
    """
    campaigns = market.frame("campaigns").sort_values("campaign_id", kind="stable")
    if campaign_ids is not None:
        wanted = list(campaign_ids)
        missing = sorted(set(wanted) - set(campaigns["campaign_id"]))
        if missing:
            raise BriefError(
                "campaigns of the marketplace", received=", ".join(missing[:5]), look="its campaigns table"
            )
        campaigns = campaigns[campaigns["campaign_id"].isin(wanted)]
    read = _READ.setdefault(market, {})
    unread = campaigns[~campaigns["campaign_id"].isin(list(read))]
    if len(unread):
        prices = PriceBook(market)
        read |= {row["campaign_id"]: _brief(row, prices) for row in unread.to_dict("records")}
    return {name: read[name] for name in campaigns["campaign_id"]}


def _brief(row: Mapping[Any, Any], prices: PriceBook) -> Brief:
    at = row["briefed_at"]
    product_ids = tuple(str(p) for p in _items(row["product_ids"]))
    market, category = str(row["market"]), str(row["category_id"])
    rate = prices.usd_rate(str(row["currency"]), at)
    price, margin = prices.price_and_margin(product_ids, category, at)
    fee = float(row["flat_fee"]) if pd.notna(row["flat_fee"]) else 0.0
    return Brief(
        campaign_id=str(row["campaign_id"]),
        brand_id=str(row["brand_id"]),
        market=market,
        category_id=category,
        product_ids=product_ids,
        objective=str(row["objective"]),
        collaboration=str(row["collaboration"]),
        budget_usd=float(row["budget"]) * rate,
        commission_rate=float(row["commission_rate"]),
        flat_fee_usd=fee * rate if fee else 0.0,
        has_free_sample=bool(row["has_free_sample"]),
        briefed_at=at,
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        margin_rate=margin,
        price_usd=price,
        shipping_usd=prices.shipping_usd(market, at),
        other_terms={
            name: math.nan if pd.isna(row[column.name]) else as_term(float(row[column.name]), column, rate)
            for name, column in OTHER_TERMS.items()
        },
    )


def as_term(value: float, column: Column, rate: float) -> float:
    """A campaign's ``value`` as the term of ``column``: money times ``rate`` (USD for one unit), the rest as it is."""
    return value * rate if column.unit == _MONEY else value


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | np.ndarray) else []


class PriceBook:
    """Prices, margins, rates and shipping costs as known at a time (for `read_briefs` and inline briefs)."""

    def __init__(self, market: Marketplace) -> None:
        rates = brief_rates(market)
        keys = zip(rates["currency"], rates["day"].astype(int), strict=True)
        self.currencies = (REPORTING_CURRENCY, *sorted(set(rates["currency"])))
        self.markets = sorted(set(market.frame("creators", ["market"])["market"].dropna()))
        self._fx = dict(zip(keys, rates["usd_rate"].astype(float), strict=True))
        products = market.frame("products", ["product_id", "category_id", "price", "currency", "gross_margin_rate",
                                             "known_at"])  # fmt: skip
        products = products.sort_values("known_at", kind="stable")
        self._products = products.set_index("product_id", drop=False)
        self._by_category = {str(c): rows for c, rows in self._products.groupby("category_id")}
        self._costs = self._shipping(market, rates)

    def usd_rate(self, currency: str, at: pd.Timestamp) -> float:
        """USD for one unit as known before ``at``'s day (`features.time.brief_rates`); NaN where it is not."""
        if currency == REPORTING_CURRENCY:
            return 1.0
        return self._fx.get((currency, day_number(at)), float("nan"))

    def price_and_margin(self, product_ids: Iterable[str], category: str, at: pd.Timestamp) -> tuple[float, float]:
        """Average price in USD and gross margin of products known by ``at`` (a brief brings its own products).

        The price is NaN where they have prices and no rate is known for any.
        """
        there = self._products.loc[self._products.index.intersection(sorted(set(product_ids)))]
        there = there[there["known_at"] <= at]
        there = there[~there.index.duplicated(keep="last")]
        rates = there["currency"].map({c: self.usd_rate(c, at) for c in there["currency"].unique()})
        usd = (there["price"] * rates.astype(float)).dropna()
        if len(usd):
            price = float(usd.mean())
        else:  # money without a rate is not known; what others cost stands in for products without a price alone
            price = float("nan") if there["price"].notna().any() else self._usual_price(category, at)
        margins = there["gross_margin_rate"].dropna()
        if not len(margins) and category in self._by_category:
            peers = self._by_category[category]
            # Its own products come with the brief; what others are like is known as of its midnight, like all else.
            peers = peers[peers["known_at"] < as_of_day(at)]
            peers = peers[~peers.index.duplicated(keep="last")]
            margins = pd.Series([peers["gross_margin_rate"].median()]).dropna()
        return price, float(margins.mean()) if len(margins) else DEFAULT_MARGIN_RATE

    def _usual_price(self, category: str, at: pd.Timestamp) -> float:
        """Median price in USD of the category's products known before ``at``'s day; NaN where none is told."""
        if category not in self._by_category:
            return float("nan")
        peers = self._by_category[category]
        peers = peers[peers["known_at"] < as_of_day(at)]
        peers = peers[~peers.index.duplicated(keep="last")]
        rates = peers["currency"].map({c: self.usd_rate(c, at) for c in peers["currency"].unique()})
        usd = (peers["price"] * rates.astype(float)).dropna()
        return float(usd.median()) if len(usd) else float("nan")

    def shipping_usd(self, market: str, at: pd.Timestamp) -> float:
        """Median shipping cost above 0 booked in ``market`` before ``at``'s day, in USD; 0 without one."""
        midnight = as_of_day(at)
        rows = self._costs
        rows = rows[(rows["market"] == market) & (rows["paid_at"] < midnight) & (rows["known_at"] < midnight)]
        median = rows["usd"].median()
        return float(median) if pd.notna(median) else 0.0

    def _shipping(self, market: Marketplace, rates: pd.DataFrame) -> pd.DataFrame:
        costs = market.frame("costs", ["campaign_id", "shipping_cost", "currency", "paid_at", "known_at"])
        costs = costs[costs["shipping_cost"] > 0]
        markets = market.frame("campaigns", ["campaign_id", "market"]).drop_duplicates("campaign_id")
        costs = costs.merge(markets, on="campaign_id", how="inner")
        costs["usd"] = in_usd(costs.assign(day=days_of(costs["paid_at"])), "shipping_cost", rates)
        return costs[["market", "paid_at", "known_at", "usd"]]
