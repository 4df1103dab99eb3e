"""Validation errors in plain words: which field, what it should have been, what came."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from marketplace.errors import BriefError

__all__ = ["in_plain_words", "refusal"]

_SHOWN = 80


def in_plain_words(error: ValidationError, model: type[BaseModel]) -> BriefError:
    """The first problem of ``error`` as one of ours, with the number of others."""
    problems = error.errors(include_url=False)
    expected, received = _words(problems[0], model)
    if len(problems) > 1:
        received += f" (and {len(problems) - 1} more to put right)"
    return BriefError(expected, received=received, look="/docs.json")


def _words(problem: Any, model: type[BaseModel]) -> tuple[str, str]:
    kind, place = problem["type"], ".".join(str(part) for part in problem["loc"])
    if kind == "json_invalid":
        return "a body that is well-formed JSON", str(problem.get("ctx", {}).get("error", "something else"))[:_SHOWN]
    if kind == "extra_forbidden":
        return f"only fields that are known: {_known(problem['loc'], model)}", f"the unknown field '{place[:_SHOWN]}'"
    if kind == "missing":
        return f"the field '{place}'", "a body without it"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    where = f"'{place}' to be " if place and not message.startswith(("exactly", "at ", "only")) else ""
    return f"{where}{message}", _shown(problem["input"]) if place else "something else"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _known(place: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """The fields of the model that the unknown one was put into."""
    inner: Any = model
    for part in place[:-1]:
        field = inner.model_fields.get(part) if isinstance(part, str) else None
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())] if field else []
        inner = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if inner is None:
            return "see the page"
    return ", ".join(sorted(inner.model_fields))


def refusal(status: int, expected: str, *, received: str, look: str = "/docs.json") -> BriefError:
    """An error of ours that is answered with ``status``."""
    error = BriefError(expected, received=received, look=look)
    error.status = status
    return error
