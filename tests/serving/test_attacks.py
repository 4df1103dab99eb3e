"""Attacks over bare sockets on a service with short patience: refused, not logged, and it goes on answering."""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from serving.audit import read_audit
from serving.keys import create_key

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTORS = 256
PAYLOAD = "attacker-canary-4711"


@dataclass
class Target:
    url: str
    key: str
    secret: str
    home: Path
    log: Path
    campaign: str
    process: subprocess.Popen[bytes]

    def wire(self) -> socket.socket:
        parts = urlsplit(self.url)
        return socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=15)

    def send(self, *pieces: bytes, pause: float = 0.0) -> bytes:
        """Send ``pieces`` on a new connection; all that comes back until it is closed, or nothing comes for a while."""
        with self.wire() as wire:
            try:
                for piece in pieces:
                    wire.sendall(piece)
                    time.sleep(pause)
            except OSError:
                pass
            return read_all(wire)

    def head(self, method: str, path: str, *lines: str) -> bytes:
        said = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", f"X-API-Key: {self.key}", *lines])
        return said.encode("latin-1") + b"\r\n\r\n"

    def answers(self) -> bool:
        body = {"campaign_id": self.campaign, "top": 1, "explain": False}
        answer = httpx.post(f"{self.url}/rank", json=body, headers={"X-API-Key": self.key}, timeout=20)
        return answer.status_code == 200


def read_all(wire: socket.socket, seconds: float = 8.0) -> bytes:
    wire.settimeout(seconds)
    came = b""
    try:
        while piece := wire.recv(65536):
            came += piece
    except OSError:
        pass
    return came


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.fixture(scope="module")
def target(prepared: Path, campaign: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    home = tmp_path_factory.mktemp("attacked")
    shutil.copytree(prepared / "var", home / "var")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(home))
        _, key = create_key("attacked")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    patience = {"HEADER_SECONDS": "2", "ANSWER_SECONDS": "2", "LARGE_WORK": "1500"}
    command = [sys.executable, "-m", "collabrank", "serve", "--no-console"]
    log = home / "service.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            ["sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh", *command, "--port", str(port)],
            env={**os.environ, "COLLABRANK_HOME": str(home), **{f"COLLABRANK_{k}": v for k, v in patience.items()}},
            cwd=ROOT,
            stdout=out,
            stderr=out,
        )
    url = f"http://127.0.0.1:{port}"
    secret = key.split("_", 2)[2]
    aimed = Target(url, key, secret, home, log, campaign["campaign_id"], process)
    try:
        for _ in range(1800):
            try:
                if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.1)
            if process.poll() is not None:
                pytest.fail(log.read_text())
        yield aimed
    finally:
        process.terminate()
        process.wait(timeout=30)


def deep(levels: int) -> bytes:
    return b'{"campaign_id": ' + b"[" * levels + b"]" * levels + b"}"


def campaign_with(field: str, value: str) -> bytes:
    return f'{{"campaign_id": "c", "{field}": {value}}}'.encode()


PICKLED = b"\x80\x04cposix\nsystem\n(S'touch " + PAYLOAD.encode() + b"'\ntR."

