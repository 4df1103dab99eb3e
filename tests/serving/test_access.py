"""Every route of the table, over real sockets: closed without a key, closed outside a key's scope, open within it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.snapshot.parts import load_snapshot
from marketplace.errors import HomeError
from serving.app.routes import ROUTES, Route
from serving.audit import read_audit
from serving.keys import SCOPES, create_key, revoke_key
from serving.process import run

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
CLOSED = [route for route in ROUTES.opened("/metrics") if route.scopes]


def path_of(route: Route) -> str:
    return route.pattern.replace("{", "cr_").replace("}", "")


@pytest.fixture(scope="module")
def keys(process: Any) -> dict[str, str]:
    """One key of each scope, all brands; the creator's is for ``cr_creator_id``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(Path(process.log).parent))
        made = {scope: {"creator": "cr_creator_id"} if scope == "creator" else {} for scope in SCOPES}
        return {scope: create_key(f"all of {scope}", scope=scope, **more)[1] for scope, more in made.items()}


@pytest.fixture(scope="module")
def wire(process: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=process.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: f"{route.method} {route.pattern}")
@pytest.mark.parametrize("method", METHODS)
def test_without_a_key_every_method_of_every_route_is_401(wire: httpx.Client, route: Route, method: str) -> None:
    answer = wire.request(method, path_of(route), content=b"{}" if method in ("POST", "PUT", "PATCH") else None)
    assert answer.status_code == 401
    assert "Bearer" in answer.headers["www-authenticate"]
    assert "allow" not in answer.headers


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("route", list(ROUTES), ids=lambda route: f"{route.method} {route.pattern}")
def test_a_scope_opens_its_routes_and_no_others(
    wire: httpx.Client, keys: dict[str, str], route: Route, scope: str
) -> None:
    for method in (route.method, "DELETE"):
        answer = wire.request(method, path_of(route), headers={"X-API-Key": keys[scope]})
        if route.pattern.startswith("/docs"):
            assert answer.status_code == (405 if method != "GET" else 404 if "{" in route.pattern else 200)
        elif route.pattern in ("/healthz", "/readyz", "/metrics"):
            assert answer.status_code == (200 if method == "GET" else 405)
        elif scope != "admin" and scope not in route.scopes:
            assert answer.status_code == 403, answer.text
            assert f"one of scope {scope}" in answer.json()["received"]
        elif method == "DELETE":
            assert answer.status_code == 405
            assert route.method in answer.headers["allow"]
        else:
            assert answer.status_code not in (401, 403, 405), answer.text


def test_nothing_outside_the_table_is_there_even_with_a_key(wire: httpx.Client, keys: dict[str, str]) -> None:
    for path in ("/schema.json", "/livez", "/static_content/index.css", "/rank%0A", "/Rank", "/rank/", "/docs.json/x"):
        assert wire.post(path, headers={"X-API-Key": keys["admin"]}, json={}).status_code == 404
        assert wire.post(path, json={}).status_code == 401


def test_a_key_comes_in_either_header_and_two_must_agree(wire: httpx.Client, keys: dict[str, str]) -> None:
    key, other = keys["brand"], keys["admin"]

    def ask(*headers: tuple[str, str]) -> int:
        return wire.get("/", headers=list(headers)).status_code

    assert ask(("X-API-Key", key)) == 200
    assert ask(("Authorization", f"Bearer {key}")) == 200
    assert ask(("authorization", f"bearer {key}")) == 200
    assert ask(("X-API-Key", key), ("Authorization", f"Bearer {key}")) == 200
    assert ask(("X-API-Key", key), ("Authorization", f"Bearer {other}")) == 401
    assert ask(("X-API-Key", key), ("Authorization", "Basic YTpi")) == 401
    assert ask(("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")) == 401
    assert ask(("Authorization", f"Basic {key}")) == 401
    assert ask(("Authorization", key)) == 401
    assert ask(("Cookie", f"X-API-Key={key}")) == 401


