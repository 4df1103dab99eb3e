"""``python -m benchmarks [NAME …]``: run the benchmarks whose figures the README quotes, one after another.

Each is a module of its own (``python -m benchmarks.features``). Figures depend on the machine: read the ratios.
"""

from __future__ import annotations

import subprocess
import sys

NAMES = (
    "features",
    "simulate",
    "serving",
    "scoring",
    "complete_journey",
    "off_policy",
    "cache",
    "decisions",
    "planning",
    "noop",
    "feedback",
)


def main(names: list[str]) -> int:
    """Run ``names`` (all by default), each in its own process; the number that failed."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        print(f"expected some of {', '.join(NAMES)}; received {', '.join(unknown)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names or NAMES:
        print(f"\n== {name} ==", flush=True)
        failed += bool(subprocess.call([sys.executable, "-m", f"benchmarks.{name}"]))
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
