"""One brief's plan: whom to invite with this money, these samples and invitations, among the snapshot's creators."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from features.briefs import Brief
from features.snapshot import Snapshot
from marketplace.errors import BriefError, CollabrankError, Problem
from models.bundle import Bundle, read_merits
from models.planning import POINTS, Limits, Noise, plan_part, usual_terms
from serving.briefs import brief_of, understand
from serving.problems import LOOK
from serving.schema import PlanRequest, WarningAnswer
from serving.store import Served

__all__ = [
    "CurvePoint",
    "DependenceAnswer",
    "LimitsAnswer",
    "NoiseAnswer",
    "OutlookAnswer",
    "PlanAnswer",
    "PlannedCreator",
    "PowerAnswer",
    "SumsAnswer",
    "WhatIfAnswer",
    "plan_creators",
    "work_of_plan",
]

SECONDS = 1.5
"""What one integer programme of a plan may take; one that takes longer is answered by the best found, and says so."""

WITHIN = 8.0
"""What all integer programmes of a plan may take together: with what is foretold, well within a request's time."""

WEIGHT = 20.0
"""What foretelling one candidate under one set of terms counts, in creators scored: here LightGBM itself predicts."""

PROGRAMME = 20.0
"""What one candidate counts in one integer programme."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SumsAnswer(_Answer):
    """What is expected, and the 10 and 90 % points of what may come."""

    expected: float
    low: float
    high: float


class OutlookAnswer(_Answer):
    """What a choice of invitations may come to; money in USD."""

    invitations: int = Field(description="How many are sent.")
    accepted: SumsAnswer = Field(description="How many accept.")
    content: SumsAnswer = Field(description="How many deliver.")
    samples: SumsAnswer = Field(description="How many samples are sent.")
    sales: SumsAnswer = Field(description="Net sales that would not have happened otherwise.")
    spend: SumsAnswer = Field(description="Fees and samples.")
    commission: SumsAnswer = Field(description="Paid out of sales.")
    profit: SumsAnswer = Field(description="What is left of the margin.")
    loss: float = Field(description="The chance that the profit is below zero.")
    over_budget: float = Field(description="The chance that more money is needed than there is.")
    over_samples: float = Field(description="The chance that more samples are needed than there are.")


class LimitsAnswer(_Answer):
    """What the plan may use; null: as much as it likes."""

    budget: float | None = Field(description="USD for fees and samples.")
    samples: int | None = Field(description="Samples.")
    invitations: int | None = Field(description="Invitations.")
    per_creator: int | None = Field(description="Invitations that one creator may get in 30 days.")
    per_brand: int | None = Field(description="Invitations that the brand may send in 30 days.")
    creator_contacts: None = Field(description="Always null here.")
    brand_contacts: None = Field(description="Always null here.")
    spend: str = Field(description="How money and samples are counted: expected or worst.")


class PlannedCreator(_Answer):
    """One invitation of the plan, expected values; USD."""

    creator_id: str
    username: str | None = Field(description="Null where not known.")
    brand_id: str = Field(description="Who invites.")
    accept_probability: float = Field(description="0..1.")
    deliver_probability: float = Field(description="Given acceptance, 0..1.")
    success_probability: float = Field(description="Both, 0..1.")
    lift: float = Field(description="Net sales that would not have happened otherwise, if content is delivered.")
    spend: float = Field(description="Fee and sample.")
    profit: float = Field(description="Of this invitation.")
    break_even_fee: float | None = Field(description="The fee at which nothing is left; null where there is none.")
    break_even_commission: float | None = Field(description="The commission rate at which nothing is left.")


class CurvePoint(_Answer):
    """The best choice of one budget."""

    budget: float = Field(description="USD.")
    outlook: OutlookAnswer = Field(description="What it may come to.")
    proven: bool = Field(description="Whether no other choice is better.")


class WhatIfAnswer(_Answer):
    """The best choice under other terms."""

    flat_fee: float = Field(description="USD.")
    commission_rate: float = Field(description="0..1.")
    outlook: OutlookAnswer = Field(description="What it may come to.")
    proven: bool = Field(description="Whether no other choice is better.")


class DependenceAnswer(_Answer):
    """What the invitations of the campaign have in common, correlations 0..1."""

    accept: float = Field(description="Of two creators' answers.")
    deliver: float = Field(description="Of whether they deliver.")
    lift: float = Field(description="Of their lifts.")


class NoiseAnswer(_Answer):
    """The noise of one partnership's estimated lift, USD."""

    deviation: float = Field(description="Standard deviation of partnerships alike.")
    measured: float = Field(description="What they are measured with, alone.")
    together: float = Field(description="Correlation of two of one campaign.")
    partnerships: int = Field(description="How many it was told from.")


class PowerAnswer(_Answer):
    """How many partnerships it takes to tell a lift from noise."""

    effect: float = Field(description="The lift a partnership, USD.")
    partnerships: float | None = Field(description="As many; null where it is out of reach.")
    campaigns: float | None = Field(description="Of so many partnerships as this one.")
    per_campaign: float = Field(description="Partnerships of a campaign.")
    power: float = Field(description="The chance to tell it.")
    level: float = Field(description="The chance to tell what is not there.")
    noise: NoiseAnswer = Field(description="Of one partnership.")


