"""Who and what is known as of a day: ids, and the day up to which a marketplace may be read."""

from __future__ import annotations

import pandas as pd
import pyarrow.compute as pc

from marketplace.errors import SnapshotError
from marketplace.tables import Marketplace

__all__ = ["default_as_of", "known_ids", "known_until"]


def default_as_of(market: Marketplace) -> pd.Timestamp:
    """The midnight after the last order, invitation or brief: all that has happened may be read."""
    latest = [
        at
        for table, event in (("orders", "ordered_at"), ("invitations", "sent_at"), ("campaigns", "briefed_at"))
        if (at := pc.max(market.arrow(table, [event])[event]).as_py()) is not None
    ]
    if not latest:
        raise SnapshotError("orders, invitations or campaigns", received="none at all", look="`collabrank check DIR`")
    return pd.Timestamp(max(latest)).floor("D") + pd.Timedelta(days=1)


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
        market.frame(table, ["known_at"])["known_at"].max()
        for table in ("invitations", "orders", "deliveries")
        if table in market.present
    ]
    return pd.Timestamp(max(stamp for stamp in latest if not pd.isna(stamp))).floor("D") + pd.Timedelta(days=1)
