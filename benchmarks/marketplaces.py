"""Marketplaces drawn to measure rankers on, world by world and seed by seed: what such benchmarks share.

A *cell* is one world with one seed: a marketplace of its own, drawn, learned from and measured on once. Results are
kept as JSON lines in the file of ``--out``, and a benchmark started again with the same file goes on from there.

The same seed in two worlds draws the same creators, products and briefs, and largely the same luck: what differs is
what the world changes. Cells of different seeds share nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from marketplace.arrays import Floats
from marketplace.simulator import FAMILIES, find_world, simulate
from marketplace.tables import Marketplace, open_marketplace
from training.data import Split, TrainingData, build_training_data, split_of
from training.evaluation import HeldOut, compare_rankers, gather_held_out

__all__ = [
    "METRIC",
    "SIZE",
    "Drawn",
    "cells_of",
    "draw",
    "gain_shares",
    "gather",
    "measure_cells",
    "options",
    "seeds_of",
    "size_of",
]

Row = dict[str, Any]

METRIC = "oracle_gain_share_at_20"
SIZE = ("creators", "campaigns", "days")
DEFAULT_WORLDS = ("baseline", "confounded", "interference", "drift", "gaming")


@dataclass(frozen=True)
class Drawn:
    """One cell, open while it is measured.

    ``data`` is what is learned from (of ``split.train``), ``held_out`` what is measured on; ``facts`` is what a result
    says of the cell, ``build_seconds`` what making ``data`` took.
    """

    seed: int
    market: Marketplace
    split: Split
    data: TrainingData
    held_out: HeldOut
    build_seconds: float
    facts: Row

    @property
    def matrix(self) -> Floats:
        """The held-out pairs' signals in the order of ``data.signals``, float64 (n, k)."""
        return np.ascontiguousarray(self.held_out.X[list(self.data.signals)].to_numpy(dtype=np.float64))


@contextmanager
def draw(world: str, seed: int, *, creators: int, campaigns: int, days: int) -> Iterator[Drawn]:
    """Draw a marketplace, and build what is learned from and what is measured on; it is gone when the block ends.

    Raises
    ------
    ContractError, TrainingError
        No such world, or too little to learn from.
    """
    with tempfile.TemporaryDirectory(prefix="collabrank-") as scratch:
        folder = Path(scratch) / "market"
        simulate(
            folder, creators=creators, campaigns=campaigns, days=days, seed=seed, world=find_world(world, seed=seed)
        )
        market = open_marketplace(folder)
        split = split_of(market, None)
        facts = {"world": world, "seed": seed, "creators": creators, "campaigns": campaigns, "days": days}
        yield gather(market, split, seed=seed, facts=facts)


def gather(market: Marketplace, split: Split, *, seed: int, facts: Row) -> Drawn:
    """What is learned from and what is measured on of a marketplace that stands; ``facts`` with its counts.

    Raises
    ------
    TrainingError
        Too little to learn from.
    """
    started = time.perf_counter()
    data = build_training_data(market, split.train, as_of=split.cutoff)
    seconds = time.perf_counter() - started
    counts = {
        "held_out": len(split.held_out), "invitations": len(data), "lifts": int(data.lift_known.sum()),
    }  # fmt: skip
    held_out = gather_held_out(market, split.held_out, train_campaigns=split.train)
    return Drawn(seed, market, split, data, held_out, seconds, {**facts, **counts})


def gain_shares(drawn: Drawn, scores: Mapping[str, npt.ArrayLike]) -> dict[str, float | None]:
    """Each ranker's `METRIC` over the held-out campaigns; None where it is not defined."""
    found = compare_rankers(scores, drawn.held_out.pairs, truth=drawn.held_out.truth, seed=drawn.seed)
    values = {name: found.row(name, METRIC).estimate for name in scores}
    return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}


def options(
    description: str, *, worlds: Sequence[str] = DEFAULT_WORLDS, size: tuple[int, int, int] = (3_000, 180, 240)
) -> argparse.ArgumentParser:
    """A parser with the options that say which cells, of what size, and where results are kept."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--worlds", default=",".join(worlds), help=f"of {', '.join(FAMILIES)}")
    parser.add_argument("--seeds", default="201-202", help="as 201-210 or 3,5,8 (default 201-202)")
    for name, usual in zip(SIZE, size, strict=True):
        parser.add_argument(f"--{name}", type=int, default=usual, help=f"{name} (default {usual})")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep and resume results here, one JSON line each")
    return parser


def size_of(chosen: argparse.Namespace) -> dict[str, int]:
    """The size of each marketplace, by `SIZE`."""
    return {name: getattr(chosen, name) for name in SIZE}


def seeds_of(text: str) -> list[int]:
    """The seeds that ``201-210`` or ``3,5,8`` names.

    Raises
    ------
    ValueError
        They are no numbers.
    """
    low, dash, high = text.partition("-")
    return list(range(int(low), int(high) + 1)) if dash else [int(seed) for seed in text.split(",")]


def cells_of(chosen: argparse.Namespace, *, deal: bool = False) -> list[tuple[str, int]]:
    """World and seed of every cell, seed by seed, so that a run that is cut short has every world.

    ``deal``: each seed for one world alone, in turn.

    Raises
    ------
    ContractError, ValueError
        No such world; seeds that are no numbers.
    """
    seeds = seeds_of(chosen.seeds)
    worlds = [name.strip() for name in chosen.worlds.split(",")]
    for world in worlds:
        find_world(world)
    if deal:
        return [(worlds[place % len(worlds)], seed) for place, seed in enumerate(seeds)]
    return [(world, seed) for seed in seeds for world in worlds]


def measure_cells(
    chosen: argparse.Namespace,
    cells: Sequence[tuple[str, int]],
    measure: Callable[[str, int, Sequence[Row]], Row | None],
    tell: Callable[[Row], None],
) -> list[Row]:
    """All results of ``cells`` at the chosen size: those in the file, and what ``measure`` adds to them.

    ``measure`` gets world, seed and the cell's rows so far, and returns another row, or None where none is wanted. A
    new row is kept before ``tell`` gets it.
    """
    rows = [row for row in _kept(chosen.out) if all(row[name] == value for name, value in size_of(chosen).items())]
    for world, seed in cells:
        row = measure(world, seed, [row for row in rows if (row["world"], row["seed"]) == (world, seed)])
        if row is None:
            continue
        rows.append(row)
        if chosen.out is not None:
            with chosen.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
        tell(row)
    return [row for row in rows if (row["world"], row["seed"]) in cells]


def _kept(file: Path | None) -> list[Row]:
    if file is None or not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
