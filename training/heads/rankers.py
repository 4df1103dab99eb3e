"""The rankers of the model, fitted on the same rows: `RANKERS` declares them, and another one is an entry there.

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
and persuasion multiply as sales do, and negative lift estimates keep their say;
they multiply what the creator's next video is expected to sell
(`training.heads.targets`).

Ranking heads order the creators of one campaign and say nothing of money, so
the ranker ``lambdarank`` takes acceptance from the pointwise head and reads both
lift and attributed sales from the lift head, in units of the product's price:
two sums of money that are set against each other must be drawn together to the
same degree, or the surest sellers are punished for their commission. All
calibration is fitted on out-of-fold scores.

What ``expected_value`` says of lift and attributed sales is more than one head's (`training.heads.mixture`), and its
candidates are put in order by a last stage, ``lambdarank`` from the utility on (`training.heads.stage`).

Half of what says how high the money stands are the estimates before shrinkage:
shrinkage draws every lift towards a share of its attributed sales, and where
nothing lifts anything that share alone would pass for lift. Each estimate weighs
by its own precision, so that one runaway success does not raise everybody.
Attributed sales are exact and have no prior: half of their curve is fitted with
the same weights, so that they are drawn together like lift, and half keeps their
plain mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from features.signals import SIGNALS
from marketplace.arrays import Floats
from marketplace.progress import say
from models.bundle import Bundle, signals_sha256, words_of
from models.calibration import Calibration, Counted, Scale, fit_money, fit_probability
from models.funnel import APART, CHAINED, Expression
from models.predict import Predictions, factors, from_raw
from training.data import TrainingData
from training.heads.fit import FittedHead, fit_head
from training.heads.hyperparameters import DEFAULT, Hyperparameters
from training.heads.linear import term_of
from training.heads.mixture import Mixture, mixed_money
from training.heads.quantities import Quantity
from training.heads.stage import fit_stage
from training.heads.targets import QUANTITIES, targets_of
from training.stats import Groups, campaign_mean, gains_at_k, paired_randomisation_test

__all__ = ["RANKERS", "FittedRanker", "Ranker", "fit_rankers", "rankers_from", "validation_share"]

PRICE = "brief_price_brief"
"""The signal in whose units a ranking head's money is told."""

PREFERENCE = 0.01
"""One-sided p below which a ranker is preferred to the pointwise one. Validation sees the invited alone; among all the
eligible, whom no label speaks of, the pointwise ranker goes on where a ranking one is flat, so the evidence must be
strong."""

VALIDATION_DEPTH = 10
"""How many invited creators a campaign's validation picks."""


@dataclass(frozen=True)
class Ranker:
    """How a ranker is made of heads. A bundle carries all of it: serving knows no ranker by its name.

    Attributes
    ----------
    name : str
    reads : mapping of quantity to head
        Of `training.heads.targets.QUANTITIES` to `training.heads.targets.HEADS`: which probability is calibrated from
        which head's scores.
    funnel : mapping
        How the chances come of the calibrated probabilities: `models.funnel.CHAINED`, `models.funnel.APART`, or
        expressions of their vocabulary.
    money : function of the training data and the fitted heads
        What ``lift`` and ``attributed``, and whatever other money it tells, are made of.
    staged : bool
        Whether a last stage puts its candidates in order (`training.heads.stage`), where that validates no worse.
    """

    name: str
    reads: Mapping[str, str]
    funnel: Mapping[str, Expression]
    money: Callable[[TrainingData, Mapping[str, FittedHead]], Mapping[str, Mixture]]
    staged: bool = False


def _priced_money(data: TrainingData, heads: Mapping[str, FittedHead]) -> dict[str, Mixture]:
    """Both from ``rank_lift``, which does not know how much money is at stake, in units of the product's price."""
    found = {}
    for name in ("lift", "attributed"):
        term = term_of(data, PRICE, log=True)
        scale = None if term is None else Scale((term,))
        factor = np.ones(len(data)) if scale is None else scale.of(data.X, data.signals)
        found[name] = Mixture({"rank_lift": 1.0}, scale, heads["rank_lift"].out_of_fold, factor)
    return found


