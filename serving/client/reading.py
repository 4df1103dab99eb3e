"""Answers read into dataclasses by their fields' types; what a newer service tells beside them is passed over."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from marketplace.errors import ServiceError

__all__ = ["of_json"]

T = TypeVar("T")


def of_json(kind: type[T], value: Any) -> T:
    """``value``, as JSON gives it, as ``kind``: a dataclass, or one of the types that its fields have.

    Raises
    ------
    ServiceError
        A field is missing, or of another type.
    """
    try:
        found: T = _read(kind, value)
    except (KeyError, TypeError, ValueError, AttributeError) as reason:
        raise ServiceError(
            f"an answer that reads as {getattr(kind, '__name__', kind)}",
            received=f"{type(reason).__name__}: {reason}"[:200],
            look="the versions of the service and of this client",
        ) from reason
    return found


@cache
def _types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Any) -> Any:
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        others = [one for one in inside if one is not type(None)]
        return None if value is None and len(others) < len(inside) else _read(others[0], value)
    if is_dataclass(kind):
        found: Any = _object(kind, value)
    elif origin is tuple:
        found = tuple(_read(inside[0], one) for one in value)
    elif origin is dict:
        found = {str(name): _read(inside[1], one) for name, one in value.items()}
    elif kind is datetime:
        found = datetime.fromisoformat(value)
    elif kind is float:
        found = float(value)
    elif kind in (str, int, bool) and not isinstance(value, kind):
        raise TypeError(f"{kind.__name__}, not {type(value).__name__}")
    else:
        found = value
    return found


def _object(kind: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(f"an object, not {type(value).__name__}")
    hints = _types(kind)
    told = {}
    for one in fields(kind):
        if not one.init or one.name.startswith("_"):
            continue
        if one.name in value:
            told[one.name] = _read(hints[one.name], value[one.name])
        elif one.default is MISSING and one.default_factory is MISSING:
            raise KeyError(one.name)
    return kind(**told)
