"""Fetching a window of time from the API into a `Store`, step by step, so that a killed run goes on where it was.

A step is one walk through an endpoint's pages, or one subject's answer (a creator, a product, a video). What a step
needs of an earlier one (whose profile, which product) is read from the store, so the order of the steps is fixed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from marketplace.contract import REFUND_DAYS
from marketplace.errors import SourceError
from marketplace.progress import track
from marketplace.sources.tiktok_shop.client import Client, Unfinished
from marketplace.sources.tiktok_shop.endpoints import ENDPOINTS, Endpoint, prune, value_at
from marketplace.sources.tiktok_shop.store import Run, Store

__all__ = ["CHUNK_DAYS", "LATE_SECONDS", "Harvest"]

CHUNK_DAYS = 7
"""Days of orders that one walk through pages covers; the API takes three months at most."""

LATE_SECONDS = 3_600
"""A window begins this much before the last one's end: what was written meanwhile may have shown up late."""

READ_AGAIN_DAYS = 7
"""Days before the window whose figures are read again: they come late, and grow until they are final."""

WORKERS = 4
"""Requests under way at once where each subject has its own."""

BATCH = 50
"""Subjects whose answers are written together."""

LACKING_TRIES = 3
"""How often a page is asked for again because a record in it lacks a field that it needs, or it repeats the last."""

DAY = 86_400
SEARCH_KEY = "search_key"

_NOT_YET = frozenset({"PENDING", ""})


@dataclass(frozen=True)
class _Walk:
    """One list: the part of its endpoint, what is asked, and what each of its records is marked with."""

    part: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    tag: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def within(cls, clock: str, start: int, end: int) -> _Walk:
        """Records whose ``clock`` lies in [start, end)."""
        return cls(str(start), {f"{clock}_ge": start, f"{clock}_lt": end})


