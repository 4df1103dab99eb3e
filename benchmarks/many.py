"""Very many creators over HTTP, and what a worker then weighs: ``python -m benchmarks.many --creators 1000000``.

A small simulated marketplace's snapshot is repeated with noise until it has so many creators, all in one market and
so all eligible; one worker serves it, and is asked for the top 50 with reasons by one client, one request after
another. Twice: a quarter of them, as of one market of four, and all. It takes some 8 KB of memory a creator.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving import TREES, made_up_bundle, measured_latency, running_service
from features.snapshot import Snapshot, TextColumn

__all__ = ["main", "repeated"]

TARGET_MS = 1000.0


def main(arguments: list[str] | None = None) -> int:
    """Make what is needed, measure, print; exit code 1 where a median is above a second."""
    parser = argparse.ArgumentParser(description="Time POST /rank over very many creators.")
    parser.add_argument("--creators", type=int, default=1_000_000, help="creators in all (default a million)")
    parser.add_argument("--requests", type=int, default=20, help="requests a measure (default 20)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = _measured(Path(folder), chosen)
    figures["cores"] = len(os.sched_getaffinity(0))
    if chosen.json:
        print(json.dumps(figures))
    else:
        print(f"POST /rank, top 50 with reasons, {figures['cores']} cores, one worker")
        for name in ("quarter", "all"):
            one = figures[name]
            print(
                f"  {one['considered']:>9,} considered: median {one['median_ms']:.0f} ms, p99 {one['p99_ms']:.0f} ms "
                f"over {one['requests']} requests; the worker holds {one['worker_mb']:,} MB, of them "
                f"{one['shared_mb']:,} shared"
            )
    return int(max(figures[name]["median_ms"] for name in ("quarter", "all")) > TARGET_MS)


def _measured(folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    from features.snapshot import build_snapshot, save_snapshot
    from marketplace.simulator import simulate
    from marketplace.tables import open_marketplace
    from models.bundle import read_signer, save_bundle

    simulate(folder / "market", creators=1_000, campaigns=30, days=120, seed=7)
    small = build_snapshot(open_marketplace(folder / "market"))
    brief = list(small.campaigns.values())[-1]
    home = folder / "home"
    signer = read_signer(home / "var" / "keys")
    matrix = small.matrix(brief, np.arange(len(small)))
    save_bundle(made_up_bundle(matrix, TREES), home / "var" / "bundle", signer)
    figures: dict[str, Any] = {}
    for name, creators in (("quarter", chosen.creators // 4), ("all", chosen.creators)):
        save_snapshot(repeated(small, creators, brief.market), home / "var" / "snapshot", signer)
        with running_service(home) as (url, key, process):
            figures[name] = measured_latency(url, key, brief.campaign_id, requests=chosen.requests, top=50)
            figures[name] |= _memory(process.pid)
    return figures


def repeated(small: Snapshot, creators: int, market: str) -> Snapshot:
    """So many creators in one ``market``: those of ``small`` over and over, their own signals with noise."""
    n = len(small)
    rows = np.arange(creators) % n
    rng = np.random.default_rng(3)
    arrays = small.arrays
    ids = np.char.add("c", np.char.zfill(np.arange(creators).astype(str), 9))
    of_each: dict[str, Any] = {name: getattr(arrays, name)[rows] for name in ("joined_day", "category")}
    of_each |= {name: getattr(arrays, name).take(rows) for name in ("usernames", "languages", "agency_status")}
    creator = arrays.creator[rows]
    for first in range(0, creators, 50_000):
        part = creator[first : first + 50_000]
        part *= 1.0 + 0.05 * rng.normal(size=part.shape)
    influence_rows = (rows[:, None] * len(small.category_ids) + np.arange(len(small.category_ids))).ravel()
    conversion = small.conversion
    if conversion is not None:
        known = conversion.rows_of(np.asarray(arrays.creator_ids))[rows]
        places = np.append(known, len(conversion.creator_ids))
        of_creators: dict[str, Any] = {
            one.name: np.ascontiguousarray(getattr(conversion, one.name)[..., places])
            for one in fields(conversion)
            if one.name
            in ("mean", "cover", "level", "category_share", "usual_price", "views", "per_view", "live_share")
        }
        conversion = replace(conversion, creator_ids=ids, **of_creators)
    return replace(
        small,
        arrays=replace(
            arrays,
            creator_ids=TextColumn.of(ids),
            markets=TextColumn.of(np.full(creators, market)),
            creator=creator,
            **of_each,
        ),
        general=small.general.take(rows),
        influence=small.influence.take(influence_rows),
        conversion=conversion,
        # Invitations went to one creator each; rankings read none.
        contacts=None,
    )


def _memory(parent: int) -> dict[str, int]:
    """Resident memory of the process's largest descendant, MB, and what of it is shared with others."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(told[1]), []).append(int(entry.name))
    family, todo = [], [parent]
    while todo:
        one = todo.pop()
        family.append(one)
        todo += children.get(one, [])
    most = {"worker_mb": 0, "shared_mb": 0}
    for one in family:
        try:
            lines = (Path("/proc") / str(one) / "status").read_text().splitlines()
        except OSError:
            continue
        told_kb = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss") or "VmRSS" in line}
        resident = int(told_kb.get("VmRSS", 0)) // 1000
        if resident > most["worker_mb"]:
            shared = (int(told_kb.get("RssFile", 0)) + int(told_kb.get("RssShmem", 0))) // 1000
            most = {"worker_mb": resident, "shared_mb": shared}
    return most


if __name__ == "__main__":
    sys.exit(main())
