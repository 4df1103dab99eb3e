"""What can be wrong with a machine or a home, looked at one thing at a time.

Each room has a ``doctor`` module with ``findings()``; the ``doctor`` command
prints them all.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from marketplace.errors import CollabrankError
from marketplace.state import state_folder

__all__ = ["Finding", "findings", "look"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: its name, whether it is well, and what was seen."""

    name: str
    ok: bool
    seen: str

    def as_dict(self) -> dict[str, object]:
        """``{name, ok, seen}``."""
        return asdict(self)


def look(name: str, at: Callable[[], str]) -> Finding:
    """Run ``at`` and report what it saw, or the error of ours that it raised."""
    try:
        return Finding(name, True, at())
    except CollabrankError as error:
        return Finding(name, False, str(error))


def _versions() -> str:
    seen = []
    for package in ("lightgbm", "scikit-learn", "mlflow", "bentoml", "pandas", "duckdb", "ibis-framework"):
        try:
            seen.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            seen.append(f"{package} missing")
    return ", ".join(seen)


def _home() -> str:
    folder = state_folder("doctor").parent
    with tempfile.TemporaryFile(dir=folder):
        return f"{folder} can be written to"


def findings() -> list[Finding]:
    """Python, the libraries and the home."""
    libraries = _versions()
    return [
        Finding("python", sys.version_info >= (3, 11), sys.version.split()[0]),
        Finding(
            "cores", True, str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
        ),
        Finding("libraries", "missing" not in libraries, libraries),
        look("home", _home),
    ]
