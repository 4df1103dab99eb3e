"""A line of the log: how it is written ahead, and how it becomes rows of the store and comes back from them.

To the rest of the code a line is a dict as `serving.rank` makes it: ``kind``, ``request_id`` and what belongs to them,
and under ``creators`` one dict a creator with ``vector``, float64 (signals,). On its way a vector is base64 of its
bytes, the lowest first, so that it comes back to the same bits, NaN among them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from marketplace.arrays import Floats
from marketplace.jsonable import json_bytes

__all__ = ["Line", "event_row", "instant_of", "line_of", "micros", "packed", "request_rows", "unpacked"]

Line = dict[str, Any]

_FLOAT = np.dtype("<f8")
_OWN = ("request_id", "kind", "logged_at", "model_version", "bundle_sha256", "snapshot_sha256", "key_id", "arm")
_OF_CREATOR = ("creator_id", "position", "slot", "policy", "propensity", "score")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime | str) -> int:
    """Microseconds since 1970 of an aware instant, or of one in ISO form."""
    found = datetime.fromisoformat(at) if isinstance(at, str) else at
    elapsed = found - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


def instant_of(at: int) -> datetime:
    """The instant that is ``at`` microseconds after 1970; UTC."""
    seconds, rest = divmod(at, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def packed(line: Mapping[str, Any]) -> bytes:
    """``line`` as one JSON document without a line's end; ASCII."""
    said = dict(line)
    if "creators" in said:
        said["creators"] = [_packed_creator(one) for one in said["creators"]]
    return json_bytes(said)


def _packed_creator(one: Mapping[str, Any]) -> Line:
    said = dict(one)
    vector = said.get("vector")
    if isinstance(vector, np.ndarray):
        said["vector"] = base64.b64encode(np.ascontiguousarray(vector, dtype=_FLOAT).tobytes()).decode()
    return said


def unpacked(text: bytes | str) -> Line:
    """The line that `packed` wrote, or an older log's, whose vectors are lists of numbers with null for NaN.

    Raises
    ------
    ValueError
        It is none.
    """
    line = json.loads(text)
    if not isinstance(line, dict) or not isinstance(line.get("request_id"), str) or "kind" not in line:
        raise ValueError("no line of the decision log")
    for one in line.get("creators", ()):
        vector = one.get("vector")
        if isinstance(vector, str):
            one["vector"] = _vector(base64.b64decode(vector, validate=True))
        elif isinstance(vector, list):
            one["vector"] = np.array([np.nan if value is None else value for value in vector], dtype=np.float64)
    return line


def _vector(content: bytes) -> Floats:
    return np.frombuffer(content, dtype=_FLOAT).astype(np.float64)


def _json(value: Any) -> str:
    return json_bytes(value).decode()


def _require(row: Mapping[str, Any], names: Sequence[str]) -> None:
    wrong = [name for name in names if not isinstance(row.get(name), str)]
    if wrong:
        raise ValueError(f"a line whose {wrong[0]} is no text")


def request_rows(line: Line) -> tuple[Line, list[Line]]:
    """A request's line as its row of ``decisions`` and its rows of ``shown`` (`serving.decisions.tables`)."""
    brief = line.get("brief") or {}
    row = {name: line.get(name) for name in _OWN}
    row |= {"logged_at": micros(line["logged_at"]), "brand_id": brief.get("brand_id") or None}
    row["campaign_id"] = brief.get("campaign_id")
    row["unseen"] = str(line.get("arm")) if line.get("shadow") else ""
    row["body"] = _json({name: value for name, value in line.items() if name not in (*_OWN, "creators")})
    _require(row, ("request_id", "kind"))
    shown = []
    for one in line.get("creators", ()):
        own = {name: one.get(name) for name in _OF_CREATOR}
        own["body"] = _json({name: value for name, value in one.items() if name not in (*_OF_CREATOR, "vector")})
        vector = one.get("vector")
        own["vector"] = None if vector is None else np.ascontiguousarray(vector, dtype=_FLOAT).tobytes()
        _require(own, ("creator_id",))
        shown.append(own | {"request_id": line["request_id"], "unseen": row["unseen"]})
    return row, shown


def event_row(line: Line) -> Line:
    """A feedback's line as its row of ``events``."""
    own = ("request_id", "creator_id", "event")
    _require(line, own)
    rest = {name: value for name, value in line.items() if name not in (*own, "kind", "logged_at")}
    at = line.get("at")
    return {name: line[name] for name in own} | {
        "at": None if at is None else micros(at),
        "logged_at": micros(line["logged_at"]),
        "body": _json(rest),
    }


def line_of(row: Mapping[Any, Any], shown: Sequence[Mapping[Any, Any]]) -> Line:
    """The line whose rows these are; ``logged_at`` is ISO text in UTC, creators are in the order of their places."""
    line: Line = {name: row[name] for name in _OWN} | json.loads(row["body"])
    line["logged_at"] = instant_of(row["logged_at"]).isoformat()
    line["creators"] = []
    for one in sorted(shown, key=lambda one: (one["position"] is None, one["position"], one["creator_id"])):
        creator = {name: one[name] for name in _OF_CREATOR} | json.loads(one["body"])
        creator["vector"] = None if one.get("vector") is None else _vector(one["vector"])
        line["creators"].append(creator)
    return line
