"""The 0..100 score: the model and the eight indices, by weights that the brand sets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from features.indices import INDEX_NAMES, INDICES
from marketplace.arrays import Floats, Many, as_floats
from marketplace.errors import BriefError

__all__ = ["DEFAULT_WEIGHTS", "INDEX_NAMES", "MODEL_WEIGHT", "blend", "checked_weights", "combine", "standing"]

NEUTRAL = 50.0
"""What an index that is not known counts as."""

MODEL_WEIGHT = 0.90
"""What the model counts in the score where a brand sets no weights of its own."""

DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"model": MODEL_WEIGHT, **{index.name: index.weight for index in INDICES.values()}}
)
"""``model`` is the `standing` of the predicted order; the others are the indices. They need not sum to 1."""


def checked_weights(weights: Mapping[str, float], index_names: tuple[str, ...] = INDEX_NAMES) -> Floats:
    """The weights as shares of 1: the model's first, then the indices in their order; shape (1 + n_indices,).

    Names left out weigh nothing.

    Raises
    ------
    BriefError
        Unknown names, weights that are negative or not finite, or none above zero.
    """
    names = ("model", *index_names)
    unknown = sorted(set(weights) - set(names))
    if unknown:
        raise BriefError(f"weights among {', '.join(names)}", received=", ".join(unknown), look="the request's weights")
    values = [float(weights.get(name, 0.0)) for name in names]
    total = math.fsum(values)
    if not all(math.isfinite(value) and value >= 0 for value in values) or not 0 < total < math.inf:
        raise BriefError(
            "weights of 0 or more, at least one above 0", received=f"{dict(weights)}", look="the request's weights"
        )
    return as_floats(as_floats(values) / total)


def standing(values: Many) -> Floats:
    """Where each value stands within ``values``, 0..100 on a logarithmic scale of places, shape (n,).

    ``100 * (1 - log(1 + above) / log(1 + n))`` with ``above`` = number greater + half the others equal: the best of
    many has 100, the last nearly 0, and the step from place 20 to 10 counts as much as the one from 10 to 5. A plain
    percentile would make the best creators of thousands all but equal, and leave their order to the indices.
    """
    x = as_floats(values)
    if x.size == 0:
        return x.copy()
    # Places by one sort: looking each value up among the sorted ones would jump about in memory.
    order = np.argsort(x)
    ordered = x[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.append(starts[1:], x.size)
    above = (x.size - ends) + (ends - starts - 1) / 2.0
    found = as_floats(100.0 * (1.0 - np.log1p(above) / np.log1p(x.size)))
    out = np.empty(x.size)
    out[order] = np.repeat(found, ends - starts)
    return out


def combine(
    utility: Many,
    indices: Many,
    *,
    weights: Mapping[str, float],
    confidence: Many | None = None,
    standings: Many | None = None,
    index_names: tuple[str, ...] = INDEX_NAMES,
) -> Floats:
    """The score of every candidate, 0..100, never falling in any index or in the creator's own utility.

    ``sum_j w_j * I_j / sum_j w_j`` with ``I_0`` the utility's `standing` among the candidates and the others the
    indices. The utility is what a model puts its candidates in order by (`models.predict.Predictions.order`). Rounded
    to 9 decimals, so that weights of another scale give the same score.

    Parameters
    ----------
    utility : float64 (n,)
        Predicted, USD, finite.
    indices : float64 (n, n_indices)
        0..100, in the order of ``index_names``; NaN counts as 50.
    weights : mapping of str to float
        ``model`` and index names; those left out weigh nothing.
    confidence : float64 (n, n_indices), optional
        0..100: pulls an index towards 50 by as much as it is unsure; NaN counts as 0.
    standings : float64 (n,), optional
        `standing` of the candidates, where it is known already: of a few among many others, say.

    Raises
    ------
    BriefError
        Weights that cannot be used, shapes that do not fit, or utility that is not finite.
    """
    shares = checked_weights(weights, index_names)
    worth, values = as_floats(utility), as_floats(indices)
    if worth.ndim != 1 or values.shape != (worth.size, len(index_names)) or not np.isfinite(worth).all():
        raise BriefError(
            f"finite utility (n,) and indices (n, {len(index_names)})",
            received=f"shapes {worth.shape} and {values.shape}",
            look="the candidates",
        )
    sure = None if confidence is None else as_floats(confidence)
    model = standing(worth) if standings is None else as_floats(standings)
    return blend(model, values, shares, confidence=sure)


def blend(model: Floats, indices: Floats, shares: Floats, *, confidence: Floats | None = None) -> Floats:
    """The score of rows whose `standing` is ``model`` (n,); ``indices`` (n, n_indices), ``shares`` of 1 in all.

    Row by row: some rows' scores are the same apart as among others.
    """
    values = np.clip(np.where(np.isnan(indices), NEUTRAL, indices), 0.0, 100.0)
    if confidence is not None:
        sure = np.clip(np.nan_to_num(confidence, nan=0.0), 0.0, 100.0) / 100.0
        values = NEUTRAL + sure * (values - NEUTRAL)
    score = shares[0] * model
    # One column at a time: the sum of a row must not depend on how many rows there are, as a BLAS product's may.
    for place in range(indices.shape[1]):
        score = score + shares[1 + place] * values[:, place]
    return as_floats(np.clip(np.round(score, 9), 0.0, 100.0))
