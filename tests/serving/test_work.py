"""Budgets and turns: what work costs, who may have it, and that small requests do not wait for large ones."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.briefs import Catalogue
from marketplace.errors import HomeError
from serving.app.answers import Answers, asked
from serving.app.lanes import Lane
from serving.app.limits import Limits
from serving.app.routes import OPEN, ROUTES, Route, Table
from serving.app.work import Work
from serving.audit import AuditLog
from serving.brands import seen_by
from serving.budgets import Buckets, Budget, asks_in, work_of, work_of_body
from serving.lookups import MOST_SHOWN, CampaignsQuery, OutcomesQuery, ProductsQuery
from serving.pair import Served
from serving.queries import Query
from serving.schema import ExplainRequest, RankRequest
from serving.settings import Patience, positive


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_work_is_creators_scored_and_returned() -> None:
    def work(**more: Any) -> float:
        return work_of(RankRequest(campaign_id="c", **more), 20_000)

    assert work() == 20_000 + 50 * 20
    assert work(top=1000, explain=False) == 20_000 + 5 * 1000
    assert work(filters={"include_only_creator_ids": ["a", "b"]}) == 2 + 50 * 2
    assert work(candidates="applicants", applicants=["a"] * 30, top=10) == 30 + 50 * 10
    assert work_of(ExplainRequest(campaign_id="c", creator_ids=["a", "b"]), 20_000, weight=2) == 40_000 + 50 * 2


def test_every_ranking_in_a_body_is_counted() -> None:
    one = RankRequest(campaign_id="c")
    assert list(asks_in({"briefs": [one, {"deep": (one,)}], "other": "text"})) == [one, one]


def test_whatever_reads_many_of_a_thing_costs_work() -> None:
    reading = {route.name: route for route in ROUTES if route.asks and route.asks.goes_over is not Query.goes_over}
    assert reading.keys() >= {"campaigns", "leaders", "outcomes", "products", "indices", "similar"}
    assert all(route.weight > 0 for route in reading.values())
    many = {f"c{number}": SimpleNamespace(brand_id="br_1" if number else "br_2") for number in range(300)}
    catalogue = Catalogue(pd.Timestamp("2026-01-01", tz="UTC"), many, {}, {}, {}, {})
    snapshot = SimpleNamespace(campaigns=many, catalogue=catalogue, brand_ids=("br_1", "br_2"))
    key = SimpleNamespace(brands=("br_2",), sees=lambda brand: brand == "br_2")
    for served in (Served(None, snapshot), seen_by(Served(None, snapshot), key)):  # type: ignore[arg-type]
        assert work_of_body(CampaignsQuery(), served, weight=1.0) == 300.0, "those that are hidden are passed by"
        assert work_of_body(ProductsQuery(), served, weight=0.5) == 150.0
        assert work_of_body(OutcomesQuery(campaign_id="c0"), served, weight=1.5) == 1.5 * MOST_SHOWN


def test_a_budget_empties_and_fills_with_time() -> None:
    clock = Clock()
    buckets = Buckets(Budget(per_second=10, burst=100), clock=clock)
    assert buckets.take("a", 60) == 0
    assert buckets.take("a", 60) == pytest.approx((60 - 40) / 10)
    assert buckets.take("b", 100) == 0
    clock.now += 2
    assert buckets.take("a", 60) == 0
    clock.now += 1000
    # More than can be saved up takes all of it, and is not refused for ever.
    assert buckets.take("a", 5000) == 0
    assert buckets.take("a", 5000) == pytest.approx(10)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 50), st.floats(0, 3)), max_size=60))
def test_no_key_ever_has_more_than_its_budget(asks: list[tuple[str, float, float]]) -> None:
    clock = Clock()
    buckets = Buckets(Budget(per_second=7, burst=40), clock=clock)
    had = dict.fromkeys("abc", 0.0)
    for key, work, passes in asks:
        clock.now += passes
        if buckets.take(key, work) == 0:
            had[key] += min(work, 40)
        assert had[key] <= 40 + 7 * (clock.now - 100) + 1e-6


def take_many(path: Path) -> int:
    buckets = Buckets(Budget(per_second=1e-9, burst=1000), path)
    return sum(buckets.take("shared", 1.0) == 0 for _ in range(400))


def test_workers_share_one_budget(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        taken = pool.map(take_many, [tmp_path / "budgets"] * 4)
    assert sum(taken) == 1000


def test_many_keys_do_not_take_each_others_budget() -> None:
    buckets = Buckets(Budget(per_second=1e-9, burst=10))
    names = [f"{n:08x}" for n in range(500)]
    assert [buckets.take(name, 10) for name in names] == [0.0] * 500
    assert all(buckets.take(name, 1) > 0 for name in names)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1,5", "x"])
def test_a_setting_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("COLLABRANK_TEST", value)
    with pytest.raises(HomeError, match="COLLABRANK_TEST"):
        positive("COLLABRANK_TEST", 1.0)


def test_keys_take_turns() -> None:
    async def order() -> list[str]:
        lane, seen = Lane(1), []

        async def ask(key: str, number: int) -> None:
            await lane.enter(key, seconds=5)
            seen.append(f"{key}{number}")
            await asyncio.sleep(0)
            lane.leave(seconds=0.1)

        asks = [ask("a", n) for n in range(5)] + [ask("b", n) for n in range(2)] + [ask("c", 0)]
        await asyncio.gather(*asks)
        return seen

    assert asyncio.run(order()) == ["a0", "a1", "b0", "c0", "a2", "b1", "a3", "a4"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["stays", "leaves", "waits"])), max_size=40))
def test_no_place_is_ever_lost_or_given_twice(asks: list[tuple[str, str]]) -> None:
    async def play() -> None:
        lane, inside, most = Lane(2), 0, 0

        async def ask(key: str, how: str) -> None:
            nonlocal inside, most
            await lane.enter(key, seconds=0.001 if how == "waits" else 5)
            inside += 1
            most = max(most, inside)
            try:
                await asyncio.sleep(0.0005)
            finally:
                inside -= 1
                lane.leave()

        tasks = [asyncio.ensure_future(ask(key, how)) for key, how in asks]
        await asyncio.sleep(0)
        for task, (_, how) in zip(tasks, asks, strict=True):
            if how == "leaves":
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert most <= 2
        assert (len(lane), lane._free) == (0, 2)

    asyncio.run(play())


def test_the_expected_wait_counts_one_turn_a_key() -> None:
    async def play() -> float:
        lane = Lane(1)
        await lane.enter("a", seconds=1)
        waiting = [asyncio.ensure_future(lane.enter("a", seconds=1)) for _ in range(50)]
        await asyncio.sleep(0)
        own, other = lane.expected_wait("a"), lane.expected_wait("b")
        assert own == pytest.approx(51 * 0.05)
        for one in waiting:
            one.cancel()
        return other

    assert asyncio.run(play()) == pytest.approx(2 * 0.05)


class Asker:
    """Asks an ASGI application without a server."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def ask(self, work: int, *, leave: float | None = None) -> tuple[int, dict[str, str]]:
        messages: list[dict[str, Any]] = []
        given = False

        async def receive() -> dict[str, Any]:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": json.dumps({"campaign_id": str(work)}).encode()}
            await asyncio.sleep(60 if leave is None else leave)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/rank", "headers": headers}
        await self.app(scope, receive, send)
        if not messages:
            return 0, {}
        start = messages[0]
        return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}