RANKERS: Mapping[str, Ranker] = MappingProxyType(
    {
        one.name: one
        for one in (
            Ranker(
                "expected_value",
                {"accept": "accept", "deliver": "deliver"},
                CHAINED,
                mixed_money,
                staged=True,
            ),
            Ranker(
                "lambdarank",
                {"success": "rank_success", "accept": "accept"},
                APART,
                _priced_money,
            ),
        )
    }
)
"""Every ranker by name; the first is preferred unless another shows that it is better."""


@dataclass(frozen=True)
class FittedRanker:
    """One fitted ranker.

    Attributes
    ----------
    bundle : Bundle
        Ready to be saved; run and version are filled in on registering.
    heads : mapping of str to FittedHead
        By their names in the bundle.
    out_of_fold : Predictions
        For every row of the data, each by boosters that did not see its campaign.
    validation : float
        Share of the best possible estimated profit above chance that the out-of-fold order captures among
        the invited, `VALIDATION_DEPTH` a campaign: 0 = random, 1 = best; mean over campaigns.
    validation_shares : float64 (campaigns,)
        The same, campaign by campaign.
    """

    bundle: Bundle
    heads: Mapping[str, FittedHead]
    out_of_fold: Predictions
    validation: float
    validation_shares: Floats

    @property
    def name(self) -> str:
        """One of `RANKERS`."""
        return self.bundle.ranker


def fit_rankers(data: TrainingData, *, seed: int, hyperparameters: Hyperparameters = DEFAULT) -> list[FittedRanker]:
    """Fit the heads and all `RANKERS` of them; the one to be preferred comes last (see `rankers_from`).

    Raises
    ------
    TrainingError
        Too little to fit a head on.
    """
    heads = {
        target.name: fit_head(target, data, seed=seed, hyperparameters=hyperparameters) for target in targets_of(data)
    }
    for name, head in heads.items():
        if not head.converged:
            say(f"head {name} has not converged: {head.rounds} trees are the most allowed and have the least "
                "out-of-fold loss; a higher max_rounds may do better")  # fmt: skip
    return rankers_from(data, heads, seed=seed, hyperparameters=hyperparameters)


def rankers_from(
    data: TrainingData, heads: Mapping[str, FittedHead], *, seed: int = 7, hyperparameters: Hyperparameters = DEFAULT
) -> list[FittedRanker]:
    """All `RANKERS` of fitted heads, by `Target.name`; the one to be preferred comes last.

    That is the first of `RANKERS`, unless another validates better by more than chance (paired randomisation test
    over the training campaigns, one-sided p < `PREFERENCE`; the best of those that do): on few campaigns the
    difference is mostly noise, and the pointwise ranker is the better calibrated.
    """
    first, *others = (
        _staged(one, data, seed=seed, hyperparameters=hyperparameters) if ranker.staged else one
        for ranker in RANKERS.values()
        for one in (_fitted(ranker, data, heads),)
    )
    better = [one for one in others if _better(one, first)]
    preferred = max(better, key=lambda one: one.validation) if better else first
    return [*(one for one in (first, *others) if one is not preferred), preferred]


def _better(one: FittedRanker, than: FittedRanker) -> bool:
    test = paired_randomisation_test(one.validation_shares, than.validation_shares)
    return one.validation > than.validation and test.difference > 0 and test.p / 2 < PREFERENCE


