from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata

from marketplace.errors import BriefError
from models.score import DEFAULT_WEIGHTS, INDEX_NAMES, combine, standing

hundred = st.integers(0, 100_000).map(lambda whole: whole / 1000)
shares = st.dictionaries(st.sampled_from(["model", *INDEX_NAMES]), st.integers(1, 100).map(float), min_size=1)


@st.composite
def candidates(draw):
    n = draw(st.integers(1, 12))
    utility = draw(arrays(float, n, elements=st.integers(-50, 50).map(float)))
    return utility, draw(arrays(float, (n, 8), elements=st.one_of(hundred, st.just(np.nan))))


@given(candidates(), shares)
def test_score_never_falls_when_an_index_rises(data, weights):
    utility, indices = data
    known = np.nan_to_num(indices, nan=50.0)
    before = combine(utility, known, weights=weights)
    for place in range(8):
        raised = known.copy()
        raised[:, place] = np.minimum(raised[:, place] + 7, 100)
        assert (combine(utility, raised, weights=weights) >= before).all()


@given(candidates(), shares)
def test_score_never_falls_when_ones_own_utility_rises(data, weights):
    utility, indices = data
    raised = utility.copy()
    raised[0] += 5
    assert combine(raised, indices, weights=weights)[0] >= combine(utility, indices, weights=weights)[0]


@given(candidates(), shares, st.floats(1e-3, 1e3), st.randoms())
def test_neither_scale_of_weights_nor_order_of_candidates_matters(data, weights, factor, random):
    utility, indices = data
    score = combine(utility, indices, weights=weights)
    assert ((score >= 0) & (score <= 100)).all()
    np.testing.assert_array_equal(
        combine(utility, indices, weights={name: 4 * weight for name, weight in weights.items()}), score
    )
    np.testing.assert_allclose(
        combine(utility, indices, weights={name: factor * weight for name, weight in weights.items()}), score, atol=2e-9
    )
    mixed = np.array(random.sample(range(len(utility)), len(utility)))
    np.testing.assert_array_equal(combine(utility[mixed], indices[mixed], weights=weights), score[mixed])


def test_the_score_is_the_weighted_mean():
    indices = np.full((3, 8), np.nan)
    indices[:, INDEX_NAMES.index("cooperation")] = [10, 20, np.nan]
    score = combine([3.0, 1, 2], indices, weights={"model": 3, "cooperation": 1})
    second, last = 100 * (1 - np.log(2) / np.log(4)), 100 * (1 - np.log(3) / np.log(4))
    expected = [(3 * 100 + 10) / 4, (3 * last + 20) / 4, (3 * second + 50) / 4]
    np.testing.assert_allclose(score, expected, atol=1e-8)


@given(arrays(float, st.integers(1, 30), elements=st.integers(0, 5).map(float)))
def test_standing_follows_the_mid_rank_on_a_logarithmic_scale(values):
    above = len(values) - rankdata(values)
    np.testing.assert_allclose(standing(values), 100 * (1 - np.log(1 + above) / np.log(1 + len(values))), atol=1e-9)
    assert ((standing(values) >= 0) & (standing(values) <= 100)).all()


def test_halving_the_place_counts_the_same_everywhere():
    worth = -np.arange(1000.0)
    steps = standing(worth)[[0, 1, 3, 7, 15, 31]]  # places 1, 2, 4, 8, ...
    np.testing.assert_allclose(np.diff(steps), np.diff(steps)[0])


def test_confidence_pulls_to_the_middle():
    indices, sure = np.full((1, 8), 90.0), np.full((1, 8), 25.0)
    score = combine([0.0], indices, weights={"cooperation": 1}, confidence=sure)
    assert score[0] == pytest.approx(50 + 0.25 * 40)
    assert combine([0.0], indices, weights={"cooperation": 1}, confidence=np.full((1, 8), np.nan))[0] == 50


@pytest.mark.parametrize(
    "weights", [{}, {"model": 0}, {"model": -1, "cooperation": 2}, {"model": np.nan}, {"charm": 1}, {"model": np.inf}]
)
def test_weights_that_cannot_be_used(weights):
    with pytest.raises(BriefError):
        combine([1.0], np.full((1, 8), 50.0), weights=weights)


def test_shapes_and_utility_that_do_not_fit():
    for utility, indices in (([1.0], np.zeros((2, 8))), ([1.0], np.zeros((1, 7))), ([np.nan], np.zeros((1, 8)))):
        with pytest.raises(BriefError):
            combine(utility, indices, weights=DEFAULT_WEIGHTS)
