"""A checked body reaches the service as it was checked, and the answer leaves as it was written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from serving.app.access import Access
from serving.app.answers import Answers, answered, asked
from serving.app.direct import Direct
from serving.app.limits import Limits
from serving.app.routes import EVERYONE, Table
from serving.app.routes import Route as Row
from serving.keys import Keyring, create_key
from serving.problems import refusal


class Body(BaseModel):
    number: int


class Answer(BaseModel):
    number: int
    word: str


TABLE = Table(
    [
        Row("POST", "/double", "double", "", EVERYONE, takes=Body, gives=Answer),
        Row("GET", "/plain", "plain", "", EVERYONE),
    ]
)


@pytest.fixture
def seen() -> list[Any]:
    return []


@pytest.fixture
def client(home: Path, seen: list[Any]) -> TestClient:
    @answered
    def double(body: Body) -> Answer:
        seen.append((body, asked().body, asked().key_id))
        if body.number == 13:
            raise refusal(404, "a number", received="13")
        if body.number == 14:
            raise RuntimeError("secret detail")
        return Answer(number=2 * body.number, word="é")

    async def plain(_: Request) -> JSONResponse:
        return JSONResponse({"plain": True})

    service = SimpleNamespace(double=SimpleNamespace(local=double))
    inside = Direct(Starlette(routes=[Route("/plain", plain)]), lambda: service, threads=2)
    door = Answers(Access(Limits(inside), Starlette(), Keyring), lambda: None, lambda: TABLE)
    _, key = create_key("test")
    return TestClient(door, headers={"X-API-Key": key}, raise_server_exceptions=False)


def test_the_service_gets_the_very_body_that_was_checked(client: TestClient, seen: list[Any]) -> None:
    answer = client.post("/double", json={"number": 4})
    assert answer.content == '{"number":8,"word":"é"}'.encode()
    assert answer.headers["content-type"] == "application/json"
    [(given, checked, key_id)] = seen
    assert given is checked
    assert key_id


def test_what_has_no_body_goes_on(client: TestClient, seen: list[Any]) -> None:
    assert client.get("/plain").json() == {"plain": True}
    assert seen == []


def test_refusals_and_faults_leave_in_their_own_words(client: TestClient) -> None:
    assert client.post("/double", json={"number": 13}).status_code == 404
    assert client.post("/double", json={"number": "x"}).json()["problems"][0]["field"] == "number"
    fault = client.post("/double", json={"number": 14})
    assert fault.status_code == 500
    assert "secret" not in fault.text
