"""Off-policy evaluation: what another policy would have earned, from the log of the one that ran."""

from __future__ import annotations

from training.off_policy.estimators import ESTIMATORS, Log, estimate, mixture, soft_policy, top_policy
from training.off_policy.log import PolicyData, read_policy_data
from training.off_policy.run import bundle_scores, evaluate_policy, off_policy_text

__all__ = [
    "ESTIMATORS",
    "Log",
    "PolicyData",
    "bundle_scores",
    "estimate",
    "evaluate_policy",
    "mixture",
    "off_policy_text",
    "read_policy_data",
    "soft_policy",
    "top_policy",
]
