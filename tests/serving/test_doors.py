"""The three middlewares in front of a small application: who may ask, what a body may be, how errors leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from marketplace.errors import SnapshotError
from serving.app.access import Access
from serving.app.answers import Answers, answered
from serving.app.cors import Cors
from serving.app.limits import Limits
from serving.app.meters import Meters
from serving.app.routes import EVERYONE, LARGEST, OPEN, Table, routes_now
from serving.app.routes import Route as Row
from serving.keys import Keyring, create_key, revoke_key


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    deep: int = 0


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    number: FiniteFloat
    text: str = Field("", max_length=LARGEST)
    inner: Inner | None = None


async def echo(request: Request) -> JSONResponse:
    return JSONResponse(json.loads(await request.body()))


async def fault(_: Request) -> JSONResponse:
    raise RuntimeError("secret detail")


async def late_fault(_: Request) -> Any:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("secret detail")

    return broken


async def unready(_: Request) -> Any:
    @answered
    def work() -> Any:
        raise SnapshotError("a snapshot", received="none", look="`collabrank snapshot`")

    return work()


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()


async def alive(_: Request) -> JSONResponse:
    return JSONResponse({})


def row(method: Any, pattern: str, **more: Any) -> Row:
    return Row(method, pattern, pattern.strip("/"), "", EVERYONE, **more)


TABLE = Table(
    [
        row("POST", "/echo", takes=Body),
        row("GET", "/fault"),
        row("GET", "/unready"),
        row("GET", "/creators/{creator_id}/card"),
        replace(row("GET", "/healthz", probe=True), scopes=OPEN),
    ]
)


@pytest.fixture
def meters() -> Meters:
    return Meters()


@pytest.fixture
def door(home: Path, meters: Meters) -> Any:
    inside = Starlette(
        routes=[
            Route("/echo", echo, methods=["POST"]),
            Route("/fault", fault),
            Route("/unready", unready),
            WebSocketRoute("/talk", talk),
        ]
    )
    probes = Starlette(routes=[Route("/healthz", alive)])
    return Answers(Access(Limits(inside), probes, Keyring), lambda: meters, lambda: TABLE)


@pytest.fixture
def client(door: Any) -> TestClient:
    _, key = create_key("test")
    return TestClient(door, headers={"X-API-Key": key}, raise_server_exceptions=False)


PLAIN = {"error", "expected", "received", "look", "request_id"}


@pytest.mark.parametrize("path", ["/echo", "/fault", "/", "/nowhere", "/healthz/", "//healthz", "/healthz/../echo"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE", "HEAD"])
def test_every_route_that_is_no_probe_refuses_without_a_key(door: Any, method: str, path: str) -> None:
    answer = TestClient(door).request(method, path)
    assert answer.status_code == 401
    if method != "HEAD":
        assert set(answer.json()) == PLAIN


def test_a_probe_needs_no_key(door: Any) -> None:
    assert TestClient(door).get("/healthz").status_code == 200


def test_a_revoked_key_is_refused_at_the_next_request(door: Any) -> None:
    key, secret = create_key("soon gone")
    client = TestClient(door, headers={"X-API-Key": secret})
    assert client.post("/echo", json={"number": 1}).status_code == 200
    revoke_key(key.id)
    answer = client.post("/echo", json={"number": 1})
    assert answer.status_code == 401
    assert secret not in answer.text


@pytest.mark.parametrize(
    "headers", [[("X-API-Key", "")], [("X-API-Key", "crk_00000000_x")], [("Authorization", "KEY")]]
)
def test_other_headers_open_nothing(door: Any, client: TestClient, headers: list[tuple[str, str]]) -> None:
    key = client.headers["X-API-Key"]
    filled = [(name, value.replace("KEY", key)) for name, value in headers]
    assert TestClient(door).post("/echo", headers=dict(filled), json={"number": 1}).status_code == 401


def test_two_keys_at_once_open_nothing(door: Any, client: TestClient) -> None:
    key = client.headers["X-API-Key"]
    both = [("X-API-Key", key), ("X-API-Key", key)]
    assert httpx.Client(transport=_transport(door), base_url="http://t").get("/fault", headers=both).status_code == 401


def _transport(door: Any) -> httpx.BaseTransport:
    return TestClient(door)._transport


def test_a_websocket_is_refused(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/talk"):
        pass


@pytest.mark.parametrize(
    ("content", "kind", "status", "says"),
    [
        (b'{"number": 1}', "application/json", 200, ""),
        (b'{"number": 1}', "application/json; charset=UTF-8", 200, ""),
        (b'{"number": 1}', "application/json; charset=latin-1", 415, "application/json"),
        (b'{"number": 1}', "text/plain", 415, "application/json"),
        (b'{"number": 1}', "application/vnd.bentoml+pickle", 415, "application/json"),
        (b"number=1", "application/x-www-form-urlencoded", 415, "application/json"),
        (b'{"number": 1}', "", 415, "application/json"),
        (b'{"number": 1', "application/json", 400, "well-formed JSON"),
        (b"", "application/json", 400, "well-formed JSON"),
        (b"null", "application/json", 400, ""),
        (b"[]", "application/json", 400, ""),
        (b'{"number": NaN}', "application/json", 400, "finite"),
        (b'{"number": -Infinity}', "application/json", 400, "finite"),
        (b'{"number": 1e999}', "application/json", 400, "finite"),
        (b'{"number": "1"}', "application/json", 400, "'number'"),
        (b'{"number": true}', "application/json", 400, "'number'"),
        (b"{}", "application/json", 400, "'number'"),
        (b'{"number": 1, "extra": 2}', "application/json", 400, "number, text"),
        (b'{"number": 1, "inner": {"other": 2}}', "application/json", 400, "known: deep"),
        (b'{"number": 1, "text": "\xff"}', "application/json", 400, "well-formed JSON"),
        (b'{"number": 1, "text": "\\ud800"}', "application/json", 400, "well-formed JSON"),
        (b"[" * 5000, "application/json", 400, "well-formed JSON"),
        (b'{"number": 1}' + b" " * LARGEST, "application/json", 413, "262144"),
    ],
)
def test_bodies(client: TestClient, content: bytes, kind: str, status: int, says: str) -> None:
    answer = client.post("/echo", content=content, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == status, answer.text
    if status != 200:
        assert set(answer.json()) == (PLAIN | {"problems"} if status == 400 else PLAIN)
        assert says in answer.json()["expected"]
        assert len(answer.content) < 2000


def test_a_body_of_exactly_the_limit_passes(client: TestClient) -> None:
    start, end = b'{"number": 1, "text": "', b'"}'
    content = start + b"x" * (LARGEST - len(start) - len(end)) + end
    assert client.post("/echo", content=content, headers={"Content-Type": "application/json"}).status_code == 200
    answer = client.post("/echo", content=content + b" ", headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_a_chunked_body_is_counted_as_it_comes_and_not_read_to_its_end(door: Any, client: TestClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 4096
            yield b" " * 4096

    status = asyncio.run(_post(door, client.headers["X-API-Key"], endless()))
    assert status == 413
    assert sent <= LARGEST + 2 * 4096


async def _post(door: Any, key: str, chunks: AsyncIterator[bytes]) -> int:
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": await anext(chunks), "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    headers = [(b"x-api-key", key.encode()), (b"content-type", b"application/json")]
    await door({"type": "http", "method": "POST", "path": "/echo", "headers": headers}, receive, send)
    return status


def test_a_body_that_does_not_come_is_not_waited_for(
    door: Any, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.app.limits.SECONDS", 0.05)

    async def stalls() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    assert asyncio.run(_post(door, client.headers["X-API-Key"], stalls())) == 408


def test_compressed_bodies_are_refused(client: TestClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert client.post("/echo", content=b"{}", headers=headers).status_code == 415


def test_a_fault_says_its_request_id_and_nothing_else(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/fault")
    assert answer.status_code == 500
    assert answer.json() == {"error": "InternalError", "request_id": answer.headers["x-request-id"]}
    assert answer.json()["request_id"] in caplog.text
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/fault", 405), ("/unready", 503)])
def test_every_refusal_has_the_same_shape(client: TestClient, path: str, status: int) -> None:
    answer = client.post(path, content=b"") if status == 405 else client.get(path)
    assert answer.status_code == status
    assert set(answer.json()) == PLAIN
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    if status == 405:
        assert "GET" in answer.headers["allow"]


def test_answers_are_counted_by_route_never_by_path(client: TestClient, meters: Meters) -> None:
    for n in range(30):
        client.get(f"/made/up/{n}")
        client.get(f"/creators/{n}/card")
    text = meters.text().decode()
    assert 'collabrank_requests_total{route="other",status="404"} 30.0' in text
    assert 'collabrank_requests_total{route="/creators/{creator_id}/card",status="404"} 30.0' in text
    assert "/made/up" not in text


def test_one_too_many_at_a_time_is_told_to_come_back(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.app.limits.AT_ONCE", 0)
    answer = client.post("/echo", json={"number": 1})
    assert answer.status_code == 429
    assert answer.headers["retry-after"]


ORIGIN = "https://tool.example"


def test_no_page_of_another_origin_may_ask_unless_configured(door: Any, client: TestClient) -> None:
    asks = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    assert TestClient(Cors(door)).options("/echo", headers=asks).status_code == 401
    answer = TestClient(Cors(door), headers=client.headers).post(
        "/echo", json={"number": 1}, headers={"Origin": ORIGIN}
    )
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_configured_origin_may_ask_and_a_preflight_tells_nothing(
    door: Any, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLABRANK_CORS_ORIGINS", f"{ORIGIN}, https://b.example:8443")
    asks = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    nobody, page = TestClient(Cors(door)), TestClient(Cors(door), headers=client.headers)
    preflights = [nobody.options(path, headers=asks) for path in ("/echo", "/nowhere", "/creators/x/card", "/rank%0A")]
    assert {answer.status_code for answer in preflights} == {200}
    assert len({(answer.text, str(answer.headers)) for answer in preflights}) == 1
    assert preflights[0].headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in preflights[0].headers
    assert (
        "access-control-allow-origin"
        not in nobody.options("/echo", headers={**asks, "Origin": "https://x.example"}).headers
    )
    answer = page.post("/echo", json={"number": 1}, headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert nobody.post("/echo", json={"number": 1}, headers={"Origin": ORIGIN}).status_code == 401
    other = page.post("/echo", json={"number": 1}, headers={"Origin": "https://x.example"})
    assert "access-control-allow-origin" not in other.headers


def test_figures_need_a_key_where_that_is_configured(
    home: Path, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = Starlette(routes=[Route("/metrics", alive)])

    def status(key: str | None) -> int:
        doors = Answers(Access(Limits(Starlette()), figures, Keyring), lambda: meters, routes_now)
        return TestClient(doors, headers={"X-API-Key": key} if key else {}).get("/metrics").status_code

    keys = {scope: create_key("figures", scope=scope)[1] for scope in ("brand", "metrics", "admin")}
    assert (status(None), status(keys["brand"])) == (200, 200)
    monkeypatch.setenv("COLLABRANK_METRICS_KEY", "1")
    assert (status(None), status(keys["brand"]), status(keys["metrics"]), status(keys["admin"])) == (401, 403, 200, 200)
