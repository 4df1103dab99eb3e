"""What the service takes and gives, field by field. Unknown fields are refused; numbers are finite.

The same models check the bodies, shape the answers and describe both on the
OpenAPI page.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    create_model,
    model_validator,
)

from features.briefs import OTHER_TERMS
from marketplace.contract import Column
from marketplace.errors import DateError
from marketplace.instants import read_instant
from models.score import INDEX_NAMES
from serving.cursors import LONGEST

__all__ = [
    "Amount",
    "BriefBody",
    "CreatorAnswer",
    "ErrorAnswer",
    "ExplainAnswer",
    "ExplainRequest",
    "FaultAnswer",
    "FeedbackAnswer",
    "FeedbackRequest",
    "Filters",
    "IndexAnswer",
    "Interval",
    "PlanRequest",
    "ProblemAnswer",
    "RankAnswer",
    "RankRequest",
    "Reason",
    "WarningAnswer",
]

Identifier = Annotated[str, Field(min_length=1, max_length=128)]
Money = Annotated[FiniteFloat, Field(ge=0, le=1e12)]
Rate = Annotated[FiniteFloat, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Terms = Annotated[list[Money], Field(min_length=2, max_length=2)]


def _written_out(value: object) -> object:
    """Text in one of the forms that the one reader takes; pydantic alone would read seconds since 1970, too."""
    try:
        read_instant(value)
    except DateError as reason:
        raise ValueError(reason.expected) from reason
    if not isinstance(value, str):
        return value
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("an instant with its offset from UTC, such as 2025-02-01T14:30Z or 2025-02-01T14:30+01:00")
    return found


Instant = Annotated[
    AwareDatetime,
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2100, 1, 1, tzinfo=UTC)),
    BeforeValidator(_written_out),
]
"""As `marketplace.instants` reads it, and with an offset: what comes over the wire says its own timezone."""

Weights = Annotated[
    dict[str, Annotated[FiniteFloat, Field(ge=0, le=1e6)]],
    Field(
        max_length=16,
        json_schema_extra={"propertyNames": {"enum": ["model", *INDEX_NAMES]}},
    ),
]
_WEIGHTS = (
    "How much the model (`model`) and each index count in the score, 0 or more; what is not named "
    "counts 0. Left out: the weights that the model was promoted with."
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _word(column: Column) -> tuple[Any, Any]:
    """The field of a number that the contract declares: may be left out, and is bounded as it is there."""
    told = f"{column.doc}{f' ({column.unit})' if column.unit else ''}"
    if column.type == "flag":
        return bool | None, Field(None, description=told)
    top = 1e12 if column.maximum is None else column.maximum
    kind: Any = int if column.type == "count" else FiniteFloat
    return kind | None, Field(None, ge=column.minimum, le=top, description=told)


if TYPE_CHECKING:
    _OtherTerms = _Body
else:
    # Whatever number the contract's campaigns have that is not spelled out in `BriefBody`.
    _OtherTerms = create_model(
        "_OtherTerms", __base__=_Body, **{column.name: _word(column) for column in OTHER_TERMS.values()}
    )


class BriefBody(_OtherTerms):
    """A campaign's brief, written out. Names and units are those of the data contract's `campaigns`."""

    brand_id: Identifier | None = Field(None, description="The brand, where it is known to the snapshot.")
    market: Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="Where to sell: ISO 3166 alpha-2.")]
    category_id: Identifier | None = Field(None, description="Left out: the category of the first known product.")
    product_ids: Annotated[list[Identifier], Field(max_length=100)] = Field(
        default_factory=list, description="What is to be sold; brand, category, price and margin are taken from them."
    )
    objective: Literal["SALES", "LAUNCH", "AWARENESS"] = Field("SALES", description="What the campaign is for.")
    collaboration: Literal["TARGET", "OPEN"] = Field("TARGET", description="By invitation, or open to whoever asks.")
    budget: Money | None = Field(None, description="Of the whole campaign, in `currency`.")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field("USD", description="ISO 4217, of all money here.")
    commission_rate: Rate = Field(description="Share of net sales that the creator gets, 0..1: 0.12 is 12 %.")
    flat_fee: Money | None = Field(None, description="Per creator, in `currency`.")
    has_free_sample: bool = Field(False, description="Whether each creator gets the product.")
    briefed_at: Instant | None = Field(None, description="Left out: the snapshot's as-of day.")
    starts_at: Instant | None = Field(None, description="When content may begin; left out: `briefed_at`.")
    ends_at: Instant | None = Field(None, description="When it must be there; left out: 21 days after `starts_at`.")
    margin_rate: Rate | None = Field(None, description="Gross margin; left out: the products' or the category's.")
    price: Money | None = Field(None, description="Of the product, in `currency`; left out: the products' own.")


class Filters(_Body):
    """Which creators may be ranked at all; each one left out is counted under the filter's name."""

    min_followers: Annotated[int, Field(ge=0, le=10**12)] | None = Field(
        None, description="At the latest reading; who has none passes neither this nor `max_followers`."
    )
    max_followers: Annotated[int, Field(ge=0, le=10**12)] | None = Field(None, description="See `min_followers`.")
    languages: Annotated[list[Identifier], Field(min_length=1, max_length=50)] | None = Field(
        None, description="Any of these, as the marketplace writes them, such as `id`."
    )
    agency_status: Literal["AGENCY_MANAGED", "INDEPENDENT"] | None = Field(
        None, description="Whether an agency stands behind the creator."
    )
    min_confidence: Annotated[FiniteFloat, Field(ge=0, le=100)] | None = Field(
        None, description="Mean confidence of the creator's indices, 0..100."
    )
    exclude_creator_ids: Annotated[list[Identifier], Field(max_length=2000)] | None = Field(
        None, description="Not these; ids or usernames."
    )
    include_only_creator_ids: Annotated[list[Identifier], Field(min_length=1, max_length=2000)] | None = Field(
        None, description="These alone; ids or usernames."
    )


