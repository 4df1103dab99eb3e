"""axe-core finds no serious or critical fault on any page, wide or narrow, light or dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from serving.client import Client
from tests.serving.console.conftest import Console, opened, sign_in


def faults(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.fixture(scope="module", params=[(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")], ids=str)
def page(browser: Any, console: Console, request: Any) -> Iterator[Any]:
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    width, scheme = request.param
    with opened(browser, width=width, scheme=scheme) as made:
        made.goto(console.url)
        assert faults(made) == []
        sign_in(made, console)
        yield made


def test_no_page_has_a_serious_fault(page: Any, console: Console, campaign: dict[str, Any]) -> None:
    asked = f"campaign={campaign['campaign_id']}"
    for path, there in (
        (f"/?{asked}", ".cr-check-panel .cr-figure"),
        ("/", ".cr-check-panel h2"),
        ("/shortlists", ".cr-empty, .cr-list"),
        (f"/budget?{asked}", "#headline"),
        ("/creators", ".cr-search input"),
        ("/categories", "#leaders table"),
        ("/models", "section[aria-label='How they were measured'] table"),
        ("/results", ".cr-empty, table"),
        ("/ranking?campaign=ca_none", "[role=alert]"),
        (f"/ranking?{asked}", "[data-filled='1'] .ag-row"),
    ):
        page.goto(console.url + path)
        page.wait_for_selector(there)
        assert faults(page) == [], path
    page.click(".ag-center-cols-container .ag-row[row-index='1'] [col-id=score]")
    page.wait_for_selector(".cr-beside .cr-reasons")
    assert faults(page) == []


def test_nor_has_any_page_beside_the_ranking(page: Any, console: Console, campaign: dict[str, Any]) -> None:
    page.set_default_timeout(60_000)  # a plan takes its time where others are at work
    within = f"market={campaign['market']}&category={campaign['category_id']}"
    with Client(console.api, console.key) as client:
        first = client.leaders(market=campaign["market"], category_id=campaign["category_id"], top=1)[0].creator_id
    for path, there in (
        ("/budget", ".cr-aside"),
        (f"/budget?campaign={campaign['campaign_id']}", "#headline"),
        ("/creators", "form"),
        (f"/creators/{first}", "#index h2"),
        (f"/creators/{first}/page", "h1"),
        (f"/categories?{within}", "#scatter .cr-chart"),
        ("/models", "section[aria-label='How they were measured'] table"),
        ("/results", ".cr-empty, table"),
    ):
        page.goto(console.url + path)
        page.wait_for_selector(there)
        assert faults(page) == [], path
        wide, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide <= window, path


def test_nor_has_what_opens_on_a_page(page: Any, console: Console, campaign: dict[str, Any]) -> None:
    """Filters, a comparison, a shortlist with somebody on it, search hits, and a card with partnerships behind it."""
    with Client(console.api, console.key) as client:
        leaders = client.leaders(market=campaign["market"], index="diligence", top=40)
        busy = max((client.behind(one.creator_id) for one in leaders), key=lambda one: len(one.partnerships))
    assert busy.partnerships
    page.goto(f"{console.url}/ranking?campaign={campaign['campaign_id']}")
    page.wait_for_selector("[data-filled='1'] .ag-row")
    page.click("summary:has-text('Filters')")
    for place in (0, 1):
        page.click(f".ag-row[row-index='{place}'] .ag-selection-checkbox input")
    page.click("button:has-text('Compare two')[aria-disabled=false]")
    page.wait_for_selector(".cr-compared table")
    assert faults(page) == [], "comparison"
    page.click("button:has-text('Shortlist')[title='2 chosen']")
    page.wait_for_selector("section[aria-label='Add to a shortlist'] button")
    assert faults(page) == [], "shortlist being kept"
    for path, there in (
        ("/shortlists", ".cr-empty, .cr-list"),
        (f"/creators/{busy.creator_id}?index=consistent", "section[aria-label='Past partnerships'] table"),
    ):
        page.goto(console.url + path)
        page.wait_for_selector(there)
        assert faults(page) == [], path
        wide, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide <= window, path
    page.goto(f"{console.url}/creators")
    page.fill(".cr-search input", leaders[0].username[:3])
    page.wait_for_selector(".cr-hits table")
    assert faults(page) == [], "search hits"


def test_nothing_is_wider_than_the_window(page: Any, console: Console, campaign: dict[str, Any]) -> None:
    for path, there in (
        ("/", ".cr-check-panel h2"),
        (f"/ranking?campaign={campaign['campaign_id']}", "[data-filled='1'] .ag-row"),
        ("/shortlists", ".cr-empty, .cr-list"),
    ):
        page.goto(console.url + path)
        page.wait_for_selector(there)
        wide, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide <= window, path
