"""The heads as scikit-learn estimators: rank, tell a chance, tell a mean; a campaign is one query.

    ranker = CampaignRanker(num_leaves=15).fit(X, grades, groups=campaign_ids)
    ranker.predict(X_new)                      # more is better, within a campaign
    ranker.score(X_new, grades_new, groups=campaign_ids_new)

`CampaignRanker` is LightGBM's ``lambdarank``, `CampaignClassifier` the chance of
one yes or no (calibrated on campaigns left out), `CampaignRegressor` the mean of
an amount. The heads of ``collabrank train`` are these (`training.heads.fit`). All
go through `training.heads.booster.fit_booster`: the fitted ``booster_`` is what
``lightgbm.train`` gives for the same parameters, bit for bit.

Everything takes a dense matrix, a pandas frame or a SciPy sparse matrix; NaN is
missing, infinity is refused. Rows come in any order: they are put campaign by
campaign inside, and predictions are in the caller's order.

Cross-validation by whole campaigns. With scikit-learn's metadata routing the
campaigns reach fitting, scoring and the splitter alike::

    sklearn.set_config(enable_metadata_routing=True)
    est = CampaignRanker().set_fit_request(groups=True).set_score_request(groups=True)
    cross_val_score(est, X, y, cv=GroupKFold(), params={"groups": campaign_ids})

Without routing, ``cross_val_score(est, X, y, groups=campaign_ids, cv=GroupKFold(), params={"groups": campaign_ids})``
splits and fits by campaign, but scikit-learn passes no groups to ``score``: each fold then counts as one campaign, and
a warning says so. ``scoring=by_campaign(campaign_ids)`` (a Series, beside a frame ``X`` or a Series ``y`` with the same
index) scores each campaign there too.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from marketplace.arrays import Floats, Ints
from marketplace.errors import TrainingError
from models.calibration import fit_platt
from training.heads.booster import DETERMINISTIC, fit_booster
from training.stats import Groups, group_sizes, ndcg_at_k

__all__ = [
    "LARGEST_QUERY",
    "CampaignClassifier",
    "CampaignRanker",
    "CampaignRegressor",
    "by_campaign",
    "quasi_poisson",
]

LARGEST_QUERY = 10_000
"""Most rows of one query that LightGBM takes."""

MOST_GRADES = 31
"""Grades, 0 up, for which LightGBM has gains of its own."""

SCORE_DEPTH = 10

_PARAMETERS = (
    "learning_rate", "num_leaves", "max_depth", "min_data_in_leaf", "lambda_l2", "feature_fraction",
    "bagging_fraction", "bagging_freq", "max_bin", "monotone_constraints_method",
)  # fmt: skip


def quasi_poisson(weights: Floats) -> Callable[[Floats, Any], tuple[Floats, Floats]]:
    """Objective ``sum w (exp(f) - y f)``: a multiplicative model of the mean, whatever the sign of single targets.

    LightGBM's own ``poisson`` refuses negative targets, and lift estimates scatter about small means.
    Source: Wedderburn (1974), Quasi-likelihood functions, generalized linear models, and the Gauss-Newton method.
    """

    def objective(raw: Floats, data: Any) -> tuple[Floats, Floats]:
        mean = np.exp(np.clip(raw, -20.0, 20.0))
        return weights * (mean - data.get_label()), weights * mean * 1.5

    return objective


@dataclass(kw_only=True, eq=False, repr=False)
class _CampaignModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What the three have in common: LightGBM's parameters by their own names.

    Parameters
    ----------
    n_estimators : int
        Trees.
    learning_rate, num_leaves, max_depth, min_data_in_leaf, lambda_l2, feature_fraction, bagging_fraction, \
bagging_freq, max_bin, monotone_constraints_method
        LightGBM's own, by default LightGBM's values.
    monotone : sequence of k int, or mapping of column name to int, optional
        Which way the prediction may move with each column: -1, 0 or +1; columns that a mapping leaves out move freely.
    more : mapping, optional
        Any other parameters of LightGBM; they win.
    num_threads : int
        0: as many as there are cores. The trees are the same whatever it is.
    random_state : int
        Of all of LightGBM's draws: the same data, parameters and state give the same model, byte for byte.

    Attributes
    ----------
    booster_ : lightgbm.Booster
    n_features_in_ : int
    feature_names_in_ : object (k,)
        Where ``X`` was a frame with names.
    """

    n_estimators: int = 100
    learning_rate: float = 0.1
    num_leaves: int = 31
    max_depth: int = -1
    min_data_in_leaf: int = 20
    lambda_l2: float = 0.0
    feature_fraction: float = 1.0
    bagging_fraction: float = 1.0
    bagging_freq: int = 0
    max_bin: int = 255
    monotone: Sequence[int] | Mapping[str, int] | None = None
    monotone_constraints_method: str = "basic"
    more: Mapping[str, Any] | None = None
    num_threads: int = 0
    random_state: int = 7

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags

    def lightgbm_params(self) -> dict[str, Any]:
        """What LightGBM is told, all but the objective and the directions."""
        own = {name: getattr(self, name) for name in _PARAMETERS}
        return {**DETERMINISTIC, "num_threads": self.num_threads, "seed": self.random_state, **own, **(self.more or {})}

    def _both(self, X: Any, y: Any, *, least: int = 1) -> Any:
        """``X`` and ``y``, ``least`` rows or more, as scikit-learn checks them; float64 is not copied."""
        return validate_data(
            self, X, y, accept_sparse="csr", dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=least
        )

    def _matrix(self, X: Any) -> Any:
        """``X`` to predict for, as scikit-learn checks it."""
        check_is_fitted(self, "booster_")
        return validate_data(self, X, reset=False, accept_sparse="csr", dtype=np.float64, ensure_all_finite="allow-nan")

    def _signs(self) -> list[int] | None:
        """One direction a column."""
        if self.monotone is None:
            return None
        if not isinstance(self.monotone, Mapping):
            return [int(sign) for sign in self.monotone]
        names = [str(name) for name in getattr(self, "feature_names_in_", ())]
        unknown = sorted(set(self.monotone) - set(names))
        if unknown:
            raise TrainingError(
                f"directions of columns of X: {', '.join(names[:10]) or 'X is no frame with names'}",
                received=", ".join(unknown[:5]),
                look="monotone; a sequence has one direction for each column",
            )
        return [int(self.monotone.get(name, 0)) for name in names]

    def _boost(
        self,
        X: Any,
        y: Floats,
        *,
        params: Mapping[str, Any],
        weights: Floats | None,
        groups: Ints | None = None,
        init_score: Floats | None = None,
    ) -> Any:
        names = getattr(self, "feature_names_in_", None)
        return fit_booster(
            X,
            y,
            params={**self.lightgbm_params(), **params, **(self.more or {})},
            rounds=self.n_estimators,
            seed=self.random_state,
            groups=groups,
            weights=weights,
            init_score=init_score,
            signals=None if names is None else [str(name) for name in names],
            monotone=self._signs(),
        )

    def _raw(self, X: Any) -> Floats:
        return np.asarray(
            self.booster_.predict(X, raw_score=True, num_threads=self.num_threads, validate_features=False),
            dtype=np.float64,
        )

    def raw_score(self, X: Any) -> Floats:
        """The sum of the leaves of each row, float64 (n,), as LightGBM returns it."""
        return self._raw(self._matrix(X))


