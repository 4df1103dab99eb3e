"""The three probes: alive, ready, figures. Asked without a key, so they say no more than that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serving.app.answers import asked
from serving.app.meters import CONTENT_TYPE, Meters
from serving.decisions import DecisionLog
from serving.store import Refusal, Store

__all__ = ["Probed", "probes"]


class Probed(Protocol):
    """The part of the service that the probes look at."""

    store: Store
    meters: Meters
    log: DecisionLog
    log_required: bool


def probes(service: Callable[[], Probed | None]) -> Starlette:
    """An ASGI application with ``/healthz``, ``/readyz`` and ``/metrics``.

    Parameters
    ----------
    service : callable
        Gives the running service, or None before it has started.
    """

    async def healthz(_: Request) -> Response:
        return JSONResponse({"alive": True})

    async def readyz(_: Request) -> Response:
        running = service()
        if running is None or not running.store.ready:
            refusal = running.store.refusal if running is not None else None
            body = {"ready": False, **_told(refusal)}
            return JSONResponse(body, 503, headers={"X-Request-ID": asked().request_id})
        served, refusal = running.store.served, running.store.refusal
        log = running.log.said()
        ready = log["kept"] or not running.log_required
        return JSONResponse(
            {
                "ready": ready,
                "model_version": served.bundle.model_version,
                "as_of": served.as_of.isoformat(),
                **_told(refusal),
                "log": log,
            },
            200 if ready else 503,
            headers=None if ready else {"X-Request-ID": asked().request_id},
        )

    async def metrics(_: Request) -> Response:
        running = service()
        return Response(running.meters.text() if running is not None else b"", media_type=CONTENT_TYPE)

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)],
    )


def _told(refusal: Refusal | None) -> dict[str, str | None]:
    """What was refused and since when. Why is in the log: it names files, and whoever asks here showed no key."""
    if refusal is None:
        return {"refused": None}
    return {
        "refused": type(refusal.error).__name__,
        "refused_part": refusal.part,
        "refused_since": refusal.since.isoformat(timespec="seconds"),
    }
