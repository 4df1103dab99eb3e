"""Lift (uplift): what partnerships added in sales, estimated from products' daily panels. The one estimator.

Labels (training.data), the report of ``collabrank lift`` (training.lift) and
the index ``sales_drive`` (features.indices) all ask here.

- `counterfactual`: what a product would have sold anyway.
- `evidence`: what its days say of its partnerships, before any prior.
- `delay`: how late what they capture is missing.
- `empirical_bayes`: the prior that all partnerships share, fitted.
- `estimate`: the lift of each partnership, as of a day.
- `ripe`: the same for those that are ripe as of a day, for the indices.
- `imputation`: what was sold beyond the imputed path, summed.
- `anchor`: the level that lifts have together, held to that sum.
- `sums`: lifts of many partnerships together, with the error that a sum deserves.
- `threads`: linear algebra on one thread.
"""

from __future__ import annotations

from features.lift.anchor import IMPUTED_WIDENING, Anchor, anchored
from features.lift.counterfactual import Baseline, Panel
from features.lift.empirical_bayes import Block, Hyperprior, Prior, fit_prior, posterior
from features.lift.estimate import HYPERPRIOR, LIFT_COLUMNS, attributed_days, estimate_lift
from features.lift.evidence import (
    LEVEL_VARIANCE,
    TERMS,
    LiftEvidence,
    days_of_posting,
    families,
    gather_evidence,
    lines_by_day,
    product_days,
    treated_days,
    within_window,
)
from features.lift.imputation import AFTER_DAYS, AFTER_SHIFTS, Imputation, contrast, contrast_variance, impute
from features.lift.ripe import RIPE_DAYS, RIPE_LIFT_COLUMNS, posted_partnerships, ripe_lifts
from features.lift.sums import SharedError, pair_lifts, sum_lifts
from features.lift.threads import one_thread

__all__ = [
    "AFTER_DAYS",
    "AFTER_SHIFTS",
    "HYPERPRIOR",
    "IMPUTED_WIDENING",
    "LEVEL_VARIANCE",
    "LIFT_COLUMNS",
    "RIPE_DAYS",
    "RIPE_LIFT_COLUMNS",
    "TERMS",
    "Anchor",
    "Baseline",
    "Block",
    "Hyperprior",
    "Imputation",
    "LiftEvidence",
    "Panel",
    "Prior",
    "SharedError",
    "anchored",
    "attributed_days",
    "contrast",
    "contrast_variance",
    "days_of_posting",
    "estimate_lift",
    "families",
    "fit_prior",
    "gather_evidence",
    "impute",
    "lines_by_day",
    "one_thread",
    "pair_lifts",
    "posted_partnerships",
    "posterior",
    "product_days",
    "ripe_lifts",
    "sum_lifts",
    "treated_days",
    "within_window",
]
