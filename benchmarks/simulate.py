"""How long a marketplace takes to simulate, and how much memory: ``python -m benchmarks.simulate``.

First one marketplace of the usual size, then a year of 300 campaigns at 10,000,
100,000 and 1,000,000 creators, each in a process of its own, and the slopes:
of seconds over creators in logarithms (1 is proportional), and of peak memory.
The figures are wall-clock seconds and the process's peak resident memory, on
whatever machine runs it. The million takes the longest by far, and some 15 GiB
of disk: ``--largest 100000`` stops before it, ``--folder`` says where to write.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from marketplace.simulator import simulate

__all__ = ["SIZES", "main", "slope"]

SIZES = (10_000, 100_000, 1_000_000)
"""Creators of the rows that show how the simulator scales."""

_USUAL = {"creators": 20_000, "campaigns": 300, "days": 240}
_SCALE_DAYS = 365
_DISK_PER_CREATOR_DAY = 60
"""Bytes, with what is needed while the work goes on; measured 45."""


def slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Least-squares slope of log ``seconds`` over log ``sizes``: 1 where time is proportional to size."""
    x, y = [math.log(size) for size in sizes], [math.log(second) for second in seconds]
    middle = sum(x) / len(x)
    return sum((a - middle) * b for a, b in zip(x, y, strict=True)) / sum((a - middle) ** 2 for a in x)


def _measure(creators: int, campaigns: int, days: int, *, seed: int, folder: Path | None) -> dict[str, Any]:
    """Simulate once, in this process, into a temporary folder."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        out = Path(temporary) / "market"
        started, worked = time.perf_counter(), time.process_time()
        simulate(out, creators=creators, campaigns=campaigns, days=days, seed=seed)
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
        size = sum(file.stat().st_size for file in out.rglob("*.parquet"))
    # ru_maxrss is in KiB on Linux, in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {
        "creators": creators,
        "campaigns": campaigns,
        "days": days,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "creators_per_second": round(creators / seconds, 1),
        "peak_rss_gib": round(peak / 2**30, 2),
        "parquet_mib": round(size / 2**20, 1),
    }


def _line(figures: dict[str, Any]) -> str:
    return (
        f"simulate {figures['creators']:,} creators, {figures['campaigns']} campaigns, {figures['days']} days: "
        f"{figures['seconds']} s ({figures['cpu_seconds']} s of CPU), {figures['creators_per_second']:,} creators/s, "
        f"peak {figures['peak_rss_gib']} GiB, {figures['parquet_mib']} MiB of Parquet"
    )


def _measure_apart(creators: int, campaigns: int, days: int, *, seed: int, folder: Path | None) -> dict[str, Any]:
    """The same in a process of its own, so that the peak is that size's alone."""
    command = [sys.executable, "-m", "benchmarks.simulate", "--json", "--seed", str(seed)]
    command += ["--creators", str(creators), "--campaigns", str(campaigns), "--days", str(days)]
    if folder is not None:
        command += ["--folder", str(folder)]
    figures: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Simulate the one size asked for, or all of them, and print seconds, creators per second, peak RSS and size."""
    parser = argparse.ArgumentParser(description="Time the simulator.")
    parser.add_argument("--creators", type=int, help="time this many creators alone")
    parser.add_argument("--campaigns", type=int, default=300, help="campaigns to simulate (default 300)")
    parser.add_argument("--days", type=int, help="days to simulate (default 240 for one size, 365 for the scale)")
    parser.add_argument("--seed", type=int, default=7, help="seed (default 7)")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="leave out larger sizes (default 1000000)")
    parser.add_argument("--folder", type=Path, help="write into this folder and clear it (default: the system's)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    if chosen.creators is not None:
        days = chosen.days or _USUAL["days"]
        one = _measure(chosen.creators, chosen.campaigns, days, seed=chosen.seed, folder=chosen.folder)
        print(json.dumps(one) if chosen.json else _line(one))
        return 0

    days = chosen.days or _SCALE_DAYS
    rows = [_measure_apart(**_USUAL, seed=chosen.seed, folder=chosen.folder)]
    if not chosen.json:
        print(_line(rows[0]), flush=True)
    for creators in (size for size in SIZES if size <= chosen.largest):
        needed = creators * days * _DISK_PER_CREATOR_DAY
        free = shutil.disk_usage(chosen.folder or tempfile.gettempdir()).free
        if free < needed:
            print(
                f"{creators:,} creators left out: they need about {needed / 2**30:.0f} GiB of disk, "
                f"{free / 2**30:.0f} are free (--folder says where to write)",
                file=sys.stderr,
            )
            continue
        rows.append(_measure_apart(creators, chosen.campaigns, days, seed=chosen.seed, folder=chosen.folder))
        if not chosen.json:
            print(_line(rows[-1]), flush=True)
    scale = rows[1:]
    slopes: dict[str, float] = {}
    if len(scale) > 1:
        sizes = [row["creators"] for row in scale]
        more = (sizes[-1] - sizes[0]) / 10_000
        slopes = {
            "seconds_slope": round(slope(sizes, [row["seconds"] for row in scale]), 3),
            "rss_mib_per_10k": round((scale[-1]["peak_rss_gib"] - scale[0]["peak_rss_gib"]) * 1024 / more, 1),
        }
    if chosen.json:
        print(json.dumps({"rows": rows, **slopes}))
    elif slopes:
        print(
            f"slope of log seconds over log creators: {slopes['seconds_slope']} (1 is proportional); "
            f"{slopes['rss_mib_per_10k']} MiB more at the peak for 10,000 creators more"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
