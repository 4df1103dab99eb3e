"""What bounds a plan: money, samples, invitations, and how often a creator or a brand may be in contact.

A budget can be meant in two ways, and a plan says which:

- ``expected``: what is spent on average. More accept than expected about half of the time, and then it takes more.
- ``worst``: what is spent if everybody accepts and delivers. It is never exceeded, and most of it stays unspent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.errors import BriefError
from models.planning.offers import Offers

__all__ = ["GOALS", "SPEND", "Constraints", "Limits", "constraints_of", "goal_of"]

GOALS = ("profit", "sales", "content")
"""What a plan may be the best for: expected incremental profit, incremental sales, or delivered content."""

SPEND = ("expected", "worst")
"""How spend and samples are counted against their limits."""


@dataclass(frozen=True)
class Limits:
    """What a plan may use; None: as much as it likes.

    Parameters
    ----------
    budget : float, optional
        USD for fees and samples. Commission is paid out of sales and is not counted.
    samples : int, optional
        Samples that can be sent.
    invitations : int, optional
        Invitations that can be sent.
    per_creator : int, optional
        Contacts that one creator may get, those of ``creator_contacts`` counted.
    per_brand : int, optional
        Contacts that one brand may make, those of ``brand_contacts`` counted.
    creator_contacts, brand_contacts : mapping of str to int
        Contacts already made, by creator and by brand.
    spend : {"expected", "worst"}
        How ``budget`` and ``samples`` are meant.

    Raises
    ------
    BriefError
        A negative limit, or a word for ``spend`` that is not there.
    """

    budget: float | None = None
    samples: int | None = None
    invitations: int | None = None
    per_creator: int | None = None
    per_brand: int | None = None
    creator_contacts: Mapping[str, int] = field(default_factory=dict)
    brand_contacts: Mapping[str, int] = field(default_factory=dict)
    spend: str = "expected"

    def __post_init__(self) -> None:
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        wrong = [
            f"{name} {value!r}" for name, value in numbers.items() if value is not None and not 0 <= value < math.inf
        ]
        if self.spend not in SPEND:
            wrong.append(f"spend {self.spend!r}")
        if wrong:
            raise BriefError(
                f"limits of 0 or more, and spend among {', '.join(SPEND)}",
                received=", ".join(wrong),
                look="docs/planning.md",
            )


_NUMBERS = ("budget", "samples", "invitations", "per_creator", "per_brand")


@dataclass(frozen=True)
class Constraints:
    """Limits as arithmetic: ``weights @ chosen <= caps``, and at most ``caps`` chosen of each group.

    Attributes
    ----------
    weights : float64 (k, n), caps : float64 (k,)
        Not negative.
    groups : tuple of (int64 (n,), int64 (g,))
        Each a partition of the offers: the group of each, and how many of a group may be chosen.
    """

    weights: Floats
    caps: Floats
    groups: tuple[tuple[Ints, Ints], ...] = ()

    def allows(self, chosen: Ints) -> bool:
        """Whether the offers ``chosen`` (places, each once) keep every limit, to the last bit of rounding."""
        used = self.weights[:, chosen].sum(axis=1)
        if (used > self.caps + _ROUNDING * np.maximum(self.caps, 1.0)).any():
            return False
        return all((np.bincount(codes[chosen], minlength=len(caps)) <= caps).all() for codes, caps in self.groups)

    def take(self, rows: Ints, caps: Floats, left: tuple[Ints, ...]) -> Constraints:
        """The same of some offers, with what is left of the caps."""
        groups = tuple((codes[rows], few) for (codes, _), few in zip(self.groups, left, strict=True))
        return Constraints(self.weights[:, rows], caps, groups)


_ROUNDING = 1e-9


def goal_of(offers: Offers, goal: str) -> Floats:
    """What each offer adds to ``goal`` (one of `GOALS`), (n,).

    Raises
    ------
    BriefError
        There is no such goal.
    """
    if goal not in GOALS:
        raise BriefError(f"a goal among {', '.join(GOALS)}", received=repr(goal), look="docs/planning.md")
    return {"profit": offers.profit, "sales": offers.sales, "content": offers.success}[goal]


def constraints_of(offers: Offers, limits: Limits) -> Constraints:
    """``limits`` as arithmetic over ``offers``; what can bind nothing is left out."""
    rows: list[Floats] = []
    caps: list[float] = []
    for cap, weight in (
        (limits.budget, offers.spend(limits.spend)),
        (limits.samples, offers.sample_use(limits.spend)),
        (limits.invitations, np.ones(len(offers))),
    ):
        if cap is not None:
            rows.append(weight)
            caps.append(float(cap))
    groups = []
    for ids, most, made in (
        (offers.creator_ids, limits.per_creator, limits.creator_contacts),
        (offers.brand_ids, limits.per_brand, limits.brand_contacts),
    ):
        if most is not None and len(offers):
            names, codes = np.unique(ids, return_inverse=True)
            left = np.array([max(0, int(most) - int(made.get(str(name), 0))) for name in names], dtype=np.int64)
            groups.append((codes.astype(np.int64), left))
    weights = np.array(rows, dtype=np.float64).reshape(len(rows), len(offers))
    return Constraints(weights, np.array(caps, dtype=np.float64), tuple(groups))
