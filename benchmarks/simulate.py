"""How long a large marketplace takes to simulate, and how much memory: ``python -m benchmarks.simulate``.

The figures are wall-clock seconds and the process's peak resident memory, on whatever machine runs it.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from marketplace.simulator import simulate

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Simulate once into a temporary folder and print seconds, peak RSS and size."""
    parser = argparse.ArgumentParser(description="Time the simulator.")
    parser.add_argument("--creators", type=int, default=20_000, help="creators to simulate (default 20000)")
    parser.add_argument("--campaigns", type=int, default=300, help="campaigns to simulate (default 300)")
    parser.add_argument("--days", type=int, default=240, help="days to simulate (default 240)")
    parser.add_argument("--seed", type=int, default=7, help="seed (default 7)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "market"
        started = time.perf_counter()
        simulate(out, creators=chosen.creators, campaigns=chosen.campaigns, days=chosen.days, seed=chosen.seed)
        seconds = time.perf_counter() - started
        size = sum(file.stat().st_size for file in out.rglob("*.parquet"))
    # ru_maxrss is in KiB on Linux, in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    figures = {
        "creators": chosen.creators,
        "campaigns": chosen.campaigns,
        "days": chosen.days,
        "seconds": round(seconds, 1),
        "peak_rss_gib": round(peak / 2**30, 2),
        "parquet_mib": round(size / 2**20, 1),
    }
    if chosen.json:
        print(json.dumps(figures))
    else:
        print(
            f"simulate {chosen.creators:,} creators, {chosen.campaigns} campaigns, {chosen.days} days: "
            f"{figures['seconds']} s, peak {figures['peak_rss_gib']} GiB, {figures['parquet_mib']} MiB of Parquet"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
