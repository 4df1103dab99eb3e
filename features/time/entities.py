"""Who and what is known as of a day: ids, and the day up to which a marketplace may be read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.time.clocks import as_of_day
from marketplace.errors import SnapshotError
from marketplace.tables import Marketplace

__all__ = [
    "creators_before",
    "default_as_of",
    "known_creators",
    "known_ids",
    "known_until",
    "midnight_after",
    "midnight_of",
]


def midnight_of(day: int) -> pd.Timestamp:
    """The UTC midnight that whole day ``day`` (from 1970-01-01) begins with."""
    return pd.Timestamp(day, unit="D", tz="UTC")


def midnight_after(instant: pd.Timestamp) -> pd.Timestamp:
    """The UTC midnight that ends the day of ``instant``: from then on all of that day may be read."""
    return as_of_day(instant) + pd.Timedelta(days=1)


def creators_before(market: Marketplace, day: int, *, creators: pd.DataFrame | None = None) -> pd.DataFrame:
    """The creators that had joined, and were known to have, before ``day``: the one rule of who is there.

    Parameters
    ----------
    creators : DataFrame, optional
        The table, where it has been read already (for many days).

    Returns
    -------
    DataFrame
        The columns of the table, one row a creator, by ``creator_id``, ascending: the state known last. Where it is not
        told when a creator joined, that is when the creator was first known.
    """
    at = midnight_of(day)
    creators = market.frame("creators") if creators is None else creators
    first = creators.groupby("creator_id", sort=False)["known_at"].transform("min")
    creators = creators.assign(joined_at=creators["joined_at"].fillna(first))
    creators = creators[(creators["joined_at"] < at) & (creators["known_at"] < at)]
    creators = creators.sort_values(["creator_id", "known_at"], kind="stable")
    return creators.drop_duplicates("creator_id", keep="last", ignore_index=True)


def known_creators(market: Marketplace, day: int) -> npt.NDArray[np.object_]:
    """Ids of `creators_before`, ascending."""
    return creators_before(market, day)["creator_id"].to_numpy(dtype=object)


def default_as_of(market: Marketplace) -> pd.Timestamp:
    """The midnight after the last order, invitation or brief: all that has happened may be read."""
    latest = [
        at
        for table, event in (("orders", "ordered_at"), ("invitations", "sent_at"), ("campaigns", "briefed_at"))
        if (at := market.last(table, event)) is not None
    ]
    if not latest:
        raise SnapshotError("orders, invitations or campaigns", received="none at all", look="`collabrank check DIR`")
    return midnight_after(max(latest))


def known_ids(market: Marketplace, key: str, at: pd.Timestamp) -> list[str]:
    """Every ``category_id`` or ``brand_id`` of a product or campaign known before ``at``, ascending."""
    found: set[str] = set()
    for table in ("products", "campaigns"):
        frame = market.frame(table, [key, "known_at"])
        found |= set(frame.loc[frame["known_at"] < at, key].dropna())
    return sorted(found)


def known_until(market: Marketplace) -> pd.Timestamp:
    """The day after the last row of invitations, orders or deliveries became known: how far outcomes can be judged."""
    latest = [
        at
        for table in ("invitations", "orders", "deliveries")
        if table in market.present and (at := market.last(table, "known_at")) is not None
    ]
    return midnight_after(max(latest))
