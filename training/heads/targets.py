"""What each head learns from the invitations of the training campaigns: its rows, its target, its weights, its gains.

`QUANTITIES` declares what there is to tell, `HEADS` what is fitted; another head is an entry in each
(`training.heads.rankers` says what they are made into). ``accept``, ``deliver``, ``lift`` and ``attributed`` are
pointwise, ``rank_success`` and ``rank_lift`` rank. The money heads multiply a scale: a power of what the
creator's next video is expected to sell for the brief (`features.conversion`), fitted to the labels. Among thousands of
eligible creators the best lie beyond most that was ever invited; trees are flat there, and the scale is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from marketplace.arrays import Floats
from models.calibration import Scale, fit_log_linear
from training.data import LEAST_READ, TrainingData
from training.heads.feature_sets import FEW, FREE, MONOTONE, SALES_FEW, FeatureSet
from training.heads.fit import Target
from training.heads.linear import term_of
from training.heads.quantities import MoneyLabels, Quantity

__all__ = [
    "EXPECTED_SALES",
    "GRADES",
    "HEADS",
    "LEAST_LIFTS",
    "QUANTITIES",
    "accept_target",
    "attributed_target",
    "campaign_level",
    "deliver_target",
    "lift_gains",
    "lift_grades",
    "lift_labels",
    "lift_ranking",
    "lift_target",
    "money_target",
    "success_ranking",
    "targets_of",
    "utility_gains",
]

GRADES = 30
"""Highest lift grade."""

EXPECTED_SALES = "brief_sales_expected_365d"
"""The signal of which a power scales the pointwise heads of money."""

LEAST_LIFTS = 40
"""With fewer estimated lifts than this, attributed sales stand in for them."""


def targets_of(data: TrainingData) -> list[Target]:
    """The target of each of `HEADS`, in their order."""
    return [make(data) for make in HEADS.values()]


def accept_target(data: TrainingData) -> Target:
    """``accept``: every invitation whose answer is in."""
    return _chance_target("accept", data, (MONOTONE, FREE))


def deliver_target(data: TrainingData) -> Target:
    """``deliver``: the accepted ones of settled campaigns."""
    return _chance_target("deliver", data, (FEW, MONOTONE))


def _chance_target(name: str, data: TrainingData, feature_sets: tuple[FeatureSet, ...]) -> Target:
    """The pointwise target of a probability: the rows whose label is known, all alike."""
    label = QUANTITIES[name].label(data)
    return Target(name, np.isfinite(label), np.nan_to_num(label), np.ones(len(data)), "binary", feature_sets)


def lift_target(data: TrainingData, *, lift: tuple[Floats, Floats] | None = None) -> Target:
    """``lift`` of delivered partnerships.

    ``lift``: what is learned in place of `lift_labels`, and its standard error, USD (n,), NaN where not known.
    """
    label, se, attributed = lift_labels(data)
    if lift is not None:
        label, se = lift
    level = campaign_level(data, attributed)
    # The variance of a sale grows with the square of its size: weight mean/variance makes campaigns of dear
    # and of cheap products speak alike, and noisy estimates less.
    return money_target("lift", data, label, level / (level**2 + se**2))


def attributed_target(data: TrainingData) -> Target:
    """``attributed`` sales of delivered partnerships."""
    attributed = lift_labels(data)[2]
    return money_target("attributed", data, attributed, 1.0 / campaign_level(data, attributed))


def success_ranking(data: TrainingData) -> Target:
    """``rank_success``: all invitations of settled campaigns by funnel grade."""
    rows, grade = data.outcome_known & ~data.applied, data.column("grade")
    gains = utility_gains(grade[rows], data.realised_profit()[rows])
    return Target("success", rows, np.nan_to_num(grade), np.ones(len(data)), "lambdarank", (MONOTONE, FREE), gains)


def lift_ranking(data: TrainingData, *, lift: Floats | None = None) -> Target:
    """``rank_lift``: the delivered partnerships alone by graded lift, or by ``lift``, USD (n,), in its place."""
    label = lift_labels(data)[0] if lift is None else lift
    rows, grades = np.isfinite(label), lift_grades(label)
    gains = lift_gains(grades[rows], label[rows])
    return Target("lift", rows, grades, np.ones(len(data)), "lambdarank", (SALES_FEW, MONOTONE), gains)


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
    term = term_of(data, EXPECTED_SALES, log=True, coefficient=power)
    return Scale((term,)) if term is not None and power > 0 else None


def lift_labels(data: TrainingData) -> tuple[Floats, Floats, Floats]:
    """Lift, its standard error and attributed sales, USD (n,), NaN where not known.

    Where a marketplace allows almost no estimate of lift (no product days), attributed sales stand in for it. What was
    sold for the most part on a product's sales days is not known, neither lift nor attributed sales: both tell of the
    sale, which no later brief need have.

    The standard error is the usual one of the row's campaign. An estimate's own grows with what was attributed to it,
    which is the outcome: rows weighed by it would speak the less the better they went, and what is learned would be
    too low.
    """
    lift, lift_se, attributed = (data.column(f"{name}_usd") for name in ("lift", "lift_se", "attributed"))
    known = data.lift_known
    read = ~(data.column("lift_read_share") < LEAST_READ)
    if (known & read).sum() >= LEAST_LIFTS:
        known, attributed = known & read, np.where(read, attributed, np.nan)
    if known.sum() < LEAST_LIFTS:
        return attributed, np.where(np.isfinite(attributed), 0.0, np.nan), attributed
    return np.where(known, lift, np.nan), _usual_error(data, np.where(known, lift_se, np.nan), attributed), attributed


def _usual_error(data: TrainingData, se: Floats, attributed: Floats) -> Floats:
    """The root mean square of ``se`` in each row's campaign, NaN where ``se`` is; (n,) each.

    Its square is drawn towards the share of `campaign_level` squared that it is in all campaigns, as if three more
    partnerships had that.
    """
    known, level = np.isfinite(se), campaign_level(data, attributed)
    square = np.where(known, np.square(se), 0.0)
    usual = float(square.sum() / np.square(level[known]).sum()) if known.any() else 0.0
    count, total = np.bincount(data.campaign, weights=known), np.bincount(data.campaign, weights=square)
    drawn = (total[data.campaign] + 3.0 * usual * level**2) / (count[data.campaign] + 3.0)
    return np.where(known, np.sqrt(drawn), np.nan)


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


def _lift_money(data: TrainingData) -> MoneyLabels:
    label, se, _ = lift_labels(data)
    return MoneyLabels(label, se, *_plain_lifts(data))


def _attributed_money(data: TrainingData) -> MoneyLabels:
    # Attributed sales are exact: they have no prior, and weigh as the lifts do beside which they are told.
    label = lift_labels(data)[2]
    return MoneyLabels(label, np.zeros(len(data)), label, _plain_lifts(data)[1])


def _plain_lifts(data: TrainingData) -> tuple[Floats, Floats]:
    """Lift before shrinkage with its standard error, USD (n,); NaN where not known, or too few are."""
    if data.lift_known.sum() < LEAST_LIFTS:
        return np.full(len(data), np.nan), np.full(len(data), np.nan)
    return data.column("lift_raw_usd"), data.column("lift_raw_se_usd")


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        one.name: one
        for one in (
            Quantity("accept", "the chance of acceptance", "accepted", "replied", truth=("accept_probability",)),
            Quantity(
                "deliver", "the chance that content is delivered once accepted", "delivered", "settled",
                given="accepted", reported=False,
            ),
            Quantity(
                "success", "the chance that content is delivered", "delivered", "settled",
                field="success_probability", truth=("accept_probability", "deliver_probability"),
            ),
            Quantity(
                "lift", "the expected extra sales", "lift_usd", "settled", money=_lift_money,
                truth=("incremental_gmv",), realised="incremental_gmv_realised", part_of="attributed",
            ),
            Quantity(
                "attributed", "the sales on which commission is owed", "attributed_usd", "settled",
                money=_attributed_money, truth=("attributed_gmv",),
            ),
        )
    }
)  # fmt: skip
"""Every quantity by name."""

HEADS: Mapping[str, Callable[[TrainingData], Target]] = MappingProxyType(
    {
        "accept": accept_target,
        "deliver": deliver_target,
        "lift": lift_target,
        "attributed": attributed_target,
        "rank_success": success_ranking,
        "rank_lift": lift_ranking,
    }
)
"""Every head by `Target.name`, and how its target is made of the training data."""
