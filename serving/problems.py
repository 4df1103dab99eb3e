"""What is wrong with a request in plain words: which field, what it should have been, what came; all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from marketplace.errors import BriefError, Problem

__all__ = ["LOOK", "in_plain_words", "inside", "refusal"]

LOOK = "/docs.json"
"""Where every field is described."""

_SHOWN = 80
_MOST = 50
"""Problems that are told; a body of nothing but nonsense would be answered at length otherwise."""


_FORMS = {"^[A-Z]{2}$": "two capital letters, such as US", "^[A-Z]{3}$": "three capital letters, such as USD"}

_SAID: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "bool_type": lambda _: "true or false",
    "dict_type": lambda _: "a JSON object",
    "model_type": lambda _: "a JSON object",
    "model_attributes_type": lambda _: "a JSON object",
    "finite_number": lambda _: "a finite number",
    "float_type": lambda _: "a number",
    "int_type": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "int_parsing": lambda _: "a whole number",
    "int_parsing_size": lambda _: "a whole number",
    "list_type": lambda _: "a list",
    "string_type": lambda _: "text",
    "literal_error": lambda limits: f"one of {limits['expected']}",
    "greater_than": lambda limits: f"above {_bound(limits['gt'])}",
    "greater_than_equal": lambda limits: f"at least {_bound(limits['ge'])}",
    "less_than_equal": lambda limits: f"at most {_bound(limits['le'])}",
    "string_pattern_mismatch": lambda limits: _FORMS.get(limits["pattern"], f"text of the form {limits['pattern']}"),
    "string_too_long": lambda limits: f"text of at most {limits['max_length']} characters",
    "string_too_short": lambda limits: f"text of at least {limits['min_length']} character",
    "too_long": lambda limits: f"of at most {limits['max_length']} entries",
    "too_short": lambda limits: f"of at least {limits['min_length']} entry",
}
"""What pydantic's errors are in our words, by their type; others keep its own."""


def _bound(value: Any) -> str:
    """A number as one would write it, an instant as ISO 8601."""
    if not isinstance(value, int | float):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    return f"{int(value):,}" if float(value).is_integer() else f"{value:g}"


def in_plain_words(error: ValidationError, model: type[BaseModel]) -> BriefError:
    """All problems of ``error`` as one of ours: the first `_MOST` of them, in the order of the fields."""
    return BriefError.of((_problem(one, model) for one in error.errors(include_url=False)[:_MOST]), look=LOOK)


def inside(field: str, error: BriefError) -> list[Problem]:
    """The problems of ``error``, which are those of what lies in ``field``."""
    if not error.problems:
        return [Problem(field, error.expected, error.received)]
    return [replace(one, field=f"{field}.{one.field}") for one in error.problems]


def refusal(
    status: int, expected: str, *, received: str, look: str = LOOK, problems: Iterable[Problem] = ()
) -> BriefError:
    """An error of ours that is answered with ``status``."""
    error = BriefError(expected, received=received, look=look, problems=tuple(problems))
    error.status = status
    return error


def _problem(found: Any, model: type[BaseModel]) -> Problem:
    place = ".".join(str(part) for part in found["loc"])[:_SHOWN]
    expected, received = _words(found, place, model)
    return Problem(place, expected, received)


def _words(found: Any, place: str, model: type[BaseModel]) -> tuple[str, str]:
    kind = found["type"]
    if kind == "json_invalid":
        return "a body that is well-formed JSON", str(found.get("ctx", {}).get("error", "something else"))[:_SHOWN]
    if kind == "extra_forbidden":
        return f"only fields that are known: {_known(found['loc'], model)}", f"the unknown field '{place}'"
    if kind == "missing":
        return f"the field '{place}'", "a body without it"
    say = _SAID.get(kind)
    limits = found.get("ctx", {})
    told = found["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    message = told if say is None else say(limits)
    where = f"'{place}' to be " if place and not message.startswith(("exactly", "'")) else ""
    received = _shown(found["input"]) if place or kind == "model_type" else "something else"
    return f"{where}{message}", received


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
    return ", ".join(sorted(inner.model_fields)) or "none"
