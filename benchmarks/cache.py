"""What is built once and what that saves: ``python -m benchmarks.cache [--market DIR]``.

The commands of the demo, each in a process of its own, one after another in two homes that begin empty: one without
a cache (``COLLABRANK_CACHE=off``), one with it, where every command is run a second time at once. CPU seconds of the
whole process (user and system, imports included), their ratios to the run without, and whether both homes print the
same.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from marketplace.tables import open_marketplace

__all__ = ["main"]

COMMANDS = ("train", "promote", "evaluate", "snapshot", "rank", "card", "score")
CHANGING = re.compile(r"run [0-9a-f]{32}|version \d+|\S*/var/\S*|in \S+/home\S*")
"""What differs between two homes: run ids, versions and folders."""


def measured(home: Path, words: list[str], *, cache: str) -> tuple[float, str]:
    """CPU seconds of ``collabrank *words`` in ``home``, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "COLLABRANK_HOME": str(home), "COLLABRANK_CACHE": cache}
    done = subprocess.run(
        [sys.executable, "-m", "collabrank", *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"collabrank {' '.join(words)}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, CHANGING.sub("", done.stdout)


def words_of(command: str, market: Path, scratch: Path) -> list[str]:
    """The command's arguments: the newest campaign, the first creator."""
    if command == "promote":
        return [command]
    tables = open_marketplace(market)
    campaigns = tables.frame("campaigns", ["briefed_at", "campaign_id"]).sort_values(["briefed_at", "campaign_id"])
    last = {
        "rank": ["--campaign", campaigns["campaign_id"].iloc[-1]],
        "card": [tables.frame("creators", ["creator_id"])["creator_id"].min()],
        "score": [str(scratch / "scores.parquet")],
    }  # fmt: skip
    return [command, str(market), *last.get(command, [])]


def main(argv: list[str] | None = None) -> int:
    """Print the table; 1 if what was printed differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--market", type=Path, help="a marketplace; by default the demo's is simulated")
    parser.add_argument("--only", nargs="*", default=list(COMMANDS), choices=COMMANDS, metavar="COMMAND")
    asked = parser.parse_args(argv)
    differing = []
    with tempfile.TemporaryDirectory(prefix="collabrank-") as folder:
        scratch = Path(folder)
        market = asked.market or scratch / "market"
        if asked.market is None:
            measured(scratch / "home", ["simulate", str(market), "--seed", "7"], cache="off")
        print(f"{os.cpu_count()} cores; CPU seconds (user + system) of each command in a process of its own\n")
        print(f"{'':<10}{'no cache':>9}{'with it':>9}{'again':>9}   {'with it':>8}{'again':>9}")
        for command in [one for one in COMMANDS if one in asked.only]:
            words = words_of(command, market, scratch)
            without, said = measured(scratch / "home_off", words, cache="off")
            first, told = measured(scratch / "home_on", words, cache="on")
            again, _ = (first, told) if command == "promote" else measured(scratch / "home_on", words, cache="on")
            differing += [command] if said != told else []
            ratios = f"{first / without:>8.2f}{again / without:>9.2f}"
            print(f"{command:<10}{without:>9.1f}{first:>9.1f}{again:>9.1f}   {ratios}", flush=True)
        kept = sum(path.stat().st_size for path in (scratch / "home_on/var/cache").rglob("*") if path.is_file())
        print(f"\n{kept / 1e6:,.0f} MB kept; printed the same: {', '.join(differing) + ' NOT' if differing else 'all'}")
    return int(bool(differing))


if __name__ == "__main__":
    sys.exit(main())
