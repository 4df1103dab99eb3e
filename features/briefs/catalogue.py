"""What a brief written out by hand is completed from: products, margins, rates, shipping, as of one day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import pandas as pd

from features.briefs.brief import OTHER_TERMS, Brief, PriceBook, as_term
from features.briefs.names import Names
from features.facts import DEFAULT_MARGIN_RATE
from marketplace.contract import Column
from marketplace.errors import BriefError, DateError, Problem
from marketplace.instants import read_instant
from marketplace.tables import Marketplace

__all__ = ["CONTENT_DAYS", "FARTHEST", "MOST_USD", "Catalogue", "Product", "Wrong", "meant", "read_catalogue"]

CONTENT_DAYS = 21
"""Days for content where a brief does not say when it ends."""

FARTHEST = pd.Timedelta(days=10 * 365)
"""A date of a brief further from the snapshot's day, or from the brief, is no date of it."""

MOST_USD: Mapping[str, float] = MappingProxyType({"price": 1e6, "flat_fee": 1e7, "budget": 1e10})
"""Amounts above these are none that a brief can mean."""


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
    brand_names : mapping of str to str
        Public names of the brands that have one.
    """

    as_of: pd.Timestamp
    products: Mapping[str, Product]
    usd_rates: Mapping[str, float]
    margins: Mapping[str, float]
    prices: Mapping[str, float]
    shipping: Mapping[str, float]
    brand_names: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def names(self) -> Names:
        """Every product's id."""
        return Names(self.products)

    def complete(self, body: Mapping[str, Any]) -> Brief:
        """A brief from what a brand wrote, the rest from its products, its category and its market.

        A product that is not known stays in the brief and completes nothing (`features.briefs.doubts` tells of it).

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
            An unknown market or currency, no category, no price to be had, a
            date that is no date, an end before the start, a number out of the
            contract's bounds, or an amount beyond `MOST_USD`: all of them at
            once, in its ``problems``.
        """
        said = {name: value for name, value in body.items() if value is not None}
        wrong = Wrong()
        market = str(said.get("market"))
        if market not in self.shipping:
            known = ", ".join(self.shipping)
            wrong("market", f"a market in which the snapshot has creators: {known}", market, Names(self.shipping))
        currency = str(said.get("currency", "USD"))
        if currency not in self.usd_rates:
            known = ", ".join(sorted(self.usd_rates))
            wrong("currency", f"a currency whose rate the snapshot knows: {known}", currency, Names(self.usd_rates))
        rate = self.usd_rates.get(currency, math.nan)
        product_ids = tuple(str(p) for p in said.get("product_ids", ()))
        products = [self.products[p] for p in product_ids if p in self.products]
        category = said.get("category_id", products[0].category_id if products else None)
        if category is None:
            expected = "a category_id, or a product that the snapshot knows to take it from"
            if product_ids:
                wrong("category_id", expected, f"none, with products it does not know: {', '.join(product_ids[:5])}",
                      self.names, product_ids[0])  # fmt: skip
            else:
                wrong("category_id", expected, "neither")
        price = self._price(wrong, said, rate, products, None if category is None else str(category))
        margins = [p.margin_rate for p in products if not math.isnan(p.margin_rate)]
        usual_margin = self.margins.get(str(category), DEFAULT_MARGIN_RATE)
        briefed = _instant(wrong, said, "briefed_at", self.as_of)
        starts = _instant(wrong, said, "starts_at", briefed)
        ends = _instant(wrong, said, "ends_at", starts + pd.Timedelta(days=CONTENT_DAYS))
        if not wrong.of("briefed_at", "starts_at", "ends_at"):
            if ends < starts:
                wrong("ends_at", "an ends_at that is not before starts_at", f"{starts} to {ends}")
            for name, at, since in (("briefed_at", briefed, self.as_of), ("starts_at", starts, briefed),
                                    ("ends_at", ends, starts)):  # fmt: skip
                if abs(at - since) > FARTHEST:
                    day = "the snapshot's day" if name == "briefed_at" else "the brief and its other dates"
                    wrong(name, f"{name} within {FARTHEST.days // 365} years of {day}", f"{at} against {since}")
        brief = Brief(
            campaign_id=said.get("campaign_id"),
            brand_id=str(said.get("brand_id", products[0].brand_id if products else "")),
            market=market,
            category_id=str(category),
            product_ids=product_ids,
            objective=str(said.get("objective", "SALES")),
            collaboration=str(said.get("collaboration", "TARGET")),
            budget_usd=_amount(wrong, said, "budget", math.nan, rate),
            commission_rate=_fraction(wrong, said, "commission_rate", None),
            flat_fee_usd=_amount(wrong, said, "flat_fee", 0.0, rate),
            has_free_sample=bool(said.get("has_free_sample", False)),
            briefed_at=briefed,
            starts_at=starts,
            ends_at=ends,
            margin_rate=_fraction(
                wrong, said, "margin_rate", sum(margins) / len(margins) if margins else usual_margin
            ),
            price_usd=price,
            shipping_usd=self.shipping.get(market, 0.0),
            other_terms={
                name: as_term(_number(wrong, said, column), column, rate) for name, column in OTHER_TERMS.items()
            },
        )  # fmt: skip
        wrong.settle()
        return brief

    def _price(
        self, wrong: Wrong, said: Mapping[str, Any], rate: float, products: list[Product], category: str | None
    ) -> float:
        if "price" in said:
            return _amount(wrong, said, "price", math.nan, rate)
        prices = [p.price_usd for p in products if not math.isnan(p.price_usd)]
        if prices:
            return sum(prices) / len(prices)
        if category in self.prices:
            return self.prices[str(category)]
        if category is not None:
            wrong("price", "a price, or a product or a category whose price the snapshot knows",
                  f"none, with the category {category}", Names(self.prices), category)  # fmt: skip
        return math.nan


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
        brand_names=_brand_names(market, as_of),
    )


