"""Lift read off once it is ripe, as of any day: one pure function of a marketplace and a day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.lift.estimate import attributed_days, estimate_lift
from features.outcomes import first_deliveries, invitation_states
from features.time import days_of, midnight_of
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
        Sorted by ``invitation_id``. Whose delivery it is: `features.outcomes.first_deliveries`. Empty where the
        marketplace tells of no deliveries.
    """
    invited, first = invitation_states(market), first_deliveries(market)
    invited = invited.filter(invited.since_day < day, invited.until_day >= day)
    first = first.filter(first.since_day < day).select("content_id", "posted_at", delivered_for_="invitation_id")
    rows = invited.inner_join(first, invited.invitation_id == first.delivered_for_)
    columns = ["invitation_id", "campaign_id", "creator_id", "brand_id", "content_id", "posted_at"]
    return market.query(rows.select(columns)).sort_values("invitation_id", kind="stable", ignore_index=True)


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
    rows = rows.assign(posted_day=days_of(rows["posted_at"]))
    ripe = rows["posted_day"] + RIPE_DAYS < day
    if not ripe.any():
        return rows.assign(**dict.fromkeys(RIPE_LIFT_COLUMNS[5:], np.nan))[ripe][list(RIPE_LIFT_COLUMNS)]
    midnight = midnight_of(day)
    lift = estimate_lift(market, rows, midnight, attributed=attributed_days(market, midnight))
    rows = rows.merge(lift[["invitation_id", *RIPE_LIFT_COLUMNS[5:]]], on="invitation_id", how="left")
    return rows.loc[ripe & rows["lift_usd"].notna(), list(RIPE_LIFT_COLUMNS)].reset_index(drop=True)