@dataclass(kw_only=True, eq=False, repr=False)
class CampaignRanker(_CampaignModel):
    """Order the creators of each campaign: LightGBM's ``lambdarank``, a campaign is a query.

    Parameters
    ----------
    label_gain : sequence of float, optional
        What each grade from 0 up is worth; by default LightGBM's ``2^grade - 1``, for grades up to 30.
    lambdarank_truncation_level : int
        Pairs of which neither stands among so many first do not count.
    others
        As for every estimator here: see `CampaignClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(40.0).reshape(20, 2) % 7
    >>> campaign = np.repeat(["spring", "autumn"], 10)
    >>> grade = (X[:, 0] > 3).astype(int)
    >>> ranker = CampaignRanker(n_estimators=5, min_data_in_leaf=2).fit(X, grade, groups=campaign)
    >>> ranker.score(X, grade, groups=campaign)
    1.0
    """

    label_gain: Sequence[float] | None = None
    lambdarank_truncation_level: int = 30

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags

    def lightgbm_params(self) -> dict[str, Any]:
        """What LightGBM is told, the objective and the gains among it."""
        own = {"objective": "lambdarank", "lambdarank_truncation_level": self.lambdarank_truncation_level}
        gains = {} if self.label_gain is None else {"label_gain": [float(gain) for gain in self.label_gain]}
        return {**super().lightgbm_params(), **own, **gains, **(self.more or {})}

    def fit(self, X: Any, y: Any, groups: Any = None, sample_weight: Any = None, offset: Any = None) -> CampaignRanker:
        """Fit.

        Parameters
        ----------
        X : array, frame or sparse matrix of shape (n, k)
        y : array of shape (n,)
            Whole grades from 0, more is better.
        groups : array of shape (n,), optional
            Each row's campaign, of any type, in any order. Without it all rows are one campaign.
        sample_weight : array of shape (n,), optional
            Scales each row's pull on the trees.
        offset : array of shape (n,), optional
            A score to start from, which `predict` leaves out.

        Raises
        ------
        TrainingError
            Grades that are not whole numbers from 0, too few gains, more than `LARGEST_QUERY` rows without groups, or
            shapes that do not fit together.
        ValueError
            What scikit-learn refuses: infinite values, nothing to learn from, wrong dimensions.
        """
        X, y = self._both(X, y)
        grades = self._grades(y)
        codes = _codes(groups, len(grades))
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        start = None if offset is None else np.asarray(offset, dtype=np.float64)
        if start is not None and (start.shape != (len(grades),) or not np.isfinite(start).all()):
            raise _unfit(f"one finite offset for each of {len(grades)} rows", f"shape {start.shape}")
        order = None if (np.diff(codes) >= 0).all() else np.argsort(codes, kind="stable")
        if order is not None:
            X, grades, codes = X[order], grades[order], codes[order]
            weights = None if weights is None else weights[order]
            start = None if start is None else start[order]
        sizes = group_sizes(codes)
        if groups is None and sizes.max() > LARGEST_QUERY:
            raise TrainingError(
                f"campaigns of at most {LARGEST_QUERY:,} rows, which is what LightGBM ranks at once",
                received=f"one of {int(sizes.max()):,} rows: no groups were given",
                look="groups of fit: one campaign id for each row",
            )
        self.booster_ = self._boost(X, grades, params={}, weights=weights, groups=_parted(sizes), init_score=start)
        self._by_campaign = groups is not None
        return self

    def predict(self, X: Any) -> Floats:
        """A score for each row, float64 (n,): more is better. Only the order within a campaign means anything."""
        return self.raw_score(X)

    def score(self, X: Any, y: Any, groups: Any = None) -> float:
        """Mean nDCG at 10 over the campaigns; campaigns without a grade above 0 are left out.

        Gains are those that the ranker was fitted with; equal scores are taken in the order of the rows.

        Raises
        ------
        TrainingError
            No campaign has a grade above 0.
        """
        scores = self.predict(X)
        grades = self._grades(np.asarray(y))
        if groups is None and self._by_campaign:
            warnings.warn(
                "scored as one campaign, for score got no groups: give them, or see training.heads.estimators on "
                "cross-validation by campaign",
                UserWarning,
                stacklevel=2,
            )
        gains = 2.0**grades - 1.0 if self.label_gain is None else np.asarray(self.label_gain)[grades.astype(np.int64)]
        queries = Groups.of(_codes(groups, len(grades)), np.arange(len(grades)))
        found = ndcg_at_k(queries, scores, gains, k=SCORE_DEPTH)
        if np.isnan(found).all():
            raise TrainingError(
                "a campaign with a grade above 0", received="none", look="y of score: nothing to be ranked first"
            )
        return float(np.nanmean(found))

    def _grades(self, y: NDArray[Any]) -> Floats:
        """``y`` as float64, whole from 0, each with a gain."""
        try:
            grades = np.asarray(y, dtype=np.float64)
        except (TypeError, ValueError) as reason:
            raise _unfit("grades that are numbers", str(reason)) from reason
        if not (np.isfinite(grades).all() and (grades >= 0).all() and (grades == np.floor(grades)).all()):
            raise _unfit("grades that are whole numbers from 0", "others")
        gains = MOST_GRADES if self.label_gain is None else len(self.label_gain)
        if grades.size and grades.max() >= gains and "label_gain" not in (self.more or {}):
            raise _unfit(f"a gain for every grade up to {grades.max():.0f}", f"{gains} gains: see label_gain")
        return grades


