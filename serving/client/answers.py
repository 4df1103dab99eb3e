"""What the client gives back of a ranking, and lists page by page: dataclasses, with ``to_frame()``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from marketplace.display import Shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Amount",
    "AsyncPage",
    "AsyncRanking",
    "Explanation",
    "Feedback",
    "Notice",
    "Page",
    "RankedCreator",
    "Ranking",
    "Reason",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Amount:
    """An expected amount of money with the ends of its 80 % interval."""

    expected: float
    low: float
    high: float
    currency: str

    def __str__(self) -> str:
        return f"{self.expected:,.2f} {self.currency} ({self.low:,.2f} to {self.high:,.2f})"


@dataclass(frozen=True)
class Reason:
    """One signal's part in a prediction; a positive contribution (USD of expected profit) speaks for the creator."""

    signal: str
    value: float | None
    unit: str
    head: str
    contribution: float
    text: str
    words: str = ""
    """What ``text`` begins with, without its amounts; empty where an older service does not tell it apart."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class RankedCreator:
    """One creator in a ranking.

    Attributes
    ----------
    position : int
        1 is the best.
    slot : str
        ``ranked``, or ``explored`` where the place was drawn for.
    propensity : float
        The chance that this creator would be in this list.
    score : float
        0..100.
    utility : Amount
        Expected profit of inviting this creator, costs taken off.
    success_probability : float
        Chance that the invitation ends in delivered content, 0..1.
    lift : Amount
        Net sales that would not have happened otherwise, if content is delivered.
    nothing_posted_probability : float or None
        Of an applicant: the chance that the sample is sent and nothing is posted.
    indices : dict of str to float or None
        The eight indices, 0..100.
    index_doubt : dict of str to tuple of low, high, confidence
        Each index's 80 % interval, and how much of it is the creator's own, 0..100: at 0 it is what peers lead one to
        expect. None where not known, and from a service that does not tell.
    confidence : float or None
        Mean confidence of the indices, 0..100.
    follower_count : int or None
        At the latest reading.
    reasons : tuple of Reason
        The strongest first.
    """

    creator_id: str
    username: str
    position: int
    slot: str
    propensity: float
    score: float
    utility: Amount
    success_probability: float
    lift: Amount
    nothing_posted_probability: float | None = None
    indices: dict[str, Any] = field(default_factory=dict)
    index_doubt: dict[str, tuple[float | None, float | None, float | None]] = field(default_factory=dict)
    confidence: float | None = None
    follower_count: int | None = None
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        plain = {name: one["value"] if isinstance(one, Mapping) else one for name, one in self.indices.items()}
        told = {
            name: (one.get("low"), one.get("high"), one.get("confidence"))
            for name, one in self.indices.items()
            if isinstance(one, Mapping)
        }
        object.__setattr__(self, "indices", plain)
        object.__setattr__(self, "index_doubt", told or self.index_doubt)

    def guessed(self, index: str) -> bool:
        """Whether nothing of the creator's own stands behind ``index``: it is what peers lead one to expect."""
        return self.index_doubt.get(index, (None, None, None))[2] == 0

    def row(self) -> dict[str, Any]:
        """One flat row: amounts and intervals as columns, an index each, the reasons as texts."""
        return {
            "creator_id": self.creator_id,
            "username": self.username,
            "position": self.position,
            "slot": self.slot,
            "score": self.score,
            "profit": self.utility.expected,
            "profit_low": self.utility.low,
            "profit_high": self.utility.high,
            "success_probability": self.success_probability,
            "nothing_posted_probability": self.nothing_posted_probability,
            "lift": self.lift.expected,
            "lift_low": self.lift.low,
            "lift_high": self.lift.high,
            "currency": self.utility.currency,
            **self.indices,
            "confidence": self.confidence,
            "follower_count": self.follower_count,
            "reasons": [one.text for one in self.reasons],
        }


@dataclass(frozen=True)
class Notice:
    """Something in the request that may not be what was meant; ``closest``: known names that may have been."""

    field: str
    message: str
    closest: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class _Turned:
    """What knows how the page after it is asked for."""

    next_cursor: str | None
    _turn: Callable[[str], Any] | None = None

    def turned_by(self, turn: Callable[[str], Any]) -> Self:
        """The same, with what asks for the page of a cursor."""
        object.__setattr__(self, "_turn", turn)
        return self

    def _next(self) -> Any:
        return None if self.next_cursor is None or self._turn is None else self._turn(self.next_cursor)


