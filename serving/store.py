"""The bundle and the snapshot that are served, and how new ones take their place.

Each worker has its own store and its own watcher. What lies on disk is looked
at every few seconds; when it has changed, both parts are tried out in a process
of their own (`serving.trial`), loaded, checked against each other, rehearsed and
put in place together. What cannot be used is refused with its reason, and the
older pair goes on being served. A request takes the pair once, so that every
answer is of one bundle and one snapshot; the pair that it took stays whole until
it has ended, whatever happens on disk.
"""

from __future__ import annotations

import gc
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from marketplace.errors import BundleError, CollabrankError, SnapshotError
from marketplace.state import stamp_of, state_folder
from models.bundle import load_champion
from serving.pair import Served, check_fit, load_served, read_snapshot
from serving.trial import TrialError, passed_before, try_out

__all__ = ["Refusal", "Served", "Store", "check_fit", "load_served"]

_log = logging.getLogger("collabrank.serving")

SECONDS = 2.0
"""Between two looks at the disk."""

_ATTEMPTS = 3
"""Further ones, while the folders are exchanged during each."""

_PAUSE = 15.0
"""Seconds until what was refused for want of time or memory is tried again; twice as long each time, up to 32 times."""

_USUAL = gc.get_threshold()
_SELDOM = (50_000, 50, 50)

_Seen = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class Refusal:
    """What lies on disk and is not served.

    Attributes
    ----------
    error : CollabrankError
        Why. It names files, so it is for the log and not for whoever asks.
    since : datetime
        When the first of the refusals in a row was, UTC.
    """

    error: CollabrankError
    since: datetime

    @property
    def part(self) -> str:
        """``bundle`` or ``snapshot``."""
        return "snapshot" if isinstance(self.error, SnapshotError) else "bundle"


class _Again:
    """When to try again what was refused for want of time or memory, with longer and longer waits."""

    def __init__(self) -> None:
        self._pause, self._at = 0.0, math.inf

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._at

    def now(self) -> None:
        """Whatever it was refused for."""
        self._at = -math.inf

    def wait(self, again: bool) -> None:
        self._pause = min(max(2 * self._pause, _PAUSE), 32 * _PAUSE) if again else 0.0
        self._at = time.monotonic() + self._pause if again else math.inf


class Store:
    """What is served now, kept in step with the disk.

    Parameters
    ----------
    bundle, snapshot : pathlib.Path, optional
        Folders; ``var/bundle`` and ``var/snapshot`` unless told otherwise.
    seconds : float
        Between two looks at the disk.
    on_load : callable
        Called after each attempt with ``"taken"`` or ``"refused"``.
    rehearse : callable
        Called with a pair before it is put in place; an error of it refuses the pair.
    """

    def __init__(
        self,
        bundle: Path | None = None,
        snapshot: Path | None = None,
        *,
        seconds: float = SECONDS,
        on_load: Callable[[str], None] = lambda _: None,
        rehearse: Callable[[Served], None] = lambda _: None,
    ) -> None:
        self._bundle = state_folder("bundle") if bundle is None else bundle
        self._snapshot = state_folder("snapshot") if snapshot is None else snapshot
        self._seconds = seconds
        self._on_load = on_load
        self._rehearse = rehearse
        self._served: Served | None = None
        self._refusal: Refusal | None = None
        self._seen: _Seen = ()
        self._again = _Again()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="bundle-watcher", daemon=True)

    @property
    def served(self) -> Served:
        """What to rank with now.

        Raises
        ------
        BundleError, SnapshotError
            Nothing usable has been found so far.
        """
        if self._served is None:
            raise self.refused or BundleError("a loaded bundle", received="none yet", look="/readyz")
        return self._served

    @property
    def ready(self) -> bool:
        """Whether there is something to rank with."""
        return self._served is not None

    @property
    def refusal(self) -> Refusal | None:
        """Why, which and since when what lies on disk is not what is served; None where it is."""
        return self._refusal

    @property
    def refused(self) -> CollabrankError | None:
        """The error of `refusal`."""
        return None if self._refusal is None else self._refusal.error

    def start(self) -> None:
        """Load what is there, then watch for something newer."""
        self.look()
        self._watcher.start()

    def close(self) -> None:
        """Stop watching, and give the garbage collector its sight back, so that the process ends in order."""
        self._stop.set()
        self._wake.set()
        if self._watcher.is_alive():
            self._watcher.join(timeout=self._seconds + 5.0)
        gc.unfreeze()
        gc.set_threshold(*_USUAL)

    def hurry(self) -> None:
        """Have the watcher look now, and try once more what was refused; returns at once."""
        self._again.now()
        self._wake.set()

    def look(self) -> bool:
        """Look at the disk once; True where something new has been put in place."""
        seen = self._on_disk()
        if seen == self._seen and not (self._again.due and self._refusal is not None):
            return False
        self._seen = seen
        error = self._attempt()
        for _ in range(_ATTEMPTS):
            if error is None:
                return True
            seen = self._on_disk()
            if seen == self._seen:
                break
            # A folder that was exchanged while it was read is no fault of what lies there now.
            self._seen = seen
            error = self._attempt()
        if error is None:
            return True
        self._again.wait(isinstance(error, TrialError) or isinstance(error.__cause__, MemoryError))
        self._refuse(error)
        return False

    def _attempt(self) -> CollabrankError | None:
        """Load what is there and put it in place; the error where it cannot be."""
        try:
            if not self._bundle.is_dir():
                load_champion(self._bundle)  # says what to do first
            # Held before the trial, which then shares its memory.
            snapshot = read_snapshot(self._snapshot, None if self._served is None else self._served.snapshot)
            tried = passed_before(self._bundle, snapshot.fingerprint)
            if tried is None:
                tried = try_out(self._bundle, self._snapshot, size=snapshot.nbytes)
            served = Served(load_champion(self._bundle), snapshot).checked()
            if (served.bundle.fingerprint, served.snapshot.fingerprint) != (tried.bundle, tried.snapshot):
                raise BundleError("the pair that was tried out", received="one put there since", look="the next look")
            self._rehearse(served)
        except CollabrankError as error:
            return error
        except Exception as reason:  # a file vanished while it was read, or worse: the old pair must go on
            _log.exception("the bundle or the snapshot could not be loaded")
            return SnapshotError("a bundle and a snapshot", received=type(reason).__name__, look="the log")
        self._served, self._refusal = served, None
        self._again.wait(False)
        self._on_load("taken")
        _log.info("serving model %s, as of %s", served.bundle.model_version, served.as_of)
        _settle_memory()
        return None

    def _refuse(self, error: CollabrankError) -> None:
        since = datetime.now(UTC) if self._refusal is None else self._refusal.since
        self._refusal = Refusal(error, since)
        self._on_load("refused")
        _log.error("what is on disk is not served, since %s: %s", since.isoformat(timespec="seconds"), error)

    def _on_disk(self) -> _Seen:
        return tuple(
            stamp_of(path)
            for folder, names in (
                (self._bundle, ("bundle.json", "signature")),
                (self._snapshot, ("snapshot.json",)),
            )
            for path in (folder, *(folder / name for name in names))
        )

    def _watch(self) -> None:
        while True:
            self._wake.wait(self._seconds)
            if self._stop.is_set():
                return
            self._wake.clear()
            try:
                self.look()
            except Exception:
                _log.exception("the watcher could not look at the disk")


def _settle_memory() -> None:
    """Take what was loaded out of the garbage collector's sight, and let it run seldom.

    The long tail of latencies was the collector walking over all that BentoML,
    pandas and the bundle keep alive (measured: p99 four times lower).
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_SELDOM)
