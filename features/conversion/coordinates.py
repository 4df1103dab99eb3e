"""Which numbers of a creator a post reads, and symmetric matrices kept as their upper triangles.

A creator is a vector: general, one number a category, price, `TASTES` tastes, live.
"""

from __future__ import annotations

import numpy as np

from marketplace.arrays import Floats, Ints

__all__ = ["TASTES", "active", "packed", "unpacked"]

TASTES = 4
"""Numbers that describe what a creator's audience and a brand's buyers have in common."""


def active(category: Ints, categories: int) -> Ints:
    """The coordinates of a creator that a product of each ``category`` (p,) reads, ascending: int64 (p, 4 + TASTES)."""
    rest = np.arange(categories + 1, categories + 3 + TASTES)
    return np.column_stack([np.zeros(len(category), np.int64), 1 + category, np.tile(rest, (len(category), 1))])


def packed(rows: Ints, columns: Ints, size: int) -> Ints:
    """Places of the entries ``rows`` <= ``columns`` of a symmetric matrix of ``size`` kept as its upper triangle."""
    return np.asarray(rows * size - rows * (rows + 1) // 2 + columns, dtype=np.int64)


def unpacked(triangle: Floats, size: int) -> Floats:
    """The symmetric matrices (m, size, size) of upper triangles (m, size (size + 1) / 2)."""
    full = np.empty((len(triangle), size, size))
    rows, columns = np.triu_indices(size)
    full[:, rows, columns] = triangle
    full[:, columns, rows] = triangle
    return full
