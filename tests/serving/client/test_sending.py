"""The clients against a small server that fails: they come back as told, give up in time, and never show the key."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

import collabrank as cr
from marketplace.errors import AccessError, BriefError, CollabrankError, HomeError, ServiceError
from serving.client.answers import Ranking
from serving.client.reading import of_json
from serving.client.sending import LONGEST_WAIT, wait_before

SECRET = "crk_11111111_verysecretindeed"
ME = {
    "key": {"name": "n", "scope": "brand", "brands": None, "creator_id": None, "expires": None, "newer": 1},
    "service": {"model_version": "1", "ranker": "r", "snapshot_as_of": "2026-01-01", "creators": 3},
    "newer": True,
}


class Failing:
    """An ASGI application that answers as its ``script`` says, one entry a request; then as it should."""

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.asked: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.asked.append({"path": scope["path"], "at": time.monotonic(), "headers": dict(scope["headers"])})
        step = self.script.pop(0) if self.script else 200
        if step == "drop":
            raise RuntimeError("the connection is dropped")  # uvicorn has sent a part, and closes
        if step == "cut":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
            raise RuntimeError("the connection is cut")
        if step == "slow":
            await asyncio.sleep(5)
            step = 200
        status, headers, body = step if isinstance(step, tuple) else (step, [], None)
        if body is None:
            body = b'{"error":"BriefError","expected":"a","received":"b","look":"c","request_id":"' + b"0" * 32 + b'"}'
            if status == 200:
                body = json.dumps(ME).encode()
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*headers, (b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Failing]]:
    """A real server of one `Failing`."""
    application = Failing()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    running = uvicorn.Server(uvicorn.Config(application, port=port, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    for _ in range(200):
        if running.started:
            break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}", application
    running.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def failing(server: tuple[str, Failing]) -> Failing:
    server[1].script, server[1].asked = [], []
    return server[1]


def ask(kind: str, url: str, **more: Any) -> Any:
    """``me()`` of one of the two clients."""
    if kind == "now":
        with cr.Client(url, SECRET, **more) as client:
            return client.me()

    async def later() -> Any:
        async with cr.AsyncClient(url, SECRET, **more) as client:
            return await client.me()

    return asyncio.run(later())


RETRY = [(b"retry-after", b"1")]


@pytest.mark.parametrize("kind", ["now", "later"])
@pytest.mark.parametrize("script", [[429, 503], [503, "cut"], ["cut", 429, 503], [(503, RETRY, None)]])
def test_a_question_is_asked_again_until_it_is_answered(
    server: tuple[str, Failing], failing: Failing, kind: str, script: list[Any]
) -> None:
    failing.script = list(script)
    told = ask(kind, server[0])
    assert (told.key.name, told.service.creators) == ("n", 3)
    assert len(failing.asked) == len(script) + 1
    if script == [(503, RETRY, None)]:
        assert failing.asked[1]["at"] - failing.asked[0]["at"] >= 1.0


@pytest.mark.parametrize("kind", ["now", "later"])
@pytest.mark.parametrize(
    "case",
    [  # what is answered, what becomes of it, how often it was asked
        ([429] * 9, BriefError, 3),
        ([400] * 9, BriefError, 1),
        ([(503, [(b"retry-after", b"3600")], None)] * 9, BriefError, 1),
        (["cut"] * 9, ServiceError, 3),
        ([(500, [], b'{"error":"InternalError","request_id":"abc"}')] * 9, ServiceError, 1),
        ([(502, [], b"<html>bad gateway</html>")] * 9, ServiceError, 1),
        ([(302, [(b"location", b"http://elsewhere.example/")], b"")] * 9, ServiceError, 1),
        ([(200, [], b"[]")] * 9, ServiceError, 1),
        ([(200, [], b'{"key": 1}')] * 9, ServiceError, 1),
        (["slow"] * 9, ServiceError, 1),
    ],
)
def test_what_does_not_get_better_is_told_in_the_trees_words(
    server: tuple[str, Failing], failing: Failing, kind: str, case: tuple[list[Any], type, int]
) -> None:
    script, error, asked = case
    failing.script = list(script)
    with pytest.raises(error) as refused:
        ask(kind, server[0], retries=2, timeout=1.0)
    assert len(failing.asked) == asked
    assert refused.value.expected
    assert refused.value.received
    assert refused.value.look
    if script[0] in (400, 429):
        assert (refused.value.status, refused.value.request_id) == (script[0], "0" * 32)


@pytest.mark.parametrize("kind", ["now", "later"])
def test_where_nobody_listens_that_is_said(kind: str) -> None:
    with pytest.raises(ServiceError) as refused:
        ask(kind, "http://127.0.0.1:1", retries=1)
    assert "no connection" in refused.value.received
    with cr.Client("http://127.0.0.1:1", SECRET) as client:
        assert not client.ready()


@pytest.mark.parametrize("kind", ["now", "later"])
def test_the_key_is_sent_and_shown_nowhere(
    server: tuple[str, Failing], failing: Failing, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ask(kind, server[0])
    assert failing.asked[0]["headers"][b"authorization"] == f"Bearer {SECRET}".encode()
    for script in ([400], ["cut", "cut"], [(500, [], b"{}")], [(200, [], b"[]")]):
        failing.script = list(script)
        with pytest.raises(CollabrankError) as refused:
            ask(kind, server[0], retries=1)
        chain: BaseException | None = refused.value
        while chain is not None:
            assert SECRET not in "".join(traceback.format_exception(chain))
            assert SECRET not in repr(vars(chain))
            chain = chain.__cause__ or chain.__context__
    assert "verysecret" not in caplog.text
    for client in (cr.Client(server[0], SECRET), cr.AsyncClient(server[0], SECRET)):
        assert "verysecret" not in f"{client!r} {client} {vars(client)!r} {vars(client._to)!r}"


@pytest.mark.parametrize("key", ["", "two words", "a\nb", "\x00", "é", "x" * 2000])
def test_what_is_no_key_is_refused_without_being_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLLABRANK_API_KEY", raising=False)
    with pytest.raises(AccessError) as refused:
        cr.Client("http://127.0.0.1:3000", key)
    assert not key or key not in str(refused.value)


def test_the_key_comes_from_the_environment(
    server: tuple[str, Failing], failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLLABRANK_API_KEY", raising=False)
    with pytest.raises(AccessError):
        cr.Client(server[0])
    monkeypatch.setenv("COLLABRANK_API_KEY", SECRET)
    with cr.Client(server[0]) as client:
        client.me()
    assert failing.asked[0]["headers"][b"authorization"].endswith(SECRET.encode())


@pytest.mark.parametrize("url", ["", "localhost:3000", "ftp://x", "http://user:pass@host", "http://", "http://h/?q=1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(HomeError) as refused:
        cr.Client(url, SECRET)
    assert "pass" not in refused.value.received


def test_waits_double_are_drawn_and_end() -> None:
    for attempt in range(12):
        waits = [wait_before(attempt, None) or 0.0 for _ in range(50)]
        assert 0.0 <= min(waits) <= max(waits) <= min(8.0, 0.25 * 2**attempt)
        assert len(set(waits)) > 1
    assert LONGEST_WAIT == 60.0


def test_an_answer_reads_by_its_fields_and_says_what_is_missing() -> None:
    whole = {
        "request_id": "1", "model_version": "2", "as_of": "2026-01-01T00:00:00Z", "considered": 3, "creators": [],
        "something_newer": {},
    }  # fmt: skip
    read = of_json(Ranking, whole)
    assert (read.considered, len(read), read.next_cursor, read.as_of.year) == (3, 0, None, 2026)
    for broken in ({**whole, "considered": "3"}, {k: v for k, v in whole.items() if k != "creators"}, [], None):
        with pytest.raises(ServiceError):
            of_json(Ranking, broken)
