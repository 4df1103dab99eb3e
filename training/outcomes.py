"""What became of every invitation, as known at a cut-off.

One row an invitation. A row is *labelled* once every state it can still reach
is past its deadline, *censored* while one is not (left out of training, never
a failure), and *excluded* where the outcome was the seller's or the
platform's doing, or cannot be told from it. The reason is always given.

Grades: 0 no reply, declined or expired; 1 accepted, nothing delivered;
2 delivered late, or with compliance below one half; 3 delivered on time;
4 delivered on time and the brand gave 4 or 5 stars.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.time import as_of_day
from marketplace.contract import ATTRIBUTION_DAYS, GRACE_DAYS, NOT_THE_CREATORS_FAULT, REFUND_DAYS, REPLY_DAYS
from marketplace.tables import Marketplace

__all__ = ["CREATOR_GAVE_UP", "NOT_SHIPPED", "SETTLED_SHARE", "build_outcomes"]

CREATOR_GAVE_UP = ("WITHDRAW_CANCELLED", "UNFULFILL_CANCELLED")
"""Sample statuses that end a partnership by the creator's own doing: nothing will be delivered."""

SETTLED_SHARE = 0.05
"""Share of a campaign's invitations that may still be open when the campaign counts as settled."""

NOT_SHIPPED = ("PENDING", "AWAITING_SHIPMENT")
GOOD_COMPLIANCE = 0.5
GOOD_STARS = 4

_REPLY = pd.Timedelta(days=REPLY_DAYS)
_GRACE = pd.Timedelta(days=GRACE_DAYS)
_SALES = pd.Timedelta(days=ATTRIBUTION_DAYS + REFUND_DAYS)


def build_outcomes(market: Marketplace, as_of: pd.Timestamp) -> pd.DataFrame:
    """`build_labels` without the sales, and with ``content_id`` and ``ripe`` beside.

    ``ripe``, bool: delivered, and posted so long ago that its window and the refunds of its orders are over.
    """
    day = as_of_day(as_of)
    rows = _invitations(market, day)
    rows = rows.merge(_sample_state(market, day), on="invitation_id", how="left")
    rows = rows.merge(_first_delivery(market, day), on="invitation_id", how="left")
    rows = rows.merge(_stars(market, day), on="invitation_id", how="left")
    rows = _judge(rows, day)
    rows = rows.sort_values(["briefed_at", "campaign_id", "creator_id", "invitation_id"], kind="stable")
    rows["ripe"] = (rows["delivered"] == 1.0) & (rows["posted_at"] + _SALES < day)
    return rows.reset_index(drop=True)


def _before(frame: pd.DataFrame, event: str, day: pd.Timestamp) -> pd.DataFrame:
    return frame[(frame[event] < day) & (frame["known_at"] < day)]


def _last(frame: pd.DataFrame, key: str, *also: str) -> pd.DataFrame:
    """The last known row of each key; ties by the columns in ``also``, so that row order changes nothing."""
    return frame.sort_values(["known_at", *also], kind="stable").drop_duplicates(key, keep="last")


def _invitations(market: Marketplace, day: pd.Timestamp) -> pd.DataFrame:
    columns = ["invitation_id", "campaign_id", "creator_id", "sent_at", "decision", "known_at"]
    states = _before(market.frame("invitations", columns), "sent_at", day)
    campaigns = _before(
        market.frame("campaigns", ["campaign_id", "briefed_at", "ends_at", "known_at"]), "briefed_at", day
    )
    return _last(states, "invitation_id", "decision").merge(
        campaigns.drop(columns="known_at"), on="campaign_id", how="inner"
    )


def _sample_state(market: Marketplace, day: pd.Timestamp) -> pd.DataFrame:
    """Per invitation: the sample that speaks for it, at its last known state.

    Of several samples the one that puts the most on the creator speaks: an ordinary state before one that is
    not the creator's fault, then the latest due date.
    """
    columns = [
        "sample_id", "invitation_id", "status", "fulfillment_status", "requested_at", "content_due_at", "known_at",
    ]  # fmt: skip
    last = _last(_before(market.frame("samples", columns), "requested_at", day), "sample_id", "status")
    last = last.assign(fault=last["status"].isin(NOT_THE_CREATORS_FAULT))
    last = last.sort_values(["fault", "content_due_at", "sample_id"], ascending=[True, False, True], kind="stable")
    last = last.drop_duplicates("invitation_id")
    return last[["invitation_id", "status", "fulfillment_status", "content_due_at"]].rename(
        columns={"status": "sample_status"}
    )


