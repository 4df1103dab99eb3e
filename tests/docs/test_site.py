"""The documentation as a site: it builds without a warning, loads nothing from elsewhere, finds the field's words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("material")

LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site") / "site"
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stderr[-4000:]
    return out


class Loaded(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in LOADS and told.get(LOADS[tag]) and told.get("rel") not in ("canonical", "next", "prev"):
            self.found.append(str(told[LOADS[tag]]))


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert loaded.found
        for address in loaded.found:
            if address.startswith("data:image/"):
                # A figure of a notebook, within its page.
                continue
            assert not re.match(r"(?:[a-z]+:)?//", address), f"{page.name} loads {address}"
            assert (page.parent / address.partition("?")[0].partition("#")[0]).resolve().exists() or (
                page.name == "404.html"
            ), f"{page.name} lacks {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "word",
    ["uplift", "incrementality", "learning to rank", "propensity", "influencer", "counterfactual", "Qini", "off-policy",
     "SHAP", "cold start", "difference-in-differences", "calibration", "drift", "A/B test", "GMV", "feature store",
     "cooperation index", "profitability index", "holdback", "contact cap"],
)  # fmt: skip
def test_search_knows_the_fields_own_words(site: Path, word: str) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    where = [one["location"] for one in index if word.lower() in f"{one['title']} {one['text']}".lower()]
    assert any(place.startswith("glossary") for place in where), where


def test_every_reader_has_a_tutorial_and_every_page_is_in_the_menu(site: Path) -> None:
    menu = (site / "index.html").read_text(encoding="utf-8")
    for reader in ("scientist", "brand_engineer", "brand_manager", "creator", "operator"):
        assert f"tutorials/{reader}.html" in menu
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert f'href="{name}"' in menu, f"{name} is not in mkdocs.yml's nav"


def test_links_out_of_the_site_are_told_by_name(site: Path) -> None:
    lift = (site / "lift.html").read_text(encoding="utf-8")
    assert "<code>features/lift/estimate.py</code>" in lift
    assert "../features/" not in lift
