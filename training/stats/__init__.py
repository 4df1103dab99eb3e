"""Statistics: how good an ordering is (ranking metrics), and whether a difference could be chance (significance)."""

from __future__ import annotations

from training.stats.groups import group_sizes
from training.stats.metrics import (
    Gains,
    Groups,
    auc_within_campaign,
    average_precision,
    calibration_table,
    expected_calibration_error,
    gains_at_k,
    ndcg_at_k,
)
from training.stats.significance import (
    BootstrapInterval,
    PairedTest,
    cluster_bootstrap,
    holm,
    paired_randomisation_test,
)

__all__ = [
    "BootstrapInterval",
    "Gains",
    "Groups",
    "PairedTest",
    "auc_within_campaign",
    "average_precision",
    "calibration_table",
    "cluster_bootstrap",
    "expected_calibration_error",
    "gains_at_k",
    "group_sizes",
    "holm",
    "ndcg_at_k",
    "paired_randomisation_test",
]
