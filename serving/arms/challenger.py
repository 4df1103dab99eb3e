"""The challenger: a second bundle at ``var/challenger``, held to the same checks as the champion's.

It is written by ``collabrank challenger set`` and taken away by ``collabrank challenger clear``. It ranks from the
champion's snapshot. One that cannot be used is refused with its reason; the champion answers all the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from marketplace.errors import BundleError, CollabrankError
from marketplace.state import stamp_of
from models.bundle import Bundle, challenger_folder, load_champion
from serving.decisions import keep_bundle
from serving.store import Served, check_fit

__all__ = ["Challenger"]

_log = logging.getLogger("collabrank.serving")

SECONDS = 2.0
"""Between two looks at the disk."""


class Challenger:
    """The challenger as it lies on disk, kept in step with it by a thread of its own.

    Parameters
    ----------
    folder : path, optional
        `models.bundle.disk.challenger_folder` by default.
    seconds : float
        Between two looks at the disk.
    on_load : callable
        Called after each attempt with ``"taken"``, ``"refused"`` or ``"gone"``.
    """

    def __init__(
        self, folder: Path | None = None, *, seconds: float = SECONDS, on_load: Callable[[str], None] = lambda _: None
    ) -> None:
        self._folder = challenger_folder() if folder is None else folder
        self._seconds = seconds
        self._on_load = on_load
        self._bundle: Bundle | None = None
        self._made: Served | None = None
        self._verdict: tuple[tuple[str, str, tuple[str, ...]], bool] | None = None
        self._seen: object = None
        self.refused: CollabrankError | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="challenger-watcher", daemon=True)

    def start(self) -> None:
        """Load what is there, then watch for something newer."""
        self.look()
        self._watcher.start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._wake.set()
        if self._watcher.is_alive():
            self._watcher.join(timeout=self._seconds + 5.0)

    def hurry(self) -> None:
        """Have the watcher look now; returns at once."""
        self._wake.set()

    def beside(self, champion: Served) -> Served | None:
        """The challenger over the champion's snapshot; None where there is none, or it is the champion itself."""
        bundle, made = self._bundle, self._made
        if bundle is None or not self._takes_part(champion, bundle):
            return None
        if made is None or made.bundle is not bundle or made.snapshot is not champion.snapshot:
            made = self._made = Served(bundle, champion.snapshot)
        return made

    def _takes_part(self, champion: Served, bundle: Bundle) -> bool:
        """Looked at once for each two bundles and kind of snapshot, whatever part of the snapshot a key may see."""
        names = tuple(champion.snapshot.signal_names)
        asked = (champion.bundle.fingerprint, bundle.fingerprint, names)
        known = self._verdict
        if known is None or known[0] != asked:
            known = self._verdict = (asked, self._fits(champion, bundle))
        return known[1]

    def _fits(self, champion: Served, bundle: Bundle) -> bool:
        if bundle.fingerprint == champion.bundle.fingerprint:
            _log.info("the challenger is the champion itself: it takes no part")
            return False
        try:
            check_fit(bundle, champion.snapshot)
        except CollabrankError as error:
            self.refused = error
            _log.error("the challenger takes no part: %s", error)
            return False
        self.refused = None
        return True

    def look(self) -> bool:
        """Look at the disk once; True where something has changed."""
        seen = tuple(stamp_of(self._folder / name) for name in ("", "bundle.json", "signature"))
        if seen == self._seen:
            return False
        first, self._seen = self._seen is None, seen
        if not self._folder.exists():
            self._bundle, self.refused = None, None
            if not first:
                self._on_load("gone")
                _log.info("there is no challenger any more")
            return not first
        try:
            self._bundle, self.refused = load_champion(self._folder), None
        except CollabrankError as error:
            self._refuse(error)
        except Exception as reason:  # a file vanished while it was read, or worse: the champion must go on
            _log.exception("the challenger could not be loaded")
            self._refuse(BundleError("a challenger's bundle", received=type(reason).__name__, look=str(self._folder)))
        else:
            # What it ranks, shown or unseen, can then be made once more.
            keep_bundle(self._folder, self._bundle.fingerprint)
            self._on_load("taken")
            _log.info("challenger: model %s", self._bundle.model_version)
        return True

    def _refuse(self, error: CollabrankError) -> None:
        # An older challenger does not go on: what it was set for is over.
        self._bundle, self.refused = None, error
        self._on_load("refused")
        _log.error("the challenger on disk is refused: %s", error)

    def _watch(self) -> None:
        while True:
            self._wake.wait(self._seconds)
            if self._stop.is_set():
                return
            self._wake.clear()
            try:
                self.look()
            except Exception:
                _log.exception("the watcher could not look at the challenger")
