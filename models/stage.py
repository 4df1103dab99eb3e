"""The last stage: a ranking head that puts the candidates of a brief in order, starting from their expected profit.

What each candidate is expected to bring is told by the heads of probability and of money; the last stage learns, list
by list, what that order still gets wrong. It starts from the utility on a scale on which large sums count less, and
comes back to USD by the inverse, so that a stage that says nothing leaves the utility as it is::

    order = unit * sinh(asinh(utility / unit) + raw / slope)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from marketplace.arrays import Floats
from marketplace.errors import BundleError

__all__ = ["Stage"]

_FURTHEST = 300.0


@dataclass(frozen=True)
class Stage:
    """How a ranking head's raw score moves the utility.

    Parameters
    ----------
    head : str
        The ranking head, of the bundle's.
    slope : float
        What one unit of asinh(utility / unit) counts in the head's scores; above 0.
    unit : float
        USD about which small sums turn into large ones; above 0.

    Raises
    ------
    BundleError
        Numbers that are not finite or not above 0.
    """

    head: str
    slope: float
    unit: float

    def __post_init__(self) -> None:
        numbers = (self.slope, self.unit)
        fine = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in numbers)
        if not isinstance(self.head, str) or not fine or not all(math.isfinite(one) and one > 0 for one in numbers):
            raise BundleError(
                "a last stage with a head's name, and a slope and a unit above 0",
                received=f"{self.head!r}, {numbers!r}",
                look="the bundle's stage",
            )

    def start(self, utility: Floats) -> Floats:
        """The score from which the head's trees go on, (n,)."""
        return self.slope * np.arcsinh(utility / self.unit)

    def order(self, utility: Floats, raw: Floats) -> Floats:
        """What the candidates are put in order by, USD (n,), from the head's ``raw`` scores."""
        moved = np.clip(np.arcsinh(utility / self.unit) + raw / self.slope, -_FURTHEST, _FURTHEST)
        return np.asarray(self.unit * np.sinh(moved), dtype=np.float64)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` is the inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Stage:
        """The stage that `as_dict` wrote.

        Raises
        ------
        BundleError
            Missing or unknown fields.
        """
        try:
            return cls(**content)
        except TypeError as reason:
            raise BundleError(
                "a last stage with head, slope and unit", received=f"{reason}", look="the bundle's stage"
            ) from reason