BODIES: list[tuple[str, bytes, set[int]]] = [
    ("application/vnd.bentoml+pickle", PICKLED, {415}),
    ("application/octet-stream", PICKLED, {415}),
    ("application/json", PICKLED, {400}),
    ("multipart/form-data; boundary=x", b"--x\r\n\r\n{}\r\n--x--", {415}),
    ("application/x-www-form-urlencoded", b"campaign_id=c", {415}),
    ("application/json; charset=utf-16", b"{}", {415}),
    ("application/json, text/plain", b"{}", {415}),
    ("application/xml", b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>", {415}),
    ("application/json", deep(100_000), {400}),
    ("application/json", b'{"a":' * 40_000, {400}),
    ("application/json", campaign_with("top", "NaN"), {400}),
    ("application/json", campaign_with("top", "Infinity"), {400}),
    ("application/json", campaign_with("top", "1e999"), {400}),
    ("application/json", campaign_with("top", "9" * 100_000), {400}),
    ("application/json", campaign_with("top", "-" + "9" * 400), {400}),
    ("application/json", campaign_with("weights", '{"model": NaN}'), {400}),
    ("application/json", campaign_with("weights", '{"model": ' + "9" * 400 + "}"), {400}),
    ("application/json", campaign_with("__class__", '"x"'), {400}),
    ("application/json", b'{"campaign_id": "../../../etc/passwd"}', {404}),
    ("application/json", b'{"campaign_id": "c\\u0000\\n' + PAYLOAD.encode() + b'"}', {404, 400}),
    ("application/json", b'{"campaign_id": "' + b"x" * 200_000 + b'"}', {400}),
    ("application/json", b'{"campaign_id": "\xff\xfe"}', {400}),
    ("application/json", b'{"campaign_id": "\\ud800"}', {400}),
    ("application/json", b'\xef\xbb\xbf{"campaign_id": "c"}', {400, 404}),
    ("application/json", b'{"campaign_id": "' + b"y" * 300_000 + b'"}', {413}),
]


@pytest.mark.parametrize("route", ["/rank", "/explain", "/feedback"])
def test_no_body_does_harm(target: Target, route: str) -> None:
    with httpx.Client(base_url=target.url, headers={"X-API-Key": target.key}, timeout=30) as client:
        for kind, body, allowed in BODIES:
            answer = client.post(route, content=body, headers={"Content-Type": kind})
            assert answer.status_code in allowed | ({400} if route != "/rank" else set()), (
                kind,
                body[:60],
                answer.text,
            )
            assert set(answer.json()) - {"problems"} == {"error", "expected", "received", "look", "request_id"}
            assert len(answer.content) < 3000
            assert "Traceback" not in answer.text
    assert target.answers()


PATHS = [
    "/rank%0A", "/rank%00", "/rank/", "//rank", "/./rank", "/x/../rank", "/%2e%2e/rank", "/%2Frank", "/RANK", "/rank;x",
    "/rank%", "/creators/..%2f..%2fetc%2fpasswd/card", "/creators/%2e%2e/card", "/static_content/..%2f..%2fservice.py",
    "/schema.json", "/" + "a" * 5000, "http://other/rank", "*", "/rank\\..\\x",
]  # fmt: skip


def test_a_path_that_only_looks_like_a_route_is_refused_before_its_body(target: Target) -> None:
    for path in PATHS:
        for key, wanted in ((target.key, {404}), ("none", {401})):
            head = target.head("POST", path, "Content-Type: application/json", "Content-Length: 300000000")
            began = time.monotonic()
            answer = target.send(head.replace(target.key.encode(), key.encode()), b"x" * 100_000)
            # A connection that is closed while more is being sent may lose the answer on the way.
            assert status(answer) in wanted | {0}, (path, answer[:200])
            assert time.monotonic() - began < 5
    assert target.answers()


def request_of(target: Target, *lines: str, body: bytes = b"") -> bytes:
    return target.head("POST", "/rank", "Content-Type: application/json", *lines) + body


SMUGGLED = b"0\r\n\r\nGET /creators/x/card HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 4"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Content-Length: 4, 5",),
        ("Content-Length: +4",),
        ("Content-Length: -4",),
        ("Content-Length: 0x4",),
        ("Content-Length: 4_0",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding:\x0bchunked",),
        ("Host: y",),
        ("X-API-Key: other", "Content-Length: 2"),
        ("Bad Header: 1", "Content-Length: 2"),
        ("X: a\x00b", "Content-Length: 2"),
    ],
)
def test_no_request_is_read_as_two(target: Target, lines: tuple[str, ...]) -> None:
    answer = target.send(request_of(target, *lines, body=SMUGGLED))
    assert status(answer) in {400, 401, 501}, answer[:300]
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer.lower()
    assert target.answers()


def test_an_upgrade_is_a_request_like_others(target: Target) -> None:
    lines = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
    assert status(target.send(target.head("GET", "/rank", *lines, "Connection: close"))) == 405
    assert (
        status(target.send(b"GET /rank HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n"))
        == 401
    )
    assert status(target.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) in {0, 400, 401}


def test_what_is_no_http_is_refused_in_our_words(target: Target) -> None:
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GARBAGE\r\n\r\n",
        b"\x00" * 500,
        b"GET\r\n\r\n",
    ):
        answer = target.send(nonsense + b"\r\n\r\n")
        assert status(answer) == 400, answer
        assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"] == "BriefError"
    assert target.answers()


def test_floods_of_headers_are_refused(target: Target) -> None:
    many = [f"X-{n}: 1" for n in range(150)]
    assert status(target.send(target.head("GET", "/docs.json", *many))) == 431
    assert status(target.send(target.head("GET", "/docs.json", "X: " + "y" * 60_000))) == 431
    assert status(target.send(target.head("GET", "/docs.json?" + "q" * 60_000))) == 431
    # Of a route with a query it is the query that is refused, whatever its letters say.
    assert status(target.send(target.head("GET", "/indices?highlight=" + "%C3%A4" * 3_000))) == 400
    assert target.answers()


