"""What came of a creator in an answer: known requests and creators alone, each event once."""

from __future__ import annotations

from datetime import UTC, datetime

from marketplace.errors import BriefError
from serving.decisions import DecisionLog, require_log
from serving.keys import ApiKey
from serving.problems import refusal
from serving.schema import FeedbackRequest

__all__ = ["take_feedback"]


def take_feedback(log: DecisionLog, request: FeedbackRequest, *, key: ApiKey | None) -> bool:
    """Log the event, on disk when this returns; whether it was there before.

    The same request, creator and event is one row, however often it is told and by whatever worker it is taken; the
    first one stands. Of answers for brands that the key is not for there is no such request.

    Raises
    ------
    BriefError
        No answer of this id was logged, or the creator was not in it (404).
    LogError
        The log cannot be kept (507), or its store does not answer (503).
    """
    shown = log.creators_shown(request.request_id, sees=(lambda _: True) if key is None else key.sees)
    if shown is None:
        raise _unknown("a request_id of an answer that was logged", request.request_id)
    if request.creator_id not in shown:
        raise _unknown("a creator in that answer", request.creator_id)
    if log.has_event(request.request_id, request.creator_id, request.event):
        return True
    line = {
        "kind": "feedback",
        "request_id": request.request_id,
        "creator_id": request.creator_id,
        "event": request.event,
        "at": request.at or datetime.now(UTC),
        "key_id": "" if key is None else key.id,
    }
    require_log(log.keep(line, seconds=5.0))
    return False


def _unknown(expected: str, received: str) -> BriefError:
    return refusal(404, expected, received=repr(received), look="the answer of /rank, and its X-Decision-Logged header")
