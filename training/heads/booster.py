"""Fit one LightGBM booster: the one place where the project calls ``lightgbm.train``.

The heads, which are the estimators of `training.heads.estimators`, go through
`fit_booster`. One thread a booster and LightGBM's deterministic mode
make the model text depend on the data, the parameters and the seed alone;
folds are fitted side by side instead (`fit_side_by_side`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.errors import TrainingError
from models.quiet import route_log
from training.heads.machines import machines_at_work, share_of

__all__ = ["DETERMINISTIC", "fit_booster", "fit_side_by_side"]

T = TypeVar("T")
R = TypeVar("R")

DETERMINISTIC: dict[str, Any] = {
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""Parameters under which LightGBM gives the same text for the same input on any machine with any number of cores."""

_NOT_NEGATIVE = ("poisson", "gamma", "tweedie")
"""Objectives for which LightGBM refuses targets below 0."""

_RANKING = ("lambdarank", "rank_xendcg")
"""Objectives with gains of grades, which LightGBM holds once for the whole process while it begins a fit."""

_begin = threading.Lock()


def fit_booster(
    X: Any,
    y: Floats,
    *,
    params: Mapping[str, Any],
    rounds: int,
    seed: int = 7,
    groups: Ints | None = None,
    weights: Floats | None = None,
    init_score: Floats | None = None,
    signals: Sequence[str] | None = None,
    monotone: Sequence[int] | None = None,
) -> Any:
    """Fit one booster.

    Parameters
    ----------
    X : array of shape (n, k), float64; pandas frame or SciPy sparse matrix
        NaN is missing. Not changed, not kept.
    y : float64 array of shape (n,)
        The target; for ``lambdarank`` whole grades from 0.
    params : mapping
        LightGBM's parameters, ``objective`` among them. They win over `DETERMINISTIC`.
    rounds : int
        Number of trees, at least 1. There is no early stopping here: the number is chosen by cross-validation.
    groups : int64 array of shape (q,), optional
        Rows in each query, in row order, summing to n (LightGBM's own meaning).
    weights, init_score : float64 arrays of shape (n,), optional
        Row weights, and a raw score to start from.
    signals : sequence of k str, optional
        Names of the columns.
    monotone : sequence of k int, optional
        -1, 0 or +1 for each column.

    Returns
    -------
    lightgbm.Booster
        Detached from its training data.

    Raises
    ------
    TrainingError
        Shapes that do not fit together, or LightGBM refuses the input.
    """
    import lightgbm

    route_log()
    y = np.asarray(y, dtype=np.float64)
    rows, columns = X.shape
    _require(rows == len(y) and rows > 0, f"one target a row for {rows} rows", f"{len(y)} targets")
    if groups is not None:
        _require(int(np.sum(groups)) == rows, f"group sizes that sum to {rows} rows", f"a sum of {int(np.sum(groups))}")
    for name, values in (("weights", weights), ("init_score", init_score)):
        if values is not None:
            _require(len(values) == rows, f"{rows} {name}", str(len(values)))
    if monotone is not None:
        _require(len(monotone) == columns, f"{columns} monotone signs", str(len(monotone)))
    merged = {**DETERMINISTIC, "seed": seed, **params}
    if monotone is not None and any(monotone):
        merged["monotone_constraints"] = [int(sign) for sign in monotone]
    told = {name: value for name, value in merged.items() if not callable(value)}
    if told.get("objective") in _NOT_NEGATIVE:
        _require(bool((y >= 0).all()), f"targets of 0 or more for {told['objective']}", f"one of {y.min():.6g}")
    shared = share_of(rows, groups)
    merged |= shared.params
    told |= shared.params
    data = lightgbm.Dataset(
        X,
        label=y,
        group=groups,
        weight=weights,
        init_score=init_score,
        feature_name=list(signals) if signals is not None else "auto",
        params={"verbosity": -1} | (told if shared.params else {}),
        free_raw_data=True,
    )
    try:
        if told.get("objective") in _RANKING:
            data._update_params(told).construct()
        elif "objective" not in told:
            # An objective of one's own on rows that nothing splits: LightGBM refuses that, and on standard error.
            data._update_params(told).construct()
            if not any(data.feature_num_bin(column) for column in range(columns)):
                raise _unsplit(rows, merged)
        with _begun_alone(told) as callbacks:
            booster = lightgbm.train(
                shared.objective(merged, y), shared.part(data), num_boost_round=rounds, callbacks=callbacks
            )
    except lightgbm.basic.LightGBMError as reason:
        if "num_features" in str(reason):
            raise _unsplit(rows, merged) from reason
        raise TrainingError(
            "data and parameters that LightGBM takes", received=str(reason), look="the LightGBM parameters page"
        ) from reason
    return booster.free_dataset()


def fit_side_by_side(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """``[work(item) for item in items]``, as many at a time as there are cores.

    LightGBM lets go of Python's lock while it fits, so threads are enough; the
    order of the answers is that of ``items`` whatever finishes first. Machines
    that fit together go through the items one by one, all in the same order.
    """
    if machines_at_work() is not None:
        return [work(item) for item in items]
    with ThreadPoolExecutor(max_workers=max(1, min(os.cpu_count() or 1, len(items)))) as pool:
        return list(pool.map(work, items))


@contextmanager
def _begun_alone(params: Mapping[str, Any]) -> Iterator[list[Callable[[Any], None]]]:
    """Callbacks under which no two rankers begin at once; other fits, and rankers once begun, run side by side.

    LightGBM keeps the gains of the fit that began last in one place for all threads (``DCGCalculator::label_gain_``),
    and reads a list's best DCG with them: of two rankers begun at once, one would be scaled by the other's gains, or
    refused for a grade that the other's gains do not reach.
    """
    if params.get("objective") not in _RANKING:
        yield []
        return
    _begin.acquire()
    held = True

    def begun(_: Any) -> None:
        nonlocal held
        if held:
            held = False
            _begin.release()

    begun.before_iteration = True  # type: ignore[attr-defined]
    try:
        yield [begun]
    finally:
        begun(None)


def _unsplit(rows: int, params: Mapping[str, Any]) -> TrainingError:
    return TrainingError(
        "rows of which at least one signal tells enough apart for a tree to split them",
        received=f"{rows} rows, which no signal splits into {params.get('min_data_in_leaf', 20)} and more",
        look="a longer history, or a later --as-of",
    )


def _require(fine: bool, expected: str, received: str) -> None:
    if not fine:
        raise TrainingError(expected, received=received, look="the docstring of training.heads.booster.fit_booster")
