"""The page of a report: escaped, self-contained, two sheets of A4 however much there is to say."""

from __future__ import annotations

import copy
import re
import shutil
from html.parser import HTMLParser

import pytest

from training.results.page import report_page

HOSTILE = '<script>alert("x")</script>\u202eevil'


def creator(number: int, outcome: str = "on_time", *, lift: float | None = 100.0) -> dict:
    return {
        "creator_id": f"cr_{number:06d}", "username": f"{HOSTILE}{'w' * 90}", "outcome": outcome,
        "came": {"on_time": "posted on time", "declined": "declined", "failed": "accepted, posted nothing"}[outcome],
        "state": "over", "left_out": False, "posted_at": "2025-07-01T00:00:00+00:00" if outcome == "on_time" else None,
        "attributed": 1_234_567.0, "lift": lift, "lift_se": 50.0, "lift_low": -1_234_567.0, "lift_high": 9_234_567.0,
        "cost": 123_456.0, "profit": -123_456.0,
        "foretold": {"source": "log", "accept": 0.5, "success": 0.4, "lift": 1_000_000.0, "lift_low": -5.0,
                     "lift_high": 9.0, "profit": 1.0, "position": 3},
    }  # fmt: skip


def sums(expected: float) -> dict:
    return {"expected": expected, "low": -1_234_567.0, "high": 9_876_543.0}


FULL = {
    "campaign_id": HOSTILE * 3, "brand_id": "br", "brand_name": HOSTILE * 3, "market": HOSTILE, "category_id": HOSTILE,
    "starts_at": "2025-06-01T00:00:00+00:00", "ends_at": "2025-07-01T00:00:00+00:00", "as_of": "2025-09-01",
    "terms": {"commission_rate": 0.155, "flat_fee": 50.0, "sample_cost": 15.0, "margin_rate": 0.4},
    "verdict": "not told apart", "verdict_text": "Whether the campaign added any sales cannot be told from chance",
    "why": "The estimate is 1,234,567 USD, and its range (-1,234,567 USD to 9,234,567 USD, in 9 cases of 10) holds "
           "zero: it may have been nothing. So far 1,000 of 2,000 partnerships are counted. All of it is told from "
           "30 September 2025 on.",
    "over": False, "told_from": "2025-09-30",
    "counts": {"invited": 5000, "accepted": 2500, "posted": 2000, "counted": 1000, "counting": 500, "waiting": 400,
               "untold": 100, "left_out": 9},
    "lift": {"estimate": 1_234_567.0, "se": 1.0, "low": -1_234_567.0, "high": 9_234_567.0, "attributed": 7_654_321.0,
             "attributed_over_lift": 6.2, "usual_sales": 1.0, "read_share": 0.9, "partnerships": 1000},
    "profit": {"estimate": -123_456.0, "low": -1_234_567.0, "high": 1_234_567.0},
    "costs": {"fees": 123_456.0, "samples": 12_345.0, "commission": 123_456.0},
    "foretold": {name: sums(7_654_321.0) for name in
                 ("accepted", "content", "samples", "sales", "spend", "commission", "profit")},
    "source": {"text": "3 of 5000 predictions are those that the service gave before the invitation. 4990 of 5000 "
                       "predictions are made afterwards by today's model (version 12), from what was known when "
                       "the brief was written. That model has learned from campaigns of this time, this one perhaps "
                       "among them: it is no test of it. Of 7 invitations nothing was foretold."},
    "needed_partnerships": 12_345.0,
    "creators": [creator(n) for n in range(300)] + [creator(n, "declined", lift=0.0) for n in range(300, 400)],
    "checks": [{"name": "x", "title": "Counted without the platform's credit", "found": found, "text":
                "Sales move when a brief begins, before anybody posts. Campaigns may follow demand that was there "
                "anyway, and some of what counts as added is that."}
               for found in ["speaks against"] * 6 + ["not possible", "holds"]],
    "next_steps": ["Look at what keeps content from coming: 10 posted where 20 were expected. Late samples and "
                   f"short deadlines are the usual reasons, and a long name {'w' * 40} {HOSTILE}."] * 5,
}  # fmt: skip


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_nothing_of_the_marketplace_becomes_markup() -> None:
    page = report_page(FULL)
    tags = Tags()
    tags.feed(page)
    assert {tag for tag, _ in tags.found} <= {
        "html", "head", "meta", "title", "style", "body", "main", "div", "header", "h1", "h2", "p", "b", "bdi", "span",
        "svg", "rect", "line", "text", "table", "tr", "th", "td", "ol", "li",
    }  # fmt: skip
    assert not [name for _, attributes in tags.found for name in attributes if name.startswith("on")]
    assert not re.search(r"""(?:src=|href=|url\()""", page)
    assert "\u202e" not in page
    assert "default-src 'none'" in page


