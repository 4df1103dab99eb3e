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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.arrays import Floats, Ints
from marketplace.errors import TrainingError

__all__ = [
    "EVIDENCE",
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
    "correlation_of_ranks",
    "expected_calibration_error",
    "gains_at_k",
    "metric",
    "ndcg_at_k",
    "oracle_gain_share_at_k",
    "partial_correlation",
    "sign_of",
    "targeting_curve",
]

RELEVANT_GRADE = 2.0
"""From this grade up an invitation was delivered, which is what ``map``, AUC and the success probability speak of."""

DEPTH = 20
"""Creators a brand is taken to invite, where a metric counts money."""

LEAST_DELIVERED = 4
"""Fewer deliveries than this in a campaign have no order worth a figure."""


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
    mid = _mid_ranks(groups, scores, order)
    hit = np.asarray(relevant, dtype=np.float64)[order]
    count = groups.total(hit)
    above = groups.total(mid * hit) - count * (count + 1.0) / 2.0
    return _share(above, count * (groups.size - count))


def _mid_ranks(groups: Groups, scores: npt.ArrayLike, order: Ints) -> Floats:
    """Rank within the campaign of each *sorted* row, 1 for the least score; ties share the mean of their ranks."""
    score = np.asarray(scores, dtype=np.float64)[order]
    score = np.where(np.isnan(score), -np.inf, score)
    code = groups.code[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (score[1:] != score[:-1]) | (code[1:] != code[:-1])
    run = np.cumsum(first) - 1
    # Sorted places run downwards; a tied run shares the mean of its places.
    upward = np.repeat(groups.size, groups.size) - groups.place + 1.0
    return np.asarray((np.bincount(run, weights=upward) / np.bincount(run))[run], dtype=np.float64)


def correlation_of_ranks(groups: Groups, scores: npt.ArrayLike, values: npt.ArrayLike) -> Floats:
    """Spearman's rank correlation of ``scores`` and ``values`` within each campaign, ties at their mean rank.

    ``0`` where all scores of a campaign are equal: they order nothing. NaN where all values are equal, or the campaign
    has fewer than `LEAST_DELIVERED` rows.
    """
    mine, came = (_centred_ranks(groups, each)[groups.base] for each in (scores, values))
    found = groups.total(mine * came)
    spread, stake = groups.total(mine**2), groups.total(came**2)
    out = np.where(spread > 0, found / np.sqrt(np.where(spread > 0, spread, 1.0) * np.maximum(stake, 1e-300)), 0.0)
    return np.where((stake > 0) & (groups.size >= LEAST_DELIVERED), out, np.nan)


def _centred_ranks(groups: Groups, values: npt.ArrayLike) -> Floats:
    """Rank within the campaign less its mean, in shares of the campaign's rows, float64 (n,); ties at their mean."""
    order = groups.order(values)
    rank = np.empty(len(order))
    rank[order] = _mid_ranks(groups, values, order)
    size = groups.size[groups.code]
    return np.asarray((rank - (size + 1.0) / 2.0) / size, dtype=np.float64)


def partial_correlation(
    groups: Groups, scores: npt.ArrayLike, values: npt.ArrayLike, others: Sequence[npt.ArrayLike]
) -> Floats:
    """What the order of ``scores`` tells of ``values`` beyond the orders of ``others``: one contribution a campaign.

    Ranks within campaigns (centred, ties at their mean) of scores and values are each freed of those of ``others`` by
    least squares over all rows; campaign *c* contributes ``C * sum_c s v / sqrt(sum s^2 * sum v^2)``, so that the mean
    over the C campaigns is the partial rank correlation. 0 where nothing is left of the scores; NaN below two rows.

    Source: Hemerik, Goeman and Finos (2020), Robust testing in generalized linear models by sign flipping score
    contributions: flipping the campaigns' signs tests whether the scores add anything.
    """
    mine, came = _centred_ranks(groups, scores), _centred_ranks(groups, values)
    if others:
        Z = np.column_stack([_centred_ranks(groups, each) for each in others])
        mine, came = (each - Z @ np.linalg.lstsq(Z, each, rcond=None)[0] for each in (mine, came))
    told = groups.size >= 2
    size = float(np.sqrt(np.sum(mine**2) * np.sum(came**2)))
    # What rounding leaves of a score that the others tell already is nothing.
    if size <= 1e-9 * len(mine):
        return np.where(told, 0.0, np.nan)
    return np.where(told, told.sum() * groups.total((mine * came)[groups.base]) / size, np.nan)


def targeting_curve(groups: Groups, scores: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Floats, Floats]:
    """AUTOC and Qini of ``values`` (estimated effects, in their own unit) in the order of ``scores``, per campaign.

    ``TOC(j) = mean of the first j - mean of all``; ``AUTOC = 1/n sum_j TOC(j)``, ``Qini = 1/n sum_j (j/n) TOC(j)``.
    Both are 0 on average where the order says nothing of the effects; AUTOC weighs the very first, Qini everybody. NaN
    below `LEAST_DELIVERED` rows.

    Source: Yadlowsky, Fleming, Shah, Brunskill and Wager (2025), Evaluating treatment prioritization rules via
    rank-weighted average treatment effects.
    """
    value = np.asarray(values, dtype=np.float64)[groups.order(scores)]
    running = np.cumsum(value)
    before = np.concatenate([[0.0], running])[groups.start]
    size = np.repeat(groups.size, groups.size).astype(np.float64)
    whole = np.repeat(groups.total(value) / groups.size, groups.size)
    curve = (running - np.repeat(before, groups.size)) / groups.place - whole
    enough = groups.size >= LEAST_DELIVERED
    autoc, qini = (groups.total(each) / groups.size for each in (curve, curve * groups.place / size))
    return np.where(enough, autoc, np.nan), np.where(enough, qini, np.nan)


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
    earned : float64 (n,)
        The same told from the log (`training.evaluation.profit`), right on average, USD; NaN where it tells nothing.
    attributed, lift : float64 (n,)
        Attributed sales of what was delivered, and its estimated lift before shrinkage, USD; NaN where not known.
    sorts : tuple of float64 (n,)
        Scores of the simple sorts, of which a model should know more.
    """

    groups: Groups
    grade: Floats
    profit: Floats
    earned: Floats = field(default_factory=lambda: np.zeros(0))
    attributed: Floats = field(default_factory=lambda: np.zeros(0))
    lift: Floats = field(default_factory=lambda: np.zeros(0))
    sorts: tuple[Floats, ...] = ()

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
    """One ranker on the rows of `Known`: ``score`` float64 (n,), more is better, and what it tells beside, each float64
    (n,), by name: ``success``, the probability of delivery given an invitation; ``attributed`` and ``lift``, USD.
    """

    known: Known
    score: Floats
    told: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def success(self) -> Floats | None:
        """Its success probability, float64 (n,), where it has one."""
        return self.told.get("success")

    def by(self, quantity: str) -> Floats:
        """What it orders by where ``quantity`` is asked for: what it tells of it, else its score, float64 (n,)."""
        return self.told.get(quantity, self.score)

    @cached_property
    def gains(self) -> Gains:
        """What its first `DEPTH` of each campaign are worth."""
        return gains_at_k(self.known.groups, self.score, self.known.profit, k=DEPTH, known=self.known.oracle)


Need = Literal["truth", "log", "labels", "attributed", "lift", "predictions"]

EVIDENCE: Mapping[Need, str] = MappingProxyType(
    {"truth": "profit", "log": "earned", "labels": "grade", "attributed": "attributed", "lift": "lift"}
)
"""What a metric may need of the rows, and the field of `Known` that must be known."""


@dataclass(frozen=True)
class Metric:
    """A declared metric.

    Attributes
    ----------
    name : str
        The same in code, tables, MLflow and documentation.
    says : str
        In a line, for the title of a table.
    needs : tuple of Need
        ``truth``, ``log``, ``labels``, ``attributed``, ``lift``: rows where that of `EVIDENCE` is known;
        ``predictions``: rankers that tell a success probability.
    function : Ranked -> float64 (campaigns,)
        Its docstring has the formula.
    less_is_better : bool
    sliced : bool
        Whether it is measured in slices too: what only the delivered tell is too little to be cut up.
    """

    name: str
    says: str
    needs: tuple[Need, ...]
    function: Callable[[Ranked], Floats]
    less_is_better: bool = False
    sliced: bool = True

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
    name: str, *, says: str, needs: tuple[Need, ...], less_is_better: bool = False, sliced: bool = True
) -> Callable[[Callable[[Ranked], Floats]], Callable[[Ranked], Floats]]:
    """Declare the function below as the metric ``name``.

    Raises
    ------
    TrainingError
        There is one of that name, or it needs no evidence.
    """

    def declare(function: Callable[[Ranked], Floats]) -> Callable[[Ranked], Floats]:
        if name in _METRICS or not EVIDENCE.keys() & set(needs):
            raise TrainingError(
                f"a metric with a name of its own that needs some of {', '.join(EVIDENCE)}",
                received=f"{name}, which needs {', '.join(needs) or 'nothing'}",
                look="training/stats/metrics.py",
            )
        _METRICS[name] = Metric(name, says, needs, function, less_is_better, sliced)
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


@metric(
    "profit_usd_at_20",
    says="incremental profit of the first 20, estimated from the log alone, USD a campaign",
    needs=("log",),
)
def _logged_profit(ranked: Ranked) -> Floats:
    """``20 / m * sum of earned over the first m``, ``m = min(20, half of the campaign's rows)``; NaN below two rows.

    Formula and source: training/evaluation/profit.py.
    """
    groups = ranked.known.groups
    depth = np.minimum(groups.size // 2, DEPTH)
    taken = groups.place <= np.repeat(depth, groups.size)
    found = groups.total(np.where(taken, ranked.known.earned[groups.order(ranked.score)], 0.0))
    return DEPTH * _share(found, depth.astype(np.float64))


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
    "success_auc",
    says="the success head on success: AUC within campaigns of the chance that it tells (simple sorts: of their order)",
    needs=("labels",),
)
def _success_auc(ranked: Ranked) -> Floats:
    """`auc_within_campaign` of the delivered, by the success probability where the ranker tells one."""
    return auc_within_campaign(ranked.known.groups, ranked.by("success"), ranked.known.relevant)


@metric(
    "success_log_gain",
    says="log loss that the success probability saves against the mean rate of these invitations, nats",
    needs=("labels", "predictions"),
    sliced=False,
)
def _success_log_gain(ranked: Ranked) -> Floats:
    """``mean over the campaign's invited of log loss(rate) - log loss(p)``; the rate is that of all rows together.

    A rate that knows the held-out outcomes is harder to beat than any that could have been told beforehand.
    """
    groups, relevant, p = ranked.known.groups, ranked.known.relevant.astype(np.float64), ranked.success
    if p is None:
        return np.full(len(groups.size), np.nan)
    rate = np.clip(relevant.mean(), 1e-6, 1.0 - 1e-6)
    told = np.clip(p, 1e-6, 1.0 - 1e-6)
    saved = relevant * np.log(told / rate) + (1.0 - relevant) * np.log((1.0 - told) / (1.0 - rate))
    return groups.total(saved[groups.base]) / groups.size


@metric(
    "attributed_rank_correlation",
    says="the attributed head on attributed sales: rank correlation within campaigns, among the delivered",
    needs=("attributed",),
    sliced=False,
)
def _attributed_correlation(ranked: Ranked) -> Floats:
    """`correlation_of_ranks` of the attributed sales that it tells with those that came (simple sorts: by score)."""
    return correlation_of_ranks(ranked.known.groups, ranked.by("attributed"), ranked.known.attributed)


@metric(
    "attributed_beyond_sorts",
    says="what the attributed head knows of attributed sales beyond all simple sorts: partial rank correlation",
    needs=("attributed", "predictions"),
    sliced=False,
)
def _attributed_beyond(ranked: Ranked) -> Floats:
    """`partial_correlation` of the attributed sales that it tells, given the orders of the simple sorts."""
    known = ranked.known
    return partial_correlation(known.groups, ranked.by("attributed"), known.attributed, known.sorts)


@metric(
    "attributed_gain_share",
    says="share of the best possible attributed sales above chance in the better half of the delivered",
    needs=("attributed",),
    sliced=False,
)
def _attributed_gain(ranked: Ranked) -> Floats:
    """``(sum of the half picked - chance) / (sum of the best half - chance)``, NaN below `LEAST_DELIVERED` rows."""
    groups, value = ranked.known.groups, ranked.known.attributed
    half = groups.size // 2
    taken = groups.place <= np.repeat(half, groups.size)
    found, best = (
        groups.total(np.where(taken, value[groups.order(by)], 0.0)) for by in (ranked.by("attributed"), value)
    )
    chance = groups.total(value[groups.base]) / groups.size * half
    return np.where(groups.size >= LEAST_DELIVERED, _share(found - chance, best - chance), np.nan)


@metric(
    "lift_autoc",
    says="the lift head on estimated lift: area under the targeting curve among the delivered, USD; 0 = no order",
    needs=("lift",),
    sliced=False,
)
def _lift_autoc(ranked: Ranked) -> Floats:
    """The first of `targeting_curve` of the estimates before shrinkage, by the lift that it tells."""
    return targeting_curve(ranked.known.groups, ranked.by("lift"), ranked.known.lift)[0]


@metric(
    "lift_qini",
    says="the same with everybody weighed alike (Qini), USD",
    needs=("lift",),
    sliced=False,
)
def _lift_qini(ranked: Ranked) -> Floats:
    """The second of `targeting_curve`."""
    return targeting_curve(ranked.known.groups, ranked.by("lift"), ranked.known.lift)[1]


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
