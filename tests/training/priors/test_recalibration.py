"""Priors and how outcomes move them: none leaves them as they are, many lead to the rates, intervals hold."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from features.signals import SIGNALS
from marketplace.errors import TrainingError
from models.bundle.basis import Basis
from models.bundle.model import Bundle
from models.bundle.words import signals_sha256
from models.calibration.scale import fit_money, fit_probability
from models.economics import Economics
from models.funnel import CHAINED
from models.predict import Predictions, predict
from training.data.dataset import TrainingData
from training.data.labels import LABEL_COLUMNS
from training.heads.booster import fit_booster
from training.priors.recalibration import fit_small, recalibrated
from training.priors.stated import INCREMENTAL, SALES_LEVEL, SHIFT, stated_prior

SIGNAL = {name: place for place, name in enumerate(SIGNALS)}
AS_OF = pd.Timestamp("2026-05-01", tz="UTC")
USUAL = {
    "accept_rate_ever": 0.1,
    "category_accept_rate_365d": 0.1,
    "deliver_rate_365d": 0.7,
    "sample_fulfil_rate_365d": 0.7,
    "brief_sales_expected_365d": 20.0,
    "brief_price_brief": 20.0,
    "net_gmv_sum_90d": 100.0,
}


def matrix(n: int, **signals: object) -> np.ndarray:
    """``n`` rows of all signals, NaN but for `USUAL` and ``signals``."""
    X = np.full((n, len(SIGNAL)), np.nan)
    for name, value in (USUAL | signals).items():
        X[:, SIGNAL[name]] = value
    return X


def terms() -> Economics:
    """Half of sales is margin, a tenth commission; neither fee nor sample."""
    return Economics(*(np.asarray(one) for one in (0.5, 0.1, 0.0, 0.0)))


def shop(X: np.ndarray, *, campaigns: int = 10, **columns: object) -> TrainingData:
    """Training data of ``X``: settled campaigns in turn, label ``columns`` as given and not known otherwise."""
    n = len(X)
    campaign = np.sort(np.arange(n) % campaigns)
    rows = pd.DataFrame({name: np.full(n, np.nan) for name in LABEL_COLUMNS}).assign(
        campaign_id=[f"ca_{one:04d}" for one in campaign],
        creator_id=[f"cr_{one:05d}" for one in range(n)],
        status="labelled",
        applied=False,
        reply_matured=True,
        campaign_settled=True,
        **columns,
    )
    return TrainingData(rows, X, tuple(SIGNALS), (0,) * len(SIGNALS), terms(), campaign, AS_OF)


def told(bundle: Bundle, X: np.ndarray) -> Predictions:
    return predict(bundle, X, terms())


def test_with_no_outcome_the_answer_is_the_prior_and_the_intervals_are_wide():
    fitted = fit_small(shop(matrix(0)))
    found = told(fitted.bundle, matrix(1))
    assert found.accept[0] == pytest.approx(0.1)
    odds = 0.7 / 0.3 * np.exp(SHIFT["deliver"])
    assert found.deliver[0] == pytest.approx(odds / (1 + odds))
    assert found.attributed[0] == pytest.approx(SALES_LEVEL)
    assert found.lift[0] == pytest.approx(INCREMENTAL * SALES_LEVEL)
    # A partnership that sells nothing is inside, and so is one that sells twice what is expected.
    assert found.lift_low[0] <= 0
    assert 2 * found.lift[0] < found.lift_high[0] < found.lift_high_90[0]
    low, high = fitted.bundle.calibration["accept"].spread.interval(np.array([0.1]))
    assert low[0] < 0.02
    assert high[0] > 0.2
    assert fitted.bundle.basis == Basis(0, 0, 100, 30)
    assert "100 and 30 more for the next stage" in fitted.bundle.basis.text


def test_a_log_without_a_single_acceptance_is_refused_once_it_is_long_enough_to_have_one():
    few = shop(matrix(99), accepted=0.0)
    assert told(fit_small(few).bundle, matrix(1)).accept[0] < 0.1
    with pytest.raises(TrainingError, match=r"100 answered, none accepted.*ACCEPT"):
        fit_small(shop(matrix(100), accepted=0.0))
    one = np.zeros(100)
    one[7] = 1.0
    assert fit_small(shop(matrix(100), accepted=one)).bundle.basis is not None


def test_what_is_not_known_of_a_creator_counts_as_usual():
    bundle = stated_prior("2026-05-01")
    unknown = np.full((1, len(SIGNAL)), np.nan)
    np.testing.assert_allclose(told(bundle, unknown).utility, told(bundle, matrix(1)).utility, rtol=1e-12)


def test_odds_of_the_prior_are_those_of_the_rates_by_hand():
    found = told(stated_prior("2026-05-01"), matrix(1, accept_rate_ever=0.5, category_accept_rate_365d=0.2))
    odds = (0.5 / 0.5) ** 0.6 * (0.2 / 0.8) ** 0.4
    assert found.accept[0] == pytest.approx(odds / (1 + odds))


def test_better_rates_and_more_sales_never_rank_lower():
    rng = np.random.default_rng(3)
    X = matrix(400)
    for name in USUAL:
        low, high = (0.02, 0.95) if "rate" in name else (3.0, 3000.0)
        X[:, SIGNAL[name]] = np.exp(rng.uniform(np.log(low), np.log(high), 400))
    y = (rng.random(400) < 0.3).astype(float)
    data = shop(X, accepted=y, delivered=np.where(y == 1, rng.random(400) < 0.5, 0.0))
    bundle = fit_small(data).bundle
    before = told(bundle, X)
    for name in USUAL:
        more = X.copy()
        more[:, SIGNAL[name]] *= 1.04
        after = told(bundle, more)
        assert (after.utility >= before.utility).all(), name
        assert (after.utility > before.utility).mean() > 0.6, name


def test_many_answers_lead_to_the_creators_rates():
    rng = np.random.default_rng(5)
    rate, n = rng.beta(2.0, 3.0, 4000), 300
    past = (rng.binomial(n, rate) + 0.3) / (n + 3)
    X = matrix(4000, accept_rate_ever=past, category_accept_rate_365d=past)
    bundle = fit_small(shop(X, campaigns=400, accepted=(rng.random(4000) < rate).astype(float))).bundle
    assert np.abs(told(bundle, X).accept - rate).mean() < 0.03


def test_where_creators_have_no_past_the_marketplace_speaks_for_all():
    rng = np.random.default_rng(7)
    chance = []
    for n in (0, 30, 3000):
        accepted = (rng.random(n) < 0.4).astype(float)
        chance.append(
            told(fit_small(shop(matrix(n), accepted=accepted, campaigns=max(n, 1))).bundle, matrix(1)).accept[0]
        )
    assert chance[0] == pytest.approx(0.1)
    assert 0.2 < chance[1] < 0.45
    assert chance[2] == pytest.approx(0.4, abs=0.03)


def test_sales_known_so_far_move_money_and_narrow_it():
    rng = np.random.default_rng(11)
    level, width = [], []
    for n in (0, 10, 2000):
        sold = 3 * SALES_LEVEL * rng.gamma(1.0, 1.0, n)
        data = shop(matrix(n), campaigns=max(n, 1), accepted=1.0, delivered=1.0, attributed_usd=sold)
        found = told(fit_small(data).bundle, matrix(1))
        level.append(found.attributed[0] / SALES_LEVEL)
        width.append((found.lift_high[0] - found.lift_low[0]) / found.lift[0])
        # Without an estimate of lift it keeps the stated share of sales.
        assert found.lift[0] == pytest.approx(INCREMENTAL * found.attributed[0])
    assert level[0] == pytest.approx(1.0)
    assert 1.3 < level[1] < 4.0
    assert level[2] == pytest.approx(3.0, rel=0.1)
    assert width[0] > width[1] > width[2]


def test_estimates_of_lift_are_believed_by_their_precision():
    n = 25
    sold = np.full(n, SALES_LEVEL)
    lift = np.zeros(n)
    share = []
    for se in (10.0, 10_000.0):
        data = shop(matrix(n), campaigns=n, accepted=1.0, delivered=1.0, attributed_usd=sold, lift_raw_usd=lift,
                    lift_raw_se_usd=np.full(n, se))  # fmt: skip
        share.append(told(fit_small(data).bundle, matrix(1)).lift[0] / SALES_LEVEL)
    assert share[0] < 0.3
    assert share[1] == pytest.approx(INCREMENTAL, rel=0.05)


def test_intervals_hold_what_comes_of_many_small_shops():
    """Shops of another law than the prior's: lognormal levels and hits, and every fifth partnership sells nothing."""
    rng = np.random.default_rng(13)
    held: dict[float, list[float]] = {0.8: [], 0.9: []}
    prior = stated_prior("2026-05-01")
    for _ in range(80):
        n, true = int(rng.integers(0, 25)), SALES_LEVEL * np.exp(rng.normal(-0.3, 0.9))
        share = rng.uniform(0.4, 0.9)

        def draw(count: int, true: float = true) -> np.ndarray:
            sold = true * np.exp(rng.normal(-0.6, 1.1, count)) / 0.8
            return np.asarray(np.where(rng.random(count) < 0.2, 0.0, sold))

        sold = draw(n)
        noise = 0.5 * true
        data = shop(matrix(n), campaigns=4, accepted=1.0, delivered=1.0, attributed_usd=sold,
                    lift_raw_usd=share * sold + rng.normal(0, noise, n), lift_raw_se_usd=np.full(n, noise))  # fmt: skip
        found = told(recalibrated(prior, data), matrix(1))
        came = share * draw(40)
        held[0.8].append(float(((came >= found.lift_low) & (came <= found.lift_high)).mean()))
        held[0.9].append(float(((came >= found.lift_low_90) & (came <= found.lift_high_90)).mean()))
    assert np.mean(held[0.8]) >= 0.75
    assert np.mean(held[0.9]) >= np.mean(held[0.8])
    assert np.mean(held[0.9]) >= 0.85


