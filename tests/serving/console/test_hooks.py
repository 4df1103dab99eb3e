"""A shortlist goes where the operator said, and nowhere else: against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from marketplace.errors import HomeError, ServiceError
from serving.console import ConsoleSettings
from serving.console.hooks import push


@pytest.fixture
def taker() -> Iterator[tuple[str, list[Any]]]:
    """An address that takes POSTs: /ok with 204, /moved with a redirect to /ok, all else 500."""
    taken: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response({"/ok": 204, "/moved": 307}.get(self.path, 500))
            if self.path == "/moved":
                self.send_header("Location", "/ok")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    server.server_close()


def test_a_list_is_pushed_where_the_operator_said(
    taker: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, taken = taker
    words = f"CRM={url}/ok, Moved = {url}/moved,Broken={url}/x,Gone=http://127.0.0.1:9/secret"
    monkeypatch.setenv("COLLABRANK_CONSOLE_WEBHOOKS", words)
    settings = ConsoleSettings.from_environment("http://127.0.0.1:3000")
    assert [name for name, _ in settings.webhooks] == ["CRM", "Moved", "Broken", "Gone"]
    asyncio.run(push(settings, "CRM", {"creators": ["كريم"]}))
    assert taken == [("/ok", {"creators": ["كريم"]})]
    for name, says in (("Moved", "307"), ("Broken", "500"), ("Gone", "ConnectError"), (f"{url}/ok", "'http")):
        with pytest.raises(ServiceError) as refused:
            asyncio.run(push(settings, name, {}))
        assert says in refused.value.received
        assert "secret" not in str(refused.value)
    assert [path for path, _ in taken] == ["/ok", "/moved", "/x"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COLLABRANK_CONSOLE_WEBHOOKS", "http://x.example/secret"),
        ("COLLABRANK_CONSOLE_WEBHOOKS", "CRM=file:///etc/secret"),
        ("COLLABRANK_CONSOLE_WEBHOOKS", "=http://x.example/secret"),
        ("COLLABRANK_CONSOLE_URL", "console.example"),
        ("COLLABRANK_CONSOLE_URL", "https://console.example/path"),
        ("COLLABRANK_CONSOLE_IDLE_MINUTES", "0"),
        ("COLLABRANK_CONSOLE_IDLE_MINUTES", "soon"),
    ],
)
def test_settings_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(HomeError) as refused:
        ConsoleSettings.from_environment("http://127.0.0.1:3000")
    assert name in refused.value.expected
    assert "secret" not in str(refused.value)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from serving.console import launch

    monkeypatch.setattr(launch, "find_spec", lambda _: None)
    with pytest.raises(HomeError, match=r"collabrank\[console\]"):
        launch.require_extra()
