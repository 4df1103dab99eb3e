"""Values as JSON can hold them: the one place where NaN becomes null."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

__all__ = ["json_bytes", "json_text", "jsonable"]


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


def json_bytes(value: Any) -> bytes:
    """One JSON document of `jsonable` ``value`` in ASCII, without spaces, keys as they come: what is quickest written.

    Raises
    ------
    pydantic_core.PydanticSerializationError
        As for `jsonable`.
    """
    try:
        quick = to_json(value, inf_nan_mode="null", fallback=_numpy)
    except (PydanticSerializationError, UnicodeEncodeError):  # half a letter, which JSON can escape and UTF-8 not hold
        quick = b""
    # The one character of ASCII that only Python's writer escapes: a text is written in one way in every document.
    if quick and quick.isascii() and b"\x7f" not in quick:
        return quick
    return json.dumps(jsonable(value), ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
