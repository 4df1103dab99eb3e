"""What each head learns from the invitations of the training campaigns: its rows, its target, its weights, its gains.

Six heads: ``accept``, ``deliver``, ``lift`` and ``attributed`` are pointwise, ``success`` and ``lift`` rank
(`training.heads.rankers` says what they are made into). The money heads multiply a scale: a power of what the
creator's next video is expected to sell for the brief (`features.conversion`), fitted to the labels. Among thousands of
eligible creators the best lie beyond most that was ever invited; trees are flat there, and the scale is not.
"""

from __future__ import annotations

import numpy as np

from marketplace.arrays import Floats
from models.calibration import Scale, fit_log_linear
from training.data import TrainingData
from training.heads.feature_sets import FEW, FREE, MONOTONE, SALES_FEW
from training.heads.fit import Target

__all__ = [
    "EXPECTED_SALES",
    "GRADES",
    "LEAST_LIFTS",
    "campaign_level",
    "lift_gains",
    "lift_grades",
    "lift_labels",
    "money_target",
    "targets_of",
    "utility_gains",
]

GRADES = 30
"""Highest lift grade."""

EXPECTED_SALES = "brief_sales_expected_365d"
"""The signal of which a power scales the pointwise heads of money."""

LEAST_LIFTS = 40
"""With fewer estimated lifts than this, attributed sales stand in for them."""


def targets_of(data: TrainingData, *, lift_label: tuple[Floats, Floats] | None = None) -> list[Target]:
    """The six targets: four pointwise, two ranked.

    ``lift_label``: what the two lift heads learn in place of `lift_labels`, and its standard error, USD (n,), NaN where
    not known.
    """
    n = len(data)
    ones = np.ones(n)
    lift, lift_se, attributed = lift_labels(data)
    if lift_label is not None:
        lift, lift_se = lift_label
    lift_rows, grade_rows = np.isfinite(lift), data.outcome_known
    level = campaign_level(data, attributed)
    grades = lift_grades(lift)
    return [
        Target("accept", data.reply_known, np.nan_to_num(data.column("accepted")), ones, "binary", (MONOTONE, FREE)),
        Target(
            "deliver",
            grade_rows & (data.column("accepted") == 1.0),
            np.nan_to_num(data.column("delivered")),
            ones,
            "binary",
            (FEW, MONOTONE),
        ),
        # The variance of a sale grows with the square of its size: weight mean/variance makes campaigns of dear
        # and of cheap products speak alike, and noisy estimates less.
        money_target("lift", data, lift, level / (level**2 + lift_se**2)),
        money_target("attributed", data, attributed, 1.0 / level),
        Target(
            "success",
            grade_rows,
            np.nan_to_num(data.column("grade")),
            ones,
            "lambdarank",
            (MONOTONE, FREE),
            utility_gains(data.column("grade")[grade_rows], data.realised_profit()[grade_rows]),
        ),
        Target(
            "lift",
            lift_rows,
            grades,
            ones,
            "lambdarank",
            (SALES_FEW, MONOTONE),
            lift_gains(grades[lift_rows], lift[lift_rows]),
        ),
    ]


def money_target(head: str, data: TrainingData, label: Floats, weights: Floats) -> Target:
    """The pointwise target of ``label``, USD (n,), NaN where not known; ``weights`` (n,) are read where it is known."""
    rows = np.isfinite(label)
    scale = _sales_scale(data, label, weights) if rows.any() else None
    feature_sets = (SALES_FEW, MONOTONE)
    return Target(head, rows, np.nan_to_num(label), np.nan_to_num(weights), "quasi_poisson", feature_sets, scale=scale)


