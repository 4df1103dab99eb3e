"""What was fetched, as the contract's tables. docs/tiktok_shop.md says which field became what."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pandas as pd

from marketplace.contract import MARKETS, REPORTING_CURRENCY, TABLES
from marketplace.errors import SourceError
from marketplace.sources.base import Ingested
from marketplace.sources.tiktok_shop.collaborations import campaigns, invitations, read_applications
from marketplace.sources.tiktok_shop.contents import content_days, content_states
from marketplace.sources.tiktok_shop.creators import Creators, creator_snapshots
from marketplace.sources.tiktok_shop.orders import order_lines
from marketplace.sources.tiktok_shop.products import Products, product_days
from marketplace.sources.tiktok_shop.requests import read_requests
from marketplace.sources.tiktok_shop.store import Store

__all__ = ["map_store"]


def map_store(store: Store, *, brand: str, market: str | None = None) -> Ingested:
    """The tables made of ``store``, rows sorted by key.

    Parameters
    ----------
    brand : str
        The shop's id as a brand.
    market : str, optional
        Where the shop sells; told by its creators where it is not given.

    Raises
    ------
    SourceError
        The market is neither given nor told.
    """
    home = market or _told_market(store)
    products, creators = Products(store), Creators(store, home)
    briefs = campaigns(store, products, brand=brand, market=home)
    briefed = _ids(briefs, "campaign_id")
    invited = invitations(store, briefed)
    requests = read_requests(store, products, brand=brand, market=home)
    applications = read_applications(store, products, _ids(invited, "invitation_id"), requests.of)
    contents = content_states(store, creators, products, applications.contents)
    orders = order_lines(store, products, creators, campaigns=briefed, contents=_ids(contents, "content_id"))
    first = products.first() or datetime.now(UTC)
    frames = {
        "brands": pd.DataFrame({"brand_id": [brand], "market": home, "known_at": first}),
        "products": products.frame(brand),
        "product_days": product_days(store, products),
        "creators": creators.frame(),
        "creator_snapshots": creator_snapshots(store, home),
        "contents": contents,
        "content_days": content_days(store, contents),
        "orders": orders,
        "fx_rates": _dollars(orders),
        "campaigns": pd.concat([briefs, requests.campaigns], ignore_index=True),
        "invitations": pd.concat([invited, requests.invitations], ignore_index=True),
        "samples": applications.samples,
        "deliveries": applications.deliveries,
    }
    notes = [
        "the API tells no creator health rating, no margins, fees, budgets, reviews, costs or impressions",
        "joined_at is when a creator was first seen, not when it joined",
    ]
    if creators.unnamed:
        notes.append(f"{creators.unnamed} usernames of orders and videos are no known creator's: their id is @username")
    if applications.unplaced:
        notes.append(f"{applications.unplaced} samples belong to no collaboration that is known and are left out")
    currencies = sorted(set(orders["currency"]) - {REPORTING_CURRENCY}) if len(orders) else []
    if currencies:
        notes.append(f"bring fx_rates for {', '.join(currencies)}: the API tells no exchange rates")
    return Ingested({name: _sorted(frame, name) for name, frame in frames.items() if len(frame)}, notes)


def _told_market(store: Store) -> str:
    regions = Counter(one.get("selection_region") for one in store.latest("creators").values())
    told = [one for one, _ in regions.most_common() if one in MARKETS]
    if not told:
        raise SourceError(
            f"the shop's market: {', '.join(MARKETS)}", received="creators without a region", look="--market"
        )
    return str(told[0])


def _ids(frame: pd.DataFrame, column: str) -> frozenset[str]:
    return frozenset(frame[column]) if column in frame else frozenset()


def _dollars(orders: pd.DataFrame) -> pd.DataFrame:
    """A dollar is a dollar, on every day from the first order to the last."""
    if orders.empty:
        return pd.DataFrame()
    first, last = orders["ordered_at"].min(), orders["known_at"].max()
    days = pd.date_range(first.floor("D") - timedelta(days=1), last.ceil("D"), freq="D", tz="UTC")
    return pd.DataFrame({"currency": REPORTING_CURRENCY, "day": days.date, "usd_rate": 1.0, "known_at": days})


def _sorted(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    for column in TABLES[table].columns:
        if column.name not in frame:
            continue
        if column.type == "instant":
            frame[column.name] = pd.to_datetime(frame[column.name], utc=True).astype("datetime64[us, UTC]")
        elif column.type == "count":
            frame[column.name] = frame[column.name].astype("Int64")
        elif column.type == "measure":
            frame[column.name] = frame[column.name].astype("float64")
    return frame.sort_values(list(TABLES[table].key), kind="stable", ignore_index=True)