@dataclass(kw_only=True, eq=False, repr=False)
class CampaignClassifier(ClassifierMixin, _CampaignModel):  # type: ignore[misc]
    """The chance of one yes or no, such as acceptance: boosted trees, calibrated on campaigns left out.

    Boosted trees overstate what they have seen. With ``calibrate`` the raw scores of rows whose campaigns were left
    out give Platt's line (`models.calibration.fit_platt`), and every chance is read off it.

    Parameters
    ----------
    calibrate : bool
    folds : int
        Of the calibration: as many parts of whole campaigns, or of rows where no groups are given.
    n_estimators, learning_rate, num_leaves, max_depth, min_data_in_leaf, lambda_l2, feature_fraction, \
bagging_fraction, bagging_freq, max_bin, monotone, monotone_constraints_method, more, num_threads, random_state
        LightGBM's own by their own names; ``n_estimators`` is the number of trees, ``monotone`` a direction (-1, 0, +1)
        for each column or a mapping of some columns' names, ``more`` any other parameters.

    Attributes
    ----------
    classes_ : (2,)
    curve_ : models.calibration.curves.Curve or None
    booster_, n_features_in_, feature_names_in_

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(40.0).reshape(20, 2) % 7
    >>> accepted = X[:, 0] > 3
    >>> model = CampaignClassifier(n_estimators=5, min_data_in_leaf=2, calibrate=False).fit(X, accepted)
    >>> bool((model.predict(X) == accepted).all())
    True
    >>> model.predict_proba(X).shape
    (20, 2)
    """

    calibrate: bool = True
    folds: int = 5

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: Any, y: Any, groups: Any = None, sample_weight: Any = None) -> CampaignClassifier:
        """Fit on two classes; ``groups``: each row's campaign, which calibration leaves out whole.

        Raises
        ------
        TrainingError, ValueError
            Not two classes, or shapes that do not fit together.
        """
        X, y = self._both(X, y)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, label = np.unique(y, return_inverse=True)
        answer = label.astype(np.float64)
        if len(self.classes_) < 2:
            # One class is all there is to tell; 1 stays 1, so that the raw scores say which it is.
            answer = np.full(len(y), float(self.classes_[0] in (1, True)))
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        codes = None if groups is None else _codes(groups, len(answer))
        self.curve_ = self._calibrated(X, answer, codes, weights) if self.calibrate else None
        self.booster_ = self._boost(X, answer, params={"objective": "binary"}, weights=weights)
        return self

    def _calibrated(self, X: Any, answer: Floats, codes: Ints | None, weights: Floats | None) -> Any:
        """Platt's line through the scores of what was left out; None where a fold would lack a class."""
        least = int(min(answer.sum(), len(answer) - answer.sum()))
        parts = min(self.folds, least if codes is None else int(codes.max()) + 1)
        if parts < 2:
            return None
        if codes is None:
            splits = StratifiedKFold(parts, shuffle=True, random_state=self.random_state).split(X, answer)
        else:
            splits = GroupKFold(parts).split(X, answer, codes)
        raw = np.full(len(answer), np.nan)
        for fitted, left_out in splits:
            if len(np.unique(answer[fitted])) < 2:
                continue
            part = None if weights is None else weights[fitted]
            booster = self._boost(X[fitted], answer[fitted], params={"objective": "binary"}, weights=part)
            raw[left_out] = booster.predict(X[left_out], raw_score=True, num_threads=self.num_threads)
        known = np.isfinite(raw)
        if len(np.unique(answer[known])) < 2:
            return None
        return fit_platt(raw[known], answer[known], weight=None if weights is None else weights[known])

    def decision_function(self, X: Any) -> Floats:
        """The log-odds of the second class, float64 (n,)."""
        raw = self.raw_score(X)
        return raw if self.curve_ is None else self.curve_.slope * raw + self.curve_.intercept

    def predict_proba(self, X: Any) -> Floats:
        """The chance of each class in the order of ``classes_``, float64 (n, 2); (n, 1) of ones where there is one."""
        log_odds = self.decision_function(X)
        if len(self.classes_) < 2:
            return np.ones((len(log_odds), 1))
        yes = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -700.0, 700.0)))
        return np.column_stack([1.0 - yes, yes])

    def predict(self, X: Any) -> NDArray[Any]:
        """The likelier class of each row, (n,)."""
        second = (self.decision_function(X) > 0).astype(np.int64)
        return np.asarray(self.classes_[np.minimum(second, len(self.classes_) - 1)])


