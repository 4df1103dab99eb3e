"""Run guards by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.leaks import guards
from tests.leaks.worlds import FUTURES, World

__all__ = ["OF_THE_CODE", "OVER_FUTURES", "ROOT", "own_source", "run_guard"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("marketplace", "features", "models", "training", "serving")
OVER_FUTURES = ("signals", "indices", "briefs", "eligible", "labels", "held_out")
"""Guards that compare futures."""

OF_THE_CODE = ("folds", "placebo", "calibration", "ties")
"""Guards that look at the code alone, on made-up rows."""


def own_source() -> dict[str, str]:
    """The project's modules by path."""
    files = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}


def run_guard(
    name: str,
    world: World,
    *,
    facts: Sequence[str] = (),
    futures: Sequence[str] = FUTURES,
    source: str = "",
    seed: int = 0,
) -> None:
    """Run the guard ``name``; it raises `guards.Leak` where it finds a leak.

    Parameters
    ----------
    facts : sequence of str
        The facts that the guard of facts looks at; all by default.
    futures : sequence of str
        The futures that are compared, where the guard compares futures.
    source : str
        A module that is read besides the project's own.
    seed : int
        Of the made-up rows that the guards of the code alone look at.
    """
    guard = getattr(guards, name)
    if name in OF_THE_CODE:
        guard(seed)
    elif name == "source":
        guard(own_source() | ({"features/planted.py": source} if source else {}))
    elif name == "facts":
        guard(world, facts, futures)
    elif name in OVER_FUTURES:
        guard(world, futures)
    else:
        guard(world)
