"""Results: what came of campaigns beside what was foretold, and the report that is printed."""

from __future__ import annotations

import json
import re
import shutil

import pytest

pytest.importorskip("nicegui")

from serving.client import ReportEntry
from serving.console.money import DOLLARS
from serving.console.pages.results import points_of
from tests.serving.console.conftest import opened, sign_in
from tests.serving.console.test_accessible import faults


def entry(campaign, **changes):
    told = {
        "campaign_id": campaign, "brand_id": "br_1", "market": "ID", "category_id": "beauty",
        "briefed_at": "2025-06-06T00:00:00+00:00", "lift": 2665.0, "lift_low": 2337.0, "lift_high": 2993.0,
        "attributed": 3831.0, "expected": 2628.0, "profit": 585.0, "over": True, "verdict": "added",
    }  # fmt: skip
    return told | changes


def sums(expected, low, high):
    return {"expected": expected, "low": low, "high": high}


REPORT = {
    "campaign_id": "ca_t1", "brand_id": "br_1", "brand_name": "سارة Daily", "market": "ID", "category_id": "beauty",
    "briefed_at": "2025-06-06T00:00:00+00:00", "as_of": "2025-08-29", "currency": "USD", "level": 0.9,
    "verdict": "added", "verdict_text": "The campaign added sales", "why": "Estimated at 2,665 USD.", "over": True,
    "told_from": None, "counts": {"invited": 47, "accepted": 20, "posted": 13},
    "lift": {"estimate": 2665.0, "low": 2337.0, "high": 2993.0, "attributed": 3831.0, "attributed_over_lift": 1.4375,
             "partnerships": 13},
    "profit": {"estimate": 585.0, "low": 400.0, "high": 770.0},
    "foretold": {"sales": sums(2628.0, 1078.0, 4632.0), "profit": sums(446.0, -10.83, 1095.0),
                 "accepted": sums(19.7, 15.0, 24.0), "content": sums(16.3, 12.0, 20.0)},
    "source": {"text": "All predictions are those of the log."},
    "creators": [
        {"creator_id": "cr_000001", "username": "ann", "came": "posted on time", "left_out": False, "lift": 1285.0,
         "lift_low": 1100.0, "lift_high": 1400.0, "profit": 457.0,
         "foretold": {"success": 0.55, "lift": 272.0, "profit": 35.83}},
        {"creator_id": "cr_000002", "username": None, "came": "posted late", "left_out": False, "lift": None,
         "lift_low": None, "lift_high": None, "profit": None, "foretold": None},
        {"creator_id": "cr_000003", "username": "bea", "came": "declined", "left_out": False, "lift": 0.0,
         "lift_low": 0.0, "lift_high": 0.0, "profit": 0.0, "foretold": {"success": 0.9, "lift": 99.0, "profit": 80.0}},
    ],
    "checks": [{"title": "Days on which nobody posted", "found": "holds", "text": "Nothing is found."}],
    "next_steps": ["Invite ann again."],
}  # fmt: skip
PAGE = '<!DOCTYPE html><html lang="en"><title>Report ca_t1</title><h1>What came of ca_t1</h1></html>'


@pytest.fixture(scope="module")
def shelved(console):
    """Three reports in the service's home: one whole, one of another size, one of a campaign that is not over."""
    folder = console.home / "var" / "reports"
    folder.mkdir(parents=True)
    listed = [
        entry("ca_t1"),
        entry("ca_t2", lift=100.0, lift_low=50.0, lift_high=150.0, expected=300.0, verdict="not told apart"),
        entry("ca_t3", lift=None, lift_low=None, lift_high=None, over=False, verdict="too early", profit=None),
    ]
    (folder / "index.json").write_text(json.dumps({"reports": listed}))
    (folder / "ca_t1.json").write_text(json.dumps(REPORT))
    (folder / "ca_t1.html").write_text(PAGE)
    yield
    shutil.rmtree(folder)


def cells(page, where):
    """The rows of the table body at ``where``, as text."""
    return page.evaluate(
        "where => [...document.querySelector(where).rows]"
        ".map(row => [...row.cells].map(cell => cell.innerText.trim()))",
        where,
    )


