"""Categories: leaders and the scatter are the service's own numbers."""

from __future__ import annotations

import pytest

pytest.importorskip("nicegui")

from serving.client import Client
from tests.serving.console.conftest import opened, sign_in


@pytest.fixture(scope="module")
def page(browser, console, campaign):
    with opened(browser) as made:
        sign_in(made, console, f"/categories?market={campaign['market']}&category={campaign['category_id']}")
        made.wait_for_selector("#leaders tbody tr")
        made.wait_for_selector("#scatter svg path", state="attached")
        yield made


@pytest.fixture(scope="module")
def client(console):
    with Client(console.api, console.key) as made:
        yield made


def shown(page):
    return page.locator("#leaders tbody a").all_inner_texts()


def test_leaders_by_influence_in_the_category(page, client, campaign):
    asked = list(client.leaders(market=campaign["market"], category_id=campaign["category_id"], top=20))
    assert shown(page) == [one.username for one in asked]
    values = page.locator("#leaders .cr-meter-value").all_inner_texts()
    assert values == [f"{one.value:.0f}" for one in asked]


def test_leaders_by_another_index(page, client, campaign):
    asked = [one.username for one in client.leaders(index="diligence", market=campaign["market"], top=20)]
    page.select_option("label:has-text('Leaders by') + div select", "diligence")
    page.wait_for_function(
        "names => JSON.stringify([...document.querySelectorAll('#leaders tbody a')].map(a => a.innerText)) === "
        "JSON.stringify(names)",
        arg=asked,
    )


def test_the_marked_creator_stands_among_those_shown(page, client, campaign):
    scatter = client.indices(
        x="category_influence", y="sales_drive", market=campaign["market"], category_id=campaign["category_id"]
    )
    best = max(range(len(scatter)), key=lambda one: (scatter.x[one], scatter.creators[one]))
    page.fill("label:has-text('Mark a creator') + div input", scatter.usernames[best])
    page.wait_for_selector("#marked")
    told = page.inner_text("#marked")
    assert told.startswith(f"{scatter.usernames[best]}: Category influence {scatter.x[best]:.0f}, above ")
    below = sum(one < scatter.y[best] for one in scatter.y) / (len(scatter) - 1)
    assert f"Sales drive {scatter.y[best]:.0f}, above {100 * below:.0f} %" in told
    assert page.get_attribute("#scatter .cr-chart", "aria-label") == (
        f"Sales drive against Category influence of {len(scatter)} creators"
    )


def test_any_two_numbers_can_be_drawn(page, client, campaign):
    page.select_option("label:has-text('Across') + div select", "followers")
    page.select_option("label:has-text('Upwards') + div select", "profitability")
    page.wait_for_selector("[aria-label^='Profitability against Followers of'] svg path", state="attached")
