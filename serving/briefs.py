"""What a request asks for, once it is understood: the brief, the creators it speaks of, and what it may not mean.

All that is wrong with a request is told at once, and so is all that is odd about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from features.briefs import Brief, Doubt, Known, Names, completed, doubts_of, unknown_names
from features.snapshot import Snapshot
from marketplace.errors import BriefError, Problem
from models.score import checked_weights
from serving.problems import LOOK, inside, refusal
from serving.schema import BriefBody, ExplainRequest, PlanRequest, RankRequest, WarningAnswer
from serving.store import Served

__all__ = ["Asked", "also_wrong", "brief_of", "creators_of", "understand"]

_NAMED = 5
"""Creators that are told by name where the snapshot does not know them; of more, how many."""


@dataclass(frozen=True)
class Asked:
    """One request, understood.

    Parameters
    ----------
    brief : Brief
    part : Snapshot
        The creators of its market.
    filters : mapping
        As `Snapshot.candidates` takes them, creators by their ids.
    unknown_applicants : list of str
        As they were sent.
    warnings : list of WarningAnswer
    """

    brief: Brief
    part: Snapshot
    filters: Mapping[str, Any]
    unknown_applicants: list[str]
    warnings: list[WarningAnswer]


def understand(served: Served, request: RankRequest | ExplainRequest | PlanRequest) -> Asked:
    """What ``request`` asks for.

    Raises
    ------
    BriefError
        The campaign is not known (404), or the request cannot be ranked as asked (400); ``problems`` has all of it.
    """
    beside = _problems_beside(served, request)
    try:
        brief = brief_of(served, request)
    except BriefError as error:
        whole = BriefError.of([*error.problems, *beside], look=error.look)
        whole.status = error.status
        raise whole from None
    if beside:
        raise BriefError.of(beside, look=LOOK)
    part = served.snapshot.of_market(brief.market)
    doubts = []
    if request.brief is not None:
        found = doubts_of(request.brief.model_dump(), brief, _known(served, part))
        doubts += [replace(one, field=f"brief.{one.field}") for one in found]
        if served.snapshot.catalogue is not part.catalogue:
            # A product that this key may not see says nothing here: the part knows who sold it, and would tell.
            own = served.snapshot.catalogue.products
            brief = replace(brief, product_ids=tuple(one for one in brief.product_ids if one in own))
    filters: dict[str, Any] = {}
    strangers: list[str] = []
    if isinstance(request, RankRequest | PlanRequest):
        filters = request.filters.model_dump(exclude_none=True)
        doubts += unknown_names(
            "filters.languages", filters.get("languages", ()), part.known.spoken, f"no creator in {brief.market} speaks"
        )
        for field in ("exclude_creator_ids", "include_only_creator_ids"):
            if field in filters:
                filters[field], unknown = creators_of(part, filters[field])
                doubts += _strangers(served, f"filters.{field}", unknown)
        if isinstance(request, RankRequest) and request.applicants is not None:
            applicants, unknown = creators_of(part, request.applicants)
            chosen = set(filters.get("include_only_creator_ids", applicants))
            filters["include_only_creator_ids"] = [one for one in applicants if one in chosen]
            brief = replace(brief, has_free_sample=True)
            strangers = [one for one in unknown if served.snapshot.market_of(one) is None]
    warnings = [WarningAnswer(field=one.field, message=one.message, closest=list(one.closest)) for one in doubts]
    return Asked(brief, part, filters, strangers, warnings)


def _known(served: Served, part: Snapshot) -> Known:
    """What doubts go by; where ``served`` shows some brands' own alone, nothing of the others is told."""
    seen = served.snapshot
    if seen.catalogue is part.catalogue:
        return part.known
    return replace(part.known, catalogue=seen.catalogue, campaigns=seen.campaigns, private=True)


