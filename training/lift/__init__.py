"""Lift (uplift): what partnerships added in sales, estimated from a product's daily panel."""

from __future__ import annotations

from training.lift.empirical_bayes import Block, Prior, fit_prior
from training.lift.estimate import HYPERPRIOR, attributed_days, estimate_lift
from training.lift.evidence import TERMS, LiftEvidence
from training.lift.report import lift_report, ripe_evidence
from training.lift.run import LiftResult, measure_lift
from training.lift.sums import sum_lifts
from training.lift.text import save_lift_figures
from training.lift.threads import one_thread
from training.lift.truth import lift_truth

__all__ = [
    "HYPERPRIOR",
    "TERMS",
    "Block",
    "LiftEvidence",
    "LiftResult",
    "Prior",
    "attributed_days",
    "estimate_lift",
    "fit_prior",
    "lift_report",
    "lift_truth",
    "measure_lift",
    "one_thread",
    "ripe_evidence",
    "save_lift_figures",
    "sum_lifts",
]
