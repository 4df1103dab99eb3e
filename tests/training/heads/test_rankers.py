"""The two rankers: their targets by hand, their fit on a simulated marketplace."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pytest

from marketplace.signature import Signer
from models.bundle.disk import load_bundle, save_bundle
from models.economics import Economics
from models.funnel import CHAINED
from models.predict import predict
from training.heads.estimators import CampaignRanker, quasi_poisson
from training.heads.fit import BLOCKS, FittedHead, choose_head
from training.heads.hyperparameters import STEP
from training.heads.mixture import own_money
from training.heads.rankers import RANKERS, FittedRanker, Ranker, fit_rankers, rankers_from
from training.heads.stage import ORDER
from training.heads.targets import GRADES, HEADS, campaign_level, lift_gains, lift_grades, targets_of, utility_gains


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


def test_every_head_is_lightgbms_own_of_its_target(rankers, training_data):
    """What the estimators fit is what ``lightgbm.train`` gives for the same parameters, tree by tree.

    (The last stage starts from the other heads' answer and has no target: `test_stage`.)
    """
    data = training_data
    targets = {target.name: target for target in targets_of(data)}
    assert targets.keys() == HEADS.keys()
    compared = set()
    for ranker in rankers.values():
        for name, head in _by_target(ranker).items():
            target = targets[name]
            assert isinstance(head.estimator, CampaignRanker) == bool(target.gains)
            rows, y, w = target.rows, target.y[target.rows], target.weights[target.rows]
            chosen = next(one for one in target.feature_sets if one.name == head.feature_set)
            X = data.X[rows]
            X[:, chosen.hidden(data.signals, data.monotone)] = 0.0
            params = {
                "learning_rate": 0.05, "max_depth": 3, "num_leaves": 6, "min_data_in_leaf": 30, "lambda_l2": 10.0,
                "feature_fraction": 0.4, "bagging_fraction": 0.8, "bagging_freq": 1, "max_bin": 63,
                "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1, "seed": 7,
                "objective": target.objective,
            }  # fmt: skip
            directions = chosen.directions(data.signals, data.monotone)
            if directions is not None and any(directions):
                params["monotone_constraints"] = directions
            told = {"weight": w}
            if target.gains:
                params |= {"label_gain": list(target.gains), "lambdarank_truncation_level": 30}
                told = {"group": np.unique(data.campaign[rows], return_counts=True)[1]}
            elif target.objective == "quasi_poisson":
                start = target.offset(data, rows)
                params["objective"] = quasi_poisson(w)
                told["init_score"] = start + np.log((w @ y) / (w @ np.exp(start)))
            own = lightgbm.Dataset(X, y, feature_name=list(data.signals), params={"verbosity": -1}, **told)
            text = lightgbm.train(params, own, head.rounds).model_to_string()
            assert head.booster.model_to_string().partition("end of trees")[0] == text.partition("end of trees")[0]
            compared.add(target.name)
    assert compared == targets.keys()


def test_a_head_that_gets_all_its_trees_has_not_converged(training_data):
    target = targets_of(training_data)[0]
    signal = (2.0 * target.y - 1.0) * target.rows
    scores = {one.name: np.arange(4)[:, None] * 0.1 * signal for one in target.feature_sets}
    assert not choose_head(target, training_data, scores)[1].converged
    for stages in scores.values():
        stages[3] = -stages[3]
    found = choose_head(target, training_data, scores)[1]
    assert found.converged
    assert found.rounds == 3 * STEP


def test_the_first_ranker_is_preferred_unless_another_shows_that_it_is_better(rankers, training_data, monkeypatch):
    heads = heads_by_target(rankers)
    monkeypatch.setattr("training.heads.rankers.PREFERENCE", 0.0)
    assert [one.name for one in rankers_from(training_data, heads)] == ["lambdarank", "expected_value"]
    monkeypatch.setattr("training.heads.rankers.PREFERENCE", 1.0)
    best = max(rankers.values(), key=lambda one: one.validation)
    assert rankers_from(training_data, heads)[-1].name in (best.name, "expected_value")


def heads_by_target(rankers: dict[str, FittedRanker]) -> dict[str, FittedHead]:
    """What `rankers_from` is given, of rankers that it made."""
    return {name: head for ranker in rankers.values() for name, head in _by_target(ranker).items()}


def _by_target(ranker: FittedRanker) -> dict[str, FittedHead]:
    """The heads that calibration reads by `Target.name`, without the last stage's."""
    kept = {name: head for name, head in ranker.heads.items() if name != ORDER}
    return {f"rank_{name}" if isinstance(head.estimator, CampaignRanker) else name: head for name, head in kept.items()}


def test_a_ranker_may_read_two_heads_of_one_quantity_and_tell_a_quantity_beside(
    rankers, training_data, tmp_path, monkeypatch
):
    heads = heads_by_target(rankers)
    mixed = Ranker(
        "mixed",
        {"accept": "accept", "deliver": "deliver", "success": "deliver"},
        CHAINED,
        lambda data, heads: own_money(data, heads) | {"attributed": RANKERS["lambdarank"].money(data, heads)["lift"]},
    )
    monkeypatch.setattr("training.heads.rankers.RANKERS", {"mixed": mixed})
    (found,) = rankers_from(training_data, heads)
    assert set(found.bundle.heads) == {"accept", "deliver", "lift", "rank_lift"}
    assert found.bundle.deciding == ("accept", "deliver", "lift", "rank_lift")
    signer = Signer.new()
    save_bundle(found.bundle, tmp_path / "mixed", signer)
    loaded = load_bundle(tmp_path / "mixed", signer.public_key)
    told = predict(loaded, training_data.X[:20], training_data.economics.take(slice(0, 20)))
    assert set(told.others) == {"success"}
    raw = loaded.heads["deliver"].predict(training_data.X[:20], raw_score=True)
    np.testing.assert_array_equal(told.others["success"], loaded.calibration["success"].value(raw))
    np.testing.assert_array_equal(told.take([3, 1]).others["success"], told.others["success"][[3, 1]])
    np.testing.assert_array_equal(told.success_probability, told.accept * told.deliver)


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
