"""Order lines: the shop's own orders, with what the affiliate endpoint and the returns tell of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from marketplace.contract import REFUND_DAYS
from marketplace.sources.tiktok_shop.creators import Creators
from marketplace.sources.tiktok_shop.endpoints import value_at
from marketplace.sources.tiktok_shop.products import Products
from marketplace.sources.tiktok_shop.store import State, Store
from marketplace.sources.tiktok_shop.values import amount, at

__all__ = ["order_lines"]

REFUNDED = frozenset({"RETURN_OR_REFUND_REQUEST_COMPLETE", "REPLACEMENT_REQUEST_REFUND_SUCCESS"})
"""States of a return after which the buyer has the money back."""

CONTENT_TYPES = {
    "VIDEO": "VIDEO", "LIVE": "LIVE", "PRE_LIVE": "LIVE", "SHOP": "SHOWCASE", "PROMOTION_PAGE": "SHOWCASE",
    "LINKSHARE": "SHOWCASE",
}  # fmt: skip
"""Where an affiliate order was bought, in the contract's words; the shop's own orders are ``SHOP``."""

AFFILIATE_ENDS = frozenset({"COMPLETED", "CANCELLED", "FROZEN", "DEDUCTED"})
"""States of an affiliate order that say more than that it was made."""

COMMISSION_MODELS = {"TIER": "TIERED", "FIX": "FIXED"}
"""How the name of a commission model begins, in capitals."""


def order_lines(
    store: Store, products: Products, creators: Creators, *, campaigns: frozenset[str], contents: frozenset[str]
) -> pd.DataFrame:
    """The table ``orders``: every state of every line that is told, oldest first.

    An order is ``PROCESSING`` from when it was made. Later states stand at the order's own update times and at those
    of its returns; a state that the affiliate endpoint alone tells (``FROZEN``) stands where it was first seen.
    Orders from before the first run's window, which were only updated in it, are left out.
    """
    affiliates = _affiliates(store)
    earliest = at(store.begins() - REFUND_DAYS * 86_400)
    returns = _returns(store)
    rows: list[dict[str, Any]] = []
    for states in _grouped(store.states("orders")):
        last = states[-1].body
        if last.get("is_sample_order"):
            continue
        own = list(affiliates.get(last["id"], ()))
        refunds = returns.get(last["id"], ())
        ordered = at(last["create_time"])
        if ordered is None or (earliest is not None and ordered < earliest):
            # The affiliate endpoint was not asked that far back: whose order it is was not told.
            continue
        for sku, items in _by_sku(last).items():
            product = str(items[0].get("product_id") or "")
            currency = items[0].get("currency") or value_at(last, "payment.currency")
            prices = {amount(one.get("sale_price")) for one in items}
            if product not in products or currency is None or None in prices:
                continue
            # Units of one SKU cost the same but for discounts on a part of them.
            price = sum(one for one in prices if one is not None) / len(prices)
            affiliate = _take(own, sku, product, price)
            told: Mapping[str, Any] = affiliate[-1].body if affiliate else {}
            creator = creators.id_of(told.get("creator_username"), ordered)
            content, collaboration = told.get("content_id"), told.get("target_collaboration_id")
            common = {
                "order_id": last["id"],
                "sku_id": sku,
                "product_id": product,
                "creator_id": creator,
                "content_id": content if content in contents else None,
                "content_type": CONTENT_TYPES.get(told.get("content_type") or "", "SHOWCASE") if creator else "SHOP",
                "campaign_id": collaboration if collaboration in campaigns else None,
                "ordered_at": ordered,
                "quantity": len(items),
                "price": price,
                "currency": currency,
                "is_paid_traffic": _is_paid(told) if creator else None,
                "commission_model": _model(told.get("commission_model")),
            }
            estimated, actual = _commission(told, "estimated"), _commission(told, "actual")
            states_of_line = _line_states(states, sku, refunds, affiliate, ordered)
            for place, (known, status, refunded) in enumerate(states_of_line):
                settled = place == len(states_of_line) - 1 and status != "PROCESSING" and actual is not None
                rows.append(
                    {
                        **common,
                        "status": status,
                        "refunded_quantity": min(refunded, len(items)),
                        "commission": actual if settled else estimated,
                        "known_at": known,
                    }
                )
    return pd.DataFrame(rows)


def _grouped(states: Iterator[State]) -> Iterator[list[State]]:
    group: list[State] = []
    for state in states:
        if group and group[0].id != state.id:
            yield group
            group = []
        group.append(state)
    if group:
        yield group


def _by_sku(order: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """An order's lines by SKU: the API has one line a unit."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in order["line_items"]:
        if line.get("sku_id") and not line.get("is_gift"):
            found[line["sku_id"]].append(line)
    return found


