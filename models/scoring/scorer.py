"""Raw scores of all heads, for creators whose masks are known or for the rows of a matrix."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from marketplace.arrays import Floats, Ints
from models.scoring.forest import LEAVES, NARROW, Bytes, Forest, Words, goes_left
from models.scoring.kernels import BLOCK, compiled_gather, compiled_plan, compiled_score, places_in_word
from models.scoring.states import Masks, Shape, masks_of, shape_of

__all__ = ["CHUNK", "Plan", "Scorer", "share"]

CHUNK = 8 * BLOCK
"""Rows that a thread takes at once."""

_OWN, _SAME = -1, -2


@dataclass(frozen=True)
class Plan:
    """What one brief asks of every row: the trees with all that is the same for everybody worked in.

    Attributes
    ----------
    columns : int64 (k,)
        The features whose values `Scorer.add` is to be given, in this order.
    source : int64 (N,)
        A node's place among ``columns``, or below 0.
    mask : uint64 (T,)
        Leaves that the brief leaves.
    starts : int64 (T + 1,)
    asked : int64
        Each tree's nodes that are asked row by row.
    by_state : float64 (S,)
        Each state's value, of trees that ask nothing.
    """

    columns: Ints
    source: Ints
    mask: Words
    starts: Ints
    asked: Ints
    by_state: Floats


class Scorer:
    """The heads' trees, and how creators' masks are kept.

    Parameters
    ----------
    forest : Forest
    own : int64 (k,)
        The features that are creators' own; none for rows of a matrix.
    """

    def __init__(self, forest: Forest, own: Ints) -> None:
        self.forest = forest
        self.own = own
        self.shape: Shape = shape_of(forest, own)
        self._few, self._many = _values(forest)
        self._no_masks = Masks(np.zeros((1, 1, BLOCK), np.uint8), np.zeros((1, 1, BLOCK), np.uint16))

    @cached_property
    def asked_always(self) -> Ints:
        """The features that no mask answers, ascending."""
        return np.unique(self.forest.feature[~self.shape.own])

    def masks(self, n: int, columns: Callable[[int, int, Ints], Floats], *, threads: int) -> Masks:
        """Masks of n creators, `models.scoring.states.masks_of`."""
        return masks_of(self.forest, self.shape, n, columns, threads=threads)

    def plan(self, same: Mapping[int, float]) -> Plan:
        """The plan for a brief: ``same`` are the features, none of them creators' own, that are alike in every row."""
        forest, shape = self.forest, self.shape
        source = np.full(len(forest.feature), _OWN, dtype=np.int64)
        goes = np.zeros(len(forest.feature), dtype=np.uint8)
        open_nodes = np.flatnonzero(~shape.own)
        columns = np.array([one for one in self.asked_always.tolist() if one not in same], dtype=np.int64)
        asks = np.isin(forest.feature[open_nodes], columns)
        source[open_nodes[asks]] = np.searchsorted(columns, forest.feature[open_nodes[asks]])
        answered = open_nodes[~asks]
        source[answered] = _SAME
        goes[answered] = _answers(forest, answered, same)
        mask = np.zeros(len(forest.head), dtype=np.uint64)
        starts = np.zeros(len(forest.head) + 1, dtype=np.int64)
        asked = np.zeros(max(len(open_nodes), 1), dtype=np.int64)
        compiled_plan()(
            forest.nodes, forest.left, forest.right, source, goes, forest.clear, mask, starts, asked
        )  # fmt: skip
        asked = asked[: max(int(starts[-1]), 1)]
        used = np.unique(source[asked[: int(starts[-1])]])
        if len(used) < len(columns):
            # Columns that only nodes out of reach ask about are not needed.
            place = np.full(len(columns) + 1, 0, dtype=np.int64)
            place[used] = np.arange(len(used))
            asks_of = source >= 0
            source[asks_of] = place[source[asks_of]]
            columns = columns[used]
        return Plan(columns, source, mask, starts, asked, self._by_state(mask))

    def add(self, plan: Plan, rows: Ints, masks: Masks | None, columns: Floats, out: Floats) -> None:
        """Add each row's leaves to ``out`` (heads, n), tree by tree.

        Parameters
        ----------
        rows : int64 (n,), ascending
            The creators' places in ``masks``.
        columns : float64 (k, n), contiguous
            ``plan.columns`` of the rows.
        """
        forest, shape = self.forest, self.shape
        known = masks or self._no_masks
        compiled_score()(
            rows, known.narrow, known.wide, columns, forest.head, shape.way, shape.slot, plan.mask, plan.starts,
            plan.asked, plan.source, forest.threshold, forest.kind, forest.default_left, forest.clear,
            forest.first_word, forest.words, forest.categories, self._few, self._many, shape.state, shape.alive,
            plan.by_state, out,
        )  # fmt: skip

    def of_matrix(self, X: Floats, *, threads: int) -> dict[str, Floats]:
        """Each head's raw scores of the rows of ``X`` (n, signals), (n,); of a scorer without features of its own."""
        n, plan = len(X), self._plain
        out = np.zeros((len(self.forest.heads), n))
        gather = compiled_gather()

        def chunk(start: int) -> None:
            rows = np.arange(start, min(start + CHUNK, n), dtype=np.int64)
            columns = np.empty((len(plan.columns), len(rows)))
            gather(X, rows, plan.columns, columns)
            sums = np.zeros((len(out), len(rows)))
            self.add(plan, np.arange(len(rows), dtype=np.int64), None, columns, sums)
            out[:, start : start + len(rows)] = sums

        share(chunk, range(0, n, CHUNK), threads=threads)
        return dict(zip(self.forest.heads, out, strict=True))

    @cached_property
    def _plain(self) -> Plan:
        return self.plan({})

    def _by_state(self, mask: Words) -> Floats:
        """Each state's value once the brief has ruled out its leaves."""
        shape, forest = self.shape, self.forest
        if not len(shape.alive):
            return np.zeros(1)
        keeping = np.flatnonzero(shape.way >= 3)
        tree = np.repeat(keeping, np.diff(np.append(shape.state[keeping], len(shape.alive))))
        left = shape.alive & mask[tree]
        lowest = left & (~left + np.uint64(1))
        leaf = np.bitwise_count(lowest - np.uint64(1)).astype(np.int64)
        # Before a tree's own nodes are asked several leaves may be left, or with some states none.
        last = forest.leaves[tree + 1] - forest.leaves[tree] - 1
        return np.ascontiguousarray(forest.value[forest.leaves[tree] + np.minimum(leaf, last)])


