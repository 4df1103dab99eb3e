"""Values as JSON can hold them: the one place where NaN becomes null."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from pydantic_core import to_jsonable_python

__all__ = ["json_text", "jsonable"]


def jsonable(value: Any) -> Any:
    """``value`` copied with JSON's own types alone.

    NaN and infinities become null, numpy's numbers and arrays Python's, tuples and sets lists, dataclasses objects,
    instants and days ISO 8601 text (UTC ends in ``Z``), keys text.

    Raises
    ------
    pydantic_core.PydanticSerializationError
        Something else is in it.
    """
    return to_jsonable_python(value, inf_nan_mode="null", fallback=_numpy)


def _numpy(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def json_text(value: Any, *, indent: int | None = None) -> str:
    """One JSON document of `jsonable` ``value``, keys sorted, without a line's end."""
    return json.dumps(jsonable(value), indent=indent, sort_keys=True, allow_nan=False)