@dataclass(kw_only=True, eq=False, repr=False)
class CampaignRegressor(RegressorMixin, _CampaignModel):  # type: ignore[misc]
    """The mean of an amount, such as the sales of a partnership.

    Parameters
    ----------
    objective : str
        ``quasi_poisson`` (default): a multiplicative model of the mean, ``exp(raw + level)``; single targets may be
        negative, as estimates of small lifts are, their weighted mean not. ``cross_entropy`` for shares between 0 and
        1, ``regression`` (least squares), or another of LightGBM's pointwise ones.
    max_delta_step : float
        For ``quasi_poisson``: the most that one tree moves the logarithm of the mean, before the learning rate; 0: no
        bound. Where a leaf's targets are negative there is no best logarithm, and only this or ``lambda_l2`` ends it.
    others
        As for `CampaignClassifier`.

    Attributes
    ----------
    level_ : float
        For ``quasi_poisson``: what is added to the raw score, so that the fitted rows keep their weighted mean.
    booster_, n_features_in_, feature_names_in_

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(40.0).reshape(20, 2) % 7
    >>> sales = 100.0 + 50.0 * X[:, 0]
    >>> model = CampaignRegressor(n_estimators=20, min_data_in_leaf=2).fit(X, sales)
    >>> round(float(model.predict(X).mean() / sales.mean()), 2)
    1.0
    """

    objective: str = "quasi_poisson"
    max_delta_step: float = 0.7

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Of targets about zero there is no multiplicative model.
        tags.regressor_tags.poor_score = self.objective == "quasi_poisson"
        return tags

    def fit(
        self,
        X: Any,
        y: Any,
        groups: Any = None,  # noqa: ARG002 - the three estimators are called alike
        sample_weight: Any = None,
        offset: Any = None,
    ) -> CampaignRegressor:
        """Fit.

        Parameters
        ----------
        X, y : (n, k) and (n,)
        groups : ignored
            Each row speaks for itself.
        sample_weight : float64 (n,), optional
        offset : float64 (n,), optional
            For ``quasi_poisson``: ln of what the mean is multiplied by.

        Raises
        ------
        TrainingError
            Shapes that do not fit together, or an offset beside another objective.
        """
        X, y = self._both(X, y, least=2)
        amount = np.asarray(y, dtype=np.float64)
        if amount.ndim != 1:
            raise _unfit("one target a row", f"shape {amount.shape}")
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        self.level_ = 0.0
        if self.objective != "quasi_poisson":
            if offset is not None:
                raise _unfit("an offset with quasi_poisson alone", self.objective)
            self.booster_ = self._boost(X, amount, params={"objective": self.objective}, weights=weights)
            return self
        told = np.ones(len(amount)) if weights is None else weights
        start = np.zeros(len(amount)) if offset is None else np.array(offset, dtype=np.float64)
        if start.shape != amount.shape:
            raise _unfit(f"{len(amount)} offsets", f"shape {start.shape}")
        # The start is not part of the text: the level brings it back, and the caller's offset its own.
        start = start + np.log(max(float(told @ amount) / float(told @ np.exp(start)), 1e-6))
        self.booster_ = self._boost(
            X,
            amount,
            params={"objective": quasi_poisson(told), "max_delta_step": self.max_delta_step},
            weights=weights,
            init_score=start,
        )
        fitted = self._raw(X) + (0.0 if offset is None else np.asarray(offset, dtype=np.float64))
        mean = max(float(np.average(amount, weights=told)), 1e-9)
        self.level_ = float(np.log(mean / np.average(np.exp(fitted), weights=told)))
        return self

    def predict(self, X: Any, offset: Any = None) -> Floats:
        """The expected amount of each row, float64 (n,); ``offset`` as in `fit`."""
        X = self._matrix(X)
        if self.objective != "quasi_poisson":
            return np.asarray(self.booster_.predict(X, num_threads=self.num_threads, validate_features=False))
        return np.exp(self._raw(X) + self.level_ + (0.0 if offset is None else np.asarray(offset, dtype=np.float64)))