@cache
def _helpers() -> ThreadPoolExecutor:
    """Threads that are kept: to start one takes longer than what many a request asks of it."""
    return ThreadPoolExecutor(max(os.cpu_count() or 1, 4), thread_name_prefix="score")


def share(work: Callable[[int], None], starts: Iterable[int], *, threads: int) -> None:
    """Do ``work`` for every start, by so many threads: this one, and helpers where any are free."""
    todo = list(starts)
    left = iter(todo)

    def some() -> None:
        for start in left:  # whoever asks next gets the next one
            work(start)

    helping = [_helpers().submit(some) for _ in range(min(threads, len(todo)) - 1)]
    try:
        some()
    finally:
        # Those that have not begun are not needed any more, and those that have must end before anything is read.
        begun = [one for one in helping if not one.cancel()]
        wait(begun)
    for one in begun:
        one.result()


def _values(forest: Forest) -> tuple[Floats, Floats]:
    """Leaves' values where the kernel finds them: (T, 8) in order, (T, 64) by `places_in_word`."""
    trees = len(forest.head)
    few, many = np.zeros((trees, NARROW)), np.zeros((trees, LEAVES))
    places = places_in_word()
    for tree in range(trees):
        value = forest.value[forest.leaves[tree] : forest.leaves[tree + 1]]
        if len(value) <= NARROW:
            few[tree, : len(value)] = value
        many[tree, places[: len(value)]] = value
    return few, many


def _answers(forest: Forest, nodes: Ints, same: Mapping[int, float]) -> Bytes:
    """Where each of ``nodes`` sends the one value of its feature: 1 left, 0 right."""
    values = np.array([same[one] for one in forest.feature[nodes].tolist()], dtype=np.float64)
    kind = forest.kind[nodes]
    goes: Any = np.where(kind == 0, values <= forest.threshold[nodes], ~(values > forest.threshold[nodes]))
    for place in np.flatnonzero(kind > 1).tolist():
        goes[place] = goes_left(forest, int(nodes[place]), values[place : place + 1])[0]
    return np.asarray(goes, dtype=np.uint8)
