"""How much of a marketplace is read at all: rows, bytes and seconds, so that a crafted or broken file stops nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from marketplace.errors import HomeError

__all__ = ["Limits", "limits"]

_WORD = re.compile(r"(rows|bytes|seconds)=(\d+(?:\.\d+)?)([KMGT]?)B?", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True)
class Limits:
    """What one table may hold, and how long all of them may be checked.

    Attributes
    ----------
    rows : int
        Of one table.
    bytes : int
        Of one table once decompressed, as its files declare it.
    seconds : int
        Of checking a marketplace.
    """

    rows: int = 2 * 10**9
    bytes: int = 500 * 10**9
    seconds: int = 3_600


def limits() -> Limits:
    """The limits, with what ``COLLABRANK_LIMITS`` sets: ``rows=5G,bytes=2T,seconds=7200``, any of them.

    Raises
    ------
    HomeError
        It says something else.
    """
    asked = os.environ.get("COLLABRANK_LIMITS", "").strip()
    if not asked:
        return Limits()
    found: dict[str, int] = {}
    for word in asked.split(","):
        match = _WORD.fullmatch(word.strip())
        if match is None:
            raise HomeError(
                "COLLABRANK_LIMITS such as rows=5G,bytes=2T,seconds=7200", received=asked, look="docs/contract.md"
            )
        found[match[1].lower()] = int(float(match[2]) * _UNITS[match[3].upper()])
    return Limits(**found)