def _fitted(ranker: Ranker, data: TrainingData, heads: Mapping[str, FittedHead]) -> FittedRanker:
    money = ranker.money(data, heads)
    read = tuple(
        dict.fromkeys((*ranker.reads.values(), *(name for mixture in money.values() for name in mixture.heads)))
    )
    # In a bundle a head goes by its quantity, unless two heads of one quantity are read.
    quantities = [heads[name].quantity for name in read]
    stored = {name: one if quantities.count(one) == 1 else name for name, one in zip(read, quantities, strict=True)}
    used = {stored[name]: heads[name] for name in read}
    calibration = {
        name: _chance(QUANTITIES[name], stored[head], heads[head], data) for name, head in ranker.reads.items()
    }
    calibration |= _moneys(money, stored, data)
    bundle = Bundle(
        ranker=ranker.name,
        signals=data.signals,
        heads={name: head.booster for name, head in used.items()},
        calibration=calibration,
        funnel=ranker.funnel,
        as_of=f"{data.as_of:%Y-%m-%d}",
        words=words_of(SIGNALS.values()),
        head_words={name: QUANTITIES[head.quantity].words for name, head in used.items()},
        contract_sha256=signals_sha256(SIGNALS.values()),
        golden=data.X[:: max(1, len(data) // 16)][:16],
    )
    raw = {name: head.out_of_fold for name, head in used.items()}
    out_of_fold = from_raw(bundle, raw, factors(bundle, data.X), data.economics)
    return FittedRanker(bundle, used, out_of_fold, *validation_share(data, out_of_fold.order))


def _staged(ranker: FittedRanker, data: TrainingData, *, seed: int, hyperparameters: Hyperparameters) -> FittedRanker:
    """``ranker`` with a last stage; without, where there is none to fit or the order validates worse by it."""
    found = fit_stage(data, ranker.out_of_fold.utility, seed=seed, hyperparameters=hyperparameters)
    if found is None:
        return ranker
    stage, head = found
    out_of_fold = replace(ranker.out_of_fold, order=stage.order(ranker.out_of_fold.utility, head.out_of_fold))
    validation, shares = validation_share(data, out_of_fold.order)
    if validation < ranker.validation:
        return ranker
    bundle = replace(
        ranker.bundle,
        stage=stage,
        heads={**ranker.bundle.heads, stage.head: head.booster},
        head_words={**ranker.bundle.head_words, stage.head: "the place among the candidates"},
    )
    head = replace(head, loss=-validation, constant_loss=-ranker.validation)
    return FittedRanker(bundle, {**ranker.heads, stage.head: head}, out_of_fold, validation, shares)


def _chance(quantity: Quantity, stored: str, head: FittedHead, data: TrainingData) -> Calibration:
    """A probability by Platt's line."""
    label = quantity.label(data)
    rows = np.isfinite(label)
    return fit_probability(stored, head.out_of_fold[rows], label=label[rows], campaign=data.campaign[rows])


def _moneys(money: Mapping[str, Mixture], stored: Mapping[str, str], data: TrainingData) -> dict[str, Calibration]:
    """All money. What is a part of exact sums comes after them, and is told how they scatter, sale by sale."""
    found: dict[str, Calibration] = {}
    for name in sorted(money, key=lambda one: bool(QUANTITIES[one].part_of)):
        whole = QUANTITIES[name].part_of
        counted = _counted(QUANTITIES[whole], money[whole], found[whole], data) if whole in found else None
        found[name] = _money(QUANTITIES[name], money[name], stored, data, counted=counted)
    return {name: found[name] for name in money}


def _counted(quantity: Quantity, mixture: Mixture, calibration: Calibration, data: TrainingData) -> Counted | None:
    """The exact sums of ``quantity`` with what is told of them; None where no price says how many sales they are."""
    if PRICE not in data.signals:
        return None
    return Counted(
        total=data.column(quantity.column),
        foretold=calibration.value(mixture.score, mixture.factor),
        each=data.X[:, data.signals.index(PRICE)],
    )


def _money(
    quantity: Quantity,
    mixture: Mixture,
    stored: Mapping[str, str],
    data: TrainingData,
    *,
    counted: Counted | None = None,
) -> Calibration:
    """Money log-linear where its mean is positive, else by a line, in units of a scale where it has one."""
    assert quantity.money is not None  # what a ranker mixes is money
    told = quantity.money(data)
    rows = np.isfinite(told.label)
    return fit_money(
        {stored[name]: weight for name, weight in mixture.heads.items()},
        mixture.score[rows],
        label=told.label[rows],
        label_se=told.se[rows],
        scale=mixture.scale,
        factor=None if mixture.scale is None else mixture.factor[rows],
        campaign=data.campaign[rows],
        plain=told.plain[rows],
        plain_se=told.plain_se[rows],
        slope=1.0 if mixture.whole else None,
        counted=counted.take(rows) if counted is not None and told.se[rows].any() else None,
    )


def validation_share(data: TrainingData, utility: Floats) -> tuple[float, Floats]:
    """`FittedRanker.validation` and `FittedRanker.validation_shares` of the out-of-fold ``utility``, float64 (n,)."""
    profit = data.realised_profit()
    rows = np.isfinite(profit)
    if not rows.any():
        return 0.0, np.zeros(0)
    campaigns, creators = (data.rows[name].to_numpy()[rows] for name in ("campaign_id", "creator_id"))
    shares = gains_at_k(Groups.of(campaigns, creators), utility[rows], profit[rows], k=VALIDATION_DEPTH).share
    return float(np.nan_to_num(campaign_mean(shares))), shares
