"""From moving a weight's slider to the new order on screen: ``python -m benchmarks.console``.

A real service, the console, and Chromium, all on this machine, with every creator of a simulated marketplace in one
market, so that each re-ranking goes over all of them. A slider is moved as a drag moves it; the time ends with
the first frame that is drawn after the table has taken the new rows. Moves follow one another at random distances,
so that none meets the answer of the one before.

Milliseconds of the browser's own clock.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.serving import TREES, made_up_bundle, running_service

__all__ = ["main", "moved", "running_console"]

TARGET_MS = 300.0
ROOT = Path(__file__).resolve().parents[1]
BROWSER = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")

_MOVE = """async ([label, place]) => {
  const fields = [...document.querySelectorAll('.cr-weights .cr-field')];
  const input = fields.find(one => one.innerText.startsWith(label)).querySelector('input');
  const began = performance.now();
  const drawn = new Promise((done, fail) => {
    document.addEventListener(
      'filled', () => requestAnimationFrame(() => setTimeout(() => done(performance.now() - began))), { once: true });
    setTimeout(() => fail(new Error(`no new order after ${label} ${place}`)), 20000);
  });
  input.value = String(place);
  input.dispatchEvent(new Event('input', { bubbles: true }));
  return await drawn;
}"""


def main(arguments: list[str] | None = None) -> int:
    """Make what is needed, move sliders, print; exit code 1 where the target is missed."""
    parser = argparse.ArgumentParser(description="Time the console's sliders.")
    parser.add_argument("--creators", type=int, default=20_000, help="creators to simulate (default 20000)")
    parser.add_argument("--moves", type=int, default=60, help="moves to time (default 60)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium on PATH")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        creators, campaign_id = _prepared(home, Path(folder), chosen.creators)
        with running_service(home) as (api, key, _), running_console(home, api) as url:
            took = moved(browser, url, key, campaign_id, moves=chosen.moves)
    figures: dict[str, float] = {
        "creators": creators,
        "moves": len(took),
        "median_ms": round(float(np.median(took)), 1),
        "p90_ms": round(float(np.quantile(took, 0.9)), 1),
        "most_ms": round(max(took), 1),
        "cores": os.cpu_count() or 1,
    }
    if chosen.json:
        print(json.dumps(figures))
    else:
        print(
            f"slider to new order over {creators:,} creators, {figures['cores']} cores: median "
            f"{figures['median_ms']:.0f} ms, nine in ten {figures['p90_ms']:.0f} ms, the slowest "
            f"{figures['most_ms']:.0f} ms of {len(took)} moves"
        )
    return int(figures["median_ms"] > TARGET_MS)


def _prepared(home: Path, folder: Path, creators: int) -> tuple[int, str]:
    """A home with all creators in one market; how many, and a campaign there."""
    from features.snapshot import TextColumn, build_snapshot, save_snapshot
    from marketplace.simulator import simulate
    from marketplace.tables import open_marketplace
    from models.bundle import read_signer, save_bundle

    simulate(folder / "market", creators=creators, campaigns=60, days=120, seed=7)
    snapshot = build_snapshot(open_marketplace(folder / "market"))
    busiest = Counter(np.asarray(snapshot.arrays.markets).tolist()).most_common(1)[0][0]
    brief = [one for one in snapshot.campaigns.values() if one.market == busiest][-1]
    together = replace(snapshot, arrays=replace(snapshot.arrays, markets=TextColumn.of([busiest] * len(snapshot))))
    signer = read_signer(home / "var" / "keys")
    matrix = snapshot.matrix(brief, np.arange(len(snapshot), dtype=np.int64))
    save_bundle(made_up_bundle(matrix, TREES), home / "var" / "bundle", signer)
    save_snapshot(together, home / "var" / "snapshot", signer)
    return len(snapshot), str(brief.campaign_id)


@contextmanager
def running_console(home: Path, api: str) -> Iterator[str]:
    """The console for the service at ``api``: its address."""
    environment = {**os.environ, "COLLABRANK_HOME": str(home), "PYTHONPATH": str(ROOT)}
    log = home / "console.log"
    command = [sys.executable, "-m", "collabrank", "console", "--api", api, "--port", "0"]
    with open(log, "wb") as out:
        running = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        yield _answering(log, running)
    finally:
        running.terminate()
        running.wait(timeout=30)


def _answering(log: Path, running: subprocess.Popen[bytes]) -> str:
    for _ in range(600):
        if running.poll() is not None:
            sys.exit(f"the console stopped:\n{log.read_text()}")
        said = [line for line in log.read_text().splitlines() if line.startswith("console at ")]
        if said:
            url = said[0].split()[2].rstrip(",")
            try:
                urllib.request.urlopen(f"{url}/healthz", timeout=5).close()
                return url
            except (urllib.error.URLError, OSError):
                pass
        time.sleep(0.1)
    sys.exit(f"the console did not answer:\n{log.read_text()}")


def moved(browser: str, url: str, key: str, campaign_id: str, *, moves: int) -> list[float]:
    """Milliseconds from each of ``moves`` to the order that it brings."""
    from playwright.sync_api import sync_playwright

    rng = np.random.default_rng(7)
    labels = ("The model's", "Cooperation", "Category influence", "Sales drive", "Content volume", "Profitability")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=browser, args=list(BROWSER))
        page = started.new_page(viewport={"width": 1280, "height": 860})
        page.goto(f"{url}/ranking?campaign={campaign_id}")
        page.fill("#key", key)
        page.click("button[type=submit]")
        page.wait_for_selector("[data-filled='1'] .ag-row", timeout=60_000)
        took: list[float] = []
        places: dict[str, int] = {}
        for n in range(moves + 5):
            label = labels[n % len(labels)]
            # Somewhere else than it is: at 10 or less all indices begin, at 90 or more the model.
            places[label] = int(rng.choice([one for one in range(11, 90) if one != places.get(label)]))
            took.append(float(page.evaluate(_MOVE, [label, places[label]])))
            page.wait_for_timeout(float(rng.uniform(100.0, 1500.0)))
        started.close()
    return took[5:]


if __name__ == "__main__":
    sys.exit(main())
