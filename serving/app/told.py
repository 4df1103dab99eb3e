"""What ``/metrics`` tells of the bundle and the snapshot that are served: which model, how old, how far drifted."""

from __future__ import annotations

import time
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge

__all__ = ["ServedMeters"]


class ServedMeters:
    """Gauges of what one worker serves.

    Parameters
    ----------
    registry : CollectorRegistry
        Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._model = Gauge(
            "collabrank_model_info",
            "1 for the model that is served, 0 for one that was",
            ["version", "ranker", "as_of"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._age = Gauge(
            "collabrank_snapshot_age_seconds",
            "Time since the midnight (UTC) that the served snapshot is as of",
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self._creators = Gauge(
            "collabrank_snapshot_creators", "Creators in the snapshot", multiprocess_mode="livemostrecent",
            registry=registry,
        )  # fmt: skip
        self._labels: tuple[str, str, str] | None = None
        self._as_of: float | None = None

    def taken(self, *, version: str, ranker: str, trained_as_of: str, as_of: datetime, creators: int) -> None:
        """A bundle and a snapshot have been put in place."""
        labels = (version, ranker, trained_as_of)
        if self._labels is not None and self._labels != labels:
            self._model.labels(*self._labels).set(0)
        self._model.labels(*labels).set(1)
        self._labels = labels
        self._as_of = as_of.timestamp()
        self._creators.set(creators)

    def grow_older(self) -> None:
        """Bring the snapshot's age up to now."""
        if self._as_of is not None:
            self._age.set(max(0.0, time.time() - self._as_of))
