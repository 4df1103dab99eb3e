"""Creator: a card by username and by id, what stands behind it, and that peers' numbers are told as theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("nicegui")

from features.cards import amount_words, card_rows, gains, index_formula, is_guess
from serving.client import Client
from tests.serving.console.conftest import opened, sign_in


@pytest.fixture(scope="module")
def leader(console, campaign):
    """The card of the market's first leader, as the API gives it."""
    with Client(console.api, console.key) as client:
        first = client.leaders(market=campaign["market"], category_id=campaign["category_id"], top=1)[0]
        return client.card(first.creator_id)


@pytest.fixture(scope="module")
def page(browser, console, leader):
    with opened(browser) as made:
        sign_in(made, console, f"/creators/{leader.username}")
        made.wait_for_selector("#index h2")
        yield made


def test_a_username_opens_the_card(page, leader):
    assert page.inner_text("h1") == leader.username
    assert leader.creator_id in page.inner_text("dl")
    rows = card_rows(leader.data)
    shown = page.locator(".cr-pick").all_inner_texts()
    assert shown == [category or name.replace("_", " ").capitalize() for name, category, _ in rows]
    values = page.locator("[data-filled], .cr-meter-value").all_inner_texts()
    assert values[: len(rows)] == [f"{index['value']:.0f}" for *_, index in rows]


@pytest.mark.parametrize("name", ["diligence", "sales_drive", "profitability"])
def test_the_formula_has_the_creators_numbers(page, leader, name):
    index = leader.data["indices"][name]
    page.get_by_role("button", name=name.replace("_", " ").capitalize(), exact=True).click()
    page.wait_for_selector(f"#index h2:text-is('{name.replace('_', ' ').capitalize()}')")
    told = page.inner_text("#index")
    assert index_formula(index) in told
    for part in index["components"]:
        assert amount_words(part) in told
        if part["own"] is None:
            assert "unknown" in amount_words(part)
    for words, points in gains(index):
        assert f"{words[:1].upper()}{words[1:]}: +{points:.1f}" in told
    assert ("Nothing of the creator's own is known" in told) == is_guess(index)


def test_what_is_not_known_is_listed(page, leader):
    told = page.inner_text("section[aria-label='What is not known']")
    for name, _, index in card_rows(leader.data):
        unknown = [part["text"] for part in index["components"] if part["own"] is None]
        assert all(words in told for words in unknown)
        assert (name.replace("_", " ").capitalize() in told) or not unknown


def test_look_alikes_are_the_services(page, console, leader):
    with Client(console.api, console.key) as client:
        for by in ("audience", "category"):
            asked = client.similar(leader.creator_id, by=by)
            page.select_option("label:has-text('Alike by') + div select", by)
            if not len(asked):
                page.wait_for_selector("text=Nobody is much alike")
                continue
            page.wait_for_function(
                "names => JSON.stringify([...document.querySelectorAll(\"section[aria-label='Alike'] a\")]"
                ".map(a => a.innerText)) === JSON.stringify(names)",
                arg=[one.username for one in asked],
            )


def test_the_card_prints(page, leader):
    answer = page.request.get(page.url.split("?")[0] + "/page")
    assert answer.status == 200
    text = answer.text()
    assert f"<h1><bdi>{leader.username}</bdi></h1>" in text
    assert "<script" not in text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_creators_are_found_by_how_their_names_begin(browser, console, leader):
    with opened(browser) as page:
        sign_in(page, console, "/creators")
        page.fill("label:has-text('Username or creator id') + div input", leader.username[:4])
        page.wait_for_selector(".cr-hits a")
        found = page.locator(".cr-hits a").all_inner_texts()
        assert all(name.casefold().startswith(leader.username[:4].casefold()) for name in found)
        page.fill("label:has-text('Username or creator id') + div input", leader.creator_id)
        page.keyboard.press("Enter")
        page.wait_for_selector(f"h1:text-is('{leader.username}')")
        page.goto(f"{console.url}/creators")
        page.click(f"text={leader.username}")
        page.wait_for_selector(f"h1:text-is('{leader.username}')")


def test_nobody_of_the_name_is_said_in_words(browser, console):
    with opened(browser) as page:
        sign_in(page, console, "/creators/nobody.at.all")
        page.wait_for_selector("[role=alert]:has-text('nobody.at.all')")
        page.wait_for_selector("text=Try again")


