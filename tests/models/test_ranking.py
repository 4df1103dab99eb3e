from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import BriefError
from models.predict import predict
from models.ranking import differing, positions, rank, top_rows
from models.score import combine

BRIEF = SimpleNamespace(margin_rate=0.45, commission_rate=0.1, flat_fee_usd=4.0, sample_cost_usd=6.0)


@given(st.lists(st.integers(0, 4).map(float), min_size=1, max_size=30), st.integers(1, 35), st.randoms())
def test_ties_go_by_creator_id_whatever_the_order(score, top, random):
    ids = [f"c{number:02d}" for number in range(len(score))]
    random.shuffle(ids)
    expected = [name for _, name in sorted(zip([-value for value in score], ids, strict=True))]
    assert [ids[row] for row in top_rows(score, ids, top=top)] == expected[:top]
    assert [name for _, name in sorted(zip(positions(score, ids), ids, strict=True))] == expected


@pytest.fixture
def candidates(world):
    rng = np.random.default_rng(2)
    X = np.repeat(world.X[:150], 2, axis=0)
    indices = np.repeat(rng.random((150, 8)) * 100, 2, axis=0)
    indices[:4, 2] = np.nan
    return X, indices, np.array([f"c{number:04d}" for number in rng.permutation(300)])


@pytest.mark.parametrize("ranker", ["ranking_bundle", "value_bundle"])
def test_permuting_the_candidates_changes_nothing_but_rows(ranker, candidates, request):
    bundle = request.getfixturevalue(ranker)
    X, indices, ids = candidates
    before = rank(bundle, X, indices, ids, BRIEF, top=25)
    mixed = np.random.default_rng(3).permutation(len(ids))
    after = rank(bundle, X[mixed], indices[mixed], ids[mixed], BRIEF, top=25)
    strip = lambda one: {**vars(one), "row": None}  # noqa: E731
    assert [strip(one) for one in after] == [strip(one) for one in before]
    assert [ids[one.row] for one in before] == [one.creator_id for one in before]


def test_what_is_returned_is_what_predict_and_combine_say(ranking_bundle, candidates):
    X, indices, ids = candidates
    ranked = rank(ranking_bundle, X, indices, list(ids), BRIEF, top=10, weights={"model": 1, "diligence": 1})
    p = predict(ranking_bundle, X, BRIEF)
    score = combine(p.utility, indices, weights={"model": 1, "diligence": 1})
    assert [one.position for one in ranked] == list(range(1, 11))
    assert [one.score for one in ranked] == sorted(score, reverse=True)[:10]
    for one in ranked:
        assert one.score == score[one.row]
        assert (one.utility.low, one.utility.expected, one.utility.high) == (
            p.utility_low[one.row], p.utility[one.row], p.utility_high[one.row])  # fmt: skip
        assert one.utility.currency == "USD"
        assert one.success_probability == p.success_probability[one.row]
        assert one.lift.expected == p.lift[one.row]
        assert 1 <= len(one.reasons) <= 5
    assert any(None in one.indices.values() for one in rank(ranking_bundle, X, indices, ids, BRIEF, top=300))


def test_more_than_there_are_gives_all_and_no_candidates_give_none(ranking_bundle, candidates):
    X, indices, ids = candidates
    assert len(rank(ranking_bundle, X, indices, ids, BRIEF, top=1000, explain=False)) == 300
    assert rank(ranking_bundle, X[:0], indices[:0], ids[:0], BRIEF, top=5) == []


def test_a_top_of_none_or_missing_ids_are_refused(ranking_bundle, candidates):
    X, indices, ids = candidates
    with pytest.raises(BriefError):
        rank(ranking_bundle, X, indices, ids, BRIEF, top=0)
    with pytest.raises(BriefError):
        rank(ranking_bundle, X, indices, ids[1:], BRIEF, top=1)


def test_what_is_the_same_for_every_candidate_is_no_reason():
    matrix = np.array([[1.0, np.nan, 3.0, np.nan], [1.0, np.nan, 4.0, 2.0], [1.0, np.nan, 3.0, 2.0]])
    np.testing.assert_array_equal(differing(matrix), [False, False, True, True])
    assert differing(matrix[:1]).all()
