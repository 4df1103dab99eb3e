"""Creators by their public handles: exactly, by another case, or by how a handle begins."""

from __future__ import annotations

from bisect import bisect_left
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
        lower = [name.lower().encode("utf-8", "surrogatepass") for name in usernames]
        rows = sorted((row for row, name in enumerate(lower) if name), key=lower.__getitem__)
        self._rows: Ints = np.array(rows, dtype=np.int64)
        # One text behind the other: no name is as wide as the longest.
        self._content = b"".join(lower[row] for row in rows)
        self._starts = np.cumsum([0, *(len(lower[row]) for row in rows)])

    def rows_of(self, handles: Iterable[str]) -> dict[str, Ints]:
        """The rows of each handle that somebody has, ascending; those of the same case alone, where there are any."""
        found: dict[str, Ints] = {}
        for name in dict.fromkeys(handles):
            wanted = bare(name).encode("utf-8", "surrogatepass")
            start, stop = self._place(wanted), self._place(wanted + b"\x00")
            if wanted and start < stop:
                rows = np.sort(self._rows[start:stop])
                same = rows[self._usernames[rows] == name.removeprefix("@")]
                found[name] = same if len(same) else rows
        return found

    def beginning_with(self, prefix: str) -> Ints:
        """The rows whose handle begins with ``prefix`` in any case, in the order of handles, then of rows."""
        start = bare(prefix).encode("utf-8", "surrogatepass")
        return self._rows[self._place(start) : self._place(start + _LAST)]

    def _place(self, text: bytes) -> int:
        """Of the first handle that is not before ``text``."""
        return bisect_left(range(len(self._rows)), text, key=self._bytes)

    def _bytes(self, place: int) -> bytes:
        return self._content[int(self._starts[place]) : int(self._starts[place + 1])]