@pytest.fixture(scope="module")
def foreign() -> Bundle:
    """A bundle of heads, as another marketplace's training leaves it."""
    rng = np.random.default_rng(17)
    X = matrix(300)
    X[:, SIGNAL["accept_rate_ever"]] = rng.uniform(0.05, 0.9, 300)
    X[:, SIGNAL["brief_sales_expected_365d"]] = rng.uniform(1.0, 200.0, 300)
    campaign = np.arange(300) // 30
    yes = (rng.random(300) < X[:, SIGNAL["accept_rate_ever"]]).astype(float)
    sold = 5 * X[:, SIGNAL["brief_sales_expected_365d"]] * rng.gamma(2.0, 0.5, 300)
    heads, read = {}, {}
    for name, y in (("accept", yes), ("deliver", yes), ("lift", sold), ("attributed", 2 * sold)):
        chance = y is yes
        heads[name] = fit_booster(
            X, y if chance else np.log1p(y), params={"objective": "binary" if chance else "regression"}, rounds=20,
            signals=list(SIGNALS),
        )  # fmt: skip
        raw = heads[name].predict(X, raw_score=True)
        read[name] = (
            fit_probability(name, raw, label=y, campaign=campaign)
            if chance
            else fit_money(name, raw, label=y, campaign=campaign)
        )
    return Bundle(
        ranker="expected_value", signals=tuple(SIGNALS), heads=heads, calibration=read, funnel=CHAINED,
        as_of="2026-01-01", model_version="4", contract_sha256=signals_sha256(SIGNALS.values()),
    )  # fmt: skip


