"""How good an ordering of creators is, campaign by campaign: every metric is declared here, once.

A metric is a function of one ranker on the campaigns whose outcomes are known (`Ranked`) that returns one float64 per
campaign, NaN where it is not defined for that campaign (no creator worth anything, or nothing to choose between).
`metric` declares it: name, what it says, what it needs, which way is better. Declared, it is in the tables of
``train`` and ``evaluate``, in MLflow, in the gate's record and in ``compare``; nothing else is to be touched.

Its mean is the plain mean over campaigns, everywhere (`training.stats.campaign_mean`).

Within a campaign creators are ordered by descending score; equal scores by ascending ``creator_id``; NaN scores come
last. The order of the rows changes nothing. Scikit-learn's metrics take one list at a time and average over ties (nDCG)
or merge them (average precision), so they are the independent answer in the tests and no part of what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.arrays import Floats, Ints
from marketplace.errors import TrainingError

__all__ = [
    "METRICS",
    "RELEVANT_GRADE",
    "Gains",
    "Groups",
    "Known",
    "Metric",
    "Ranked",
    "auc_within_campaign",
    "average_precision",
    "calibration_table",
    "expected_calibration_error",
    "gains_at_k",
    "metric",
    "ndcg_at_k",
    "oracle_gain_share_at_k",
    "sign_of",
]

RELEVANT_GRADE = 2.0
"""From this grade up an invitation was delivered, which is what ``map``, AUC and the success probability speak of."""

DEPTH = 20
"""Creators a brand is taken to invite, where a metric counts money."""


@dataclass(frozen=True)
class Groups:
    """Rows (campaign, creator) sorted once, so that many rankers are scored cheaply.

    Attributes
    ----------
    campaign_ids : object (n_groups,)
        Unique campaign ids, ascending.
    code : int64 (n,)
        Position of each row's campaign in `campaign_ids`.
    tie : int64 (n,)
        Position of each row's creator among all creators, ascending by id.
    start, size : int64 (n_groups,)
        Where each campaign begins once rows are sorted by campaign, and its length.
    base : int64 (n,)
        Row numbers sorted by campaign, then creator.
    """

    campaign_ids: npt.NDArray[Any]
    code: Ints
    tie: Ints
    start: Ints
    size: Ints
    base: Ints

    @classmethod
    def of(cls, campaign_ids: Any, creator_ids: Any) -> Groups:
        """Groups of n rows, from n campaign ids and n creator ids.

        Raises
        ------
        TrainingError
            The two differ in length, or there is no row.
        """
        code, campaigns = pd.factorize(np.asarray(campaign_ids, dtype=object), sort=True)
        tie, _ = pd.factorize(np.asarray(creator_ids, dtype=object), sort=True)
        if len(code) != len(tie) or len(code) == 0:
            raise TrainingError(
                "as many campaign ids as creator ids, at least one",
                received=f"{len(code)} and {len(tie)}",
                look="training/stats/metrics.py",
            )
        size = np.bincount(code, minlength=len(campaigns)).astype(np.int64)
        start = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int64)
        base = np.lexsort((tie, code)).astype(np.int64)
        return cls(np.asarray(campaigns), code.astype(np.int64), tie.astype(np.int64), start, size, base)

    def order(self, scores: npt.ArrayLike) -> Ints:
        """Row numbers, int64 (n,), sorted by campaign, then best score first, then creator_id."""
        values = np.asarray(scores, dtype=np.float64)
        if values.shape != self.code.shape:
            raise TrainingError(
                f"one score a row ({len(self.code)})",
                received=f"shape {values.shape}",
                look="training/stats/metrics.py",
            )
        # `base` is in creator order already and the sort is stable, so ties need no third key.
        descending = -np.where(np.isnan(values), -np.inf, values)[self.base]
        sorted_rows: Ints = self.base[np.lexsort((descending, self.code[self.base]))]
        return sorted_rows

    def rank(self, scores: npt.ArrayLike) -> Ints:
        """Each row's 1-based place within its campaign, int64 (n,), in the order of the rows."""
        order = self.order(scores)
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = self.place
        return rank

    @property
    def place(self) -> Ints:
        """1-based place within the campaign of each *sorted* row, int64 (n,)."""
        return np.arange(len(self.code), dtype=np.int64) - np.repeat(self.start, self.size) + 1

    def total(self, sorted_values: Floats) -> Floats:
        """Sum per campaign of values given in sorted order, float64 (n_groups,)."""
        return np.asarray(np.add.reduceat(sorted_values, self.start), dtype=np.float64)