class Harvest:
    """One run: everything of its window into the store.

    Parameters
    ----------
    client : Client
        Where it is asked for.
    store : Store
        Where it goes.
    run : Run
        The window.
    workers : int
        Requests under way at once.

    Attributes
    ----------
    incomplete : Counter
        Endpoint to how many records were left out because they lacked what they need, however often they were read.
    refused : Counter
        Endpoint to how many subjects (a creator, a video) the API refused to tell of.
    """

    def __init__(self, client: Client, store: Store, run: Run, *, workers: int = WORKERS) -> None:
        self.client, self.store, self.run, self.workers = client, store, run, workers
        self.incomplete: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._steps = store.steps(run)
        self._late = run.since - LATE_SECONDS
        self._settling = run.since - REFUND_DAYS * DAY

    def fetch(self) -> None:
        """Fetch the window; the run is closed when all of it is there.

        Raises
        ------
        SourceError
            The API refuses, or gives no whole answer however often it is asked. What was fetched stays.
        """
        days = self._days()
        daily = {**days, "granularity": "1D"}
        self._walk(
            "creators",
            [
                _Walk(agency, {"affiliate_data": {"creator_agency_staus": agency}}, tag={"agency_status": agency})
                for agency in ("AGENCY_MANAGED", "INDEPENDENT")
            ],
        )
        self._walk("orders", [_Walk.within("update_time", *chunk) for chunk in self._chunks(self._late)])
        # A commission settles after the order, and this endpoint knows orders by when they were made alone.
        self._walk("affiliate_orders", [_Walk.within("create_time", *chunk) for chunk in self._chunks(self._settling)])
        self._walk("returns", [_Walk.within("update_time", *chunk) for chunk in self._chunks(self._late)])
        self._walk("collaborations", [_Walk("", {})])
        running = self._running_collaborations()
        self._each("collaboration_details", running)
        self._walk("samples", [_Walk("", {})])
        # Only this filter tells which collaboration a sample was asked for in.
        self._walk(
            "sample_collaborations",
            [_Walk(one, {"target_collabration_id": one}, tag={"collaboration_id": one}) for one in running],
        )
        self._each("fulfillments", self._samples_with_content())
        self._each("profiles", sorted(self.store.latest("creators")))
        self._walk("products", [_Walk("", query=days)])
        self._walk(
            "open_collaborations",
            [_Walk(one, {"top_level_category_id": one}, tag={"category_id": one}) for one in self._categories()],
        )
        self._each("product_days", self._of_window("products"), query=daily)
        for name in ("videos", "lives"):
            self._walk(name, [_Walk("", query={**days, "account_type": "AFFILIATE_ACCOUNTS"})])
        self._each("video_days", self._of_window("videos"), query=daily)
        self.store.close_run(self.run)

    # The subjects that a step needs, read from what is there.

    def _chunks(self, since: int) -> Iterator[tuple[int, int]]:
        # Whole weeks since 1970, so that the walks are the same ones whenever they are begun.
        step = CHUNK_DAYS * DAY
        for start in range(since // step * step, self.run.until, step):
            yield max(start, since), min(start + step, self.run.until)

    def _days(self) -> dict[str, str]:
        """The window in whole days; the last days are read again, for they grow until they are final."""
        first = _day(self.run.since) - timedelta(days=READ_AGAIN_DAYS)
        last = _day(self.run.until - 1)
        return {"start_date_ge": first.strftime("%Y-%m-%d"), "end_date_lt": f"{last + timedelta(days=1):%Y-%m-%d}"}

    def _running_collaborations(self) -> list[str]:
        """Collaborations that have not been over for long: their creators may still change."""
        known = self.store.latest("collaboration_details")
        found = self.store.latest("collaborations")
        fresh = self.store.of_run("collaboration_details", self.run)
        return sorted(
            name
            for name, one in found.items()
            if name not in known or name in fresh or int(one.get("end_time") or self.run.until) >= self._settling
        )

    def _samples_with_content(self) -> list[str]:
        """Samples for which content may have come: those that are at it, have changed, or were never asked about."""
        known = {name.partition(":")[0] for name in self.store.latest("fulfillments")}
        fresh = self.store.of_run("samples", self.run)
        stages = {name: str(one.get("fulfillment_status") or "") for name, one in self.store.latest("samples").items()}
        return sorted(
            name
            for name, stage in stages.items()
            if stage not in _NOT_YET and (stage == "ONGOING" or name in fresh or name not in known)
        )

    def _categories(self) -> list[str]:
        found: set[str] = set()
        for one in self.store.latest("creators").values():
            found.update(map(str, one.get("category_ids") or ()))
        for one in self.store.latest("profiles").values():
            for share in one.get("category_gmv_distribution") or ():
                found.add(str(share.get("category_id") or ""))
        return sorted(found - {""})

    def _of_window(self, name: str) -> list[str]:
        """What this run's own list had, changed or not."""
        prefix = f"{name}:"
        return sorted(
            one.removeprefix(prefix) for one in self.store.of_run("windows", self.run) if one.startswith(prefix)
        )

    # Walking through pages.

    def _walk(self, name: str, walks: list[_Walk]) -> None:
        """Every page of every list in ``walks``."""
        pages = (page for walk in walks for page in self._pages(ENDPOINTS[name], f"{name}/{walk.part}", walk))
        for _ in track(pages, f"pages of {name.replace('_', ' ')}"):
            pass

    def _pages(self, endpoint: Endpoint, step: str, walk: _Walk) -> Iterator[int]:
        """The pages of one list; the cursor is the next one's token, the search's key and the last page's digest."""
        cursor, done = self._steps.get(step, ("", False))
        if done:
            return
        token, carried, before = (*cursor.split("\n"), "", "")[:3]
        resumed = bool(token)
        while True:
            asked = {**walk.query, "page_size": str(endpoint.page_size)}
            if token:
                asked["page_token"] = token
            content = None if walk.body is None else {**walk.body, **({SEARCH_KEY: carried} if carried else {})}
            look = self._looks(endpoint, token, before)
            try:
                data = self.client.call(endpoint.method, endpoint.path, asked, content, whole=look)
            except SourceError:
                if not resumed:
                    raise
                # A token need not outlive its search: from the first page on, what is there already changes nothing.
                token, carried, before, resumed = "", "", "", False
                continue
            resumed = False
            records = list(self._records(endpoint, "", data, walk.tag))
            before = _digest(endpoint, data)
            token, carried = str(data.get("next_page_token") or ""), str(data.get(SEARCH_KEY) or carried)
            self._keep(records, [(step, f"{token}\n{carried}\n{before}", not token)])
            yield len(records)
            if not token:
                return

    def _looks(self, endpoint: Endpoint, token: str, before: str) -> Callable[[dict[str, Any]], None]:
        """Refuse a page that repeats the last or leads to itself, and for a few times one with a record that lacks."""
        tries = 0

        def look(data: dict[str, Any]) -> None:
            nonlocal tries
            items = data.get(endpoint.items)
            if token and data.get("next_page_token") == token:
                raise Unfinished("a page that leads to itself")
            if items and before and _digest(endpoint, data) == before:
                raise Unfinished("the page before once more")
            lacking = items is None or any(_lacks(endpoint, one) for one in _listed(items))
            if lacking and tries < LACKING_TRIES:
                tries += 1
                raise Unfinished(f"{endpoint.name} without {', '.join(endpoint.needs)}", wait=0.0)

        return look

    # One request a subject.

    def _each(
        self,
        name: str,
        subjects: list[str],
        *,
        query: Mapping[str, str] | None = None,
    ) -> None:
        endpoint = ENDPOINTS[name]
        wanted = [one for one in subjects if not self._steps.get(f"{name}/{one}", ("", False))[1]]
        if not wanted:
            return

        def ask(subject: str) -> dict[str, Any]:
            return self.client.call(
                endpoint.method,
                endpoint.path.replace("{id}", subject),
                query,
                {} if endpoint.method == "POST" else None,
                whole=self._looks(endpoint, "", ""),
                lenient=True,
            )

        batch: list[tuple[str, dict[str, Any]]] = []
        for done in track(self._answers(ask, wanted), name.replace("_", " "), total=len(wanted)):
            batch.append(done)
            if len(batch) == BATCH:
                self._keep_batch(endpoint, batch)
                batch = []
        self._keep_batch(endpoint, batch)

    def _answers(
        self, ask: Callable[[str], dict[str, Any]], subjects: list[str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Subjects and answers in the subjects' order, a few requests ahead of what was taken."""
        waiting = iter(subjects)
        pool = ThreadPoolExecutor(self.workers)
        try:
            under_way: list[tuple[str, Future[dict[str, Any]]]] = [
                (one, pool.submit(ask, one)) for one in islice(waiting, 2 * self.workers)
            ]
            while under_way:
                subject, answer = under_way.pop(0)
                yield subject, answer.result()
                under_way += [(one, pool.submit(ask, one)) for one in islice(waiting, 1)]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _keep_batch(self, endpoint: Endpoint, batch: list[tuple[str, dict[str, Any]]]) -> None:
        records = [one for subject, data in batch for one in self._records(endpoint, subject, data, {})]
        self._keep(records, [(f"{endpoint.name}/{subject}", "", True) for subject, _ in batch])

    # Records.

    def _records(
        self, endpoint: Endpoint, subject: str, data: Mapping[str, Any], tag: Mapping[str, str]
    ) -> Iterator[tuple[str, str, Any]]:
        if not data:
            self.refused[endpoint.name] += 1
            return
        latest = str(data.get("latest_available_date") or "")
        for record in _listed(data.get(endpoint.items)):
            if _lacks(endpoint, record):
                self.incomplete[endpoint.name] += 1
                continue
            for name, body in _split(endpoint, subject, prune(record, endpoint.kept), self._readiness(latest)):
                yield endpoint.name, name, {**body, **tag}
            if endpoint.name in ("products", "videos"):
                yield "windows", f"{endpoint.name}:{record['id']}", {"run": self.run.run}

    def _readiness(self, latest: str) -> tuple[str, int]:
        """The last day that is ready, and how many days the platform takes until a day is."""
        try:
            ready = datetime.fromisoformat(latest).replace(tzinfo=UTC)
        except ValueError:
            return "9999-12-31", 1
        return latest, max((_day(self.run.until) - ready).days, 1)

    def _keep(self, records: Iterable[tuple[str, str, Any]], steps: list[tuple[str, str, bool]]) -> None:
        self.store.write(self.run, records, steps, seen=self.client.now())
        for step, cursor, done in steps:
            self._steps[step] = (cursor, done)


def _split(
    endpoint: Endpoint, subject: str, record: dict[str, Any], readiness: tuple[str, int]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records that one record of the API is kept as: a day each, an order's line each, or itself."""
    if endpoint.name in ("product_days", "video_days"):
        latest, lag = readiness
        for day in record.get("intervals") or ():
            start = day.get("start_date")
            if start and start <= latest:
                yield f"{subject}:{start}", {**day, "lag": lag}
        return
    if endpoint.name == "affiliate_orders":
        # Pages are cut between an order's lines, so that one order may come in two parts.
        seen: Counter[str] = Counter()
        for line in record["skus"] or ():
            own = str(line.get("sku_id") or f"{line.get('product_id')}/{value_at(line, 'price.amount')}")
            seen[own] += 1
            body = {**line, "order_id": record["id"], "status": record.get("status")}
            yield f"{record['id']}:{own}:{seen[own]}", body
        return
    own = ":".join(str(value_at(record, one)) for one in endpoint.key)
    yield ":".join(one for one in (subject, own) if one), record


def _listed(items: Any) -> list[Any]:
    if items is None:
        return []
    return items if isinstance(items, list) else [items]


def _digest(endpoint: Endpoint, data: Mapping[str, Any]) -> str:
    """Names a page by its records."""
    names = [[value_at(one, key) for key in endpoint.key] for one in _listed(data.get(endpoint.items))]
    return hashlib.sha256(repr(names).encode()).hexdigest()[:16]


def _lacks(endpoint: Endpoint, record: Any) -> bool:
    return not isinstance(record, dict) or any(value_at(record, one) in (None, "") for one in endpoint.needs)


def _day(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
