"""Tuning: search the hyperparameters of the heads with Optuna, on training campaigns alone."""

from __future__ import annotations

from training.tuning.result import result_json, tune_text
from training.tuning.run import chosen_hyperparameters, tune, tuned_hyperparameters

__all__ = ["chosen_hyperparameters", "result_json", "tune", "tune_text", "tuned_hyperparameters"]