def _sales_scale(data: TrainingData, label: Floats, weights: Floats) -> Scale | None:
    """`EXPECTED_SALES` to the power that fits ``label`` best, at most 1, within what was seen; None where none does."""
    if EXPECTED_SALES not in data.signals:
        return None
    sales = data.X[:, data.signals.index(EXPECTED_SALES)]
    rows = np.isfinite(label) & (sales > 0)
    if rows.sum() < LEAST_LIFTS or float(weights[rows] @ label[rows]) <= 0:
        return None
    power = min(fit_log_linear(np.log(sales[rows]), label[rows], weight=weights[rows]).slope, 1.0)
    if power <= 0:
        return None
    low, middle, high = np.quantile(sales[rows], [0.01, 0.5, 1.0]).tolist()
    return Scale(EXPECTED_SALES, low, high, middle, power)


def lift_labels(data: TrainingData) -> tuple[Floats, Floats, Floats]:
    """Lift, its standard error and attributed sales, USD (n,), NaN where not known.

    Where a marketplace allows almost no estimate of lift (no product days), attributed sales stand in for it.
    """
    lift, lift_se, attributed = (data.column(f"{name}_usd") for name in ("lift", "lift_se", "attributed"))
    known = data.lift_known
    if known.sum() < LEAST_LIFTS:
        return attributed, np.where(np.isfinite(attributed), 0.0, np.nan), attributed
    return np.where(known, lift, np.nan), np.where(known, lift_se, np.nan), attributed


def campaign_level(data: TrainingData, attributed: Floats) -> Floats:
    """The usual size of a partnership's sales in each row's campaign, USD (n,), always positive.

    The campaign's mean attributed sales, drawn towards the mean of all campaigns as if three more partnerships had it.
    """
    known = np.isfinite(attributed)
    count = np.bincount(data.campaign, weights=known)
    total = np.bincount(data.campaign, weights=np.where(known, attributed, 0.0))
    overall = max(float(np.mean(attributed[known])), 1.0) if known.any() else 1.0
    return np.asarray(np.maximum((total + 3.0 * overall) / (count + 3.0), 0.05 * overall)[data.campaign])


def lift_grades(lift: Floats) -> Floats:
    """Grades 0..`GRADES` of lift, (n,): 0 where it is not positive or not known, else by quantile of the positive."""
    positive = lift > 0
    grades = np.zeros(len(lift))
    if positive.any():
        edges = np.quantile(lift[positive], np.arange(1, GRADES) / GRADES)
        grades[positive] = 1.0 + np.searchsorted(edges, lift[positive], side="right")
    return grades


def lift_gains(grades: Floats, lift: Floats) -> tuple[float, ...]:
    """Mean lift of each grade in units of the mean positive lift; 0 for grade 0."""
    count = np.bincount(grades.astype(np.int64), minlength=GRADES + 1)
    total = np.bincount(grades.astype(np.int64), weights=lift, minlength=GRADES + 1)
    means = np.where(count > 0, total / np.maximum(count, 1), 0.0)
    means[0] = 0.0
    means = np.maximum.accumulate(means)
    return tuple((means / (means.mean() or 1.0)).tolist())


def utility_gains(grades: Floats, profit: Floats) -> tuple[float, ...]:
    """Gain of each funnel grade 0..4: the mean profit of its invitations, made to rise, from 0, with mean 1.

    Grades seen fewer than 10 times, or a profit that does not rise at all, fall back on 0, 0, 1, 2, 2.5.
    """
    from scipy.optimize import isotonic_regression

    known = np.isfinite(profit)
    grade, value = grades[known].astype(np.int64), profit[known]
    count = np.bincount(grade, minlength=5)
    means = np.bincount(grade, weights=value, minlength=5) / np.maximum(count, 1)
    seen = count >= 10
    if seen.sum() >= 3:
        rising = isotonic_regression(means[seen], weights=count[seen]).x
        gains = np.interp(np.arange(5), np.flatnonzero(seen), rising)
        gains = gains - gains.min()
        if gains.max() > 0:
            return tuple((gains / gains.mean()).tolist())
    return (0.0, 0.0, 1.0, 2.0, 2.5)
