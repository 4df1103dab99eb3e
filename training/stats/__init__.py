"""Statistics: how good an ordering is (ranking metrics), and whether a difference could be chance (significance)."""

from __future__ import annotations

from training.stats.groups import group_sizes
from training.stats.metrics import (
    METRICS,
    RELEVANT_GRADE,
    Gains,
    Groups,
    Known,
    Metric,
    Ranked,
    auc_within_campaign,
    average_precision,
    calibration_table,
    expected_calibration_error,
    gains_at_k,
    metric,
    ndcg_at_k,
    sign_of,
)
from training.stats.significance import (
    LEAST_CAMPAIGNS,
    BootstrapInterval,
    PairedTest,
    campaign_mean,
    cluster_bootstrap,
    holm,
    p_text,
    paired_randomisation_test,
)

__all__ = [
    "LEAST_CAMPAIGNS",
    "METRICS",
    "RELEVANT_GRADE",
    "BootstrapInterval",
    "Gains",
    "Groups",
    "Known",
    "Metric",
    "PairedTest",
    "Ranked",
    "auc_within_campaign",
    "average_precision",
    "calibration_table",
    "campaign_mean",
    "cluster_bootstrap",
    "expected_calibration_error",
    "gains_at_k",
    "group_sizes",
    "holm",
    "metric",
    "ndcg_at_k",
    "p_text",
    "paired_randomisation_test",
    "sign_of",
]
