"""Many briefs in one request: each is answered or refused by itself."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from marketplace.errors import BriefError, CollabrankError, Problem
from serving.problems import in_plain_words, refusal
from serving.schema import ErrorAnswer, ProblemAnswer, RankAnswer, RankRequest

__all__ = ["BatchAnswer", "BatchItem", "BatchRequest", "rank_each"]

_log = logging.getLogger("collabrank.serving")

MOST = 100
"""Requests in a batch."""

MOST_CREATORS = 10_000
"""Creators that all requests of a batch may ask for together."""

SECONDS = 30.0
"""A request of a batch that has not begun by then is told to come back."""


def _by_itself(value: Any, check: ValidatorFunctionWrapHandler) -> RankRequest | BriefError:
    """The request, or what is wrong with it: one that is wrong keeps no other from its answer."""
    try:
        request: RankRequest = check(value)
    except ValidationError as error:
        return in_plain_words(error, RankRequest)
    return request


class BatchRequest(BaseModel):
    """Several requests as `/rank` takes them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    requests: Annotated[
        list[Annotated[RankRequest, WrapValidator(_by_itself)]], Field(min_length=1, max_length=MOST)
    ] = Field(description="Each is answered or refused by itself; together they may ask for 10,000 creators.")

    @model_validator(mode="after")
    def _not_too_many(self) -> BatchRequest:
        if sum(one.top for one in self.requests if isinstance(one, RankRequest)) > MOST_CREATORS:
            raise ValueError(f"at most {MOST_CREATORS} creators in all, the sum of every 'top'")
        return self


class BatchItem(BaseModel):
    """What came of one request: its answer where `status` is 200, else its error."""

    model_config = ConfigDict(extra="forbid")

    status: int = Field(description="What `/rank` would have answered with.")
    answer: RankAnswer | None = Field(None, description="As `/rank` gives it.")
    error: ErrorAnswer | None = Field(None, description="As `/rank` gives it.")


class BatchAnswer(BaseModel):
    """The answers, in the order of the requests."""

    model_config = ConfigDict(extra="forbid")

    request_id: str = Field(description="Of the whole; each answer has its own, which `/feedback` takes.")
    items: list[BatchItem] = Field(description="As many as there were requests.")


def rank_each(
    batch: BatchRequest,
    rank: Callable[[RankRequest, str], RankAnswer],
    *,
    request_id: str,
    clock: Callable[[], float] = time.monotonic,
) -> BatchAnswer:
    """Every request of ``batch`` in turn.

    Parameters
    ----------
    rank : callable
        Answers one request under an id of its own, or raises an error of ours.
    """
    until = clock() + SECONDS
    items = []
    for one in batch.requests:
        own_id = uuid.uuid4().hex
        try:
            if isinstance(one, BriefError):
                raise one
            if clock() > until:
                raise refusal(
                    503, f"a batch that takes at most {SECONDS:.0f} s", received="more", look="a moment later"
                )
            items.append(BatchItem(status=200, answer=rank(one, own_id)))
        except CollabrankError as error:
            if error.status >= 500:
                _log.error("request %s, in the batch %s: %s", own_id, request_id, error)
            items.append(BatchItem(status=error.status, error=_told(error, own_id)))
    return BatchAnswer(request_id=request_id, items=items)


def _told(error: CollabrankError, request_id: str) -> ErrorAnswer:
    problems: tuple[Problem, ...] = getattr(error, "problems", ())
    return ErrorAnswer(
        error=type(error).__name__,
        expected=error.expected,
        received=error.received,
        look=error.look,
        request_id=request_id,
        problems=[ProblemAnswer(field=p.field, expected=p.expected, received=p.received) for p in problems] or None,
    )
