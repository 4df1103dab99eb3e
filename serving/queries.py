"""What the query of a request says: read once, at the door, and checked as a body is."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import QueryParams

from marketplace.errors import BriefError, Problem
from serving.pair import Served
from serving.problems import LOOK, in_plain_words

__all__ = ["Nothing", "Query", "read_query"]

Q = TypeVar("Q", bound="Query")


class Query(BaseModel):
    """What may be asked for in the query of a path. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    def goes_over(self, served: Served) -> int:  # noqa: ARG002
        """Creators whom the answer looks at, which its work is counted by."""
        return 0


class Nothing(Query):
    """A query that says nothing."""


def read_query(text: bytes, model: type[Q]) -> Q:
    """What the query ``text`` of a request says.

    Raises
    ------
    BriefError
        A field that is not known, that is told twice, or that cannot be taken; all of them at once.
    """
    said = QueryParams(text).multi_items()
    names = [name for name, _ in said]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BriefError.of((Problem(name[:80], f"one '{name[:80]}'", "several") for name in twice), look=LOOK)
    try:
        return model.model_validate(dict(said))
    except ValidationError as error:
        raise in_plain_words(error, model) from None
