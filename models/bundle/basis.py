"""What a bundle stands on where a marketplace's own outcomes are too few to fit heads on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from marketplace.errors import BundleError

__all__ = ["Basis"]


@dataclass(frozen=True)
class Basis:
    """How many outcomes there were, of how many that heads of their own ask for, and what stands in for such heads.

    Parameters
    ----------
    labelled, delivered : int
        Labelled invitations and deliveries known; 0 or more.
    least_labelled, least_delivered : int
        How many of each it takes.
    prior : str
        The bundle of another marketplace whose heads are read, in words; empty where there is none, and indices and
        shrunk rates are read.

    Raises
    ------
    BundleError
        Numbers that are no counts, or words that are no text.
    """

    labelled: int
    delivered: int
    least_labelled: int
    least_delivered: int
    prior: str = ""

    def __post_init__(self) -> None:
        counts = (self.labelled, self.delivered, self.least_labelled, self.least_delivered)
        fine = all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in counts)
        if not fine or not isinstance(self.prior, str):
            raise BundleError("a basis of counts and text", received=f"{counts!r:.80}", look="the bundle's basis")

    @property
    def text(self) -> str:
        """One line: what the bundle is made of, the outcomes it saw, and how many more lead to heads of its own."""
        what = f"of the heads of {self.prior}, recalibrated" if self.prior else "of indices and shrunk rates"
        seen = (
            f"{self.labelled} of {self.least_labelled} labelled invitations, "
            f"{self.delivered} of {self.least_delivered} deliveries"
        )
        more = [max(self.least_labelled - self.labelled, 0), max(self.least_delivered - self.delivered, 0)]
        if not any(more):
            return f"{what}: {seen}; enough in number, but heads cannot be fitted on them yet"
        return f"{what}: {seen}; {more[0]} and {more[1]} more for the next stage, heads of its own"

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` is the inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Basis:
        """The basis that `as_dict` wrote.

        Raises
        ------
        BundleError
            Missing or unknown fields.
        """
        try:
            return cls(**content)
        except TypeError as reason:
            raise BundleError("a basis of counts and text", received=str(reason), look="the bundle's basis") from reason
