"""What lies behind a card: the events that count, those that were left out and why, and the partnerships so far.

Read off the marketplace as of a day, of one creator or of all at once; nothing that was not known then.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.indices.cards import shown_value
from features.indices.declare import BRAND_CAP, INDICES
from features.indices.events import EVENT_SCALE
from features.indices.evidence import built
from features.indices.money import LIFT_SCALE, lift_events
from features.indices.shrinkage import event_weight
from features.outcomes import DELIVERED, invitation_states, partnership_outcomes, sample_outcomes
from features.time import day_of
from marketplace.arrays import Floats
from marketplace.tables import Marketplace

__all__ = ["LEFT_OUT_DAYS", "counted_events", "left_out", "partnerships"]

LEFT_OUT_DAYS = 180
"""Days back that what was left out is told of."""

_COMPONENTS = {component.name: component for index in INDICES.values() for component in index.components}

_REASONS = {
    "void": "the seller withdrew it, or the request was not approved",
    "open": "still open",
    "excused": "not the creator's doing",
}


def counted_events(market: Marketplace, day: int, creator_id: str | None = None) -> pd.DataFrame:
    """The events that count as of ``day`` (from 1970-01-01), newest first: of ``creator_id``, of everybody where None.

    Returns
    -------
    DataFrame[creator_id, component, day, brand_id, value, unit, weight]
        ``day`` is ISO text, ``brand_id`` empty where not known, ``value`` in ``unit``; ``weight`` 0..1: half of it is
        gone every 45 days, and one brand's events together weigh at most three of today.
    """
    events = built(market, "events")
    events = events.filter(
        events.since_day < day,
        events.until_day >= day,
        events.event_day < day,
        events.event_day >= day - events.window,
    )
    frame = market.query(events if creator_id is None else events.filter(events.creator_id == creator_id))
    lifts = lift_events(market, np.array([day]))
    lifts = lifts if creator_id is None else lifts[lifts["creator_id"] == creator_id]
    known = (lifts["since_day"] < day) & (lifts["until_day"] >= day)
    inside = (lifts["event_day"] < day) & (lifts["event_day"] >= day - lifts["window"])
    frame = pd.concat([frame[list(lifts.columns)], lifts[known & inside]], ignore_index=True)
    weight = event_weight((day - frame["event_day"]).to_numpy(dtype=np.int64))
    keys = ["creator_id", "kind", "brand_id"]
    together = frame.assign(w=weight).groupby(keys)["w"].transform("sum").to_numpy(dtype=np.float64)
    frame["weight"] = weight * np.minimum(1.0, BRAND_CAP / np.maximum(together, 1e-12))
    frame["value"] = _values(frame)
    frame["unit"] = [_COMPONENTS[kind].unit for kind in frame["kind"]]
    frame["day"] = frame["event_day"].to_numpy(dtype="datetime64[D]").astype(str)
    frame = frame.rename(columns={"kind": "component"})
    found = frame[["creator_id", "component", "day", "brand_id", "value", "unit", "weight"]]
    order = ["creator_id", "day", "component", "brand_id", "weight", "value"]
    return found.sort_values(order, ascending=[True, False, True, True, False, False], ignore_index=True)


def _values(events: pd.DataFrame) -> Floats:
    """What each event says, in its component's own unit."""
    kinds = events["kind"].to_numpy(dtype=object)
    steps = np.where(kinds == "lift_per_partnership", LIFT_SCALE, EVENT_SCALE)
    plain = events["mx"].to_numpy(dtype=np.float64) / events["mass"].to_numpy(dtype=np.float64) / steps
    value = np.empty(len(events))
    for kind in sorted(set(kinds)):
        value[kinds == kind] = shown_value(_COMPONENTS[kind], plain[kinds == kind])
    return value


def left_out(market: Marketplace, day: int, creator_id: str | None = None) -> pd.DataFrame:
    """Invitations, samples and partnerships of the last 180 days that count neither for nor against, and why.

    Of ``creator_id``, of everybody where None; the newest first.

    Returns
    -------
    DataFrame[creator_id, what, id, day, brand_id, reason]
        ``day`` (of sending, or of asking for the sample) is ISO text, ``brand_id`` empty where not known.
    """
    parts = [_void_invitations(market, creator_id, day)]
    if "samples" in market.present:
        parts.append(_left_out(market, sample_outcomes(market), creator_id, day, what="sample", key="sample_id"))
    if "deliveries" in market.present:
        told = partnership_outcomes(market)
        parts.append(_left_out(market, told, creator_id, day, what="partnership", key="invitation_id"))
    frame = pd.concat(parts, ignore_index=True)
    frame["day"] = _days(frame["day"])
    order = ["creator_id", "day", "what", "id"]
    return frame.sort_values(order, ascending=[True, False, True, True], ignore_index=True)


