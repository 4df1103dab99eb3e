"""What a partnership is worth to the brand, in USD.

Utility of inviting a creator for a brief::

    P(accept) * ( P(deliver | accept) * (margin_rate * E[lift | deliver]
                                         - flat_fee - commission_rate * E[attributed | deliver])
                  - sample_cost )

Commission is owed on attributed net sales, margin is earned on incremental net
sales alone: a creator who only takes the credit for what would have sold anyway
costs money here. The sample is sent on acceptance, delivered or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from marketplace.arrays import Floats, as_floats
from marketplace.errors import BriefError

__all__ = ["CURRENCY", "FORMULA", "Economics", "Terms"]

CURRENCY = "USD"
FORMULA = "accept*(deliver*(margin_rate*lift-flat_fee-commission_rate*attributed)-sample_cost)"
"""Written into every bundle, so that a bundle made for another formula is refused."""

_NAMES = ("margin_rate", "commission_rate", "flat_fee_usd", "sample_cost_usd")


class Terms(Protocol):
    """The part of a brief (`features.briefs.brief.Brief`) that utility depends on."""

    @property
    def margin_rate(self) -> float: ...
    @property
    def commission_rate(self) -> float: ...
    @property
    def flat_fee_usd(self) -> float: ...
    @property
    def sample_cost_usd(self) -> float: ...


@dataclass(frozen=True)
class Economics:
    """The money terms of one brief, or of one brief a row.

    Parameters
    ----------
    margin_rate : float64 () or (n,)
        Gross margin before commission, as a fraction of net sales.
    commission_rate : float64 () or (n,)
        Fraction of attributed net sales paid to the creator.
    flat_fee_usd : float64 () or (n,)
        Fee for one delivered partnership, USD.
    sample_cost_usd : float64 () or (n,)
        Cost of the sample with its shipping, USD; 0 where none is sent.

    Raises
    ------
    BriefError
        A term is not finite, a rate lies outside 0..1 or a cost is negative.
    """

    margin_rate: Floats
    commission_rate: Floats
    flat_fee_usd: Floats
    sample_cost_usd: Floats

    def __post_init__(self) -> None:
        for name in _NAMES:
            values = as_floats(getattr(self, name))
            object.__setattr__(self, name, values)
            top = 1.0 if name.endswith("_rate") else np.inf
            if not (np.isfinite(values).all() and (values >= 0).all() and (values <= top).all()):
                bad = values[~(np.isfinite(values) & (values >= 0) & (values <= top))]
                raise BriefError(
                    f"{name} of a brief {'between 0 and 1' if top == 1.0 else 'of 0 USD or more'}",
                    received=f"{float(bad.flat[0])!r} in {bad.size} of {values.size} rows",
                    look="the campaign's terms",
                )

    @classmethod
    def of(cls, brief: Terms) -> Economics:
        """The terms of one brief; they hold for every candidate."""
        return cls(*(as_floats(getattr(brief, name)) for name in _NAMES))

    @classmethod
    def of_many(cls, briefs: Mapping[str, Terms], campaign_ids: Iterable[str]) -> Economics:
        """The terms of each row's own brief, arrays of shape (n,).

        Raises
        ------
        BriefError
            A campaign has no brief.
        """
        ids = np.asarray(campaign_ids if isinstance(campaign_ids, np.ndarray) else list(campaign_ids), dtype=object)
        known = {name: place for place, name in enumerate(briefs)}
        missing = sorted({str(name) for name in ids if name not in known})
        if missing:
            raise BriefError(
                "a brief for every campaign",
                received=f"none for {len(missing)} campaigns, such as {missing[0]}",
                look="features.briefs.brief.read_briefs",
            )
        places = np.fromiter((known[name] for name in ids), dtype=np.int64, count=len(ids))
        columns = (as_floats([getattr(brief, name) for brief in briefs.values()]) for name in _NAMES)
        return cls(*(column[places] for column in columns))

    def take(self, rows: object) -> Economics:
        """The same terms for some rows: an index, a mask or a slice of (n,)."""
        columns = (getattr(self, name) for name in _NAMES)
        return Economics(*(column if column.ndim == 0 else column[rows] for column in columns))

    def worth(self, lift: Floats, attributed: Floats) -> Floats:
        """Profit of one delivered partnership before the sample, USD: ``margin*lift - fee - commission*attributed``."""
        return self.margin_rate * lift - self.flat_fee_usd - self.commission_rate * attributed

    def utility(self, accept: Floats, success: Floats, lift: Floats, attributed: Floats) -> Floats:
        """Expected incremental profit of one invitation, USD; ``success`` is ``P(accept) * P(deliver | accept)``."""
        return success * self.worth(lift, attributed) - accept * self.sample_cost_usd