@pytest.fixture(scope="module")
def page(browser, console, shelved):
    with opened(browser) as made:
        sign_in(made, console, "/results")
        made.wait_for_selector("table")
        yield made


def test_only_what_is_over_is_held_against_its_forecast():
    told = [
        ReportEntry(**entry(name, **changes))
        for name, changes in {"a": {}, "b": {"over": False}, "c": {"over": None}, "d": {"lift": None}}.items()
    ]
    assert points_of(told) == [(2628.0, 2665.0, 2337.0, 2993.0, "a")]


def test_the_list_tells_what_came_and_a_dash_for_what_is_not_told(page):
    told = {row[0]: row for row in cells(page, "table tbody")}
    assert list(told) == ["ca_t1", "ca_t2", "ca_t3"]
    assert told["ca_t1"][4:] == ["2,665", "2,628", "3,831", "585"]
    assert told["ca_t3"][3:5] == ["too early", "not told"]
    assert told["ca_t3"][-1] == "\N{EN DASH}"
    said = page.inner_text("section[aria-label='Foretold and come']")
    # 2,665 came of 2,628 foretold, which lies in 2,337 to 2,993; 100 came of 300, which lies above 150.
    assert "Of 2 campaigns 1 added more than foretold; in 1 what was foretold lies within the interval" in said
    page.locator(".cr-chart svg path").nth(3).wait_for(state="attached")


def test_a_campaigns_result_is_its_report(page):
    page.click("a:has-text('ca_t1')")
    page.wait_for_selector("h1:text-is('Campaign ca_t1')")
    text = page.inner_text(".cr-page")
    for said in ("سارة Daily", "The campaign added sales.", "Invite ann again.", "Days on which nobody posted"):
        assert said in text
    rows = cells(page, "table tbody")
    assert rows[0] == ["Added sales, USD", "2,665", "2,337 to 2,993", "2,628", "1,078 to 4,632"]
    assert rows[1][1:] == ["585", "400 to 770", "446", f"{DOLLARS.number(-10.83)} to 1,095"]
    assert rows[3] == ["Posted", "13", "of 47", "16.3", "12 to 20"]


def test_creators_are_ordered_as_asked_and_the_unknown_comes_last(page):
    rows = cells(page, "section[aria-label='By creator'] tbody")
    assert [row[0] for row in rows] == ["ann", "bea", "cr_000002"]
    assert rows[0][2:] == ["1,285", "457", "55 %", "272", "35.83"]
    assert rows[2][2:] == ["\N{EN DASH}"] * 5
    page.select_option("label:has-text('Order by') + div select", "foretold")
    page.wait_for_function(
        "() => document.querySelector(\"section[aria-label='By creator'] tbody a\").innerText === 'bea'"
    )


def test_the_report_opens_to_be_printed(page, console):
    with page.context.expect_page() as opening:
        page.click("text=Print the report")
    printed = opening.value
    printed.wait_for_load_state()
    assert re.search(r"/results/ca_t1/page$", printed.url)
    assert printed.inner_text("h1") == "What came of ca_t1"
    answer = page.request.get(printed.url)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]
    assert printed.pdf()[:5] == b"%PDF-"
    printed.close()


def test_a_campaign_without_a_report_is_said_in_words(page, console):
    page.goto(f"{console.url}/results/ca_none")
    page.wait_for_selector("[role=alert]:has-text('a campaign with a report')")
    assert page.request.get(f"{console.url}/results/ca_none/page").status == 404


@pytest.mark.parametrize("width", [1280, 390])
def test_no_result_has_a_serious_fault(browser, console, shelved, width):
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    with opened(browser, width=width) as made:
        sign_in(made, console, "/results")
        for path, there in (("/results", "table"), ("/results/ca_t1", "section[aria-label='By creator'] table")):
            made.goto(console.url + path)
            made.wait_for_selector(there)
            assert faults(made) == [], path
            wide, window = made.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
            assert wide <= window, path
