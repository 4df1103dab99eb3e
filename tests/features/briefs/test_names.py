"""The closest known names: case and punctuation first, then what is alike, the same whatever order they came in."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.briefs.names import Names, folded

CATEGORIES = ["beauty", "home_living", "fashion", "food", "electronics", "café"]


@pytest.mark.parametrize(
    ("asked", "closest"),
    [
        ("Beauty", ("beauty",)),
        ("BEAUTY ", ("beauty",)),
        ("Home & Living", ("home_living",)),
        ("home-living", ("home_living",)),
        ("Cafe", ("café",)),
        ("beuaty", ("beauty",)),
        ("Beauty and personal care", ("beauty",)),
        ("eletronics", ("electronics",)),
        ("zzzz", ()),
        ("...", ()),
        ("", ()),
    ],
)
def test_the_closest_names(asked, closest):
    assert Names(CATEGORIES).closest(asked)[:1] == closest[:1]
    assert bool(Names(CATEGORIES).closest(asked)) == bool(closest)


def test_names_of_one_folding_are_all_told_and_no_more_than_asked():
    names = Names(["A-B", "ab", "a b", "A.B", "other"])
    assert names.closest("AB") == ("A-B", "A.B", "a b")
    assert names.closest("AB", most=4) == ("A-B", "A.B", "a b", "ab")


@given(st.lists(st.text(max_size=12), max_size=30), st.text(max_size=12), st.randoms(use_true_random=False))
def test_whatever_the_order_the_answer_is_the_same_and_known(names, asked, chance: random.Random):
    found = Names(names).closest(asked)
    chance.shuffle(names)
    assert Names(names).closest(asked) == found
    assert set(found) <= set(names)
    assert len(found) <= 3
    if asked in names and folded(asked):
        assert any(folded(one) == folded(asked) for one in found)


def test_many_names_are_looked_through_in_a_moment():
    names = Names(f"pr_{number:06}" for number in range(100_000))
    assert "pr_012345" in names.closest("PR-012345")
    assert names.closest("pr_0123456")
