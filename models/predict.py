"""What inviting each candidate is expected to bring, with 80 and 90 % intervals.

Exactly LightGBM's own raw scores, then the calibration, then the utility's
arithmetic. One brief for many creators or a brief a row: the same code.

Utility's interval is the delta method's, errors of the calibrated quantities
taken as independent::

    Var U = sum_q (worth dP(success)/dq - sample dP(accept)/dq)^2 Var q
            + P(success)^2 (margin^2 Var lift + commission^2 Var attributed)

over the probabilities ``q`` of which the bundle's funnel is made
(`models.funnel`), with lift's own points (10 and 90 %, or 5 and 95 %) in place of
+-1.28 or +-1.64 for the sales' part. Lift and attributed sales rise together while one earns and the other
costs, so leaving out their covariance widens the interval rather than
narrowing it. It is the range of the profit as rates and the lift of a delivered
partnership vary, weighed by the chance of delivery; it is not that of one
invitation's lottery of being accepted at all. Lift's variance is that of the
lift as it came (`models.calibration.intervals`), so the *expected* profit lies in it more
often than 80 %.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import numpy as np

from marketplace.arrays import Floats, Many
from marketplace.errors import BundleError
from models.calibration import LEVELS, Calibration
from models.economics import Economics, Terms
from models.funnel import STEPS, Expression, evaluate, names_in, slope
from models.scoring import plain_scorer, worth_compiling
from models.stage import Stage

__all__ = [
    "MONEY",
    "FittedModel",
    "Predictions",
    "factors",
    "from_raw",
    "funnel",
    "money",
    "order_of",
    "predict",
    "probabilities",
    "raw_scores",
    "thread_count",
]


MONEY = ("lift", "attributed")
"""The sums of money that every model tells, USD given delivery: what `models.economics` reads beside the funnel."""


class FittedModel(Protocol):
    """What predicting takes of a model: `models.bundle.model.Bundle` has it, and whatever else has these five."""

    @property
    def funnel(self) -> Mapping[str, Expression]: ...
    @property
    def signals(self) -> tuple[str, ...]: ...
    @property
    def heads(self) -> Mapping[str, Any]: ...
    @property
    def calibration(self) -> Mapping[str, Calibration]: ...
    @property
    def stage(self) -> Stage | None: ...


@dataclass(frozen=True)
class Predictions:
    """What is expected of each candidate; every field but the last is float64 (n,).

    ``accept`` P(accept), ``deliver`` P(deliver | accept), ``success_probability`` their product; ``lift`` and
    ``attributed`` net sales in USD given delivery; ``utility`` expected incremental profit of inviting, USD.
    ``*_low`` and ``*_high`` are the ends of 80 % intervals, ``*_low_90`` and ``*_high_90`` those of 90 % ones.
    ``order`` what candidates are put in order by, USD: the utility, moved by the last stage where there is one
    (`models.stage`). ``others``: quantities that the bundle tells beside these, by name.
    """

    accept: Floats
    deliver: Floats
    success_probability: Floats
    lift: Floats
    lift_low: Floats
    lift_high: Floats
    attributed: Floats
    utility: Floats
    utility_low: Floats
    utility_high: Floats
    lift_low_90: Floats
    lift_high_90: Floats
    utility_low_90: Floats
    utility_high_90: Floats
    order: Floats
    others: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.utility)

    def take(self, rows: object) -> Predictions:
        """The predictions of some rows: an index, a mask or a slice of (n,)."""
        others = {name: values[rows] for name, values in self.others.items()}  # type: ignore[call-overload]
        own = {name: values[rows] for name, values in self.columns().items() if name not in others}  # type: ignore[call-overload]
        return Predictions(**own, others=others)

    def rows(self) -> list[dict[str, float]]:
        """Every row's numbers by name."""
        columns = self.columns()
        each = zip(*(values.tolist() for values in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in each]

    def columns(self) -> dict[str, Floats]:
        """Everything by name, each (n,): the fields, then the others."""
        own = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "others"}
        return own | dict(self.others)


def thread_count() -> int:
    """Threads for scoring: OMP_NUM_THREADS where it is set, else the processors this process may use."""
    # Rows are scored apart, so their number changes the time and no bit of the result.
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) > 0 else len(os.sched_getaffinity(0))


