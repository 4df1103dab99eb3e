"""Heads: the LightGBM models, their hyperparameters, feature sets and targets, and the rankers made of them."""

from __future__ import annotations

from training.heads.booster import DETERMINISTIC, fit_booster, fit_side_by_side
from training.heads.feature_sets import FEW, FREE, MONOTONE, SALES_FEW
from training.heads.fit import BLOCKS, SHALLOW, FittedHead, Target, fit_head, quasi_poisson
from training.heads.hyperparameters import DEFAULT, FEATURE_SET_CHOICES, STEP, Hyperparameters, read_hyperparameters
from training.heads.rankers import FittedRanker, both_rankers, fit_rankers, validation_share
from training.heads.targets import EXPECTED_SALES, campaign_level, lift_grades, lift_labels, money_target, targets_of
from training.heads.validation import Measured, measure_by_block, validation_campaigns

__all__ = [
    "BLOCKS",
    "DEFAULT",
    "DETERMINISTIC",
    "EXPECTED_SALES",
    "FEATURE_SET_CHOICES",
    "FEW",
    "FREE",
    "MONOTONE",
    "SALES_FEW",
    "SHALLOW",
    "STEP",
    "FittedHead",
    "FittedRanker",
    "Hyperparameters",
    "Measured",
    "Target",
    "both_rankers",
    "campaign_level",
    "fit_booster",
    "fit_head",
    "fit_rankers",
    "fit_side_by_side",
    "lift_grades",
    "lift_labels",
    "measure_by_block",
    "money_target",
    "quasi_poisson",
    "read_hyperparameters",
    "targets_of",
    "validation_campaigns",
    "validation_share",
]
