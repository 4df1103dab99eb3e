"""The console as its user meets it: a real browser, a real service and console, nothing in their stead."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from openpyxl import load_workbook

from marketplace.tables import open_marketplace
from serving.client import Client
from serving.decisions import read_decisions
from tests.serving.console.conftest import Console, free_port, opened, running, sign_in

FIRST = ".ag-center-cols-container .ag-row[row-index='0']"


@pytest.fixture(scope="module")
def session(browser: Any, console: Console) -> Iterator[Any]:
    """A tab that is signed in, for the tests that leave nothing behind."""
    with opened(browser) as page:
        sign_in(page, console)
        yield page


HELD = "getElement(Number(document.querySelector('[data-filled]').id.slice(1))).api.getDisplayedRowCount()"


def ranked(page: Any, console: Console, query: str) -> None:
    page.goto(f"{console.url}/ranking?{query}")
    filled(page)


def filled(page: Any) -> None:
    """Wait until the first answer stands in the table, as far down as it is in sight."""
    page.wait_for_function(
        """() => {
          const grid = document.querySelector("[data-filled='1']");
          if (!grid) return false;
          const rows = (side) => grid.querySelectorAll(`.ag-${side}-cols-container .ag-row`).length;
          const of = getElement(Number(grid.id.slice(1))).api.getDisplayedRowCount();
          return rows("center") >= Math.min(5, of) && rows("center") === rows("pinned-left");
        }"""
    )


def order(page: Any) -> list[str]:
    """The creators on screen, from the top."""
    rows = page.evaluate(
        "() => [...document.querySelectorAll('.ag-pinned-left-cols-container .ag-row')]"
        ".map(row => [Number(row.getAttribute('row-index')), row.getAttribute('row-id')])"
    )
    return [name for _, name in sorted(rows)]


def test_a_wrong_key_is_refused_and_a_right_one_opens_what_was_asked_for(tab: Any, console: Console) -> None:
    tab.goto(f"{console.url}/ranking?campaign=ca_none")
    assert tab.url.startswith(f"{console.url}/sign-in?next=/ranking")
    tab.fill("#key", "crk_0000_wrong")
    tab.click("button[type=submit]")
    assert "does not open anything" in tab.inner_text("[role=alert]")
    assert tab.get_attribute("#key", "aria-invalid") == "true"
    assert tab.context.cookies() == []
    tab.fill("#key", console.key)
    tab.click("button[type=submit]")
    tab.wait_for_url(f"{console.url}/ranking?campaign=ca_none")
    (cookie,) = tab.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert console.key not in cookie["value"]
    # A campaign that nobody knows is said in words, and can be tried again.
    tab.wait_for_selector("[role=alert]:has-text('a campaign that the snapshot knows')")
    tab.wait_for_selector("text=Try again")
    assert console.key not in tab.content()
    assert console.key not in console.log.read_text()


def test_signing_out_ends_every_tab_of_the_session(browser: Any, console: Console) -> None:
    with opened(browser) as page:
        sign_in(page, console)
        other = page.context.new_page()
        other.goto(console.url)
        other.wait_for_selector(".cr-nav")
        page.click("text=Sign out")
        assert "You are signed out." in page.inner_text("[role=alert]")
        other.wait_for_url(re.compile("/sign-in"))
        page.goto(console.url)
        assert "/sign-in" in page.url


def test_an_address_that_is_none_is_said_with_a_way_back(browser: Any, console: Console) -> None:
    with opened(browser) as page:
        sign_in(page, console)
        troubles: list[str] = []
        page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        answer = page.goto(f"{console.url}/nowhere/at%2Fall?x=<b>")
        assert answer is not None
        assert answer.status == 404
        assert page.inner_text("h1") == "No such page"
        assert "Exception" not in page.content()
        page.wait_for_timeout(1_000)
        # The address itself is all that the browser has to complain of: nothing goes on asking for a view.
        assert [one for one in troubles if "404" not in one] == []
        page.click("text=To the start page")
        page.wait_for_selector(".cr-nav")


def test_a_brief_is_checked_while_it_is_written_then_ranked_and_kept(
    tab: Any, console: Console, campaign: dict[str, Any]
) -> None:
    sign_in(tab, console)
    tab.wait_for_selector("text=Still needed: a market, a category or a product, a commission.")
    tab.fill("label:text-is('Name') + div input", "Serum, spring")
    tab.select_option("label:has-text('Market') + div select", campaign["market"])
    tab.fill("label:has-text('Category') + div input", "Beaty")
    tab.fill("label:has-text('Commission') + div input", "12")
    tab.wait_for_selector(".cr-fault:has-text('a price, or a product')")
    tab.select_option("label:has-text('Currency') + div select", "USD")  # the market's own was taken
    tab.fill("label:text-is('Price') + div input", "18")
    # The service's own warning stands at the field, and beside it what was meant.
    tab.wait_for_selector(".cr-warned:has-text('knows no category')")
    offered = tab.locator(".cr-check-panel button", has_text="Use ").first
    meant = offered.inner_text().removeprefix("Use ")
    offered.click()
    tab.wait_for_selector(".cr-warned", state="detached")
    tab.wait_for_function(
        "meant => [...document.querySelectorAll('label')].find(one => one.innerText.startsWith('Category'))"
        ".nextElementSibling.querySelector('input').value === meant",
        arg=meant,
    )
    tab.fill("label:has-text('Commission') + div input", "120")
    tab.wait_for_selector(".cr-fault:has-text('Between 0 and 100')")
    tab.fill("label:has-text('Commission') + div input", "12")
    tab.wait_for_selector(".cr-check-panel ol li")
    counted = tab.inner_text(".cr-check-panel .cr-figure")
    tab.click("text=Rank creators")
    filled(tab)
    assert f"{counted} ranked" in tab.inner_text(".cr-body")
    assert "Serum, spring" in tab.inner_text(".cr-head")
    tab.goto(console.url)
    tab.click("text=Serum, spring")
    tab.wait_for_selector(".cr-check-panel .cr-figure")
    assert tab.input_value("label:has-text('Commission') + div input") == "12"
    assert tab.inner_text(".cr-check-panel .cr-figure") == counted


def test_all_that_is_wrong_with_a_brief_is_said_at_once_each_at_its_field(
    tab: Any, console: Console, campaign: dict[str, Any]
) -> None:
    sign_in(tab, console)
    tab.wait_for_selector("text=Still needed: a market, a category or a product, a commission.")
    assert tab.locator(".cr-fault").count() == 0  # what is not written yet is no fault
    tab.click("text=Rank creators")
    tab.wait_for_selector(".cr-field:has(label:has-text('Market')) .cr-fault:has-text('Still needed: a market')")
    category, brand = campaign["category_id"], campaign["brand_id"]
    for label, value in (
        ("Category", f"{category.title()}x"), ("Brand", brand.replace("_", "-").upper()), ("Commission", "120"),
        ("Fee per creator", "-5"), ("Content from", "2025-03-01"), ("Content until", "2025-02-01"),
    ):  # fmt: skip
        tab.fill(f"label:has-text('{label}') + div input", value)
    # Still without a market and a price.
    for label, said in (
        ("Category", f"Did you mean {category}"), ("Brand", f"Did you mean {brand}"), ("Commission", "Between 0 and"),
        ("Fee per creator", "At least 0"), ("Content until", "After the first day"), ("Price", "A price, or a product"),
    ):  # fmt: skip
        tab.wait_for_selector(f".cr-field:has(label:has-text('{label}')) .cr-fault:has-text('{said}')")
    tab.wait_for_selector("text=Still needed: a market.")
    told = tab.locator(".cr-check-panel li").all_inner_texts()
    assert {one.partition(":")[0] for one in told} == {
        "Category", "Brand", "Commission", "Fee per creator", "Content until", "Price",
    }  # fmt: skip
    # Nobody is sent away to a ranking that cannot be.
    tab.select_option("label:has-text('Market') + div select", campaign["market"])
    tab.wait_for_selector("text=Still needed", state="detached")
    tab.click("text=Rank creators")
    tab.wait_for_timeout(500)
    assert "/ranking" not in tab.url
    tab.locator(".cr-check-panel button", has_text=f"Use {category}").click()
    tab.wait_for_selector(".cr-field:has(label:has-text('Price')) .cr-fault", state="detached")
    assert tab.input_value("label:has-text('Category') + div input") == category


def test_a_product_that_nobody_knows_is_said_with_what_was_meant(
    tab: Any, console: Console, campaign: dict[str, Any], small_market: Any
) -> None:
    product = str(open_marketplace(small_market).frame("products", ["product_id"]).product_id.iloc[0])
    sign_in(tab, console)
    tab.select_option("label:has-text('Market') + div select", campaign["market"])
    tab.fill("label:has-text('Category') + div input", campaign["category_id"])
    tab.fill("label:has-text('Commission') + div input", "12")
    tab.wait_for_selector(".cr-check-panel ol li")
    tab.fill("label:has-text('Products') + div input", product.replace("_", "-").upper())
    tab.wait_for_selector(".cr-field:has(label:has-text('Products')) .cr-warned:has-text('Did you mean')")
    tab.locator(".cr-check-panel button", has_text=f"Use {product}").click()
    tab.wait_for_selector(f".cr-products .cr-chip:has-text('{product}')")
    assert tab.input_value("label:has-text('Products') + div input") == ""
    tab.wait_for_selector(".cr-field:has(label:has-text('Products')) .cr-warned", state="detached")


def test_a_button_pressed_at_once_finds_what_was_typed_last(
    tab: Any, console: Console, campaign: dict[str, Any]
) -> None:
    sign_in(tab, console, f"/?campaign={campaign['campaign_id']}")
    tab.wait_for_selector(".cr-check-panel .cr-figure")
    # As by the fastest of hands, or in the slowest of browsers: all in one turn of its events.
    tab.evaluate(
        """() => {
          const label = [...document.querySelectorAll("label")].find((one) => one.innerText === "Name");
          const input = document.getElementById(label.htmlFor);
          input.value = "Typed last";
          for (const kind of ["input", "change"]) input.dispatchEvent(new Event(kind, { bubbles: true }));
          [...document.querySelectorAll("button")].find((one) => one.innerText === "Keep").click();
        }"""
    )
    tab.wait_for_selector(".cr-kept a:has-text('Typed last')")


def test_applicants_come_from_a_file(tab: Any, console: Console, campaign: dict[str, Any], small_market: Any) -> None:
    creators = open_marketplace(small_market).frame("creators", ["creator_id", "market"])
    some = creators.creator_id[creators.market == campaign["market"]].tolist()[:7]
    sign_in(tab, console, f"/?campaign={campaign['campaign_id']}")
    text = "name,Creator ID\n" + "".join(f"x,{one}\n" for one in [*some, "cr_stranger"])
    tab.set_input_files(
        "input[type=file]", {"name": "who.csv", "mimeType": "text/csv", "buffer": text.encode("utf-8-sig")}
    )
    tab.wait_for_selector("text=8 applicants")
    tab.wait_for_selector("text=1 applicant not known: cr_stranger.")
    assert tab.inner_text(".cr-check-panel .cr-figure").strip() == "7"
    tab.click("text=Rank creators")
    filled(tab)
    assert set(order(tab)) == set(some)
    tab.goto(console.url)
    tab.set_input_files("input[type=file]", {"name": "who.exe", "mimeType": "text/csv", "buffer": b"MZ"})
    tab.wait_for_selector("text=Expected a file that ends in .csv or .xlsx.")


def slide(page: Any, label: str, place: int) -> None:
    """Move a slider as a drag does."""
    page.locator(".cr-weights .cr-field", has_text=label).locator("input").evaluate(
        "(one, place) => { one.value = String(place); one.dispatchEvent(new Event('input', { bubbles: true })); }",
        place,
    )


def test_a_slider_re_ranks_at_once_unlogged_and_for_good_when_asked(
    session: Any, console: Console, campaign: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ranked(session, console, f"campaign={campaign['campaign_id']}")
    first = order(session)
    assert session.input_value("label:has-text('The model') + div input") == "90"
    logged = lines_of(console, monkeypatch)
    own = ("The model's prediction", "Cooperation", "Diligence", "Collaborative", "Consistent")
    for label in (*own, "Category influence", "Sales drive", "Profitability"):
        slide(session, label, 0)
    slide(session, "Content volume", 100)
    session.wait_for_selector("text=Preview: in no log")
    session.wait_for_function(
        """() => {
          const cells = [...document.querySelectorAll('.ag-center-cols-container .ag-row')]
            .sort((a, b) => a.getAttribute('row-index') - b.getAttribute('row-index'))
            .map(row => Number(row.querySelector('[col-id=score] .cr-cell-value')?.innerText));
          return cells.length > 5 && cells.every((one, i) => i === 0 || one <= cells[i - 1]) && cells[0] >= 95;
        }"""
    )
    assert order(session) != first
    assert lines_of(console, monkeypatch) == logged
    # Reasons come once the sliders rest.
    session.wait_for_function("() => getElement(Number(document.querySelector('.nicegui-aggrid').id.slice(1))).api"
                              ".getDisplayedRowAtIndex(0).data.why.length > 0")  # fmt: skip
    session.click("text=Use these weights")
    session.wait_for_selector("text=Preview: in no log", state="detached")
    assert lines_of(console, monkeypatch) == logged + 1
    session.click("text=Back to the model's weights")
    session.wait_for_selector("text=Preview: in no log")
    top = ".ag-pinned-left-cols-container .ag-row[row-index='0']"
    session.wait_for_selector(f"{top}[row-id='{first[0]}']")


def lines_of(console: Console, monkeypatch: pytest.MonkeyPatch) -> int:
    """Rankings in the decision log."""
    with monkeypatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(console.home))
        found = read_decisions(vectors=False)
        return len(set(found["request_id"])) if hasattr(found, "columns") else len(list(found))


def test_the_table_sorts_and_filters_on_every_number(session: Any, console: Console, campaign: dict[str, Any]) -> None:
    ranked(session, console, f"campaign={campaign['campaign_id']}")
    # One click: of a number one wants the most first.
    session.click(".ag-header-cell[col-id=p] .ag-header-cell-label")
    session.wait_for_selector(".ag-header-cell[col-id=p][aria-sort=descending]")
    session.wait_for_function(
        """() => {
          const shown = [...document.querySelectorAll('.ag-center-cols-container .ag-row')]
            .sort((a, b) => a.getAttribute('row-index') - b.getAttribute('row-index'))
            .map(row => Number.parseFloat(row.querySelector('[col-id=p]').innerText));
          return shown.length > 5 && shown.every((one, i) => i === 0 || one <= shown[i - 1]);
        }"""
    )
    filterable = session.evaluate(
        "() => getElement(Number(document.querySelector('.nicegui-aggrid').id.slice(1))).api.getColumns()"
        ".filter(one => one.getColDef().filter && one.getColDef().sortable !== false).map(one => one.getColId())"
    )
    assert {"score", "u", "p", "l", "confidence", "followers"} <= set(filterable)
    assert len([one for one in filterable if one.startswith("i_")]) == 8
    session.click("text=Filter columns")
    session.fill(".ag-floating-filter input >> nth=0", order(session)[0][:3] + "nobody-is-called-this")
    session.wait_for_selector(".ag-center-cols-container .ag-row", state="detached")
    session.click("text=Filter columns")
    session.wait_for_selector(".ag-floating-filter", state="detached")


def test_what_the_table_sorts_is_said_and_a_slider_ranks_anew_whatever_it_was_sorted_by(
    session: Any, console: Console, campaign: dict[str, Any]
) -> None:
    ranked(session, console, f"campaign={campaign['campaign_id']}")
    session.select_option("select:has(option[value='25'])", "25")
    session.wait_for_function(f"() => {HELD} === 25")
    of = session.inner_text(".cr-line .cr-strong:has-text('ranked')").removesuffix(" ranked")
    session.wait_for_selector(f".cr-order:has-text('The first 25 of {of} in the ranking.')")
    session.wait_for_selector(".cr-order:has-text('Columns sort and filter these alone')")
    session.click(".ag-header-cell[col-id=p] .ag-header-cell-label")
    session.wait_for_selector(".cr-order:has-text('Sorted by Chance of content, among these alone')")
    slide(session, "Content volume", 100)
    session.wait_for_selector(".ag-header-cell[col-id=p][aria-sort=none]")
    session.wait_for_selector(
        ".cr-order:has-text('By rank again, for the new weights: no longer sorted by Chance of content.')"
    )
    session.wait_for_function(
        """() => {
          const rows = [...document.querySelectorAll('.ag-pinned-left-cols-container .ag-row')]
            .sort((a, b) => a.getAttribute('row-index') - b.getAttribute('row-index'));
          const places = rows.map((row) => row.querySelector('[col-id=place]').innerText);
          return places.length > 5 && places.every((place, i) => place === `${i + 1}`);
        }"""
    )
    # By hand, too.
    session.click(".ag-header-cell[col-id=u] .ag-header-cell-label")
    session.wait_for_selector(".cr-order:has-text('Sorted by Expected profit')")
    session.click("text=Back to the ranking's order")
    session.wait_for_selector(".cr-order:has-text('Sorted by')", state="detached")
    session.click("text=Filter columns")
    name = order(session)[0]
    session.fill(".ag-floating-filter input >> nth=0", session.inner_text(f"[row-id='{name}'] .cr-cell-name"))
    session.wait_for_selector("text=/[0-9]+ of them pass the columns' filters/")
    session.fill(".ag-floating-filter input >> nth=0", "")
    session.click("text=Filter columns")


def test_filters_narrow_whom_is_ranked_and_nobody_left_is_said(
    session: Any, console: Console, campaign: dict[str, Any]
) -> None:
    ranked(session, console, f"campaign={campaign['campaign_id']}")
    session.click("summary:has-text('Filters')")
    session.fill("label:has-text('at least') + div input >> nth=0", "999999999")
    session.wait_for_selector("text=Nobody is left to rank")
    session.wait_for_selector("text=/^0 ranked$/")
    session.click("summary:has-text('left out')")
    session.wait_for_selector(".cr-left-out li:has-text('have fewer followers than asked for')")
    session.click("text=Clear filters >> nth=0")
    session.wait_for_selector(".ag-center-cols-container .ag-row")
    session.wait_for_selector("text=Nobody is left to rank", state="detached")


def test_a_creator_opens_beside_the_table_by_keyboard_alone(
    session: Any, console: Console, campaign: dict[str, Any]
) -> None:
    ranked(session, console, f"campaign={campaign['campaign_id']}")
    best = order(session)[0]
    session.keyboard.press("Tab")
    assert session.evaluate("document.activeElement.innerText") == "Skip to the page"
    session.keyboard.press("Enter")
    assert session.evaluate("document.activeElement.id") == "page"
    for _ in range(60):
        session.keyboard.press("Tab")
        if session.evaluate("document.activeElement.closest('.ag-header') !== null"):
            break
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        session.keyboard.press(key)
    session.wait_for_selector(".cr-beside h2")
    assert best in session.inner_text(".cr-beside")
    session.wait_for_selector(".cr-beside .cr-reasons li")
    assert session.locator(".cr-beside .cr-indices .cr-meter").count() == 8
    # What nothing of the creator's own stands behind is marked, in the panel and in the row.
    with Client(console.api, console.key) as client:
        (told,) = client.explain([best], campaign_id=campaign["campaign_id"]).creators
    guessed = {name for name in told.indices if told.guessed(name)}
    marked = session.locator(".cr-beside .cr-indices .cr-small:has-text('(peers alone)')").all_inner_texts()
    assert {words.removesuffix(" (peers alone)").lower().replace(" ", "_") for words in marked} == guessed
    for name in told.indices:
        session.evaluate(
            "column => getElement(Number(document.querySelector('[data-filled]').id.slice(1))).api"
            ".ensureColumnVisible(column, 'middle')",
            f"i_{name}",
        )
        cell = session.wait_for_selector(f".ag-row[row-id='{best}'] [col-id=i_{name}] .cr-cell-meter")
        title = cell.get_attribute("title")
        assert ("cr-guess" in cell.get_attribute("class")) == (name in guessed)
        assert title.startswith("Expected from peers alone; 80 % between ") == (name in guessed)
        assert "80 % between " in title
    with Client(console.api, console.key) as client:
        alike = {by: client.similar(best, by=by, top=6) for by in ("category", "audience", "taste")}
    for by, found in alike.items():
        session.select_option(".cr-beside label:has-text('Alike by') + div select", by)
        session.wait_for_function(
            """told => {
              const lines = [...document.querySelectorAll(".cr-beside .cr-alike li")];
              const shown = lines.map((one) => (one.querySelector("a") ?? one).innerText);
              return JSON.stringify(shown) === JSON.stringify(told);
            }""",
            arg=[one.username for one in found] or [found.note or "Nobody is known to be alike."],
        )
    session.focus(".cr-beside [aria-label=Close]")
    session.keyboard.press("Enter")
    session.wait_for_selector(".cr-beside h2", state="hidden")


def pick(page: Any, *places: int) -> None:
    """Tick creators of a table in which nobody is ticked."""
    for place in places:
        page.click(f".ag-pinned-left-cols-container .ag-row[row-index='{place}'] .ag-selection-checkbox input")
    page.wait_for_selector(f"button:has-text('Shortlist')[title='{len(places)} chosen']")


def test_two_are_compared_by_what_sets_them_apart(session: Any, console: Console, campaign: dict[str, Any]) -> None:
    ranked(session, console, f"campaign={campaign['campaign_id']}")
    compare = session.locator("button:has-text('Compare two')")
    compare.hover()  # it stands still, and nothing lies above it
    compare.click(force=True)  # as anybody may: it says what is missing
    session.wait_for_selector(".cr-between:has-text('Choose two creators')")
    pick(session, 0, 3)
    compare.click()
    session.wait_for_selector(".cr-compared table")
    said = session.inner_text(".cr-compared")
    assert re.search(r"Why \S+ stands above \S+", said)
    scores = session.locator(".cr-compared tr", has_text="Score").first.locator("td").all_inner_texts()
    apart = float(scores[1]) - float(scores[2])
    told = float(re.search(r"([\d.]+) points of the score lie between them", said)[1])  # type: ignore[index]
    assert told == pytest.approx(apart, abs=0.11)
    assert "What makes the difference in expected profit" in said


def test_a_shortlist_is_kept_taken_away_and_shortened(
    tab: Any, console: Console, campaign: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(tab, console)
    ranked(tab, console, f"campaign={campaign['campaign_id']}")
    ids = order(tab)
    pick(tab, 0, 2)
    tab.click("button:has-text('Shortlist') >> nth=0")
    tab.fill("label:has-text('Name of a new list') + div input", "=First wave")
    tab.click(".cr-between button:has-text('Add')")
    tab.wait_for_selector("text==First wave: 2 added, 2 in all.")
    tab.click("text=Open the shortlist")
    tab.wait_for_selector(".cr-list tbody tr")
    assert tab.locator(".cr-list tbody tr").count() == 2
    with tab.expect_download() as waiting:
        tab.click("text=CSV")
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_text("utf-8-sig"))))
    assert [row["Creator id"] for row in rows] == [ids[0], ids[2]]
    assert float(rows[0]["Score"]) >= float(rows[1]["Score"])
    with tab.expect_download() as waiting:
        tab.click("text=XLSX")
    sheet = load_workbook(io.BytesIO(waiting.value.path().read_bytes())).active
    assert [cell.value for cell in sheet["B"]] == ["Creator id", ids[0], ids[2]]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    tab.click(".cr-list tbody tr >> nth=0 >> [aria-label^=Take]")
    tab.wait_for_function("() => document.querySelectorAll('.cr-list tbody tr').length === 1")
    (kept,) = (console.home / "var" / "console").glob("*/shortlists.json")
    assert [row["id"] for row in json.loads(kept.read_text())["kept"][0]["what"]["rows"]] == [ids[2]]
    assert kept.stat().st_mode & 0o077 == 0


def test_a_list_is_pushed_and_a_receiver_that_fails_is_not_taken_for_the_service(
    browser: Any, console: Console, campaign: dict[str, Any]
) -> None:
    taken: list[Any] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(204 if self.path == "/ok" else 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    port = free_port()
    with ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        to = f"http://127.0.0.1:{server.server_port}"
        words = ("console", "--api", console.api, "--port", str(port))
        hooks = {"COLLABRANK_CONSOLE_WEBHOOKS": f"CRM={to}/ok,Broken={to}/x,Gone=http://127.0.0.1:9/secret"}
        with (
            running(console.home, *words, probes=lambda: [f"http://127.0.0.1:{port}/healthz"], **hooks) as log,
            opened(browser) as page,
        ):
            own = replace(console, url=f"http://127.0.0.1:{port}", log=log)
            sign_in(page, own)
            ranked(page, own, f"campaign={campaign['campaign_id']}")
            first = order(page)[0]
            pick(page, 0)
            page.click("button:has-text('Shortlist') >> nth=0")
            page.fill("label:has-text('Name of a new list') + div input", "To push")
            page.click(".cr-between button:has-text('Add')")
            page.click("text=Open the shortlist")
            page.click("text=Push to CRM")
            page.wait_for_selector("text=CRM has taken 1 creator.")
            for name, says in (("Broken", "500"), ("Gone", "ConnectError")):
                page.click(f"text=Push to {name}")
                told = page.locator(f"[role=alert]:has-text('{name} has not taken the list')")
                assert says in told.inner_text()
                assert "ranking service" not in page.inner_text(".cr-list")
                assert "secret" not in page.content()
        server.shutdown()
    assert [(path, [one["creator_id"] for one in body["creators"]]) for path, body in taken] == [
        ("/ok", [first]), ("/x", [first]),
    ]  # fmt: skip


def test_the_ranking_on_screen_is_exported_as_it_stands(
    session: Any, console: Console, campaign: dict[str, Any]
) -> None:
    ranked(session, console, f"campaign={campaign['campaign_id']}")
    shown = order(session)
    with session.expect_download() as waiting:
        session.click("[aria-label='Export as CSV']")
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_text("utf-8-sig"))))
    assert [row["Creator id"] for row in rows][: len(shown)] == shown
    assert rows[0]["Reasons"][0] not in "'+−"
    # On the page the reason's amount stands in front of its words, whole.
    session.evaluate(
        "() => getElement(Number(document.querySelector('[data-filled]').id.slice(1))).api"
        ".ensureColumnVisible('reason')"
    )
    cell = f"[row-id='{shown[0]}'] [col-id=reason]"
    amount = session.wait_for_selector(f"{cell} .cr-cell-reason b")
    assert re.fullmatch(r"[+−][\d.,KMBT]+ [A-Z]{3}", amount.inner_text())
    outer, inner = session.locator(cell).bounding_box(), amount.bounding_box()
    assert outer["x"] <= inner["x"]
    assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]


def test_a_service_that_is_down_is_said_and_the_page_goes_on_when_it_is_back(
    browser: Any, wired: Console, campaign: dict[str, Any]
) -> None:
    assert wired.wire is not None
    with opened(browser) as page:
        sign_in(page, wired)
        ranked(page, wired, f"campaign={campaign['campaign_id']}")
        before = order(page)
        wired.wire.break_off()
        try:
            page.wait_for_selector("text=The ranking service does not answer. What you see may be old")
            page.fill("label:has-text('Sales drive') + div input", "100")
            page.wait_for_selector(".cr-notices [role=alert]")
            assert order(page) == before
            with opened(browser) as other:
                other.goto(wired.url)
                other.fill("#key", wired.key)
                other.click("button[type=submit]")
                assert "does not answer" in other.inner_text("[role=alert]")
        finally:
            wired.wire.mend()
        page.wait_for_selector(".cr-banner.cr-shown", state="hidden")
        page.click(".cr-notices >> text=Try again")
        page.wait_for_selector("text=Preview: in no log")
        page.wait_for_selector(".cr-notices [role=alert]", state="detached")


def test_nothing_is_loaded_from_elsewhere(browser: Any, console: Console, campaign: dict[str, Any]) -> None:
    with opened(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        sign_in(page, console)
        ranked(page, console, f"campaign={campaign['campaign_id']}")
        page.goto(f"{console.url}/shortlists")
        page.wait_for_selector("h1")
        elsewhere = [url for url in asked if not url.startswith((console.url, "data:", "blob:"))]
        assert elsewhere == []


def test_a_page_of_another_origin_gets_no_websocket(console: Console) -> None:
    import httpx

    key = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
           "Sec-WebSocket-Version": "13"}  # fmt: skip
    path = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket&client_id=x"
    for more in ({"Origin": "http://evil.example"}, {"Origin": console.url}, {}):
        assert httpx.get(console.url + path, headers={**key, **more}).status_code == 403
    assert httpx.get(console.url, headers={"Host": "evil.example"}).status_code == 421
    refused = httpx.post(f"{console.url}/sign-in", data={"key": console.key}, headers={"Origin": "http://evil.example"})
    assert refused.status_code == 403