def _share(numerator: Floats, denominator: Floats) -> Floats:
    """``numerator / denominator``, NaN where the denominator is not above zero."""
    out: Floats = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def ndcg_at_k(groups: Groups, scores: npt.ArrayLike, gains: npt.ArrayLike, *, k: int = 10) -> Floats:
    """Normalised discounted cumulative gain of the first ``k``, with the gains as given (linear).

    ``DCG@k = sum_{i=1..k} gain_(i) / log2(i + 1)``; ``nDCG@k = DCG@k / DCG@k of the best order``.
    NaN where every gain of a campaign is zero. Gains must not be negative.

    Source: Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques.
    """
    value = np.asarray(gains, dtype=np.float64)
    if value.size and np.nanmin(value) < 0:
        raise TrainingError("gains of zero or more", received=f"{np.nanmin(value)}", look="training/stats/metrics.py")
    place = groups.place
    discount = np.where(place <= k, 1.0 / np.log2(place + 1.0), 0.0)
    found = groups.total(value[groups.order(scores)] * discount)
    best = groups.total(value[groups.order(value)] * discount)
    return _share(found, best)


def average_precision(groups: Groups, scores: npt.ArrayLike, relevant: npt.ArrayLike) -> Floats:
    """Average precision; its mean over campaigns is ``map``.

    ``AP = (1 / R) * sum over relevant places i of (relevant within the first i) / i``, R the number of
    relevant creators. NaN where there are none.
    """
    hit = np.asarray(relevant, dtype=np.float64)[groups.order(scores)]
    running = np.cumsum(hit)
    before = np.concatenate([[0.0], running])[groups.start]
    precision = (running - np.repeat(before, groups.size)) / groups.place
    return _share(groups.total(precision * hit), groups.total(hit))


