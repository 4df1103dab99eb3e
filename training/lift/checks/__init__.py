"""What can speak against an estimated lift: placebo, lead, aftermath, siblings, synthetic controls, sensitivity."""

from __future__ import annotations

from training.lift.checks.confounding import Sensitivity, expected_in_windows, sensitivity
from training.lift.checks.imputation import AFTER_DAYS, AFTER_SHIFTS, Imputation, impute
from training.lift.checks.placebo import LEAD, SHIFTS, Placebo, placebo_tests
from training.lift.checks.siblings import SiblingCheck, sibling_check
from training.lift.checks.synthetic_did import SyntheticCheck, synthetic_check

__all__ = [
    "AFTER_DAYS",
    "AFTER_SHIFTS",
    "LEAD",
    "SHIFTS",
    "Imputation",
    "Placebo",
    "Sensitivity",
    "SiblingCheck",
    "SyntheticCheck",
    "expected_in_windows",
    "impute",
    "placebo_tests",
    "sensitivity",
    "sibling_check",
    "synthetic_check",
]