TABLE = Table([Route("POST", "/rank", "rank", "", OPEN, takes=RankRequest)])


def stack(tmp_path: Path, work: Any, *, patience: Patience) -> Asker:
    """The doors from the table to the work; the campaign's name is the request's work."""

    def buckets() -> Buckets:
        return Buckets(Budget())

    doors = Limits(Work(work, lambda: float(asked().body.campaign_id), buckets, lambda: patience))  # type: ignore[union-attr]
    return Asker(Answers(doors, lambda: None, lambda: TABLE, lambda: AuditLog(tmp_path)))


async def answer(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def test_a_small_request_does_not_wait_behind_large_ones(tmp_path: Path) -> None:
    at_once = {"large": 0, "most": 0}

    async def work(scope: Any, receive: Any, send: Any) -> None:
        if int(asked().body.campaign_id) > 100:  # type: ignore[union-attr]
            at_once["large"] += 1
            at_once["most"] = max(at_once["most"], at_once["large"])
            await asyncio.sleep(0.05)
            at_once["large"] -= 1
        await answer(send)

    async def play() -> tuple[float, float]:
        asker = stack(tmp_path, work, patience=Patience(large=100))
        loop = asyncio.get_running_loop()
        began = loop.time()
        large = [asyncio.ensure_future(asker.ask(1000)) for _ in range(8)]
        await asyncio.sleep(0.01)
        assert (await asker.ask(10))[0] == 200
        small = loop.time() - began
        assert {status for status, _ in await asyncio.gather(*large)} == {200}
        return small, loop.time() - began

    small, all_of_them = asyncio.run(play())
    assert at_once["most"] == 1
    assert small < 0.2 < all_of_them


def test_what_takes_too_long_is_503_and_keeps_its_place_until_it_ends(tmp_path: Path) -> None:
    ended = []

    async def work(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.3)
        ended.append(1)
        await answer(send)

    async def play() -> None:
        asker = stack(tmp_path, work, patience=Patience(seconds=0.1, wait=0.05, large=100))
        (status, headers), (other, _) = await asyncio.gather(asker.ask(1000), asker.ask(1000))
        assert (status, other) == (503, 503)
        assert int(headers["retry-after"]) >= 1
        assert not ended
        assert (await asker.ask(1000))[0] == 503
        await asyncio.sleep(0.4)
        assert len(ended) == 1

    asyncio.run(play())


def test_a_queue_that_would_take_too_long_is_refused_at_once(tmp_path: Path) -> None:
    async def work(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.2)
        await answer(send)

    async def play() -> list[tuple[int, dict[str, str]]]:
        asker = stack(tmp_path, work, patience=Patience(wait=0.3, large=100))
        return list(await asyncio.gather(*(asker.ask(1000) for _ in range(30))))

    answers = asyncio.run(play())
    refused = [headers for status, headers in answers if status == 503]
    assert 0 < len(refused) < 30
    assert all(int(headers["retry-after"]) >= 1 for headers in refused)


def test_an_asker_who_goes_away_gives_its_turn_up(tmp_path: Path) -> None:
    worked = []

    async def work(scope: Any, receive: Any, send: Any) -> None:
        worked.append(asked().body.campaign_id)  # type: ignore[union-attr]
        await asyncio.sleep(0.1)
        await answer(send)

    async def play() -> None:
        asker = stack(tmp_path, work, patience=Patience(large=100))
        first = asyncio.ensure_future(asker.ask(1000))
        await asyncio.sleep(0.01)
        gone = asyncio.ensure_future(asker.ask(2000, leave=0.02))
        stays = asyncio.ensure_future(asker.ask(3000))
        assert await gone == (0, {})
        assert (await first)[0] == (await stays)[0] == 200

    asyncio.run(play())
    assert worked == ["1000", "3000"]