def _first_delivery(market: Marketplace, day: pd.Timestamp) -> pd.DataFrame:
    columns = ["delivery_id", "invitation_id", "content_id", "posted_at", "due_at", "brief_compliance", "known_at"]
    known = _before(market.frame("deliveries", columns), "posted_at", day)
    known = known.sort_values(["posted_at", "delivery_id"], kind="stable").drop_duplicates("invitation_id")
    return known[["invitation_id", "content_id", "posted_at", "due_at", "brief_compliance"]]


def _stars(market: Marketplace, day: pd.Timestamp) -> pd.DataFrame:
    columns = ["review_id", "invitation_id", "direction", "stars", "reviewed_at", "known_at"]
    known = _before(market.frame("reviews", columns), "reviewed_at", day)
    known = known[known["direction"] == "BRAND_OF_CREATOR"]
    return _last(known, "invitation_id", "review_id")[["invitation_id", "stars"]]


def _judge(rows: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """``rows`` with status, reason, grade and flags. The first rule of ``rules`` that holds decides."""
    rows = rows.copy()
    decision, sample = rows["decision"], rows["sample_status"].fillna("")
    due = rows["due_at"].fillna(rows["content_due_at"]).fillna(rows["ends_at"])
    overdue = due + _GRACE < day
    reply_closed = rows["sent_at"] + _REPLY < day
    # A source that neither closes an invitation nor ends its campaign still takes answers, however late.
    waiting = (decision == "PENDING") & (rows["ends_at"] >= day)
    # Content posted after the grace days is no delivery: a label must not depend on how long one waits for it.
    came = rows["posted_at"].notna() & ~(rows["posted_at"] > due + _GRACE)
    timely = came & (rows["posted_at"] <= due)
    good = timely & ~(rows["brief_compliance"] < GOOD_COMPLIANCE)
    praised = good & (rows["stars"] >= GOOD_STARS)
    rules: list[tuple[pd.Series, str, str, float]] = [
        (decision == "WITHDRAWN_BY_SELLER", "excluded", "withdrawn_by_seller", np.nan),
        (decision == "DECLINE", "labelled", "declined", 0.0),
        (decision == "EXPIRED", "labelled", "expired", 0.0),
        ((decision == "PENDING") & reply_closed & ~waiting, "labelled", "no_reply", 0.0),
        (decision == "PENDING", "censored", "reply_open", np.nan),
        *((sample == status, "excluded", f"sample_{status.lower()}", np.nan) for status in NOT_THE_CREATORS_FAULT),
        (~came & sample.isin(CREATOR_GAVE_UP), "labelled", "creator_gave_up", 1.0),
        (~came & (rows["fulfillment_status"] == "EXEMPTED"), "excluded", "content_exempted", np.nan),
        (~overdue, "censored", "delivery_open", np.nan),
        (~came & sample.isin(NOT_SHIPPED), "excluded", "sample_never_shipped", np.nan),
        (~came & (sample == "SHIPPED"), "excluded", "sample_never_arrived", np.nan),
        (~came, "labelled", "not_delivered", 1.0),
        (~timely, "labelled", "delivered_late", 2.0),
        (~good, "labelled", "low_compliance", 2.0),
        (~praised, "labelled", "on_time", 3.0),
        (praised, "labelled", "on_time_and_praised", 4.0),
    ]
    first = np.argmax(np.column_stack([rule[0].to_numpy(dtype=bool) for rule in rules]), axis=1)
    for column, place in (("status", 1), ("reason", 2)):
        rows[column] = np.array([rule[place] for rule in rules], dtype=object)[first]
        rows[column] = rows[column].astype("str")
    rows["grade"] = np.array([rule[3] for rule in rules], dtype=np.float64)[first]
    labelled = rows["status"] == "labelled"
    refused = labelled & (rows["grade"] == 0.0)
    rows["accepted"] = np.where(decision == "ACCEPT", 1.0, np.where(refused, 0.0, np.nan))
    rows["delivered"] = np.where(labelled, (rows["grade"] >= 2.0).astype(np.float64), np.nan)
    rows["on_time"] = np.where(labelled & came, timely.astype(np.float64), np.nan)
    # Where some of a campaign still wait past the reply window, the answers in hand are the fast ones alone.
    rows["reply_matured"] = reply_closed & ~(waiting & reply_closed).groupby(rows["campaign_id"]).transform("any")
    still_open = (rows["status"] == "censored").groupby(rows["campaign_id"]).transform("mean")
    rows["campaign_settled"] = still_open <= SETTLED_SHARE
    return rows
