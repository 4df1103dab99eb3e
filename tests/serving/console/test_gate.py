"""The door: hosts, origins, sessions and headers, asked over plain HTTP; and sessions by themselves."""

from __future__ import annotations

import warnings
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from serving.console.gate import Gate, Names
from serving.console.sessions import COOKIE, LONGEST, Session, Sessions
from serving.console.signin import _inward

ME: Any = SimpleNamespace(key=SimpleNamespace(scope="brand", name="x"))
OWN = "http://127.0.0.1:3100"
HOST = {"Host": "127.0.0.1:3100"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ended() -> list[Session]:
    return []


@pytest.fixture
def sessions(clock: Clock, ended: list[Session]) -> Sessions:
    return Sessions(600.0, ended.append, clock)


@pytest.fixture
def client(sessions: Sessions) -> TestClient:
    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse("<script>1</script><scripty>", headers={"X-NiceGUI-Content": "page"})

    async def plain(request: Any) -> PlainTextResponse:
        return PlainTextResponse(request.headers.get("x-forwarded-prefix", "none"))

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        with suppress(WebSocketDisconnect):
            while True:
                await socket.send_text(await socket.receive_text())

    routes = [Route("/", page), Route("/sign-in", plain, methods=["GET", "POST"]), Route("/plain", plain),
              WebSocketRoute("/_nicegui_ws", talk)]  # fmt: skip
    return TestClient(Gate(Starlette(routes=routes), sessions=sessions, names=Names(port=3100)), base_url=OWN)


def signed_in(client: TestClient, sessions: Sessions) -> Session:
    token = sessions.begin(SimpleNamespace(), ME, "key")  # type: ignore[arg-type]
    client.cookies.set(COOKIE, token)
    found = sessions.of(token)
    assert found is not None
    return found


def test_without_a_session_nothing_opens_but_signing_in(client: TestClient) -> None:
    for path, to in (
        ("/", "/sign-in"),
        ("/plain?a=1", "/sign-in?next=/plain%3Fa%3D1"),
        ("/?a=1", "/sign-in?next=/%3Fa%3D1"),
    ):
        answer = client.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, to)
    assert client.get("/_nicegui/x", follow_redirects=False).status_code == 401
    assert client.get("/sign-in").status_code == 200
    client.cookies.set(COOKIE, "made-up")
    assert client.get("/", follow_redirects=False).status_code == 303


def test_every_answer_has_its_headers_and_scripts_their_nonce(client: TestClient, sessions: Sessions) -> None:
    signed_in(client, sessions)
    first, second = client.get("/"), client.get("/")
    policy = first.headers["content-security-policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert first.text == f'<script nonce="{nonce}">1</script><scripty>'
    assert first.text != second.text
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    for name, value in (
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ):
        assert first.headers[name] == client.get("/plain").headers[name] == value


def test_other_hosts_and_origins_are_turned_away(client: TestClient, sessions: Sessions) -> None:
    signed_in(client, sessions)
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/", headers={"Host": "127.0.0.1:9"}).status_code == 421
    for origin in ("http://evil.example", "null", "https://127.0.0.1:3100"):
        assert client.post("/sign-in", headers={"Origin": origin}).status_code == 403
    assert client.post("/sign-in").status_code == 403
    assert client.post("/sign-in", headers={"Origin": OWN}).status_code == 200
    both = [("Host", "127.0.0.1:3100"), ("Host", "evil.example")]
    assert client.get("/", headers=both).status_code == 421  # type: ignore[arg-type]
    assert client.get("/plain", headers={"X-Forwarded-Prefix": "/evil"}).text == "none"


def test_a_websocket_needs_a_session_an_origin_and_a_page_of_its_own(client: TestClient, sessions: Sessions) -> None:
    def opens(**headers: str) -> bool:
        try:
            with client.websocket_connect("/_nicegui_ws?client_id=v1", headers={**HOST, **headers}) as socket:
                socket.send_text("x")
                return socket.receive_text() == "x"
        except WebSocketDisconnect:
            return False

    assert not opens(Origin=OWN)
    session = signed_in(client, sessions)
    assert not opens(Origin=OWN)
    session.views.add("v1")
    assert opens(Origin=OWN)
    assert not opens(Origin="http://evil.example")
    assert not opens()


def test_no_page_talks_by_plain_requests(client: TestClient, sessions: Sessions) -> None:
    signed_in(client, sessions).views.add("v1")
    for path in ("/_nicegui_ws?client_id=v1", "/_nicegui_ws/socket.io/?EIO=4&transport=polling&client_id=v1"):
        assert client.get(path).status_code == 403
        assert client.post(path, headers={"Origin": OWN}, content="40").status_code == 403


def test_a_websocket_ends_with_its_session_and_only_clicks_keep_it(
    client: TestClient, sessions: Sessions, clock: Clock
) -> None:
    session = signed_in(client, sessions)
    session.views.add("v1")
    with client.websocket_connect("/_nicegui_ws?client_id=v1", headers={**HOST, "Origin": OWN}) as socket:
        for text, seen in (("3", 0.0), ('42["ack",{}]', 0.0), ('42["event",{}]', 100.0)):
            clock.now = 100.0
            socket.send_text(text)
            assert socket.receive_text() == text
            assert session.seen == seen
        sessions.end(session)
        socket.send_text("x")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


def test_sessions_end_by_idleness_age_and_signing_out_once_each(
    sessions: Sessions, clock: Clock, ended: list[Session]
) -> None:
    def begun() -> str:
        return sessions.begin(SimpleNamespace(), ME, "key")  # type: ignore[arg-type]

    first, second = begun(), begun()
    clock.now = 590.0
    sessions.touch(sessions.of(second))  # type: ignore[arg-type]
    clock.now = 610.0
    sessions.sweep()
    assert sessions.of(first) is None
    assert sessions.of(second) is not None
    assert [one.why for one in ended] == ["idle"]
    while clock.now < LONGEST + 10:
        clock.now += 300.0
        if (held := sessions.of(second)) is not None:
            sessions.touch(held)
    assert sessions.of(second) is None
    third = begun()
    held = sessions.of(third)
    assert held is not None
    sessions.end(held)
    assert sessions.of(third) is None
    assert [one.why for one in ended] == ["idle", "idle", "out"]
    assert held.owner == ended[0].owner
    assert "key" not in repr(sessions.__dict__)


def test_one_goes_on_within_the_console_alone() -> None:
    assert _inward("/ranking?campaign=ca_1") == "/ranking?campaign=ca_1"
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "ranking", "", "/a\nb", "/sign-in"):
        assert _inward(elsewhere) == "/"


def test_a_public_address_is_one_of_its_names() -> None:
    names = Names(port=3100, public="https://Console.example")
    assert names.secure
    assert {"console.example", "localhost:3100", "[::1]:3100"} <= names.hosts
    assert not Names(port=3100).secure
