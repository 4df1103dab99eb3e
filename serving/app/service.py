"""The BentoML service: three endpoints, a card, the OpenAPI page and three probes behind one door.

A request passes `Answers` (its id, errors in plain words, metrics), `Access` (the
key) and `Limits` (the body), in this order, before BentoML sees it.
"""

from __future__ import annotations

from typing import Any

import bentoml
from bentoml.exceptions import BentoMLException
from starlette.types import ASGIApp

from marketplace.laps import lap
from models.bundle import bundle_folder
from serving.app.access import Access
from serving.app.answers import Answers, answered, asked
from serving.app.limits import Limits
from serving.app.meters import Meters
from serving.app.pages import pages
from serving.app.probes import probes
from serving.app.routes import ROUTES
from serving.decisions import DecisionLog, keep_bundle, log_required, require_log
from serving.feedback import take_feedback
from serving.keys import Keyring
from serving.logs import start_logging
from serving.rank import explain_creators, rank_creators
from serving.rehearsal import Rehearsal
from serving.schema import ExplainAnswer, ExplainRequest, FeedbackAnswer, FeedbackRequest, RankAnswer, RankRequest
from serving.store import Store

__all__ = ["CreatorRanking", "application"]


@bentoml.service(
    name="collabrank",
    threads=4,
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    http={"host": "127.0.0.1", "port": 3000, "cors": {"enabled": False}},
    traffic={"timeout": 60},
)
class CreatorRanking:
    """Ranks creators for a brief, explains the ranking, and logs both with what came of them."""

    def __init__(self) -> None:
        self.meters = Meters()
        self.log = DecisionLog(count=lambda outcome: self.meters.logged.labels(outcome).inc(), tell=self._on_log)
        self.log_required = log_required()
        self.rehearsal = Rehearsal()
        self.store = Store(on_load=self._on_load, rehearse=self.rehearsal)
        self.store.start()

    def _on_load(self, outcome: str) -> None:
        self.meters.reloads.labels(outcome).inc()
        self.meters.ready.set(self.store.ready)
        refusal = self.store.refusal
        self.meters.stale.set(refusal is not None)
        self.meters.refused_since.set(0.0 if refusal is None else refusal.since.timestamp())
        if outcome == "taken":
            served = self.store.served
            keep_bundle(bundle_folder(), served.bundle.fingerprint)
            self.meters.tells.taken(
                version=served.bundle.model_version,
                ranker=served.bundle.ranker,
                trained_as_of=served.bundle.as_of,
                as_of=served.as_of,
                creators=len(served.snapshot),
            )

    def _on_log(self, kept: bool, behind: int) -> None:
        self.meters.log_kept.set(kept)
        self.meters.log_behind.set(behind)

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Stop watching, and write what the decision log still holds."""
        self.store.close()
        self.log.close()
        self.meters.close()

    async def __is_ready__(self) -> bool:
        return self.store.ready

    @bentoml.api(route="/rank")  # type: ignore[untyped-decorator]
    @answered
    def rank(self, request: RankRequest, /) -> RankAnswer:
        """Rank the eligible creators for a brief."""
        lap("parse")
        answer, line = rank_creators(self.store.served, request, request_id=asked().request_id)
        self.rehearsal.note(request)
        self.meters.considered.observe(answer.considered)
        self._keep(line)
        return answer

    @bentoml.api(route="/explain")  # type: ignore[untyped-decorator]
    @answered
    def explain(self, request: ExplainRequest, /) -> ExplainAnswer:
        """Say why creators stand where they stand."""
        lap("parse")
        answer, line = explain_creators(self.store.served, request, request_id=asked().request_id)
        self._keep(line)
        return answer

    def _keep(self, line: dict[str, Any]) -> None:
        """Log an answer; whether that worked is in its header, or it is refused where the log is required."""
        asked().logged = kept = self.log.keep({**line, "key_id": asked().key_id})
        lap("log")
        if self.log_required:
            require_log(kept)

    @bentoml.api(route="/feedback")  # type: ignore[untyped-decorator]
    @answered
    def feedback(self, request: FeedbackRequest, /) -> FeedbackAnswer:
        """Take what came of a creator in an answer; it is in the log when this returns."""
        repeated = take_feedback(self.log, request, key_id=asked().key_id)
        asked().logged = True
        return FeedbackAnswer(request_id=request.request_id, repeated=repeated)

    def card(self, creator_id: str) -> dict[str, Any]:
        """One creator's score card, as plain data."""
        return self.store.served.card(creator_id)


def _running() -> Any:
    try:
        return bentoml.get_current_service()
    except BentoMLException:
        return None


def _meters() -> Meters | None:
    running = _running()
    return None if running is None else running.meters


_bento: Any = CreatorRanking  # the decorator has made a bentoml.Service of it
_bento.add_asgi_middleware(Answers, meters=_meters, table=lambda: ROUTES.opened("/metrics"))
_bento.add_asgi_middleware(Access, probes=probes(_running), keyring=Keyring)
_bento.add_asgi_middleware(Limits)
_bento.mount_asgi_app(pages(_running), path="/", name="pages")


def application() -> ASGIApp:
    """The ASGI application that each of uvicorn's workers makes for itself."""
    start_logging()
    made: ASGIApp = _bento.to_asgi()
    return made