def test_what_cannot_be_told_stands_nowhere_as_an_amount() -> None:
    told = copy.deepcopy(FULL) | {"verdict": "cannot be told", "creators": [], "foretold": None}
    page = report_page(told)
    assert "1,234,567" not in page.replace(told["why"].replace("\u2212", "-"), "")
    assert page.count("unknown") >= 3


def test_what_is_left_out_of_the_table_is_counted() -> None:
    page = report_page(FULL)
    assert "Not shown: 278 posted on time, 100 declined." in page


SHEET = (297 - 2 * 12) / 25.4 * 96
"""Pixels between the margins of a sheet, top to bottom; 186 mm of it from left to right."""


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on PATH")
    playwright = pytest.importorskip("playwright.sync_api")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                 "--disable-background-networking", "--disable-component-update"]  # fmt: skip
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=arguments)
        yield opened
        opened.close()


@pytest.mark.parametrize("case", ["full", "empty"])
def test_it_prints_on_two_sheets_of_a4_and_fits_a_narrow_screen(case, tmp_path, browser) -> None:
    told = copy.deepcopy(FULL)
    if case == "empty":
        told |= {"creators": [], "foretold": None, "lift": None, "profit": None, "next_steps": ["x"]}
    file = tmp_path / "report.html"
    file.write_text(report_page(told), encoding="utf-8")
    said: list[str] = []
    for width in (1280, 390):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: said.append(message.text))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    assert said == []
    assert len(re.findall(rb"/Type /Page\b(?!s)", printed)) == 2
    size = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert size is not None
    assert [float(one) for one in size.groups()] == pytest.approx([595.3, 841.9], abs=1.0)


@pytest.mark.parametrize("family", ["DejaVu Sans", "Liberation Sans", "sans-serif", "serif", "monospace"])
def test_each_sheet_has_room_left_whatever_the_fonts_of_the_machine(family, tmp_path, browser) -> None:
    file = tmp_path / "report.html"
    file.write_text(report_page(FULL).replace("system-ui,sans-serif", f"{family},sans-serif"), encoding="utf-8")
    page = browser.new_page(viewport={"width": round(186 / 25.4 * 96), "height": 900})
    page.emulate_media(media="print")
    page.goto(file.as_uri())
    heights = page.evaluate("[...document.querySelectorAll('.sheet')].map(one => one.getBoundingClientRect().height)")
    assert len(heights) == 2
    assert max(heights) < 0.97 * SHEET


def test_a_name_read_from_the_right_keeps_to_its_cell_and_turns_nothing_else(tmp_path, browser) -> None:
    told = copy.deepcopy(FULL)
    told["brand_name"], told["creators"] = "\u05de\u05d5\u05ea\u05d2 (A)", told["creators"][:2]
    told["creators"][0]["username"] = "\u0645\u0631\u062d\u0628\u0627 7 (\u0633\u0644\u0627\u0645)"
    told["creators"][1]["username"] = "plain"
    file = tmp_path / "report.html"
    file.write_text(report_page(told), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(file.as_uri())
    cells = page.evaluate(
        """[...document.querySelectorAll('td.name')].map(one => {
             const [cell, name] = [one, one.querySelector('bdi')].map(part => part.getBoundingClientRect());
             return [getComputedStyle(one).direction, getComputedStyle(one.querySelector('bdi')).direction,
                     name.left >= cell.left - 1 && name.right <= cell.right + 1, cell.left]})"""
    )
    assert [cell[:3] for cell in cells] == [["ltr", "rtl", True], ["ltr", "ltr", True]]
    assert cells[0][3] == cells[1][3]
    # What follows a name stays behind it: the market to the right of the brand.
    brand, market = page.evaluate(
        "[...document.querySelectorAll('header bdi')].slice(1, 3).map(one => one.getBoundingClientRect().left)"
    )
    assert brand < market
