"""Heads: the LightGBM models, their hyperparameters, feature sets and targets, and the rankers made of them."""

from __future__ import annotations

from training.heads.booster import DETERMINISTIC, fit_booster, fit_side_by_side
from training.heads.estimators import (
    CampaignClassifier,
    CampaignRanker,
    CampaignRegressor,
    by_campaign,
    quasi_poisson,
)
from training.heads.feature_sets import FEW, FREE, MONOTONE, SALES_FEW
from training.heads.fit import BLOCKS, SHALLOW, FittedHead, Target, fit_head
from training.heads.hyperparameters import DEFAULT, FEATURE_SET_CHOICES, STEP, Hyperparameters, read_hyperparameters
from training.heads.machines import Machines, across
from training.heads.quantities import MoneyLabels, Quantity
from training.heads.rankers import RANKERS, FittedRanker, Ranker, fit_rankers, rankers_from, validation_share
from training.heads.targets import (
    EXPECTED_SALES,
    HEADS,
    QUANTITIES,
    campaign_level,
    lift_grades,
    lift_labels,
    lift_ranking,
    lift_target,
    money_target,
    targets_of,
)
from training.heads.validation import Measured, measure_by_block, validation_campaigns

__all__ = [
    "BLOCKS",
    "DEFAULT",
    "DETERMINISTIC",
    "EXPECTED_SALES",
    "FEATURE_SET_CHOICES",
    "FEW",
    "FREE",
    "HEADS",
    "MONOTONE",
    "QUANTITIES",
    "RANKERS",
    "SALES_FEW",
    "SHALLOW",
    "STEP",
    "CampaignClassifier",
    "CampaignRanker",
    "CampaignRegressor",
    "FittedHead",
    "FittedRanker",
    "Hyperparameters",
    "Machines",
    "Measured",
    "MoneyLabels",
    "Quantity",
    "Ranker",
    "Target",
    "across",
    "by_campaign",
    "campaign_level",
    "fit_booster",
    "fit_head",
    "fit_rankers",
    "fit_side_by_side",
    "lift_grades",
    "lift_labels",
    "lift_ranking",
    "lift_target",
    "measure_by_block",
    "money_target",
    "quasi_poisson",
    "rankers_from",
    "read_hyperparameters",
    "targets_of",
    "validation_campaigns",
    "validation_share",
]
