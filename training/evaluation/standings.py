"""Where every ranker stands on every metric, with intervals and tests corrected for their number.

All of it follows from the values by campaign: the estimate is their mean (`training.stats.campaign_mean`), the interval
is drawn about it, and the test is of the mean difference from the reference. In each family (one metric, one slice)
all rankers are tested against the same reference, and the p-values are corrected by Holm's procedure. Rankers that are
there for scale (the oracle, the informed ceiling) belong to no family.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from marketplace.arrays import Floats
from training.stats import cluster_bootstrap, holm, paired_randomisation_test, sign_of

__all__ = ["WHOLE", "ByRanker", "Standing", "rank_standings"]

ByRanker = Mapping[str, Floats]
"""Ranker to its value in each campaign, float64 (n_campaigns,), NaN where undefined."""

WHOLE = "all"
"""The slice that holds everything."""

DRAWS = 20_000
SLICE_DRAWS = 4_000
"""Sign patterns drawn for a test on the whole, and within a slice."""


@dataclass(frozen=True)
class Standing:
    """One ranker on one metric in one slice.

    ``estimate``: mean over campaigns, with its 95 % bootstrap interval. ``difference``: mean over campaigns of the
    ranker's value minus the reference's; ``p`` of it (paired randomisation test, two-sided) and ``p_holm``, corrected
    within the metric and slice. ``wins``, ``ties``, ``losses``: campaigns in which the ranker did better, alike, worse
    than the reference. NaN and 0 on the reference's own row, and where the reference has no value; ``p_holm`` NaN for
    rankers that are there for scale.
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


def rank_standings(
    values: Mapping[str, ByRanker],
    *,
    reference: str,
    part: str = WHOLE,
    for_scale: Collection[str] = (),
    seed: int = 0,
) -> tuple[Standing, ...]:
    """The standings in one slice, by metric as in ``values``, then best first.

    Parameters
    ----------
    values : metric -> ranker -> float64 (n_campaigns,)
    reference : str
        The ranker that the others are tested against.
    part : str
        The slice's name.
    for_scale : collection of str
        Rankers that belong to no family of tests.
    seed : int
        Of bootstrap and tests.
    """
    return tuple(
        row
        for metric, by_ranker in values.items()
        for row in _of_metric(metric, by_ranker, reference=reference, part=part, for_scale=for_scale, seed=seed)
    )


def _of_metric(
    metric: str, by_ranker: ByRanker, *, reference: str, part: str, for_scale: Collection[str], seed: int
) -> list[Standing]:
    sign = sign_of(metric)
    anchor = by_ranker.get(reference)
    tests = {
        name: paired_randomisation_test(
            sign * each, sign * anchor, draws=DRAWS if part == WHOLE else SLICE_DRAWS, seed=seed
        )
        for name, each in by_ranker.items()
        if anchor is not None and name != reference
    }
    family = [name for name in tests if name not in for_scale]
    corrected = dict(zip(family, holm([tests[name].p for name in family]).tolist(), strict=True))
    out = []
    for name, each in by_ranker.items():
        interval = cluster_bootstrap(each, seed=seed)
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
                campaigns=int(np.isfinite(each).sum()),
            )
        )  # fmt: skip
    return sorted(out, key=lambda row: (-sign * row.estimate, row.ranker))
