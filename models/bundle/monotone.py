"""Whether a head keeps the directions it was held to: exactly, over all inputs, leaf by leaf.

LightGBM is asked to keep a direction while it grows a tree; this looks at what
it grew. A leaf is a box: for every signal the interval ``(low, high]`` of known
values that reach it, and whether a missing one does. A tree rises in signal
*j* if and only if, for every two leaves with a point in common on all other
signals, the one that can stand further right on *j* is not worth less. That is
checked for every pair of leaves of every tree, so that it holds for every
input and not for a sample of them; a sum of trees that all rise rises. A
missing value of *j* itself has no place in its order and is not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from marketplace.arrays import Flags, Floats, Ints
from marketplace.errors import BundleError

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = ["Violation", "check_monotone", "violations"]


@dataclass(frozen=True)
class Violation:
    """One pair of leaves of tree ``tree`` against ``signal``'s direction: ``below`` stands left of ``above``.

    The two values are the leaves' own, in raw score.
    """

    tree: int
    signal: str
    direction: int
    below: float
    above: float


@dataclass(frozen=True)
class _Leaves:
    """Boxes of one tree's m leaves over the k signals it splits on."""

    signals: Ints
    low: Floats
    high: Floats
    missing: Flags
    value: Floats


def check_monotone(booster: lgb.Booster, *, name: str = "head") -> int:
    """Pass a head whose every tree keeps the directions that its model text declares, or refuse it.

    Parameters
    ----------
    booster : lightgbm.Booster
        Of plain numeric trees.
    name : str
        What it is called in an error.

    Returns
    -------
    int
        Number of signals that it is held to a direction on; 0 where it declares none.

    Raises
    ------
    BundleError
        A pair of leaves against a direction, or trees with categorical splits or zeros taken as missing, which
        have no intervals to compare.
    """
    model = booster.dump_model()
    found = violations(model, name=name)
    if found:
        first = found[0]
        raise BundleError(
            f"{name} {'rising' if first.direction > 0 else 'falling'} in {first.signal} everywhere",
            received=f"{len(found)} pairs of leaves against a direction; tree {first.tree}: "
            f"{first.below!r} at lower and {first.above!r} at higher values",
            look="the head's monotone_constraints and its objective: one that renews leaves may break them",
        )
    return int(np.count_nonzero(model.get("monotone_constraints") or []))


def violations(model: Mapping[str, Any], *, name: str = "head") -> list[Violation]:
    """Every pair of leaves that goes against a declared direction, in order of tree and signal.

    Parameters
    ----------
    model : mapping
        As ``lightgbm.Booster.dump_model()`` gives it.

    Raises
    ------
    BundleError
        As `check_monotone`, for splits that have no intervals.
    """
    directions = np.asarray(model.get("monotone_constraints") or [], dtype=np.int64)
    if not directions.any():
        return []
    out = []
    for number, tree in enumerate(model["tree_info"]):
        leaves = _leaves(tree["tree_structure"], f"{name}, tree {number}")
        for column, signal in enumerate(leaves.signals.tolist()):
            direction = int(directions[signal])
            if direction:
                out += [
                    Violation(number, str(model["feature_names"][signal]), direction, below, above)
                    for below, above in _against(leaves, column, direction)
                ]
    return out


def _against(leaves: _Leaves, column: int, direction: int) -> list[tuple[float, float]]:
    """Values of the pairs of leaves, (standing lower, standing higher) on ``column``, whose order is wrong."""
    meet = (np.maximum(leaves.low[:, None], leaves.low[None]) < np.minimum(leaves.high[:, None], leaves.high[None])) | (
        leaves.missing[:, None] & leaves.missing[None]
    )
    meet[:, :, column] = True
    low, high = leaves.low[:, column], leaves.high[:, column]
    known = low < high
    ordered = (low[:, None] < high[None]) & known[:, None] & known[None]
    wrong = leaves.value[:, None] > leaves.value[None] if direction > 0 else leaves.value[:, None] < leaves.value[None]
    first, second = np.nonzero(meet.all(axis=2) & ordered & wrong)
    return list(zip(leaves.value[first].tolist(), leaves.value[second].tolist(), strict=True))


def _leaves(root: Mapping[str, Any], where: str) -> _Leaves:
    used: dict[int, int] = {}
    _collect(root, used, where)
    k = len(used)
    rows: list[tuple[Floats, Floats, Flags, float]] = []
    stack = [(root, np.full(k, -np.inf), np.full(k, np.inf), np.ones(k, dtype=bool))]
    while stack:
        node, low, high, missing = stack.pop()
        if "leaf_value" in node:
            # Nothing at all reaches a box that is empty on some signal.
            if ((low < high) | missing).all():
                rows.append((low, high, missing, float(node["leaf_value"])))
            continue
        column, threshold = used[int(node["split_feature"])], float(node["threshold"])
        # Where a node knows no missing values, LightGBM takes a missing one for a zero.
        goes_left = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0.0
        left, right = (low, high.copy(), missing.copy()), (low.copy(), high, missing.copy())
        left[1][column] = min(high[column], threshold)
        right[0][column] = max(low[column], threshold)
        left[2][column] &= goes_left
        right[2][column] &= not goes_left
        stack += [(node["right_child"], *right), (node["left_child"], *left)]
    return _Leaves(
        np.array(list(used), dtype=np.int64),
        np.array([row[0] for row in rows]).reshape(len(rows), k),
        np.array([row[1] for row in rows]).reshape(len(rows), k),
        np.array([row[2] for row in rows], dtype=bool).reshape(len(rows), k),
        np.array([row[3] for row in rows]),
    )


def _collect(root: Mapping[str, Any], used: dict[int, int], where: str) -> None:
    """Number the signals that the tree splits on, in the order met."""
    stack = [root]
    while stack:
        node = stack.pop()
        if "leaf_value" in node:
            continue
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise BundleError(
                "numeric splits, missing values apart from zeros, where a direction is declared",
                received=f"decision {node['decision_type']!r}, missing type {node['missing_type']!r}",
                look=where,
            )
        used.setdefault(int(node["split_feature"]), len(used))
        stack += [node["left_child"], node["right_child"]]
