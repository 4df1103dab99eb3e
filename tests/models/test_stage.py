"""The last stage: its arithmetic by hand, in a bundle, on disk, in a ranking and in the reasons."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import BundleError
from models.bundle.disk import load_bundle, save_bundle
from models.economics import Economics
from models.explain import explain, shap_parts
from models.predict import factors, from_raw, predict, raw_scores
from models.ranking import rank
from models.stage import Stage
from tests.models.bundle.test_bundle import SIGNER, resign
from tests.models.conftest import SIGNALS, grow

BRIEF = SimpleNamespace(margin_rate=0.45, commission_rate=0.1, flat_fee_usd=4.0, sample_cost_usd=6.0)
MONEY = st.floats(-1e7, 1e7)


@pytest.fixture(scope="module")
def staged(value_bundle, world):
    """The pointwise bundle with a last stage that goes by a signal which its other heads make little of."""
    grade = np.digitize(np.nan_to_num(world.X[:, 4]), [-1.0, 0.0, 1.0])
    order = grow(world.X, grade, objective="lambdarank", group=60)
    unit = float(np.median(np.abs(predict(value_bundle, world.X, BRIEF).utility)))
    return replace(
        value_bundle,
        stage=Stage("order", slope=3.0, unit=unit),
        heads={**value_bundle.heads, "order": order},
        head_words={**value_bundle.head_words, "order": "the place among the candidates"},
    )


def test_the_order_by_hand():
    stage = Stage("order", slope=3.0, unit=2.0)
    # 2 sinh(1) is 1 unit up, raw 3 one more; a negative sum is moved the same way.
    utility, raw = 2 * np.sinh([1.0, 1.0, 0.0, -1.0]), np.array([3.0, -6.0, 1.5, 3.0])
    np.testing.assert_allclose(stage.order(utility, raw), 2 * np.sinh([2.0, -1.0, 0.5, 0.0]), atol=1e-12)
    np.testing.assert_allclose(stage.start(utility), [3.0, 3.0, 0.0, -3.0])


@given(st.lists(MONEY, min_size=1, max_size=20), st.floats(0.01, 100), st.floats(0.01, 1e5))
def test_a_stage_that_says_nothing_leaves_the_utility(utility, slope, unit):
    values = np.array(utility)
    order = Stage("order", slope, unit).order(values, np.zeros(len(values)))
    np.testing.assert_allclose(order, values, rtol=1e-9, atol=1e-9 * unit)


@given(MONEY, MONEY, st.floats(-20, 20), st.floats(0, 20))
def test_the_order_rises_with_the_utility_and_with_the_score(one, other, raw, more):
    stage = Stage("order", 3.0, 50.0)
    low, high = sorted((one, other))
    worse, better = stage.order(np.array([low, high]), np.array([raw, raw]))
    assert worse <= better
    before, after = stage.order(np.array([low, low]), np.array([raw, raw + more]))
    assert before <= after


def test_however_far_it_is_moved_the_order_is_a_number():
    assert np.isfinite(Stage("order", 1e-9, 1e-3).order(np.array([1e9, -1e9]), np.array([1e6, -1e6]))).all()


@pytest.mark.parametrize("wrong", [{"slope": 0.0}, {"unit": -1.0}, {"slope": np.nan}, {"unit": True}, {"head": 3}])
def test_numbers_that_make_no_stage_are_refused(wrong):
    with pytest.raises(BundleError, match="a last stage with"):
        Stage(**{"head": "order", "slope": 3.0, "unit": 2.0, **wrong})


def test_only_the_order_is_moved(staged, value_bundle, world):
    moved, plain = predict(staged, world.X, BRIEF), predict(value_bundle, world.X, BRIEF)
    for name in vars(plain):
        if name != "order":
            np.testing.assert_array_equal(getattr(moved, name), getattr(plain, name))
    np.testing.assert_array_equal(plain.order, plain.utility)
    raw = staged.heads["order"].predict(world.X, raw_score=True)
    unit = staged.stage.unit
    by_hand = unit * np.sinh(np.arcsinh(plain.utility / unit) + raw / 3.0)
    np.testing.assert_allclose(moved.order, by_hand, rtol=1e-9)


def test_candidates_stand_in_the_order_of_the_stage(staged, value_bundle, world):
    ids, indices = np.array([f"k{i:02d}" for i in range(50)]), np.full((50, 8), 50.0)
    X = world.X[:50]
    for bundle in (staged, value_bundle):
        found = [one.creator_id for one in rank(bundle, X, indices, ids, BRIEF, top=50, weights={"model": 1.0})]
        assert found == ids[np.lexsort((ids, -predict(bundle, X, BRIEF).order))].tolist()
    assert not np.array_equal(
        np.argsort(predict(staged, X, BRIEF).order), np.argsort(predict(value_bundle, X, BRIEF).order)
    )


def test_a_bundle_with_a_stage_comes_back_from_disk(staged, world, tmp_path):
    save_bundle(staged, tmp_path / "staged", SIGNER)
    loaded = load_bundle(tmp_path / "staged", SIGNER.public_key)
    assert loaded.stage == staged.stage
    assert staged.deciding == ("accept", "deliver", "lift", "attributed", "order")
    assert loaded.deciding == tuple(sorted(staged.deciding))
    np.testing.assert_array_equal(predict(loaded, world.X, BRIEF).order, predict(staged, world.X, BRIEF).order)
    golden = json.loads((tmp_path / "staged" / "golden.json").read_bytes())
    assert len(golden["predictions"]["order"]) == len(golden["rows"])


@pytest.mark.parametrize("head", ["lift", "nobody"])
def test_a_stage_that_names_another_head_is_refused(staged, head, tmp_path):
    with pytest.raises(BundleError, match=r"a head of its own|which calibration and stage read"):
        replace(staged, stage=replace(staged.stage, head=head))
    save_bundle(staged, tmp_path / "staged", SIGNER)
    resign(tmp_path / "staged", lambda manifest: manifest["stage"].update(head=head))
    with pytest.raises(BundleError, match=r"a head of its own|which calibration and stage read"):
        load_bundle(tmp_path / "staged", SIGNER.public_key)


@pytest.mark.parametrize("change", [{"slope": 0}, {"unit": "1"}, {"more": 1}])
def test_a_manifest_whose_stage_is_none_is_refused(staged, change, tmp_path):
    save_bundle(staged, tmp_path / "staged", SIGNER)
    resign(tmp_path / "staged", lambda manifest: manifest["stage"].update(change))
    with pytest.raises(BundleError, match="a last stage with"):
        load_bundle(tmp_path / "staged", SIGNER.public_key)


def test_another_stage_than_was_saved_is_seen_by_the_golden_rows(staged, tmp_path):
    save_bundle(staged, tmp_path / "staged", SIGNER)
    resign(tmp_path / "staged", lambda manifest: manifest["stage"].update(slope=2.0))
    with pytest.raises(BundleError):
        load_bundle(tmp_path / "staged", SIGNER.public_key)


def test_what_the_stage_makes_of_a_signal_is_told_in_the_dollars_by_which_it_moves_the_order(staged, world):
    X = world.X[:40]
    raw, part = raw_scores(staged, X), shap_parts(staged, X)["order"]
    whole = from_raw(staged, raw, factors(staged, X), Economics.of(BRIEF)).order
    told = 0
    for row, reasons in enumerate(explain(staged, X, BRIEF)):
        for one in (one for one in reasons if one.head == "order"):
            place = SIGNALS.index(one.signal)
            less = raw | {"order": raw["order"] - part[:, place]}
            without = from_raw(staged, less, factors(staged, X), Economics.of(BRIEF)).order
            assert one.contribution == pytest.approx(whole[row] - without[row], abs=1e-9)
            assert one.raw_contribution == pytest.approx(part[row, place], abs=1e-12)
            assert one.text.split(" ", 1)[1].startswith("the place among the candidates. ")
            told += 1
    assert told > 20
