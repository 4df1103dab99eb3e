"""How often creators and brands were in contact before a brief: what caps on invitations count.

Point in time: a brief of any day is held against the invitations of the days before it that were known by then, from
the tables and from a snapshot alike. A request for a sample is the creator's own doing, and no contact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.time import day_number, days_of
from marketplace.arrays import Ints
from marketplace.tables import Marketplace

__all__ = ["CONTACT_DAYS", "Contacts", "sent_before"]

CONTACT_DAYS = 30
"""Days back whose invitations count."""

_Days = npt.NDArray[np.int32]


class _Ids(Protocol):
    def __getitem__(self, row: int, /) -> Any: ...


@dataclass(frozen=True)
class Contacts:
    """Invitations, as a snapshot of n creators keeps them: between which days each one counts.

    One that was sent and known before a day's midnight counts on that day, until `CONTACT_DAYS` after it was sent. Days
    are whole ones from 1970-01-01.

    Attributes
    ----------
    brand_ids : tuple of str
        Brands that sent any, ascending.
    creators, creators_from, creators_till : int32 (m,)
        Of each invitation to one of the n: the creator's row, and the first and the last day on which it counts.
    brands, brands_from, brands_till, brands_sent : int32 (k,)
        Of the invitations to creators of any market: the brand's place in ``brand_ids``, the days, and how many.
    """

    brand_ids: tuple[str, ...]
    creators: _Days
    creators_from: _Days
    creators_till: _Days
    brands: _Days
    brands_from: _Days
    brands_till: _Days
    brands_sent: _Days

    @classmethod
    def of(cls, sent: pd.DataFrame, creator_ids: npt.NDArray[np.str_]) -> Contacts:
        """Those of `sent_before` that went to ``creator_ids`` (n,), and all that brands sent."""
        rows = pd.Index(creator_ids, dtype="str").get_indexer(pd.Index(sent["creator_id"], dtype="str"))
        numbers = (("creators", "row"), ("creators_from", "from"), ("creators_till", "till"))
        of_brands = (("brands_from", "from"), ("brands_till", "till"), ("brands_sent", "size"))
        own = sent.assign(row=rows)[rows >= 0].sort_values(["row", "from", "till"], kind="stable")
        by_brand = sent.groupby(["brand_id", "from", "till"], as_index=False).size()
        codes, brand_ids = pd.factorize(by_brand["brand_id"], sort=True)
        return cls(
            tuple(str(one) for one in brand_ids),
            brands=codes.astype(np.int32),
            **{name: own[column].to_numpy(dtype=np.int32) for name, column in numbers},
            **{name: by_brand[column].to_numpy(dtype=np.int32) for name, column in of_brands},
        )

    @classmethod
    def of_arrays(cls, brand_ids: Sequence[str], arrays: Mapping[str, npt.NDArray[Any]]) -> Contacts:
        """Those of `arrays`."""
        return cls(tuple(str(one) for one in brand_ids), **arrays)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Of `arrays`."""
        return tuple(one.name for one in fields(cls) if one.name != "brand_ids")

    @property
    def arrays(self) -> dict[str, _Days]:
        """All but the brands' ids, by name."""
        return {name: getattr(self, name) for name in self.names()}

    def before(self, at: Any, creator_ids: _Ids) -> tuple[dict[str, int], dict[str, int]]:
        """What creators were sent by all brands together, and what brands sent, in the `CONTACT_DAYS` before ``at``.

        Counted to the midnight that ``at``'s day begins with, as all signals are; whoever has none is not in it.

        Parameters
        ----------
        at : instant
            When the brief was written.
        creator_ids : text (n,)
            The n creators.
        """
        day = day_number(at)
        then = (self.creators_from <= day) & (day <= self.creators_till)
        rows, counts = np.unique(self.creators[then], return_counts=True)
        by_brand = np.zeros(len(self.brand_ids), dtype=np.int64)
        then = (self.brands_from <= day) & (day <= self.brands_till)
        np.add.at(by_brand, self.brands[then], self.brands_sent[then])
        return (
            {str(creator_ids[row]): count for row, count in zip(rows.tolist(), counts.tolist(), strict=True)},
            {name: count for name, count in zip(self.brand_ids, by_brand.tolist(), strict=True) if count},
        )

    def take(self, rows: Ints) -> Contacts:
        """Those of some creators, each once and ascending, as new arrays; brands' stay as they are."""
        place = np.searchsorted(rows, self.creators)
        there = np.zeros(len(place), dtype=bool)
        inside = place < len(rows)
        there[inside] = rows[place[inside]] == self.creators[inside]
        own = {name: getattr(self, name)[there] for name in ("creators_from", "creators_till")}
        return Contacts(**{**self.__dict__, **own, "creators": place[there].astype(np.int32)})

    def fits(self, n: int) -> bool:
        """Whether these are of n creators."""
        of_creators = (self.creators, self.creators_from, self.creators_till)
        of_brands = (self.brands, self.brands_from, self.brands_till, self.brands_sent)
        for arrays, most in ((of_creators, n), (of_brands, len(self.brand_ids))):
            codes = arrays[0]
            if any(str(one.dtype) != "int32" or one.shape != codes.shape or one.ndim != 1 for one in arrays):
                return False
            if len(codes) and not 0 <= codes.min() <= codes.max() < most:
                return False
        return bool((self.brands_sent > 0).all())


def sent_before(market: Marketplace, as_of: pd.Timestamp) -> pd.DataFrame:
    """Every invitation that was sent and known before ``as_of``: creator_id, brand_id, and the days it counts on.

    ``from`` is the first day before whose midnight it was sent and known, ``till`` the last of the `CONTACT_DAYS` after
    it was sent.
    """
    sent = market.table("invitations")
    invited = (sent.origin != "REQUESTED").fill_null(True)
    sent = sent.filter(sent.known_at < as_of, sent.sent_at < as_of, invited)
    told = sent.group_by("invitation_id", "creator_id", "campaign_id").agg(
        sent_at=sent.sent_at.min(), known_at=sent.known_at.min()
    )
    frame = market.query(told).sort_values(["invitation_id", "creator_id"]).drop_duplicates("invitation_id")
    brands = market.frame("campaigns", ["campaign_id", "brand_id"]).drop_duplicates("campaign_id")
    frame = frame.merge(brands, on="campaign_id", how="left")
    day = days_of(frame["sent_at"])
    frame["from"] = np.maximum(day, days_of(frame["known_at"])) + 1
    frame["till"] = day + CONTACT_DAYS
    return frame.loc[frame["from"] <= frame["till"], ["creator_id", "brand_id", "from", "till"]]
