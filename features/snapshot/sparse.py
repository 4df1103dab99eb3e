"""Rows that exist for few of the creators: values by group (a brand, a product), then by creator's row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketplace.arrays import Floats, Ints

__all__ = ["Sparse"]

_FEW = 16
"""Times as many creators as rows from which on the rows are looked up in the groups, not the groups' laid out."""


@dataclass(frozen=True)
class Sparse:
    """Float64 values of (group, creator row) where there are any.

    Parameters
    ----------
    starts : int64 array (groups + 1,)
        Where each group's entries begin in ``rows``.
    rows : int64 array (entries,)
        Creators' rows, ascending within a group.
    values : float64 array (entries, k)
    """

    starts: Ints
    rows: Ints
    values: Floats

    @classmethod
    def of(cls, groups: Ints, rows: Ints, values: Floats, *, count: int) -> Sparse:
        """From parallel arrays in any order; ``count`` is the number of groups."""
        order = np.lexsort((rows, groups))
        starts = np.searchsorted(groups[order], np.arange(count + 1)).astype(np.int64)
        return cls(starts, rows[order], np.ascontiguousarray(values[order]))

    def only(self, rows: Ints, n: int) -> Sparse:
        """The entries of some ``rows`` (ascending) of the ``n`` creators, who are counted anew from 0."""
        place = np.full(n, -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        new = place[self.rows]
        kept = new >= 0
        before = np.concatenate([[0], np.cumsum(kept)])
        return Sparse(before[self.starts].astype(np.int64), new[kept], self.values[kept])

    def rows_of(self, group: int) -> Ints:
        """The rows of the creators with values in ``group``, ascending."""
        return self.rows[int(self.starts[group]) : int(self.starts[group + 1])]

    def fill(self, out: Floats, group: int, rows: Ints) -> None:
        """Write the group's values over the lines of ``out`` (len(rows), k) whose creator has any."""
        hit, entries = self._met(group, rows)
        out[hit] = self.values[entries]

    def sum(self, groups: Ints, rows: Ints, n: int) -> Floats:
        """The sum over ``groups`` for ``rows`` of the ``n`` creators: new, (len(rows), k); whole values stay exact."""
        if _FEW * len(rows) < n:
            found = np.zeros((len(rows), self.values.shape[1]))
            for group in groups:
                hit, entries = self._met(int(group), rows)
                found[hit] += self.values[entries]
            return found
        total = np.zeros((n, self.values.shape[1]))
        for group in groups:
            first, last = int(self.starts[group]), int(self.starts[group + 1])
            total[self.rows[first:last]] += self.values[first:last]
        return total[rows]

    def _met(self, group: int, rows: Ints) -> tuple[Ints, Ints]:
        """Which of ``rows`` have values in ``group``, by their places; and their entries."""
        mine = self.rows_of(group)
        if not len(mine):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        at = np.minimum(np.searchsorted(mine, rows), len(mine) - 1)
        hit = np.flatnonzero(mine[at] == rows)
        return hit, int(self.starts[group]) + at[hit]
