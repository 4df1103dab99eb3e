"""Where the sliders rest: at the model's own weights, none of which is rounded away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.console.ranked.weights import _places

# As the champion of a large marketplace has them.
OWN = {"model": 0.9, "cooperation": 0.015, "diligence": 0.005, "category_influence": 0.025, "sales_drive": 0.02}


def test_a_small_weight_is_not_nought() -> None:
    total = sum(OWN.values())
    places = _places(OWN)
    assert places["diligence"] == 0.5
    assert all(abs(places[name] - 100 * weight / total) <= 0.25 for name, weight in OWN.items())


@given(st.dictionaries(st.sampled_from("abcdefghi"), st.floats(0.0, 1e6), max_size=9))
def test_places_are_steps_of_a_slider(weights: dict[str, float]) -> None:
    places = _places(weights)
    assert all(0.0 <= place <= 100.0 and (2 * place).is_integer() for place in places.values())
    if sum(weights.values()) > 0:
        assert sum(places.values()) == pytest.approx(100.0, abs=0.25 * len(places) + 1e-9)
