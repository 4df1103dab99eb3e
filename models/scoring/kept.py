"""Scorers that have been made: of a model's heads for any matrix, and for the creators of a part with their masks.

A model that cannot be scored so (`models.scoring.forest.forest_of`), or whose first rows come out other than from
LightGBM, is left to LightGBM, with a line in the log.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.errors import BundleError
from models.scoring.forest import SMALLEST, Forest, forest_of
from models.scoring.kernels import compiled_score
from models.scoring.scorer import Scorer
from models.scoring.states import Masks

__all__ = ["ENOUGH_OFTEN", "ENOUGH_ONCE", "Prepared", "plain_scorer", "prepared", "worth_compiling"]

_log = logging.getLogger("collabrank.scoring")

ENOUGH_ONCE = 10**9
"""Rows x trees from which on compiling costs less time than it saves at once."""

ENOUGH_OFTEN = 2 * 10**6
"""The same where brief follows brief: a few thousand creators."""

_NONE = np.zeros(0, dtype=np.int64)

_lock = threading.RLock()
_plain: dict[int, tuple[tuple[Any, ...], Scorer | None]] = {}
_parts: dict[tuple[int, int], Prepared | None] = {}


@dataclass(frozen=True)
class Prepared:
    """A scorer for the creators of one part, and their masks."""

    scorer: Scorer
    masks: Masks


def worth_compiling(rows: int, heads: Mapping[str, Any], *, enough: int = ENOUGH_ONCE) -> bool:
    """Whether so many rows are scored sooner so than by LightGBM: when the loops are compiled, or will pay for it."""
    if compiled_score.cache_info().currsize > 0:
        return True
    return rows * sum(int(head.num_trees()) for head in heads.values()) >= enough


def plain_scorer(heads: Mapping[str, Any]) -> Scorer | None:
    """The scorer of any matrix's rows by ``heads``; None where LightGBM must do it."""
    boosters = tuple(heads.values())
    # A booster that has grown since is another.
    state = tuple((id(one), one.num_trees(), one.best_iteration) for one in boosters)
    key = hash(tuple(heads)) ^ hash(state[:1])
    with _lock:
        known = _plain.get(key)
        if known is not None and known[0] == (tuple(heads), state):
            return known[1]
        made = _made(heads)
        _plain[key] = ((tuple(heads), state), made)
        weakref.finalize(boosters[0], _plain.pop, key, None)
        return made


def prepared(
    model: Any, part: Any, own: Ints, n: int, columns: Callable[[int, int, Ints], Floats], *, threads: int
) -> Prepared | None:
    """The scorer of ``model``'s heads for the n creators of ``part``, whose own features are ``own``.

    Masks are made when first asked for, and go when the model or the part does. None where LightGBM must do it.
    """
    key = (id(model), id(part))
    with _lock:
        if key not in _parts:
            plain = plain_scorer(model.heads)
            if plain is None:
                _parts[key] = None
            else:
                scorer = Scorer(plain.forest, own)
                _parts[key] = Prepared(scorer, scorer.masks(n, columns, threads=threads))
            for one in (model, part):
                weakref.finalize(one, _parts.pop, key, None)
        return _parts[key]


def _made(heads: Mapping[str, Any]) -> Scorer | None:
    try:
        scorer = Scorer(forest_of(heads), _NONE)
        rows = _awkward(scorer.forest, next(iter(heads.values())).num_feature())
        found = scorer.of_matrix(rows, threads=1)
        for name, booster in heads.items():
            wanted = np.asarray(booster.predict(rows, raw_score=True, num_threads=1), dtype=np.float64)
            if wanted.tobytes() != found[name].tobytes():
                raise BundleError(f"head {name}: LightGBM's own scores", received="others", look="models/scoring")
    except BundleError as reason:
        _log.warning("scored by LightGBM itself: %s", reason)
        return None
    return scorer


def _awkward(forest: Forest, features: int) -> Floats:
    """Rows on thresholds, beside them, near 0, and unknown: (256, features)."""
    rng = np.random.default_rng(0)
    rows = rng.choice([0.0, -0.0, np.nan, SMALLEST, -SMALLEST, 1.0, 3.0, np.inf, -np.inf], (256, features))
    for feature in forest.features.tolist():
        limits = forest.threshold[forest.feature == feature]
        near = np.concatenate([limits, np.nextafter(limits, np.inf), np.nextafter(limits, -np.inf), rows[:2, feature]])
        there = rng.random(256) < 0.8
        rows[there, feature] = rng.choice(near, int(there.sum()))
    return np.ascontiguousarray(rows)