class _Now(_Turned):
    def next(self) -> Self | None:
        """The page after this one; None where this was the last."""
        found: Self | None = self._next()
        return found

    def pages(self) -> Iterator[Self]:
        """This page and all after it."""
        page: Self | None = self
        while page is not None:
            yield page
            page = page.next()


class _Later(_Turned):
    async def next(self) -> Self | None:
        """The page after this one; None where this was the last."""
        asked = self._next()
        found: Self | None = None if asked is None else await asked
        return found

    async def pages(self) -> AsyncIterator[Self]:
        """This page and all after it."""
        page: Self | None = self
        while page is not None:
            yield page
            page = await page.next()


@dataclass(frozen=True, repr=False)
class _Ranked(Shown):
    request_id: str
    model_version: str
    as_of: datetime
    considered: int
    creators: tuple[RankedCreator, ...]
    weights: dict[str, float] = field(default_factory=dict)
    basis: str | None = None
    warnings: tuple[Notice, ...] = ()
    logged: bool | None = None

    @property
    def headline(self) -> str:
        """The answer in one line."""
        of = f"{len(self.creators)} of {self.considered:,} creators"
        return f"{of} by model {self.model_version}, as of {self.as_of:%Y-%m-%d}"

    def __iter__(self) -> Iterator[RankedCreator]:
        return iter(self.creators)

    def __len__(self) -> int:
        return len(self.creators)

    def __getitem__(self, place: int) -> RankedCreator:
        return self.creators[place]

    def to_frame(self) -> pd.DataFrame:
        """One row a creator: score, money with its interval, chances, indices, reasons as texts."""
        import pandas as pd

        return pd.DataFrame([one.row() for one in self.creators])


@dataclass(frozen=True, repr=False)
class _Listed(_Ranked):
    preview: bool = False
    filtered_out: dict[str, int] = field(default_factory=dict)
    unknown_applicants: tuple[str, ...] = ()
    next_cursor: str | None = None


@dataclass(frozen=True, repr=False)
class Ranking(_Listed, _Now):
    """The best creators for a brief, best first: iterable, and a page of a longer list.

    Attributes
    ----------
    request_id : str
        Names this answer, for `Client.feedback`.
    model_version : str
    as_of : datetime
        Nothing that became known after it was used.
    considered : int
        Creators that were ranked.
    creators : tuple of RankedCreator
    weights : dict of str to float
        What the score was made by: those asked for, or the model's own.
    basis : str or None
        What the model stands on where its marketplace had too few outcomes; None where it had enough.
    warnings : tuple of Notice
    logged : bool or None
        Whether the decision log has the answer; None of one that is part of a batch.
    preview : bool
    filtered_out : dict of str to int
        Creators left out, by reason.
    unknown_applicants : tuple of str
    next_cursor : str or None
    """


@dataclass(frozen=True, repr=False)
class AsyncRanking(_Listed, _Later):
    """As `Ranking`; ``next()`` and ``pages()`` are awaited."""


@dataclass(frozen=True, repr=False)
class Explanation(_Ranked):
    """Those asked about, in the order asked, with their places among all who are eligible.

    ``not_eligible``: those asked about who are not, or are not known.
    """

    not_eligible: tuple[str, ...] = ()


@dataclass(frozen=True)
class Feedback:
    """The event is in the log; ``repeated`` says whether it was there before."""

    request_id: str
    logged: bool = True
    repeated: bool = False


@dataclass(frozen=True, repr=False)
class _Items(Shown, Generic[T]):
    items: tuple[T, ...]
    more: bool = False
    next_cursor: str | None = None

    @property
    def headline(self) -> str:
        """The answer in one line."""
        return f"{len(self.items)} found" + (", and more" if self.more or self.next_cursor else "")

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> T:
        return self.items[place]

    def to_frame(self) -> pd.DataFrame:
        """One row an item, one column a field."""
        import pandas as pd

        return pd.DataFrame([asdict(one) for one in self.items])  # type: ignore[call-overload]


@dataclass(frozen=True, repr=False)
class Page(_Items[T], _Now):
    """Some of a list: iterable. ``more`` says whether there is more, ``next()`` asks for it where there are pages."""


@dataclass(frozen=True, repr=False)
class AsyncPage(_Items[T], _Later):
    """As `Page`; ``next()`` and ``pages()`` are awaited."""
