"""The two forms of the model, fitted on the same rows.

``lambdarank``: two ranking heads, query = campaign.

- ``success`` ranks all invitations of settled campaigns by funnel grade. A
  grade's gain is the mean profit it brought the brand, made to rise and scaled
  to start at 0: two grades that earn the same are not worth telling apart.
- ``lift`` ranks the delivered partnerships alone by graded lift: 0 for a lift
  that is not positive, 1..30 by thirtieths of the positive ones; a grade's
  gain is the mean lift within it. What was not delivered says nothing about
  what it would have sold: that is the success head's part.

``expected_value``: pointwise heads ``accept``, ``deliver`` given acceptance,
``lift`` and ``attributed`` given delivery, multiplied into the utility. The
money heads are multiplicative (log link, quasi-Poisson), so that price, reach
and persuasion multiply as sales do, and negative lift estimates keep their say.

Ranking heads order the creators of one campaign and say nothing of money, so
the form ``lambdarank`` takes acceptance from the pointwise head and reads both
lift and attributed sales from the lift head, in units of the product's price:
two sums of money that are set against each other must be drawn together to the
same degree, or the surest sellers are punished for their commission. All
calibration is fitted on out-of-fold scores.

Half of what says how high the money stands are the estimates before shrinkage:
shrinkage draws every lift towards a share of its attributed sales, and where
nothing lifts anything that share alone would pass for lift. Each estimate weighs
by its own precision, so that one runaway success does not raise everybody.
Attributed sales are exact and have no prior: half of their curve is fitted with
the same weights, so that they are drawn together like lift, and half keeps their
plain mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.signals import SIGNALS
from models.bundle import Bundle, Form
from models.calibration import Calibration, MoneyMethod, Scale, fit_money, fit_probability
from models.fit_curves import pool_adjacent_violators
from models.predict import Predictions, factors, from_raw
from models.signal_words import signals_sha256, words_of
from training.dataset import TrainingData
from training.fit import Floats
from training.heads import FittedHead, Target, fit_head
from training.metrics import Groups, gains_at_k
from training.recipes import FREE, MONOTONE, PLAIN_FEW, SALES_FEW
from training.shape import DEFAULT, Shape
from training.significance import paired_randomisation_test

__all__ = [
    "GRADES",
    "FittedForm",
    "both_forms",
    "campaign_level",
    "fit_forms",
    "lift_gains",
    "lift_grades",
    "lift_labels",
    "targets_of",
    "utility_gains",
    "validation_share",
]

GRADES = 30
"""Highest lift grade."""

PRICE = "brief_price_brief"
"""The signal in whose units a ranking head's money is told."""

LABEL_NOISE = 0.5
"""Share of a shrunk lift's standard error that counts as noise on top of the truth when its spread is read: shrinkage
has already taken out a part, and added what it drew in. Chosen so that 80 and 90 % intervals hold as many realised
lifts on simulated marketplaces (seeds 11 to 17)."""

LEAST_LIFTS = 40
"""With fewer estimated lifts than this, attributed sales stand in for them."""

PREFERENCE = 0.05

VALIDATION_DEPTH = 10
"""How many invited creators a campaign's validation picks."""


@dataclass(frozen=True)
class FittedForm:
    """One fitted form.

    Attributes
    ----------
    bundle : Bundle
        Ready to be saved; run and version are filled in on registering.
    heads : mapping of head to FittedHead
    out_of_fold : Predictions
        For every row of the data, each by boosters that did not see its campaign.
    validation : float
        Share of the best possible estimated profit above chance that the out-of-fold utility captures among
        the invited, `VALIDATION_DEPTH` a campaign: 0 = random, 1 = best. The forms are chosen by it.
    validation_shares : float64 (campaigns,)
        The same, campaign by campaign.
    """

    bundle: Bundle
    heads: Mapping[str, FittedHead]
    out_of_fold: Predictions
    validation: float
    validation_shares: Floats

    @property
    def form(self) -> str:
        """``lambdarank`` or ``expected_value``."""
        return self.bundle.form