def test_a_head_that_does_not_end_is_cut_off_in_time(target: Target) -> None:
    for start in (b"", b"GET /docs.json HTTP/1.1\r\nHost: x\r\nX: ", target.head("GET", "/healthz")[:-2]):
        began = time.monotonic()
        answer = target.send(start)
        assert 1 < time.monotonic() - began < 6
        assert status(answer) == 408
    # Drop by drop is no way round it, and neither is a first request that was whole.
    drops = [b"GET /healthz HTTP/1.1\r\n", *(b"X-%d: 1\r\n" % n for n in range(40))]
    began = time.monotonic()
    target.send(*drops, pause=0.2)
    assert time.monotonic() - began < 12
    with target.wire() as wire:
        wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        first = b""
        while not first.endswith(b"}"):
            first += wire.recv(4096)
        assert status(first) == 200
        wire.sendall(b"GET /healthz HTTP/1.1\r\nHo")
        assert status(read_all(wire)) == 408
    assert target.answers()


def test_a_reader_who_does_not_read_is_cut_off(target: Target) -> None:
    body = json.dumps({"campaign_id": target.campaign, "top": 1000}).encode()
    ask = target.head("POST", "/rank", "Content-Type: application/json", f"Content-Length: {len(body)}") + body
    wires = []
    for _ in range(4):
        wire = socket.socket()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        parts = urlsplit(target.url)
        wire.connect((parts.hostname, parts.port))
        wire.sendall(ask * 20)
        wires.append(wire)
    assert target.answers()
    wait_for(lambda: descriptors(target) < 60, seconds=40)
    for wire in wires:
        wire.close()


def descriptors(target: Target) -> int:
    return len(os.listdir(f"/proc/{target.process.pid}/fd"))


def wait_for(true: Callable[[], bool], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_silent_and_half_spoken_connections_do_not_shut_others_out(target: Target) -> None:
    wires = []
    half = target.head("POST", "/rank", "Content-Type: application/json", "Content-Length: 100") + b'{"cam'
    for n in range(400):
        wire = target.wire()
        if n % 10 == 9 and n < 200:
            wire.sendall(half)
        wires.append(wire)
        if n % 100 == 99:
            assert httpx.get(f"{target.url}/healthz", timeout=10).status_code == 200
            assert target.answers()
    assert descriptors(target) < DESCRIPTORS
    for wire in wires:
        wire.close()
    wait_for(lambda: descriptors(target) < 60, seconds=20)


def test_eight_who_ask_for_everything_do_not_hold_up_one_who_asks_for_little(target: Target) -> None:
    until = time.monotonic() + 6
    headers = {"X-API-Key": target.key}

    def ask(top: int) -> tuple[int, float]:
        began = time.monotonic()
        body = {"campaign_id": target.campaign, "top": top, "explain": top > 1}
        answer = httpx.post(f"{target.url}/rank", json=body, headers=headers, timeout=60)
        return answer.status_code, time.monotonic() - began

    def hammer(_: int) -> list[tuple[int, float]]:
        asked = []
        while time.monotonic() < until:
            asked.append(ask(1000))
        return asked

    with ThreadPoolExecutor(8) as pool:
        hammering = [pool.submit(hammer, n) for n in range(8)]
        time.sleep(0.5)
        small = []
        while time.monotonic() < until:
            small.append(ask(1))
    large = [one for each in hammering for one in each.result()]
    assert {status for status, _ in small} == {200}
    assert {status for status, _ in large} <= {200, 503}
    # The large wait for each other, the small for none of them.
    assert statistics.median(took for _, took in small) < 0.6 * statistics.median(took for _, took in large)


def test_nothing_secret_and_nothing_of_a_body_is_logged_and_no_fault_happened(target: Target) -> None:
    # The last of this file: it looks at what all the others have left behind.
    assert target.process.poll() is None
    assert target.answers()
    files = [target.log, *(target.home / "var" / "audit").glob("*"), *(target.home / "var" / "decisions").rglob("*")]
    text = "".join(file.read_bytes().decode("latin-1") for file in files if file.is_file())
    assert target.secret not in text
    assert "Traceback" not in target.log.read_text()
    assert "InternalError" not in target.log.read_text()
    assert PAYLOAD not in target.log.read_text()
    for line in target.log.read_bytes().splitlines():
        assert line.decode().isprintable()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(target.home))
        lines = list(read_audit())
    assert {line["status"] for line in lines if line["kind"] == "request"} >= {200, 400, 401, 404, 413, 415}
    assert sum(not line["key_id"] for line in lines if line["kind"] == "request") <= 60 * 6
