"""What a brief written out by hand is completed from: products, margins, rates, shipping, as of one day."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from features.briefs.brief import OTHER_TERMS, Brief, PriceBook, as_term
from features.facts import DEFAULT_MARGIN_RATE
from marketplace.contract import Column
from marketplace.errors import BriefError, DateError
from marketplace.instants import read_instant
from marketplace.tables import Marketplace

__all__ = ["CONTENT_DAYS", "Catalogue", "Product", "read_catalogue"]

CONTENT_DAYS = 21
"""Days for content where a brief does not say when it ends."""


@dataclass(frozen=True)
class Product:
    """A product as a brief needs it; NaN where its price or margin is not known."""

    brand_id: str
    category_id: str
    price_usd: float
    margin_rate: float


@dataclass(frozen=True)
class Catalogue:
    """Products and prices as of ``as_of`` (UTC midnight).

    Parameters
    ----------
    usd_rates : mapping of str to float
        USD for one unit of each currency whose rate is known.
    margins, prices : mapping of str to float
        Each category's median gross margin, and median price in USD.
    shipping : mapping of str to float
        Median cost of shipping a sample to each market that has creators, USD.
    """

    as_of: pd.Timestamp
    products: Mapping[str, Product]
    usd_rates: Mapping[str, float]
    margins: Mapping[str, float]
    prices: Mapping[str, float]
    shipping: Mapping[str, float]

    def complete(self, body: Mapping[str, Any]) -> Brief:
        """A brief from what a brand wrote, the rest from its products, its category and its market.

        Parameters
        ----------
        body : mapping
            ``market`` and ``commission_rate``, and whatever else of ``brand_id``,
            ``category_id``, ``product_ids``, ``objective``, ``collaboration``,
            ``budget``, ``flat_fee``, ``price`` (all in ``currency``, USD unless
            told), ``has_free_sample``, ``briefed_at``, ``starts_at``,
            ``ends_at``, ``margin_rate`` and the columns of `OTHER_TERMS`; None
            counts as left out.

        Raises
        ------
        BriefError
            An unknown market, currency or product, no category, no price to be
            had, a date that is no date, an end before the start, or a number
            out of the contract's bounds.
        """
        said = {name: value for name, value in body.items() if value is not None}
        market = str(said.get("market"))
        if market not in self.shipping:
            raise _wrong(f"a market in which the snapshot has creators: {', '.join(self.shipping)}", market)
        rate = self._rate(str(said.get("currency", "USD")))
        product_ids = tuple(str(p) for p in said.get("product_ids", ()))
        unknown = [p for p in product_ids if p not in self.products]
        if unknown:
            raise _wrong("products that the snapshot knows", ", ".join(unknown[:5]))
        products = [self.products[p] for p in product_ids]
        category = said.get("category_id", products[0].category_id if products else None)
        if category is None:
            raise _wrong("a category_id, or a product to take it from", "neither")
        price = self._price(said, rate, products, str(category))
        margins = [p.margin_rate for p in products if not math.isnan(p.margin_rate)]
        usual_margin = self.margins.get(str(category), DEFAULT_MARGIN_RATE)
        briefed = self._instant(said, "briefed_at", self.as_of)
        starts = self._instant(said, "starts_at", briefed)
        ends = self._instant(said, "ends_at", starts + pd.Timedelta(days=CONTENT_DAYS))
        if ends < starts:
            raise _wrong("an ends_at that is not before starts_at", f"{starts} to {ends}")
        return Brief(
            campaign_id=said.get("campaign_id"),
            brand_id=str(said.get("brand_id", products[0].brand_id if products else "")),
            market=market,
            category_id=str(category),
            product_ids=product_ids,
            objective=str(said.get("objective", "SALES")),
            collaboration=str(said.get("collaboration", "TARGET")),
            budget_usd=float(said.get("budget", math.nan)) * rate,
            commission_rate=self._fraction(said, "commission_rate", None),
            flat_fee_usd=float(said.get("flat_fee", 0.0)) * rate,
            has_free_sample=bool(said.get("has_free_sample", False)),
            briefed_at=briefed,
            starts_at=starts,
            ends_at=ends,
            margin_rate=self._fraction(
                said, "margin_rate", sum(margins) / len(margins) if margins else usual_margin
            ),
            price_usd=price,
            shipping_usd=self.shipping.get(market, 0.0),
            other_terms={name: as_term(_number(said, column), column, rate) for name, column in OTHER_TERMS.items()},
        )  # fmt: skip

    def _rate(self, currency: str) -> float:
        if currency not in self.usd_rates:
            known = f"a currency whose rate the snapshot knows: {', '.join(sorted(self.usd_rates))}"
            raise _wrong(known, currency)
        return self.usd_rates[currency]

    def _price(self, said: Mapping[str, Any], rate: float, products: list[Product], category: str) -> float:
        if "price" in said:
            return float(said["price"]) * rate
        prices = [p.price_usd for p in products if not math.isnan(p.price_usd)]
        if prices:
            return sum(prices) / len(prices)
        if category in self.prices:
            return self.prices[category]
        raise _wrong("a price, or a product or a category whose price the snapshot knows", category)

    def _fraction(self, said: Mapping[str, Any], name: str, default: float | None) -> float:
        value = said.get(name, default)
        if value is None or not 0.0 <= float(value) <= 1.0:
            raise _wrong(f"{name} as a fraction 0..1", "none" if value is None else str(value))
        return float(value)

    def _instant(self, said: Mapping[str, Any], name: str, default: pd.Timestamp) -> pd.Timestamp:
        if name not in said:
            return default
        try:
            return pd.Timestamp(read_instant(said[name], name))
        except DateError as reason:
            raise _wrong(reason.expected, reason.received) from reason


def read_catalogue(market: Marketplace, as_of: pd.Timestamp) -> Catalogue:
    """The marketplace's catalogue as known before ``as_of`` (UTC midnight)."""
    prices = PriceBook(market)
    frame = market.frame("products").sort_values(["product_id", "known_at"], kind="stable")
    frame = frame[frame["known_at"] < as_of].drop_duplicates("product_id", keep="last")
    rates = {c: prices.usd_rate(c, as_of) for c in prices.currencies}
    usd = frame["price"].to_numpy(dtype=float) * frame["currency"].map(rates).to_numpy(dtype=float)
    margin = frame["gross_margin_rate"].to_numpy(dtype=float)
    known = zip(frame["product_id"], frame["brand_id"], frame["category_id"], usd, margin, strict=True)
    by_category = pd.DataFrame({"category": frame["category_id"].to_numpy(), "usd": usd, "margin": margin}).groupby(
        "category"
    )
    return Catalogue(
        as_of=as_of,
        products={p: Product(str(b), str(c), float(u), float(m)) for p, b, c, u, m in known},
        usd_rates={c: r for c, r in rates.items() if not math.isnan(r)},
        margins={str(k): float(v) for k, v in by_category["margin"].median().dropna().items()},
        prices={str(k): float(v) for k, v in by_category["usd"].median().dropna().items()},
        shipping={m: prices.shipping_usd(m, as_of) for m in prices.markets},
    )


def _number(said: Mapping[str, Any], column: Column) -> float:
    """What was written for ``column``, within its bounds; NaN where nothing was."""
    value = said.get(column.name)
    if value is None:
        return math.nan
    low = 0.0 if column.type == "flag" else -math.inf if column.minimum is None else column.minimum
    high = 1.0 if column.type == "flag" else math.inf if column.maximum is None else column.maximum
    number = float(value) if isinstance(value, int | float) else math.nan
    if not (math.isfinite(number) and low <= number <= high):
        raise _wrong(f"{column.name} ({column.doc}) as a number {low:g}..{high:g}", repr(value))
    return number


def _wrong(expected: str, received: str) -> BriefError:
    return BriefError(expected, received=received, look="the brief")
