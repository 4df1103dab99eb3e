"""Rankers of other libraries, for comparison only: XGBoost's and CatBoost's, and LightGBM's fitted in one stage.

Each learns one ranking of the training campaigns' invitations by what they are estimated to have earned: grade 0 where
that is not positive, 1..30 by thirtieths of the positive ones. XGBoost and CatBoost are no dependencies; what is not
installed is left out (``pip install xgboost-cpu catboost``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np

from marketplace.arrays import Floats, Ints
from training.data import TrainingData
from training.heads import CampaignRanker, lift_grades

__all__ = ["installed", "reference_scores"]

Fit = Callable[[Floats, Floats, Ints, int], Callable[[Floats], Floats]]

TREES, LEAVES, DEPTH, RATE = 200, 6, 3, 0.05


def _lightgbm(X: Floats, grades: Floats, campaign: Ints, seed: int) -> Callable[[Floats], Floats]:
    # One thread: the trees are the same, and threads that wait for each other on a busy machine take many times longer.
    ranker = CampaignRanker(
        n_estimators=TREES, num_leaves=LEAVES, learning_rate=RATE, min_data_in_leaf=30, feature_fraction=0.4,
        label_gain=np.arange(grades.max() + 1).tolist(), num_threads=1, random_state=seed,
    )  # fmt: skip
    return ranker.fit(X, grades, groups=campaign).predict


def _xgboost(X: Floats, grades: Floats, campaign: Ints, seed: int) -> Callable[[Floats], Floats]:
    import xgboost

    ranker = xgboost.XGBRanker(
        objective="rank:ndcg", ndcg_exp_gain=False, n_estimators=TREES, max_depth=DEPTH, learning_rate=RATE,
        colsample_bytree=0.4, subsample=0.8, reg_lambda=10.0, tree_method="hist", random_state=seed,
    )  # fmt: skip
    ranker.fit(X, grades, qid=campaign)
    return lambda rows: np.asarray(ranker.predict(rows), dtype=np.float64)


def _catboost(X: Floats, grades: Floats, campaign: Ints, seed: int) -> Callable[[Floats], Floats]:
    import catboost

    ranker = catboost.CatBoostRanker(
        loss_function="YetiRank", iterations=TREES, depth=DEPTH, learning_rate=RATE, rsm=0.4, l2_leaf_reg=10.0,
        random_seed=seed, verbose=False, allow_writing_files=False,
    )  # fmt: skip
    ranker.fit(catboost.Pool(X, grades / max(float(grades.max()), 1.0), group_id=campaign))
    return lambda rows: np.asarray(ranker.predict(rows), dtype=np.float64)


FITS: dict[str, tuple[str, Fit]] = {
    "one-stage lightgbm": ("lightgbm", _lightgbm),
    "one-stage xgboost": ("xgboost", _xgboost),
    "one-stage catboost": ("catboost", _catboost),
}


def installed() -> list[str]:
    """The references whose library is here."""
    return [name for name, (module, _) in FITS.items() if find_spec(module) is not None]


def reference_scores(
    data: TrainingData, X: Floats, *, seed: int, names: Sequence[str] | None = None
) -> dict[str, Floats]:
    """Ranker (of ``names``; by default all that are installed) to its scores of the rows of ``X``, float64 (n,).

    More is better.
    """
    profit = data.realised_profit()
    rows = np.isfinite(profit)
    grades = lift_grades(profit[rows])
    return {
        name: FITS[name][1](data.X[rows], grades, data.campaign[rows], seed)(X)
        for name in (installed() if names is None else names)
    }
