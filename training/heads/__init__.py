"""Heads: the LightGBM models, their hyperparameters, feature sets and targets, and the rankers made of them."""

from __future__ import annotations

from training.heads.booster import DETERMINISTIC, fit_booster, fit_side_by_side
from training.heads.feature_sets import FREE, MONOTONE, PLAIN_FEW, SALES_FEW
from training.heads.fit import BLOCKS, SHALLOW, FittedHead, Target, fit_head, quasi_poisson
from training.heads.hyperparameters import DEFAULT, RECIPE_CHOICES, STEP, Shape, read_shape
from training.heads.rankers import FittedForm, both_forms, fit_forms, validation_share
from training.heads.targets import EXPECTED_SALES, campaign_level, lift_grades, lift_labels, money_target, targets_of
from training.heads.validation import Measured, measure_by_block, validation_campaigns

__all__ = [
    "BLOCKS",
    "DEFAULT",
    "DETERMINISTIC",
    "EXPECTED_SALES",
    "FREE",
    "MONOTONE",
    "PLAIN_FEW",
    "RECIPE_CHOICES",
    "SALES_FEW",
    "SHALLOW",
    "STEP",
    "FittedForm",
    "FittedHead",
    "Measured",
    "Shape",
    "Target",
    "both_forms",
    "campaign_level",
    "fit_booster",
    "fit_forms",
    "fit_head",
    "fit_side_by_side",
    "lift_grades",
    "lift_labels",
    "measure_by_block",
    "money_target",
    "quasi_poisson",
    "read_shape",
    "targets_of",
    "validation_campaigns",
    "validation_share",
]
