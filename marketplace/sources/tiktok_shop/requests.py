"""Samples that creators asked for in open collaborations, as requests of monthly rounds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from marketplace.sources.tiktok_shop.endpoints import value_at
from marketplace.sources.tiktok_shop.products import Products
from marketplace.sources.tiktok_shop.store import State, Store
from marketplace.sources.tiktok_shop.values import amount, at, of_ten_thousand

__all__ = ["CONTENT_DAYS", "Requests", "asked_when", "read_requests"]

CONTENT_DAYS = 30
"""Days after a round in which content for its samples is due: a sample travels some days, and the platform then gives
a creator about two weeks. The API tells no date."""

_REFUSED = {
    "REJECT_CANCELLED": "DECLINE",
    "OVERDUE_CANCELLED": "EXPIRED",
    "WITHDRAW_CANCELLED": "EXPIRED",
    "OPS_CANCELLED": "EXPIRED",
    "DEL_OPEN_COLLAB": "WITHDRAWN_BY_SELLER",
}
"""What became of a request that no order was made for."""


@dataclass(frozen=True)
class Requests:
    """What creators asked for.

    Attributes
    ----------
    campaigns, invitations : DataFrame
        Rows of these tables: the rounds, and the requests.
    of : dict of str to (str, str)
        Invitation and campaign of each sample, by the sample's id.
    unplaced : int
        Samples of no collaboration that is known.
    """

    campaigns: pd.DataFrame
    invitations: pd.DataFrame
    of: dict[str, tuple[str, str]]
    unplaced: int


@dataclass
class _Round:
    collaboration: str
    product: str
    month: datetime
    first: datetime
    rates: Counter[float]


def asked_when(store: Store) -> dict[str, datetime]:
    """When each sample was asked for, by its id: as its order says, else when it was first seen."""
    approved = _approved_when(store)
    asked: dict[str, datetime] = {}
    for state in store.states("samples"):
        seen = at(state.seen)
        if seen is not None:
            told = min(approved.get(state.id, seen), seen)
            asked[state.id] = min(told, asked.get(state.id, told))
    return asked


def _approved_when(store: Store) -> dict[str, datetime]:
    """When the order of each sample was made, by the sample's id."""
    orders = {name: body for name, body in store.latest("orders").items() if body.get("is_sample_order")}
    made = {
        name: at(orders.get(str(body.get("order_id")), {}).get("create_time"))
        for name, body in store.latest("samples").items()
    }
    return {name: when for name, when in made.items() if when is not None}


def read_requests(store: Store, products: Products, *, brand: str, market: str) -> Requests:
    """Samples that belong to no target collaboration, as requests in rounds of their product's open collaboration.

    An open collaboration has no end: all who asked within a calendar month (UTC) were weighed against each other, and
    are a campaign. Its brief counts as written when the month began, or when its product was first there, and never
    after the first request. A request counts as approved from the sample's order on; how it was refused, from when
    that was first seen.
    """
    targeted = {state.id for state in store.states("sample_collaborations")}
    open_: dict[str, Mapping[str, Any]] = {
        one["product"]["id"]: one for one in store.latest("open_collaborations").values()
    }
    asked, approved = asked_when(store), _approved_when(store)
    rounds: dict[str, _Round] = {}
    of: dict[str, tuple[str, str]] = {}
    states: dict[str, list[State]] = defaultdict(list)
    unplaced: set[str] = set()
    for state in store.states("samples"):
        product = state.body["product"]["id"]
        if state.id in targeted or state.id not in asked or product not in products:
            continue
        collaboration = open_.get(product, {}).get("id")
        if not collaboration:
            unplaced.add(state.id)
            continue
        when = asked[state.id]
        month = datetime(when.year, when.month, 1, tzinfo=UTC)
        campaign = f"{collaboration}:{month:%Y-%m}"
        held = rounds.setdefault(campaign, _Round(collaboration, product, month, when, Counter()))
        held.first = min(held.first, when)
        rate = amount(state.body.get("commission_rate"))
        if rate is not None and rate <= 1.0:
            held.rates[rate] += 1
        invitation = f"{campaign}:{state.body['creator']['creator_open_id']}"
        of[state.id] = (invitation, campaign)
        states[invitation].append(state)
    briefs = {
        name: _brief(name, held, products, told=open_[held.product], brand=brand, market=market)
        for name, held in sorted(rounds.items())
    }
    known = {name: brief for name, brief in briefs.items() if brief is not None}
    rows = [
        row
        for invitation, own in sorted(states.items())
        if of[own[0].id][1] in known
        for row in _request(invitation, known[of[own[0].id][1]], own, asked, approved)
    ]
    frame = pd.DataFrame(rows)
    for name in ("replied_at", "decided_at"):
        if name in frame:
            frame[name] = pd.to_datetime(frame[name], utc=True)
    placed = {sample: pair for sample, pair in of.items() if pair[1] in known}
    return Requests(pd.DataFrame(known.values()), frame, placed, len(unplaced) + len(of) - len(placed))


def _brief(
    name: str, held: _Round, products: Products, *, told: Mapping[str, Any], brand: str, market: str
) -> dict[str, Any] | None:
    running = of_ten_thousand(value_at(told, "current_commission.rate"))
    rate = held.rates.most_common(1)[0][0] if held.rates else running
    if rate is None:
        return None
    there = products.since(held.product) or held.month
    written = min(held.first, max(held.month, there))
    ends = (held.month + timedelta(days=32)).replace(day=1) + timedelta(days=CONTENT_DAYS)
    return {
        "campaign_id": name,
        "brand_id": brand,
        "market": market,
        "category_id": products.category(held.product),
        "product_ids": [held.product],
        "objective": "SALES",
        "collaboration": "OPEN",
        "currency": products.currency(held.product),
        "commission_rate": rate,
        "has_free_sample": True,
        "briefed_at": written,
        "starts_at": written,
        "ends_at": ends,
        "known_at": written,
    }


def _request(
    invitation: str,
    brief: Mapping[str, Any],
    states: list[State],
    asked: Mapping[str, datetime],
    approved: Mapping[str, datetime],
) -> list[dict[str, Any]]:
    """The states of one request: who asked twice in a round made one, and an approval settles it."""
    sent = min(asked[state.id] for state in states)
    own = {
        "invitation_id": invitation,
        "campaign_id": brief["campaign_id"],
        "creator_id": states[0].body["creator"]["creator_open_id"],
        "origin": "REQUESTED",
        "sent_at": sent,
        "commission_rate": brief["commission_rate"],
    }
    rows: dict[datetime, dict[str, Any]] = {sent: {**own, "decision": "PENDING", "known_at": sent}}
    before = "PENDING"
    for state in sorted(states, key=lambda one: (one.seen, one.id)):
        decision, seen = _decision(state.body), at(state.seen)
        if before in ("ACCEPT", decision) or seen is None:
            continue
        # The order of an approved sample dates the approval; nothing dates a refusal.
        when = max(min(approved.get(state.id, seen), seen) if decision == "ACCEPT" else seen, sent)
        told = {"replied_at": when, "decided_at": when} if decision != "PENDING" else {}
        rows[when] = {**own, **told, "decision": decision, "known_at": when}
        before = decision
    return [rows[when] for when in sorted(rows)]


def _decision(body: Mapping[str, Any]) -> str:
    status = body["status"]
    if body.get("order_id"):
        return "ACCEPT"
    return "PENDING" if status == "PENDING" else _REFUSED.get(status, "ACCEPT")
