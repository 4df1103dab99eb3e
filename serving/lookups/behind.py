"""What lies behind a creator's card, as the snapshot keeps it and as the key may see it.

What a brand's creators did for it is that brand's business: a key that is bound to brands is told its own brands'
events and partnerships, and of the others only how many events count in each part. A creator's key is told what the
creator did for whom, and not what the brands alone know of it: their money, their estimates and their stars.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from features.indices import INDICES
from serving.creators import creator_at_home
from serving.keys import ApiKey
from serving.pair import Served

__all__ = ["BehindAnswer", "EventAnswer", "LeftOutAnswer", "PartnershipAnswer", "behind"]

_NONE = "this snapshot keeps nothing of it: `collabrank snapshot DIR --behind` takes one that does"

_BRANDS_OWN = frozenset({"brand_stars", "profit_per_partnership", "profit_per_cost", "lift_per_partnership"})
"""Components whose events brands know and creators do not."""

_COMPONENTS = {component.name: component for index in INDICES.values() for component in index.components}


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EventAnswer(_Answer):
    """One event that counts."""

    component: str = Field(description="The part of an index that it counts in, as the card names it.")
    day: str = Field(description="When it happened.")
    brand_id: str | None = Field(description="With which brand; null where not known.")
    value: float = Field(description="What it says, in `unit`.")
    unit: str
    weight: float = Field(
        description="0..1: half of it is gone every 45 days, and one brand's events together weigh at most three of "
        "today."
    )


class LeftOutAnswer(_Answer):
    """What counts neither for nor against."""

    what: str = Field(description="invitation, sample or partnership.")
    id: str = Field(description="Its id.")
    day: str = Field(description="When it was sent, or asked for.")
    brand_id: str | None = Field(description="Of which brand; null where not known.")
    reason: str = Field(description="Why it does not count.")


class PartnershipAnswer(_Answer):
    """An invitation that was accepted, or a request that was approved, and what it came to."""

    invitation_id: str = Field(description="As the marketplace calls it.")
    campaign_id: str | None = Field(description="For which campaign; null where not known.")
    brand_id: str | None = Field(description="With which brand; null where not known.")
    category_id: str | None = Field(description="What was sold; null where not known.")
    invited: str = Field(description="When it was sent.")
    due: str | None = Field(description="When the content was due; null where not known.")
    posted: str | None = Field(description="When it came; null where it did not, or nobody told.")
    outcome: str = Field(description="on_time, late, delivered, failed, excused, open or void.")
    reason: str = Field(description="The rule that decided.")


class BehindAnswer(_Answer):
    """What lies behind a creator's card."""

    creator_id: str
    as_of: str = Field(description="The snapshot's day.")
    events: list[EventAnswer] = Field(description="Those that count, the newest first, as far as the key may see them.")
    others: dict[str, int] = Field(
        description="By part of an index, how many more count that are not told: other brands', or the brands' alone."
    )
    left_out: list[LeftOutAnswer] = Field(
        description="Of the last 180 days, the newest first, as far as the key may see it."
    )
    partnerships: list[PartnershipAnswer] = Field(description="The newest first, as far as the key may see them.")
    note: str | None = Field(description="Why nothing is told, where the snapshot keeps nothing; null otherwise.")


def behind(served: Served, key: ApiKey | None, creator_id: str) -> BehindAnswer:
    """What lies behind the card of ``creator_id``, an id or a username, as ``key`` may see it.

    Raises
    ------
    SnapshotError
        There is no such creator (404).
    BriefError
        Several creators have the username (409).
    """
    name, home = creator_at_home(served, creator_id)
    part = served.snapshot.of_market(home)
    as_of = f"{served.as_of:%Y-%m-%d}"
    if part.behind is None:
        return BehindAnswer(
            creator_id=name, as_of=as_of, events=[], others={}, left_out=[], partnerships=[], note=_NONE
        )
    row = part.rows_of[name]
    events = part.behind.events.of(row)
    told = [one for one in events if _may_see(key, one) and not _of_brands_alone(key, one)]
    others = Counter(one["component"] for one in events) - Counter(one["component"] for one in told)
    return BehindAnswer(
        creator_id=name,
        as_of=as_of,
        events=[EventAnswer(**_known(one), unit=_COMPONENTS[one["component"]].unit) for one in told],
        others=dict(sorted(others.items())),
        left_out=[LeftOutAnswer(**_known(one)) for one in part.behind.left_out.of(row) if _may_see(key, one)],
        partnerships=[
            PartnershipAnswer(**_known(one)) for one in part.behind.partnerships.of(row) if _may_see(key, one)
        ],
        note=None,
    )


def _may_see(key: ApiKey | None, line: dict[str, Any]) -> bool:
    # What nobody knows the brand of is not everybody's: a key that is bound sees its brands' alone.
    brand = line["brand_id"]
    return key is None or key.brands is None or (brand != "" and brand in key.brands)


def _of_brands_alone(key: ApiKey | None, event: dict[str, Any]) -> bool:
    return key is not None and key.scope == "creator" and event["component"] in _BRANDS_OWN


def _known(line: dict[str, Any]) -> dict[str, Any]:
    """The same, what is not known as None."""
    return {name: value if value != "" else None for name, value in line.items()}
