"""Evaluation: rankers measured on held-out campaigns, against simple sorts, truth and one another."""

from __future__ import annotations

from training.evaluation.baselines import BASELINES, baseline_scores
from training.evaluation.ceiling import fit_ceiling
from training.evaluation.comparison import Comparison, compare_rankers
from training.evaluation.distributions import reference_of
from training.evaluation.evaluate import Evaluation, evaluate_marketplace
from training.evaluation.figures import save_figures
from training.evaluation.first import first_lifts
from training.evaluation.held_out import HeldOut, gather_held_out, has_truth
from training.evaluation.report import comparison_text, print_comparison, print_evaluation

__all__ = [
    "BASELINES",
    "Comparison",
    "Evaluation",
    "HeldOut",
    "baseline_scores",
    "compare_rankers",
    "comparison_text",
    "evaluate_marketplace",
    "first_lifts",
    "fit_ceiling",
    "gather_held_out",
    "has_truth",
    "print_comparison",
    "print_evaluation",
    "reference_of",
    "save_figures",
]
