"""Where every ranker stands, on the whole and in every slice, with intervals and tests corrected for their number.

Measured against the simulator's truth (every eligible creator):
``oracle_gain_share_at_20``, ``regret_usd_at_20`` and ``ndcg_at_10_truth``.
Measured against logged outcomes (the invited whose labels have matured):
``ndcg_at_10``, ``map``, ``auc_within_campaign``.

The campaign is the unit of every interval and test. In each family (one
metric, one slice) all rankers are tested against the same reference, and the
p-values are corrected by Holm's procedure. Rankers that read the truth (the
oracle, the informed ceiling) are shown for scale and belong to no family.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.arrays import Floats
from training.evaluation.comparison import GAIN_SHARE, RELEVANT_GRADE, SLICE_CAMPAIGNS
from training.stats import (
    Gains,
    Groups,
    auc_within_campaign,
    average_precision,
    cluster_bootstrap,
    gains_at_k,
    holm,
    ndcg_at_k,
    paired_randomisation_test,
)

__all__ = ["LESS_IS_BETTER", "RANKER_METRICS", "WHOLE", "Standing", "rank_standings"]


REGRET = "regret_usd_at_20"
RANKER_METRICS: Mapping[str, str] = {
    GAIN_SHARE: "share of the best possible gain above chance, 20 invited, expected incremental profit",
    REGRET: "expected incremental profit a campaign forgoes against the best 20, USD; less is better",
    "ndcg_at_10_truth": "order of all eligible creators by expected incremental profit (a loss counts 0), first 10",
    "ndcg_at_10": "order of the invited by what came of them, first 10",
    "map": "average precision among the invited, delivered or not",
    "auc_within_campaign": "chance that an invited creator who delivered ranks above one who did not",
}
"""Metrics in the order they are shown, in words."""

LESS_IS_BETTER = frozenset({REGRET})
WHOLE = "all"
"""The slice that holds everything."""

DEPTH = 20
SLICE_DRAWS = 4_000
"""Sign patterns drawn for a test within a slice; on the whole there are five times as many."""


@dataclass(frozen=True)
class Standing:
    """One ranker on one metric in one slice.

    ``estimate`` with its 95 % cluster-bootstrap interval: pooled over campaigns for the gain share, else their mean.
    ``difference``: mean over campaigns of the ranker's value minus the reference's; ``p`` of it (paired
    randomisation test, two-sided) and ``p_holm``, corrected within the metric and slice. ``wins``, ``ties``,
    ``losses``: campaigns in which the ranker did better, alike, worse than the reference. NaN and 0 on the
    reference's own row; ``p_holm`` NaN for rankers that read the truth.
    """

    slice: str
    metric: str
    ranker: str
    estimate: float
    low: float
    high: float
    difference: float
    p: float
    p_holm: float
    wins: int
    ties: int
    losses: int
    campaigns: int


@dataclass(frozen=True)
class _Values:
    """A ranker's values, one a campaign, as ``top / bottom``; NaN where undefined."""

    top: Floats
    bottom: Floats

    @property
    def each(self) -> Floats:
        out: Floats = np.full(len(self.top), np.nan)
        np.divide(self.top, self.bottom, out=out, where=self.bottom > 0)
        return out


def rank_standings(
    scores: Mapping[str, npt.ArrayLike],
    known: pd.DataFrame,
    *,
    reference: str,
    all_knowing: Collection[str] = (),
    slices: pd.DataFrame | None = None,
    seed: int = 0,
) -> tuple[Standing, ...]:
    """Measure every ranker, on the whole and in every slice seen in `training.evaluation.SLICE_CAMPAIGNS` campaigns.

    Parameters
    ----------
    scores : mapping of ranker to float64 (n,)
        More is better; NaN ranks last.
    known : DataFrame[campaign_id, creator_id, grade, profit], n rows
        As `training.evaluation.comparison.known_outcomes` gives it.
    reference : str
        The ranker that the others are tested against.
    all_knowing : collection of str
        Rankers that read the truth: no part of a family of tests.
    slices : DataFrame, n rows, optional
        One column a dimension.
    seed : int
        Of bootstrap and tests.

    Returns
    -------
    tuple of Standing
        By slice (the whole first), then metric as in `RANKER_METRICS`, then best first.
    """
    ranked = {name: np.asarray(values, dtype=np.float64) for name, values in scores.items()}
    useful = (known["grade"].notna() | known["profit"].notna()).to_numpy()
    parts = [(WHOLE, np.flatnonzero(useful))]
    for dimension in [] if slices is None else slices.columns:
        column = slices[dimension].astype("str").to_numpy()  # type: ignore[index]
        parts += [(f"{dimension}={v}", np.flatnonzero(useful & (column == v))) for v in sorted(set(column[useful]))]
    found: list[Standing] = []
    for name, rows in parts:
        part = known.iloc[rows].reset_index(drop=True)
        if name != WHOLE and part["campaign_id"].nunique() < SLICE_CAMPAIGNS:
            continue
        measured = _measure({ranker: score[rows] for ranker, score in ranked.items()}, part)
        for metric, values in measured.items():
            found += _standings(name, metric, values, reference=reference, all_knowing=all_knowing, seed=seed)
    return tuple(found)