def test_the_weeks_are_drawn_and_told(page, console, leader):
    with Client(console.api, console.key) as client:
        history = client.history(leader.creator_id)
    page.get_by_role("button", name="Diligence", exact=True).click()
    page.wait_for_selector("#index h2:text-is('Diligence')")
    if not history.days:
        assert history.note in page.inner_text("#index")
        return
    known = [(day, one) for day, one in zip(history.days, history.indices["diligence"], strict=True) if one is not None]
    (first, start), (last, end) = known[0], known[-1]
    assert f"From {start:.0f} on {first} to {end:.0f} on {last}, week by week." in page.inner_text("#index")
    page.wait_for_selector("#index .cr-chart svg path", state="attached")
    printed = page.request.get(page.url.split("?")[0] + "/page").text()
    assert f"From {start:.0f} on {first} to {end:.0f} on {last}, week by week." in printed


@pytest.fixture(scope="module")
def busy(console, leader):
    """What lies behind the card of the busiest of the first leaders, as the API gives it."""
    with Client(console.api, console.key) as client:
        found = [
            client.behind(one.creator_id) for one in client.leaders(market=leader.market, index="diligence", top=40)
        ]
    best = max(found, key=lambda one: len(one.partnerships))
    assert best.partnerships
    assert best.events
    return best


def test_past_partnerships_and_counted_events_are_the_services(browser, console, busy):
    with Client(console.api, console.key) as client:
        names = {one.brand_id: one.name or one.brand_id for one in client.catalogue().brands}
        card = client.card(busy.creator_id).data
    with opened(browser) as page:
        sign_in(page, console, f"/creators/{busy.creator_id}?index=consistent")
        page.wait_for_selector("#index h2")
        rows = page.locator("section[aria-label='Past partnerships'] tbody tr")
        assert rows.count() == len(busy.partnerships)
        for place, one in enumerate(busy.partnerships):
            told = rows.nth(place).locator("td").all_inner_texts()
            assert told[:6] == [
                one.invited, names[one.brand_id], one.campaign_id, one.category_id, one.due or "–", one.posted or "–"
            ]  # fmt: skip
        parts = {part["name"] for part in card["indices"]["consistent"]["components"]}
        mine = [one for one in busy.events if one.component in parts]
        assert mine
        counted = page.locator("#counted [aria-label='Events that count in this index'] tbody tr")
        days = [row.locator("td").first.inner_text() for row in counted.all()]
        assert days == [one.day for one in mine]
        left = page.inner_text("section[aria-label='Left out, and why']")
        assert all(one.id in left for one in busy.left_out)
        printed = page.request.get(page.url.split("?")[0] + "/page").text()
        for one in busy.partnerships:
            assert f"<bdi>{one.campaign_id}</bdi>" in printed


def test_a_brands_console_shows_its_own_partnerships_alone(browser, console, busy, monkeypatch):
    from serving.keys import create_key

    monkeypatch.setenv("COLLABRANK_HOME", str(console.home))
    mine = busy.partnerships[0].brand_id
    _, key = create_key("bound", brands=[mine])
    hidden = {one.campaign_id for one in busy.partnerships if one.brand_id != mine}
    with opened(browser) as page:
        sign_in(page, replace(console, key=key), f"/creators/{busy.creator_id}")
        page.wait_for_selector("#index h2")
        rows = page.locator("section[aria-label='Past partnerships'] tbody tr")
        assert rows.count() == sum(one.brand_id == mine for one in busy.partnerships)
        told = page.content() + page.request.get(page.url.split("?")[0] + "/page").text()
        assert not [name for name in hidden if name in told]


PLACES = """() => {
  const box = (selector) => document.querySelector(selector).getBoundingClientRect();
  const [list, raises, detail, counted] =
    [".cr-dense", ".cr-raises", ".cr-detail:has(#index)", "#counted .cr-panel"].map(box);
  return { list, raises, detail, counted, wide: document.documentElement.scrollWidth };
}"""


