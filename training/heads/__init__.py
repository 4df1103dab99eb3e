"""Heads: the LightGBM models, their hyperparameters, feature sets and targets, and the rankers made of them."""

__all__: list[str] = []
