"""What is looked up and not ranked: who asks, what a brief can name, campaigns, cards, and how creators compare.

Each is a function of what is served, as the key sees it, and of a checked query; the table of routes
(``serving/app/routes.py``) names it, and its answers are kept until a newer pair is served.
"""

from __future__ import annotations

from serving.lookups.behind import BehindAnswer, behind
from serving.lookups.campaigns import CampaignsAnswer, CampaignsQuery, campaigns
from serving.lookups.cards import CardAnswer, card
from serving.lookups.catalogue import CatalogueAnswer, ProductsAnswer, ProductsQuery, catalogue, products
from serving.lookups.history import HistoryAnswer, history
from serving.lookups.identity import MeAnswer, me
from serving.lookups.kept import Kept, written
from serving.lookups.leaders import LeadersAnswer, LeadersQuery, ScatterAnswer, ScatterQuery, leaders, scatter
from serving.lookups.models import ModelsAnswer, models
from serving.lookups.outcomes import MOST_SHOWN, OutcomesAnswer, OutcomesQuery, outcomes
from serving.lookups.reports import ReportsAnswer, report, report_page, reports
from serving.lookups.similar import SimilarAnswer, SimilarQuery, similar

__all__ = [
    "MOST_SHOWN",
    "BehindAnswer",
    "CampaignsAnswer",
    "CampaignsQuery",
    "CardAnswer",
    "CatalogueAnswer",
    "HistoryAnswer",
    "Kept",
    "LeadersAnswer",
    "LeadersQuery",
    "MeAnswer",
    "ModelsAnswer",
    "OutcomesAnswer",
    "OutcomesQuery",
    "ProductsAnswer",
    "ProductsQuery",
    "ReportsAnswer",
    "ScatterAnswer",
    "ScatterQuery",
    "SimilarAnswer",
    "SimilarQuery",
    "behind",
    "campaigns",
    "card",
    "catalogue",
    "history",
    "leaders",
    "me",
    "models",
    "outcomes",
    "products",
    "report",
    "report_page",
    "reports",
    "scatter",
    "similar",
    "written",
]