def auc_within_campaign(groups: Groups, scores: npt.ArrayLike, relevant: npt.ArrayLike) -> Floats:
    """Chance that a relevant creator scores above an irrelevant one of the same campaign; a tie counts one half.

    ``AUC = (sum of the relevant rows' mid-ranks - R (R + 1) / 2) / (R * (n - R))``. NaN where a campaign
    has only one kind. Rows weigh within their own campaign alone, never across campaigns.
    """
    order = groups.order(scores)
    score = np.asarray(scores, dtype=np.float64)[order]
    score = np.where(np.isnan(score), -np.inf, score)
    code = groups.code[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (score[1:] != score[:-1]) | (code[1:] != code[:-1])
    run = np.cumsum(first) - 1
    # Sorted places run downwards; a tied run shares the mean of its places.
    upward = np.repeat(groups.size, groups.size) - groups.place + 1.0
    mid = (np.bincount(run, weights=upward) / np.bincount(run))[run]
    hit = np.asarray(relevant, dtype=np.float64)[order]
    count = groups.total(hit)
    above = groups.total(mid * hit) - count * (count + 1.0) / 2.0
    return _share(above, count * (groups.size - count))


@dataclass(frozen=True)
class Gains:
    """What picking ``k`` creators per campaign is worth; each float64 (n_groups,), in the unit of the values.

    ``found`` by the ranker, ``chance`` expected of a random pick of as many, ``best`` the most that any
    pick of as many can give.
    """

    found: Floats
    chance: Floats
    best: Floats

    @property
    def share(self) -> Floats:
        """``(found - chance) / (best - chance)`` per campaign; NaN where there is nothing to choose."""
        return _share(self.found - self.chance, self.stake)

    @property
    def stake(self) -> Floats:
        """``best - chance``, float64 (n_groups,); exactly 0 where it is no more than rounding."""
        stake = self.best - self.chance
        return np.where(stake > 1e-9 * (np.abs(self.best) + np.abs(self.chance)), stake, 0.0)


def gains_at_k(
    groups: Groups, scores: npt.ArrayLike, values: npt.ArrayLike, *, k: int = 20, known: Gains | None = None
) -> Gains:
    """Sum of ``values`` over the first ``k`` creators, beside chance and the best possible.

    Exactly ``min(k, n)`` creators are picked, even where a value is negative: a brand that asks for k gets k.
    ``known`` may be the gains of another ranker on the same values and k, whose chance and best are the same.
    """
    value = np.asarray(values, dtype=np.float64)
    taken = groups.place <= k
    found = groups.total(np.where(taken, value[groups.order(scores)], 0.0))
    if known is not None:
        return Gains(found, known.chance, known.best)
    # Summed over the rows sorted by value, so that the order in which rows arrive cannot change a bit.
    descending = value[groups.order(value)]
    best = groups.total(np.where(taken, descending, 0.0))
    chance = groups.total(descending) / groups.size * np.minimum(groups.size, k)
    return Gains(found, chance, best)


def oracle_gain_share_at_k(groups: Groups, scores: npt.ArrayLike, values: npt.ArrayLike, *, k: int = 20) -> Floats:
    """Share of the gain above chance that the ranker captures: 0 = random, 1 = oracle, negative = worse than random.

    ``(sum of the k picked - k * mean) / (sum of the k best - k * mean)`` per campaign, where ``values`` are
    expected incremental profits in USD.
    """
    return gains_at_k(groups, scores, values, k=k).share


def calibration_table(probability: npt.ArrayLike, outcome: npt.ArrayLike, *, bins: int = 10) -> pd.DataFrame:
    """Predicted against observed in ``bins`` bins of about equal count, equal predictions kept together.

    Returns
    -------
    pandas.DataFrame
        ``predicted`` (mean), ``observed`` (mean), ``count``: one row a non-empty bin, ascending.
    """
    p = np.asarray(probability, dtype=np.float64)
    y = np.asarray(outcome, dtype=np.float64)
    known = ~(np.isnan(p) | np.isnan(y))
    p, y = p[known], y[known]
    if p.size == 0:
        return pd.DataFrame({"predicted": [], "observed": [], "count": np.array([], dtype=np.int64)})
    edges = np.unique(np.quantile(p, np.linspace(0.0, 1.0, bins + 1)[1:-1]))
    number = np.searchsorted(edges, p, side="left")
    count = np.bincount(number)
    kept = count > 0
    return pd.DataFrame(
        {
            "predicted": (np.bincount(number, weights=p) / np.maximum(count, 1))[kept],
            "observed": (np.bincount(number, weights=y) / np.maximum(count, 1))[kept],
            "count": count[kept].astype(np.int64),
        }
    )


def expected_calibration_error(probability: npt.ArrayLike, outcome: npt.ArrayLike, *, bins: int = 10) -> float:
    """``sum over bins of (count / n) * |mean predicted - mean observed|``; NaN where nothing is known.

    Bins as in `calibration_table`.
    Source: Naeini, Cooper and Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning.
    """
    table = calibration_table(probability, outcome, bins=bins)
    if table.empty:
        return float("nan")
    gap = (table["predicted"] - table["observed"]).abs()
    return float((gap * table["count"]).sum() / table["count"].sum())


@dataclass(frozen=True)
class Known:
    """The creators of some campaigns whose outcomes are known, n rows: what every ranker is measured on.

    Attributes
    ----------
    groups : Groups of the n rows
    grade : float64 (n,)
        What came of the invitation; NaN for those never invited.
    profit : float64 (n,)
        Expected incremental profit, USD, by the simulator's truth; NaN where there is none.
    """

    groups: Groups
    grade: Floats
    profit: Floats

    @cached_property
    def oracle(self) -> Gains:
        """What the best `DEPTH` are worth, and what chance gives: the same for every ranker."""
        return gains_at_k(self.groups, self.profit, self.profit, k=DEPTH)

    @property
    def relevant(self) -> npt.NDArray[np.bool_]:
        """Whether the row was delivered, bool (n,)."""
        return np.asarray(self.grade >= RELEVANT_GRADE, dtype=np.bool_)


@dataclass(frozen=True)
class Ranked:
    """One ranker on the rows of `Known`: ``score`` float64 (n,), more is better, and ``success``, its probability of
    delivery given an invitation, float64 (n,), where it has one.
    """

    known: Known
    score: Floats
    success: Floats | None = None

    @cached_property
    def gains(self) -> Gains:
        """What its first `DEPTH` of each campaign are worth."""
        return gains_at_k(self.known.groups, self.score, self.known.profit, k=DEPTH, known=self.known.oracle)


Need = Literal["truth", "labels", "predictions"]


@dataclass(frozen=True)
class Metric:
    """A declared metric.

    Attributes
    ----------
    name : str
        The same in code, tables, MLflow and documentation.
    says : str
        In a line, for the title of a table.
    needs : tuple of {"truth", "labels", "predictions"}
        ``truth``: rows whose ``profit`` is known; ``labels``: rows whose ``grade`` is known; ``predictions``: rankers
        that tell a success probability.
    function : Ranked -> float64 (campaigns,)
        Its docstring has the formula.
    less_is_better : bool
    """

    name: str
    says: str
    needs: tuple[Need, ...]
    function: Callable[[Ranked], Floats]
    less_is_better: bool = False

    @property
    def sign(self) -> float:
        """-1 where less is better, else 1: a value times this is the better the more it is."""
        return -1.0 if self.less_is_better else 1.0


_METRICS: dict[str, Metric] = {}
METRICS: Mapping[str, Metric] = MappingProxyType(_METRICS)
"""Every metric by name, in the order they are shown; the first that could be measured is the headline."""


def sign_of(name: str) -> float:
    """`Metric.sign`; 1 for figures that are no declared metric, such as ``validation_share``: more is better."""
    return METRICS[name].sign if name in METRICS else 1.0


def metric(
    name: str, *, says: str, needs: tuple[Need, ...], less_is_better: bool = False
) -> Callable[[Callable[[Ranked], Floats]], Callable[[Ranked], Floats]]:
    """Declare the function below as the metric ``name``.

    Raises
    ------
    TrainingError
        There is one of that name, or it needs neither truth nor labels.
    """

    def declare(function: Callable[[Ranked], Floats]) -> Callable[[Ranked], Floats]:
        if name in _METRICS or not {"truth", "labels"} & set(needs):
            raise TrainingError(
                "a metric with a name of its own that needs truth or labels",
                received=f"{name}, which needs {', '.join(needs) or 'nothing'}",
                look="training/stats/metrics.py",
            )
        _METRICS[name] = Metric(name, says, needs, function, less_is_better)
        return function

    return declare


@metric(
    "oracle_gain_share_at_20",
    says="share of the best possible gain above chance, 20 invited, expected incremental profit",
    needs=("truth",),
)
def _gain_share(ranked: Ranked) -> Floats:
    """`oracle_gain_share_at_k` of the expected incremental profits, k = 20."""
    return ranked.gains.share


@metric(
    "regret_usd_at_20",
    says="expected incremental profit a campaign forgoes against the best 20, USD; less is better",
    needs=("truth",),
    less_is_better=True,
)
def _regret(ranked: Ranked) -> Floats:
    """``sum of the 20 best - sum of the 20 picked``, USD; NaN where there is nothing to choose."""
    gains = ranked.gains
    # Rounding may put a pick of the very best a hair above the best.
    return np.where(gains.stake > 0, np.maximum(gains.best - gains.found, 0.0), np.nan)


@metric(
    "ndcg_at_10_truth",
    says="order of all eligible creators by expected incremental profit (a loss counts 0), first 10",
    needs=("truth",),
)
def _ndcg_truth(ranked: Ranked) -> Floats:
    """`ndcg_at_k` with the gain ``max(profit, 0)``, k = 10."""
    return ndcg_at_k(ranked.known.groups, ranked.score, np.maximum(ranked.known.profit, 0.0), k=10)


@metric("ndcg_at_10", says="order of the invited by what came of them, first 10", needs=("labels",))
def _ndcg(ranked: Ranked) -> Floats:
    """`ndcg_at_k` with the grade as gain, k = 10."""
    return ndcg_at_k(ranked.known.groups, ranked.score, ranked.known.grade, k=10)


@metric("map", says="average precision among the invited, delivered or not", needs=("labels",))
def _map(ranked: Ranked) -> Floats:
    """`average_precision` of the delivered."""
    return average_precision(ranked.known.groups, ranked.score, ranked.known.relevant)


@metric(
    "auc_within_campaign",
    says="chance that an invited creator who delivered ranks above one who did not",
    needs=("labels",),
)
def _auc(ranked: Ranked) -> Floats:
    """`auc_within_campaign` of the delivered."""
    return auc_within_campaign(ranked.known.groups, ranked.score, ranked.known.relevant)


@metric(
    "success_brier",
    says="mean squared error of the success probability among the invited; less is better",
    needs=("labels", "predictions"),
    less_is_better=True,
)
def _brier(ranked: Ranked) -> Floats:
    """``mean of (p - delivered)^2`` over the campaign's invited.

    Source: Brier (1950), Verification of forecasts expressed in terms of probability.
    """
    groups, p = ranked.known.groups, ranked.success
    if p is None:
        return np.full(len(groups.size), np.nan)
    # Summed by creator, so that the order of the rows cannot change a bit.
    error = np.square(p - ranked.known.relevant)[groups.base]
    return groups.total(error) / groups.size
