"""A service process of its own, over real sockets: two workers, keys, limits, a promotion while it runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from marketplace.tables import open_marketplace
from models.bundle.disk import save_bundle

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def client(process: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=process.url, headers={"X-API-Key": process.key}, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def campaign_id(small_market: Path) -> str:
    return str(open_marketplace(small_market).frame("campaigns", ["campaign_id"])["campaign_id"].max())


def home_of(process: Any) -> Path:
    return Path(process.log).parent


def test_a_brief_is_ranked(client: httpx.Client, campaign_id: str) -> None:
    answer = client.post("/rank", json={"campaign_id": campaign_id, "top": 5})
    assert answer.status_code == 200, answer.text
    assert [creator["position"] for creator in answer.json()["creators"]] == [1, 2, 3, 4, 5]
    assert "server" not in answer.headers


def test_without_a_key_nothing_but_the_probes_and_the_page(process: Any) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert httpx.get(process.url + path).status_code == 200
    for path in ("/docs", "/docs.json"):
        assert httpx.get(process.url + path).status_code == 200
    for path in ("/", "/schema.json", "/rank", "/creators/x/card", "/static_content/index.css"):
        assert httpx.get(process.url + path).status_code == 401


def chunked(process: Any, key: str) -> str:
    """Send an endless chunked body over a bare socket; the status line that came back."""
    url = urlsplit(process.url)
    with socket.create_connection((url.hostname, url.port), timeout=20) as wire:
        wire.sendall(
            f"POST /rank HTTP/1.1\r\nHost: {url.hostname}\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
        try:
            for _ in range(1000):
                wire.sendall(chunk)
        except OSError:
            pass
        wire.settimeout(20)
        try:
            return wire.recv(64).decode("latin-1").split("\r\n")[0]
        except ConnectionError:
            return ""


def test_an_endless_chunked_body_is_cut_off(process: Any, client: httpx.Client, campaign_id: str) -> None:
    assert chunked(process, process.key) in (
        "HTTP/1.1 413 Request Entity Too Large",
        "HTTP/1.1 413 Content Too Large",
        "",
    )
    assert chunked(process, "none") in ("HTTP/1.1 401 Unauthorized", "")
    assert client.post("/rank", json={"campaign_id": campaign_id, "top": 1}).status_code == 200


def test_an_endless_header_is_cut_off(process: Any, client: httpx.Client) -> None:
    url = urlsplit(process.url)
    sent = 0
    with socket.create_connection((url.hostname, url.port), timeout=20) as wire:
        wire.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nX-Long: ")
        try:
            while sent < 64 * 2**20:
                wire.sendall(b"x" * 65536)
                sent += 65536
        except OSError:
            pass
    assert sent < 64 * 2**20
    assert client.get("/readyz").status_code == 200


def test_a_revoked_key_is_refused_while_the_service_runs(process: Any) -> None:
    command = [sys.executable, "-m", "collabrank", "keys"]
    environment = {**os.environ, "COLLABRANK_HOME": str(home_of(process))}

    def keys(*words: str) -> Any:
        done = subprocess.run(
            [*command, *words, "--json"], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    made = keys("create", "short-lived")
    headers = {"X-API-Key": made["key"]}
    assert [httpx.get(f"{process.url}/", headers=headers).status_code for _ in range(6)] == [200] * 6
    keys("revoke", made["id"])
    assert [httpx.get(f"{process.url}/", headers=headers).status_code for _ in range(6)] == [401] * 6


def test_many_at_once_over_both_workers(process: Any, client: httpx.Client, campaign_id: str) -> None:
    def ask(_: int) -> Any:
        answer = httpx.post(
            f"{process.url}/rank",
            json={"campaign_id": campaign_id, "top": 3, "explain": False},
            headers={"X-API-Key": process.key},
            timeout=60,
        )
        assert answer.status_code == 200
        return answer.json()["creators"]

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(36)))
    assert all(answer == answers[0] for answer in answers)
    # Each of the two workers writes ahead to files of its own.
    assert len(list((home_of(process) / "var" / "decisions" / "ahead").glob("*.lock"))) == 2


def wait_for(ready: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.1)


def test_both_workers_take_a_promotion_and_refuse_a_tampered_one(
    process: Any, client: httpx.Client, campaign_id: str, bundles: Callable[..., Any]
) -> None:
    from marketplace.signature import read_signer

    home = home_of(process)
    signer = read_signer(home / "var" / "keys")
    first = bundles()

    def versions() -> set[str]:
        ask = {"campaign_id": campaign_id, "top": 1, "explain": False}
        asked = [
            httpx.post(f"{process.url}/rank", json=ask, headers={"X-API-Key": process.key}, timeout=30)
            for _ in range(8)
        ]
        assert all(answer.status_code == 200 for answer in asked)
        return {answer.json()["model_version"] for answer in asked}

    save_bundle(replace(bundles(seed=8), model_version="8"), home / "var" / "bundle", signer)
    # Eight answers may all be one worker's: both have it once every answer of many says so.
    wait_for(lambda: all(versions() == {"8"} for _ in range(6)))
    save_bundle(replace(bundles(seed=9), model_version="9"), home / "var" / "bundle", signer)
    signature = home / "var" / "bundle" / "signature"
    good = signature.read_bytes()
    signature.write_bytes(good[:10] + b"AAAA" + good[14:])
    wait_for(lambda: "collabrank_refused_on_disk 1.0" in client.get("/metrics").text)
    assert versions() <= {"8", "9"}
    signature.write_bytes(good)
    wait_for(lambda: versions() == {"9"} and "collabrank_refused_on_disk 0.0" in client.get("/metrics").text)
    # The process is every test's: it serves again what it served before.
    save_bundle(first, home / "var" / "bundle", signer)
    wait_for(lambda: all(versions() == {first.model_version} for _ in range(6)))


def run_serve(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "collabrank", "serve", "--no-console", *words],
        env={**os.environ, "COLLABRANK_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_serve_without_a_bundle_says_what_to_do(tmp_path: Path) -> None:
    done = run_serve(tmp_path, "--port", "0")
    assert done.returncode == 2
    assert "collabrank promote" in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_on_a_taken_port_says_so(process: Any) -> None:
    done = run_serve(home_of(process), "--port", str(urlsplit(process.url).port))
    assert done.returncode == 2
    assert "already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_process_listens_where_it_says_and_on_loopback_alone(process: Any) -> None:
    assert f"listening on {process.url}" in Path(process.log).read_text()
    assert "Traceback" not in Path(process.log).read_text()