def _brand_names(market: Marketplace, as_of: pd.Timestamp) -> dict[str, str]:
    brands = market.frame("brands", ["brand_id", "name", "known_at"]).sort_values(["brand_id", "known_at"])
    brands = brands[(brands["known_at"] < as_of) & brands["name"].notna()].drop_duplicates("brand_id", keep="last")
    return {str(brand): str(name) for brand, name in zip(brands["brand_id"], brands["name"], strict=True)}


def meant(closest: Sequence[str]) -> str:
    """The names that may have been meant, in words to put behind what was received; empty where there is none."""
    return f" (did you mean {' or '.join(closest)}?)" if closest else ""


class Wrong:
    """What is wrong with one brief, gathered field by field."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def __call__(self, field: str, expected: str, received: str, names: Names | None = None, *asked: str) -> None:
        """Note that ``field`` is wrong; of ``names``, the closest to what was ``asked`` (or received) is told.

        What was ``asked`` in another field is told in words alone: its names are none of this one's.
        """
        close = names.closest((*asked, received)[0]) if names is not None else ()
        self._problems.append(Problem(field, expected, received + meant(close), () if asked else close))

    def of(self, *fields: str) -> bool:
        """Whether any of ``fields`` is wrong."""
        return any(one.field in fields for one in self._problems)

    def settle(self) -> None:
        """Raise all of it, where there is any."""
        if self._problems:
            raise BriefError.of(self._problems, look="the brief")


def _amount(wrong: Wrong, said: Mapping[str, Any], name: str, default: float, rate: float) -> float:
    """What was written for ``name`` in USD; above what there can be it is wrong, and so is a price of nothing."""
    amount = float(said.get(name, default)) * rate
    if name in said and (amount > MOST_USD[name] or amount < 0 or (name == "price" and amount == 0)):
        least = "above 0 and" if name == "price" else "of 0 or more,"
        wrong(name, f"a {name} {least} at most {MOST_USD[name]:,.0f} USD", f"{said[name]} ({amount:,.2f} USD)")
    return amount


def _fraction(wrong: Wrong, said: Mapping[str, Any], name: str, default: float | None) -> float:
    value = said.get(name, default)
    if value is None or not 0.0 <= float(value) <= 1.0:
        wrong(name, f"{name} as a fraction 0..1", "none" if value is None else str(value))
        return math.nan
    return float(value)


def _instant(wrong: Wrong, said: Mapping[str, Any], name: str, default: pd.Timestamp) -> pd.Timestamp:
    if name not in said:
        return default
    try:
        return pd.Timestamp(read_instant(said[name], name))
    except DateError as reason:
        wrong(name, reason.expected, reason.received)
        return default


def _number(wrong: Wrong, said: Mapping[str, Any], column: Column) -> float:
    """What was written for ``column``, within its bounds; NaN where nothing was."""
    value = said.get(column.name)
    if value is None:
        return math.nan
    low = 0.0 if column.type == "flag" else -math.inf if column.minimum is None else column.minimum
    high = 1.0 if column.type == "flag" else math.inf if column.maximum is None else column.maximum
    number = float(value) if isinstance(value, int | float) else math.nan
    if not (math.isfinite(number) and low <= number <= high):
        wrong(column.name, f"{column.name} ({column.doc}) as a number {low:g}..{high:g}", repr(value))
    return number
