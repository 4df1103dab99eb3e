"""What ``/metrics`` tells: requests, latencies, reloads, the decision log. Prometheus text format.

With several workers each writes its own files under ``PROMETHEUS_MULTIPROC_DIR``
(`collabrank serve` sets a fresh one), and whichever worker is asked adds them up.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

__all__ = ["CONTENT_TYPE", "Meters"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Meters:
    """The service's counters. Labels take few values only: routes by their pattern, never a path as sent."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._many = bool(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
        registry = self._registry
        self.requests = Counter("collabrank_requests", "Requests answered", ["route", "status"], registry=registry)
        self.seconds = Histogram(
            "collabrank_request_seconds", "Time to answer, in seconds", ["route"], buckets=_SECONDS, registry=registry
        )
        self.ready = Gauge(
            "collabrank_ready",
            "1 when every worker has a bundle and a snapshot to rank with",
            multiprocess_mode="livemin",
            registry=registry,
        )
        self.stale = Gauge(
            "collabrank_refused_on_disk",
            "1 while what lies on disk was refused and an older one is served",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.reloads = Counter(
            "collabrank_reloads", "Bundles and snapshots taken from disk", ["outcome"], registry=registry
        )
        self.arms = Counter("collabrank_arms", "Rankings shown, by the arm that made them", ["arm"], registry=registry)
        self.challengers = Counter(
            "collabrank_challenger_loads", "Challengers found on disk", ["outcome"], registry=registry
        )
        self.shadows = Counter("collabrank_shadows", "Rankings made unseen", ["outcome"], registry=registry)
        self.logged = Counter("collabrank_decisions", "Lines of the decision log", ["outcome"], registry=registry)
        self.considered = Histogram(
            "collabrank_creators_considered",
            "Creators scored for one brief",
            buckets=(10, 100, 1_000, 10_000, 100_000, 1_000_000),
            registry=registry,
        )

    def text(self) -> bytes:
        """All of them now, in Prometheus text format, over all workers."""
        if not self._many:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)

    def close(self) -> None:
        """Take this process out of the gauges of the living."""
        if self._many:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
