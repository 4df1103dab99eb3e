"""What ``/metrics`` tells: requests, latencies by stage, refusals, reloads, the decision log, what is served.

Prometheus text format.

With several workers each writes its own files under ``PROMETHEUS_MULTIPROC_DIR``
(`collabrank serve` sets a fresh one), and whichever worker is asked adds them up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.app.told import ServedMeters

__all__ = ["CAUSES", "CONTENT_TYPE", "STAGES", "Meters"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_STAGE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

STAGES = ("parse", "filter", "gather", "score", "explain", "log", "serialise")
"""Of a ranking: until the body is checked; who may be ranked; their signals; scores; reasons; the log; the answer."""

CAUSES = {
    400: "request",
    401: "key",
    403: "scope",
    404: "unknown",
    405: "method",
    408: "slow",
    413: "size",
    415: "type",
    429: "busy",
    503: "not_ready",
    507: "log",
}
"""Why a request was refused, by status; another below 500 is ``request``, from there on ``fault``."""


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
        self.refused_since = Gauge(
            "collabrank_refused_timestamp_seconds",
            "Since when what lies on disk has been refused, seconds since 1970; 0 where it is served",
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
        self.log_kept = Gauge(
            "collabrank_log_kept",
            "1 while every worker can keep its decision log",
            multiprocess_mode="livemin",
            registry=registry,
        )
        self.log_behind = Gauge(
            "collabrank_log_behind_bytes",
            "Bytes of the decision log on disk that its store does not have yet",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.considered = Histogram(
            "collabrank_creators_considered",
            "Creators scored for one brief",
            buckets=(10, 100, 1_000, 10_000, 100_000, 1_000_000),
            registry=registry,
        )
        self.stages = Histogram(
            "collabrank_stage_seconds",
            f"Time of one stage of a ranking: {', '.join(STAGES)}",
            ["stage"],
            buckets=_STAGE_SECONDS,
            registry=registry,
        )
        self.refusals = Counter("collabrank_refusals", "Requests refused, by cause", ["cause"], registry=registry)
        self.tells = ServedMeters(registry)

    def answered(self, route: str, status: int, seconds: float, laps: Mapping[str, float]) -> None:
        """Count one answer: the route's pattern, its status, how long it took in all and in each stage."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)
        for stage, share in laps.items():
            self.stages.labels(stage).observe(share)
        if status >= 400:
            self.refusals.labels(CAUSES.get(status, "fault" if status >= 500 else "request")).inc()

    def text(self) -> bytes:
        """All of them now, in Prometheus text format, over all workers."""
        self.tells.grow_older()
        if not self._many:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)

    def close(self) -> None:
        """Take this process out of the gauges of the living."""
        if self._many:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
