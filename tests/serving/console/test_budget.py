"""Budget: what is asked of the planner, and what is said of its plan; by hand, then in a browser."""

from __future__ import annotations

from types import SimpleNamespace as One

import pytest

pytest.importorskip("nicegui")

from serving.console.money import DOLLARS
from serving.console.pages.budget import Wish
from serving.console.pages.plan import break_even_of, headline_of, noise_of


def plan(**changes):
    told = {
        "candidates": 120,
        "outlook": One(
            invitations=40,
            content=One(expected=10.0, low=7.0, high=14.0),
            profit=One(expected=3_600.0, low=537.0, high=9_527.0),
        ),
        "power": One(
            effect=1_377.4, partnerships=9.0, power=0.8, level=0.05, noise=One(deviation=1_220.0, partnerships=1_412)
        ),
        "smallest_lift_told": 1_194.3,
    }
    return One(**(told | changes))


def test_the_headline_says_what_is_expected_and_the_bad_case():
    assert headline_of(plan(), DOLLARS) == (
        "Invite 40 of 120 candidates: expected profit 3,600 USD, in 1 case of 10 below 537 USD, in 1 of 10 above "
        "9,527 USD."
    )
    nobody = One(invitations=0, content=One(expected=0.0), profit=One(expected=0.0, low=0.0, high=0.0))
    assert headline_of(plan(outlook=nobody), DOLLARS) == "None of 120 candidates is worth inviting within these limits."


def test_the_fee_at_which_a_plan_leaves_nothing_by_hand():
    # 10 posts are expected: 360 USD more for each takes 3,600 USD of profit.
    assert break_even_of(plan(), 25.0) == 25.0 + 360.0
    nobody = One(invitations=0, content=One(expected=0.0), profit=One(expected=0.0))
    assert break_even_of(plan(outlook=nobody), 25.0) is None


def test_noise_in_words():
    first, second, third = noise_of(plan(), DOLLARS)
    assert first == (
        "It takes 9 delivered partnerships to tell a mean lift of 1,377 USD a partnership from none, in 8 cases of 10 "
        "at the 5 % level. This plan expects 10.0."
    )
    assert "1,194 USD" in second
    assert "1,220 USD" in third
    assert "not known" in noise_of(plan(power=None), DOLLARS)[0]
    far = One(**(vars(plan().power) | {"partnerships": None}))
    assert "out of reach" in noise_of(plan(power=far), DOLLARS)[0]


def test_what_is_asked_has_no_limit_where_none_is_said():
    wish = Wish(source="campaign:ca_1", invitations=40)
    assert wish.faults() == {}
    assert wish.asked({}) == {
        "campaign_id": "ca_1", "budget": None, "samples": None, "invitations": 40, "goal": "profit",
        "spend": "expected", "lift": None, "terms": None,
    }  # fmt: skip
    written = Wish(source="brief:b1", terms=[(25.0, 0.1)]).asked({"b1": {"market": "ID"}})
    assert (written["brief"], written["terms"]) == ({"market": "ID"}, [(25.0, 0.1)])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"source": ""}, "source"),
        ({"budget": -1.0}, "budget"),
        ({"samples": 2.5}, "samples"),
        ({"invitations": -3}, "invitations"),
    ],
)
def test_what_cannot_be_planned_is_said_at_its_field(changes, field):
    wish = Wish(**({"source": "campaign:ca_1"} | changes))
    assert list(wish.faults()) == [field]
