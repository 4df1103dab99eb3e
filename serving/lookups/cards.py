"""A creator's score card as the service gives it: the same that the command line shows, field by field."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from serving.creators import creator_named
from serving.pair import Served
from serving.queries import Nothing

__all__ = [
    "CardAnswer",
    "ComponentAnswer",
    "IndexCardAnswer",
    "IndicesCardAnswer",
    "MoreAnswer",
    "card",
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MoreAnswer(_Answer):
    """One more good event."""

    text: str = Field(description="What it would be.")
    points: float | None = Field(description="Points of the index that it would add, everything else as it is.")


class ComponentAnswer(_Answer):
    """One part of an index."""

    name: str = Field(description="The part.")
    text: str = Field(description="The same in words.")
    unit: str
    value: float | None = Field(
        description="The creator's, held towards what is expected; null where nothing of their own is known."
    )
    own: float | None = Field(description="What the creator's own events alone say.")
    expected: float | None = Field(description="What is expected where nothing is known.")
    expected_from: str = Field(description="Whom that expectation is taken from.")
    expected_n: float | None = Field(description="Events that the expectation weighs as much as.")
    n: float | None = Field(description="The creator's own events, older ones counting less.")
    percentile: float | None = Field(description="Where that stands among the peers, 0..100.")
    weight: float = Field(description="What the part counts in the index; together 1.")
    scale: str = Field(description="How the value is averaged: plain, or through a function that tames the largest.")
    less_is_better: bool = Field(description="Whether a smaller value stands higher.")
    more: MoreAnswer | None = Field(description="What one more good event would add; null where no single one does.")


class IndexCardAnswer(_Answer):
    """One index with its interval, peers and parts."""

    value: float | None = Field(description="0..100.")
    low: float | None = Field(description="Lower end of the 80 % interval.")
    high: float | None = Field(description="Upper end.")
    confidence: float | None = Field(description="How much of the value is the creator's own, 0..100.")
    peer_average: float | None = Field(description="Of the peers' values.")
    peer_rank: int = Field(description="1 is the best of the peers.")
    peer_count: int = Field(description="The creator included.")
    change_28d: float | None = Field(description="Against 28 days before; null where the creator was not known then.")
    says: str = Field(description="What the index says.")
    peers: str = Field(description="Who the peers are.")
    components: list[ComponentAnswer] = Field(description="Its parts.")
    note: str | None = Field(None, description="What held it, or what earns no more.")


class IndicesCardAnswer(_Answer):
    """The eight indices."""

    cooperation: IndexCardAnswer
    diligence: IndexCardAnswer
    collaborative: IndexCardAnswer
    consistent: IndexCardAnswer
    category_influence: dict[str, IndexCardAnswer] = Field(description="By category.")
    sales_drive: IndexCardAnswer
    content_volume: IndexCardAnswer
    profitability: IndexCardAnswer


class CardAnswer(_Answer):
    """A creator's score card: public fields and eight indices with intervals, peers and parts."""

    creator_id: str
    username: str | None = Field(description="The public handle; null where not known.")
    market: str
    language: str | None = Field(description="Null where not known.")
    agency_status: str | None = Field(description="AGENCY_MANAGED or INDEPENDENT; null where not known.")
    joined_on: str = Field(description="When the creator joined.")
    follower_count: int | None = Field(description="At the latest reading; null where not known.")
    as_of: str = Field(description="Nothing that became known after this is in here.")
    indices: IndicesCardAnswer = Field(description="0..100 each.")
    basis: str | None = Field(
        description="What the model stands on that ranks beside the card, null where it has heads of its own."
    )


def card(served: Served, _: Nothing, creator_id: str) -> dict[str, Any]:
    """One creator's score card, by id or else by username: plain data of `CardAnswer`'s form.

    Raises
    ------
    SnapshotError
        There is no such creator (404).
    BriefError
        Several creators have the username (409).
    """
    return served.card(creator_named(served, creator_id))
