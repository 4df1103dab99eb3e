"""The two rankers: their targets by hand, their fit on a simulated marketplace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.bundle.disk import save_bundle
from models.bundle.signature import Signer
from models.economics import Economics
from models.predict import predict
from training.heads.fit import BLOCKS, quasi_poisson
from training.heads.rankers import FittedRanker, fit_rankers
from training.heads.targets import GRADES, campaign_level, lift_gains, lift_grades, targets_of, utility_gains


def test_lift_grades_by_hand():
    lift = np.array([-5.0, 0.0, np.nan, *np.arange(1.0, 61.0)])
    grades = lift_grades(lift)
    assert grades[:3].tolist() == [0, 0, 0]
    assert grades[3] == 1
    assert grades[-1] == GRADES
    assert (np.diff(grades[3:]) >= 0).all()
    assert np.bincount(grades[3:].astype(int), minlength=GRADES + 1)[1:].tolist() == [2] * GRADES


def test_lift_grades_of_nothing_positive_are_zero():
    assert lift_grades(np.array([-1.0, np.nan])).tolist() == [0, 0]


def test_lift_gains_rise_from_zero():
    lift = np.concatenate([np.full(5, -3.0), np.arange(1.0, 61.0)])
    gains = lift_gains(lift_grades(lift), lift)
    assert gains[0] == 0.0
    assert len(gains) == GRADES + 1
    assert list(gains) == sorted(gains)
    assert gains[30] / gains[1] == pytest.approx(59.5 / 1.5)


def test_utility_gains_are_mean_profits_made_to_rise():
    grades = np.repeat([0.0, 1.0, 2.0, 3.0, 4.0], 20)
    profit = np.repeat([0.0, -10.0, 30.0, 20.0, 60.0], 20)
    gains = np.array(utility_gains(grades, profit))
    # 0 and -10 pool to -5, 30 and 20 to 25; from -5 up: 0, 0, 30, 30, 65; mean 25.
    np.testing.assert_allclose(gains, np.array([0.0, 0.0, 30.0, 30.0, 65.0]) / 25.0)


@pytest.mark.parametrize("profit", [np.zeros(100), np.full(100, np.nan), -np.repeat(np.arange(5.0), 20)])
def test_utility_gains_fall_back_where_profit_says_nothing(profit):
    assert utility_gains(np.repeat(np.arange(5.0), 20), profit) == (0.0, 0.0, 1.0, 2.0, 2.5)


def test_quasi_poisson_gradient_is_that_of_its_loss():
    rng = np.random.default_rng(0)
    raw, y, w = rng.normal(size=20), rng.normal(size=20) * 3, rng.uniform(0.5, 2, 20)

    class Data:
        def get_label(self):
            return y

    def loss(f):
        return w * (np.exp(f) - y * f)

    gradient, hessian = quasi_poisson(w)(raw, Data())
    np.testing.assert_allclose(gradient, (loss(raw + 1e-6) - loss(raw - 1e-6)) / 2e-6, rtol=1e-5, atol=1e-7)
    assert (hessian > 0).all()


def test_lift_head_learns_from_delivered_partnerships_alone(training_data):
    by_head = {(t.head, t.objective): t for t in targets_of(training_data)}
    assert len(by_head) == 6
    for target in by_head.values():
        assert np.isfinite(target.y[target.rows]).all()
        assert (target.weights[target.rows] > 0).all()
    delivered = training_data.column("delivered") == 1.0
    assert delivered[by_head["lift", "lambdarank"].rows].all()
    negative = training_data.column("lift_usd") < 0
    assert (by_head["lift", "lambdarank"].y[negative] == 0).all()
    assert (by_head["lift", "quasi_poisson"].y[negative] < 0).all()
    gains = by_head["success", "lambdarank"].gains
    assert len(gains) == 5
    assert gains[0] == 0.0
    assert list(gains) == sorted(gains)


def test_campaign_level_is_positive_even_without_sales(training_data):
    none = np.full(len(training_data), np.nan)
    assert (campaign_level(training_data, none) > 0).all()
    assert (campaign_level(training_data, training_data.column("attributed_usd")) > 0).all()


def test_heads_beat_a_constant_out_of_fold(rankers):
    for ranker in rankers.values():
        for name, head in ranker.heads.items():
            assert head.loss < head.constant_loss, f"{ranker.name} {name}"


def test_out_of_fold_is_not_in_sample(rankers, training_data):
    head = rankers["expected_value"].heads["accept"]
    inside = head.booster.predict(training_data.X, raw_score=True)
    blocks = training_data.campaign * BLOCKS // (training_data.campaign.max() + 1)
    assert not np.isclose(inside, head.out_of_fold).all()
    assert set(blocks) == set(range(BLOCKS))


def test_predictions_are_in_range_and_money_keeps_its_mean(rankers, training_data):
    for ranker in rankers.values():
        found = ranker.out_of_fold
        for probability in (found.accept, found.deliver, found.success_probability):
            assert ((probability >= 0) & (probability <= 1)).all()
        assert np.isfinite(found.utility).all()
        assert (found.utility_low <= found.utility).all()
        assert (found.utility <= found.utility_high).all()
        known = training_data.attributed_known
        label = training_data.column("attributed_usd")[known]
        assert found.attributed[known].mean() == pytest.approx(label.mean(), rel=0.35)
        answered = training_data.reply_known
        rate = training_data.column("accepted")[answered].mean()
        assert found.accept[answered].mean() == pytest.approx(rate, abs=0.05)


def test_bundle_predicts_what_its_boosters_say(rankers, training_data):
    bundle = rankers["expected_value"].bundle
    terms = training_data.economics.take(slice(0, 50))
    found = predict(bundle, training_data.X[:50], terms)
    assert isinstance(terms, Economics)
    assert np.isfinite(found.utility).all()
    raw = bundle.heads["accept"].predict(training_data.X[:50], raw_score=True)
    assert (np.argsort(raw, kind="stable") == np.argsort(found.accept, kind="stable")).all()


def test_same_seed_same_bytes_other_seed_other_bytes(rankers, training_data, tmp_path):
    signer = Signer.new()

    def written(many: dict[str, FittedRanker], name: str) -> dict[str, bytes]:
        for ranker in many.values():
            save_bundle(ranker.bundle, tmp_path / name / ranker.name, signer)
        folder: Path = tmp_path / name
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    first = written(rankers, "first")
    assert written({f.name: f for f in fit_rankers(training_data, seed=7)}, "again") == first
    assert written({f.name: f for f in fit_rankers(training_data, seed=8)}, "other") != first
