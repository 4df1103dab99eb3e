"""Two small fitted bundles on a matrix with known structure."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import pytest

from models.bundle.model import Bundle
from models.bundle.words import SignalWords
from models.calibration.scale import Scale, Term, fit_money, fit_probability
from models.funnel import APART, CHAINED

SIGNALS = ("reply_rate_mean_90d", "price_last_all", "net_gmv_sum_28d", "noise_a", "noise_b")


@dataclass(frozen=True)
class World:
    """A matrix (NaN in places) with its outcomes; 40 campaigns of 60 creators."""

    X: np.ndarray
    campaign: np.ndarray
    accepted: np.ndarray
    delivered: np.ndarray
    lift: np.ndarray
    lift_se: np.ndarray


@pytest.fixture(scope="session")
def world() -> World:
    rng = np.random.default_rng(7)
    n = 2400
    X = rng.normal(size=(n, 5))
    X[:, 1] = np.exp(rng.normal(3, 0.5, n))
    willing = X[:, 0] + 0.3 * X[:, 3]
    accepted = (willing + rng.logistic(size=n) > 0).astype(float)
    delivered = accepted * (willing + rng.logistic(size=n) > -1)
    lift_se = np.full(n, 20.0)
    lift = 2 * X[:, 1] * (1 + X[:, 2]) + rng.normal(0, 30, n) + rng.normal(0, lift_se)
    X[rng.random(X.shape) < 0.08] = np.nan
    return World(X, np.repeat(np.arange(40), 60), accepted, delivered, lift, lift_se)


def grow(
    X: np.ndarray, y: np.ndarray, *, objective: str, rounds: int = 30, group: int = 0, **more: object
) -> lgb.Booster:
    """A small deterministic Booster named after `SIGNALS` where the width fits."""
    names = list(SIGNALS) if X.shape[1] == len(SIGNALS) else "auto"
    data = lgb.Dataset(X, y, group=[group] * (len(y) // group) if group else None, feature_name=names)
    plain = {"verbose": -1, "num_leaves": 7, "seed": 7, "deterministic": True, "force_row_wise": True, "num_threads": 2}
    return lgb.train({**plain, "objective": objective, **more}, data, rounds)


@pytest.fixture(scope="session")
def ranking_bundle(world: World) -> Bundle:
    """Ranker lambdarank, without a scale."""
    grade = (world.accepted + 2 * world.delivered).astype(int)
    money_grade = np.digitize(world.lift, np.quantile(world.lift, [0.25, 0.5, 0.75]))
    success = grow(world.X, grade, objective="lambdarank", group=60)
    lift = grow(world.X, money_grade, objective="lambdarank", group=60)
    s, r = success.predict(world.X, raw_score=True), lift.predict(world.X, raw_score=True)
    return Bundle(
        ranker="lambdarank",
        funnel=APART,
        head_words={"success": "the chance that content is delivered", "lift": "the expected extra sales"},
        signals=SIGNALS,
        heads={"success": success, "lift": lift},
        calibration={
            "success": fit_probability("success", s, label=world.delivered, campaign=world.campaign),
            "accept": fit_probability("success", s, label=world.accepted, campaign=world.campaign),
            "lift": fit_money("lift", r, label=world.lift, label_se=world.lift_se),
            "attributed": fit_money("lift", r, label=np.abs(world.lift)),
        },
        as_of="2026-05-01",
        run_id="run-1",
        words={"net_gmv_sum_28d": SignalWords("USD", "Net sales of the last 28 days")},
        metrics={"ndcg_at_10": 0.5},
        golden=world.X[:12],
    )


@pytest.fixture(scope="session")
def value_bundle(world: World) -> Bundle:
    """Ranker expected_value, lift in prices of the product."""
    X, came = world.X, world.accepted > 0
    scale = Scale((Term("price_last_all", low=1.0, high=500.0, missing=20.0),))
    unit = world.lift / scale.of(X, SIGNALS)
    heads = {
        "accept": grow(X, world.accepted, objective="binary"),
        "deliver": grow(X[came], world.delivered[came], objective="binary"),
        "lift": grow(X, unit, objective="regression"),
        "attributed": grow(X, np.abs(world.lift), objective="regression"),
    }
    raw = {name: head.predict(X, raw_score=True) for name, head in heads.items()}
    return Bundle(
        ranker="expected_value",
        funnel=CHAINED,
        head_words={
            "accept": "the chance of acceptance",
            "deliver": "the chance that content is delivered once accepted",
            "lift": "the expected extra sales",
            "attributed": "the sales on which commission is owed",
        },
        signals=SIGNALS,
        heads=heads,
        calibration={
            "accept": fit_probability("accept", raw["accept"], label=world.accepted, campaign=world.campaign),
            "deliver": fit_probability("deliver", raw["deliver"][came], label=world.delivered[came]),
            "lift": fit_money("lift", raw["lift"], label=world.lift, label_se=world.lift_se,
                              scale=scale, factor=scale.of(X, SIGNALS)),
            "attributed": fit_money("attributed", raw["attributed"], label=np.abs(world.lift)),
        },
        as_of="2026-05-01",
    )  # fmt: skip