def _measure(ranked: Mapping[str, Floats], known: pd.DataFrame) -> dict[str, dict[str, _Values]]:
    """metric -> ranker -> values; a metric that no campaign allows is not there."""
    out: dict[str, dict[str, _Values]] = {metric: {} for metric in RANKER_METRICS}
    for column in ("profit", "grade"):
        rows = np.flatnonzero(known[column].notna())
        if not rows.size:
            continue
        groups = Groups.of(known["campaign_id"].to_numpy()[rows], known["creator_id"].to_numpy()[rows])
        value = known[column].to_numpy(dtype=np.float64)[rows]
        one = np.ones(len(groups.size))
        first: Gains | None = None
        for name, score in ranked.items():
            if column == "profit":
                gains = first = gains_at_k(groups, score[rows], value, k=DEPTH, known=first)
                stake = gains.stake
                out[GAIN_SHARE][name] = _Values(np.where(stake > 0, gains.found - gains.chance, np.nan), stake)
                # Rounding may put a pick of the very best a hair above the best.
                regret = np.maximum(gains.best - gains.found, 0.0)
                out[REGRET][name] = _Values(np.where(stake > 0, regret, np.nan), one)
                gain = np.maximum(value, 0.0)
                out["ndcg_at_10_truth"][name] = _Values(ndcg_at_k(groups, score[rows], gain, k=10), one)
            else:
                relevant = value >= RELEVANT_GRADE
                out["ndcg_at_10"][name] = _Values(ndcg_at_k(groups, score[rows], value, k=10), one)
                out["map"][name] = _Values(average_precision(groups, score[rows], relevant), one)
                out["auc_within_campaign"][name] = _Values(auc_within_campaign(groups, score[rows], relevant), one)
    return {m: by for m, by in out.items() if any(np.isfinite(each.each).any() for each in by.values())}


def _standings(
    part: str,
    metric: str,
    values: Mapping[str, _Values],
    *,
    reference: str,
    all_knowing: Collection[str],
    seed: int,
) -> list[Standing]:
    sign = -1.0 if metric in LESS_IS_BETTER else 1.0
    draws = 5 * SLICE_DRAWS if part == WHOLE else SLICE_DRAWS
    anchor = values[reference].each
    tests = {
        name: paired_randomisation_test(sign * one.each, sign * anchor, draws=draws, seed=seed)
        for name, one in values.items()
        if name != reference
    }
    family = [name for name in tests if name not in all_knowing]
    corrected = dict(zip(family, holm([tests[name].p for name in family]).tolist(), strict=True))
    out = []
    for name, one in values.items():
        interval = cluster_bootstrap(one.top, one.bottom, seed=seed)
        test = tests.get(name)
        out.append(
            Standing(
                part, metric, name, interval.estimate, interval.low, interval.high,
                difference=float("nan") if test is None else sign * test.difference,
                p=float("nan") if test is None else test.p,
                p_holm=corrected.get(name, float("nan")),
                wins=0 if test is None else test.wins,
                ties=0 if test is None else test.ties,
                losses=0 if test is None else test.losses,
                campaigns=int(np.isfinite(one.each).sum()),
            )
        )  # fmt: skip
    return sorted(out, key=lambda row: (-sign * row.estimate, row.ranker))
