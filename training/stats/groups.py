"""Runs of equal values: what LightGBM calls a group, a campaign's rows one after another."""

from __future__ import annotations

import numpy as np

from marketplace.arrays import Ints

__all__ = ["group_sizes"]


def group_sizes(codes: Ints) -> Ints:
    """Sizes of the runs of equal values in ``codes`` of shape (n,): what LightGBM calls a group."""
    if not len(codes):
        return np.zeros(0, dtype=np.int64)
    edges = np.flatnonzero(np.diff(codes)) + 1
    return np.diff(np.concatenate(([0], edges, [len(codes)]))).astype(np.int64)
