"""The BentoML service: rankings, feedback, look-ups, the OpenAPI page and three probes behind one door.

A request passes `Answers` (its id, errors in plain words, metrics, the audit log),
`Access` (the route and the key), `Limits` (the body) and `Work` (the key's budget, its
turn), in this order; then `Direct` hands what has a body or a query to the service's
method, and BentoML answers the rest. `Cors` stands before all of them where pages of other origins
may ask.
"""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import bentoml
from bentoml.exceptions import BentoMLException
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from marketplace.errors import BriefError
from marketplace.laps import lap
from models.bundle import bundle_folder
from serving.app.access import Access
from serving.app.answers import Answers, Asked, answered, asked
from serving.app.cors import Cors
from serving.app.direct import Direct
from serving.app.limits import Limits
from serving.app.meters import Meters
from serving.app.pages import LOCKED, pages
from serving.app.probes import probes
from serving.app.routes import Route, routes_now
from serving.app.watch import DriftWatch
from serving.app.work import THREADS, Work
from serving.arms import Arms
from serving.batch import BatchAnswer, BatchRequest, rank_each
from serving.brands import forbidden, seen_by
from serving.briefs import also_wrong
from serving.budgets import BUDGETS_FILE, Buckets, Budget, work_of_body
from serving.creators import CreatorsAnswer, CreatorsQuery, find_creators
from serving.decisions import DecisionLog, keep_bundle, log_required, require_log
from serving.family import end_with_parent
from serving.feedback import take_feedback
from serving.hangup import look_on_hangup
from serving.keys import Keyring
from serving.logs import start_logging
from serving.lookups import (
    MOST_SHOWN,
    BehindAnswer,
    Kept,
    MeAnswer,
    ModelsAnswer,
    OutcomesAnswer,
    OutcomesQuery,
    ReportsAnswer,
    behind,
    me,
    models,
    outcomes,
    report,
    report_page,
    reports,
    written,
)
from serving.pair import Served
from serving.plan import PlanAnswer, plan_creators
from serving.queries import Nothing, Query
from serving.rank import explain_creators, rank_creators, shadow_line
from serving.rehearsal import Rehearsal
from serving.schema import (
    ExplainAnswer,
    ExplainRequest,
    FeedbackAnswer,
    FeedbackRequest,
    PlanRequest,
    RankAnswer,
    RankRequest,
)
from serving.store import Store

__all__ = ["CreatorRanking", "application"]


