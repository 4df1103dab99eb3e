"""What a page is asked about: a campaign that the snapshot knows, or a brief that was written here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from serving.console.registry import Visit

__all__ = ["Asking", "asking_of"]

_LAST = "asking"


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
