"""Lift read off once it is ripe, as of any day: one pure function of a marketplace and a day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.lift.estimate import attributed_days, estimate_lift
from marketplace.arrays import Flags
from marketplace.contract import ATTRIBUTION_DAYS, REFUND_DAYS
from marketplace.tables import Marketplace

__all__ = ["RIPE_DAYS", "RIPE_LIFT_COLUMNS", "posted_partnerships", "ripe_lifts"]

RIPE_DAYS = ATTRIBUTION_DAYS + REFUND_DAYS
"""Days after posting from which on a lift is read: the window and the refunds of its orders are over."""

RIPE_LIFT_COLUMNS = (
    "invitation_id", "campaign_id", "creator_id", "brand_id", "posted_day", "lift_usd", "lift_se_usd", "lift_raw_usd",
    "lift_raw_se_usd",
)  # fmt: skip
"""The columns of `ripe_lifts`, in order."""


def posted_partnerships(market: Marketplace, day: int) -> pd.DataFrame:
    """Every partnership whose content was out, and known to be, before ``day`` (from 1970-01-01).

    Returns
    -------
    DataFrame[invitation_id, campaign_id, creator_id, brand_id, content_id, posted_at]
        Sorted by ``invitation_id``; of several deliveries of an invitation the first posted, then by id. Empty where
        the marketplace tells of no deliveries.
    """
    midnight = pd.Timestamp(day, unit="D", tz="UTC")
    deliveries = market.frame("deliveries", ["delivery_id", "invitation_id", "content_id", "posted_at", "known_at"])
    invitations = market.frame("invitations", ["invitation_id", "campaign_id", "creator_id", "sent_at", "known_at"])
    campaigns = market.frame("campaigns", ["campaign_id", "brand_id", "briefed_at", "known_at"])
    known = deliveries[_before(deliveries, "posted_at", midnight)]
    known = known.sort_values(["posted_at", "delivery_id"], kind="stable").drop_duplicates("invitation_id")
    sent = invitations[_before(invitations, "sent_at", midnight)]
    sent = sent.sort_values("known_at", kind="stable").drop_duplicates("invitation_id", keep="last")
    briefs = campaigns[_before(campaigns, "briefed_at", midnight)].drop_duplicates("campaign_id")
    rows = known[["invitation_id", "content_id", "posted_at"]].merge(
        sent[["invitation_id", "campaign_id", "creator_id"]], on="invitation_id"
    )
    rows = rows.merge(briefs[["campaign_id", "brand_id"]], on="campaign_id")
    columns = ["invitation_id", "campaign_id", "creator_id", "brand_id", "content_id", "posted_at"]
    return rows.sort_values("invitation_id", kind="stable")[columns].reset_index(drop=True)


def _before(frame: pd.DataFrame, event: str, midnight: pd.Timestamp) -> Flags:
    return np.asarray((frame[event] < midnight) & (frame["known_at"] < midnight))


def ripe_lifts(market: Marketplace, day: int) -> pd.DataFrame:
    """Estimated lift of the partnerships that are ripe as of ``day`` (int, days from 1970-01-01).

    A pure function of what was known before ``day``'s midnight: what comes later changes nothing, so it can be kept.
    Every partnership whose content was out by then takes part in the estimate; those posted less than `RIPE_DAYS`
    before are not in the answer.

    Returns
    -------
    DataFrame of `RIPE_LIFT_COLUMNS`
        Sorted by ``invitation_id``, numbered from 0. ``posted_day`` int64; money as `estimate_lift` gives it, float64
        USD. Empty where nothing is ripe, or its products have no days.
    """
    rows = posted_partnerships(market, day)
    posted = np.floor_divide(rows["posted_at"].dt.as_unit("us").astype(np.int64), 86_400_000_000)
    rows = rows.assign(posted_day=posted)
    ripe = rows["posted_day"] + RIPE_DAYS < day
    if not ripe.any():
        return rows.assign(**dict.fromkeys(RIPE_LIFT_COLUMNS[5:], np.nan))[ripe][list(RIPE_LIFT_COLUMNS)]
    midnight = pd.Timestamp(day, unit="D", tz="UTC")
    lift = estimate_lift(market, rows, midnight, attributed=attributed_days(market, midnight))
    rows = rows.merge(lift[["invitation_id", *RIPE_LIFT_COLUMNS[5:]]], on="invitation_id", how="left")
    return rows.loc[ripe & rows["lift_usd"].notna(), list(RIPE_LIFT_COLUMNS)].reset_index(drop=True)
