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

__all__ = [
    "Amount",
    "BriefBody",
    "CreatorAnswer",
    "ErrorAnswer",
    "ExplainAnswer",
    "ExplainRequest",
    "FeedbackAnswer",
    "FeedbackRequest",
    "Filters",
    "IndexAnswer",
    "Interval",
    "RankAnswer",
    "RankRequest",
    "Reason",
]

Identifier = Annotated[str, Field(min_length=1, max_length=128)]
Money = Annotated[FiniteFloat, Field(ge=0, le=1e12)]
Rate = Annotated[FiniteFloat, Field(ge=0, le=1)]


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
        description="How much the model (`model`) and each index count in the score, 0 or more; what is not named "
        "counts 0. Left out: the weights that the model was promoted with.",
    ),
]


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
    market: Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166 alpha-2.")]
    category_id: Identifier | None = Field(None, description="Left out: the category of the first known product.")
    product_ids: Annotated[list[Identifier], Field(max_length=100)] = Field(default_factory=list)
    objective: Literal["SALES", "LAUNCH", "AWARENESS"] = "SALES"
    collaboration: Literal["TARGET", "OPEN"] = "TARGET"
    budget: Money | None = Field(None, description="In `currency`.")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field("USD", description="ISO 4217, of all money here.")
    commission_rate: Rate
    flat_fee: Money | None = Field(None, description="Per creator, in `currency`.")
    has_free_sample: bool = False
    briefed_at: Instant | None = Field(None, description="Left out: the snapshot's as-of day.")
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    margin_rate: Rate | None = Field(None, description="Gross margin; left out: the products' or the category's.")
    price: Money | None = Field(None, description="Of the product, in `currency`; left out: the products' own.")


class Filters(_Body):
    """Which creators may be ranked at all; each one left out is counted under the filter's name."""

    min_followers: Annotated[int, Field(ge=0, le=10**12)] | None = None
    max_followers: Annotated[int, Field(ge=0, le=10**12)] | None = None
    languages: Annotated[list[Identifier], Field(min_length=1, max_length=50)] | None = None
    agency_status: Literal["AGENCY_MANAGED", "INDEPENDENT"] | None = None
    min_confidence: Annotated[FiniteFloat, Field(ge=0, le=100)] | None = Field(
        None, description="Mean confidence of the creator's indices, 0..100."
    )
    exclude_creator_ids: Annotated[list[Identifier], Field(max_length=2000)] | None = None
    include_only_creator_ids: Annotated[list[Identifier], Field(min_length=1, max_length=2000)] | None = None


class _Asks(_Body):
    campaign_id: Identifier | None = Field(None, description="A campaign that the snapshot knows; or send `brief`.")
    brief: BriefBody | None = Field(None, description="A brief written out; or send `campaign_id`.")
    weights: Weights | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.campaign_id is None) == (self.brief is None):
            raise ValueError("exactly one of 'campaign_id' and 'brief'")
        return self


class RankRequest(_Asks):
    """Rank creators for one brief."""

    top: Annotated[int, Field(ge=1, le=1000)] = Field(20, description="How many creators to return.")
    filters: Filters = Field(default_factory=Filters)
    explain: bool = Field(True, description="Whether to give reasons.")
    candidates: Literal["everyone", "applicants"] = Field(
        "everyone", description="Whom to rank: all who can be invited, or `applicants`, who asked for a sample."
    )
    applicants: Annotated[list[Identifier], Field(min_length=1, max_length=20_000)] | None = Field(
        None, description="creator_ids of those who asked for a sample, with `candidates` applicants."
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.candidates == "applicants") != (self.applicants is not None):
            raise ValueError("'applicants' with 'candidates': 'applicants', and not without")
        return self


class ExplainRequest(_Asks):
    """Why these creators stand where they stand among all who are eligible for one brief."""

    creator_ids: Annotated[list[Identifier], Field(min_length=1, max_length=100)]


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
    """One index, 0..100; for its interval, peers and components see the creator's card."""

    value: float | None


class Reason(_Answer):
    """One signal's part in a prediction (exact TreeSHAP); a positive contribution speaks for the creator."""

    signal: str
    value: float | None
    unit: str
    head: str
    contribution: float
    text: str


class CreatorAnswer(_Answer):
    """One creator in the ranking."""

    creator_id: str
    username: str
    position: int
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
    indices: dict[str, IndexAnswer]
    reasons: list[Reason]


class _Ranked(_Answer):
    request_id: str
    model_version: str
    as_of: datetime
    considered: int
    basis: str | None = Field(
        None,
        description="What the model stands on where its marketplace had too few outcomes for heads of its own, and "
        "how many more it takes; null where it had enough.",
    )


class RankAnswer(_Ranked):
    """The best creators for a brief, best first."""

    filtered_out: dict[str, int] = Field(description="Creators left out, by reason.")
    unknown_applicants: list[str] = Field(
        default_factory=list, description="Of `applicants`, those whom the snapshot does not know, as they were sent."
    )
    creators: list[CreatorAnswer]


class ExplainAnswer(_Ranked):
    """The creators asked about, in the order asked; positions are among all who are eligible."""

    creators: list[CreatorAnswer]
    not_eligible: list[str] = Field(description="Asked about, but not eligible for this brief or not known.")


class FeedbackAnswer(_Answer):
    """The event is in the log."""

    request_id: str
    logged: Literal[True] = True
    repeated: bool = Field(False, description="Whether it was there before: the same request, creator and event.")


class ErrorAnswer(_Answer):
    """What went wrong, and what would be right."""

    error: str
    expected: str
    received: str
    look: str
    request_id: str
