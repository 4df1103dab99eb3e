"""Creators by their public handles: exactly, by another case, or by how a handle begins."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from features.snapshot.text import TextColumn
from marketplace.arrays import Ints

__all__ = ["Handles", "bare"]

_LAST = b"\xff"  # sorts behind every character of UTF-8


def bare(handle: str) -> str:
    """``handle`` as it is compared: without a leading ``@``, in lower case."""
    return handle.removeprefix("@").lower()


class Handles:
    """The handles of n creators, sorted once; a creator without one is not found.

    Parameters
    ----------
    usernames : TextColumn (n,)
        Empty where not known.
    """

    def __init__(self, usernames: TextColumn) -> None:
        self._usernames = usernames
        there = np.flatnonzero(usernames != "")
        texts = usernames[there]
        if texts.dtype == object:  # one very long handle among short ones: not every row as wide as it
            lower = np.array([str(text).lower().encode("utf-8", "surrogatepass") for text in texts], dtype=object)
        else:
            lower = np.strings.encode(np.strings.lower(texts), "utf-8", "surrogatepass")
        order = np.argsort(lower, kind="stable")
        self._sorted, self._rows = lower[order], there[order].astype(np.int64)

    def rows_of(self, handles: Iterable[str]) -> dict[str, Ints]:
        """The rows of each handle that somebody has, ascending; those of the same case alone, where there are any."""
        asked = list(dict.fromkeys(handles))
        if not asked or not len(self._sorted):
            return {}
        wanted = np.array([bare(one).encode("utf-8", "surrogatepass") for one in asked])
        starts, stops = (np.searchsorted(self._sorted, wanted, side=side) for side in ("left", "right"))
        found: dict[str, Ints] = {}
        for name, start, stop in zip(asked, starts.tolist(), stops.tolist(), strict=True):
            if start < stop:
                rows = np.sort(self._rows[start:stop])
                same = rows[self._usernames[rows] == name.removeprefix("@")]
                found[name] = same if len(same) else rows
        return found

    def beginning_with(self, prefix: str) -> Ints:
        """The rows whose handle begins with ``prefix`` in any case, in the order of handles, then of rows."""
        start = bare(prefix).encode("utf-8", "surrogatepass")
        first = int(np.searchsorted(self._sorted, np.bytes_(start), side="left"))
        last = int(np.searchsorted(self._sorted, np.bytes_(start + _LAST), side="left"))
        return self._rows[first:last]