def partnerships(market: Marketplace, day: int, creator_id: str | None = None) -> pd.DataFrame:
    """Every invitation that was accepted, or request that was approved, and what it had come to by ``day``.

    Of ``creator_id``, of everybody where None; the newest first.

    Returns
    -------
    DataFrame[creator_id, invitation_id, campaign_id, brand_id, category_id, invited, due, posted, outcome, reason]
        ``invited``, ``due`` and ``posted`` are days, ISO text, empty where not known; ``outcome`` and ``reason`` as
        `features.outcomes.with_verdict` has them.
    """
    rows = _known(partnership_outcomes(market), creator_id, day)
    frame = market.query(
        rows.select(
            "creator_id", "invitation_id", "campaign_id", "brand_id", "category_id", "outcome", "reason",
            invited="sent_day", due=day_of(rows.due_at), posted=day_of(rows.posted_at),
        )
    )  # fmt: skip
    for name in ("invited", "due", "posted"):
        frame[name] = _days(frame[name])
    for name in ("campaign_id", "brand_id", "category_id"):
        frame[name] = frame[name].fillna("")
    columns = [
        "creator_id", "invitation_id", "campaign_id", "brand_id", "category_id", "invited", "due", "posted", "outcome",
        "reason",
    ]  # fmt: skip
    order = ["creator_id", "invited", "invitation_id"]
    return frame[columns].sort_values(order, ascending=[True, False, True], ignore_index=True)


def _days(column: pd.Series) -> Any:
    """Days from 1970-01-01 as ISO text; empty where not known."""
    text = column.fillna(0).to_numpy(dtype=np.int64).astype("datetime64[D]").astype(str).astype(object)
    return np.where(column.isna(), "", text)


def _known(table: Any, creator_id: str | None, day: int) -> Any:
    rows = table.filter(table.since_day < day, table.until_day >= day)
    return rows if creator_id is None else rows.filter(rows.creator_id == creator_id)


def _void_invitations(market: Marketplace, creator_id: str | None, day: int) -> pd.DataFrame:
    rows = _known(invitation_states(market), creator_id, day)
    rows = rows.filter(rows.answer.isin(["void", "open"]), rows.event_day >= day - LEFT_OUT_DAYS)
    asked = rows.select("creator_id", "brand_id", id="invitation_id", day="event_day", state="answer")
    frame = market.query(asked)
    return _told(frame, "invitation", frame["state"].map(_REASONS))


def _left_out(
    market: Marketplace, table: Any, creator_id: str | None, day: int, *, what: str, key: str
) -> pd.DataFrame:
    rows = _known(table, creator_id, day)
    rows = rows.filter(~rows.outcome.isin([*DELIVERED, "failed", "void"]))
    rows = rows.mutate(day_=rows.event_day if "event_day" in rows.columns else rows.sent_day)
    rows = rows.filter(rows.day_ >= day - LEFT_OUT_DAYS)
    if "brand_id" not in rows.columns:
        rows = _with_brand(rows, market)
    asked = rows.select("creator_id", "brand_id", id=key, day="day_", outcome="outcome", why="reason")
    frame = market.query(asked)
    words = frame["outcome"].map(_REASONS).fillna(frame["outcome"])
    return _told(frame, what, words + " (" + frame["why"].astype("str").str.replace("_", " ") + ")")


def _with_brand(rows: Any, market: Marketplace) -> Any:
    """Samples with the brand of the invitation that they were sent for; null where none is named."""
    invited = invitation_states(market)
    owners = invited.group_by(of_invitation_="invitation_id").aggregate(brand_id=invited.brand_id.max())
    return rows.left_join(owners, rows.invitation_id == owners.of_invitation_).drop("of_invitation_")


def _told(frame: pd.DataFrame, what: str, reason: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "creator_id": frame["creator_id"],
            "what": what,
            "id": frame["id"],
            "day": frame["day"],
            "brand_id": frame["brand_id"].fillna(""),
            "reason": reason,
        }
    )
