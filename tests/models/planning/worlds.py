"""Offers made up for the tests of planning."""

from __future__ import annotations

import numpy as np

from models.planning import Offers

__all__ = ["random_offers"]


def random_offers(rng: np.random.Generator, n: int, *, creators: int, brands: int, **fixed: object) -> Offers:
    """``n`` offers with chances and money that vary; the same creator may come more than once."""
    accept, deliver = rng.beta(2, 6, n), rng.beta(6, 3, n)
    lift = np.exp(rng.normal(5, 1.2, n))
    people = np.arange(n) if creators >= n else rng.integers(0, creators, n)
    own: dict[str, object] = {
        "creator_ids": np.array([f"c{one}" for one in people]),
        "brand_ids": np.array([f"b{one}" for one in rng.integers(0, brands, n)]),
        "accept": accept, "deliver": deliver, "success": accept * deliver, "lift": lift, "attributed": 1.3 * lift,
        "lift_low_90": -0.1 * lift, "lift_low": 0.1 * lift, "lift_high": 2.2 * lift, "lift_high_90": 3.1 * lift,
        "margin_rate": 0.5, "commission_rate": 0.1, "flat_fee_usd": rng.choice([0.0, 20.0, 60.0]),
        "sample_cost_usd": rng.choice([0.0, 15.0]), "samples": 1.0,
    }  # fmt: skip
    return Offers(**{**own, **fixed})