def brief_of(served: Served, request: RankRequest | ExplainRequest | PlanRequest) -> Brief:
    """The brief that is asked about: the snapshot's own, or the one written out, completed from the snapshot.

    Raises
    ------
    BriefError
        The campaign is not known (404), or the brief cannot be completed (400), in its ``problems``.
    """
    snapshot = served.snapshot
    if request.campaign_id is not None:
        brief = snapshot.campaigns.get(request.campaign_id)
        if brief is None:
            expected, received = "a campaign that the snapshot knows", repr(request.campaign_id)
            raise refusal(
                404,
                expected,
                received=received,
                look="`collabrank snapshot DIR` for a newer snapshot, or send the brief itself as `brief`",
                problems=[Problem("campaign_id", expected, received)],
            )
        return brief
    if request.brief is None:
        raise BriefError.of([Problem("", "exactly one of 'campaign_id' and 'brief'", "neither")], look=LOOK)
    said = request.brief.model_dump()
    try:
        return completed(said, _known(served, snapshot.of_market(str(said["market"]))))
    except BriefError as error:
        raise BriefError.of(inside("brief", error), look=LOOK) from None


def also_wrong(served: Served, sent: object, error: BriefError) -> BriefError:
    """``error``, which says how a body's form is wrong, with what its brief's other fields say that cannot be.

    A brief of which one field is no number is still held against the snapshot by all others: whoever sends it hears
    of everything at once. ``sent`` is the body as JSON has it.
    """
    brief = sent.get("brief") if isinstance(sent, Mapping) else None
    if not isinstance(brief, Mapping):
        return error
    catalogue = served.snapshot.catalogue
    there = {"brief.market": catalogue.shipping, "brief.currency": catalogue.usd_rates}
    problems = [
        replace(one, closest=Names(there[one.field]).closest(str(brief.get(one.field.partition(".")[2], ""))))
        if one.field in there
        else one
        for one in error.problems
    ]
    wrong = _malformed(brief)
    said = {name: value for name, value in brief.items() if name in BriefBody.model_fields and name not in wrong}
    try:
        completed(said, _known(served, served.snapshot.of_market(str(said.get("market")))))
    except BriefError as more:
        told = {one.field for one in error.problems}
        problems += [one for one in inside("brief", more) if one.field not in told]
    return BriefError.of(problems, look=error.look)


def _malformed(brief: Mapping[str, Any]) -> set[str]:
    """The fields of ``brief``, as JSON has it, that are not of the form of theirs; asked field by field, for one error
    of a whole body tells only so many.
    """
    try:
        BriefBody.model_validate_json(to_json(brief, inf_nan_mode="constants"))
    except ValidationError as error:
        return {str(one["loc"][0]) for one in error.errors(include_url=False, include_context=False) if one["loc"]}
    return set()


def creators_of(part: Snapshot, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The ids of the creators of ``part`` that ``names`` names, by id or else by username; and the names of nobody.

    Both in the order asked, each once; a username that several creators have names all of them.
    """
    asked = list(dict.fromkeys(names))
    known = {name for name, row in zip(asked, part.find_all(asked).tolist(), strict=True) if row >= 0}
    if len(known) == len(asked):
        return asked, []
    by_handle = part.handles.rows_of(name for name in asked if name not in known)
    found: dict[str, None] = {}
    for name in asked:
        if name in known:
            found[name] = None
        else:
            found |= {str(part.creator_ids[row]): None for row in by_handle.get(name, ())}
    return list(found), [name for name in asked if name not in known and name not in by_handle]


def _problems_beside(served: Served, request: RankRequest | ExplainRequest | PlanRequest) -> list[Problem]:
    """What is wrong with a request beside its brief."""
    found = []
    if not isinstance(request, PlanRequest) and request.weights is not None:
        try:
            checked_weights(request.weights, tuple(served.bundle.index_names))
        except BriefError as error:
            found.append(Problem("weights", error.expected, error.received))
    if isinstance(request, RankRequest | PlanRequest):
        low, high = request.filters.min_followers, request.filters.max_followers
        if low is not None and high is not None and low > high:
            found.append(Problem("filters.min_followers", "at most max_followers", f"{low} and {high}"))
    return found


def _strangers(served: Served, field: str, names: Sequence[str]) -> list[Doubt]:
    unknown = [name for name in names if served.snapshot.market_of(name) is None]
    found = [Doubt(field, f"the snapshot knows no creator '{name[:64]}'") for name in unknown[:_NAMED]]
    if len(unknown) > _NAMED:
        found.append(Doubt(field, f"{len(unknown) - _NAMED} more that the snapshot does not know"))
    return found
