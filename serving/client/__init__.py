"""The service asked from Python: `Client` waits for its answers, `AsyncClient` is awaited.

    with Client("http://127.0.0.1:3000", key) as client:
        for creator in client.rank(campaign_id="ca_0179", top=5):
            print(creator.position, creator.username, creator.utility)

It speaks HTTP alone and needs nothing of the service's own code: what it gives back are dataclasses of its own.
"""

from __future__ import annotations

from serving.client.answers import (
    Amount,
    AsyncPage,
    AsyncRanking,
    Brand,
    Campaign,
    Card,
    Catalogue,
    Category,
    Component,
    Explanation,
    Feedback,
    FoundCreator,
    IndexCard,
    Key,
    Market,
    Me,
    Meaning,
    Notice,
    Page,
    Product,
    RankedCreator,
    Ranking,
    Reason,
    Service,
)
from serving.client.asking import AsyncClient, Client

__all__ = [
    "Amount",
    "AsyncClient",
    "AsyncPage",
    "AsyncRanking",
    "Brand",
    "Campaign",
    "Card",
    "Catalogue",
    "Category",
    "Client",
    "Component",
    "Explanation",
    "Feedback",
    "FoundCreator",
    "IndexCard",
    "Key",
    "Market",
    "Me",
    "Meaning",
    "Notice",
    "Page",
    "Product",
    "RankedCreator",
    "Ranking",
    "Reason",
    "Service",
]
