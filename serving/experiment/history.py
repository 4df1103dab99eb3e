"""The decision log as an experiment reads it: requests, whom they showed and how likely, and what came of each.

A request counts once it is as old as the window of days is long, with what came of it in that window: its value is then
the same at every later reading. One that is younger would count its missing outcomes as none.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from marketplace.errors import FileError

__all__ = ["OUTCOMES", "Asked", "Place", "read_history", "read_money"]

OUTCOMES = ("accepted", "delivered", "money")
"""What is compared: creators of a list who accepted, who delivered, and the money that came of it, USD."""

_EVENTS = {"ACCEPTED": "accepted", "DELIVERED": "delivered"}
_COLUMNS = ("request_id", "creator_id", "usd")

Line = Mapping[str, Any]
_Event = tuple[str, str, str, datetime]


@dataclass
class Place:
    """One creator in a list; ``position`` from 1, ``place`` in the arm's own order, ``came`` outcome -> number."""

    creator_id: str
    position: int
    explored: bool
    propensity: float
    place: int
    came: dict[str, float] = field(default_factory=dict)


@dataclass
class Asked:
    """One request whose window has passed.

    Attributes
    ----------
    request_id : str
    at : datetime
    brand_id : str or None
    arm : str
    experiment : str or None
        The split's name, where the request was dealt.
    considered : int
        How many were eligible.
    explores : bool
        Whether slots of the list explore.
    model_version : str
    places : list of Place
        Whom the list showed, in order.
    unseen : mapping of arm to set of creator_id
        Whom other arms would have shown.
    """

    request_id: str
    at: datetime
    brand_id: str | None
    arm: str
    experiment: str | None
    considered: int
    explores: bool
    model_version: str
    places: list[Place]
    unseen: dict[str, frozenset[str]] = field(default_factory=dict)

    def in_window(self, at: datetime, window: timedelta) -> bool:
        """Whether an event at ``at`` came of this list in time; clocks may be a day apart."""
        return self.at - timedelta(days=1) <= at <= self.at + window

    def total(self, outcome: str) -> float:
        """What came of the whole list."""
        return sum(one.came.get(outcome, 0.0) for one in self.places)


def read_history(
    lines: Iterable[Line], *, days: int, as_of: datetime, money: Mapping[tuple[str, str], float] | None = None
) -> tuple[list[Asked], int]:
    """The requests older than ``days`` at ``as_of``, in the order of asking, and how many are younger.

    Parameters
    ----------
    lines : iterable of mapping
        The decision log's, as `serving.decisions.read_decisions` gives them, in any order.
    days : int
        The window.
    as_of : datetime
        Aware; what was logged later is not read.
    money : mapping of (request_id, creator_id) to float, optional
        What came of a creator in a list, USD; of all others nothing.
    """
    window = timedelta(days=days)
    events: list[_Event] = []
    asked: dict[str, Asked] = {}
    unseen: dict[str, dict[str, frozenset[str]]] = {}
    young = 0
    for line in lines:
        logged = _instant(line["logged_at"])
        if logged > as_of:
            continue
        if line["kind"] == "feedback":
            at = line.get("at")
            events.append((line["request_id"], line["creator_id"], line["event"], logged if not at else _instant(at)))
        elif line["kind"] == "rank":
            if line.get("shadow"):
                names = frozenset(one["creator_id"] for one in line["creators"])
                unseen.setdefault(line["request_id"], {})[line["arm"]] = names
            elif logged + window > as_of:
                young += 1
            else:
                asked[line["request_id"]] = _asked(line, logged)
    for request_id, lists in unseen.items():
        if request_id in asked:
            asked[request_id].unseen = lists
    _count_in(asked, events, window, money or {})
    return sorted(asked.values(), key=lambda one: (one.at, one.request_id)), young


def _count_in(
    asked: Mapping[str, Asked], events: Iterable[_Event], window: timedelta, money: Mapping[tuple[str, str], float]
) -> None:
    """Write what came of them into the requests' places."""
    found = {(one.request_id, place.creator_id): place for one in asked.values() for place in one.places}
    for request_id, creator_id, event, at in events:
        known, outcome = found.get((request_id, creator_id)), _EVENTS.get(event)
        if known is not None and outcome is not None and asked[request_id].in_window(at, window):
            # Told twice counts once.
            known.came[outcome] = 1.0
    for key, amount in money.items():
        if key in found:
            found[key].came["money"] = amount


def _asked(line: Line, at: datetime) -> Asked:
    brief = line.get("brief") or {}
    exploring = line.get("exploration") or {}
    places = [
        Place(
            creator_id=one["creator_id"],
            position=int(one["position"]),
            explored=one.get("slot") == "explored",
            propensity=float(1.0 if one.get("propensity") is None else one["propensity"]),
            place=int(one.get("place") or one["position"]),
        )
        for one in line["creators"]
    ]
    return Asked(
        request_id=line["request_id"],
        at=at,
        brand_id=brief.get("brand_id") or None,
        arm=line.get("arm") or "champion",
        experiment=line.get("experiment"),
        considered=int(line.get("considered") or len(places)),
        explores=float(exploring.get("share") or 0.0) > 0,
        model_version=str(line.get("model_version") or ""),
        places=places,
    )


def _instant(value: str | datetime) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def read_money(path: Path) -> dict[tuple[str, str], float]:
    """What came of creators in lists, from a CSV file (UTF-8) with request_id, creator_id and usd; rows add up.

    Raises
    ------
    FileError
        It cannot be read, has not these columns, or an amount is no finite number.
    """
    money: dict[tuple[str, str], float] = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            lacking = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if lacking:
                raise _wrong(path, f"no column {', '.join(lacking)}")
            for row in rows:
                amount = float(row["usd"])
                if not math.isfinite(amount):
                    raise ValueError(f"{row['usd']!r} in line {rows.line_num}")
                key = (row["request_id"], row["creator_id"])
                money[key] = money.get(key, 0.0) + amount
    except OSError as reason:
        raise _wrong(path, str(reason.strerror)) from reason
    except (ValueError, TypeError, csv.Error) as reason:
        raise _wrong(path, str(reason)[:200]) from reason
    return money


def _wrong(path: Path, what: str) -> FileError:
    return FileError(
        f"a CSV file with the columns {', '.join(_COLUMNS)}, amounts in USD",
        received=f"{path}: {what}",
        look="`collabrank experiment report --help`",
    )
