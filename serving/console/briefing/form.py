"""The form of a brief: fields with suggestions of what the snapshot knows, products as chips."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

from marketplace.errors import CollabrankError
from serving.client import AsyncClient, Catalogue
from serving.console.briefing.terms import as_brief, as_fields
from serving.console.pieces import Field, button, field, text

__all__ = ["BriefForm"]

_SUGGESTED = 50


class BriefForm:
    """The fields.

    Parameters
    ----------
    client : AsyncClient
        Whom to ask for products.
    catalogue : Catalogue
        What may be named.
    on_change : callable
        Told whenever something was filled in.
    """

    def __init__(self, client: AsyncClient, catalogue: Catalogue, on_change: Callable[[], None]) -> None:
        self._client = client
        self._on_change = on_change
        self._currencies = {one.market: one.currency for one in catalogue.markets}
        self._products: list[str] = []
        self._fields: dict[str, Field] = {}
        self._draw(catalogue)

    @property
    def brief(self) -> dict[str, Any]:
        """What is filled in, as the service takes it."""
        return as_brief({**{name: one.value for name, one in self._fields.items()}, "product_ids": self._named})

    @property
    def _named(self) -> list[str]:
        """The products on the list, and the one that is being written: nothing that stands in the form goes unheard."""
        typed = str(self._add.value or "").strip()
        return [*self._products, *([typed] if typed and typed not in self._products else [])]

    def label(self, name: str) -> str:
        """What the form calls a brief's field."""
        found = self._add if name == "product_ids" else self._fields.get(name)
        return name.replace("_", " ") if found is None else found.label

    def fill(self, brief: Mapping[str, Any]) -> None:
        """Show a brief."""
        fields = as_fields(brief)
        self._add.put(None)
        self._products = fields.pop("product_ids")
        for name, value in fields.items():
            self._fields[name].put(value)
        self._draw_products()

    def say(self, faults: Mapping[str, str], warnings: Mapping[str, str]) -> None:
        """Faults and warnings by a brief's field; what is in neither is well."""
        for name, one in self._fields.items():
            one.say(fault=faults.get(name, ""), warning=warnings.get(name, ""))
        self._add.say(fault=faults.get("product_ids", ""), warning=warnings.get("product_ids", ""))

    def take(self, name: str, value: str, *, said: str = "") -> None:
        """Fill in one field as if its user had; of products in place of the one that was ``said`` to be wrong."""
        if name == "product_ids":
            kept = [one for one in self._named if f"'{one}'" not in said]
            self._products = list(dict.fromkeys([*kept, value]))
            self._add.put(None)
            self._draw_products()
        elif name in self._fields:
            self._fields[name].put(value)
        self._on_change()

    def _draw(self, catalogue: Catalogue) -> None:
        def names(kept: Sequence[Any], key: str) -> dict[str, str]:
            return {getattr(one, key): getattr(one, "name", None) or getattr(one, key) for one in kept}

        def make(name: str, label: str, **settings: Any) -> None:
            self._fields[name] = field(label, on_change=lambda value: self._changed(name, value), **settings)

        text("What is sold", tag="h3")
        with ui.element("div").classes("cr-form"):
            markets = {one.market: f"{one.market} · {one.creators:,} creators" for one in catalogue.markets}
            make("market", "Market", kind="select", options={"": "Choose", **markets}, required=True, wait=0.0)
            make("brand_id", "Brand", options=names(catalogue.brands, "brand_id"))
            make("category_id", "Category", options=names(catalogue.categories, "category_id"))
            make("price", "Price", kind="number", low=0, hint="Empty: the products' own")
            make("currency", "Currency", kind="select", options=sorted(catalogue.currencies), value="USD", wait=0.0)
        with ui.element("div").classes("cr-line cr-products"):
            self._add = field(
                "Products", hint="An id; Enter or leave the field to add it", on_change=self._product_typed, wait=0.2
            )
            self._chips = ui.element("div").classes("cr-line")
        text("The offer to creators", tag="h3")
        with ui.element("div").classes("cr-form"):
            make(
                "commission_rate", "Commission", kind="number", low=0, high=100, step=0.5, unit="%", required=True,
                hint="Of net sales",
            )  # fmt: skip
            make("flat_fee", "Fee per creator", kind="number", low=0, hint="Empty: none")
            make("has_free_sample", "Free sample for each", kind="checkbox", value=False, wait=0.0)
            make("budget", "Budget of the campaign", kind="number", low=0)
        text("The campaign", tag="h3")
        with ui.element("div").classes("cr-form"):
            goals = {"SALES": "Sales", "LAUNCH": "Launch", "AWARENESS": "Awareness"}
            make("objective", "Objective", kind="select", options=goals, value="SALES", wait=0.0)
            ways = {"TARGET": "By invitation", "OPEN": "Open to whoever asks"}
            make("collaboration", "Collaboration", kind="select", options=ways, value="TARGET", wait=0.0)
            make("starts_at", "Content from", kind="date", hint="Empty: the snapshot's day", wait=0.0)
            make("ends_at", "Content until", kind="date", hint="Empty: 21 days later", wait=0.0)

    def _changed(self, name: str, value: Any) -> Awaitable[Any] | None:
        if name == "market" and value in self._currencies and self._currencies[value]:
            self._fields["currency"].put(self._currencies[value])
        self._on_change()
        return self._suggest("") if name in ("brand_id", "category_id") else None

    async def _product_typed(self, value: str | None) -> None:
        typed = (value or "").strip()
        if not typed:
            self._on_change()
            return
        known = await self._suggest(typed)
        if typed in known:
            self.add_product(typed)
        else:
            self._on_change()

    def add_product(self, product_id: str) -> None:
        """Put a product on the list."""
        if product_id not in self._products:
            self._products.append(product_id)
        self._add.put(None)
        self._draw_products()
        self._on_change()

    async def _suggest(self, typed: str) -> list[str]:
        """Offer products that fit brand, category and what is typed; their ids."""
        try:
            found = await self._client.products(
                brand_id=self._fields["brand_id"].value or None,
                category_id=self._fields["category_id"].value or None,
                q=typed or None,
                top=_SUGGESTED,
            )
        except CollabrankError:  # suggestions are a convenience; the check says what is wrong
            return []
        self._add.offer(
            {
                one.product_id: " · ".join(
                    part
                    for part in (
                        one.name or "",
                        one.category_id,
                        "" if one.price is None else f"{one.price:,.2f} {one.currency}",
                    )
                    if part
                )
                for one in found
            }
        )
        return [one.product_id for one in found]

    def _draw_products(self) -> None:
        self._chips.clear()
        with self._chips:
            for product_id in self._products:
                with ui.element("span").classes("cr-chip cr-chip-accent"):
                    text(product_id)
                    button("×", lambda one=product_id: self._remove(one), kind="bare", title=f"Remove {product_id}")

    def _remove(self, product_id: str) -> None:
        self._products.remove(product_id)
        self._draw_products()
        self._on_change()