class PlanAnswer(_Answer):
    """Whom to invite, and what that may come to: as `collabrank plan --json`."""

    request_id: str
    campaign_id: str | None = Field(description="Null for a brief written out.")
    model_version: str
    as_of: str = Field(description="The snapshot's day.")
    basis: str | None = Field(description="What the model stands on where it had too few outcomes; null otherwise.")
    notes: list[str] = Field(description="What the plan could not take into account.")
    warnings: list[WarningAnswer] = Field(description="What in the brief may not be meant.")
    currency: str
    goal: str = Field(description="What it is the best for.")
    limits: LimitsAnswer = Field(description="What it may use.")
    candidates: int = Field(description="Creators looked at.")
    worthwhile: int = Field(description="Those who add to the goal at all.")
    outlook: OutlookAnswer = Field(description="What it may come to.")
    bound: float = Field(description="No choice within the limits is expected to bring more of the goal.")
    proven: bool = Field(description="Whether this one brings as much.")
    method: str = Field(description="How it was found.")
    creators: list[PlannedCreator] = Field(description="Whom to invite, most expected profit first.")
    curve: list[CurvePoint] = Field(description="By budget, ascending.")
    what_if: list[WhatIfAnswer] = Field(description="Under other terms.")
    dependence: DependenceAnswer = Field(description="As drawn.")
    power: PowerAnswer | None = Field(description="Null where the noise of lift is not known.")
    smallest_lift_told: float | None = Field(
        description="The smallest lift a partnership, USD, that as many as are expected would tell; null likewise."
    )


_NO_CONTACTS = (
    "contacts already made are not counted: this snapshot does not know them; `collabrank snapshot DIR` takes one that "
    "does"
)
_NO_NOISE = "how many partnerships tell a lift from noise is not said: no noise of lift was kept for this model"


def plan_creators(served: Served, request: PlanRequest, *, request_id: str) -> PlanAnswer:
    """The plan that ``request`` asks for.

    Raises
    ------
    BriefError
        It cannot be planned as asked.
    """
    _require_rates(request)
    asked = understand(served, request)
    rows, _ = asked.part.candidates(asked.brief, asked.filters)
    noise = _noise(served.bundle)
    found = plan_part(
        served.bundle,
        asked.part,
        asked.brief,
        rows,
        _limits(request, asked.part, asked.brief),
        goal=request.goal,
        terms=None if request.terms is None else [(one[0], one[1]) for one in request.terms],
        noise=noise,
        lift=request.lift,
        seconds=SECONDS,
        within=WITHIN,
    )
    capped = (request.per_creator, request.per_brand) != (None, None)
    unknown = ((capped and asked.part.contacts is None, _NO_CONTACTS), (noise is None, _NO_NOISE))
    notes = [words for lacking, words in unknown if lacking]
    told = {"notes": notes, "warnings": asked.warnings, "request_id": request_id}
    return PlanAnswer.model_validate({**found.as_dict(), **told})


def _limits(request: PlanRequest, part: Snapshot, brief: Brief) -> Limits:
    """What the plan may use; contacts already made are those before the brief that the snapshot knows."""
    by_creator: Mapping[str, int] = {}
    by_brand: Mapping[str, int] = {}
    if part.contacts is not None:
        by_creator, by_brand = part.contacts.before(brief.briefed_at, part.creator_ids)
    return Limits(
        budget=request.budget,
        samples=request.samples,
        invitations=request.invitations,
        per_creator=request.per_creator,
        per_brand=request.per_brand,
        creator_contacts=by_creator,
        brand_contacts=by_brand,
        spend=request.spend,
    )


def _noise(bundle: Bundle) -> Noise | None:
    """How one partnership's lift scattered when the model was trained, where promotion kept it."""
    try:
        merits = read_merits(bundle)
        return None if merits is None or not merits.noise else _of(merits.noise)
    except (CollabrankError, KeyError, TypeError, ValueError):
        return None


def _of(kept: Mapping[str, float]) -> Noise:
    numbers = {name: float(kept[name]) for name in ("deviation", "measured", "together")}
    return Noise(**numbers, partnerships=int(kept["partnerships"]))


def _require_rates(request: PlanRequest) -> None:
    wrong = [place for place, (_, rate) in enumerate(request.terms or ()) if rate > 1]
    if wrong:
        raise BriefError.of(
            (Problem(f"terms.{place}.1", "a commission rate between 0 and 1", repr(request.terms[place][1]))
             for place in wrong if request.terms),
            look=LOOK,
        )  # fmt: skip


def work_of_plan(served: Served, request: PlanRequest) -> float:
    """The work of a plan, in creators scored."""
    try:
        brief = brief_of(served, request)
    except BriefError:
        return 0.0
    tried = len(usual_terms(brief)) if request.terms is None else len(request.terms)
    named = request.filters.include_only_creator_ids
    creators = served.snapshot.size_of(brief.market)
    # Programmes: the plan's own, one without a budget, the curve's, and one for each pair of terms.
    each = WEIGHT * (1 + tried) + PROGRAMME * (2 + POINTS + tried)
    return each * (creators if named is None else min(creators, len(named)))