def test_another_marketplaces_bundle_is_believed_until_outcomes_speak(foreign: Bundle):
    rng = np.random.default_rng(19)
    X = matrix(1000)
    X[:, SIGNAL["accept_rate_ever"]] = rng.uniform(0.05, 0.9, 1000)
    X[:, SIGNAL["brief_sales_expected_365d"]] = rng.uniform(1.0, 200.0, 1000)
    theirs = told(foreign, X)
    none = fit_small(shop(X[:0]), foreign)
    ours = told(none.bundle, X)
    for name in ("accept", "deliver", "lift", "attributed", "utility"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9)
    assert (ours.lift_high > theirs.lift_high).all()
    assert none.bundle.heads == foreign.heads
    assert "another marketplace's bundle (version 4, expected_value, until 2026-01-01)" in none.bundle.basis.text
    # Here half as many accept as there, and what is sold is twice as much.
    accepted = (rng.random(1000) < 0.5 * theirs.accept).astype(float)
    sold = np.where(accepted == 1, 2 * theirs.attributed * rng.gamma(2.0, 0.5, 1000), np.nan)
    data = shop(X, campaigns=1000, accepted=accepted, delivered=accepted, attributed_usd=sold)
    moved = told(recalibrated(foreign, data), X)
    assert moved.accept.mean() == pytest.approx(accepted.mean(), abs=0.03)
    assert moved.attributed.sum() == pytest.approx(2 * theirs.attributed.sum(), rel=0.15)
    assert np.corrcoef(moved.accept, theirs.accept)[0, 1] > 0.95


def test_the_same_data_give_the_same_bundle():
    rng = np.random.default_rng(23)
    X = matrix(40, accept_rate_ever=rng.uniform(0.05, 0.5, 40))
    data = shop(X, accepted=(rng.random(40) < 0.3).astype(float))
    one, other = (fit_small(data).bundle for _ in range(2))
    assert {n: c.as_dict() for n, c in one.calibration.items()} == {
        n: c.as_dict() for n, c in other.calibration.items()
    }
    assert {n: h.model_to_string() for n, h in one.heads.items()} == {
        n: h.model_to_string() for n, h in other.heads.items()
    }
    assert dataclasses.replace(one, model_version="3").basis == one.basis
