"""Products and their days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from marketplace.sources.tiktok_shop.endpoints import value_at
from marketplace.sources.tiktok_shop.store import Store
from marketplace.sources.tiktok_shop.values import amount, at, whole

__all__ = ["UNKNOWN_CATEGORY", "Products", "known_when", "product_days"]

UNKNOWN_CATEGORY = "UNKNOWN"
"""Category of a product that is in no open collaboration: no other endpoint tells one."""


class Products:
    """What is told of each product: a category, a price, and when it was first there.

    A product without any price is left out, and so is what refers to it.
    """

    def __init__(self, store: Store) -> None:
        self._category: dict[str, str] = {}
        self._price: dict[str, tuple[float, str]] = {}
        self._first: dict[str, datetime] = {}
        self._orders: dict[str, tuple[float, str]] = {}
        for state in store.states("open_collaborations"):
            product = state.body["product"]
            self._category[product["id"]] = state.body["category_id"]
            self._priced(product["id"], product.get("original_price"))
            self._meet(product["id"], at(state.seen))
        for state in store.states("collaboration_details"):
            for product in state.body.get("products") or ():
                if product.get("id"):
                    self._priced(product["id"], product.get("original_price"))
                    self._meet(product["id"], at(state.body["start_time"]))
        for state in store.states("orders"):
            when = at(state.body["create_time"])
            for line in state.body["line_items"]:
                product, price = line.get("product_id"), amount(line.get("original_price"))
                currency = line.get("currency") or value_at(state.body, "payment.currency")
                if product and price and currency:
                    held = self._orders.get(product, (0.0, currency))
                    self._orders[product] = (max(held[0], price), held[1])
                    self._meet(product, when)

    def _priced(self, product: str, told: Any) -> None:
        price = amount((told or {}).get("minimum_amount"))
        if price is not None and told.get("currency"):
            self._price[product] = (price, told["currency"])

    def _meet(self, product: str, when: datetime | None) -> None:
        if when is not None and when < self._first.setdefault(product, when):
            self._first[product] = when

    def __contains__(self, product: str) -> bool:
        return product in self._price or product in self._orders

    def category(self, product: str) -> str:
        """Its level-1 category, or `UNKNOWN_CATEGORY`."""
        return self._category.get(product, UNKNOWN_CATEGORY)

    def currency(self, product: str) -> str:
        """The currency it is priced in."""
        return (self._price.get(product) or self._orders[product])[1]

    def since(self, product: str) -> datetime | None:
        """When it was first there."""
        return self._first.get(product)

    def first(self) -> datetime | None:
        """When the first of them was first there."""
        return min(self._first.values(), default=None)

    def frame(self, brand: str) -> pd.DataFrame:
        """The table ``products``."""
        rows = []
        for product in sorted({*self._price, *self._orders}):
            price, currency = self._price.get(product) or self._orders[product]
            rows.append(
                {
                    "product_id": product,
                    "brand_id": brand,
                    "category_id": self.category(product),
                    "price": price,
                    "currency": currency,
                    "known_at": self._first[product],
                }
            )
        return pd.DataFrame(rows)


def known_when(day: datetime, lag: int, seen: int) -> datetime:
    """When the figures of ``day`` could be known: ``lag`` days after its end, and not after they were ``seen``."""
    told = at(seen)
    over = day + timedelta(days=1)
    late = over + timedelta(days=lag)
    return late if told is None else max(min(late, told), over)


def product_days(store: Store, products: Products) -> pd.DataFrame:
    """The table ``product_days``: what was cancelled, refunded or returned is taken out at the day's mean price."""
    rows = {}
    for state in store.states("product_days"):
        product, _, day = state.id.partition(":")
        sales, back = state.body.get("sales") or {}, state.body.get("cancel_and_refunds") or {}
        units, gross, when = whole(sales.get("items_sold")), amount(sales.get("gmv")), at(day)
        if units is None or gross is None or when is None or product not in products:
            continue
        undone = sum(whole(back.get(one)) or 0 for one in ("canceled", "refunded", "returned"))
        rows[state.id] = {
            "product_id": product,
            "day": when.date(),
            "units_sold": units,
            "gmv": gross * (1.0 - min(undone / units, 1.0)) if units else gross,
            "currency": value_at(sales, "gmv.currency") or products.currency(product),
            "known_at": known_when(when, state.body["lag"], state.seen),
        }
    return pd.DataFrame(rows.values())