@bentoml.service(
    name="collabrank",
    threads=THREADS,
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
        self.kept = Kept()
        self.drift = DriftWatch(lambda: self.store.served if self.store.ready else None, self.meters.tells)
        self.drift.start()
        self.arms = Arms(
            on_load=lambda outcome: self.meters.challengers.labels(outcome).inc(),
            count=lambda outcome: self.meters.shadows.labels(outcome).inc(),
        )

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
        self.drift.close()
        self.arms.close()
        self.store.close()
        self.log.close()
        self.meters.close()

    def hurry(self) -> None:
        """Look at once for another bundle, snapshot or challenger, and for other settings; keys are always looked at.

        Returns at once.
        """
        self.store.hurry()
        self.arms.hurry()

    async def __is_ready__(self) -> bool:
        return self.store.ready

    @property
    def seen(self) -> Served:
        """What is served, as the key that asks now may see it: of a key's own brands alone, where it is bound to some.

        Raises
        ------
        BundleError, SnapshotError
            Nothing usable has been found so far.
        """
        return seen_by(self.store.served, asked().key)

    @bentoml.api(route="/rank")  # type: ignore[untyped-decorator]
    @answered
    def rank(self, request: RankRequest, /) -> RankAnswer:
        """Rank the eligible creators for a brief."""
        lap("parse")
        return self._ranked(request, asked().request_id)

    @bentoml.api(route="/rank/batch")  # type: ignore[untyped-decorator]
    @answered
    def rank_batch(self, request: BatchRequest, /) -> BatchAnswer:
        """Rank for many briefs, each answered or refused by itself."""
        lap("parse")
        return rank_each(request, self._ranked, request_id=asked().request_id)

    def _ranked(self, request: RankRequest, request_id: str) -> RankAnswer:
        # The arms go by what is served, which is one thing for all keys; the ranking by what this key may see of it.
        champion, key_id = self.store.served, asked().key_id
        served, plan = self.arms.plan(champion, request, request_id=request_id, key_id=key_id)
        seen = seen_by(served, asked().key)
        if request.preview:
            plan = replace(plan, share=0.0, shadow=())
        lately = None if request.preview else served.lately
        answer, line = rank_creators(seen, request, request_id=request_id, plan=plan, lately=lately)
        self.rehearsal.note(request)
        self.meters.considered.observe(answer.considered)
        _tell(line, answer)
        if request.preview:
            asked().logged = False
            return answer
        self.meters.arms.labels(plan.arm).inc()
        self._keep(line)
        for arm in plan.shadow if request.cursor is None else ():  # a cursor is of one arm's order
            self.arms.shadows.offer(functools.partial(self._shadow, champion, request, request_id, asked(), arm))
        return answer

    def _shadow(self, champion: Served, request: RankRequest, request_id: str, by: Asked, arm: str) -> None:
        # As the key sees it, whose answer this stands beside.
        seen = seen_by(self.arms.served(arm, champion), by.key)
        line = shadow_line(seen, request, request_id=request_id, arm=arm)
        self.log.append({**line, "key_id": by.key_id})

    @bentoml.api(route="/explain")  # type: ignore[untyped-decorator]
    @answered
    def explain(self, request: ExplainRequest, /) -> ExplainAnswer:
        """Say why creators stand where they stand."""
        lap("parse")
        # The arm that answers the brand's rankings explains them, too.
        served, plan = self.arms.plan(self.store.served, request, request_id=asked().request_id, key_id=asked().key_id)
        answer, line = explain_creators(seen_by(served, asked().key), request, request_id=asked().request_id)
        _tell(line, answer)
        self._keep({**line, "arm": plan.arm})
        return answer

    def _keep(self, line: dict[str, Any]) -> None:
        """Log an answer; whether that worked is in its header, or it is refused where the log is required."""
        lap("serialise")
        now = asked()
        kept = self.log.keep({**line, "key_id": now.key_id})
        now.logged = kept and now.logged is not False  # of a batch, all of it
        lap("log")
        if self.log_required:
            require_log(kept)

    @bentoml.api(route="/plan")  # type: ignore[untyped-decorator]
    @answered
    def plan(self, request: PlanRequest, /) -> PlanAnswer:
        """Whom to invite with so much money, so many samples and invitations."""
        # By the arm that answers the brand's rankings, so that a plan and a ranking are of one model.
        served, _ = self.arms.plan(self.store.served, request, request_id=asked().request_id, key_id=asked().key_id)
        return plan_creators(seen_by(served, asked().key), request, request_id=asked().request_id)

    @bentoml.api(route="/feedback")  # type: ignore[untyped-decorator]
    @answered
    def feedback(self, request: FeedbackRequest, /) -> FeedbackAnswer:
        """Take what came of a creator in an answer; it is in the log when this returns."""
        repeated = take_feedback(self.log, request, key=asked().key)
        asked().logged = True
        return FeedbackAnswer(request_id=request.request_id, repeated=repeated)

    @answered
    def find_creators(self, query: CreatorsQuery) -> CreatorsAnswer:
        """Creators by username, or by how it begins."""
        return find_creators(self.seen, query, request_id=asked().request_id)

    @answered
    def me(self, _: Nothing) -> MeAnswer:
        """Whose key it is that asks, and what answers."""
        key = asked().key
        if key is None:  # none gets here without one
            raise forbidden("a key", received="none")
        return me(self.store.served, key)

    @answered
    def behind(self, _: Nothing, creator_id: str) -> BehindAnswer:
        """What lies behind a creator's card, as far as the key may see it."""
        return behind(self.store.served, asked().key, creator_id)

    @answered
    def outcomes(self, query: OutcomesQuery) -> OutcomesAnswer:
        """What came of the creators whom rankings for a campaign showed."""
        return outcomes(self.seen, query, functools.partial(self.log.shown_for, most=MOST_SHOWN))

    @answered
    def models(self, _: Nothing) -> ModelsAnswer:
        """The models that are served."""
        champion, key = self.store.served, asked().key
        found = dict(self.drift.found)
        if key is not None and key.brands is not None:
            found.pop("scored", None)  # which is of all brands' requests
        return models(champion, self.arms.challenger.beside(champion), found)

    @answered
    def reports(self, _: Nothing) -> ReportsAnswer:
        """The reports that there are."""
        return reports(asked().key)

    @answered
    def report(self, _: Nothing, campaign_id: str) -> bytes:
        """One campaign's report as data."""
        return written(report(asked().key, campaign_id))

    @answered
    def report_page(self, _: Nothing, campaign_id: str) -> Response:
        """One campaign's report as a page."""
        return HTMLResponse(report_page(asked().key, campaign_id), headers=LOCKED)

    @answered
    def find(self, route: Route, query: Query, **ids: str) -> bytes:
        """What ``route`` finds in the snapshot, as JSON; once found, it is kept for all keys that see the same."""
        served, key, finds = self.store.served, asked().key, route.finds
        if finds is None:
            raise TypeError(f"{route.name} is nothing to be found in a snapshot")
        brands = None if key is None else key.brands
        about = (route.name, brands, query.model_dump_json(), tuple(sorted(ids.items())))
        return self.kept.answer(served, about, lambda: written(finds(seen_by(served, key), query, **ids)))


def _running() -> Any:
    try:
        return bentoml.get_current_service()
    except BentoMLException:
        return None


def _tell(line: dict[str, Any], answer: RankAnswer | ExplainAnswer) -> None:
    """What the audit log says of a ranking; of several, their sums."""
    told = asked().told
    told |= {
        "brand_id": line["brief"]["brand_id"],
        "considered": told.get("considered", 0) + answer.considered,
        "returned": told.get("returned", 0) + len(answer.creators),
    }


def _hurry() -> None:
    running = _running()
    if running is not None:
        running.hurry()


def _work() -> float:
    """The work of the request that is being answered; none while there is nothing to rank with."""
    now, running = asked(), _running()
    if now.route is None or running is None or not running.store.ready:
        return 0.0
    return work_of_body(now.body, running.seen, weight=now.route.weight)


def _further(sent: object, error: BriefError) -> BriefError:
    """What else is wrong with a body; nothing while there is nothing to hold it against."""
    running = _running()
    return error if running is None or not running.store.ready else also_wrong(running.seen, sent, error)


def _buckets() -> Buckets:
    """The keys' budgets: one for all workers where `collabrank serve` has made a file for them."""
    shared = os.environ.get(BUDGETS_FILE)
    return Buckets(Budget.from_environment(), Path(shared) if shared else None)


def _meters() -> Meters | None:
    running = _running()
    return None if running is None else running.meters


_bento: Any = CreatorRanking  # the decorator has made a bentoml.Service of it
_bento.add_asgi_middleware(Cors)
_bento.add_asgi_middleware(Answers, meters=_meters, table=routes_now)
_bento.add_asgi_middleware(Access, probes=probes(_running), keyring=Keyring)
_bento.add_asgi_middleware(Limits, further=_further)
_bento.add_asgi_middleware(Work, work=_work, buckets=_buckets)
_bento.add_asgi_middleware(Direct, service=_running, threads=THREADS)
_bento.mount_asgi_app(pages(), path="/", name="pages")


def application() -> ASGIApp:
    """The ASGI application that each of uvicorn's workers makes for itself."""
    start_logging()
    end_with_parent()
    look_on_hangup(_hurry)
    made: ASGIApp = _bento.to_asgi()
    return made
