"""What a page is asked about: a campaign that the snapshot knows, or a brief that was written here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from serving.client import Campaign
from serving.console.pieces import counted_text, money_text, percent_text
from serving.console.registry import Visit

__all__ = ["Asking", "Terms", "asking_of", "campaigns_of", "terms_of"]

_LAST = "asking"
_CAMPAIGNS = "campaigns"


@dataclass(frozen=True)
class Asking:
    """A campaign, or a kept brief.

    ``query`` names it in a page's address (``campaign=ca_0179``, ``brief=5f0c…``); ``body`` is what the client's
    ``rank``, ``explain`` and ``plan`` take of it: ``campaign_id``, or ``brief`` as `serving.schema.BriefBody` has it;
    ``applicants`` are those who asked for a sample, where a file of them was given.
    """

    query: str
    title: str
    body: dict[str, Any]
    applicants: tuple[str, ...] = ()


def asking_of(visit: Visit) -> Asking | None:
    """What the page's address names, else what was asked about last; None where that is nothing, or no longer kept."""
    campaign, brief = visit.query.get("campaign", ""), visit.query.get("brief", "")
    if not campaign and not brief:
        last = visit.memory.get(_LAST)
        if not last:
            return None
        campaign, brief = last
    found = None
    if campaign:
        found = Asking(f"campaign={campaign}", f"Campaign {campaign}", {"campaign_id": campaign})
    else:
        kept = visit.kept.one("briefs", brief)
        if kept is not None:
            asking = tuple(str(one) for one in kept.what.get("applicants", ()))
            found = Asking(f"brief={kept.id}", kept.name, {"brief": dict(kept.what["brief"])}, asking)
    if found is not None:
        visit.memory[_LAST] = (campaign, "" if campaign else brief)
    return found


@dataclass(frozen=True)
class Terms:
    """What is known of the terms of what is asked about; None where it is not."""

    market: str | None
    category_id: str | None
    currency: str
    commission_rate: float | None
    flat_fee: float | None

    def line(self, asking: Asking) -> str:
        """What is asked about, in one line that goes behind its title."""
        parts = [self.market, self.category_id]
        if self.commission_rate is not None:
            parts.append(f"{percent_text(self.commission_rate)} commission")
        if self.flat_fee:
            parts.append(f"{money_text(self.flat_fee, self.currency)} fee")
        if asking.applicants:
            parts.append(counted_text(len(asking.applicants), "applicant"))
        return " · ".join(part for part in parts if part)


async def campaigns_of(visit: Visit) -> dict[str, Campaign]:
    """The campaigns that the key may see, the newest first, by id; asked for once a session."""
    held = visit.memory.get(_CAMPAIGNS)
    if held is None:
        held = {}
        async for page in (await visit.client.campaigns(top=1000)).pages():
            held |= {one.campaign_id: one for one in page}
        visit.memory[_CAMPAIGNS] = held
    return dict(held)


async def terms_of(visit: Visit, asking: Asking) -> Terms:
    """The terms of a campaign or a kept brief."""
    if "brief" in asking.body:
        brief = asking.body["brief"]
        return Terms(
            brief.get("market"),
            brief.get("category_id"),
            brief.get("currency", "USD"),
            brief.get("commission_rate"),
            brief.get("flat_fee"),
        )
    known = (await campaigns_of(visit)).get(asking.body["campaign_id"])
    if known is None:
        return Terms(None, None, "USD", None, None)
    return Terms(known.market, known.category_id, known.currency, known.commission_rate, known.flat_fee)
