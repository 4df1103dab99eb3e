"""A bundle and a snapshot tried out in a process of their own, which is thrown away, before a worker opens them.

    tried = try_out(bundle, snapshot)       # the fingerprints of the pair that passed

LightGBM parses and predicts in native code that trusts what it is given. The signature and `models.bundle.validate`
stand before it; this stands behind them: should a signed text still crash it, hang it or make it eat the memory, it is
this process that dies, within bounds of time and memory, and the pair is refused. The process verifies, parses,
compares the golden rows, ranks and explains a few briefs, and says which pair it was: the worker takes no other.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from marketplace import errors
from marketplace.errors import BundleError, CollabrankError, SnapshotError

__all__ = ["MEMORY", "SECONDS", "TrialError", "Tried", "note_passed", "pass_through", "passed_before", "try_out"]

SECONDS = 120.0
"""Time that a trial may take: of the clock, and of the processor."""

MEMORY = 4 * 2**30
"""Bytes of its own that a trial may hold, beside as many as the snapshot has."""

CREATORS = 500
"""Creators whom a trial ranks for a brief, at most: native code is entered as it is for all of them."""

BRIEFS = 3

_PASSED = "COLLABRANK_PASSED"
_SAID = 64 * 2**10


class TrialError(BundleError):
    """A pair that its trial did not survive, or not in time: it may be tried again where time or memory was short."""


@dataclass(frozen=True)
class Tried:
    """Which pair passed: SHA-256 (hex) of the bundle's manifest and of the snapshot's."""

    bundle: str
    snapshot: str


def pass_through(bundle: Path, snapshot: Path) -> Tried:
    """The trial itself, in this process: open both, compare the golden rows, rank and explain a few briefs.

    Raises
    ------
    BundleError, SnapshotError
        What cannot be opened, or does not fit.
    """
    import numpy as np

    from features.snapshot import load_snapshot
    from models.bundle import load_champion
    from models.ranking import rank
    from serving.pair import check_fit

    champion = load_champion(bundle)
    if not snapshot.is_dir():
        raise SnapshotError("a creators' snapshot", received=f"nothing at {snapshot}", look="`collabrank snapshot DIR`")
    taken = load_snapshot(snapshot)
    check_fit(champion, taken)
    latest = sorted(taken.campaigns.values(), key=lambda brief: (brief.briefed_at, str(brief.campaign_id)))[-BRIEFS:]
    for brief in latest:
        here = brief if brief.market in taken.markets else replace(brief, market=taken.markets[0])
        part = taken.of_market(here.market)
        rows, _ = part.candidates(here, {})
        rows = rows[:CREATORS]
        if len(rows):
            ids = np.asarray(part.creator_ids[rows])
            found = rank(champion, part.matrix(here, rows), part.indices(here, rows), ids, here, top=5)
            numbers = [(one.score, one.utility.expected, one.success_probability) for one in found]
            if not np.isfinite(numbers).all():
                raise BundleError("finite scores", received=f"{numbers[0]}", look=str(bundle))
    return Tried(champion.fingerprint, taken.fingerprint)


def try_out(bundle: Path, snapshot: Path, *, size: int = 0, seconds: float = SECONDS, memory: int = MEMORY) -> Tried:
    """`pass_through` in a process of its own.

    Parameters
    ----------
    size : int
        Bytes of the snapshot: as many more may be held.

    Raises
    ------
    BundleError, SnapshotError
        What the trial was told.
    TrialError
        It crashed, or took too long or too much memory.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"},
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "OMP_NUM_THREADS": "1",
    }
    limits = [str(seconds), str(memory + size)]
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.trial", str(bundle), str(snapshot), *limits],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    try:
        said = _heard(process, time.monotonic() + seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    if said is None:
        raise _failed(f"no answer within {seconds:g} s")
    return _understood(said, process.returncode)


def note_passed(tried: Tried) -> None:
    """Let the processes that this one starts know of a pair that passed: each need not try it out again."""
    os.environ[_PASSED] = f"{tried.bundle} {tried.snapshot}"


def passed_before(bundle: Path, snapshot: str) -> Tried | None:
    """The pair, where the process that started this one tried out just these two; None otherwise.

    Parameters
    ----------
    snapshot : str
        The snapshot's fingerprint.

    Raises
    ------
    BundleError
        There is no bundle.
    """
    from models.bundle import bundle_sha256

    noted = os.environ.get(_PASSED, "").split(" ")
    asked = [bundle_sha256(bundle), snapshot]
    return Tried(*asked) if noted == asked else None


def _heard(process: subprocess.Popen[bytes], until: float) -> bytes | None:
    """What the process says until it ends, None where it does not by then; no more than a little is listened to."""
    assert process.stdout is not None
    said = b""
    while len(said) < _SAID:
        left = until - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            return None
        piece = os.read(process.stdout.fileno(), _SAID)
        if not piece:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(until - time.monotonic(), 0.0))
            return said
        said += piece
    return said


def _understood(said: bytes, code: int | None) -> Tried:
    try:
        told: dict[str, Any] = json.loads(said)
        if "error" in told:
            kind = getattr(errors, str(told["error"]), BundleError)
            if not (isinstance(kind, type) and issubclass(kind, BundleError | SnapshotError)):
                kind = BundleError
            raise kind(str(told["expected"]), received=str(told["received"]), look=str(told["look"]))
        return Tried(str(told["bundle"]), str(told["snapshot"]))
    except (ValueError, KeyError, TypeError, RecursionError) as reason:
        how = f"ended by signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        raise _failed(how) from reason


def _failed(how: str) -> TrialError:
    return TrialError(
        "a bundle that ranks in a process of its own, within bounds of time and memory",
        received=how,
        look="`collabrank doctor`; docs/safety.md, The trial",
    )


def _main(bundle: str, snapshot: str, seconds: str, memory: str) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(float(seconds)) + 1,) * 2)
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory),) * 2)
    os.nice(5)  # requests come first
    try:
        tried = pass_through(Path(bundle), Path(snapshot))
        said = {"bundle": tried.bundle, "snapshot": tried.snapshot}
    except CollabrankError as error:
        said = {
            "error": type(error).__name__,
            "expected": error.expected[:4_000],
            "received": error.received[:4_000],
            "look": error.look[:4_000],
        }
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
