"""What became of each invitation of a campaign: answer, content, sales, costs and profit, as known at a day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.briefs import Brief
from features.lift import RIPE_DAYS
from features.outcomes import DELIVERED
from features.time import day_number, days_of, in_usd, usd_rates
from marketplace.contract import GRACE_DAYS
from marketplace.tables import Marketplace

__all__ = ["booked_costs", "came_of", "told_from"]

_APART = ("void", "excused")
_RIPE = pd.Timedelta(days=RIPE_DAYS + 1)


def booked_costs(market: Marketplace, day: pd.Timestamp) -> pd.DataFrame:
    """What was booked for each partnership before ``day``: campaign_id, creator_id, fee_usd, sample_usd.

    The row known last counts. NaN where no rate is known; no rows without the table.
    """
    columns = [
        "campaign_id",
        "creator_id",
        "flat_fee",
        "sample_cost",
        "shipping_cost",
        "currency",
        "paid_at",
        "known_at",
    ]
    rows = market.frame("costs", columns)
    rows = rows[(rows["known_at"] < day) & (rows["paid_at"] < day)].sort_values("known_at", kind="stable")
    rows = rows.drop_duplicates(["campaign_id", "creator_id"], keep="last").reset_index(drop=True)
    rows["goods"] = rows["sample_cost"].fillna(0.0) + rows["shipping_cost"].fillna(0.0)
    rows["flat_fee"] = rows["flat_fee"].fillna(0.0)
    dated, rates = rows.assign(day=days_of(rows["paid_at"])), usd_rates(market, day_number(day))
    return rows[["campaign_id", "creator_id"]].assign(
        fee_usd=in_usd(dated, "flat_fee", rates), sample_usd=in_usd(dated, "goods", rates)
    )


def came_of(
    outcomes: pd.DataFrame, partnerships: pd.DataFrame, costs: pd.DataFrame, brief: Brief, *, day: pd.Timestamp
) -> pd.DataFrame:
    """What became of one campaign's invitations.

    Parameters
    ----------
    outcomes : DataFrame
        The campaign's rows of `training.outcomes.build_outcomes` as of ``day``.
    partnerships : DataFrame
        `training.lift.LiftReport.partnerships`: those whose lift is told.
    costs : DataFrame
        As `booked_costs` gives them; where nothing is booked the brief's terms stand.
    brief : Brief
    day : Timestamp

    Returns
    -------
    DataFrame
        One row an invitation, and one an approved request, by ``invitation_id``:

        - ``creator_id``, ``applied``, ``sent_at``, ``posted_at``, ``outcome``, ``reason``
        - ``left_out`` bool: taken back or called off, which says nothing of creator or forecast
        - ``accepted``, ``posted`` bool
        - ``state``: ``waiting`` (may still become anything), ``counting`` (posted, its sales not over), ``untold``
          (posted, and its sales cannot be told), ``over``
        - ``told_from``: the day from which its lift is told; NaT unless counting
        - ``attributed_usd``, ``lift_usd``, ``lift_se_usd``: NaN unless its lift is told; 0 where nothing was posted
        - ``fee_usd``, ``sample_usd``, ``commission_usd``, ``profit_usd``: NaN while it is not over.
    """
    rows = outcomes[~outcomes["applied"] | (outcomes["answer"] == "accepted")]
    sold = ["invitation_id", "attributed_usd", "lift_usd", "lift_se_usd"]
    rows = rows.merge(partnerships[sold], on="invitation_id", how="left")
    rows = rows.merge(costs, on=["campaign_id", "creator_id"], how="left")
    rows = rows.sort_values("invitation_id", kind="stable").reset_index(drop=True)
    outcome = rows["outcome"]
    posted, told = outcome.isin(DELIVERED), rows["lift_usd"].notna()
    ripening = posted & ~told & rows["posted_at"].notna() & (rows["posted_at"] + _RIPE > day)
    state = np.select(
        [(outcome == "open").to_numpy(), ripening.to_numpy(), (posted & ~told).to_numpy()],
        ["waiting", "counting", "untold"],
        "over",
    )
    left_out = outcome.isin(_APART)
    over = pd.Series(state == "over", index=rows.index) & ~left_out
    nothing = over & ~posted
    accepted = rows["answer"] == "accepted"
    fee = rows["fee_usd"].where(posted).fillna(brief.flat_fee_usd).where(posted, 0.0)
    sample = rows["sample_usd"].where(accepted).fillna(brief.sample_cost_usd).where(accepted, 0.0)
    frame = rows[["invitation_id", "creator_id", "applied", "sent_at", "posted_at", "outcome", "reason"]].assign(
        left_out=left_out,
        accepted=accepted,
        posted=posted,
        state=state,
        told_from=(rows["posted_at"] + _RIPE).dt.normalize().where(ripening),
        **{name: rows[name].mask(nothing, 0.0).where(over) for name in sold[1:]},
        fee_usd=fee.where(over),
        sample_usd=sample.where(over),
    )
    frame["commission_usd"] = brief.commission_rate * frame["attributed_usd"]
    costs_usd = frame["fee_usd"] + frame["sample_usd"] + frame["commission_usd"]
    return frame.assign(profit_usd=brief.margin_rate * frame["lift_usd"] - costs_usd)


def told_from(rows: pd.DataFrame, brief: Brief) -> pd.Timestamp | None:
    """The day from which all of a campaign is told; None where nothing is waited for."""
    if (rows["state"] == "waiting").any():
        return (brief.ends_at + pd.Timedelta(days=GRACE_DAYS) + _RIPE).normalize()
    days = rows["told_from"].dropna()
    return None if days.empty else days.max()
