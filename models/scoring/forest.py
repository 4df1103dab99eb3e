"""The trees of a bundle's heads as flat arrays, in LightGBM's own terms.

Nodes of a tree stand parent before child, leaves from left to right. With the leaves so numbered, a node whose answer
is "right" rules out the leaves on its left (``clear`` has their bits at 0), and the leaf a row falls into is the first
that no node rules out.

Source: Lucchese et al. (2015), QuickScorer: a fast algorithm to rank documents with additive ensembles of regression
trees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from marketplace.arrays import Flags, Floats, Ints, as_floats
from marketplace.errors import BundleError

__all__ = ["LEAVES", "NARROW", "SMALLEST", "Forest", "forest_of", "goes_left"]

LEAVES = 64
"""Most leaves of a tree: one bit each in a word."""

NARROW = 8
"""Leaves up to which a tree's bits fit a byte."""

SMALLEST = float(np.float32(1e-35))
"""LightGBM reads what is no further than this from 0 as 0."""

AT_MOST, NOT_ABOVE, CAREFUL, AMONG = range(4)
"""How a node asks: ``x <= t`` (NaN goes right), ``not x > t`` (NaN goes left), with 0 and NaN missing, categories."""

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NONE, _ZERO = 0, 1

Words = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Forest:
    """T trees with N nodes and L leaves in all, the heads one after the other.

    Attributes
    ----------
    heads : tuple of str
    head : int64 (T,)
        Each tree's place in ``heads``, ascending.
    nodes, leaves : int64 (T + 1,)
        Where each tree's nodes and leaves begin.
    feature : int64 (N,)
    threshold : float64 (N,)
        None within `SMALLEST` of 0 but +`SMALLEST` itself, so that values may be compared as they are.
    kind : uint8 (N,)
        One of `AT_MOST`, `NOT_ABOVE`, `CAREFUL`, `AMONG`.
    default_left : uint8 (N,)
        Whether `CAREFUL` sends left what is missing.
    left, right : int64 (N,)
        A node of the same tree, counted from its first; -1 - leaf for a leaf.
    clear : uint64 (N,)
        All ones but for the leaves on the node's left.
    first_word, words : int64 (N,)
        `AMONG`: where the categories that go left stand in ``categories``, and in how many words of 32 bits.
    categories : uint64
    value : float64 (L,)
    """

    heads: tuple[str, ...]
    head: Ints
    nodes: Ints
    leaves: Ints
    feature: Ints
    threshold: Floats
    kind: Bytes
    default_left: Bytes
    left: Ints
    right: Ints
    clear: Words
    first_word: Ints
    words: Ints
    categories: Words
    value: Floats

    @property
    def features(self) -> Ints:
        """The columns that any node asks about, ascending."""
        return np.unique(self.feature)

    def tree_of_node(self) -> Ints:
        """Each node's tree, int64 (N,)."""
        return np.repeat(np.arange(len(self.head)), np.diff(self.nodes))


def forest_of(heads: Mapping[str, Any]) -> Forest:
    """The trees that ``Booster.predict`` would sum, of every head.

    Raises
    ------
    BundleError
        Something that is not taken: linear leaves, an average, several outputs, or more than `LEAVES` leaves.
    """
    names = tuple(heads)
    parts: dict[str, list[Any]] = {name: [] for name in _NODE_FIELDS}
    head: list[int] = []
    node_counts, leaf_counts, values, words = [0], [0], [], [np.zeros(0, dtype=np.uint64)]
    n_words = 0
    for place, name in enumerate(names):
        for tree in _trees(name, heads[name]):
            grown = _grown(tree, name)
            grown["first_word"] = grown["first_word"] + n_words
            n_words += len(grown["categories"])
            words.append(grown["categories"])
            values.append(grown["value"])
            for field in _NODE_FIELDS:
                parts[field].append(grown[field])
            head.append(place)
            node_counts.append(len(grown["feature"]))
            leaf_counts.append(len(grown["value"]))
    joined = {
        field: np.concatenate([np.zeros(0, dtype=kind), *parts[field]]).astype(kind)
        for field, kind in _NODE_FIELDS.items()
    }
    return Forest(
        heads=names,
        head=np.array(head, dtype=np.int64),
        nodes=np.cumsum(node_counts).astype(np.int64),
        leaves=np.cumsum(leaf_counts).astype(np.int64),
        categories=np.concatenate(words),
        value=np.concatenate([np.zeros(0), *values]),
        **joined,
    )


_NODE_FIELDS: Mapping[str, Any] = {
    "feature": np.int64,
    "threshold": np.float64,
    "kind": np.uint8,
    "default_left": np.uint8,
    "left": np.int64,
    "right": np.int64,
    "clear": np.uint64,
    "first_word": np.int64,
    "words": np.int64,
}


