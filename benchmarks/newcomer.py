"""A newcomer's ten tasks, each from the console's start page: clicks, seconds (``python -m benchmarks.newcomer``).

A real browser goes the way that a person would, by what is written on the page, and reads the answer off it. Two
times are told: what the machine took, and what a person would take, by the keystroke-level model: 1.35 s to think
before each action, 1.1 s to point, 0.2 s to press, 0.28 s a character typed, and the machine's own on top. The line is
one minute a task. Reading what is found is not in it.

Source: Card, Moran and Newell (1980), The keystroke-level model for user performance time with interactive systems,
Communications of the ACM 23 (7).

Needs ``make demo`` (or another home with a champion, a challenger, a snapshot and reports), a running
``collabrank serve`` of it, and Chromium::

    export COLLABRANK_HOME=var/demo
    collabrank report var/demo/market --all
    collabrank challenger set --version 1
    python -m benchmarks.newcomer --console http://127.0.0.1:3001 --key KEY --market var/demo/market
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["TASKS", "Hand", "Task", "Took", "main", "measure"]

THINK, POINT, PRESS, KEY = 1.35, 1.1, 0.2, 0.28
"""Seconds of the keystroke-level model."""
SETTLE = 0.3
LIMIT = 60.0
BROWSER = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


@dataclass
class Hand:
    """What a person does on a page, counted.

    Parameters
    ----------
    page : playwright.sync_api.Page
    """

    page: Any
    clicks: int = 0
    keys: int = 0

    def click(self, target: str) -> None:
        """Point at ``target`` and press."""
        self.page.click(target)
        self.clicks += 1

    def write(self, target: str, text: str) -> None:
        """Point at a field, press, and type."""
        self.page.fill(target, text)
        # A field is read a moment after the last key; nobody clicks elsewhere within it.
        self.page.wait_for_timeout(SETTLE * 1000)
        self.clicks += 1
        self.keys += len(text)

    def choose(self, target: str, value: str) -> None:
        """Open a list and take a line of it."""
        self.page.select_option(target, value)
        self.clicks += 2

    def read(self, target: str, *, least: int = 1) -> list[str]:
        """Wait until at least so many of ``target`` stand on the page; their texts.

        Raises
        ------
        RuntimeError
            What is found says nothing.
        """
        self.page.wait_for_function(
            "([target, least]) => document.querySelectorAll(target).length >= least", arg=[target, least]
        )
        found: list[str] = self.page.locator(target).all_inner_texts()
        if not any(text.strip() for text in found):
            raise RuntimeError(f"{target} is empty")
        return found

    @property
    def person(self) -> float:
        """Seconds that a person takes for the actions alone."""
        return self.clicks * (THINK + POINT + PRESS) + self.keys * KEY


@dataclass(frozen=True)
class Asked:
    """What the tasks are asked about: a campaign, a creator's name, a folder, and where to find its home."""

    campaign: str
    creator: str
    market: str
    reported: str


Way = Callable[[Hand, Asked], str]


@dataclass(frozen=True)
class Task:
    """One task: what is wanted, and the way, which returns what was found."""

    name: str
    way: Way


@dataclass(frozen=True)
class Took:
    """What one task took."""

    task: str
    clicks: int
    keys: int
    machine: float
    person: float
    found: str = field(repr=False)


_ROW = ".ag-pinned-left-cols-container .ag-row"
_FIRST = f"{_ROW}[row-index='0']"


def _ranked(hand: Hand, asked: Asked) -> list[str]:
    hand.write("label:has-text('A campaign') + div input", asked.campaign)
    hand.click("button:has-text('Rank it')")
    hand.page.wait_for_selector("[data-filled='1'] .ag-row")
    return hand.read(_ROW, least=5)


def _menu(hand: Hand, name: str) -> None:
    hand.click(f".cr-nav a:has-text('{name}')")


def _best_five(hand: Hand, asked: Asked) -> str:
    _ranked(hand, asked)
    return ", ".join(hand.read(f"{_ROW} [col-id=name]", least=5)[:5])


def _why_first(hand: Hand, asked: Asked) -> str:
    _ranked(hand, asked)
    hand.click(f"{_FIRST} [col-id=name]")
    return " ".join(hand.read(".cr-beside .cr-reasons li")[0].split())


def _export(hand: Hand, asked: Asked) -> str:
    _ranked(hand, asked)
    with hand.page.expect_download() as waiting:
        hand.click("[aria-label='Export as CSV']")
    with open(waiting.value.path(), encoding="utf-8-sig", newline="") as file:
        return f"{sum(1 for _ in csv.reader(file)) - 1} rows"


def _do_better(hand: Hand, asked: Asked) -> str:
    _menu(hand, "Creator")
    hand.write(".cr-search input", asked.creator)
    hand.click("button:has-text('Open the card')")
    hand.page.wait_for_selector("h2:has-text('What would raise an index the most')")
    panel = hand.page.locator(".cr-panel", has=hand.page.locator("h2:has-text('What would raise')"))
    return " ".join(panel.locator("tbody tr").first.inner_text().split())


def _two_models(hand: Hand, _asked: Asked) -> str:
    _menu(hand, "Models")
    hand.page.wait_for_selector("h2:has-text('How they were measured')")
    return " · ".join(" ".join(row.split()) for row in hand.read(".cr-body table tbody tr")[:2])