def _affiliates(store: Store) -> dict[str, list[list[State]]]:
    """By order, the states of every affiliate line."""
    found: dict[str, list[list[State]]] = defaultdict(list)
    for states in _grouped(store.states("affiliate_orders")):
        found[states[-1].body["order_id"]].append(states)
    return found


def _returns(store: Store) -> dict[str, list[tuple[datetime, dict[str, int]]]]:
    """By order, when money went back, and how many units of which SKU."""
    found: dict[str, list[tuple[datetime, dict[str, int]]]] = defaultdict(list)
    for states in _grouped(store.states("returns")):
        done = next((one.body for one in states if one.body["return_status"] in REFUNDED), None)
        when = at(done["update_time"]) if done else None
        if done is None or when is None:
            continue
        units: dict[str, set[str]] = defaultdict(set)
        for place, line in enumerate(done.get("return_line_items") or ()):
            if line.get("sku_id"):
                units[line["sku_id"]].add(str(line.get("order_line_item_id") or place))
        found[done["order_id"]].append((when, {sku: len(lines) for sku, lines in units.items()}))
    return found


def _take(own: list[list[State]], sku: str, product: str, price: float) -> list[State]:
    """The affiliate's line of this SKU, out of ``own``: by SKU where it is told, else by product, then by price."""

    def distance(one: list[State]) -> tuple[int, float]:
        told = amount(one[-1].body.get("price"))
        return (0 if one[-1].body.get("sku_id") == sku else 1, abs((told or 0.0) - price))

    fits = [
        one
        for one in own
        if one[-1].body.get("sku_id", sku) == sku and one[-1].body.get("product_id", product) == product
    ]
    if not fits:
        return []
    best = min(fits, key=distance)
    own.remove(best)
    return best


def _line_states(
    states: Sequence[State],
    sku: str,
    refunds: Sequence[tuple[datetime, Mapping[str, int]]],
    affiliate: Sequence[State],
    ordered: datetime,
) -> list[tuple[datetime, str, int]]:
    """When, in what state, and with how many units refunded; in time, neighbours differ."""
    moments: dict[datetime, str | None] = {when: None for when, units in refunds if units.get(sku)}
    for state in states:
        when = max(at(state.body["update_time"]) or ordered, ordered)
        moments[when] = _order_status(state.body, sku)
    found = [(ordered, "PROCESSING", 0)]
    status = "PROCESSING"
    for when in sorted(moments):
        status = moments[when] or status
        refunded = sum(units.get(sku, 0) for before, units in refunds if before <= when)
        # Who had the money back had paid: the line is over, whatever the order still says.
        told = "COMPLETED" if refunded and status == "PROCESSING" else status
        found.append((max(when, ordered), told, refunded))
    final = str(affiliate[-1].body.get("status") or "") if affiliate else ""
    when, told, refunded = found[-1]
    if final == "DEDUCTED" and refunded and told == "COMPLETED":
        # The refund is what was deducted.
        found[-1] = (when, final, refunded)
    # What the affiliate's side alone tells, from when it was seen.
    for state in affiliate:
        seen, said = at(state.seen), state.body.get("status")
        place = sum(before <= seen for before, _, _ in found) if seen is not None else 0
        if place and seen is not None and said in AFFILIATE_ENDS and said != found[place - 1][1]:
            found.insert(place, (seen, said, found[place - 1][2]))
    kept = found[:1]
    for one in found[1:]:
        if one[0] == kept[-1][0]:
            kept[-1] = one
        elif one[1:] != kept[-1][1:]:
            kept.append(one)
    return kept


def _order_status(order: Mapping[str, Any], sku: str) -> str:
    lines = [one for one in order["line_items"] if one.get("sku_id") == sku]
    said = {one.get("display_status") or order.get("status") for one in lines} or {order.get("status")}
    if said == {"CANCELLED"} or order.get("status") == "CANCELLED":
        return "CANCELLED"
    return "COMPLETED" if said == {"COMPLETED"} or order.get("status") == "COMPLETED" else "PROCESSING"


def _commission(told: Mapping[str, Any], which: str) -> float | None:
    """What the seller pays on the line: the creator's commission and that for shop ads, of which one applies."""
    parts = [amount(told.get(f"{which}_paid_{one}")) for one in ("commission", "shop_ads_commission")]
    return sum(one or 0.0 for one in parts) if any(one is not None for one in parts) else None


def _is_paid(told: Mapping[str, Any]) -> bool | None:
    """Whether an ad led to it: shop-ads commission is owed on no other line; None where neither figure is told."""
    parts = [amount(told.get(f"{which}_paid_shop_ads_commission")) for which in ("estimated", "actual")]
    if all(one is None for one in parts):
        return None
    return any(one is not None and one > 0.0 for one in parts)


def _model(told: Any) -> str | None:
    return next((word for begins, word in COMMISSION_MODELS.items() if str(told).upper().startswith(begins)), None)
