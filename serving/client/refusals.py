"""A refusal of the service as an error of the one tree, in the service's own words."""

from __future__ import annotations

from typing import Any

from marketplace import errors
from marketplace.errors import BriefError, CollabrankError, Problem, ServiceError

__all__ = ["error_of"]

_LONGEST = 2_000


def error_of(status: int, told: Any) -> CollabrankError:
    """What the service told with ``status``: the error that it names, with its words, its problems and its request."""
    said = told if isinstance(told, dict) else {}
    name = str(said.get("error", ""))
    if not all(isinstance(said.get(one), str) for one in ("expected", "received", "look")):
        return _of(ServiceError(
            "an answer of the service", received=_fault(status, said), look="the service's log, under the request's id"
        ), status, said)  # fmt: skip
    words = {one: said[one][:_LONGEST] for one in ("expected", "received", "look")}
    found = getattr(errors, name, None) if name in errors.__all__ else None
    kind = found if isinstance(found, type) and issubclass(found, CollabrankError) else ServiceError
    problems = [_problem(one) for one in said.get("problems") or ()]
    if issubclass(kind, BriefError):
        return _of(kind(words["expected"], received=words["received"], look=words["look"], problems=problems),
                   status, said)  # fmt: skip
    return _of(kind(words["expected"], received=words["received"], look=words["look"]), status, said)


def _problem(told: Any) -> Problem:
    field, expected, received = (str(told.get(one, ""))[:_LONGEST] for one in ("field", "expected", "received"))
    return Problem(field, expected, received, tuple(str(one)[:_LONGEST] for one in told.get("closest") or ()))


def _fault(status: int, said: dict[str, Any]) -> str:
    of = f", request {said['request_id']}" if said.get("request_id") else ""
    return f"status {status}{of}"


def _of(error: CollabrankError, status: int, said: dict[str, Any]) -> CollabrankError:
    error.status = status
    error.request_id = str(said["request_id"]) if said.get("request_id") else None
    return error