def goes_left(forest: Forest, node: int, values: Floats) -> Flags:
    """Whether a row with each of ``values`` (n,) goes left at ``node``, bool (n,)."""
    kind, threshold = forest.kind[node], forest.threshold[node]
    if kind == AT_MOST:
        return np.asarray(values <= threshold)
    if kind == NOT_ABOVE:
        return ~np.asarray(values > threshold)
    if kind == CAREFUL:
        missing = ~(np.abs(values) > SMALLEST)
        return np.where(missing, bool(forest.default_left[node]), values <= threshold)
    left = np.zeros(len(values), dtype=bool)
    known = (values >= 0.0) & (values < 32.0 * float(forest.words[node]))
    group = values[known].astype(np.int64)
    word = forest.categories[forest.first_word[node] + (group >> 5)]
    left[known] = (word >> (group & 31).astype(np.uint64)) & np.uint64(1) == 1
    # Between -1 and 0 a value is cut to 0, as in C.
    left[(values > -1.0) & (values < 0.0)] = bool(forest.categories[forest.first_word[node]] & np.uint64(1))
    return left


def _trees(name: str, booster: Any) -> list[dict[str, str]]:
    text = booster.model_to_string()
    header, *rest = text.partition("\nend of trees")[0].split("\nTree=")
    told = dict(line.partition("=")[::2] for line in header.split("\n"))
    if told.get("num_tree_per_iteration") != "1" or "average_output" in told:
        raise _other(name, "several outputs, or the average of trees")
    return [dict(line.partition("=")[::2] for line in one.split("\n")[1:]) for one in rest]


def _other(name: str, received: str) -> BundleError:
    return BundleError(
        f"head {name}: sums of trees of at most {LEAVES} leaves, each leaf a number",
        received=received,
        look="models/scoring/forest.py",
    )


def _grown(tree: Mapping[str, str], name: str) -> dict[str, Any]:
    """One tree's fields, its nodes parent before child and its leaves from left to right."""
    if tree.get("is_linear", "0") != "0":
        raise _other(name, "leaves with lines in them")
    leaves = int(tree["num_leaves"])
    if leaves > LEAVES:
        raise _other(name, f"a tree of {leaves} leaves")
    value = _numbers(tree["leaf_value"])
    if leaves < 2:
        empty = {field: np.zeros(0, dtype=kind) for field, kind in _NODE_FIELDS.items()}
        return {**empty, "value": value[:1], "categories": np.zeros(0, dtype=np.uint64)}
    feature, threshold = _whole(tree["split_feature"]), _numbers(tree["threshold"])
    decision, left, right = (_whole(tree[key]) for key in ("decision_type", "left_child", "right_child"))
    order, leaf_order, below = _walked(left.tolist(), right.tolist())
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    leaf_place = np.empty(leaves, dtype=np.int64)
    leaf_place[leaf_order] = np.arange(leaves)
    children = [
        np.where(side >= 0, place[np.maximum(side, 0)], -1 - leaf_place[np.maximum(~side, 0)])[order]
        for side in (left, right)
    ]
    clear = np.full(len(order), 2**64 - 1, dtype=np.uint64)
    for node, (first, last) in enumerate(below):
        clear[node] ^= np.uint64((1 << last) - (1 << first))
    decision, threshold = decision[order], threshold[order]
    boundaries = _whole(tree.get("cat_boundaries", "0"))
    categorical = (decision & _CATEGORICAL) == 1
    group = np.where(categorical, threshold, 0.0).astype(np.int64)
    known_last = np.minimum(group + 1, len(boundaries) - 1)
    missing, default_left = (decision >> 2) & 3, (decision & _DEFAULT_LEFT) > 0
    # Without a missing type NaN is read as 0.
    nan_left = np.where(missing == _NONE, threshold >= 0.0, default_left)
    numeric = np.where(missing == _ZERO, CAREFUL, np.where(nan_left, NOT_ABOVE, AT_MOST))
    kind = np.where(categorical, AMONG, numeric)
    # Values about 0 are read as 0: a threshold among them moves to the end of their range, and asks the same of 0.
    threshold = np.where((threshold >= 0.0) & (threshold < SMALLEST), SMALLEST, threshold)
    below_zero = (threshold < 0.0) & (threshold >= -SMALLEST)
    threshold = np.where(below_zero, np.nextafter(-SMALLEST, -np.inf), threshold)
    return {
        "feature": feature[order],
        "threshold": threshold,
        "kind": kind,
        "default_left": default_left,
        "left": children[0],
        "right": children[1],
        "clear": clear,
        "first_word": boundaries[group],
        "words": np.where(categorical, boundaries[known_last] - boundaries[group], 0),
        "categories": _whole(tree.get("cat_threshold", "")).astype(np.uint64),
        "value": value[leaf_order],
    }


def _walked(left: list[int], right: list[int]) -> tuple[Ints, Ints, list[tuple[int, int]]]:
    """Nodes parent before child; leaves from left to right; the leaves (first, last + 1) on each node's left."""
    order: list[int] = []
    leaves: list[int] = []
    below: list[tuple[int, int]] = []
    # (node, -1) enters; (node, place in ``order``) comes back from its left side.
    stack: list[tuple[int, int]] = [(0, -1)]
    while stack:
        node, back = stack.pop()
        if back >= 0:
            below[back] = (below[back][0], len(leaves))
        elif node < 0:
            leaves.append(~node)
        else:
            below.append((len(leaves), 0))
            order.append(node)
            stack += [(right[node], -1), (node, len(order) - 1), (left[node], -1)]
    return np.array(order, dtype=np.int64), np.array(leaves, dtype=np.int64), below


def _numbers(text: str) -> Floats:
    return as_floats([float(one) for one in text.split()])


def _whole(text: str) -> Ints:
    return np.array(text.split(), dtype=np.int64)
