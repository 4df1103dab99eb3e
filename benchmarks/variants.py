"""The modelling choices that `benchmarks.choices` measures: each differs from what ``train`` does in one thing.

Nothing here is offered to users: a variant that wins becomes the default in `training`, the others stay measured.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from benchmarks.marketplaces import Drawn
from benchmarks.position_weights import position_weights
from benchmarks.pseudo_outcomes import robust_label
from benchmarks.references import installed, reference_scores
from features.conversion import CONVERSION_SIGNALS
from marketplace.arrays import Floats
from models.batch import scores_of
from models.predict import Predictions
from training.data import TrainingData
from training.heads import (
    DEFAULT,
    EXPECTED_SALES,
    FREE,
    FittedHead,
    FittedRanker,
    Hyperparameters,
    Target,
    fit_head,
    lift_labels,
    lift_ranking,
    lift_target,
    rankers_from,
    targets_of,
    validation_share,
)

__all__ = ["VARIANTS", "Fits", "Order", "Variant", "available"]


def _raw_lift(data: TrainingData) -> TrainingData:
    return _labelled(data, lift_usd=data.column("lift_raw_usd"), lift_se_usd=data.column("lift_raw_se_usd"))


def _attributed(data: TrainingData) -> TrainingData:
    """Attributed sales are exact, and there is no estimate that no prior has touched."""
    sold = data.column("attributed_usd")
    exact = np.where(np.isfinite(sold), 0.0, np.nan)
    return _labelled(data, lift_usd=sold, lift_se_usd=exact, lift_raw_usd=np.nan, lift_raw_se_usd=np.nan)


def _shrunk_alone(data: TrainingData) -> TrainingData:
    return _labelled(data, lift_raw_usd=np.nan, lift_raw_se_usd=np.nan)


def _labelled(data: TrainingData, **columns: Floats | float) -> TrainingData:
    return dataclasses.replace(data, rows=data.rows.assign(**columns))


def _doubly_robust(drawn: Drawn, data: TrainingData) -> list[Target]:
    campaigns = drawn.market.frame("campaigns", ["campaign_id", "brand_id"]).drop_duplicates("campaign_id")
    brands = data.rows["campaign_id"].map(campaigns.set_index("campaign_id")["brand_id"]).to_numpy(dtype=object)
    return _taught(data, robust_label(data, brands, seed=drawn.seed))


def _lifts_alike(_: Drawn, data: TrainingData) -> list[Target]:
    lift, lift_se, _attributed_usd = lift_labels(data)
    return _taught(data, (lift, 0.0 * lift_se))


def _taught(data: TrainingData, lift: tuple[Floats, Floats]) -> list[Target]:
    """The usual targets, the lift heads taught by ``lift`` and its standard error, USD (n,)."""
    others = {"lift": lift_target(data, lift=lift), "rank_lift": lift_ranking(data, lift=lift[0])}
    return [others.get(target.name, target) for target in targets_of(data)]


def _position_debiased(drawn: Drawn, data: TrainingData) -> list[Target]:
    weights = position_weights(drawn.market, data)
    return [dataclasses.replace(target, weights=target.weights * weights) for target in targets_of(data)]


def _unconstrained(_: Drawn, data: TrainingData) -> list[Target]:
    return [dataclasses.replace(target, feature_sets=(FREE,)) for target in targets_of(data)]


def _classic_gain(_: Drawn, data: TrainingData) -> list[Target]:
    return [
        dataclasses.replace(target, gains=tuple(2.0**grade - 1.0 for grade in range(len(target.gains))))
        for target in targets_of(data)
    ]


def _trees_alone(_: Drawn, data: TrainingData) -> list[Target]:
    return [dataclasses.replace(target, scale=None) for target in targets_of(data)]


def _without_conversion(data: TrainingData) -> TrainingData:
    """Nothing is known of conversion or of what follows from it: no head splits on it, nothing is scaled by it."""
    X = data.X.copy()
    X[:, [data.signals.index(name) for name in (*CONVERSION_SIGNALS, EXPECTED_SALES)]] = np.nan
    return dataclasses.replace(data, X=X)


@dataclass(frozen=True)
class Variant:
    """One choice.

    Attributes
    ----------
    about : str
        What is done otherwise, in a line.
    hyperparameters : Hyperparameters
        Of the heads.
    labels : function of the training data, optional
        The same data with other labels or signals: heads, gains, calibration and the choice of the ranker follow them.
    targets : function of the cell and the training data, optional
        What the heads learn, in place of `training.heads.targets_of`; calibration and the choice of the ranker stay.
    order : str
        What creators are sorted by: the score of the ranker that training prefers (``preferred``) or of the ranker
        ``expected_value`` or ``lambdarank``, the mean of both (``hybrid``), the preferred ranker's order without the
        indices (``utility``), or one of `benchmarks.references`.
    against : str
        The variant that it differs from in one thing.
    """

    about: str
    hyperparameters: Hyperparameters = DEFAULT
    labels: Callable[[TrainingData], TrainingData] | None = None
    targets: Callable[[Drawn, TrainingData], list[Target]] | None = None
    order: str = "preferred"
    against: str = "default"


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "default": Variant("what train registers: the ranker that it prefers"),
        "expected_value": Variant("the pointwise ranker, whichever is preferred", order="expected_value"),
        "lambdarank": Variant("the ranking ranker, whichever is preferred", order="lambdarank"),
        "hybrid": Variant("the mean of both rankers' standings within a campaign", order="hybrid"),
        "utility_only": Variant("sorted by the model's order alone, indices without a weight", order="utility"),
        "lift_raw": Variant("lift as estimated before shrinkage", labels=_raw_lift),
        "attributed": Variant("attributed sales in place of lift, as marketplaces do", labels=_attributed),
        "shrunk_level": Variant("money's level from shrunk lift alone", labels=_shrunk_alone),
        "doubly_robust": Variant("lift heads taught by doubly robust pseudo-outcomes", targets=_doubly_robust),
        "lifts_alike": Variant("the lift head counts sure and unsure estimates alike", targets=_lifts_alike),
        "trees_alone": Variant("heads of money multiply no expected sales", targets=_trees_alone),
        "no_conversion": Variant("without the signals of conversion", labels=_without_conversion),
        "position_debiased": Variant("rows weigh 1 / sqrt(propensity)", targets=_position_debiased),
        "unconstrained": Variant("all signals, none held to a direction, in every head", targets=_unconstrained),
        "loose": Variant("each head's freest feature set", hyperparameters=Hyperparameters(feature_sets="loose")),
        "strict": Variant(
            "each head's most constrained feature set", hyperparameters=Hyperparameters(feature_sets="strict")
        ),
        "larger_trees": Variant("16 leaves, 5 deep", hyperparameters=Hyperparameters(num_leaves=16, max_depth=5)),
        "more_rounds": Variant("up to 480 trees a head", hyperparameters=Hyperparameters(max_rounds=480)),
        "classic_gain": Variant(
            "ranking heads with gains of 2^grade - 1", targets=_classic_gain, order="lambdarank", against="lambdarank"
        ),
        "one_stage_lightgbm": Variant("one lambdarank of estimated profit", order="one-stage lightgbm"),
        "one_stage_xgboost": Variant("the same by XGBoost", order="one-stage xgboost"),
        "one_stage_catboost": Variant("the same by CatBoost", order="one-stage catboost"),
    }
)
"""Every variant by name."""


def available() -> list[str]:
    """The variants that can be measured here: all but those of libraries that are not installed."""
    there = installed()
    return [name for name, one in VARIANTS.items() if not one.order.startswith("one-stage ") or one.order in there]


@dataclass(frozen=True)
class Order:
    """How one variant sorts the held-out pairs.

    Attributes
    ----------
    scores : float64 (n,)
        More is better.
    ranker : str
        The ranker that gave them; empty where it was not one.
    validation : float or None
        `training.heads.rankers.validation_share` of that ranker by the labels of ``default``, so that variants compare.
    seconds : float
        What it took, beyond what variants before it had already fitted.
    """

    scores: Floats
    ranker: str
    validation: float | None
    seconds: float


class Fits:
    """The fits of one cell; what two variants share is fitted once."""

    def __init__(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self._usual = {target.name: target for target in targets_of(drawn.data)}
        self._heads: dict[str, FittedHead] = {}
        self._rankers: dict[object, list[FittedRanker]] = {}
        self._scored: dict[int, tuple[Floats, Predictions]] = {}

    def order(self, name: str) -> Order:
        """Fit what the variant ``name`` needs, and sort.

        Raises
        ------
        TrainingError
            It cannot be fitted on this marketplace.
        """
        started = time.perf_counter()
        variant = VARIANTS[name]
        ranker: FittedRanker | None = None
        if variant.order.startswith("one-stage "):
            drawn = self._drawn
            found = reference_scores(drawn.data, drawn.matrix, seed=drawn.seed, names=[variant.order])
            scores = found[variant.order]
        elif variant.order == "hybrid":
            scores = self._hybrid(self.rankers(variant))
        else:
            rankers = self.rankers(variant)
            ranker = next((one for one in rankers if one.name == variant.order), rankers[-1])
            score, predictions = self._score(ranker)
            scores = predictions.order if variant.order == "utility" else score
        validation = None if ranker is None else validation_share(self._drawn.data, ranker.out_of_fold.order)[0]
        return Order(scores, ranker.name if ranker else "", validation, time.perf_counter() - started)

    def rankers(self, variant: Variant) -> list[FittedRanker]:
        """The rankers of a variant, the preferred one last, as `training.heads.rankers.fit_rankers` gives them."""
        key = (variant.hyperparameters, variant.labels, variant.targets)
        if key not in self._rankers:
            data = self._drawn.data if variant.labels is None else variant.labels(self._drawn.data)
            targets = targets_of(data) if variant.targets is None else variant.targets(self._drawn, data)
            self._rankers[key] = rankers_from(
                data,
                {one.name: self._head(one, data, variant.hyperparameters) for one in targets},
                seed=self._drawn.seed,
                hyperparameters=variant.hyperparameters,
            )
        return self._rankers[key]

    def _head(self, target: Target, data: TrainingData, hyperparameters: Hyperparameters) -> FittedHead:
        seed = self._drawn.seed
        if (
            hyperparameters != DEFAULT
            or data.X is not self._drawn.data.X
            or not _same(target, self._usual[target.name])
        ):
            return fit_head(target, data, seed=seed, hyperparameters=hyperparameters)
        if target.name not in self._heads:
            self._heads[target.name] = fit_head(target, data, seed=seed)
        return self._heads[target.name]

    def _score(self, ranker: FittedRanker) -> tuple[Floats, Predictions]:
        if id(ranker) not in self._scored:
            frame, predictions = self._drawn.held_out.score(ranker.bundle)
            self._scored[id(ranker)] = frame["score"].to_numpy(dtype=np.float64), predictions
        return self._scored[id(ranker)]

    def _hybrid(self, rankers: list[FittedRanker]) -> Floats:
        """The score of `models.score.combine` with the mean of both standings where one's stands."""
        held_out, bundle = self._drawn.held_out, rankers[-1].bundle

        def score(order: Floats, weights: Mapping[str, float]) -> Floats:
            campaigns = held_out.pairs["campaign_id"].to_numpy(dtype=object)
            return scores_of(campaigns, order, held_out.indices, weights=weights, index_names=bundle.index_names)

        standings = [score(self._score(ranker)[1].order, {"model": 1.0}) for ranker in rankers]
        return score(np.mean(standings, axis=0), bundle.weights)


def _same(one: Target, other: Target) -> bool:
    """Whether a head would learn the same from both, of the same data."""
    plain = ("head", "objective", "feature_sets", "gains", "scale")
    return (
        all(getattr(one, name) == getattr(other, name) for name in plain)
        and np.array_equal(one.rows, other.rows)
        and np.array_equal(one.y[one.rows], other.y[one.rows])
        and np.array_equal(one.weights[one.rows], other.weights[one.rows])
    )