class _Briefed(_Body):
    campaign_id: Identifier | None = Field(None, description="A campaign that the snapshot knows; or send `brief`.")
    brief: BriefBody | None = Field(None, description="A brief written out; or send `campaign_id`.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.campaign_id is None) == (self.brief is None):
            raise ValueError("exactly one of 'campaign_id' and 'brief'")
        return self


class _Asks(_Briefed):
    weights: Weights | None = Field(None, description=_WEIGHTS)


class RankRequest(_Asks):
    """Rank creators for one brief."""

    top: Annotated[int, Field(ge=1, le=1000)] = Field(20, description="How many creators to return.")
    filters: Filters = Field(default_factory=Filters)
    explain: bool = Field(True, description="Whether to give reasons.")
    exploration: bool = Field(
        True, description="Whether a share of the places may go to creators drawn from those ranked further down."
    )
    preview: bool = Field(
        False,
        description="Whether the answer is to be looked at alone, as while weights are being set: ranked as ever, "
        "never logged as shown, open to no feedback, and with no place that explores.",
    )
    candidates: Literal["everyone", "applicants"] = Field(
        "everyone", description="Whom to rank: all who can be invited, or `applicants`, who asked for a sample."
    )
    applicants: Annotated[list[Identifier], Field(min_length=1, max_length=20_000)] | None = Field(
        None, description="Who asked for a sample, with `candidates` applicants; ids or usernames."
    )

    cursor: Annotated[str, Field(max_length=LONGEST)] | None = Field(
        None, description="`next_cursor` of the page before; all but `top` and `explain` must be as it was there."
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.candidates == "applicants") != (self.applicants is not None):
            raise ValueError("'applicants' with 'candidates': 'applicants', and not without")
        return self


class PlanRequest(_Briefed):
    """Whom to invite with so much money, so many samples and invitations; all money here is in USD."""

    budget: Money | None = Field(
        None, description="USD for fees and samples; commission is paid out of sales. Left out: the brief's own."
    )
    samples: Count | None = Field(None, description="Samples that can be sent; left out: as many as it takes.")
    invitations: Count | None = Field(
        None, description="Invitations that can be sent; left out: as many as are worth it."
    )
    per_creator: Count | None = Field(
        None,
        description="Invitations that one creator may get in 30 days, from all brands together; those of the 30 days "
        "before the brief's day count. Left out: any number.",
    )
    per_brand: Count | None = Field(
        None, description="Invitations that the brand may send in 30 days, for all its briefs; counted likewise."
    )
    goal: Literal["profit", "sales", "content"] = Field("profit", description="What is to be the most, in expectation.")
    spend: Literal["expected", "worst"] = Field(
        "expected", description="Whether money and samples are counted on average, or as if everybody delivered."
    )
    terms: Annotated[list[Terms], Field(max_length=12)] | None = Field(
        None,
        description="Other terms to try: a flat fee (USD) and a commission rate each; left out: some near the brief's.",
    )
    lift: Annotated[FiniteFloat, Field(gt=0, le=1e9)] | None = Field(
        None, description="The lift a partnership that is to be told from noise, USD; left out: the one expected."
    )
    filters: Filters = Field(default_factory=Filters, description="Who may be invited at all.")


class ExplainRequest(_Asks):
    """Why these creators stand where they stand among all who are eligible for one brief."""

    creator_ids: Annotated[list[Identifier], Field(min_length=1, max_length=100)] = Field(
        description="Ids or usernames."
    )


class FeedbackRequest(_Body):
    """What came of one creator in one answer of `/rank`."""

    request_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    creator_id: Identifier
    event: Literal["SHOWN", "OPENED", "SHORTLISTED", "INVITED", "ACCEPTED", "DECLINED", "DELIVERED", "DISMISSED"]
    at: Instant | None = Field(None, description="When it happened; left out: now.")


class Interval(_Answer):
    """An expected value with the ends of its 80 % interval."""

    expected: float
    low: float
    high: float


class Amount(Interval):
    """An amount of money with the ends of its 80 % interval."""

    currency: str


class IndexAnswer(_Answer):
    """One index, 0..100, with its interval; for its peers and components see the creator's card."""

    value: float | None = Field(description="Null where too little is known.")
    low: float | None = Field(None, description="Where its 80 % interval begins; null where that is not known.")
    high: float | None = Field(None, description="Where its 80 % interval ends; null where that is not known.")
    confidence: float | None = Field(
        None,
        description="How much of the value is the creator's own, 0..100; at 0 it is what peers lead one to expect.",
    )


class Reason(_Answer):
    """One signal's part in a prediction (exact TreeSHAP); a positive contribution speaks for the creator."""

    signal: str = Field(description="The signal's name.")
    value: float | None = Field(description="Of this creator, in `unit`; null where not known.")
    unit: str
    head: str = Field(description="The part of the model on which it acts most.")
    contribution: float = Field(description="USD of expected profit that would go if the signal said nothing.")
    text: str = Field(description="The same in plain words.")
    words: str = Field(
        description="What `text` begins with, without its amounts: for who tells them in another currency."
    )


class CreatorAnswer(_Answer):
    """One creator in the ranking."""

    creator_id: str
    username: str = Field(description="Empty where not known.")
    position: int = Field(description="1 is the best.")
    slot: Literal["ranked", "explored"] = Field(
        description="Whether the place was filled by the ranking, or drawn from those ranked further down."
    )
    propensity: float = Field(
        description="The chance that this creator would be in this list, given the places that are not drawn for; 1 "
        "for those ranked."
    )
    score: float = Field(description="0..100")
    utility: Amount = Field(
        description="Expected profit of inviting this creator, or of sending an applicant the sample, costs taken off."
    )
    success_probability: float = Field(
        description="Chance that the invitation, or the sample sent to an applicant, ends in delivered content, 0..1."
    )
    nothing_posted_probability: float | None = Field(
        None, description="Of an applicant: the chance that the sample is sent and nothing is posted, 0..1."
    )
    lift: Amount = Field(description="Net sales that would not have happened otherwise, if content is delivered.")
    indices: dict[str, IndexAnswer] = Field(description="The eight indices by name.")
    confidence: float = Field(description="Mean confidence of the creator's indices, 0..100.")
    follower_count: int | None = Field(description="At the latest reading; null where not known.")
    reasons: list[Reason] = Field(description="The strongest first; empty where none were asked for.")


class WarningAnswer(_Answer):
    """Something in the request that may not be what was meant; it was ranked as it stood."""

    field: str = Field(description="As the request calls it; dots lead inwards.")
    message: str = Field(description="What is odd, and what comes of it.")
    closest: list[str] = Field(description="Known names that may have been meant, the likeliest first.")


class _Ranked(_Answer):
    request_id: str = Field(description="Names this answer, for `/feedback` and the service's logs.")
    model_version: str
    as_of: datetime = Field(description="Nothing that became known after this was used.")
    considered: int = Field(description="Creators that were ranked.")
    weights: dict[str, float] = Field(description="What the score was made by: those asked for, or the model's own.")
    basis: str | None = Field(
        None,
        description="What the model stands on where its marketplace had too few outcomes for heads of its own, and "
        "how many more it takes; null where it had enough.",
    )
    warnings: list[WarningAnswer] = Field(
        default_factory=list,
        description="Names that the snapshot does not know, with the closest that it does; amounts and dates that are "
        "unusual.",
    )


class RankAnswer(_Ranked):
    """The best creators for a brief, best first."""

    preview: bool = Field(False, description="Whether it was asked for as one: then it is in no log.")
    filtered_out: dict[str, int] = Field(description="Creators left out, by reason.")
    unknown_applicants: list[str] = Field(
        default_factory=list, description="Of `applicants`, those whom the snapshot does not know, as they were sent."
    )
    creators: list[CreatorAnswer]
    next_cursor: str | None = Field(
        None, description="For the creators after these, as `cursor` of the next request; null where there are none."
    )


class ExplainAnswer(_Ranked):
    """The creators asked about, in the order asked; positions are among all who are eligible."""

    creators: list[CreatorAnswer]
    not_eligible: list[str] = Field(description="Asked about, but not eligible for this brief or not known.")


class FeedbackAnswer(_Answer):
    """The event is in the log."""

    request_id: str
    logged: Literal[True] = True
    repeated: bool = Field(False, description="Whether it was there before: the same request, creator and event.")


class ProblemAnswer(_Answer):
    """One field that cannot be taken."""

    field: str = Field(description="Dots lead inwards, as in `brief.price`; empty where it is the body as a whole.")
    expected: str
    received: str
    closest: list[str] = Field(
        default_factory=list, description="Known names that may have been meant, the likeliest first."
    )


class FaultAnswer(_Answer):
    """A fault of the service itself."""

    error: Literal["InternalError"]
    request_id: str


class ErrorAnswer(_Answer):
    """What went wrong, and what would be right."""

    error: str = Field(description="The kind of error.")
    expected: str = Field(description="What should have been there.")
    received: str = Field(description="What was there instead.")
    look: str = Field(description="Where the cause or the cure is found.")
    request_id: str
    problems: list[ProblemAnswer] | None = Field(
        None, description="All that is wrong with a body, of which `expected` and `received` tell the first."
    )