def fit_forms(data: TrainingData, *, seed: int, shape: Shape = DEFAULT) -> list[FittedForm]:
    """Fit both forms; the one to be preferred comes last (see `both_forms`).

    Raises
    ------
    TrainingError
        Too little to fit a head on.
    """
    return both_forms(data, {target.name: fit_head(target, data, seed=seed, shape=shape)
                             for target in targets_of(data)})  # fmt: skip


def both_forms(data: TrainingData, heads: Mapping[str, FittedHead]) -> list[FittedForm]:
    """Both forms of fitted heads, by `Target.name`; the one to be preferred comes last.

    That is ``expected_value``, unless ``lambdarank`` validates better by more than chance (paired
    randomisation test over the training campaigns, one-sided p < `PREFERENCE`): on few campaigns the
    difference is mostly noise, and the pointwise form is the better calibrated.
    """
    pointwise, ranked = _expected_value(data, heads), _lambdarank(data, heads)
    test = paired_randomisation_test(ranked.validation_shares, pointwise.validation_shares)
    better = ranked.validation > pointwise.validation and test.difference > 0 and test.p / 2 < PREFERENCE
    return [pointwise, ranked] if better else [ranked, pointwise]


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
    sold_rows = np.isfinite(attributed)
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
            (PLAIN_FEW, MONOTONE),
        ),
        # The variance of a sale grows with the square of its size: weight mean/variance makes campaigns of dear
        # and of cheap products speak alike, and noisy estimates less.
        Target(
            "lift",
            lift_rows,
            np.nan_to_num(lift),
            np.nan_to_num(level / (level**2 + lift_se**2)),
            "quasi_poisson",
            (SALES_FEW, MONOTONE),
        ),
        Target("attributed", sold_rows, np.nan_to_num(attributed), 1.0 / level, "quasi_poisson", (SALES_FEW, MONOTONE)),
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
    known = np.isfinite(profit)
    grade, value = grades[known].astype(np.int64), profit[known]
    count = np.bincount(grade, minlength=5)
    means = np.bincount(grade, weights=value, minlength=5) / np.maximum(count, 1)
    seen = count >= 10
    if seen.sum() >= 3:
        rising = pool_adjacent_violators(means[seen], count[seen].astype(np.float64))
        gains = np.interp(np.arange(5), np.flatnonzero(seen), rising)
        gains = gains - gains.min()
        if gains.max() > 0:
            return tuple((gains / gains.mean()).tolist())
    return (0.0, 0.0, 1.0, 2.0, 2.5)


def _expected_value(data: TrainingData, heads: Mapping[str, FittedHead]) -> FittedForm:
    used = {name: heads[name] for name in ("accept", "deliver", "lift", "attributed")}
    lift, lift_se, attributed = lift_labels(data)
    plain, plain_se = _plain_lifts(data)
    calibration = {
        "accept": _probability(data, "accept", used["accept"], "accepted", data.reply_known),
        "deliver": _probability(
            data, "deliver", used["deliver"], "delivered", data.outcome_known & (data.column("accepted") == 1.0)
        ),
        "lift": _money(data, "lift", used["lift"], lift, lift_se, plain=plain, plain_se=plain_se),
        "attributed": _money(
            data,
            "attributed",
            used["attributed"],
            attributed,
            np.zeros(len(data)),
            plain=attributed,
            plain_se=plain_se,
        ),
    }
    return _finish("expected_value", data, used, calibration)