def _parted(sizes: Ints) -> Ints:
    """Sizes of queries, those of more than `LARGEST_QUERY` rows in parts as even as can be: LightGBM ranks no more."""
    if sizes.max() <= LARGEST_QUERY:
        return sizes
    parts = -(-sizes // LARGEST_QUERY)
    return np.concatenate(
        [np.diff(np.linspace(0, size, n + 1).astype(np.int64)) for size, n in zip(sizes, parts, strict=True)]
    )


def by_campaign(groups: pd.Series) -> Callable[[CampaignRanker, Any, Any], float]:
    """A scorer for scikit-learn that knows each row's campaign by the index of ``X`` or ``y``.

    Raises
    ------
    TrainingError
        ``groups`` is no Series with each index once, or, once called, neither ``X`` nor ``y`` has an index of it.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> X = pd.DataFrame(np.arange(40.0).reshape(20, 2) % 7)
    >>> grade, campaign = (X[0] > 3).astype(int), pd.Series(np.repeat(["spring", "autumn"], 10))
    >>> ranker = CampaignRanker(n_estimators=5, min_data_in_leaf=2).fit(X, grade, groups=campaign)
    >>> by_campaign(campaign)(ranker, X, grade)
    1.0
    """
    if not isinstance(groups, pd.Series) or not groups.index.is_unique:
        raise _unfit("groups as a pandas Series with each index once", type(groups).__name__)

    def scorer(estimator: CampaignRanker, X: Any, y: Any) -> float:
        index = next((one.index for one in (X, y) if isinstance(one, (pd.DataFrame, pd.Series))), None)
        if index is None or not index.isin(groups.index).all():
            raise _unfit("X or y as a pandas frame or Series whose rows groups tells", "none")
        return float(estimator.score(X, y, groups=groups.loc[index].to_numpy()))

    return scorer


def _codes(groups: Any, rows: int) -> Ints:
    """The number of each row's campaign, in the order in which campaigns first appear, int64 (n,)."""
    if groups is None:
        return np.zeros(rows, dtype=np.int64)
    ids = np.asarray(groups)
    if ids.shape != (rows,):
        raise _unfit(f"one campaign id for each of {rows} rows", f"groups of shape {ids.shape}")
    codes = np.asarray(pd.factorize(ids)[0], dtype=np.int64)
    if (codes < 0).any():
        raise _unfit("a campaign id for each row", f"none for {int((codes < 0).sum())}")
    return codes


def _unfit(expected: str, received: str) -> TrainingError:
    return TrainingError(expected, received=received, look="the docstrings of training/heads/estimators.py")
