"""What the client gives back of what is looked up: creators, products, campaigns, and how creators compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from marketplace.display import Shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Brand",
    "Campaign",
    "Catalogue",
    "Category",
    "FoundCreator",
    "Key",
    "Leader",
    "Market",
    "Me",
    "Meaning",
    "Product",
    "Scatter",
    "Service",
    "Similar",
    "SimilarCreator",
]


@dataclass(frozen=True)
class FoundCreator:
    """One creator by what is public."""

    creator_id: str
    username: str
    market: str
    language: str | None
    follower_count: int | None


@dataclass(frozen=True)
class Product:
    """A product; ``price`` in ``currency``, None where not known."""

    product_id: str
    name: str | None
    brand_id: str
    category_id: str
    price: float | None
    currency: str


@dataclass(frozen=True)
class Campaign:
    """A campaign's brief; money in ``currency``, None where it is not told."""

    campaign_id: str
    brand_id: str
    market: str
    category_id: str
    product_ids: tuple[str, ...]
    objective: str
    collaboration: str
    briefed_at: datetime
    starts_at: datetime
    ends_at: datetime
    commission_rate: float
    flat_fee: float
    budget: float | None
    currency: str
    has_free_sample: bool
    price: float | None
    margin_rate: float | None

    def brief(self) -> dict[str, Any]:
        """The same written out, as ``rank(brief=...)`` takes it, to be changed: ranked as of the snapshot's day."""
        left_out = ("campaign_id", "briefed_at", "starts_at", "ends_at")
        told = {name: value for name, value in asdict(self).items() if name not in left_out and value is not None}
        return {**told, "product_ids": list(self.product_ids)}


@dataclass(frozen=True)
class Market:
    """A market that has creators."""

    market: str
    currency: str | None
    creators: int


@dataclass(frozen=True)
class Category:
    """A product category."""

    category_id: str
    name: str | None


@dataclass(frozen=True)
class Brand:
    """A brand that the key may ask for; ``category_id`` is that of most of its products."""

    brand_id: str
    name: str | None
    category_id: str | None


@dataclass(frozen=True)
class Meaning:
    """A number in an answer: its name there, a label for people, and what it says."""

    name: str
    label: str
    meaning: str


@dataclass(frozen=True)
class Catalogue:
    """What a brief can name, and what an answer's numbers mean.

    ``currencies``: USD for one unit of each currency whose rate is known.
    """

    as_of: str
    markets: tuple[Market, ...]
    categories: tuple[Category, ...]
    brands: tuple[Brand, ...]
    languages: tuple[str, ...]
    indices: tuple[Meaning, ...]
    predictions: tuple[Meaning, ...]
    currencies: dict[str, float]


@dataclass(frozen=True)
class Key:
    """The key that asks; ``brands`` is None where it is for all, ``expires`` where it does not end by itself."""

    name: str
    scope: str
    brands: tuple[str, ...] | None
    creator_id: str | None
    expires: str | None


@dataclass(frozen=True)
class Service:
    """What is served."""

    model_version: str
    ranker: str
    snapshot_as_of: str
    creators: int


@dataclass(frozen=True)
class Me:
    """Who asks, and what answers."""

    key: Key
    service: Service


@dataclass(frozen=True)
class Leader:
    """One creator by one index: ``value`` 0..100, ``interval`` the ends of its 80 % interval."""

    position: int
    creator_id: str
    username: str
    market: str
    followers: int | None
    value: float
    confidence: float
    interval: tuple[float, ...]


@dataclass(frozen=True)
class SimilarCreator:
    """One look-alike: ``similarity`` 0..1, and in what, in words."""

    creator_id: str
    username: str
    market: str
    followers: int | None
    similarity: float
    alike: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Similar(Shown):
    """A creator's look-alikes, the most alike first: iterable. ``note`` says why, where there are none."""

    creator_id: str
    by: str
    note: str | None
    similar: tuple[SimilarCreator, ...]

    @property
    def headline(self) -> str:
        """The answer in one line."""
        return f"{len(self.similar)} creators like {self.creator_id} by {self.by}"

    def __iter__(self) -> Iterator[SimilarCreator]:
        return iter(self.similar)

    def __len__(self) -> int:
        return len(self.similar)

    def to_frame(self) -> pd.DataFrame:
        """One row a look-alike."""
        import pandas as pd

        return pd.DataFrame([asdict(one) for one in self.similar])


@dataclass(frozen=True, repr=False)
class Scatter(Shown):
    """Two numbers of creators, column by column; ``of`` is how many have both, where a sample is told."""

    x_name: str
    y_name: str
    creators: tuple[str, ...]
    usernames: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    x_confidence: tuple[float, ...]
    y_confidence: tuple[float, ...]
    highlighted: tuple[str, ...]
    of: int

    @property
    def headline(self) -> str:
        """The answer in one line."""
        return f"{self.x_name} and {self.y_name} of {len(self.creators):,} of {self.of:,} creators"

    def __len__(self) -> int:
        return len(self.creators)

    def to_frame(self) -> pd.DataFrame:
        """One row a creator; the two numbers are called by their names."""
        import pandas as pd

        return pd.DataFrame(
            {
                "creator_id": self.creators,
                "username": self.usernames,
                self.x_name: self.x,
                self.y_name: self.y,
                f"{self.x_name}_confidence": self.x_confidence,
                f"{self.y_name}_confidence": self.y_confidence,
                "highlighted": [one in self.highlighted for one in self.creators],
            }
        )
