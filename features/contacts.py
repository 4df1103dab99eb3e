"""How often creators and brands were in contact lately: what caps on invitations count.

From what was known at an instant; a request for a sample is the creator's own doing, and no contact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.arrays import Ints
from marketplace.tables import Marketplace

__all__ = ["CONTACT_DAYS", "Contacts", "contacts_before"]

CONTACT_DAYS = 30
"""Days back whose invitations count."""


@dataclass(frozen=True)
class Contacts:
    """Invitations of the last `CONTACT_DAYS`, as a snapshot of n creators keeps them.

    Attributes
    ----------
    by_creator : int32 (n,)
        That each creator was sent, by all brands together.
    by_brand : mapping of str to int
        That each brand sent, to creators of any market; brands without any are not in it.
    """

    by_creator: npt.NDArray[np.int32]
    by_brand: Mapping[str, int]

    @classmethod
    def of(cls, market: Marketplace, as_of: pd.Timestamp, creator_ids: npt.NDArray[np.str_]) -> Contacts:
        """Those before ``as_of``, of ``creator_ids`` (n,)."""
        by_creator, by_brand = contacts_before(market, as_of)
        counts = np.array([by_creator.get(str(name), 0) for name in creator_ids], dtype=np.int32)
        return cls(counts, dict(sorted(by_brand.items())))

    def take(self, rows: Ints) -> Contacts:
        """Those of some creators, as new arrays; brands' stay as they are."""
        return Contacts(self.by_creator[rows], self.by_brand)

    def fits(self, n: int) -> bool:
        """Whether these are of n creators."""
        sound = str(self.by_creator.dtype) == "int32" and self.by_creator.shape == (n,)
        return sound and bool((self.by_creator >= 0).all()) and all(count >= 0 for count in self.by_brand.values())


def contacts_before(market: Marketplace, as_of: pd.Timestamp) -> tuple[dict[str, int], dict[str, int]]:
    """Invitations sent in the `CONTACT_DAYS` before ``as_of`` and known then: by creator_id, and by brand_id."""
    sent = market.table("invitations")
    since = as_of - pd.Timedelta(days=CONTACT_DAYS)
    invited = (sent.origin != "REQUESTED").fill_null(True)
    sent = sent.filter(sent.known_at < as_of, sent.sent_at < as_of, sent.sent_at >= since, invited)
    frame = market.query(sent.select("invitation_id", "creator_id", "campaign_id").distinct())
    brands = market.frame("campaigns", ["campaign_id", "brand_id"]).drop_duplicates("campaign_id")
    frame = frame.drop_duplicates("invitation_id").merge(brands, on="campaign_id", how="left")
    return (
        {str(name): int(count) for name, count in frame["creator_id"].value_counts().items()},
        {str(name): int(count) for name, count in frame["brand_id"].value_counts().items()},
    )
