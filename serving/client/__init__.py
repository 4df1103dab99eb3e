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
    Explanation,
    Feedback,
    Notice,
    Page,
    RankedCreator,
    Ranking,
    Reason,
)
from serving.client.asking import AsyncClient, Client
from serving.client.looked_up import (
    Brand,
    Campaign,
    Card,
    Catalogue,
    Category,
    Component,
    FoundCreator,
    IndexCard,
    Key,
    Leader,
    Market,
    Me,
    Meaning,
    More,
    Product,
    Scatter,
    Service,
    Similar,
    SimilarCreator,
)
from serving.client.plans import (
    Limits,
    Noise,
    Outlook,
    Plan,
    PlannedCreator,
    Point,
    Power,
    Sums,
    WhatIf,
)
from serving.client.results import (
    Drift,
    Metric,
    Model,
    Models,
    Moved,
    Outcome,
    Outcomes,
    Report,
    ReportEntry,
)

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
    "Drift",
    "Explanation",
    "Feedback",
    "FoundCreator",
    "IndexCard",
    "Key",
    "Leader",
    "Limits",
    "Market",
    "Me",
    "Meaning",
    "Metric",
    "Model",
    "Models",
    "More",
    "Moved",
    "Noise",
    "Notice",
    "Outcome",
    "Outcomes",
    "Outlook",
    "Page",
    "Plan",
    "PlannedCreator",
    "Point",
    "Power",
    "Product",
    "RankedCreator",
    "Ranking",
    "Reason",
    "Report",
    "ReportEntry",
    "Scatter",
    "Service",
    "Similar",
    "SimilarCreator",
    "Sums",
    "WhatIf",
]
