"""Budget: what is asked of the planner, and what is said of its plan; by hand, then in a browser."""

from __future__ import annotations

from types import SimpleNamespace as One

import pytest

pytest.importorskip("nicegui")

from serving.client import Client
from serving.console.money import DOLLARS
from serving.console.pages.budget import Wish
from serving.console.pages.plan import break_even_of, headline_of, noise_of
from tests.serving.console.conftest import opened, sign_in


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
    assert headline_of(plan(outlook=nobody), DOLLARS) == (
        "Nobody: within these limits none of 120 candidates adds to profit, or no invitation is left. Invitations sent "
        "in the last 30 days count against the limits."
    )


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
        "campaign_id": "ca_1", "budget": None, "samples": None, "invitations": 40, "per_creator": None,
        "per_brand": None, "goal": "profit",
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
        ({"per_creator": 0.5}, "per_creator"),
        ({"per_brand": -1}, "per_brand"),
    ],
)
def test_what_cannot_be_planned_is_said_at_its_field(changes, field):
    wish = Wish(**({"source": "campaign:ca_1"} | changes))
    assert list(wish.faults()) == [field]


PLAN = "#plan #headline"
WITHIN = {"budget": 300.0, "samples": 6, "invitations": 10}


@pytest.fixture(scope="module")
def planned(browser, console, campaign):
    """A tab with the plan of the latest campaign within 300 USD, 6 samples and 10 invitations, and the API's own."""
    with opened(browser) as page:
        page.set_default_timeout(60_000)
        sign_in(page, console, f"/budget?campaign={campaign['campaign_id']}")
        page.wait_for_selector(PLAN)
        page.fill("label:text-is('Budget') + div input", "300")
        page.fill("label:has-text('Samples') + div input", "6")
        page.fill("label:has-text('Invitations') + div input", "10")
        # The little model of these tests foretells no profit for this brief; sales there are always.
        page.select_option("label:has-text('The most of') + div select", "sales")
        page.evaluate("document.querySelector('#headline').dataset.old = 'yes'")
        page.click("button:has-text('Plan')")
        page.wait_for_selector("#headline:not([data-old])")
        with Client(console.api, console.key) as client:
            asked = client.plan(campaign_id=campaign["campaign_id"], goal="sales", **WITHIN)
        yield page, asked


def cells(page, caption):
    """The body of the table with ``caption``, as text."""
    return page.evaluate(
        "caption => [...document.querySelectorAll('table')].find(t => t.caption?.innerText === caption || "
        "t.caption?.textContent === caption).tBodies[0].innerText.split('\\n').map(r => r.split('\\t'))",
        caption,
    )


def test_a_plan_on_screen_is_the_services(planned):
    page, asked = planned
    assert page.inner_text(PLAN) == headline_of(asked, DOLLARS)
    rows = {row[0]: row[1:] for row in cells(page, "What is expected of the plan, and what may come")}
    profit, content = asked.outlook.profit, asked.outlook.content
    assert rows["Profit, USD"] == [DOLLARS.number(one) for one in (profit.expected, profit.low, profit.high)]
    assert rows["Deliver content"] == [f"{content.expected:.1f}", f"{content.low:.0f}", f"{content.high:.0f}"]
    shown = page.locator("a[href^='/creators/cr_']").all_inner_texts()
    assert shown == [one.username for one in asked.creators]
    assert 0 < len(shown) <= 10


def test_the_curve_has_a_text_and_a_table_of_its_own(planned):
    page, asked = planned
    chart = page.locator(".cr-chart")
    assert chart.get_attribute("role") == "img"
    assert "Expected profit goes from" in chart.get_attribute("aria-label")
    chart.locator("svg path").nth(3).wait_for(state="attached")
    page.click("summary:has-text('The curve as a table')")
    page.wait_for_selector("[aria-label='The best choice of each budget'] td")
    rows = cells(page, "The best choice of each budget")
    assert [row[0] for row in rows] == [DOLLARS.number(one.budget) for one in asked.curve]
    assert [row[3] for row in rows] == [DOLLARS.number(one.outlook.profit.expected) for one in asked.curve]


def test_creators_are_ordered_as_asked(planned):
    page, asked = planned
    page.select_option("label:has-text('Order by') + div select", "lift")
    by_lift = sorted(asked.creators, key=lambda one: (-one.lift, one.creator_id))
    page.wait_for_function(
        "names => JSON.stringify([...document.querySelectorAll(\"a[href^='/creators/cr_']\")].map(a => a.innerText)) "
        "=== JSON.stringify(names)",
        arg=[one.username for one in by_lift],
    )


def test_other_terms_are_tried(planned, console, campaign):
    page, asked = planned
    tried = [(one.flat_fee, one.commission_rate) for one in asked.what_if]
    page.fill("label:has-text('Fee to try') + div input", "31")
    page.fill("label:has-text('Commission to try') + div input", "12")
    page.click("text=Try these terms")
    page.wait_for_selector("td >> text=/^31$/")
    with Client(console.api, console.key) as client:
        anew = client.plan(campaign_id=campaign["campaign_id"], goal="sales", terms=[*tried, (31.0, 0.12)], **WITHIN)
    (mine,) = (one for one in anew.what_if if one.flat_fee == 31.0)
    row = next(row for row in cells(page, "The best choice under other terms, foretold anew") if row[0] == "31")
    assert row[1:5] == [
        "12 %", f"{mine.outlook.invitations}", f"{mine.outlook.content.expected:.1f}",
        DOLLARS.number(mine.outlook.profit.expected),
    ]  # fmt: skip


def test_what_cannot_be_planned_is_said_at_its_field_and_not_asked(browser, console):
    with opened(browser) as page:
        sign_in(page, console, "/budget")
        page.wait_for_selector("text=No plan yet")
        page.click("button:has-text('Plan')")
        page.wait_for_selector(".cr-fault:has-text('choose what is to be planned')")
        assert page.is_visible("text=No plan yet")  # as it was: nothing was asked
