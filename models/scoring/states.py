"""What creators' own signals leave of every tree, worked out once for all briefs.

A tree of at most `NARROW` leaves keeps a byte a creator: the leaves that the nodes on the creator's own signals leave.
A larger tree keeps the number of a *state*, which is one set of such leaves: a node on the creator's own signals
has the states of either side one after the other, any other node each state of its left side with each of its right.
There are rarely more than 255 of them, so that a byte does for 31 or 64 leaves too, where their masks would take four
or eight; up to 65,536 take two bytes, and a tree with more asks its nodes anew for every brief.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from marketplace.arrays import Floats, Ints
from models.scoring.forest import NARROW, Bytes, Forest, Words, goes_left
from models.scoring.kernels import BLOCK

__all__ = ["Masks", "Shape", "masks_of", "shape_of"]

_MOST_STATES = 2**16
_BLOCKS = 8
"""Blocks whose masks are made at once."""


@dataclass(frozen=True)
class Shape:
    """Which trees keep what, for one choice of the signals that are creators' own.

    Attributes
    ----------
    own : bool (N,)
        Nodes that the masks answer.
    way : uint8 (T,)
        As `models.scoring.kernels` reads it.
    slot : int64 (T,)
        A tree's place among those of its width.
    state : int64 (T,)
        Where its states begin in ``alive``.
    alive : uint64 (S,)
        The leaves of each state.
    narrow, wide : int
        Trees that keep a byte, and two.
    """

    own: np.ndarray
    way: Bytes
    slot: Ints
    state: Ints
    alive: Words
    narrow: int
    wide: int

    @property
    def bytes_each(self) -> int:
        """Bytes of one creator's masks."""
        return self.narrow + 2 * self.wide


@dataclass(frozen=True)
class Masks:
    """Creators' masks, block by block: uint8 and uint16 (blocks, trees of that width, `BLOCK`)."""

    narrow: Bytes
    wide: np.ndarray


def shape_of(forest: Forest, own_features: Ints) -> Shape:
    """The shape of masks where the columns ``own_features`` are creators' own."""
    own = np.isin(forest.feature, own_features)
    trees = len(forest.head)
    way, slot = np.zeros(trees, dtype=np.uint8), np.zeros(trees, dtype=np.int64)
    state = np.zeros(trees, dtype=np.int64)
    alive: list[Words] = []
    narrow = wide = states = 0
    for tree in range(trees):
        first, last = int(forest.nodes[tree]), int(forest.nodes[tree + 1])
        small = forest.leaves[tree + 1] - forest.leaves[tree] <= NARROW
        way[tree] = 0 if small else 2
        if not own[first:last].any():
            continue
        if small:
            way[tree], slot[tree] = 1, narrow
            narrow += 1
            continue
        count = _count(forest, own, first)
        if count > _MOST_STATES:
            own[first:last] = False
            continue
        state[tree] = states
        alive.append(_alive(forest, own, first))
        states += count
        if count <= 256:
            way[tree], slot[tree] = 3, narrow
            narrow += 1
        else:
            way[tree], slot[tree] = 4, wide
            wide += 1
    return Shape(own, way, slot, state, np.concatenate([*alive, np.zeros(0, dtype=np.uint64)]), narrow, wide)


def masks_of(
    forest: Forest, shape: Shape, n: int, columns: Callable[[int, int, Ints], Floats], *, threads: int
) -> Masks:
    """The masks of n creators; ``columns(first, last, features)`` gives float64 (features, last - first) of theirs."""
    blocks = -(-n // BLOCK)
    masks = Masks(
        np.zeros((blocks, shape.narrow, BLOCK), dtype=np.uint8), np.zeros((blocks, shape.wide, BLOCK), dtype=np.uint16)
    )
    features = np.unique(forest.feature[shape.own])
    keeping = np.flatnonzero((shape.way == 1) | (shape.way >= 3)).tolist()

    def fill(first_block: int) -> None:
        last_block = min(first_block + _BLOCKS, blocks)
        first, last = first_block * BLOCK, min(last_block * BLOCK, n)
        values = dict(zip(features.tolist(), columns(first, last, features), strict=True))
        whole = np.zeros((last_block - first_block) * BLOCK, dtype=np.int64)
        for tree in keeping:
            root = int(forest.nodes[tree])
            if shape.way[tree] == 1:
                left = np.full(last - first, 255, dtype=np.uint8)
                for node in range(root, int(forest.nodes[tree + 1])):
                    if shape.own[node]:
                        goes = goes_left(forest, node, values[int(forest.feature[node])])
                        left &= np.where(goes, np.uint8(255), np.uint8(forest.clear[node] & np.uint64(255)))
                whole[: last - first] = left
            else:
                whole[: last - first] = _state(forest, shape, root, 0, values)[0]
            into = masks.wide if shape.way[tree] == 4 else masks.narrow
            into[first_block:last_block, shape.slot[tree]] = whole.reshape(-1, BLOCK)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, blocks, _BLOCKS)))
    return masks


def _count(forest: Forest, own: np.ndarray, root: int, node: int = 0) -> int:
    if node < 0:
        return 1
    left, right = (_count(forest, own, root, int(side[root + node])) for side in (forest.left, forest.right))
    return left + right if own[root + node] else left * right


def _alive(forest: Forest, own: np.ndarray, root: int, node: int = 0) -> Words:
    """The leaves of each state below ``node``, in the states' order."""
    if node < 0:
        return np.array([1 << (-1 - node)], dtype=np.uint64)
    left, right = (_alive(forest, own, root, int(side[root + node])) for side in (forest.left, forest.right))
    return np.concatenate([left, right]) if own[root + node] else (left[:, None] | right[None, :]).ravel()


def _state(forest: Forest, shape: Shape, root: int, node: int, values: dict[int, Floats]) -> tuple[Ints | int, int]:
    """The state below ``node`` of each creator, and how many there are."""
    if node < 0:
        return 0, 1
    left, of_left = _state(forest, shape, root, int(forest.left[root + node]), values)
    right, of_right = _state(forest, shape, root, int(forest.right[root + node]), values)
    if not shape.own[root + node]:
        return left * of_right + right, of_left * of_right
    goes = goes_left(forest, root + node, values[int(forest.feature[root + node])])
    return np.where(goes, left, of_left + right), of_left + of_right
