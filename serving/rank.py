"""One brief's answer: filter the snapshot, score the candidates once, explain those returned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from features.briefs import Brief
from features.snapshot import Snapshot
from marketplace.arrays import Floats, Ints
from marketplace.laps import lap
from models.part import Ranking, rank_part
from models.ranking import RankedCreator
from serving.arms import Plan, page_of
from serving.briefs import Asked, creators_of, understand
from serving.cursors import Cursor, digest_of
from serving.exploration import Listing, Mark
from serving.lately import Lately
from serving.schema import (
    ExplainAnswer,
    ExplainRequest,
    RankAnswer,
    RankRequest,
)
from serving.store import Served

__all__ = ["explain_creators", "rank_creators", "shadow_line"]

Line = dict[str, Any]
_ALONE = Plan()


def rank_creators(
    served: Served, request: RankRequest, *, request_id: str, plan: Plan = _ALONE, lately: Lately | None = None
) -> tuple[RankAnswer, Line]:
    """The answer of ``/rank``, and its line for the decision log with the vectors that were scored.

    ``plan`` says which arm makes the list, whose bundle ``served`` has, and whether slots of it explore; the same
    request id and plan over the same bundle and snapshot give the same answer. ``lately`` keeps some of what was
    scored, where the list is to be shown.

    Raises
    ------
    BriefError
        The request cannot be ranked as asked.
    """
    bundle = served.bundle
    asked = understand(served, request)
    brief, part = asked.brief, asked.part
    applied = request.applicants is not None
    world, asks = _world(served, plan), _asks(request, asked)
    page = Cursor(0, world, asks, first=request_id, size=request.top)
    if request.cursor is not None:
        page = Cursor.read(request.cursor, world=world, request=asks)
    rows, filtered_out = part.candidates(brief, asked.filters)
    lap("filter")
    listing = Listing.empty()

    def choose(score: Floats) -> Ints:
        nonlocal listing
        # Creators lie in the order of their ids, so that rows break ties as ids do.
        listing = page_of(
            plan, score, rows, top=request.top, shown=page.shown, first=page.first or request_id, size=page.size
        )
        return listing.rows

    found = Ranking([], np.zeros((0, len(bundle.signals))))
    if page.shown < len(rows):
        found = rank_part(
            bundle,
            part,
            brief,
            rows,
            top=request.top,
            weights=request.weights,
            why=request.explain,
            applied=applied,
            choose=choose,
        )
    ranked = found.creators
    if lately is not None and not applied and plan.arm == "champion":
        # What is told of lately is the champion's: the others' lists are of other creators, or of another model.
        lately.offer(
            len(rows), lambda some: part.matrix(brief, rows[some]), [one.success_probability for one in ranked]
        )
    marks = listing.marks(plan.arm)
    if page.shown:
        ranked = [replace(one, position=page.shown + one.position) for one in ranked]
    creators = _creators(ranked, part, rows, brief, applied=applied, marks=marks)
    page = replace(page, shown=page.shown + len(creators))
    # Checked once, as a whole: a model made of models checks every one of them twice, one by one.
    answer = RankAnswer.model_validate(
        {
            "request_id": request_id,
            "model_version": bundle.model_version,
            "as_of": served.as_of,
            "considered": len(rows),
            "weights": _weights(served, request),
            "basis": None if bundle.basis is None else bundle.basis.text,
            "preview": request.preview,
            "filtered_out": filtered_out,
            "unknown_applicants": asked.unknown_applicants,
            "warnings": asked.warnings,
            "creators": creators,
            "next_cursor": page.text() if creators and page.shown < len(rows) else None,
        }
    )
    line = _line("rank", served, request, brief, request_id=request_id) | {
        "top": request.top,
        "filters": request.filters.model_dump(exclude_none=True),
        "candidates": request.candidates,
        "considered": len(rows),
        "filtered_out": filtered_out,
        "unknown_applicants": asked.unknown_applicants,
        "creators": [{**one, **mark} for one, mark in zip(_scored(ranked, found.vectors), marks, strict=True)],
        "shadow": False,
        **plan.as_dict(),
    }
    return answer, line


def shadow_line(served: Served, request: RankRequest, *, request_id: str, arm: str) -> Line:
    """The log's line of what ``arm`` would have shown: as `rank_creators` gives it, without reasons and vectors.

    Whoever wants the vectors makes them from the snapshot; they are the shown line's own, for the same creators.
    """
    asked = request.model_copy(update={"explain": False})
    _, line = rank_creators(served, asked, request_id=request_id, plan=Plan(arm=arm))
    creators = [{name: value for name, value in one.items() if name != "vector"} for one in line["creators"]]
    return {**line, "creators": creators, "shadow": True}


def explain_creators(served: Served, request: ExplainRequest, *, request_id: str) -> tuple[ExplainAnswer, Line]:
    """The answer of ``/explain``, and its line for the decision log.

    Raises
    ------
    BriefError
        The request cannot be ranked as asked.
    """
    bundle = served.bundle
    asked = understand(served, request)
    brief, part = asked.brief, asked.part
    rows, _ = part.candidates(brief, {})
    lap("filter")
    asked_for, unknown = creators_of(part, request.creator_ids)
    found = rank_part(bundle, part, brief, rows, chosen=asked_for, weights=request.weights)
    shown = found.creators
    eligible = {one.creator_id for one in shown}
    answer = ExplainAnswer.model_validate(
        {
            "request_id": request_id,
            "model_version": bundle.model_version,
            "as_of": served.as_of,
            "considered": len(rows),
            "weights": _weights(served, request),
            "basis": None if bundle.basis is None else bundle.basis.text,
            "creators": _creators(shown, part, rows, brief),
            "not_eligible": [*(name for name in asked_for if name not in eligible), *unknown],
            "warnings": asked.warnings,
        }
    )
    line = _line("explain", served, request, brief, request_id=request_id) | {"creators": _scored(shown, found.vectors)}
    return answer, line


def _world(served: Served, plan: Plan) -> str:
    """What decides the order beside what is asked: the model and the snapshot, by their bytes, and who explores."""
    return digest_of(
        {
            "bundle": served.bundle.fingerprint,
            "snapshot": served.snapshot.fingerprint,
            "plan": [plan.arm, plan.share, plan.floor],
        }
    )


def _asks(request: RankRequest, asked: Asked) -> str:
    """What is asked that decides the order."""
    return digest_of(
        {
            "brief": asked.brief.as_dict(),
            "filters": asked.filters,
            "weights": request.weights,
            "applied": request.applicants is not None,
            "exploration": request.exploration,
            "preview": request.preview,
        }
    )


def _weights(served: Served, request: RankRequest | ExplainRequest) -> dict[str, float]:
    return dict(served.bundle.weights if request.weights is None else request.weights)


def _creators(
    ranked: list[RankedCreator],
    part: Snapshot,
    rows: Ints,
    brief: Brief,
    *,
    applied: bool = False,
    marks: Sequence[Mark | None] | None = None,
) -> list[Line]:
    """What the answer says of each, as `serving.schema.CreatorAnswer` has it."""
    at = rows[[one.row for one in ranked]] if ranked else rows[:0]
    usernames = part.usernames.listed(at)
    doubt = part.index_doubt(brief, at)
    ends = np.stack([doubt["low"], doubt["high"], doubt["confidence"]], axis=-1).tolist()
    each = zip(ranked, at.tolist(), usernames, ends, marks or [None] * len(ranked), strict=True)
    return [
        _creator(one, part, row, username, known, applied=applied, mark=mark)
        for one, row, username, known, mark in each
    ]


def _creator(
    one: RankedCreator,
    part: Snapshot,
    row: int,
    username: str,
    known: list[list[float]],
    *,
    applied: bool,
    mark: Mark | None,
) -> Line:
    """``known``: low, high and confidence of each index, in the order of ``one.indices``; NaN where not known."""
    followers, confidence = part.known_of(row)
    return {
        "creator_id": one.creator_id,
        "username": username,
        "position": one.position,
        "slot": "ranked" if mark is None else mark["slot"],
        "propensity": 1.0 if mark is None else mark["propensity"],
        "score": one.score,
        "utility": vars(one.utility),
        "success_probability": one.success_probability,
        "nothing_posted_probability": 1.0 - one.success_probability if applied else None,
        "lift": vars(one.lift),
        "indices": {
            name: {"value": value, "low": _told(low), "high": _told(high), "confidence": _told(sure)}
            for (name, value), (low, high, sure) in zip(one.indices.items(), known, strict=True)
        },
        "confidence": confidence,
        "follower_count": followers,
        "reasons": [
            {
                "signal": why.signal,
                "value": why.value,
                "unit": why.unit,
                "head": why.head,
                "contribution": why.contribution,
                "text": why.text,
                "words": why.words,
            }
            for why in one.reasons
        ],
    }


def _told(number: float) -> float | None:
    return None if math.isnan(number) else round(number, 4)


def _line(kind: str, served: Served, request: RankRequest | ExplainRequest, brief: Brief, *, request_id: str) -> Line:
    return {
        "kind": kind,
        "request_id": request_id,
        "model_version": served.bundle.model_version,
        "bundle_sha256": served.bundle.fingerprint,
        "snapshot_sha256": served.snapshot.fingerprint,
        "as_of": served.as_of,
        "signals_sha256": served.bundle.contract_sha256,
        "request": request.model_dump(mode="json", exclude_none=True),
        "brief": brief.as_dict(),
        "weights": _weights(served, request),
    }


def _scored(ranked: list[RankedCreator], vectors: Floats) -> list[Line]:
    return [
        {
            "creator_id": one.creator_id,
            "position": one.position,
            "policy": "champion",
            "propensity": 1.0,
            "slot": "ranked",
            "score": one.score,
            "utility": one.utility.expected,
            "standing": one.standing,
            "indices": list(one.indices.values()),
            "vector": vector,
        }
        for one, vector in zip(ranked, vectors, strict=True)
    ]
