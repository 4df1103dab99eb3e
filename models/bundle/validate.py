"""Our own check of LightGBM's model text, before LightGBM parses it.

LightGBM's parser trusts what it reads: child indices, categorical thresholds
and sizes go into memory accesses unchecked (CVE-2024-43598; lightgbm-org/LightGBM
issues 7357, 7437, 7438 for <= 4.7.0). A text passes here only if it is exactly
what LightGBM 4 writes for a single-output model of plain trees, up to ``end of
trees``: the same keys in the same order, every array of the length it must
have, every number finite and within its bounds, every tree a tree. What comes
after (feature importances, parameters) is not needed to predict and is not
stored; `canonical_text` cuts it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from marketplace.arrays import Floats, Ints, as_floats
from marketplace.errors import BundleError

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_FEATURES",
    "MAX_LEAVES",
    "MAX_TREES",
    "ModelShape",
    "canonical_text",
    "check_model_text",
]

MAX_BYTES = 64 * 2**20
MAX_TREES = 5_000
MAX_LEAVES = 1_024
MAX_DEPTH = 128
MAX_FEATURES = 4_096
MAX_CATEGORY_WORDS = 4_096
"""32-bit words of all categorical splits of one tree."""

_END = "end of trees\n"
_INTEGER = r"-?(?:0|[1-9]\d{0,9})"
_FLOAT = r"-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?"
_INTEGERS = re.compile(rf"(?:{_INTEGER}(?: {_INTEGER})*)?")
_FLOATS = re.compile(rf"(?:{_FLOAT}(?: {_FLOAT})*)?")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_OBJECTIVE = re.compile(
    r"(?:lambdarank|rank_xendcg|regression|regression_l1|huber|fair|poisson|quantile|mape|gamma|tweedie"
    r"|binary|cross_entropy|cross_entropy_lambda)"
    rf"(?: sqrt| (?:sigmoid|alpha|fair_c|tweedie_variance_power|poisson_max_delta_step|c|rho):{_FLOAT})*"
)
_RANGE = re.compile(rf"\[({_FLOAT}):({_FLOAT})\]")
_CATEGORIES = re.compile(r"-?\d{1,10}(?::-?\d{1,10})*")

_HEADER = (
    "version",
    "num_class",
    "num_tree_per_iteration",
    "label_index",
    "max_feature_idx",
    "objective",
    "feature_names",
    "monotone_constraints",
    "feature_infos",
    "tree_sizes",
)
_OPTIONAL = ("objective", "monotone_constraints")
_FIXED = {"version": "v4", "num_class": "1", "num_tree_per_iteration": "1", "label_index": "0"}
_TREE = (
    "num_leaves",
    "num_cat",
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "leaf_value",
    "leaf_weight",
    "leaf_count",
    "internal_value",
    "internal_weight",
    "internal_count",
)


@dataclass(frozen=True)
class ModelShape:
    """What a checked text holds: features (their names and ranges seen in training, NaN where none) and sizes."""

    feature_names: tuple[str, ...]
    feature_low: Floats
    feature_high: Floats
    trees: int
    leaves: int
    depth: int


def canonical_text(text: str) -> str:
    """``text`` up to and with ``end of trees``: all that predicting needs, and all that is stored and checked.

    Raises
    ------
    BundleError
        The line is not there.
    """
    head, found, _ = text.partition(f"\n{_END}")
    if not found:
        raise _refuse("a line 'end of trees'", "none", "the model text")
    return head + found


def check_model_text(content: bytes, *, signals: tuple[str, ...], name: str = "head") -> ModelShape:
    """Pass the model text of one head, or refuse it.

    Parameters
    ----------
    content : bytes
        The text as read.
    signals : tuple of str
        The columns it must be over: named so, or ``Column_0 ...``.
    name : str
        What the text is called in an error.

    Raises
    ------
    BundleError
        Anything that LightGBM would not have written.
    """
    where = f"model text of {name}"
    if len(content) > MAX_BYTES:
        raise _refuse(f"at most {MAX_BYTES} bytes", f"{len(content)} bytes", where)
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as reason:
        raise _refuse("ASCII", f"byte {content[reason.start]:#04x} at {reason.start}", where) from reason
    header, start = _header(text, where)
    names, low, high = _features(header, signals, where)
    sizes = _integers(header["tree_sizes"], f"{where}, tree_sizes", low=1, high=MAX_BYTES)
    if not 1 <= len(sizes) <= MAX_TREES:
        raise _refuse(f"1 to {MAX_TREES} trees", f"{len(sizes)}", where)
    if start + int(sizes.sum()) + len(_END) != len(text) or not text.endswith(_END):
        raise _refuse("trees that fill the text up to 'end of trees' as tree_sizes says", "another length", where)
    leaves = depth = 0
    for number, size in enumerate(sizes.tolist()):
        grown = _tree(text[start : start + size], number, len(signals), where)
        leaves, depth = leaves + grown[0], max(depth, grown[1])
        start += size
    return ModelShape(names, low, high, len(sizes), leaves, depth)


def _refuse(expected: str, received: str, where: str) -> BundleError:
    return BundleError(expected, received=received, look=where)


def _header(text: str, where: str) -> tuple[dict[str, str], int]:
    end = text.find("\n\n")
    lines = text[: max(end, 0)].split("\n")
    if end < 0 or lines[0] != "tree":
        raise _refuse("a header that begins with 'tree' and ends with an empty line", f"{text[:40]!r}", where)
    pairs = [line.partition("=") for line in lines[1:]]
    found = [key for key, _, _ in pairs]
    if found != [key for key in _HEADER if key in found or key not in _OPTIONAL]:
        raise _refuse(f"the header's keys {', '.join(_HEADER)}, in this order", f"{found[:12]}", where)
    header = {key: value for key, _, value in pairs}
    for key, value in _FIXED.items():
        if header[key] != value:
            raise _refuse(f"{key}={value}", f"{header[key][:40]!r}", where)
    if "objective" in header and not _OBJECTIVE.fullmatch(header["objective"]):
        raise _refuse("a known objective", f"{header['objective'][:60]!r}", where)
    return header, end + 2


def _features(header: dict[str, str], signals: tuple[str, ...], where: str) -> tuple[tuple[str, ...], Floats, Floats]:
    n = len(signals)
    if header["max_feature_idx"] != str(n - 1) or not 1 <= n <= MAX_FEATURES:
        raise _refuse(f"max_feature_idx={n - 1}", f"{header['max_feature_idx'][:40]!r}", where)
    names = tuple(header["feature_names"].split(" "))
    plain = tuple(f"Column_{place}" for place in range(n))
    if names not in (signals, plain) or not all(map(_NAME.fullmatch, names)):
        raise _refuse(f"feature_names of the {n} signals in their order", f"{len(names)}: {names[:3]}", where)
    if "monotone_constraints" in header:
        monotone = _integers(header["monotone_constraints"], f"{where}, monotone_constraints", low=-1, high=1)
        if len(monotone) != n:
            raise _refuse(f"{n} monotone constraints", f"{len(monotone)}", where)
    infos = header["feature_infos"].split(" ")
    if len(infos) != n:
        raise _refuse(f"{n} feature_infos", f"{len(infos)}", where)
    low, high = np.full(n, np.nan), np.full(n, np.nan)
    for place, info in enumerate(infos):
        if matched := _RANGE.fullmatch(info):
            low[place], high[place] = float(matched[1]), float(matched[2])
            if not (np.isfinite([low[place], high[place]]).all() and low[place] <= high[place]):
                raise _refuse("a finite range of each feature", f"{info[:60]!r}", where)
        elif info != "none" and not _CATEGORIES.fullmatch(info):
            raise _refuse("a range, categories or none for each feature", f"{info[:60]!r}", where)
    return names, low, high


def _integers(value: str, where: str, *, low: int, high: int) -> Ints:
    if not _INTEGERS.fullmatch(value):
        raise _refuse("whole numbers", _odd(value, _INTEGERS), where)
    numbers = np.array(value.split(), dtype=np.int64)
    if numbers.size and (numbers.min() < low or numbers.max() > high):
        raise _refuse(f"numbers from {low} to {high}", f"{numbers.min()} to {numbers.max()}", where)
    return numbers


def _floats(value: str, where: str) -> Floats:
    if not _FLOATS.fullmatch(value):
        raise _refuse("finite numbers", _odd(value, _FLOATS), where)
    numbers = as_floats([float(one) for one in value.split()])
    if not np.isfinite(numbers).all():
        raise _refuse("finite numbers", "one too large for a float64", where)
    return numbers


def _odd(value: str, wanted: re.Pattern[str]) -> str:
    """The first of the numbers that is none."""
    return next((repr(one[:60]) for one in value.split(" ") if not one or not wanted.fullmatch(one)), repr(value[:60]))


def _tree(text: str, number: int, n_features: int, where: str) -> tuple[int, int]:
    """Check one tree; returns its leaves and its depth."""
    where = f"{where}, tree {number}"
    lines = text.split("\n")
    if lines[0] != f"Tree={number}" or lines[-3:] != ["", "", ""]:
        raise _refuse(f"'Tree={number}', its fields and two empty lines", f"{text[:40]!r}", where)
    pairs = [line.partition("=") for line in lines[1:-3]]
    fields = {key: value for key, _, value in pairs}
    categories = ("cat_boundaries", "cat_threshold") if fields.get("num_cat", "0") != "0" else ()
    wanted = (*_TREE, *categories, "is_linear", "shrinkage")
    if tuple(key for key, _, _ in pairs) != wanted:
        raise _refuse(f"the fields {', '.join(wanted)}, in this order", f"{[key for key, _, _ in pairs][:20]}", where)

    def integers(key: str, count: int, low: int, high: int) -> Ints:
        numbers = _integers(fields[key], f"{where}, {key}", low=low, high=high)
        if len(numbers) != count:
            raise _refuse(f"{count} of {key}", f"{len(numbers)}", where)
        return numbers

    def floats(key: str, count: int) -> Floats:
        numbers = _floats(fields[key], f"{where}, {key}")
        if len(numbers) != count:
            raise _refuse(f"{count} of {key}", f"{len(numbers)}", where)
        return numbers

    leaves = int(integers("num_leaves", 1, 1, MAX_LEAVES)[0])
    nodes = leaves - 1
    n_cat = int(integers("num_cat", 1, 0, nodes)[0])
    integers("split_feature", nodes, 0, n_features - 1)
    decision = integers("decision_type", nodes, 0, 11)
    threshold = _thresholds(fields["threshold"], decision, f"{where}, threshold")
    left = integers("left_child", nodes, -leaves, nodes - 1)
    right = integers("right_child", nodes, -leaves, nodes - 1)
    for key, count in (
        ("split_gain", nodes),
        ("leaf_value", leaves),
        ("internal_value", nodes),
        ("internal_weight", nodes),
    ):
        floats(key, count)
    # A tree of one leaf is written without its weight.
    floats("leaf_weight", leaves if nodes else len(fields["leaf_weight"].split()[:1]))
    leaf_count = integers("leaf_count", leaves, 0, 2**31 - 1)
    internal_count = integers("internal_count", nodes, 0, 2**31 - 1)
    integers("is_linear", 1, 0, 0)
    floats("shrinkage", 1)
    _categorical(fields, n_cat, threshold[(decision & 1) == 1], where)
    return leaves, _depth(left.tolist(), right.tolist(), leaf_count.tolist(), internal_count.tolist(), where)


def _thresholds(value: str, decision: Ints, where: str) -> Floats:
    """A finite threshold of each node; ``inf`` too, by which LightGBM sends all known values left and NaN right."""
    tokens = value.split(" ") if value else []
    if len(tokens) != len(decision):
        raise _refuse(f"{len(decision)} of threshold", f"{len(tokens)}", where)
    infinite = np.array([token == "inf" for token in tokens], dtype=bool)
    if (infinite & ((decision & 1) == 1)).any():
        raise _refuse("finite numbers on categorical nodes", "inf", where)
    threshold = np.full(len(tokens), np.inf)
    threshold[~infinite] = _floats(" ".join(token for token in tokens if token != "inf"), where)
    return threshold


def _categorical(fields: dict[str, str], n_cat: int, groups: Floats, where: str) -> None:
    """The thresholds of categorical nodes name each of the ``n_cat`` bit sets once; the sets fill their array."""
    if sorted(groups.tolist()) != list(range(n_cat)):
        raise _refuse(f"categorical nodes that name each of {n_cat} sets once", f"{groups[:10].tolist()}", where)
    if not n_cat:
        return
    boundaries = _integers(fields["cat_boundaries"], f"{where}, cat_boundaries", low=0, high=MAX_CATEGORY_WORDS)
    words = _integers(fields["cat_threshold"], f"{where}, cat_threshold", low=0, high=2**32 - 1)
    fits = len(boundaries) == n_cat + 1 and boundaries[0] == 0 and boundaries[-1] == len(words)
    if not fits or (np.diff(boundaries) <= 0).any():
        raise _refuse(f"{n_cat + 1} rising cat_boundaries from 0 to {len(words)}", f"{boundaries[:10].tolist()}", where)


def _depth(left: list[int], right: list[int], leaf_count: list[int], internal_count: list[int], where: str) -> int:
    """Walk the tree from its root: every node and leaf is met exactly once, and counts add up; returns the depth.

    LightGBM's SHAP divides by the counts and sizes its buffers by the depth.
    """
    if not left:
        return 0
    seen_nodes, seen_leaves = set(), set()
    stack = [(0, 1)]
    deepest = 0
    while stack:
        node, depth = stack.pop()
        if node in seen_nodes or depth > MAX_DEPTH:
            raise _refuse(f"nodes that have one parent, at most {MAX_DEPTH} deep", f"node {node} at {depth}", where)
        seen_nodes.add(node)
        deepest = max(deepest, depth)
        total = 0
        for child in (left[node], right[node]):
            if child >= 0:
                stack.append((child, depth + 1))
                total += internal_count[child]
            elif ~child in seen_leaves:
                raise _refuse("leaves that have one parent", f"leaf {~child} with two", where)
            else:
                seen_leaves.add(~child)
                total += leaf_count[~child]
        if total != internal_count[node] or total < 1:
            raise _refuse("counts of a node that its children add up to", f"{total} and {internal_count[node]}", where)
    if len(seen_nodes) != len(left) or len(seen_leaves) != len(leaf_count):
        raise _refuse(
            f"{len(left)} nodes and {len(leaf_count)} leaves that hang on the root",
            f"{len(seen_nodes)} and {len(seen_leaves)}",
            where,
        )
    return deepest
