"""The folder beside OUT in which a marketplace grows, unit by unit, so that work that was killed goes on.

A unit writes into a folder of its own; its files are then renamed into place
and the unit is recorded. Whatever was not recorded is done again, and the same
arguments draw the same numbers, so that an interrupted run ends with the bytes
of an uninterrupted one. The plan (arguments, world, a digest of the simulator
and its libraries' versions) says whose work it is: another plan starts afresh.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy

from marketplace.errors import ContractError
from marketplace.progress import say
from marketplace.state import alone, swap_folder, write_whole

__all__ = ["Workspace", "open_workspace", "sources"]

Counts = dict[str, int]


def sources() -> dict[str, str]:
    """What the bytes of a marketplace hang on besides its arguments: a digest of the code, versions of libraries."""
    digest = hashlib.sha256()
    marketplace = Path(__file__).parents[2]
    for folder in ("contract", "simulator"):
        for file in sorted((marketplace / folder).rglob("*.py")):
            digest.update(file.relative_to(marketplace).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return {
        "simulator": digest.hexdigest(),
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "scipy": scipy.__version__,
    }


class Workspace:
    """The unfinished marketplace in ``folder``: ``market`` is to become OUT, ``spool`` holds sums and records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.market = folder / "market"
        self.spool = folder / "spool"

    def recorded(self, name: str) -> Counts | None:
        """The counts that unit ``name`` was recorded with, or None where it is still to do."""
        record = self.spool / f"{name}.json"
        counts: Counts | None = json.loads(record.read_text()) if record.is_file() else None
        return counts

    def unit(self, name: str, work: Callable[[Path], Counts]) -> Counts:
        """Do ``work`` in a new folder laid out like this one, put its files in place and record its counts.

        A unit that is recorded already is not done again.
        """
        there = self.recorded(name)
        if there is not None:
            return there
        fresh = self.folder / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        counts = work(fresh)
        for file in sorted(path for path in fresh.rglob("*") if path.is_file()):
            with open(file, "rb") as handle:
                os.fsync(handle.fileno())
            target = self.folder / file.relative_to(fresh)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)
        shutil.rmtree(fresh)
        write_whole(self.spool / f"{name}.json", json.dumps(counts).encode())
        return counts

    def publish(self, finished: Path, out: Path) -> None:
        """Put ``finished``, a folder in here, in the place of ``out``, and remove the rest."""
        swap_folder(finished, out)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def open_workspace(out: Path, plan: Mapping[str, Any]) -> Iterator[Workspace]:
    """The workspace of ``out``, with whatever an interrupted run of the same ``plan`` left in it.

    Raises
    ------
    ContractError
        Another process is at work on the same ``out``.
    """
    folder = out.parent / f".{out.name}.unfinished"
    folder.mkdir(parents=True, exist_ok=True)
    space = Workspace(folder)
    refused = ContractError(
        "one simulation of a folder at a time",
        received=f"{out}, which another process is writing",
        look="another OUT, or wait for the other",
    )
    with alone(folder / "lock", refused):
        wanted = json.dumps({**plan, "sources": sources()}, sort_keys=True, indent=1).encode()
        noted = folder / "plan.json"
        same = noted.is_file() and noted.read_bytes() == wanted
        if same and space.market.is_dir():
            say(f"going on with what an interrupted run left in {folder}")
        else:
            if noted.is_file():
                why = "whole already" if same else "of other arguments or another version of the simulator"
                say(f"what is left in {folder} is {why}: starting afresh")
            noted.unlink(missing_ok=True)
            for name in ("market", "spool", "fresh", "seller"):
                shutil.rmtree(folder / name, ignore_errors=True)
            space.spool.mkdir()
            space.market.mkdir()
            write_whole(noted, wanted)
        yield space