def test_many_events_leave_no_column_empty(browser, console, busy):
    """Beside the events stands nothing, and no column ends far above the one beside it."""
    with opened(browser) as page:
        sign_in(page, console, f"/creators/{busy.creator_id}?index=consistent")
        page.wait_for_selector("#counted tbody tr")
        seen = 0
        for name in page.locator(".cr-pick:not(.cr-within)").all_inner_texts():
            page.get_by_role("button", name=name, exact=True).click()
            page.wait_for_selector(f"#index h2:text-is('{name}')")
            if not page.locator("#counted .cr-panel").count():
                continue
            seen += 1
            at = page.evaluate(PLACES)
            left, right = at["raises"]["bottom"], at["detail"]["bottom"]
            assert at["counted"]["top"] >= max(left, right)
            assert at["counted"]["width"] == pytest.approx(at["detail"]["right"] - at["list"]["left"], abs=1)
            assert abs(left - right) < 0.5 * (max(left, right) - at["list"]["top"]), name
            assert at["wide"] <= 1280
        assert seen
    with opened(browser, width=390, height=800) as page:
        sign_in(page, console, f"/creators/{busy.creator_id}?index=consistent")
        page.wait_for_selector("#counted tbody tr")
        at = page.evaluate(PLACES)
        assert at["list"]["bottom"] <= at["detail"]["top"] <= at["raises"]["top"] <= at["counted"]["top"]
        assert at["wide"] <= 390
        # Every column of the indices is there without scrolling, the rank too.
        assert page.evaluate(
            "() => { const e = document.querySelector('.cr-dense .cr-scroll'); return e.scrollWidth <= e.clientWidth; }"
        )
        page.get_by_role("button", name="Cooperation", exact=True).click()
        page.wait_for_selector("#index h2:text-is('Cooperation')")
        page.wait_for_function("() => Math.abs(document.querySelector('#index').getBoundingClientRect().top) < 120")


@pytest.fixture
def key_of(console, monkeypatch):
    """Makes a key of the console's home."""
    from serving.keys import create_key

    monkeypatch.setenv("COLLABRANK_HOME", str(console.home))
    return lambda scope, **more: create_key(f"A {scope}", scope=scope, **more)[1]


def test_a_creators_key_opens_its_own_card_and_says_of_all_else_what_it_opens(browser, console, leader, key_of):
    with opened(browser) as page:
        sign_in(page, replace(console, key=key_of("creator", creator=leader.creator_id)))
        page.wait_for_url(f"{console.url}/creators/{leader.creator_id}")
        page.wait_for_selector("#index h2")
        assert page.inner_text("h1") == leader.username
        assert page.locator("section[aria-label=Alike]").count() == 0
        assert page.locator(".cr-nav a").count() == 0
        assert page.request.get(f"{page.url}/page").status == 200
        for path in ("/ranking", "/creators", "/models", "/ranking/export.csv"):
            answer = page.goto(console.url + path)
            assert answer.status == 403
            assert "It opens one creator's own card." in page.inner_text("main")
        with Client(console.api, console.key) as client:
            (other, *_) = client.leaders(market=leader.data["market"], index="diligence", top=2)[-1:]
        page.goto(f"{console.url}/creators/{other.creator_id}")
        page.wait_for_selector("#page [role=alert]")
        page.goto(f"{console.url}/models")
        page.click("text=Sign out")
        page.wait_for_selector("text=You are signed out.")


def test_a_reviewer_looks_up_and_ranks_nothing(browser, console, leader, key_of):
    with opened(browser) as page:
        sign_in(page, replace(console, key=key_of("reviewer")))
        assert page.locator(".cr-nav a").all_inner_texts() == ["Creator", "Categories", "Models", "Results"]
        for path in ("/categories", "/models", "/results", f"/creators/{leader.creator_id}"):
            page.goto(console.url + path)
            page.wait_for_selector("#page h1")
            page.wait_for_selector("#page h2, #page .cr-empty")
            assert page.locator("#page [role=alert]").count() == 0, path
        page.goto(console.url + "/budget")
        assert "It opens creators and their cards" in page.inner_text("main")


def test_a_key_that_opens_no_page_is_not_let_in(browser, console, key_of):
    with opened(browser) as page:
        page.goto(console.url)
        page.fill("#key", key_of("metrics"))
        page.click("button[type=submit]")
        assert "This key is for metrics alone" in page.inner_text("[role=alert]")
        assert page.context.cookies() == []
