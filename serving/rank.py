"""One brief's answer: filter the snapshot, gather the candidates' columns, score once, explain those returned."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from features.briefs import Brief
from marketplace.errors import BriefError
from marketplace.laps import lap
from models.explain import explain
from models.ranking import RankedCreator, differing, rank
from serving.problems import refusal
from serving.schema import (
    Amount,
    CreatorAnswer,
    ExplainAnswer,
    ExplainRequest,
    IndexAnswer,
    RankAnswer,
    RankRequest,
    Reason,
)
from serving.store import Served

__all__ = ["brief_of", "explain_creators", "rank_creators"]

Line = dict[str, Any]


def brief_of(served: Served, request: RankRequest | ExplainRequest) -> Brief:
    """The brief that is asked about: the snapshot's own, or the one written out, completed from the snapshot.

    Raises
    ------
    BriefError
        The campaign is not known (404), or the brief cannot be completed (400).
    """
    if request.campaign_id is not None:
        brief = served.snapshot.campaigns.get(request.campaign_id)
        if brief is None:
            raise refusal(
                404,
                "a campaign that the snapshot knows",
                received=repr(request.campaign_id),
                look="`collabrank snapshot DIR` for a newer snapshot, or send the brief itself as `brief`",
            )
        return brief
    if request.brief is None:
        raise BriefError("exactly one of 'campaign_id' and 'brief'", received="neither", look="/docs.json")
    return served.snapshot.complete(request.brief.model_dump())


def rank_creators(served: Served, request: RankRequest, *, request_id: str) -> tuple[RankAnswer, Line]:
    """The answer of ``/rank``, and its line for the decision log with the vectors that were scored.

    Raises
    ------
    BriefError
        The request cannot be ranked as asked.
    """
    bundle = served.bundle
    brief = brief_of(served, request)
    filters = request.filters.model_dump(exclude_none=True)
    applied = request.applicants is not None
    unknown: list[str] = []
    if request.applicants is not None:
        chosen = set(filters.get("include_only_creator_ids", request.applicants))
        filters["include_only_creator_ids"] = [one for one in request.applicants if one in chosen]
        brief = replace(brief, has_free_sample=True)
        unknown = [one for one in dict.fromkeys(request.applicants) if served.snapshot.market_of(one) is None]
    part = served.snapshot.of_market(brief.market)
    rows, filtered_out = part.candidates(brief, filters)
    lap("filter")
    matrix = part.matrix(brief, rows)
    lap("gather")
    ranked: list[RankedCreator] = []
    if len(rows):
        ranked = rank(
            bundle,
            matrix,
            part.indices(brief, rows),
            part.creator_ids[rows],
            brief,
            top=request.top,
            weights=request.weights,
            explain=request.explain,
            applied=applied,
        )
    usernames = part.usernames
    creators = [_creator(one, usernames[rows[one.row]], one.position, applied=applied) for one in ranked]
    answer = RankAnswer(
        request_id=request_id,
        model_version=bundle.model_version,
        as_of=served.as_of,
        considered=len(rows),
        basis=None if bundle.basis is None else bundle.basis.text,
        filtered_out=filtered_out,
        unknown_applicants=unknown,
        creators=creators,
    )
    line = _line("rank", served, request, brief, request_id=request_id) | {
        "top": request.top,
        "filters": request.filters.model_dump(exclude_none=True),
        "candidates": request.candidates,
        "considered": len(rows),
        "filtered_out": filtered_out,
        "unknown_applicants": unknown,
        "creators": _scored(ranked, matrix),
    }
    return answer, line


def explain_creators(served: Served, request: ExplainRequest, *, request_id: str) -> tuple[ExplainAnswer, Line]:
    """The answer of ``/explain``, and its line for the decision log.

    Raises
    ------
    BriefError
        The request cannot be ranked as asked.
    """
    bundle = served.bundle
    brief = brief_of(served, request)
    part = served.snapshot.of_market(brief.market)
    rows, _ = part.candidates(brief, {})
    lap("filter")
    matrix = part.matrix(brief, rows)
    lap("gather")
    asked_for = list(dict.fromkeys(request.creator_ids))
    chosen: dict[str, RankedCreator] = {}
    if len(rows):
        everyone = rank(
            bundle,
            matrix,
            part.indices(brief, rows),
            part.creator_ids[rows],
            brief,
            top=len(rows),
            weights=request.weights,
            explain=False,
        )
        wanted = set(asked_for)
        chosen = {one.creator_id: one for one in everyone if one.creator_id in wanted}
    shown = [chosen[name] for name in asked_for if name in chosen]
    places = [one.row for one in shown]
    reasons = explain(bundle, matrix[places], brief, among=differing(matrix)) if shown else []
    lap("explain")
    shown = [replace(one, reasons=tuple(why)) for one, why in zip(shown, reasons, strict=True)]
    usernames = part.usernames
    answer = ExplainAnswer(
        request_id=request_id,
        model_version=bundle.model_version,
        as_of=served.as_of,
        considered=len(rows),
        basis=None if bundle.basis is None else bundle.basis.text,
        creators=[_creator(one, usernames[rows[one.row]], one.position) for one in shown],
        not_eligible=[name for name in asked_for if name not in chosen],
    )
    line = _line("explain", served, request, brief, request_id=request_id) | {"creators": _scored(shown, matrix)}
    return answer, line


def _creator(one: RankedCreator, username: str, position: int, *, applied: bool = False) -> CreatorAnswer:
    return CreatorAnswer(
        creator_id=one.creator_id,
        username=str(username),
        position=position,
        score=one.score,
        utility=Amount(**asdict(one.utility)),
        success_probability=one.success_probability,
        nothing_posted_probability=1.0 - one.success_probability if applied else None,
        lift=Amount(**asdict(one.lift)),
        indices={name: IndexAnswer(value=value) for name, value in one.indices.items()},
        reasons=[
            Reason(
                signal=why.signal,
                value=why.value,
                unit=why.unit,
                head=why.head,
                contribution=why.contribution,
                text=why.text,
            )
            for why in one.reasons
        ],
    )


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
        "weights": dict(served.bundle.weights if request.weights is None else request.weights),
    }


def _scored(ranked: list[RankedCreator], matrix: np.ndarray) -> list[Line]:
    # The rows are copied: the line is written later, when the matrix is gone.
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
            "vector": matrix[one.row].copy(),
        }
        for one in ranked
    ]
