"""From an invitation to a delivery: how the chances that utility needs come of the calibrated ones.

A bundle says in its manifest which calibrated probabilities it has and how the
three chances of the funnel come of them, in a closed vocabulary, so that
nothing here or in serving knows a ranker by its name::

    "accept"                        the calibrated probability of that name
    ("product", a, b)               a * b
    ("at_least", a, b)              a, never taken below b
    ("ratio", a, b)                 a / b; 0 where b is 0

``a`` and ``b`` are expressions themselves. `CHAINED` is the funnel of pointwise
heads, one a step; `APART` that of heads which tell acceptance and success apart,
each for every invitation, and may contradict each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias, Union

import numpy as np

from marketplace.arrays import Floats
from marketplace.errors import BundleError

__all__ = ["APART", "CHAINED", "STEPS", "Expression", "evaluate", "expression_of", "names_in", "slope"]

Expression: TypeAlias = Union[str, tuple[str, "Expression", "Expression"]]  # noqa: UP007 - a recursive alias needs it

STEPS = ("accept", "deliver", "success")
"""P(accept), P(deliver | accept) and their product: what a funnel gives an expression for."""

CHAINED: Mapping[str, Expression] = MappingProxyType(
    {"accept": "accept", "deliver": "deliver", "success": ("product", "accept", "deliver")}
)
"""Acceptance, then delivery given acceptance: success is both."""

APART: Mapping[str, Expression] = MappingProxyType(
    {
        "accept": ("at_least", "accept", "success"),
        "deliver": ("ratio", "success", ("at_least", "accept", "success")),
        "success": "success",
    }
)
"""Success and acceptance calibrated apart; acceptance, which success implies, is never taken below it."""

_WORDS = ("product", "at_least", "ratio")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DEEPEST = 8


def expression_of(content: object, *, depth: int = 0) -> Expression:
    """The expression that JSON holds: a name, or a list of a word and two expressions.

    Raises
    ------
    BundleError
        A word beyond the vocabulary, or what is no expression.
    """
    if isinstance(content, str) and _NAME.fullmatch(content):
        return content
    if isinstance(content, (list, tuple)) and len(content) == 3 and content[0] in _WORDS and depth < _DEEPEST:
        return content[0], expression_of(content[1], depth=depth + 1), expression_of(content[2], depth=depth + 1)
    raise BundleError(
        f"a probability's name, or one of {', '.join(_WORDS)} with two expressions",
        received=f"{content!r:.80}",
        look="models/funnel.py: a bundle of another version of collabrank?",
    )


def names_in(expression: Expression) -> Iterator[str]:
    """The probabilities that ``expression`` reads, as often as it reads them."""
    if isinstance(expression, str):
        yield expression
    else:
        for part in expression[1:]:
            yield from names_in(part)


def evaluate(expression: Expression, value: Mapping[str, Floats]) -> Floats:
    """The chance of each row, (n,), from the calibrated probabilities ``value``, each (n,)."""
    if isinstance(expression, str):
        return value[expression]
    word, first, second = expression
    a, b = evaluate(first, value), evaluate(second, value)
    if word == "product":
        return a * b
    if word == "at_least":
        return np.maximum(a, b)
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def slope(expression: Expression, value: Mapping[str, Floats], by: str) -> Floats | float:
    """The derivative of `evaluate` by the probability ``by``, (n,) or one number for all rows.

    Of ``at_least`` it is that of its first part alone: where the second takes over, its error is told by the first's.
    """
    if isinstance(expression, str):
        return 1.0 if expression == by else 0.0
    word, first, second = expression
    if word == "at_least":
        return slope(first, value, by)
    da, db = slope(first, value, by), slope(second, value, by)
    a, b = evaluate(first, value), evaluate(second, value)
    if word == "product":
        return da * b + a * db
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(b > 0, (da * b - a * db) / np.square(b), 0.0)
