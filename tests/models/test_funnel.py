"""The funnel's vocabulary: its arithmetic by hand, its derivatives against differences, and nothing beyond it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import BundleError
from models.funnel import APART, CHAINED, evaluate, expression_of, names_in, slope

VALUE = {
    "accept": np.array([0.5, 0.2, 0.0]),
    "success": np.array([0.1, 0.4, 0.0]),
    "deliver": np.array([0.5, 1.0, 0.3]),
}

EXPRESSIONS = st.recursive(
    st.sampled_from(["accept", "success", "deliver"]),
    lambda inner: st.tuples(st.sampled_from(["product", "ratio"]), inner, inner),
    max_leaves=4,
)
CHANCES = st.fixed_dictionaries({name: st.floats(0.05, 0.95) for name in VALUE})


def test_each_word_by_hand():
    assert evaluate("accept", VALUE).tolist() == [0.5, 0.2, 0.0]
    assert evaluate(("product", "accept", "deliver"), VALUE).tolist() == [0.25, 0.2, 0.0]
    assert evaluate(("at_least", "accept", "success"), VALUE).tolist() == [0.5, 0.4, 0.0]
    assert evaluate(("ratio", "success", "accept"), VALUE).tolist() == [0.2, 2.0, 0.0]


def test_the_two_funnels_keep_success_as_the_product_of_its_steps():
    for funnel in (CHAINED, APART):
        accept, deliver, success = (evaluate(funnel[step], VALUE) for step in ("accept", "deliver", "success"))
        np.testing.assert_allclose(accept * deliver, success, atol=1e-15)
        assert (success <= accept).all()


@given(EXPRESSIONS, CHANCES)
def test_slopes_are_those_of_differences(expression, at):
    value = {name: np.array([one]) for name, one in at.items()}
    for name, one in value.items():
        step = 1e-6
        up, down = ({**value, name: one + sign * step} for sign in (1, -1))
        wanted = (evaluate(expression, up) - evaluate(expression, down)) / (2 * step)
        np.testing.assert_allclose(slope(expression, value, name), wanted, rtol=1e-4, atol=1e-5)
        if name not in set(names_in(expression)):
            assert slope(expression, value, name) == 0.0


def test_the_slope_of_at_least_is_that_of_its_first():
    assert slope(("at_least", "accept", "success"), VALUE, "accept") == 1.0
    assert slope(("at_least", "accept", "success"), VALUE, "success") == 0.0


@given(EXPRESSIONS)
def test_what_json_makes_of_an_expression_is_read_back(expression):
    def listed(one):
        return one if isinstance(one, str) else [one[0], listed(one[1]), listed(one[2])]

    assert expression_of(listed(expression)) == expression


@pytest.mark.parametrize(
    "content",
    [
        "",
        "Accept",
        "../x",
        7,
        None,
        [],
        ["product"],
        ["product", "a"],
        ["sum", "a", "b"],
        ["product", "a", 1],
        {"a": 1},
    ],
)
def test_what_is_no_expression_is_refused(content):
    with pytest.raises(BundleError, match="product"):
        expression_of(content)


def test_an_expression_without_end_is_refused():
    deep = "accept"
    for _ in range(20):
        deep = ["product", deep, "accept"]
    with pytest.raises(BundleError):
        expression_of(deep)
