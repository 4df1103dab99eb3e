"""Target collaborations as campaigns and invitations, samples, and the content they led to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from marketplace.contract import MARKETS
from marketplace.sources.tiktok_shop.endpoints import value_at
from marketplace.sources.tiktok_shop.products import UNKNOWN_CATEGORY, Products
from marketplace.sources.tiktok_shop.requests import asked_when
from marketplace.sources.tiktok_shop.store import Store
from marketplace.sources.tiktok_shop.values import at, of_ten_thousand, whole

__all__ = ["Applications", "campaigns", "invitations", "read_applications"]


def campaigns(store: Store, products: Products, *, brand: str, market: str) -> pd.DataFrame:
    """The table ``campaigns``: a target collaboration each, with the rate of most of its products.

    One without a commission rate or without a product that is known is left out.
    """
    rows = []
    for state in store.states("collaboration_details"):
        body = state.body
        offered = [one for one in body.get("products") or () if one.get("id") in products]
        rates = Counter(of_ten_thousand(value_at(one, "commission.rate")) for one in offered)
        del rates[None]
        start, end = at(body["start_time"]), at(body["end_time"])
        if not rates or start is None or end is None:
            continue
        categories = Counter(products.category(one["id"]) for one in offered)
        if len(categories) > 1:
            del categories[UNKNOWN_CATEGORY]
        rows.append(
            {
                "campaign_id": state.id,
                "brand_id": brand,
                "market": _market(body, market),
                "category_id": categories.most_common(1)[0][0],
                "product_ids": [one["id"] for one in offered],
                "objective": "SALES",
                "collaboration": "TARGET",
                "currency": products.currency(offered[0]["id"]),
                "commission_rate": rates.most_common(1)[0][0],
                "has_free_sample": bool(value_at(body, "free_sample_rule.has_free_sample")),
                "briefed_at": start,
                "starts_at": start,
                "ends_at": end,
                "known_at": start,
            }
        )
    # A brief is known once: as it was first seen.
    return pd.DataFrame(rows).drop_duplicates("campaign_id") if rows else pd.DataFrame()


def _market(body: Mapping[str, Any], market: str) -> str:
    regions = Counter(one.get("selection_region") for one in body.get("creators") or ())
    told = [one for one, _ in regions.most_common() if one in MARKETS]
    return told[0] if told else market


def invitations(store: Store, known: frozenset[str]) -> pd.DataFrame:
    """The table ``invitations`` of the campaigns in ``known``.

    A creator has accepted who has put a product into the showcase or posted content; when, the API does not tell: the
    answer counts as known from when it was first seen. Who has done neither when the collaboration ends has expired
    then; who was taken out before has been withdrawn.
    """
    rows: list[dict[str, Any]] = []
    first: dict[str, int] = {}
    waiting: dict[str, tuple[dict[str, Any], datetime]] = {}
    settled: set[str] = set()
    for state in store.states("collaboration_details"):
        start, end, seen = at(state.body["start_time"]), at(state.body["end_time"]), at(state.seen)
        if state.id not in known or start is None or end is None or seen is None:
            continue
        first.setdefault(state.id, state.seen)
        rates = [of_ten_thousand(value_at(one, "commission.rate")) for one in state.body.get("products") or ()]
        for one in state.body.get("creators") or ():
            creator = one.get("creator_open_id")
            name = f"{state.id}:{creator}"
            if not creator or name in settled:
                continue
            if name not in waiting:
                # Whom the first reading has was invited when it began; who came in later, by then at the latest.
                sent = min(start, seen) if state.seen == first[state.id] else seen
                row = {
                    "invitation_id": name,
                    "campaign_id": state.id,
                    "creator_id": creator,
                    "commission_rate": next((rate for rate in rates if rate is not None), None),
                    "sent_at": sent,
                }
                waiting[name] = (row, end)
                rows.append({**row, "decision": "PENDING", "known_at": sent})
            row = waiting[name][0]
            waiting[name] = (row, end)
            decision = _decision(one)
            if decision != "PENDING":
                settled.add(name)
                if row["sent_at"] == seen:
                    rows.pop()
                rows.append({**row, "decision": decision, "known_at": seen})
    # A collaboration is read once more after its end: who had done nothing by then will not.
    reached = at(store.reached())
    for name, (row, end) in waiting.items():
        if name not in settled and reached is not None and row["sent_at"] < end <= reached:
            rows.append({**row, "decision": "EXPIRED", "decided_at": end, "known_at": end})
    frame = pd.DataFrame(rows)
    if "decided_at" in frame:
        frame["decided_at"] = pd.to_datetime(frame["decided_at"], utc=True)
    return frame


def _decision(creator: Mapping[str, Any]) -> str:
    if (whole(creator.get("showcase_product_count")) or 0) + (whole(creator.get("content_product_count")) or 0) > 0:
        return "ACCEPT"
    return "WITHDRAWN_BY_SELLER" if creator.get("collaboration_status") in ("DELETING", "DELETED") else "PENDING"


@dataclass(frozen=True)
class Applications:
    """What came of sample applications.

    Attributes
    ----------
    samples, deliveries : DataFrame
        The tables of these names.
    contents : dict of str to dict
        Content that was made for a sample, by id: ``creator_id``, ``format``, ``published_at``, ``live_end_at``,
        ``product_ids``.
    unplaced : int
        Applications of creators who had not been invited, in no open collaboration that is known either.
    """

    samples: pd.DataFrame
    deliveries: pd.DataFrame
    contents: dict[str, dict[str, Any]]
    unplaced: int


def read_applications(
    store: Store, products: Products, invited: frozenset[str], requests: Mapping[str, tuple[str, str]]
) -> Applications:
    """Samples and what was delivered for them, of the invitations in ``invited`` and of ``requests``: invitation and
    campaign by the sample's id."""
    collaborations = {one.id: one.body["collaboration_id"] for one in store.states("sample_collaborations")}
    orders = {name: body for name, body in store.latest("orders").items() if body.get("is_sample_order")}
    requested = asked_when(store)
    rows: list[dict[str, Any]] = []
    told: dict[str, tuple[str, str, str]] = {}
    unplaced: set[str] = set()
    for state in store.states("samples"):
        body, seen = state.body, at(state.seen)
        creator, product = body["creator"]["creator_open_id"], body["product"]["id"]
        if seen is None or product not in products:
            continue
        campaign = collaborations.get(state.id)
        invitation = f"{campaign}:{creator}"
        if campaign is None and state.id in requests:
            invitation, campaign = requests[state.id]
        elif invitation not in invited:
            campaign = None
        if campaign is None:
            unplaced.add(state.id)
            continue
        order = orders.get(str(body.get("order_id")), {})
        told[state.id] = (invitation, creator, campaign)
        rows.append(
            {
                "sample_id": state.id,
                "invitation_id": invitation,
                "creator_id": creator,
                "product_id": product,
                "status": body["status"],
                "fulfillment_status": body.get("fulfillment_status") or "PENDING",
                "shipped_at": at(order.get("rts_time")),
                "delivered_at": at(order.get("delivery_time")),
                "known_at": seen,
            }
        )
    for row in rows:
        row["requested_at"] = requested[row["sample_id"]]
        for name in ("shipped_at", "delivered_at"):
            # Told of the order today: a state that was seen before it happened did not have it.
            if row[name] is not None and row[name] > row["known_at"]:
                row[name] = None
    deliveries, contents = _deliveries(store, told)
    samples = pd.DataFrame(rows)
    for name in ("shipped_at", "delivered_at"):
        if name in samples:
            samples[name] = pd.to_datetime(samples[name], utc=True)
    return Applications(samples, deliveries, contents, len(unplaced))


def _deliveries(
    store: Store, told: Mapping[str, tuple[str, str, str]]
) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    rows: dict[str, dict[str, Any]] = {}
    contents: dict[str, dict[str, Any]] = {}
    for state in store.states("fulfillments"):
        sample, _, content = state.id.partition(":")
        made, posted = state.body["content"], at(state.body["content"]["create_time"])
        if sample not in told or posted is None:
            continue
        invitation, creator, campaign = told[sample]
        product = value_at(state.body, "product.id")
        contents[content] = {
            "creator_id": creator,
            "format": "LIVE" if made.get("format") == "LIVE" else "VIDEO",
            "published_at": posted,
            "live_end_at": at(made.get("live_end_time")),
            "product_ids": [product] if product else None,
        }
        rows[state.id] = {
            "delivery_id": state.id,
            "invitation_id": invitation,
            "creator_id": creator,
            "campaign_id": campaign,
            "content_id": content,
            "posted_at": posted,
            "known_at": posted,
        }
    return pd.DataFrame(rows.values()), contents
