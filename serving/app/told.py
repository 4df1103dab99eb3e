"""What ``/metrics`` tells of the bundle and the snapshot that are served: which model, how old, how far drifted."""

from __future__ import annotations

import math
import time
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge

from models.drift import VERDICTS, Expected
from serving.drift import Population

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
        self._psi = Gauge(
            "collabrank_drift_psi",
            "Population stability index against training, of each signal and prediction",
            ["population", "column"],
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self._verdicts = Gauge(
            "collabrank_drift_columns",
            "Signals and predictions by verdict: steady, chance, moved, drifted",
            ["population", "verdict"],
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self._expected = Gauge(
            "collabrank_expected",
            "Expected of those shown lately, if the probabilities are calibrated",
            ["figure"],
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
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

    def drifted(self, population: str, found: Population) -> None:
        """How far ``population`` (``snapshot`` or ``scored``) has moved from training."""
        for column in found.columns:
            self._psi.labels(population, column.name).set(column.psi)
        for verdict in VERDICTS if found.columns else ():
            self._verdicts.labels(population, verdict).set(found.count(verdict))

    def expects(self, found: Expected) -> None:
        """What is to be expected of those shown lately."""
        for figure in ("rows", "success", "brier", "roc_auc", "accuracy"):
            value = float(getattr(found, figure))
            if found.rows and math.isfinite(value):
                self._expected.labels(figure).set(value)

    def grow_older(self) -> None:
        """Bring the snapshot's age up to now."""
        if self._as_of is not None:
            self._age.set(max(0.0, time.time() - self._as_of))
