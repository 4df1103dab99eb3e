"""How long lift takes for 100,000 partnerships, and how that grows: ``python -m benchmarks.lift_scale``.

Marketplaces of 100, 330 and 1,000 campaigns in 240 days are drawn, with 30 creators and, as in the baseline, a quarter
of a brand for every campaign. They are the baseline's with more invitations a campaign (`World.invites`), that are
more often accepted (`accept_level`) and delivered (`deliver_level`), and an earlier last brief (`last_brief`), so that
most are ripe: 100,000 partnerships then come from 250,000 invitations, not from millions, and the simulation is short
beside what is timed. ``--brands`` holds the brands, and so the products, to a number however many campaigns there are:
partnerships then crowd on the same products, where they are told apart at each other's cost.

Each marketplace is measured in a process of its own, so that peak memory is that size's alone: `build_labels` (all
outcomes and lift labels), of which `estimate_lift` again by itself, and `lift_report` (estimates and all checks).
``--market DIR`` measures any one marketplace instead.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.simulate import slope
from features.lift import attributed_days, estimate_lift
from features.time import known_until
from marketplace.errors import CollabrankError
from marketplace.simulator import simulate
from marketplace.simulator.worlds import BASELINE
from marketplace.tables import open_marketplace
from training.data import build_labels
from training.lift import lift_report
from training.outcomes import build_outcomes

__all__ = ["CAMPAIGNS", "WORLD", "main", "measure"]

WORLD = replace(BASELINE, invites=(150, 350), accept_level=0.0, deliver_level=1.5, last_brief=0.75)
"""The baseline with more partnerships a campaign."""

CAMPAIGNS = (100, 330, 1_000)
CREATORS_PER_CAMPAIGN = 30
DAYS = 240
PARTS = ("build_labels", "estimate_lift", "lift_report")


def _timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What ``work`` gives, and its wall-clock and CPU seconds, and the process's peak GiB until its end."""
    started, worked = time.perf_counter(), time.process_time()
    found = work()
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    # ru_maxrss is in KiB on Linux, in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
    return found, {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "peak_gib": round(peak, 2)}


def measure(folder: Path) -> dict[str, Any]:
    """Time the three on the marketplace in ``folder``, in this process, as of the end of its data.

    Raises
    ------
    CollabrankError
        No such marketplace, or no partnership of it is ripe.
    """
    market = open_marketplace(folder)
    day = known_until(market)
    labels, of_labels = _timed(lambda: build_labels(market, day))
    outcomes = build_outcomes(market, day)
    posted = outcomes[outcomes["posted_at"].notna()]
    attributed = attributed_days(market, day)
    _, of_lift = _timed(lambda: estimate_lift(market, posted, day, attributed=attributed))
    _, of_report = _timed(lambda: lift_report(market, day))
    return {
        "invitations": len(labels),
        "accepted": int((outcomes["accepted"] == 1.0).sum()),
        "partnerships": len(posted),
        "ripe": int(outcomes["ripe"].sum()),
        "labelled": int(labels["lift_usd"].notna().sum()),
        "product_days": market.arrow("product_days", ["product_id"]).num_rows,
        "orders": market.arrow("orders", ["sku_id"]).num_rows,
        "build_labels": of_labels,
        "estimate_lift": of_lift,
        "lift_report": of_report,
    }


def _simulate_and_measure(campaigns: int, *, brands: int | None, seed: int, folder: Path | None) -> dict[str, Any]:
    """Draw a marketplace of so many campaigns into a temporary folder and measure it in a process of its own."""
    world = WORLD if brands is None else replace(WORLD, brands_per_campaign=brands / campaigns)
    creators = CREATORS_PER_CAMPAIGN * campaigns
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        market = Path(temporary) / "market"
        _, drawn = _timed(
            lambda: simulate(market, creators=creators, campaigns=campaigns, days=DAYS, seed=seed, world=world)
        )
        command = [sys.executable, "-m", "benchmarks.lift_scale", "--market", str(market), "--json"]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return {"campaigns": campaigns, "creators": creators, "simulate_seconds": drawn["seconds"], **found}


def _print(found: dict[str, Any]) -> None:
    """One marketplace."""
    print(
        f"{found['partnerships']:,} partnerships with content out, {found['ripe']:,} of them ripe, "
        f"{found['labelled']:,} with a lift; {found['accepted']:,} accepted of {found['invitations']:,} invitations; "
        f"{found['product_days']:,} product days, {found['orders']:,} states of orders"
    )
    for name in PARTS:
        one = found[name]
        each = one["seconds"] / found["partnerships"] * 10_000
        print(
            f"  {name:<14} {one['seconds']:7.1f} s, {one['cpu_seconds']:7.1f} s of CPU, {each:6.2f} s for 10,000, "
            f"peak {one['peak_gib']:.2f} GiB",
            flush=True,
        )


def main(arguments: list[str] | None = None) -> int:
    """Measure one marketplace or the scale, and print; returns the exit code."""
    parser = argparse.ArgumentParser(description="Time lift labels and the lift report.")
    parser.add_argument("--market", type=Path, metavar="DIR", help="measure this marketplace alone")
    parser.add_argument("--campaigns", default=",".join(map(str, CAMPAIGNS)), help="by comma (default 100,330,1000)")
    parser.add_argument("--brands", type=int, help="brands, however many campaigns (default: a quarter of campaigns)")
    parser.add_argument("--seed", type=int, default=7, help="seed (default 7)")
    parser.add_argument("--folder", type=Path, help="write into this folder and clear it (default: the system's)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.market is not None:
            one = measure(chosen.market)
            print(json.dumps(one)) if chosen.json else _print(one)
            return 0
        rows = []
        for campaigns in map(int, chosen.campaigns.split(",")):
            rows.append(_simulate_and_measure(campaigns, brands=chosen.brands, seed=chosen.seed, folder=chosen.folder))
            if not chosen.json:
                print(f"{campaigns} campaigns, {rows[-1]['creators']:,} creators:", end=" ")
                _print(rows[-1])
    except (CollabrankError, ValueError, subprocess.CalledProcessError) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    slopes: dict[str, float] = {}
    if len(rows) > 1:
        sizes = [row["partnerships"] for row in rows]
        slopes = {name: round(slope(sizes, [row[name]["cpu_seconds"] for row in rows]), 2) for name in PARTS}
    if chosen.json:
        print(json.dumps({"rows": rows, "slopes": slopes, "cores": os.cpu_count()}))
    elif slopes:
        told = ", ".join(f"{name} {value:.2f}" for name, value in slopes.items())
        print(f"slope of log CPU seconds over log partnerships (1 is proportional): {told}; {os.cpu_count()} cores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
