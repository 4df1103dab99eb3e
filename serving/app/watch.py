"""The thread that looks, now and then, how far what is served has drifted, and tells the metrics."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from marketplace.errors import CollabrankError
from models.drift import expected_performance
from models.predict import factors as scaling
from models.predict import funnel as chances
from models.predict import money, raw_scores
from serving.app.told import ServedMeters
from serving.drift import Population, drift_of_snapshot, population_of
from serving.store import Served

__all__ = ["DriftWatch"]

_log = logging.getLogger("collabrank.serving")

SECONDS = 60.0
"""Between two looks."""


class DriftWatch:
    """Looks at the snapshot when it is new, and at what was scored lately when there is more of it.

    Parameters
    ----------
    served : callable
        Gives what is served now, None while nothing is.
    tells : ServedMeters
    seconds : float
    """

    def __init__(self, served: Callable[[], Served | None], tells: ServedMeters, *, seconds: float = SECONDS) -> None:
        self._served = served
        self._tells = tells
        self._seconds = seconds
        self.found: dict[str, Population] = {}
        """What was last seen of each population: ``snapshot`` and ``scored``."""
        self._seen: Served | None = None
        self._offered = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="drift-watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)

    def look(self) -> None:
        """Look once: at the snapshot where it is new, at the latest rankings where there are more."""
        served = self._served()
        if served is None or served.bundle.reference is None:
            return
        if served is not self._seen:
            self._seen, self._offered = served, 0
            self.found = {"snapshot": drift_of_snapshot(served)}
            self._tells.drifted("snapshot", self.found["snapshot"])
        kept, offered = served.lately.rows(), len(served.lately)
        if kept is None or offered == self._offered:
            return
        self._offered = offered
        X, brief = kept
        raw, factor = raw_scores(served.bundle, X), scaling(served.bundle, X)
        accept, deliver, success = chances(served.bundle, raw, factor)
        lift, attributed = money(served.bundle, raw, factor)
        told = {
            "accept": accept,
            "deliver": deliver,
            "success_probability": success,
            "lift": lift,
            "attributed": attributed,
        }
        scored = population_of(served, "what was scored lately", X, told, brief)
        self.found = {**self.found, "scored": scored}
        self._tells.drifted("scored", scored)
        self._tells.expects(expected_performance(served.lately.shown()))

    def _watch(self) -> None:
        while True:
            try:
                self.look()
            except CollabrankError as error:
                _log.warning("drift cannot be told: %s", error)
            except Exception:
                _log.exception("drift cannot be told")
            if self._stop.wait(self._seconds):
                return
