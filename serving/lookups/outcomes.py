"""What came of the creators whom rankings for a campaign showed: foretold against reported, from the decision log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from marketplace.contract import REPORTING_CURRENCY
from serving.pair import Served
from serving.problems import refusal
from serving.queries import Query

__all__ = ["MOST_SHOWN", "OutcomeAnswer", "OutcomesAnswer", "OutcomesQuery", "outcomes"]

MOST_SHOWN = 20_000
"""Places of rankings that are looked at, the latest."""

Lines = list[dict[str, Any]]


class OutcomesQuery(Query):
    """Of which campaign."""

    campaign_id: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="A campaign that the snapshot knows."
    )

    def goes_over(self, served: Served) -> int:  # noqa: ARG002
        """As many places of rankings as may be looked at: how many there are is not known before."""
        return MOST_SHOWN


class OutcomeAnswer(BaseModel):
    """One creator whom a ranking showed, as the latest one told of them."""

    model_config = ConfigDict(extra="forbid")

    creator_id: str
    username: str = Field(description="Empty where not known.")
    request_id: str = Field(description="The latest answer that showed them.")
    model_version: str = Field(description="That made it.")
    shown_at: str = Field(description="When that was, ISO 8601.")
    rankings: int = Field(description="Answers that showed them.")
    position: int | None = Field(description="In the latest one.")
    score: float | None = Field(description="In the latest one, 0..100.")
    expected_profit: float | None = Field(description="In the latest one, in `currency`.")
    currency: str
    events: dict[str, str] = Field(description="What was reported, and when it happened first.")


class OutcomesAnswer(BaseModel):
    """Creators whom rankings for a campaign showed, and what came of them."""

    model_config = ConfigDict(extra="forbid")

    campaign_id: str = Field(description="The campaign.")
    rankings: int = Field(description="Answers of `/rank` for it; previews are none.")
    reported: dict[str, int] = Field(description="Creators by what was reported of them.")
    expected_profit: float | None = Field(
        description="Of those reported as invited, together; null where none is known."
    )
    currency: str
    creators: list[OutcomeAnswer] = Field(description="Those of whom most came first, then as ranked.")


_FAR = ("DELIVERED", "ACCEPTED", "DECLINED", "INVITED", "SHORTLISTED", "OPENED", "DISMISSED", "SHOWN")
_ASKED = {"INVITED", "ACCEPTED", "DECLINED", "DELIVERED"}


def outcomes(served: Served, query: OutcomesQuery, logged: Callable[[str, str], tuple[Lines, Lines]]) -> OutcomesAnswer:
    """What ``logged`` (campaign, brand) -> (shown, events) tells of the campaign.

    Raises
    ------
    BriefError
        There is no such campaign (404).
    LogError
        The log cannot be read.
    """
    brief = served.snapshot.campaigns.get(query.campaign_id)
    if brief is None:
        raise refusal(
            404, "a campaign that the snapshot knows", received=repr(query.campaign_id), look="GET /campaigns"
        )
    shown, events = logged(query.campaign_id, brief.brand_id)
    latest: dict[str, dict[str, Any]] = {}
    times: Counter[str] = Counter()
    for line in shown:  # the newest first
        times[line["creator_id"]] += 1
        latest.setdefault(line["creator_id"], line)
    came: dict[str, dict[str, str]] = {}
    for event in events:
        of = came.setdefault(event["creator_id"], {})
        of[event["event"]] = min(str(event["at"]), of.get(event["event"], "9999"))
    part = served.snapshot.of_market(brief.market)
    found = [
        OutcomeAnswer(
            creator_id=name,
            username=str(part.usernames[part.rows_of[name]]) if name in part.rows_of else "",
            request_id=line["request_id"],
            model_version=str(line["model_version"] or ""),
            shown_at=str(line["logged_at"]),
            rankings=times[name],
            position=line["position"],
            score=line["score"],
            expected_profit=line["utility"],
            currency=REPORTING_CURRENCY,
            events=dict(sorted(came.get(name, {}).items(), key=lambda item: item[1])),
        )
        for name, line in latest.items()
    ]
    found.sort(key=lambda one: (_how_far(one.events), one.position or 0, one.creator_id))
    invited = [one.expected_profit for one in found if _ASKED & set(one.events) and one.expected_profit is not None]
    return OutcomesAnswer(
        campaign_id=query.campaign_id,
        rankings=len({line["request_id"] for line in shown}),
        reported=dict(Counter(event for one in found for event in one.events)),
        expected_profit=sum(invited) if invited else None,
        currency=REPORTING_CURRENCY,
        creators=found,
    )


def _how_far(events: dict[str, str]) -> int:
    return min((_FAR.index(one) for one in events if one in _FAR), default=len(_FAR))
