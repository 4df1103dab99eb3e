"""What lies behind a card: the events that count, those that were left out and why, and how the indices went.

Read off the marketplace for one creator as of a day; nothing that was not known then.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.indices.build import build_indices
from features.indices.cards import ScoreCard, shown_value
from features.indices.declare import BRAND_CAP, INDICES
from features.indices.events import EVENT_SCALE
from features.indices.evidence import built
from features.indices.money import LIFT_SCALE, lift_events
from features.indices.shrinkage import event_weight
from features.outcomes import DELIVERED, invitation_states, partnership_outcomes, sample_outcomes
from features.time import day_number, known_creators, midnight_of
from marketplace.tables import Marketplace

__all__ = ["WEEKS", "counted_events", "left_out", "weekly_indices", "with_history"]

WEEKS = 26
"""Weeks of history."""

_COMPONENTS = {component.name: component for index in INDICES.values() for component in index.components}

_REASONS = {
    "void": "the seller withdrew it, or the request was not approved",
    "open": "still open",
    "excused": "not the creator's doing",
}


def counted_events(market: Marketplace, creator_id: str, day: int) -> pd.DataFrame:
    """The creator's events that count as of ``day`` (from 1970-01-01), newest first.

    Returns
    -------
    DataFrame[component, day, brand_id, value, unit, weight]
        ``value`` in ``unit``; ``weight`` 0..1: half of it is gone every 45 days, and one brand's events together
        weigh at most three of today.
    """
    events = built(market, "events")
    mine = events.filter(events.creator_id == creator_id)
    frame = market.query(mine)
    lifts = lift_events(market, np.array([day]))
    frame = pd.concat([frame[list(lifts.columns)], lifts[lifts["creator_id"] == creator_id]], ignore_index=True)
    known = (frame["since_day"] < day) & (frame["until_day"] >= day)
    inside = (frame["event_day"] < day) & (frame["event_day"] >= day - frame["window"])
    frame = frame[known & inside].reset_index(drop=True)
    weight = event_weight((day - frame["event_day"]).to_numpy(dtype=np.int64))
    together = frame.assign(w=weight).groupby(["kind", "brand_id"])["w"].transform("sum").to_numpy(dtype=np.float64)
    frame["weight"] = weight * np.minimum(1.0, BRAND_CAP / np.maximum(together, 1e-12))
    steps = np.where(frame["kind"] == "lift_per_partnership", LIFT_SCALE, EVENT_SCALE)
    plain = frame["mx"].to_numpy(dtype=np.float64) / frame["mass"].to_numpy(dtype=np.float64) / steps
    frame["value"] = [
        float(shown_value(_COMPONENTS[kind], value)) for kind, value in zip(frame["kind"], plain, strict=True)
    ]
    frame["unit"] = [_COMPONENTS[kind].unit for kind in frame["kind"]]
    frame["day"] = frame["event_day"].to_numpy(dtype="datetime64[D]").astype(str)
    frame = frame.rename(columns={"kind": "component"})
    found = frame[["component", "day", "brand_id", "value", "unit", "weight"]]
    return found.sort_values(["day", "component", "brand_id"], ascending=[False, True, True], ignore_index=True)


def left_out(market: Marketplace, creator_id: str, day: int) -> pd.DataFrame:
    """Invitations, samples and partnerships of the last 180 days that count neither for nor against, and why.

    Returns
    -------
    DataFrame[what, id, day, reason]
    """
    parts = [_void_invitations(market, creator_id, day)]
    if "samples" in market.present:
        parts.append(_states(market, creator_id, day, what="sample", key="sample_id"))
    if "deliveries" in market.present:
        parts.append(_states(market, creator_id, day, what="partnership", key="invitation_id"))
    frame = pd.concat(parts, ignore_index=True)
    frame["day"] = frame["day"].to_numpy(dtype=np.int64).astype("datetime64[D]").astype(str)
    return frame.sort_values(["day", "what", "id"], ascending=[False, True, True], ignore_index=True)


def _known(table: Any, creator_id: str, day: int) -> Any:
    return table.filter(table.creator_id == creator_id, table.since_day < day, table.until_day >= day)


def _void_invitations(market: Marketplace, creator_id: str, day: int) -> pd.DataFrame:
    rows = _known(invitation_states(market), creator_id, day)
    rows = rows.filter(rows.answer.isin(["void", "open"]), rows.event_day >= day - 180)
    frame = market.query(rows.select(id="invitation_id", day="event_day", state="answer"))
    return pd.DataFrame(
        {"what": "invitation", "id": frame["id"], "day": frame["day"], "reason": frame["state"].map(_REASONS)}
    )


def _states(market: Marketplace, creator_id: str, day: int, *, what: str, key: str) -> pd.DataFrame:
    table = sample_outcomes(market) if what == "sample" else partnership_outcomes(market)
    rows = _known(table, creator_id, day)
    rows = rows.filter(~rows.outcome.isin([*DELIVERED, "failed", "void"]))
    sent = rows.event_day if "event_day" in rows.columns else rows.sent_day
    rows = rows.filter(sent >= day - 180)
    frame = market.query(rows.select(id=key, day=sent, outcome="outcome", why="reason"))
    words = frame["outcome"].map(_REASONS).fillna(frame["outcome"])
    reason = words + " (" + frame["why"].astype("str").str.replace("_", " ") + ")"
    return pd.DataFrame({"what": what, "id": frame["id"], "day": frame["day"], "reason": reason})


def weekly_indices(market: Marketplace, creator_id: str, day: int, *, weeks: int = WEEKS) -> pd.DataFrame:
    """The seven indices that no category enters as of ``day`` and the weeks before it, oldest first.

    Returns
    -------
    DataFrame, float64
        The index is the day (ISO text); only days on which the creator was known.
    """
    days = [day - 7 * week for week in reversed(range(weeks))]
    days = [one for one in days if creator_id in set(known_creators(market, one))]
    rows = pd.DataFrame({"creator_id": creator_id, "as_of": [midnight_of(one) for one in days]})
    frame = build_indices(market, rows, change=False)
    index = pd.Index([f"{midnight_of(one):%Y-%m-%d}" for one in days], name="day")
    return pd.DataFrame(np.array(frame.value), columns=list(frame.names), index=index)


def with_history(market: Marketplace, card: ScoreCard) -> ScoreCard:
    """A new card that also holds the events that count, those left out, and 26 weeks of the indices."""
    creator, day = str(card["creator_id"]), day_number(card["as_of"])
    weekly = weekly_indices(market, creator, day)
    return ScoreCard(
        card,
        events=_records(counted_events(market, creator, day)),
        left_out=_records(left_out(market, creator, day)),
        history={
            "days": list(weekly.index),
            "indices": {str(name): [round(float(one), 2) for one in weekly[name]] for name in weekly},
        },
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
