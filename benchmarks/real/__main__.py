"""``python -m benchmarks.real NAME --from DIR``: run one benchmark on published data and print its figures."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.real import (
    airbnb_audit,
    asos_experiments,
    coupon_panel,
    detailing_panel,
    geo_experiment,
    hotel_bookings,
    karlan_list,
    upworthy,
)
from benchmarks.real.published import PAGE, Benchmark, Figure, read_frames
from marketplace.errors import SourceError

__all__ = ["BENCHMARKS", "main", "table"]

BENCHMARKS: dict[str, Benchmark] = {
    module.BENCHMARK.name: module.BENCHMARK
    for module in (
        airbnb_audit,
        asos_experiments,
        coupon_panel,
        detailing_panel,
        geo_experiment,
        hotel_bookings,
        karlan_list,
        upworthy,
    )
}


def table(figures: list[Figure]) -> str:
    """The figures as text: what, value, interval, and what it is held against."""
    width = max(len(one.what) for one in figures)
    lines = []
    for one in figures:
        ends = "" if math.isnan(one.low) else f"{one.low:.4g} .. {one.high:.4g}"
        lines.append(f"{one.what:<{width}}  {one.value:>10.4g}  {ends:<24}{one.against}".rstrip())
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(
        description="This project's code on published data.",
        epilog="\n".join(f"{name}: {one.about}" for name, one in BENCHMARKS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=sorted(BENCHMARKS), help="which data set")
    parser.add_argument("--from", dest="folder", type=Path, required=True, help=f"folder of its files ({PAGE})")
    parser.add_argument("--seed", type=int, default=7, help="seed of everything random (default 7)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    started = time.perf_counter()
    benchmark = BENCHMARKS[chosen.name]
    try:
        figures = benchmark.measure(read_frames(benchmark, chosen.folder), chosen.seed)
    except SourceError as wrong:
        print(f"expected {wrong.expected}\nreceived {wrong.received}\nsee {wrong.look}", file=sys.stderr)
        return 2
    if chosen.json:
        rows = [
            {
                key: None if isinstance(value, float) and math.isnan(value) else value
                for key, value in asdict(one).items()
            }
            for one in figures
        ]
        print(json.dumps({"name": benchmark.name, "figures": rows}))
    else:
        print(f"{benchmark.name}: {benchmark.about}\n{table(figures)}\n{time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
