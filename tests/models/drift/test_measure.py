"""Drift: the index by hand, its law where nothing moves, what it says where something does, and what a bundle keeps."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marketplace.errors import BundleError
from models.drift import Reference, Sample, drift_of, spread_rows
from models.drift.measure import psi
from models.drift.reference import BINS, binned, effective_rows

NAMES = ("a", "b")


def sample(rng, *, briefs=60, each=30, shift=0.0, missing=0.0, scale=1.0, zeros=0.0):
    n = briefs * each
    a = rng.normal(size=n) * scale + shift
    a[rng.random(n) < missing] = np.nan
    b = rng.exponential(size=n) * (rng.random(n) > 0.6 + zeros)
    return Sample(np.c_[a, b], {"lift": 3.0 * a}, np.repeat(np.arange(briefs), each))


def of(found, name):
    return next(one for one in found if one.name == name)


def test_the_index_by_hand():
    then, now = [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]
    assert psi(then, now) == pytest.approx((0.2 - 0.5) * math.log(0.2 / 0.5) + (0.5 - 0.2) * math.log(0.5 / 0.2))
    assert psi(then, then) == 0
    # An empty bin counts as .0001.
    assert psi([0.5, 0.5], [1.0, 0.0]) == pytest.approx(0.5 * math.log(2) + (0.5 - 1e-4) * math.log(0.5 / 1e-4))


@given(arrays(float, 11, elements=st.floats(0, 1)), arrays(float, 11, elements=st.floats(0, 1)))
def test_the_index_is_symmetric_and_never_negative(one, other):
    assert psi(one, other) == pytest.approx(psi(other, one))
    assert psi(one, other) >= 0


@given(arrays(float, 40, elements=st.floats(-5, 5) | st.just(math.nan)), st.integers(1, 12))
def test_bins_cover_every_value_once(values, briefs):
    reference = Reference.of(["x"], Sample(values[:, None], {}, np.arange(40) % briefs))
    column = reference.signals["x"]
    places = binned(values, column.edges)
    assert len(column.edges) < BINS
    assert places.max() <= len(column.edges) + 1
    np.testing.assert_array_equal(places == len(column.edges) + 1, np.isnan(values))
    for low, high in zip(column.edges, column.edges[1:], strict=False):
        inside = (values > low) & (values <= high)
        assert len(set(places[inside])) <= 1
    assert sum(column.eligible) == pytest.approx(1, abs=1e-4)
    same = drift_of(reference, ["x"], Sample(values[:, None], {}, np.arange(40) % briefs))
    assert same[0].psi < 1e-3


def test_nothing_has_moved_where_nothing_has_moved():
    """Chance bounds hold about as often as they say, also for terms that all rows of a brief share."""
    rng = np.random.default_rng(5)
    over = {"own": 0, "shared": 0}
    rounds = 200
    for _ in range(rounds):
        one, other = (
            Sample(np.c_[rng.normal(size=900), np.repeat(rng.normal(size=30), 30)], {}, np.repeat(np.arange(30), 30))
            for _ in range(2)
        )
        for column in drift_of(Reference.of(("own", "shared"), one), ("own", "shared"), other):
            over[column.name] += column.psi > column.chance
            # 30 draws in ten bins differ by more than .25 by luck: that is called chance, not drift.
    assert over["own"] < 0.1 * rounds
    assert over["shared"] < 0.1 * rounds


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"shift": 1.0}, "higher"),
        ({"shift": -1.0}, "lower"),
        ({"scale": 3.0}, "more at both ends"),
        ({"scale": 0.3}, "more in the middle"),
        ({"missing": 0.4}, "more often without a value (0%, now 4"),
    ],
)
def test_what_has_moved_is_called_so_and_which_way(change, word):
    rng = np.random.default_rng(3)
    reference = Reference.of(NAMES, sample(rng))
    found = drift_of(reference, NAMES, sample(rng, **change))
    assert of(found, "a").verdict == "drifted"
    assert of(found, "a").direction.startswith(word)
    assert of(found, "lift").kind == "prediction"
    assert of(found, "lift").verdict == "drifted"
    assert of(found, "b").verdict == "steady"
    assert of(found, "b").direction == ""
    assert [one.psi for one in found] == sorted((one.psi for one in found), reverse=True)


def test_a_normal_shift_gives_the_index_that_theory_gives():
    """For shifted normals the sum over fine bins tends to shift squared: twice the Kullback-Leibler distance."""
    rng = np.random.default_rng(0)
    reference = Reference.of(NAMES, sample(rng, briefs=200, each=500))
    found = drift_of(reference, NAMES, sample(rng, briefs=200, each=500, shift=0.3))
    assert of(found, "a").psi == pytest.approx(0.3**2, rel=0.12)


def test_rows_of_a_brief_that_are_all_alike_are_worth_one():
    brief = np.repeat(np.arange(40), 25)
    rng = np.random.default_rng(1)
    assert effective_rows(rng.integers(0, 10, 40)[brief], brief) == pytest.approx(40, rel=0.05)
    assert effective_rows(rng.integers(0, 10, 1000), brief) > 700


def test_the_learned_are_told_apart_from_the_eligible():
    rng = np.random.default_rng(2)
    eligible, invited = sample(rng), sample(rng, shift=2.0)
    reference = Reference.of(NAMES, eligible, invited)
    found = of(drift_of(reference, NAMES, sample(rng)), "a")
    assert found.verdict == "steady"
    assert found.learned > 1


def test_a_reference_is_small_and_reads_back():
    rng = np.random.default_rng(4)
    wide = Sample(rng.normal(size=(500, 150)), {"lift": rng.normal(size=500)}, np.arange(500) // 10)
    names = [f"s{i}" for i in range(150)]
    reference = Reference.of(names, wide, wide)
    text = json.dumps(reference.as_dict())
    assert len(text) < 80_000
    assert Reference.from_dict(json.loads(text), signals=names) == reference


@pytest.mark.parametrize(
    "change",
    [
        {"edges": [1.0, 0.0]},
        {"eligible": [0.5, 0.5]},
        {"eligible": [2.0, -1.0, 0.0]},
        {"learned": [1.0]},
        {"effective": "many"},
        {"edges": [math.nan]},
        {"edges": [True]},
        {"extra": 1},
    ],
)
def test_a_reference_that_is_none_is_refused(change):
    column = {"edges": [0.0], "eligible": [0.5, 0.5, 0.0], "learned": [], "effective": 3.0}
    good = {"signals": {"a": column}, "predictions": {}}
    Reference.from_dict(good, signals=NAMES)
    with pytest.raises(BundleError):
        Reference.from_dict({**good, "signals": {"a": column | change}}, signals=NAMES)
    with pytest.raises(BundleError):
        Reference.from_dict({**good, "signals": {"unknown": column}}, signals=NAMES)


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(1, 7))
def test_as_many_rows_of_each_brief(briefs, most):
    brief = np.array(briefs, dtype=np.int64)
    rows = spread_rows(brief, most)
    assert list(rows) == sorted(set(rows.tolist()))
    for one in set(briefs):
        assert (brief[rows] == one).sum() == min(most, briefs.count(one))
