"""What became of every invitation, as known at a cut-off, graded for learning.

What an invitation came to is `features.outcomes`'; here it becomes a label. One
row an invitation. A row is *labelled* once what it came to is settled,
*censored* while it is not (left out of training, never a failure), and
*excluded* where the outcome was the seller's or the platform's doing, or cannot
be told from it. The reason is always given.

Grades: 0 no reply, declined or expired; 1 accepted, nothing delivered;
2 delivered late, or with compliance below one half; 3 delivered on time;
4 delivered on time and the brand gave 4 or 5 stars.
"""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd

from features.lift import RIPE_DAYS
from features.outcomes import DELIVERED, outcomes_as_of
from features.time import as_of_day, day_number
from marketplace.contract import REPLY_DAYS
from marketplace.tables import Marketplace

__all__ = ["SETTLED_SHARE", "build_outcomes"]

SETTLED_SHARE = 0.05
"""Share of a campaign's invitations that may still be open when the campaign counts as settled."""

GOOD_COMPLIANCE = 0.5
GOOD_STARS = 4

_REPLY = pd.Timedelta(days=REPLY_DAYS)
_SALES = pd.Timedelta(days=RIPE_DAYS)

_COLUMNS = (
    "invitation_id", "campaign_id", "creator_id", "applied", "sent_at", "briefed_at", "ends_at", "answer", "outcome",
    "reason", "settled", "content_id", "posted_at", "brief_compliance",
)  # fmt: skip


def build_outcomes(market: Marketplace, as_of: pd.Timestamp) -> pd.DataFrame:
    """`build_labels` without the sales, and with ``content_id`` and ``ripe`` beside.

    ``ripe``, bool: delivered, and posted so long ago that its window and the refunds of its orders are over.
    """
    day = as_of_day(as_of)
    rows = _outcomes(market, day)
    rows = rows.merge(_stars(market, day), on="invitation_id", how="left")
    rows = _grade(rows, day)
    rows = rows.sort_values(["briefed_at", "campaign_id", "creator_id", "invitation_id"], kind="stable")
    rows["ripe"] = (rows["delivered"] == 1.0) & (rows["posted_at"] + _SALES < day)
    return rows.reset_index(drop=True)


def _outcomes(market: Marketplace, day: pd.Timestamp) -> pd.DataFrame:
    invited = market.table("invitations").select("invitation_id").distinct()
    asked = invited.mutate(day=ibis.literal(day_number(day), "int64"))
    return market.query(outcomes_as_of(market, asked).select(*_COLUMNS))


def _stars(market: Marketplace, day: pd.Timestamp) -> pd.DataFrame:
    """The last known review of each creator by the brand; ties by id, so that row order changes nothing."""
    columns = ["review_id", "invitation_id", "direction", "stars", "reviewed_at", "known_at"]
    frame = market.frame("reviews", columns)
    known = frame[(frame["reviewed_at"] < day) & (frame["known_at"] < day)]
    known = known[known["direction"] == "BRAND_OF_CREATOR"].sort_values(["known_at", "review_id"], kind="stable")
    return known.drop_duplicates("invitation_id", keep="last")[["invitation_id", "stars"]]


def _grade(rows: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """``rows`` with status, reason, grade and flags. The first rule that holds decides."""
    rows = rows.copy()
    outcome, settled = rows["outcome"], rows["settled"].astype(bool)
    came = outcome.isin(DELIVERED)
    timely = outcome == "on_time"
    good = timely & ~(rows["brief_compliance"] < GOOD_COMPLIANCE)
    praised = good & (rows["stars"] >= GOOD_STARS)
    told = rows["reason"].astype(object)
    rules: list[tuple[pd.Series, str, str | None, float]] = [
        (outcome.isin(["void", "excused"]), "excluded", None, np.nan),
        (outcome == "open", "censored", None, np.nan),
        # Early deliveries wait as well: to count them at once and failures later would flatter everybody.
        (~settled, "censored", "delivery_open", np.nan),
        (outcome == "delivered", "excluded", None, np.nan),
        (outcome.isin(["declined", "expired"]), "labelled", None, 0.0),
        (outcome == "failed", "labelled", None, 1.0),
        (outcome == "late", "labelled", None, 2.0),
        (~good, "labelled", "low_compliance", 2.0),
        (~praised, "labelled", None, 3.0),
        (praised, "labelled", "on_time_and_praised", 4.0),
    ]
    first = np.argmax(np.column_stack([rule[0].to_numpy(dtype=bool) for rule in rules]), axis=1)
    rows["status"] = pd.Series(
        np.array([rule[1] for rule in rules], dtype=object)[first], index=rows.index, dtype="str"
    )
    instead = pd.Series(np.array([rule[2] for rule in rules], dtype=object)[first], index=rows.index)
    rows["reason"] = instead.where(instead.notna(), told).astype("str")
    rows["grade"] = np.array([rule[3] for rule in rules], dtype=np.float64)[first]
    labelled = rows["status"] == "labelled"
    refused = labelled & (rows["grade"] == 0.0)
    rows["accepted"] = np.where(rows["answer"] == "accepted", 1.0, np.where(refused, 0.0, np.nan))
    rows["delivered"] = np.where(labelled, (rows["grade"] >= 2.0).astype(np.float64), np.nan)
    rows["on_time"] = np.where(labelled & came, timely.astype(np.float64), np.nan)
    # Where some of a campaign still wait past the reply window, the answers in hand are the fast ones alone.
    rows["applied"] = rows["applied"].astype(bool)
    reply_closed = rows["sent_at"] + _REPLY < day
    waiting = (rows["answer"] == "open") & reply_closed
    rows["reply_matured"] = reply_closed & ~rows["applied"] & ~waiting.groupby(rows["campaign_id"]).transform("any")
    still_open = (rows["status"] == "censored").groupby(rows["campaign_id"]).transform("mean")
    rows["campaign_settled"] = still_open <= SETTLED_SHARE
    return rows