def _lambdarank(data: TrainingData, heads: Mapping[str, FittedHead]) -> FittedForm:
    used = {"success": heads["rank_success"], "accept": heads["accept"], "lift": heads["rank_lift"]}
    lift, lift_se, attributed = lift_labels(data)
    plain, plain_se = _plain_lifts(data)
    price = data.X[:, data.signals.index(PRICE)]
    calibration = {
        "success": _probability(data, "success", used["success"], "delivered", data.outcome_known),
        "accept": _probability(data, "accept", used["accept"], "accepted", data.reply_known),
        "lift": _money(data, "lift", used["lift"], lift, lift_se, plain=plain, plain_se=plain_se, price=price),
        "attributed": _money(
            data,
            "lift",
            used["lift"],
            attributed,
            np.zeros(len(data)),
            plain=attributed,
            plain_se=plain_se,
            price=price,
        ),
    }
    return _finish("lambdarank", data, used, calibration)


def _probability(data: TrainingData, name: str, head: FittedHead, label: str, rows: np.ndarray) -> Calibration:
    return fit_probability(
        name, head.out_of_fold[rows], label=data.column(label)[rows], campaign=data.campaign[rows], method="platt"
    )


def _plain_lifts(data: TrainingData) -> tuple[Floats, Floats]:
    """Lift before shrinkage with its standard error, USD (n,); NaN where not known, or too few are."""
    if data.lift_known.sum() < LEAST_LIFTS:
        return np.full(len(data), np.nan), np.full(len(data), np.nan)
    return data.column("lift_raw_usd"), data.column("lift_raw_se_usd")


def _money(
    data: TrainingData,
    name: str,
    head: FittedHead,
    label: Floats,
    label_se: Floats,
    *,
    plain: Floats,
    plain_se: Floats,
    price: Floats | None = None,
) -> Calibration:
    """Log-linear where the mean is positive; in units of the product's price where ``price`` is given."""
    rows = np.isfinite(label)
    scale = None
    known = np.empty(0) if price is None else price[rows & (price > 0)]
    if known.size:
        low, middle, high = np.quantile(known, [0.02, 0.5, 0.98]).tolist()
        scale = Scale(PRICE, low, high, middle)
    method: MoneyMethod = "log_linear" if label[rows].mean() > 0 else "linear"
    return fit_money(
        name,
        head.out_of_fold[rows],
        label=label[rows],
        label_se=label_se[rows],
        method=method,
        scale=scale,
        scale_values=price[rows] if scale is not None and price is not None else None,
        campaign=data.campaign[rows],
        plain=plain[rows],
        plain_se=plain_se[rows],
        noise_share=LABEL_NOISE,
    )


def _finish(
    form: Form, data: TrainingData, heads: Mapping[str, FittedHead], calibration: Mapping[str, Calibration]
) -> FittedForm:
    used = {one.head for one in calibration.values()}
    bundle = Bundle(
        form=form,
        signals=data.signals,
        heads={name: head.booster for name, head in heads.items() if name in used},
        calibration=calibration,
        as_of=f"{data.as_of:%Y-%m-%d}",
        words=words_of(SIGNALS.values()),
        contract_sha256=signals_sha256(SIGNALS.values()),
        golden=data.X[:: max(1, len(data) // 16)][:16],
    )
    raw = {name: head.out_of_fold for name, head in heads.items()}
    out_of_fold = from_raw(bundle, raw, factors(bundle, data.X), data.economics)
    validation, shares = validation_share(data, out_of_fold.utility)
    return FittedForm(bundle, heads, out_of_fold, validation, shares)


def validation_share(data: TrainingData, utility: Floats) -> tuple[float, Floats]:
    """`FittedForm.validation` and `FittedForm.validation_shares` of the out-of-fold ``utility``, float64 (n,)."""
    profit = data.realised_profit()
    rows = np.isfinite(profit)
    if not rows.any():
        return 0.0, np.zeros(0)
    campaigns, creators = (data.rows[name].to_numpy()[rows] for name in ("campaign_id", "creator_id"))
    gains = gains_at_k(Groups.of(campaigns, creators), utility[rows], profit[rows], k=VALIDATION_DEPTH)
    return gains.pooled_share if np.isfinite(gains.pooled_share) else 0.0, gains.share
