"""The two rankers of the model, fitted on the same rows.

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

Half of what says how high the money stands are the estimates before shrinkage:
shrinkage draws every lift towards a share of its attributed sales, and where
nothing lifts anything that share alone would pass for lift. Each estimate weighs
by its own precision, so that one runaway success does not raise everybody.
Attributed sales are exact and have no prior: half of their curve is fitted with
the same weights, so that they are drawn together like lift, and half keeps their
plain mean.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.signals import SIGNALS
from marketplace.arrays import Floats
from models.bundle import Bundle, RankerName, signals_sha256, words_of
from models.calibration import Calibration, Scale, fit_money, fit_probability
from models.predict import Predictions, factors, from_raw
from training.data import TrainingData
from training.heads.fit import FittedHead, fit_head
from training.heads.hyperparameters import DEFAULT, Hyperparameters
from training.heads.targets import LEAST_LIFTS, lift_labels, targets_of
from training.stats import Groups, campaign_mean, gains_at_k, paired_randomisation_test

__all__ = ["FittedRanker", "both_rankers", "fit_rankers", "validation_share"]

PRICE = "brief_price_brief"
"""The signal in whose units a ranking head's money is told."""

LABEL_NOISE = 0.4
"""Share of a shrunk lift's standard error that counts as noise on top of the truth when its spread is read: shrinkage
has already taken out a part, and added what it drew in. Chosen so that 80 and 90 % intervals hold about as many
realised lifts on simulated marketplaces (.80 and .94 on seeds 11 to 13)."""

PREFERENCE = 0.01
"""One-sided p below which ``lambdarank`` is preferred. Validation sees the invited alone; among all the eligible, whom
no label speaks of, the pointwise ranker goes on where the ranking one is flat, so the evidence must be strong."""

VALIDATION_DEPTH = 10
"""How many invited creators a campaign's validation picks."""


@dataclass(frozen=True)
class FittedRanker:
    """One fitted ranker.

    Attributes
    ----------
    bundle : Bundle
        Ready to be saved; run and version are filled in on registering.
    heads : mapping of head to FittedHead
    out_of_fold : Predictions
        For every row of the data, each by boosters that did not see its campaign.
    validation : float
        Share of the best possible estimated profit above chance that the out-of-fold utility captures among
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
        """``lambdarank`` or ``expected_value``."""
        return self.bundle.ranker


def fit_rankers(data: TrainingData, *, seed: int, hyperparameters: Hyperparameters = DEFAULT) -> list[FittedRanker]:
    """Fit both rankers; the one to be preferred comes last (see `both_rankers`).

    Raises
    ------
    TrainingError
        Too little to fit a head on.
    """
    return both_rankers(data, {target.name: fit_head(target, data, seed=seed, hyperparameters=hyperparameters)
                             for target in targets_of(data)})  # fmt: skip


def both_rankers(data: TrainingData, heads: Mapping[str, FittedHead]) -> list[FittedRanker]:
    """Both rankers of fitted heads, by `Target.name`; the one to be preferred comes last.

    That is ``expected_value``, unless ``lambdarank`` validates better by more than chance (paired
    randomisation test over the training campaigns, one-sided p < `PREFERENCE`): on few campaigns the
    difference is mostly noise, and the pointwise ranker is the better calibrated.
    """
    pointwise, ranked = _expected_value(data, heads), _lambdarank(data, heads)
    test = paired_randomisation_test(ranked.validation_shares, pointwise.validation_shares)
    better = ranked.validation > pointwise.validation and test.difference > 0 and test.p / 2 < PREFERENCE
    return [pointwise, ranked] if better else [ranked, pointwise]


def _expected_value(data: TrainingData, heads: Mapping[str, FittedHead]) -> FittedRanker:
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
            data, "attributed", used["attributed"], attributed, np.zeros(len(data)), plain=attributed, plain_se=plain_se
        ),
    }
    return _finish("expected_value", data, used, calibration)


def _lambdarank(data: TrainingData, heads: Mapping[str, FittedHead]) -> FittedRanker:
    used = {"success": heads["rank_success"], "accept": heads["accept"], "lift": heads["rank_lift"]}
    lift, lift_se, attributed = lift_labels(data)
    plain, plain_se = _plain_lifts(data)
    lift_head = dataclasses.replace(used["lift"], scale=_price_scale(data, lift))
    sold_head = dataclasses.replace(used["lift"], scale=_price_scale(data, attributed))
    calibration = {
        "success": _probability(data, "success", used["success"], "delivered", data.outcome_known),
        "accept": _probability(data, "accept", used["accept"], "accepted", data.reply_known),
        "lift": _money(data, "lift", lift_head, lift, lift_se, plain=plain, plain_se=plain_se),
        "attributed": _money(
            data, "lift", sold_head, attributed, np.zeros(len(data)), plain=attributed, plain_se=plain_se
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


def _price_scale(data: TrainingData, label: Floats) -> Scale | None:
    """`PRICE` within what was seen where ``label`` (n,) is known; None where no price was."""
    price = data.X[:, data.signals.index(PRICE)]
    known = price[np.isfinite(label) & (price > 0)]
    if not known.size:
        return None
    low, middle, high = np.quantile(known, [0.02, 0.5, 0.98]).tolist()
    return Scale(PRICE, low, high, middle)


def _money(
    data: TrainingData, name: str, head: FittedHead, label: Floats, label_se: Floats, *, plain: Floats, plain_se: Floats
) -> Calibration:
    """Log-linear where the mean is positive, else a line; in units of the head's scale where it has one."""
    rows = np.isfinite(label)
    scale = head.scale
    return fit_money(
        name,
        head.out_of_fold[rows],
        label=label[rows],
        label_se=label_se[rows],
        method="log_linear",
        scale=scale,
        scale_values=None if scale is None else data.X[rows, data.signals.index(scale.signal)],
        campaign=data.campaign[rows],
        plain=plain[rows],
        plain_se=plain_se[rows],
        noise_share=LABEL_NOISE,
    )


def _finish(
    ranker: RankerName, data: TrainingData, heads: Mapping[str, FittedHead], calibration: Mapping[str, Calibration]
) -> FittedRanker:
    used = {one.head for one in calibration.values()}
    bundle = Bundle(
        ranker=ranker,
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
    return FittedRanker(bundle, heads, out_of_fold, validation, shares)


def validation_share(data: TrainingData, utility: Floats) -> tuple[float, Floats]:
    """`FittedRanker.validation` and `FittedRanker.validation_shares` of the out-of-fold ``utility``, float64 (n,)."""
    profit = data.realised_profit()
    rows = np.isfinite(profit)
    if not rows.any():
        return 0.0, np.zeros(0)
    campaigns, creators = (data.rows[name].to_numpy()[rows] for name in ("campaign_id", "creator_id"))
    shares = gains_at_k(Groups.of(campaigns, creators), utility[rows], profit[rows], k=VALIDATION_DEPTH).share
    return float(np.nan_to_num(campaign_mean(shares))), shares
