"""Training rows with a law of their own: what the money heads are given, without a marketplace."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd

from models.economics import Economics
from training.data.dataset import TrainingData
from training.heads.fit import FittedHead

SIGNALS = (
    "brief_sales_expected_365d",
    "brief_price_brief",
    "net_gmv_sum_90d",
    "follower_count_last",
    "live_gmv_share_90d",
)
"""All of them positive; the third is never known of every seventh row."""


def invitations(n: int = 1_200, *, campaigns: int = 30, seed: int = 0) -> TrainingData:
    """``n`` delivered invitations whose money is not known yet: lognormal signals of median 1."""
    rng = np.random.default_rng(seed)
    X = np.exp(rng.normal(size=(n, len(SIGNALS))))
    X[::7, 2] = np.nan
    campaign = np.arange(n) * campaigns // n
    rows = pd.DataFrame(
        {
            "campaign_id": [f"c{one:03d}" for one in campaign],
            "creator_id": [f"k{one:05d}" for one in range(n)],
            "status": "labelled",
            "campaign_settled": True,
            "reply_matured": True,
            "accepted": 1.0,
            "delivered": 1.0,
            "grade": 2.0,
        }
    )
    terms = Economics(*(np.full(n, one) for one in (0.4, 0.1, 5.0, 5.0)))
    as_of = pd.Timestamp("2026-01-01", tz="UTC")
    return told(TrainingData(rows, X, SIGNALS, (0,) * len(SIGNALS), terms, campaign, as_of))


def told(data: TrainingData, **money: np.ndarray | float) -> TrainingData:
    """``data`` with columns of money, USD (n,), NaN where not given: ``attributed``, ``lift``, ``lift_se``, ..."""
    names = ("attributed", "lift", "lift_se", "lift_raw", "lift_raw_se")
    columns = {f"{name}_usd": money.get(name, np.nan) for name in names}
    rows = data.rows.assign(**columns, lift_read_share=money.get("read", 1.0))
    return TrainingData(rows, data.X, data.signals, data.monotone, data.economics, data.campaign, data.as_of)


def head_of(quantity: str, out_of_fold: np.ndarray) -> FittedHead:
    """A head that was fitted elsewhere and says ``out_of_fold``, ln USD (n,)."""
    return FittedHead(
        quantity=quantity,
        estimator=None,
        out_of_fold=out_of_fold,
        feature_set="made up",
        rounds=0,
        loss=0.0,
        constant_loss=0.0,
        losses=MappingProxyType({}),
    )
