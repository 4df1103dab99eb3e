"""What takes long to make and is only read: made once in a run, by whichever worker asks first."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["once"]


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder ``name`` that ``make`` fills, shared by the workers of this run and by no other run. Read only.

    Parameters
    ----------
    make : callable
        Is given the path of a folder that does not exist yet. What it leaves when it fails is not taken for the whole:
        the next who asks makes it anew.
    """
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "once"
    shared.mkdir(exist_ok=True)
    whole = shared / name
    with open(shared / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            part = factory.mktemp("part") / name
            make(part)
            part.rename(whole)
    return whole
