"""Tuning: search the hyperparameters of the heads with Optuna, on training campaigns alone."""

__all__: list[str] = []
