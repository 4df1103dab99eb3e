"""What can speak against an estimated lift: placebo, lead, siblings, synthetic controls, sensitivity."""

from __future__ import annotations

from training.lift.checks.confounding import Sensitivity, expected_in_windows, sensitivity
from training.lift.checks.placebo import LEAD, SHIFTS, Placebo, placebo_tests
from training.lift.checks.siblings import SiblingCheck, sibling_check
from training.lift.checks.synthetic_did import SyntheticCheck, synthetic_check

__all__ = [
    "LEAD",
    "SHIFTS",
    "Placebo",
    "Sensitivity",
    "SiblingCheck",
    "SyntheticCheck",
    "expected_in_windows",
    "placebo_tests",
    "sensitivity",
    "sibling_check",
    "synthetic_check",
]
