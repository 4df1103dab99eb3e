"""The campaigns that the snapshot knows, as briefs to begin from: the newest first, page by page."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from features.briefs import Brief
from marketplace.contract import REPORTING_CURRENCY
from serving.brands import gone_over
from serving.cursors import LONGEST, Cursor, digest_of
from serving.lookups.catalogue import known_number
from serving.pair import Served
from serving.queries import Query

__all__ = ["CampaignAnswer", "CampaignsAnswer", "CampaignsQuery", "campaigns"]


class CampaignsQuery(Query):
    """Which campaigns."""

    brand_id: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="Of this brand alone."
    )
    top: Annotated[int, Field(ge=1, le=1000)] = Field(50, description="How many to return.")
    cursor: Annotated[str, Field(max_length=LONGEST)] | None = Field(
        None, description="`next_cursor` of the page before."
    )

    def goes_over(self, served: Served) -> int:
        """All campaigns, whosever they are."""
        return gone_over(served.snapshot.campaigns)


class CampaignAnswer(BaseModel):
    """A campaign's brief; money in `currency`."""

    model_config = ConfigDict(extra="forbid")

    campaign_id: str = Field(description="As `/rank` takes it.")
    brand_id: str = Field(description="Whose campaign it is.")
    market: str
    category_id: str = Field(description="Of what is sold.")
    product_ids: list[str] = Field(description="What is sold.")
    objective: str = Field(description="What it is for: SALES, LAUNCH or AWARENESS.")
    collaboration: str = Field(description="TARGET, by invitation, or OPEN.")
    briefed_at: datetime = Field(description="When the brief was written.")
    starts_at: datetime = Field(description="When content may begin.")
    ends_at: datetime = Field(description="When it must be there.")
    commission_rate: float = Field(description="Share of net sales that the creator gets, 0..1.")
    flat_fee: float = Field(description="Per creator.")
    budget: float | None = Field(description="Of the whole campaign; null where none is told.")
    currency: str
    has_free_sample: bool = Field(description="Whether each creator gets the product.")
    price: float | None = Field(description="Average list price of what is sold; null where not known.")
    margin_rate: float | None = Field(description="Gross margin of what is sold, as a share of net sales.")


class CampaignsAnswer(BaseModel):
    """Campaigns, the newest first."""

    model_config = ConfigDict(extra="forbid")

    campaigns: list[CampaignAnswer] = Field(description="Those that the key may see.")
    next_cursor: str | None = Field(description="For the page after this one; null where it was the last.")


def campaigns(served: Served, query: CampaignsQuery) -> CampaignsAnswer:
    """The campaigns that ``query`` asks for.

    Raises
    ------
    BriefError
        The cursor is none, or of another query (400), or of another snapshot (410).
    """
    world = digest_of({"snapshot": served.snapshot.fingerprint})
    asked = digest_of({"campaigns": query.brand_id})
    start = 0 if query.cursor is None else Cursor.read(query.cursor, world=world, request=asked).shown
    found = [one for one in served.snapshot.campaigns.values() if query.brand_id in (None, one.brand_id)]
    found.sort(key=lambda one: (one.briefed_at, str(one.campaign_id)), reverse=True)
    stop = start + query.top
    return CampaignsAnswer(
        campaigns=[_told(one) for one in found[start:stop]],
        next_cursor=Cursor(stop, world, asked).text() if len(found) > stop else None,
    )


def _told(brief: Brief) -> CampaignAnswer:
    return CampaignAnswer(
        campaign_id=str(brief.campaign_id),
        brand_id=brief.brand_id,
        market=brief.market,
        category_id=brief.category_id,
        product_ids=list(brief.product_ids),
        objective=brief.objective,
        collaboration=brief.collaboration,
        briefed_at=brief.briefed_at.to_pydatetime(),
        starts_at=brief.starts_at.to_pydatetime(),
        ends_at=brief.ends_at.to_pydatetime(),
        commission_rate=brief.commission_rate,
        flat_fee=brief.flat_fee_usd,
        budget=known_number(brief.budget_usd),
        currency=REPORTING_CURRENCY,
        has_free_sample=brief.has_free_sample,
        price=known_number(brief.price_usd),
        margin_rate=known_number(brief.margin_rate),
    )
