"""Names from right to left, of emoji, as long as one likes, or that would turn what they stand in: in a real browser.

Held against what is drawn: nothing reaches out of the window, cells and parts of a line stand in their order, and no
name is glued into a text whose order it could turn.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nicegui")

from features.snapshot import TextColumn, load_snapshot
from features.snapshot.disk import save_parts, shared_as_json
from marketplace.signature import read_signer
from serving.client import Client
from tests.serving.console.conftest import Console, free_port, opened, running, sign_in

pytestmark = pytest.mark.slow

NAMES = (
    "سارة_المتجر.٢٠٢٥", "יעל.כהן-1984", "👩🏽‍🍳🔥chef🔥", "x" * 120, "خالد 123 (رسمي) 45%", "a\u202elive\u202cb",
    "ナナ・カワイイ・ショップ" * 6, "अदिति_शर्मा", "99 שלום",
)  # fmt: skip
BRANDS = ("متجر الأزياء 24/7", "חנות 3 אחים", "🧴 Glow & Co", "B" * 90)

DRAWN = """() => {
  const wrong = [], turns = /[\\u202a-\\u202e\\u2066-\\u2069]/;
  const rects = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...range.getClientRects()].filter((one) => one.width > 0);
  };
  for (const line of document.querySelectorAll("h1,h2,h3,p,td,th,li,dd,dt,caption,tr")) {
    let before = null;
    for (const node of line.childNodes) {
      const drawn = rects(node);
      if (!drawn.length) continue;
      if (before && Math.abs(before.top - drawn[0].top) < 4 && drawn[0].left < before.left - 1)
        wrong.push("order: " + line.textContent.slice(0, 100));
      before = drawn[drawn.length - 1];
    }
  }
  const texts = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode;
    if (node.parentElement.closest("script,style,option,template")) continue;
    if (turns.test(node.data)) wrong.push("turns: " + node.data.slice(0, 80));
    texts.push(node.data.trim());
  }
  for (const cell of document.querySelectorAll(".cr-number, td.n")) {
    if (/[\\u0590-\\u08ff]/.test(cell.textContent)) continue;
    const node = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT).nextNode();
    if (!node || node.data.length < 2) continue;
    const at = (place) => {
      const range = document.createRange();
      range.setStart(node, place);
      range.setEnd(node, place + 1);
      return range.getBoundingClientRect();
    };
    const [first, last] = [at(0), at(node.data.trimEnd().length - 1)];
    if (first.top === last.top && last.left < first.left) wrong.push("number: " + node.data);
  }
  return {wrong, texts, wide: document.documentElement.scrollWidth - window.innerWidth};
}"""


@pytest.fixture(scope="module")
def named(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """The console over a snapshot in which every second creator, and every brand, has one of those names."""
    from serving.keys import create_key

    home = tmp_path_factory.mktemp("named")
    shutil.copytree(prepared / "var", home / "var")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(home))
        _, key = create_key("Marta")
        folder = home / "var" / "snapshot"
        taken = load_snapshot(folder).read_all()
        brands = {name: BRANDS[place % len(BRANDS)] for place, name in enumerate(sorted(taken.brand_ids))}
        catalogue = replace(taken.catalogue, brand_names=brands)
        parts = []
        for market in taken.markets:
            part = taken.of_market(market)
            names = [
                f"{NAMES[(row // 2) % len(NAMES)]}{'' if row < 2 * len(NAMES) else row}" if row % 2 else name
                for row, name in enumerate(part.usernames.tolist())
            ]
            arrays = replace(part.arrays, usernames=TextColumn.of(names))
            parts.append((market, replace(part, arrays=arrays, catalogue=catalogue)))
        shared = shared_as_json(taken.as_of, taken.category_ids, taken.brand_ids, catalogue, taken.campaigns)
        save_parts(folder, shared, parts, read_signer())
    api, own = free_port(), free_port()
    urls = [f"http://127.0.0.1:{api}/readyz", f"http://127.0.0.1:{own}/healthz"]
    words = ("serve", "--port", str(api), "--console-port", str(own))
    with running(home, *words, probes=lambda: urls) as log:
        yield Console(f"http://127.0.0.1:{own}", f"http://127.0.0.1:{api}", key, home, log)


def held(page: Any, known: set[str]) -> None:
    """Nothing on the page is out of its order, and every name of ours stands in a text of its own."""
    found = page.evaluate(DRAWN)
    assert found["wrong"] == []
    assert found["wide"] <= 0
    glued = [text for text in found["texts"] for name in NAMES[:3] + NAMES[4:5] if name in text and text not in known]
    assert glued == []


@pytest.mark.parametrize("width", [1280, 390])
def test_no_name_turns_or_widens_a_page(browser: Any, named: Console, campaign: dict[str, Any], width: int) -> None:
    with Client(named.api, named.key) as client:
        market, category = campaign["market"], campaign["category_id"]
        leaders = list(client.leaders(market=market, category_id=category, top=200))
        known = {one.username for one in leaders} | set(client.indices(x="followers", y="diligence").usernames)
    odd = {name: next(one for one in leaders if one.username.startswith(name)) for name in NAMES}
    with opened(browser, width=width) as page:
        sign_in(page, named, f"/ranking?campaign={campaign['campaign_id']}")
        page.wait_for_selector("[data-filled='1'] .ag-center-cols-container .ag-row")
        held(page, known)
        for path, ready in (
            ("/categories", "tbody td"),
            (f"/budget?campaign={campaign['campaign_id']}", "#plan .cr-lead"),
            *((f"/creators/{one.creator_id}", "#index h2") for one in odd.values()),
        ):
            page.goto(named.url + path)
            page.wait_for_selector(ready)
            held(page, known)
        for one in odd.values():
            page.goto(f"{named.url}/creators/{one.creator_id}/page")
            held(page, known)


def test_numbers_stay_in_sight_beside_the_longest_name(browser: Any, named: Console, campaign: dict[str, Any]) -> None:
    with opened(browser) as page:
        sign_in(page, named, "/categories")
        page.wait_for_selector("tbody td")
        boxes = page.evaluate(
            "[...document.querySelectorAll('section[aria-label=Leaders] tbody tr')].map(row => "
            "[row.lastElementChild.getBoundingClientRect().right, "
            "row.closest('.cr-scroll').getBoundingClientRect().right])"
        )
        assert len(boxes) > 5
        assert all(right <= edge + 1 for right, edge in boxes)


def test_two_are_compared_each_name_by_itself(browser: Any, named: Console, campaign: dict[str, Any]) -> None:
    with opened(browser) as page:
        sign_in(page, named, f"/ranking?campaign={campaign['campaign_id']}")
        page.wait_for_selector("[data-filled='1'] .ag-center-cols-container .ag-row")
        for place in (0, 1):
            page.locator(".ag-row input[type=checkbox]").nth(place).check()
        page.get_by_role("button", name="Compare two").click()
        page.wait_for_selector("section[aria-label='Comparison'] h2")
        assert page.locator("section[aria-label='Comparison'] h2 bdi").count() == 2
        told = page.inner_text("section[aria-label='Comparison'] h2")
        assert told.startswith("Why ")
        assert " stands above " in told
        found = page.evaluate(DRAWN)
        assert found["wrong"] == []
