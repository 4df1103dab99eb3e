"""The draw: chances that sum to the slots, are bounded below, and are what is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.exploration.draw import draw_places, place_chances

SIZES = st.tuples(st.integers(0, 200), st.integers(0, 60), st.integers(1, 40))
FLOORS = st.floats(0.01, 1.0)


@given(SIZES, FLOORS)
def test_chances_sum_to_the_slots_and_never_fall_below_the_floor(sizes: tuple[int, int, int], floor: float) -> None:
    left, ranked, slots = sizes
    chances = place_chances(ranked + left, ranked, slots, floor=floor)
    assert chances.shape == (left,)
    assert math.fsum(chances) == pytest.approx(min(slots, left))
    assert ((chances > 0) & (chances <= 1)).all()
    # Nobody's chance is less than that of a uniform draw of the slots times the floor.
    assert left == 0 or chances.min() >= min(floor * slots / left, 1.0) * (1 - 1e-9)
    assert (np.diff(chances) <= 1e-12).all()


@given(SIZES, FLOORS, st.floats(0, 1, exclude_max=True))
def test_each_place_is_drawn_once_with_the_chance_that_is_told(
    sizes: tuple[int, int, int], floor: float, u: float
) -> None:
    left, ranked, slots = sizes
    drawn = draw_places(ranked + left, ranked, slots, u=u, floor=floor)
    assert len(drawn.places) == len(set(drawn.places)) == min(slots, left)
    assert list(drawn.places) == sorted(drawn.places)
    assert all(ranked < place <= ranked + left for place in drawn.places)
    chances = place_chances(ranked + left, ranked, slots, floor=floor)
    assert drawn.chances == pytest.approx([chances[place - ranked - 1] for place in drawn.places])


@pytest.mark.parametrize(("eligible", "ranked", "slots"), [(60, 18, 2), (24, 18, 4), (200, 9, 1), (12, 4, 5)])
def test_who_is_drawn_over_an_even_grid_of_draws_is_who_should_be(eligible: int, ranked: int, slots: int) -> None:
    # The one uniform number runs through a fine grid instead of chance: what is left is the grid's own step.
    steps = 20_000
    seen = np.zeros(eligible + 1)
    for step in range(steps):
        for place in draw_places(eligible, ranked, slots, u=(step + 0.5) / steps).places:
            seen[place] += 1
    np.testing.assert_allclose(seen[ranked + 1 :] / steps, place_chances(eligible, ranked, slots), atol=2 / steps)


def test_a_hand_worked_draw() -> None:
    # Places 3, 4 and 5 for one slot, no uniform part to speak of: log(4/3), log(5/4), log(6/5) of log(6/3).
    chances = place_chances(5, 2, 1, floor=0.01)
    expected = [0.99 * math.log((p + 1) / p) / math.log(2) + 0.01 / 3 for p in (3, 4, 5)]
    assert chances == pytest.approx(expected)
    assert draw_places(5, 2, 1, u=0.0).places == (3,)
    assert draw_places(5, 2, 1, u=1 - 2**-53).places == (5,)


def test_as_many_are_drawn_between_equal_steps_of_standing() -> None:
    chances = place_chances(20_000, 19, 2, floor=0.2)
    uniform = 0.2 * 2 / 19_981
    logarithmic = chances - uniform
    places = np.arange(20, 20_001)
    near, far = (logarithmic[(places >= low) & (places < 10 * low)].sum() for low in (20, 200))
    assert near == pytest.approx(far)


def test_a_million_creators_take_no_longer_than_a_few() -> None:
    drawn = draw_places(1_000_000, 18, 2, u=0.9)
    assert len(drawn.places) == 2
    assert min(drawn.chances) >= 0.2 * 2 / 1_000_000
