"""What a brief can name: markets, categories, brands, languages, products; and what an answer's numbers mean."""

from __future__ import annotations

import math
from collections import Counter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from features.indices import CATEGORY_INDEX, INDICES
from marketplace.contract import MARKETS, REPORTING_CURRENCY
from serving.brands import gone_over
from serving.pair import Served
from serving.queries import Nothing, Query

__all__ = [
    "BrandAnswer",
    "CatalogueAnswer",
    "CategoryAnswer",
    "MarketAnswer",
    "Meaning",
    "ProductAnswer",
    "ProductsAnswer",
    "ProductsQuery",
    "catalogue",
    "known_number",
    "products",
]

Name = Annotated[str, Field(min_length=1, max_length=128)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MarketAnswer(_Answer):
    """A market that has creators."""

    market: str
    currency: str | None = Field(description="What it sells in, ISO 4217; null where the market is not listed.")
    creators: int = Field(description="In the snapshot.")


class CategoryAnswer(_Answer):
    """A product category."""

    category_id: str = Field(description="As a brief names it.")
    name: str | None = Field(description="For people; null where none is known.")


class BrandAnswer(_Answer):
    """A brand that the key may ask for."""

    brand_id: str = Field(description="As a brief names it.")
    name: str | None = Field(description="Its public name; null where none is known.")
    category_id: str | None = Field(description="That of most of its products; null where it has none.")


class Meaning(_Answer):
    """A number in an answer."""

    name: str = Field(description="As answers and weights call it.")
    label: str = Field(description="For people.")
    meaning: str = Field(description="What it says.")


class CatalogueAnswer(_Answer):
    """Everything that a form for briefs offers."""

    as_of: str = Field(description="The snapshot's day.")
    markets: list[MarketAnswer] = Field(description="By their codes.")
    categories: list[CategoryAnswer] = Field(description="By their ids.")
    brands: list[BrandAnswer] = Field(description="Those that the key may ask for, by their ids.")
    languages: list[str] = Field(description="That creators speak, as `filters.languages` takes them.")
    indices: list[Meaning] = Field(description="0..100 each, in the order of the answers.")
    predictions: list[Meaning] = Field(description="What the model foretells of each creator.")
    currencies: dict[str, float] = Field(description="USD for one unit of each currency whose rate is known.")


class ProductsQuery(Query):
    """Which products."""

    brand_id: Name | None = Field(None, description="Of this brand alone.")
    category_id: Name | None = Field(None, description="Of this category alone.")
    q: Name | None = Field(None, description="What the product's id contains, in any case.")
    top: Annotated[int, Field(ge=1, le=1000)] = Field(50, description="How many to return.")

    def goes_over(self, served: Served) -> int:
        """All products, whosever they are."""
        return gone_over(served.snapshot.catalogue.products)


class ProductAnswer(_Answer):
    """A product."""

    product_id: str = Field(description="As a brief names it.")
    name: str | None = Field(description="For people; null where none is known.")
    brand_id: str = Field(description="Who sells it.")
    category_id: str = Field(description="Its category.")
    price: float | None = Field(description="List price, in `currency`; null where not known.")
    currency: str


class ProductsAnswer(_Answer):
    """Products by their ids."""

    products: list[ProductAnswer] = Field(description="Those that the key may see.")
    more: bool = Field(description="Whether there are more than `top`.")


PREDICTIONS = (
    Meaning(name="score", label="Score", meaning="how good an invitation is, by the weights asked for, 0..100"),
    Meaning(
        name="utility", label="Expected profit", meaning="what inviting is expected to add to profit, costs taken off"
    ),
    Meaning(
        name="success_probability", label="Chance of content",
        meaning="chance that the invitation ends in delivered content, 0..1",
    ),
    Meaning(
        name="lift", label="Extra sales",
        meaning="net sales that would not have happened otherwise, if content is delivered",
    ),
)  # fmt: skip


def known_number(value: float) -> float | None:
    """``value``, or None where it is not known."""
    return float(value) if math.isfinite(value) else None


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _title(category_id: str) -> str | None:
    """An id that is a word says what it is; a number does not."""
    return None if any(one.isdigit() for one in category_id) else _label(category_id)


def catalogue(served: Served, _: Nothing) -> CatalogueAnswer:
    """What the snapshot knows by name."""
    snapshot = served.snapshot
    sold: dict[str, Counter[str]] = {}
    for product in snapshot.catalogue.products.values():
        sold.setdefault(product.brand_id, Counter())[product.category_id] += 1
    parts = [snapshot.of_market(name) for name in snapshot.markets]
    spoken = {str(one) for part in parts for one in part.arrays.languages.distinct()[0] if one}
    return CatalogueAnswer(
        as_of=f"{served.as_of:%Y-%m-%d}",
        markets=[
            MarketAnswer(
                market=name,
                currency=MARKETS[name].currency if name in MARKETS else None,
                creators=snapshot.size_of(name),
            )
            for name in snapshot.markets
        ],
        categories=[CategoryAnswer(category_id=name, name=_title(name)) for name in snapshot.category_ids],
        brands=[
            BrandAnswer(
                brand_id=name,
                name=snapshot.catalogue.brand_names.get(name),
                category_id=_commonest(sold[name]) if name in sold else None,
            )
            for name in snapshot.brand_ids
        ],
        languages=sorted(spoken),
        indices=[Meaning(name=name, label=_label(name), meaning=_meaning(name)) for name in INDICES],
        predictions=list(PREDICTIONS),
        currencies={REPORTING_CURRENCY: 1.0, **dict(sorted(snapshot.catalogue.usd_rates.items()))},
    )


def _meaning(index: str) -> str:
    return INDICES[index].says + (" (the brief's)" if index == CATEGORY_INDEX else "")


def _commonest(counted: Counter[str]) -> str:
    return min(counted, key=lambda name: (-counted[name], name))


def products(served: Served, query: ProductsQuery) -> ProductsAnswer:
    """The products that ``query`` asks for, by their ids."""
    part = None if query.q is None else query.q.casefold()
    found = [
        (name, product)
        for name, product in served.snapshot.catalogue.products.items()
        if query.brand_id in (None, product.brand_id)
        and query.category_id in (None, product.category_id)
        and (part is None or part in name.casefold())
    ]
    found.sort(key=lambda one: one[0])
    return ProductsAnswer(
        products=[
            ProductAnswer(
                product_id=name,
                name=None,
                brand_id=product.brand_id,
                category_id=product.category_id,
                price=known_number(product.price_usd),
                currency=REPORTING_CURRENCY,
            )
            for name, product in found[: query.top]
        ],
        more=len(found) > query.top,
    )
