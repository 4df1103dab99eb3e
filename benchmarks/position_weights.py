"""Weights that count the rarely invited more: position debiasing, an experiment (`benchmarks.variants`).

Who was invited is what the old list chose: the outcomes it shows are mostly of
creators whom it put first. A row that had chance ``p`` of being invited speaks
for ``1 / p`` like it; the root is taken, for full weights cost more in noise
than they mend where a few rows carry most of the weight.

Source: Joachims, Swaminathan and Schnabel (2017), Unbiased learning-to-rank with biased feedback.
"""

from __future__ import annotations

import numpy as np

from marketplace.arrays import Floats
from marketplace.tables import Marketplace
from training.data import TrainingData

__all__ = ["LEAST_PROPENSITY", "position_weights", "weights_of"]

LEAST_PROPENSITY = 0.02
"""Propensities are held above this: no row weighs more than 7.1 times one that was sure to be invited."""

_KEY = ["campaign_id", "creator_id"]


def position_weights(market: Marketplace, data: TrainingData) -> Floats:
    """The weight of each row of ``data`` by the impression log as known at its cut-off, float64 (n,).

    A row takes the propensity of the policy that showed it, last where it was shown twice. Rows of a marketplace
    without impressions, not shown, or shown with a propensity that was not logged weigh 1 (see `weights_of`).
    """
    if "impressions" not in market.present:
        return np.ones(len(data))
    shown = market.frame("impressions", [*_KEY, "shown_at", "propensity", "known_at"])
    shown = shown[shown["known_at"] < data.as_of].sort_values([*_KEY, "shown_at"], kind="stable")
    shown = shown.drop_duplicates(_KEY, keep="last")
    found = data.rows[_KEY].merge(shown, on=_KEY, how="left")
    return weights_of(found["propensity"].to_numpy(dtype=np.float64))


def weights_of(propensity: Floats) -> Floats:
    """``1 / sqrt(max(propensity, LEAST_PROPENSITY))``, scaled to mean 1 over the known ones; 1 where NaN; (n,)."""
    known = np.isfinite(propensity)
    weights = np.ones(len(propensity))
    if known.any():
        raw = 1.0 / np.sqrt(np.maximum(propensity[known], LEAST_PROPENSITY))
        weights[known] = raw / raw.mean()
    return weights