def creators_of(home: Path) -> list[str]:
    """Two creators of the home's snapshot."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(home))
        return [str(one) for one in load_snapshot(home / "var" / "snapshot").creator_ids[:2]]


def test_a_creators_key_opens_its_own_card_alone(wire: httpx.Client, process: Any, prepared: Path) -> None:
    mine, other = creators_of(prepared)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(Path(process.log).parent))
        _, key = create_key("creator", scope="creator", creator=mine)
    headers = {"X-API-Key": key}
    assert wire.get(f"/creators/{mine}/card", headers=headers).json()["creator_id"] == mine
    there, nowhere = (wire.get(f"/creators/{one}/card", headers=headers) for one in (other, "cr_nobody"))
    assert there.status_code == nowhere.status_code == 403
    assert {**there.json(), "request_id": ""} == {**nowhere.json(), "request_id": ""}


def test_a_key_that_ends_opens_until_then(wire: httpx.Client, process: Any) -> None:
    from datetime import UTC, datetime, timedelta

    end = datetime.now(UTC) + timedelta(seconds=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(Path(process.log).parent))
        _, key = create_key("short", expires=end.isoformat(timespec="seconds"))
    headers = {"X-API-Key": key}
    seen = []
    while datetime.now(UTC) < end + timedelta(seconds=1):
        at = datetime.now(UTC)
        seen.append((at, wire.get("/", headers=headers)))
    assert [answer.status_code for at, answer in seen if at < end - timedelta(seconds=1.2)][:1] == [200]
    assert seen[-1][1].status_code == 401
    assert "ended at" in seen[-1][1].json()["received"]


def test_an_old_file_of_keys_opens_what_it_opened(wire: httpx.Client, process: Any) -> None:
    home = Path(process.log).parent
    file = home / "var" / "keys" / "api_keys.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(home))
        key, secret = create_key("from before")
        held = json.loads(file.read_text())
        for row in held["keys"]:
            if row["id"] == key.id:
                for name in ("scope", "brands", "creator_id", "expires_at"):
                    del row[name]
        file.write_text(json.dumps(held))
        for path in ("/rank", "/explain", "/feedback"):
            assert wire.post(path, headers={"X-API-Key": secret}, json={}).status_code == 400
        assert wire.get("/creators/x/card", headers={"X-API-Key": secret}).status_code == 404
        revoke_key(key.id)


def test_the_audit_log_says_who_asked_what_and_never_the_key(wire: httpx.Client, process: Any, campaign: Any) -> None:
    home = Path(process.log).parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(home))
        key, secret = create_key("audited")
        body = {"campaign_id": campaign["campaign_id"], "top": 3}
        answer = wire.post("/rank", headers={"X-API-Key": secret}, json=body).json()
        wrong = wire.post("/rank", headers={"X-API-Key": secret}, json={**body, "top": 0}).json()
        revoke_key(key.id)
        lines = list(read_audit())
    of_key = [line for line in lines if line.get("key_id") == key.id]
    said = {line["request_id"]: line for line in of_key}
    assert said[answer["request_id"]].items() >= {
        "kind": "request", "method": "POST", "route": "/rank", "status": 200, "top": 3, "returned": 3,
        "campaign_id": campaign["campaign_id"], "brand_id": campaign["brand_id"], "considered": answer["considered"],
    }.items()  # fmt: skip
    assert said[wrong["request_id"]]["status"] == 400
    commands = [line["kind"] for line in lines if line.get("id") == key.id]
    assert commands == ["key.create", "key.revoke"]
    for file in [*(home / "var" / "audit").iterdir(), *(home / "var" / "decisions").rglob("*")]:
        if file.is_file():
            assert secret.split("_", 2)[2].encode() not in file.read_bytes()
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in (home / "var" / "audit").iterdir())
    assert secret.split("_", 2)[2] not in process.log.read_text()


@pytest.fixture
def alone(prepared: Path, tmp_path: Path) -> dict[str, str]:
    shutil.copytree(prepared / "var", tmp_path / "var")
    return {**os.environ, "COLLABRANK_HOME": str(tmp_path)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COLLABRANK_CORS_ORIGINS", "*"),
        ("COLLABRANK_CORS_ORIGINS", "tool.example"),
        ("COLLABRANK_WORK_PER_SECOND", "0"),
        ("COLLABRANK_CONNECTIONS", "many"),
        ("COLLABRANK_WAIT_SECONDS", "nan"),
    ],
)
def test_a_wrong_setting_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr("serving.process.prepare_environment", lambda **_: None)
    monkeypatch.setattr("serving.process._look_first", lambda: pytest.fail("it looks for what to serve"))
    with pytest.raises(HomeError, match=name):
        run(host="127.0.0.1", port=0, workers=1, wait=False)


def test_a_wrong_setting_ends_the_command(alone: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "collabrank", "serve", "--no-console", "--port", "0"],
        env={**alone, "COLLABRANK_CORS_ORIGINS": "*"},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "COLLABRANK_CORS_ORIGINS" in done.stderr
    assert "Traceback" not in done.stderr
