"""What the client gives back of a plan: whom to invite, and what that may come to. Money in USD."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from marketplace.display import Shown
from serving.client.answers import Notice

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Limits", "Noise", "Outlook", "Plan", "PlannedCreator", "Point", "Power", "Sums", "WhatIf"]


@dataclass(frozen=True)
class Sums:
    """What is expected, and the 10 and 90 % points of what may come."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True)
class Outlook:
    """What a choice of invitations may come to; ``loss``, ``over_budget`` and ``over_samples`` are chances."""

    invitations: int
    accepted: Sums
    content: Sums
    samples: Sums
    sales: Sums
    spend: Sums
    commission: Sums
    profit: Sums
    loss: float
    over_budget: float
    over_samples: float


@dataclass(frozen=True)
class Limits:
    """What the plan may use; None: as much as it likes."""

    budget: float | None
    samples: int | None
    invitations: int | None
    spend: str
    per_creator: int | None = None
    per_brand: int | None = None


@dataclass(frozen=True)
class PlannedCreator:
    """One invitation of the plan, expected values."""

    creator_id: str
    username: str | None
    brand_id: str
    accept_probability: float
    deliver_probability: float
    success_probability: float
    lift: float
    spend: float
    profit: float
    break_even_fee: float | None
    break_even_commission: float | None


@dataclass(frozen=True)
class Point:
    """The best choice of one budget, and what it may come to."""

    budget: float
    outlook: Outlook
    proven: bool


@dataclass(frozen=True)
class WhatIf:
    """The best choice under other terms, and what it may come to."""

    flat_fee: float
    commission_rate: float
    outlook: Outlook
    proven: bool


@dataclass(frozen=True)
class Noise:
    """The noise of one partnership's estimated lift."""

    deviation: float
    measured: float
    together: float
    partnerships: int


@dataclass(frozen=True)
class Power:
    """How many partnerships it takes to tell a lift from noise; None where it is out of reach."""

    effect: float
    partnerships: float | None
    campaigns: float | None
    per_campaign: float
    power: float
    level: float
    noise: Noise


@dataclass(frozen=True, repr=False)
class Plan(Shown):
    """Whom to invite, and what that may come to: iterable over the invitations.

    Attributes
    ----------
    creators : tuple of PlannedCreator
        Most expected profit first.
    outlook : Outlook
    limits : Limits
    bound : float
        No choice within the limits is expected to bring more of ``goal``; ``proven`` says whether this one does.
    curve : tuple of Point
        By budget, ascending.
    what_if : tuple of WhatIf
    power : Power or None
    notes : tuple of str
        What the plan could not take into account.
    """

    request_id: str
    campaign_id: str | None
    model_version: str
    as_of: str
    currency: str
    goal: str
    limits: Limits
    candidates: int
    worthwhile: int
    outlook: Outlook
    bound: float
    proven: bool
    method: str
    creators: tuple[PlannedCreator, ...]
    curve: tuple[Point, ...]
    what_if: tuple[WhatIf, ...]
    power: Power | None = None
    smallest_lift_told: float | None = None
    basis: str | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[Notice, ...] = ()

    @property
    def headline(self) -> str:
        """The answer in one line."""
        proven = ", proven best" if self.proven else ""
        return f"{len(self.creators)} of {self.candidates:,} candidates to invite for the most {self.goal}{proven}"

    def __iter__(self) -> Iterator[PlannedCreator]:
        return iter(self.creators)

    def __len__(self) -> int:
        return len(self.creators)

    def to_frame(self) -> pd.DataFrame:
        """One row an invitation."""
        import pandas as pd

        return pd.DataFrame([asdict(one) for one in self.creators])

    def curve_frame(self) -> pd.DataFrame:
        """One row a budget: what is expected, and the 10 % case of the profit."""
        return _frame([{"budget": one.budget, **_row(one.outlook), "proven": one.proven} for one in self.curve])

    def what_if_frame(self) -> pd.DataFrame:
        """One row a pair of terms: what is expected, and the 10 % case of the profit."""
        terms = ({"flat_fee": one.flat_fee, "commission_rate": one.commission_rate} for one in self.what_if)
        return _frame([{**two, **_row(one.outlook)} for two, one in zip(terms, self.what_if, strict=True)])


def _row(outlook: Outlook) -> dict[str, Any]:
    return {
        "invitations": outlook.invitations,
        "spend": outlook.spend.expected,
        "content": outlook.content.expected,
        "sales": outlook.sales.expected,
        "profit": outlook.profit.expected,
        "profit_low": outlook.profit.low,
    }


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)
