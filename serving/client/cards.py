"""What the client gives back of one creator: the score card, how it went, and what lies behind it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from marketplace.display import Shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Behind",
    "Card",
    "Component",
    "Event",
    "History",
    "IndexCard",
    "LeftOut",
    "More",
    "Partnership",
]


@dataclass(frozen=True)
class More:
    """One more good event, and the points of the index that it would add."""

    text: str
    points: float | None


@dataclass(frozen=True)
class Component:
    """One part of an index: see the fields of ``ComponentAnswer`` on the service's page."""

    name: str
    text: str
    unit: str
    value: float | None
    own: float | None
    expected: float | None
    n: float | None
    percentile: float | None
    weight: float
    expected_from: str = "peers"
    expected_n: float | None = None
    scale: str = ""
    less_is_better: bool = False
    more: More | None = None


@dataclass(frozen=True)
class IndexCard:
    """One index with its 80 % interval, confidence, peers and parts."""

    value: float | None
    low: float | None
    high: float | None
    confidence: float | None
    peer_average: float | None
    peer_rank: int
    peer_count: int
    change_28d: float | None
    says: str
    peers: str
    components: tuple[Component, ...]
    note: str | None = None


@dataclass(frozen=True, repr=False)
class Card(Shown):
    """A creator's score card.

    Attributes
    ----------
    indices : dict of str to IndexCard
        The seven that no category enters.
    category_influence : dict of str to IndexCard
        By category.
    basis : str or None
        What the model stands on that ranks beside the card.
    data : dict
        The card as the service gave it.
    """

    creator_id: str
    username: str | None
    market: str
    language: str | None
    agency_status: str | None
    joined_on: str
    follower_count: int | None
    as_of: str
    indices: dict[str, IndexCard]
    category_influence: dict[str, IndexCard]
    basis: str | None = None
    data: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def headline(self) -> str:
        """The answer in one line."""
        return f"{self.username or self.creator_id} ({self.market}), as of {self.as_of[:10]}"

    def rows(self) -> list[tuple[str, str, IndexCard]]:
        """Index, category (empty for the seven without one) and what the card says, the best category first."""
        found = [(name, "", one) for name, one in self.indices.items()]
        ordered = sorted(self.category_influence.items(), key=lambda item: -(item[1].value or 0.0))
        return found + [("category_influence", category, one) for category, one in ordered]

    def to_frame(self) -> pd.DataFrame:
        """One row an index (and a category): value, interval, confidence, peers and change."""
        import pandas as pd

        fields = (
            "value",
            "low",
            "high",
            "confidence",
            "peer_average",
            "peer_rank",
            "peer_count",
            "change_28d",
            "peers",
        )
        rows = [
            {"index": name, "category": category, **{one: getattr(index, one) for one in fields}}
            for name, category, index in self.rows()
        ]
        return pd.DataFrame(rows).set_index(["index", "category"])


@dataclass(frozen=True, repr=False)
class History(Shown):
    """How a creator's indices went, week by week, oldest first; None where the creator was not known yet.

    ``note`` says why there is none, where there is none.
    """

    creator_id: str
    days: tuple[str, ...]
    indices: dict[str, tuple[float | None, ...]]
    confidence: dict[str, tuple[float | None, ...]]
    note: str | None = None

    @property
    def headline(self) -> str:
        """The answer in one line."""
        return f"{len(self.days)} weeks of {self.creator_id}"

    def to_frame(self) -> pd.DataFrame:
        """One row a week, one column an index."""
        import pandas as pd

        return pd.DataFrame(self.indices, index=pd.Index(self.days, name="day"), dtype=float)


@dataclass(frozen=True)
class Event:
    """One event that counts in an index, with its brand, amount and weight (0..1)."""

    component: str
    day: str
    brand_id: str | None
    value: float
    unit: str
    weight: float


@dataclass(frozen=True)
class LeftOut:
    """An invitation, sample or partnership that counts neither for nor against, and why."""

    what: str
    id: str
    day: str
    brand_id: str | None
    reason: str


@dataclass(frozen=True)
class Partnership:
    """An invitation that was accepted, or a request that was approved, and what it came to."""

    invitation_id: str
    campaign_id: str | None
    brand_id: str | None
    category_id: str | None
    invited: str
    due: str | None
    posted: str | None
    outcome: str
    reason: str


@dataclass(frozen=True, repr=False)
class Behind(Shown):
    """What lies behind a creator's card, the newest first, as far as the key may see it.

    ``others`` counts, by part of an index, the events that are not told; ``note`` says why nothing is, where the
    snapshot keeps nothing.
    """

    creator_id: str
    as_of: str
    events: tuple[Event, ...]
    others: dict[str, int]
    left_out: tuple[LeftOut, ...]
    partnerships: tuple[Partnership, ...]
    note: str | None = None

    @property
    def headline(self) -> str:
        """The answer in one line."""
        return (
            f"{len(self.events)} events, {len(self.left_out)} left out, {len(self.partnerships)} partnerships of "
            f"{self.creator_id}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row an event that counts."""
        import pandas as pd

        return pd.DataFrame(
            [asdict(one) for one in self.events], columns=["component", "day", "brand_id", "value", "unit", "weight"]
        )
