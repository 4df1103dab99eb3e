"""The bundle and the snapshot that are served, and how new ones take their place.

Each worker has its own store and its own watcher. What lies on disk is looked
at every few seconds; when it has changed, both parts are loaded anew, checked
against each other and put in place together. What cannot be used is refused
with its reason, and the older pair goes on being served.
"""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from features.snapshot import SnapshotParts, load_snapshot
from marketplace.errors import BundleError, CollabrankError, SnapshotError
from marketplace.state import state_folder
from models.bundle import Bundle, load_champion
from models.ranking import rank
from serving.lately import Lately

__all__ = ["Served", "Store", "check_fit", "load_served"]

_log = logging.getLogger("collabrank.serving")

SECONDS = 2.0
"""Between two looks at the disk."""

_USUAL = gc.get_threshold()
_SELDOM = (50_000, 50, 50)

_Seen = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class Served:
    """A bundle and a snapshot that fit each other, and what was lately ranked with them."""

    bundle: Bundle
    snapshot: SnapshotParts
    lately: Lately = field(default_factory=Lately, compare=False, repr=False)

    @property
    def as_of(self) -> datetime:
        """The snapshot's as-of day, 00:00 UTC."""
        return self.snapshot.as_of

    def card(self, creator_id: str) -> dict[str, Any]:
        """One creator's score card, with what the model stands on that ranks beside it."""
        basis = self.bundle.basis
        return self.snapshot.card(creator_id).beside(None if basis is None else basis.text)


def check_fit(bundle: Bundle, snapshot: SnapshotParts) -> None:
    """Whether the snapshot holds the signals that the bundle was fitted on: the same ones, in the same order.

    Raises
    ------
    SnapshotError
        The names or their order differ.
    """
    wanted, held = tuple(bundle.signals), tuple(snapshot.signal_names)
    if wanted != held:
        lacking = [name for name in wanted if name not in held]
        raise SnapshotError(
            f"a snapshot with the bundle's {len(wanted)} signals in their order",
            received=f"{len(held)} signals, without {', '.join(lacking[:5])}" if lacking else "another order",
            look="`collabrank snapshot DIR`, after `collabrank promote`",
        )


def load_served(bundle: Path, snapshot: Path) -> Served:
    """Load both from their folders, the bundle only after its signature has been verified, and rank once with them.

    Raises
    ------
    BundleError
        The bundle is missing, altered, unsafe, or was trained on signals of another meaning.
    SnapshotError
        The snapshot is missing, or does not fit the bundle.
    """
    champion = load_champion(bundle)
    if not snapshot.is_dir():
        raise SnapshotError("a creators' snapshot", received=f"nothing at {snapshot}", look="`collabrank snapshot DIR`")
    served = Served(champion, load_snapshot(snapshot))
    check_fit(served.bundle, served.snapshot)
    _rehearse(served)
    return served


def _rehearse(served: Served) -> None:
    """Rank the first brief there is: what cannot rank is not served, and the first request finds warm memory."""
    for brief in list(served.snapshot.campaigns.values())[:1]:
        part = served.snapshot.of_market(brief.market)
        rows, _ = part.candidates(brief, {})
        ids = np.asarray(part.creator_ids)[rows]
        if len(rows):
            rank(served.bundle, part.matrix(brief, rows), part.indices(brief, rows), ids, brief, top=1)


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
    """

    def __init__(
        self,
        bundle: Path | None = None,
        snapshot: Path | None = None,
        *,
        seconds: float = SECONDS,
        on_load: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._bundle = state_folder("bundle") if bundle is None else bundle
        self._snapshot = state_folder("snapshot") if snapshot is None else snapshot
        self._seconds = seconds
        self._on_load = on_load
        self._served: Served | None = None
        self._refused: CollabrankError | None = None
        self._seen: _Seen = ()
        self._stop = threading.Event()
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
            raise self._refused or BundleError("a loaded bundle", received="none yet", look="/readyz")
        return self._served

    @property
    def ready(self) -> bool:
        """Whether there is something to rank with."""
        return self._served is not None

    @property
    def refused(self) -> CollabrankError | None:
        """Why what lies on disk now is not what is served; None where it is."""
        return self._refused

    def start(self) -> None:
        """Load what is there, then watch for something newer."""
        self.look()
        self._watcher.start()

    def close(self) -> None:
        """Stop watching, and give the garbage collector its sight back, so that the process ends in order."""
        self._stop.set()
        if self._watcher.is_alive():
            self._watcher.join(timeout=self._seconds + 5.0)
        gc.unfreeze()
        gc.set_threshold(*_USUAL)

    def look(self) -> bool:
        """Look at the disk once; True where something new has been put in place."""
        seen = self._on_disk()
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            served = load_served(self._bundle, self._snapshot)
        except CollabrankError as error:
            self._refuse(error)
            return False
        except Exception as reason:  # a file vanished while it was read, or worse: the old pair must go on
            _log.exception("the bundle or the snapshot could not be loaded")
            self._refuse(SnapshotError("a bundle and a snapshot", received=type(reason).__name__, look="the log"))
            return False
        self._served, self._refused = served, None
        self._on_load("taken")
        _log.info("serving model %s, as of %s", served.bundle.model_version, served.as_of)
        _settle_memory()
        return True

    def _refuse(self, error: CollabrankError) -> None:
        self._refused = error
        self._on_load("refused")
        _log.error("what is on disk is not served: %s", error)

    def _on_disk(self) -> _Seen:
        return tuple(
            _stat(path)
            for folder, names in (
                (self._bundle, ("bundle.json", "signature")),
                (self._snapshot, ("snapshot.json",)),
            )
            for path in (folder, *(folder / name for name in names))
        )

    def _watch(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self.look()
            except Exception:
                _log.exception("the watcher could not look at the disk")


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


def _settle_memory() -> None:
    """Take what was loaded out of the garbage collector's sight, and let it run seldom.

    The long tail of latencies was the collector walking over all that BentoML,
    pandas and the bundle keep alive (measured: p99 four times lower).
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_SELDOM)
