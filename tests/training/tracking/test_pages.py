"""MLflow's pages behind the guard: who is let in, what is closed, and a process of its own that ends when told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from marketplace.errors import AccessError
from tests.training.test_artifacts import one_run
from training.tracking.pages import PASSWORD, Guard, read_password
from training.tracking.store import open_store

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a long pass: word"


def client(password: str, auth: tuple[str, str] | None = None) -> TestClient:
    async def reached(_: Any) -> PlainTextResponse:
        return PlainTextResponse("reached")

    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    inside = Starlette(routes=[Route("/{path:path}", reached, methods=methods)])
    made = TestClient(Guard(inside, password))
    made.auth = auth
    return made


@pytest.mark.parametrize("path", ["/", "/ajax-api/2.0/mlflow/runs/search", "/api/2.0/mlflow-artifacts/artifacts/x"])
def test_the_password_opens_and_nothing_else_does(path):
    for wrong in (None, ("admin", ""), ("admin", SECRET[:-1]), (SECRET, "admin"), ("admin", SECRET + " ")):
        answer = client(SECRET, wrong).get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert client(SECRET, ("anyone", SECRET)).get(path).text == "reached"
    assert client(SECRET).get(path, headers={"Authorization": "Basic !!"}).status_code == 401
    assert client(SECRET).get("/health").text == "reached"
    assert client("").get(path).text == "reached"


@pytest.mark.parametrize(
    "path",
    [
        "/ajax-api/3.0/mlflow/assistant/message",
        "/AJAX-API//3.0/mlflow/assistant/message",
        "/gateway/mlflow/v1/chat",
        "/ajax-api/2.0/mlflow/runs/create-promptlab-run",
        "/ajax-api/3.0/%6aobs",
    ],
)
def test_what_runs_tools_or_calls_others_is_closed_with_the_password_too(path):
    inside = client(SECRET, ("a", SECRET))
    assert {inside.get(path).status_code, inside.post(path).status_code} == {403}


def test_of_a_gateway_there_is_nothing_to_tell_and_no_way_to_it():
    inside = client(SECRET, ("a", SECRET))
    path = "/ajax-api/2.0/mlflow/gateway-proxy"
    assert inside.get(path, params={"gateway_path": "api/2.0/endpoints/"}).json() == {"endpoints": []}
    assert inside.post(path).status_code == 403


def test_without_a_password_nothing_is_written_among_the_artifacts():
    for path in ("/api/2.0/mlflow-artifacts/artifacts/a", "/ajax-api/2.0/mlflow/upload-artifact"):
        for method in ("PUT", "POST", "DELETE", "PATCH"):
            assert client("").request(method, path).status_code == 403
            assert client(SECRET, ("a", SECRET)).request(method, path).status_code == 200
        assert client("").get(path).status_code == 200


def test_a_password_is_long_and_its_file_private(tmp_path, monkeypatch):
    monkeypatch.delenv(PASSWORD, raising=False)
    assert read_password() == ""
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\nmore\n")
    file.chmod(0o644)
    with pytest.raises(AccessError, match="only its owner"):
        read_password(file)
    file.chmod(0o600)
    assert read_password(file) == SECRET
    monkeypatch.setenv(PASSWORD, "short")
    with pytest.raises(AccessError, match="12 characters") as refusal:
        read_password()
    assert "short" not in str(refusal.value)


def test_the_pages_show_a_moved_home_and_end_when_told_to(store, home, tmp_path_factory, monkeypatch):
    run_id = one_run(home)
    moved = tmp_path_factory.mktemp("pages") / "moved"
    os.rename(home / "var", moved.parent / "var")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "COLLABRANK_HOME": str(moved.parent), PASSWORD: SECRET}
    command = [
        sys.executable,
        "-m",
        "collabrank",
        "ui",
        "--port",
        str(port),
        "--allowed-hosts",
        f"pages.example,127.0.0.1:{port}",
    ]
    log = moved.parent / "log"
    with open(log, "wb") as out:
        running = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
    try:
        names = {"Host": "pages.example"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=names, timeout=30) as asking:
            for _ in range(600):
                try:
                    asking.get("/health")
                    break
                except httpx.HTTPError:
                    assert running.poll() is None, log.read_text()
                    time.sleep(0.1)
            assert asking.get("/").status_code == 401
            asking.auth = ("me", SECRET)
            assert asking.get("/").status_code == 200
            assert asking.get("/", headers={"Host": "rebound.example"}).status_code == 403
            listed = asking.get("/ajax-api/2.0/mlflow/artifacts/list", params={"run_id": run_id, "path": "notes"})
            assert [file["path"] for file in listed.json()["files"]] == ["notes/words.txt"]
            shown = asking.get("/get-artifact", params={"run_uuid": run_id, "path": "notes/words.txt"})
            assert shown.text == "said"
            put = f"/api/2.0/mlflow-artifacts/artifacts/{run_id}/artifacts/notes/more.txt"
            assert asking.put(put, content=b"more").status_code == 200
        assert (moved.parent / "var/mlflow/artifacts" / run_id / "artifacts/notes/more.txt").read_bytes() == b"more"
        assert not list(home.rglob("*.txt"))
        # Another machine's training tracks there, with the password; artifacts go to the server's home.
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
        shared = open_store(f"http://127.0.0.1:{port}")
        with shared.run("from elsewhere") as run:
            run.text("far", "notes/words.txt")
        assert shared.fetch(run.id, "notes/words.txt", moved.parent).read_text() == "far"
        kept = moved.parent / "var/mlflow/artifacts" / run.id / "artifacts/notes/words.txt"
        assert kept.read_text() == "far"
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=30)
        # No process of its group is left: there is no child that could be.
        with pytest.raises(ProcessLookupError):
            os.killpg(running.pid, 0)
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()