def _notebook(hand: Hand, asked: Asked) -> str:
    # Copied from docs/newcomer.md by its button, pasted and run.
    lines = (
        "import collabrank as cr\n"
        "mlflow = cr.open_mlflow()\n"
        "model = mlflow.pyfunc.load_model('models:/collabrank@champion')\n"
        f"rows = cr.candidates({asked.market!r}, campaigns=[{asked.campaign!r}])\n"
        "print(model.predict(rows).sort_values('rank').head(5).to_string())\n"
    )
    hand.clicks += 2
    hand.keys += 4
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])
    return done.stdout.splitlines()[1].strip()


def _plan(hand: Hand, asked: Asked) -> str:
    _menu(hand, "Budget")
    hand.choose("label:has-text('Campaign or brief') + div select", f"campaign:{asked.campaign}")
    hand.write("label:text-is('Budget') + div input", "400")
    hand.click("button:has-text('Plan')")
    hand.page.wait_for_selector("h2:has-text('What may come of it')")
    return " ".join(hand.page.locator(".cr-plan-head").inner_text().split())[:120]


def _above(hand: Hand, asked: Asked) -> str:
    _ranked(hand, asked)
    for place in (0, 3):
        hand.click(f"{_ROW}[row-index='{place}'] .ag-selection-checkbox input")
    hand.click("button:has-text('Compare two')[aria-disabled=false]")
    hand.page.wait_for_selector(".cr-compared table")
    return " ".join(hand.read(".cr-compared")[0].split())[:120]


def _printed(hand: Hand, asked: Asked) -> str:
    _menu(hand, "Results")
    hand.click(f"a:has-text('{asked.reported}') >> nth=0")
    with hand.page.context.expect_page() as opened:
        hand.click("a:has-text('Print the report')")
    report = opened.value
    report.wait_for_selector("h1")
    sheets = len(re.findall(rb"/Type /Page\b(?!s)", report.pdf(prefer_css_page_size=True)))
    report.close()
    return f"{sheets} sheets"


def _leaders(hand: Hand, _asked: Asked) -> str:
    _menu(hand, "Categories")
    hand.page.wait_for_selector("h2:has-text('Leaders')")
    return " ".join(hand.read(".cr-body table tbody tr", least=3)[0].split())


TASKS = (
    Task("find the best five for a brief", _best_five),
    Task("say why the first is first", _why_first),
    Task("say why one stands above another", _above),
    Task("export the ranking", _export),
    Task("plan with 400 USD", _plan),
    Task("ask what a creator could do better", _do_better),
    Task("see who leads in a category", _leaders),
    Task("compare two models", _two_models),
    Task("print what came of a campaign", _printed),
    Task("load the champion in a notebook", _notebook),
)


def measure(console: str, key: str, asked: Asked, *, tasks: tuple[Task, ...] = TASKS) -> list[Took]:
    """Every task from the start page, signed in; one that cannot be done has ``inf`` seconds, and why as ``found``."""
    from playwright.sync_api import Error, sync_playwright

    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium on PATH")
    told = []
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser, args=list(BROWSER))
        page = opened.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(LIMIT / 3.0 * 1000.0)
        page.goto(console)
        page.fill("#key", key)
        page.click("button[type=submit]")
        page.wait_for_selector(".cr-nav")
        for task in tasks:
            page.goto(console)
            page.wait_for_selector(".cr-nav")
            page.wait_for_load_state("networkidle")
            page.wait_for_function("() => window.socket?.connected")
            hand, began = Hand(page), time.perf_counter()
            try:
                found = task.way(hand, asked)
                machine = time.perf_counter() - began
            except (Error, RuntimeError) as reason:
                found, machine = f"not done: {str(reason).splitlines()[0]}", float("inf")
            told.append(Took(task.name, hand.clicks, hand.keys, machine, hand.person + machine, found))
        opened.close()
    return told


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; exit code 1 where a task takes more than a minute, or cannot be done."""
    parser = argparse.ArgumentParser(description="A newcomer's ten tasks in the console.")
    parser.add_argument("--console", default="http://127.0.0.1:3001", help="the console's address")
    parser.add_argument("--key", default=os.environ.get("COLLABRANK_API_KEY", ""), help="a key that opens it")
    parser.add_argument("--market", default="var/demo/market", help="the marketplace, for the notebook")
    parser.add_argument("--campaign", default="ca_0179")
    parser.add_argument("--creator", default="fikagia.1293", help="a creator's username")
    parser.add_argument("--reported", default="ca_0129", help="a campaign with a report")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    asked = Asked(chosen.campaign, chosen.creator, chosen.market, chosen.reported)
    told = measure(chosen.console, chosen.key, asked)
    if chosen.json:
        print(json.dumps([asdict(one) for one in told], indent=2))
    else:
        print(f"{'task':<36} {'clicks':>6} {'keys':>5} {'machine s':>10} {'person s':>9}  found")
        for one in told:
            print(f"{one.task:<36} {one.clicks:>6} {one.keys:>5} {one.machine:>10.1f} {one.person:>9.1f}  {one.found}")
    return int(any(one.person > LIMIT for one in told))


if __name__ == "__main__":
    sys.exit(main())
