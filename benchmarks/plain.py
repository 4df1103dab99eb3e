"""Rank anything: the heads' own fit for a plain matrix that has nothing to do with creators.

    booster = fit_ranker(X, y, groups, params={"num_leaves": 31}, rounds=100)
    scores = booster.predict(X_new)

It is the same code path as the heads' (`training.heads.booster.fit_booster`), so what
holds for one holds for the other: the booster equals
``lightgbm.train(ranker_params(params), ...)`` on the same data bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.arrays import Floats
from marketplace.errors import TrainingError
from training.heads import DETERMINISTIC, fit_booster

__all__ = ["fit_ranker", "ranker_params"]


def ranker_params(params: Mapping[str, Any] | None = None, *, seed: int = 7) -> dict[str, Any]:
    """The LightGBM parameters that `fit_ranker` uses: ``lambdarank``, `DETERMINISTIC`, the seed, then ``params``.

    All cores work on the one booster (``num_threads`` 0), where the heads' boosters are fitted side by side on one
    each; in deterministic mode the trees are the same either way.
    """
    return {**DETERMINISTIC, "num_threads": 0, "objective": "lambdarank", "seed": seed, **(params or {})}


def fit_ranker(
    X: Any,
    y: NDArray[Any],
    groups: NDArray[Any] | Sequence[int],
    *,
    params: Mapping[str, Any] | None = None,
    rounds: int = 100,
    weights: Floats | None = None,
    label_gain: Sequence[float] | None = None,
    signals: Sequence[str] | None = None,
    monotone: Sequence[int] | None = None,
    seed: int = 7,
) -> Any:
    """Fit a LightGBM ``lambdarank`` booster on a plain matrix.

    Parameters
    ----------
    X : array of shape (n, k)
        Dense float64, a pandas frame or a SciPy sparse matrix. NaN is missing.
        The rows of one query stand together.
    y : array of shape (n,)
        Whole grades from 0, more is better.
    groups : ints of shape (q,)
        Rows in each query, in row order; they sum to n. (Sizes, as LightGBM means it; not one id a row.)
    params : mapping, optional
        LightGBM's parameters. What is not given is LightGBM's default, but for
        `ranker_params`; everything given here wins.
    rounds : int
        Number of trees.
    weights : float64 array of shape (n,), optional
        Row weights.
    label_gain : sequence of float, optional
        Gain of each grade from 0 up; default LightGBM's ``2^grade - 1``.
    signals, monotone : sequences of length k, optional
        Column names; -1, 0 or +1 a column.
    seed : int
        Seed of all of LightGBM's draws.

    Returns
    -------
    lightgbm.Booster

    Raises
    ------
    TrainingError
        Grades that are not whole numbers from 0, too few gains, or shapes that do not fit together.
    """
    grades = np.asarray(y, dtype=np.float64)
    if not (np.isfinite(grades).all() and (grades >= 0).all() and (grades == np.floor(grades)).all()):
        raise TrainingError(
            "grades that are whole numbers from 0",
            received="others",
            look="the docstring of benchmarks.plain.fit_ranker",
        )
    chosen = ranker_params(params, seed=seed)
    if label_gain is not None:
        chosen["label_gain"] = [float(gain) for gain in label_gain]
        if grades.size and len(label_gain) <= grades.max():
            raise TrainingError(
                f"a gain for every grade up to {grades.max():.0f}",
                received=f"{len(label_gain)} gains",
                look="the docstring of benchmarks.plain.fit_ranker",
            )
    return fit_booster(
        X,
        grades,
        params=chosen,
        rounds=rounds,
        seed=seed,
        groups=np.asarray(groups, dtype=np.int64),
        weights=weights,
        signals=signals,
        monotone=monotone,
    )