def _matrix(bundle: FittedModel, X: Many) -> Floats:
    matrix = np.ascontiguousarray(X, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != len(bundle.signals):
        raise BundleError(
            f"a matrix of shape (n, {len(bundle.signals)}), columns as bundle.signals",
            received=f"shape {matrix.shape}",
            look="features.signals.build.build_matrix, or the snapshot's matrix",
        )
    return matrix


def raw_scores(bundle: FittedModel, X: Many) -> dict[str, Floats]:
    """Each head's raw score of each row, (n,): the sum of its leaves, bit for bit what LightGBM returns.

    Raises
    ------
    BundleError
        ``X`` has not the bundle's signals as columns.
    """
    matrix = _matrix(bundle, X)
    if not len(matrix):
        return {name: np.empty(0) for name in bundle.heads}
    threads = thread_count()
    scorer = plain_scorer(bundle.heads) if worth_compiling(len(matrix), bundle.heads) else None
    if scorer is not None:
        return scorer.of_matrix(matrix, threads=threads)
    return {
        name: np.asarray(booster.predict(matrix, raw_score=True, num_threads=threads), dtype=np.float64)
        for name, booster in bundle.heads.items()
    }


def predict(bundle: FittedModel, X: Many, briefs: Terms | Economics, *, applied: bool = False) -> Predictions:
    """Predict for every row of ``X``.

    Parameters
    ----------
    bundle : FittedModel
    X : float64 (n, n_signals)
        Columns as ``bundle.signals``; NaN where not known.
    briefs : Brief or Economics
        One brief for all rows, or `Economics.of_many` with arrays (n,).
    applied : bool
        Whether the rows have asked for the sample themselves: then P(accept) is 1 and the order is the expected profit
        of approving, which the last stage, fitted on invitations, does not move.

    Raises
    ------
    BundleError
        ``X`` has not the bundle's signals as columns.
    BriefError
        Terms that are no money.
    """
    matrix = _matrix(bundle, X)
    economics = briefs if isinstance(briefs, Economics) else Economics.of(briefs)
    return from_raw(bundle, raw_scores(bundle, matrix), factors(bundle, matrix), economics, applied=applied)


def factors(bundle: FittedModel, matrix: Floats) -> dict[str, Floats]:
    """The scaling factor of each scaled quantity, (n,)."""
    return {
        quantity: calibration.scale.of(matrix, bundle.signals)
        for quantity, calibration in bundle.calibration.items()
        if calibration.scale is not None
    }


def probabilities(bundle: FittedModel, raw: Mapping[str, Floats], factor: Mapping[str, Floats]) -> dict[str, Floats]:
    """The calibrated probabilities that the funnel is made of, by name, each (n,)."""
    names = dict.fromkeys(name for step in bundle.funnel.values() for name in names_in(step))
    read = {name: bundle.calibration[name] for name in names}
    return {name: one.value(one.score(raw), factor.get(name, 1.0)) for name, one in read.items()}


def funnel(
    bundle: FittedModel, raw: Mapping[str, Floats], factor: Mapping[str, Floats]
) -> tuple[Floats, Floats, Floats]:
    """P(accept), P(deliver | accept) and their product."""
    value = probabilities(bundle, raw, factor)
    accept, deliver, success = (evaluate(bundle.funnel[step], value) for step in STEPS)
    return accept, deliver, success


def money(bundle: FittedModel, raw: dict[str, Floats], factor: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Lift and attributed net sales given delivery, USD."""
    lift, attributed = (
        bundle.calibration[name].value(bundle.calibration[name].score(raw), factor.get(name, 1.0)) for name in MONEY
    )
    return lift, attributed


def order_of(
    bundle: FittedModel,
    raw: dict[str, Floats],
    factor: dict[str, Floats],
    economics: Economics,
    *,
    applied: bool = False,
) -> Floats:
    """`Predictions.order` alone, of what `from_raw` takes: (n,), USD."""
    accept, deliver, success = funnel(bundle, raw, factor)
    if applied:
        accept, success = np.ones_like(deliver), deliver
    utility = economics.utility(accept, success, *money(bundle, raw, factor))
    return utility if bundle.stage is None or applied else bundle.stage.order(utility, raw[bundle.stage.head])


def from_raw(
    bundle: FittedModel,
    raw: dict[str, Floats],
    factor: dict[str, Floats],
    economics: Economics,
    *,
    applied: bool = False,
) -> Predictions:
    """Predictions from raw scores (`raw_scores`) and scaling factors (`factors`); ``applied`` as for `predict`."""
    chances = probabilities(bundle, raw, factor)
    accept, deliver, success = (evaluate(bundle.funnel[step], chances) for step in STEPS)
    if applied:
        accept, success = np.ones_like(deliver), deliver
    lift, attributed = money(bundle, raw, factor)
    read = bundle.calibration
    variance = {
        name: calibration.variance(calibration.score(raw), factor.get(name, 1.0)) for name, calibration in read.items()
    }
    worth = economics.worth(lift, attributed)
    utility = economics.utility(accept, success, lift, attributed)
    rates: Floats | float = 0.0
    for name in chances:
        gain = slope(bundle.funnel["deliver" if applied else "success"], chances, name)
        cost = 0.0 if applied else slope(bundle.funnel["accept"], chances, name)
        rates = rates + (gain * worth - cost * economics.sample_cost_usd) ** 2 * variance[name]
    owed = np.square(economics.commission_rate) * variance["attributed"]
    lift_ends: list[Floats] = []
    utility_ends: list[Floats] = []
    for level, z in LEVELS.items():
        low, high = read["lift"].interval(read["lift"].score(raw), factor.get("lift", 1.0), level=level)
        lift_ends += [low, high]
        for sign, far in ((-1.0, lift - low), (1.0, high - lift)):
            sales = np.square(success) * (np.square(economics.margin_rate * far) + z**2 * owed)
            utility_ends.append(utility + sign * np.sqrt(z**2 * rates + sales))
    return Predictions(
        accept=accept,
        deliver=deliver,
        success_probability=success,
        lift=lift,
        lift_low=lift_ends[0],
        lift_high=lift_ends[1],
        attributed=attributed,
        utility=utility,
        utility_low=utility_ends[0],
        utility_high=utility_ends[1],
        lift_low_90=lift_ends[2],
        lift_high_90=lift_ends[3],
        utility_low_90=utility_ends[2],
        utility_high_90=utility_ends[3],
        order=utility if bundle.stage is None or applied else bundle.stage.order(utility, raw[bundle.stage.head]),
        others={
            name: calibration.value(calibration.score(raw), factor.get(name, 1.0))
            for name, calibration in read.items()
            if name not in chances and name not in MONEY
        },
    )
