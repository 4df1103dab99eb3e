"""A logged ranking made once more: from bundle, snapshot and log, or from the logged vectors and the bundle alone.

With the bundle and the snapshot that answered, the whole request is answered again, and every creator, place, score
and vector must come out to the bit. Without that snapshot the scores still follow from the log: the bundle predicts
from the logged vectors, and the score is the logged standing and indices under the logged weights. Without the bundle
nothing can be said but where it was looked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.briefs import Brief
from features.snapshot import SnapshotParts, load_snapshot
from marketplace.errors import BundleError, CollabrankError, LogError
from marketplace.jsonable import jsonable
from marketplace.state import state_folder
from models.bundle import Bundle, load_champion
from models.predict import predict
from models.score import combine
from serving.arms import Plan
from serving.decisions import kept_bundle, logged_request
from serving.rank import explain_creators, rank_creators
from serving.schema import ExplainRequest, RankRequest
from serving.store import Served, check_fit

__all__ = ["Compared", "Replay", "logged_brief", "replay"]

_INSTANTS = ("briefed_at", "starts_at", "ends_at")


@dataclass(frozen=True)
class Compared:
    """One creator of the logged answer, and what came out now.

    ``again`` is the score from bundle and snapshot, ``from_vector`` the one from the logged vector; None where it could
    not be made. ``same`` is whether what could be made has the logged bits, the vector's and the expected profit's too.
    """

    creator_id: str
    position: int
    score: float
    again: float | None
    from_vector: float | None
    same: bool


@dataclass(frozen=True)
class Replay:
    """What a ranking made once more says of the one that was logged.

    Attributes
    ----------
    request_id, kind, logged_at, model_version : str
    made_from : str
        ``snapshot``: the whole request was answered again; ``vectors``: the scores alone.
    identical : bool
        Whether everything that was made has the logged bits; over a snapshot also who was returned, and in what order.
    said : tuple of str
        What was looked at, what was not the one that answered, and where it was looked for.
    creators : tuple of Compared
    """

    request_id: str
    kind: str
    logged_at: str
    model_version: str
    made_from: Literal["snapshot", "vectors"]
    identical: bool
    said: tuple[str, ...]
    creators: tuple[Compared, ...] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        told: dict[str, Any] = jsonable(self)
        return told

    def __str__(self) -> str:
        head = f"{self.kind} {self.request_id}, model {self.model_version}, logged {self.logged_at}"
        rows = [
            f"{one.position:>5}  {one.creator_id:<20} {one.score!r:>20}  {'same' if one.same else 'ANOTHER'}"
            + ("" if one.same else f": {one.again!r}, from the vector {one.from_vector!r}")
            for one in self.creators
        ]
        verdict = {
            ("snapshot", True): "identical: the same creators in the same order, every score and vector to the bit",
            ("snapshot", False): "NOT identical",
            ("vectors", True): "the scores follow from the logged vectors, to the bit; the rest takes the snapshot",
            ("vectors", False): "the scores do NOT follow from the logged vectors",
        }[self.made_from, self.identical]
        return "\n".join([head, *self.said, *rows, verdict])


def replay(request_id: str, *, bundle: Path | None = None, snapshot: Path | None = None) -> Replay:
    """Make the ranking of ``request_id`` once more.

    Parameters
    ----------
    bundle, snapshot : path, optional
        Folders to look into; by default the bundles that are kept beside the log, then ``var/bundle`` and
        ``var/challenger``, and ``var/snapshot``.

    Raises
    ------
    LogError
        No such answer is in the log, or the bundle that gave it is not where it was looked for.
    """
    line = logged_request(request_id)
    if line is None:
        raise LogError("a request_id that is in the decision log", received=request_id, look="`collabrank log status`")
    said: list[str] = []
    used = _bundle(line, bundle, said)
    rows = line["creators"]
    from_vectors = _from_vectors(used, line)
    taken = _snapshot(line, snapshot, used, said)
    again = None if taken is None else _again(Served(used, taken), line, said)
    compared = []
    for place, one in enumerate(rows):
        now = None if again is None or place >= len(again) else again[place]
        vectored = None if from_vectors is None else from_vectors[place]
        same = (vectored is None or vectored == (one["score"], one["utility"])) and (
            again is None or (now is not None and _bits(now) == _bits(one))
        )
        scored = None if now is None or now["creator_id"] != one["creator_id"] else float(now["score"])
        compared.append(
            Compared(one["creator_id"], one["position"], one["score"], scored, vectored and vectored[0], same)
        )
    if again is None and from_vectors is None:
        raise LogError(
            "the snapshot that answered, or a line with standings, as newer versions log them",
            received="; ".join(said),
            look="--snapshot FOLDER",
        )
    return Replay(
        request_id=request_id,
        kind=line["kind"],
        logged_at=line["logged_at"],
        model_version=str(line["model_version"]),
        made_from="vectors" if again is None else "snapshot",
        identical=all(one.same for one in compared) and (again is None or len(again) == len(rows)),
        said=tuple(said),
        creators=tuple(compared),
    )


def _bits(one: Mapping[str, Any]) -> tuple[Any, ...]:
    numbers = (one["score"], one["utility"], one.get("propensity"))
    return one["creator_id"], one["position"], one.get("policy"), *numbers, np.asarray(one["vector"]).tobytes()


def _bundle(line: Mapping[str, Any], folder: Path | None, said: list[str]) -> Bundle:
    """The bundle that answered.

    Raises
    ------
    LogError
        It is nowhere where it was looked for.
    """
    wanted = str(line["bundle_sha256"])
    kept = kept_bundle(wanted)
    usual = [kept] if kept is not None else [state_folder("bundle"), state_folder("challenger")]
    seen = []
    for place in [folder] if folder is not None else usual:
        try:
            found = load_champion(place)
        except BundleError as error:
            seen.append(f"{place}: {error.received}")
            continue
        if found.fingerprint == wanted:
            said.append(f"bundle  {wanted[:12]}, version {found.model_version}, in {place}")
            return found
        seen.append(f"{place}: {found.fingerprint[:12]}, version {found.model_version}")
    raise LogError(
        f"the bundle that answered: {wanted[:12]}, version {line['model_version']}",
        received="; ".join(seen),
        look="--bundle FOLDER",
    )


def _snapshot(line: Mapping[str, Any], folder: Path | None, bundle: Bundle, said: list[str]) -> SnapshotParts | None:
    """The snapshot that answered; None, and why, where it is not there."""
    wanted = str(line.get("snapshot_sha256"))
    place = state_folder("snapshot") if folder is None else folder
    try:
        found = load_snapshot(place)
        check_fit(bundle, found)
    except CollabrankError as error:
        said.append(f"snapshot {wanted[:12]} answered, and cannot be had: {error.received} ({place})")
        return None
    if found.fingerprint != wanted:
        said.append(
            f"snapshot {wanted[:12]} of {line['as_of']} answered; in {place} is another one, {found.fingerprint[:12]} "
            f"of {found.as_of.isoformat()}; --snapshot FOLDER looks elsewhere"
        )
        return None
    said.append(f"snapshot {wanted[:12]}, as of {found.as_of:%Y-%m-%d}, in {place}")
    return found


def _again(served: Served, line: Mapping[str, Any], said: list[str]) -> list[dict[str, Any]] | None:
    """The creators of the answer that is given now, as its line would have them."""
    if "request" not in line:
        said.append("the line is an older one, without the request: only its scores can be made again")
        return None
    text = json.dumps(line["request"])
    made: dict[str, Any]
    if line["kind"] == "explain":
        _, made = explain_creators(served, ExplainRequest.model_validate_json(text), request_id=line["request_id"])
    else:
        request = RankRequest.model_validate_json(text)
        _, made = rank_creators(served, request, request_id=line["request_id"], plan=Plan.of(line))
    return list(made["creators"])


def _from_vectors(bundle: Bundle, line: Mapping[str, Any]) -> list[tuple[float, float]] | None:
    """Score and expected profit of each creator from the logged vector, standing and indices; None of an older line."""
    rows = line["creators"]
    if any(one.get("standing") is None or one.get("vector") is None for one in rows):
        return None
    if not rows:
        return []
    matrix = np.vstack([one["vector"] for one in rows])
    values = [[np.nan if index is None else index for index in one["indices"]] for one in rows]
    predictions = predict(bundle, matrix, logged_brief(line["brief"]), applied=line.get("candidates") == "applicants")
    score = combine(
        predictions.order,
        np.array(values),
        weights=line["weights"],
        standings=np.array([one["standing"] for one in rows]),
        index_names=bundle.index_names,
    )
    return list(zip(score.tolist(), predictions.utility.tolist(), strict=True))


def logged_brief(told: Mapping[str, Any]) -> Brief:
    """The brief as it was completed; JSON's null is NaN of a number."""
    values: dict[str, Any] = {}
    for name, value in told.items():
        if name in _INSTANTS:
            values[name] = pd.Timestamp(value)
        else:
            values[name] = np.nan if value is None and name != "campaign_id" else value
    values["product_ids"] = tuple(values["product_ids"])
    return Brief.of_dict(values)
