from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from marketplace.errors import BriefError
from models.economics import Economics


def brief(**terms):
    return SimpleNamespace(
        **{"margin_rate": 0.4, "commission_rate": 0.1, "flat_fee_usd": 20.0, "sample_cost_usd": 5.0, **terms}
    )


def test_utility_is_the_funnel_times_what_is_left_less_the_sample():
    accept, deliver, lift, attributed = (np.array([value]) for value in (0.5, 0.8, 300.0, 400.0))
    utility = Economics.of(brief()).utility(accept, accept * deliver, lift, attributed)
    assert utility[0] == pytest.approx(0.5 * (0.8 * (0.4 * 300 - 20 - 0.1 * 400) - 5))


def test_many_briefs_give_each_row_its_own_terms():
    briefs = {"a": brief(), "b": brief(margin_rate=0.2, sample_cost_usd=0)}
    ids = np.array(["b", "a", "b"])
    many = Economics.of_many(briefs, ids)
    rng = np.random.default_rng(0)
    accept, success, lift, attributed = rng.random((4, 3))
    each = [
        Economics.of(briefs[name]).utility(accept[[i]], success[[i]], lift[[i]], attributed[[i]])[0]
        for i, name in enumerate(ids)
    ]
    np.testing.assert_array_equal(many.utility(accept, success, lift, attributed), each)
    np.testing.assert_array_equal(many.take([0, 2]).margin_rate, [0.2, 0.2])
    assert Economics.of(brief()).take([0, 2]).margin_rate.ndim == 0


def test_a_campaign_without_brief_is_named():
    with pytest.raises(BriefError, match="such as x"):
        Economics.of_many({"a": brief()}, ["a", "x"])


@pytest.mark.parametrize(
    "terms", [{"margin_rate": 1.2}, {"commission_rate": -0.1}, {"flat_fee_usd": np.nan}, {"sample_cost_usd": np.inf}]
)
def test_terms_that_are_no_money_are_refused(terms):
    with pytest.raises(BriefError):
        Economics.of(brief(**terms))
