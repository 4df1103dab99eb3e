"""A real service with the console beside it, in a home of their own, and a real browser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass
class Wire:
    """A way to the service that can be cut: connections to ``port`` are carried to ``target``."""

    target: int
    port: int = 0
    cut: bool = False
    _ends: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                if self.cut:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def break_off(self) -> None:
        """Cut it."""
        self.cut = True
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def mend(self) -> None:
        """Let connections through again."""
        self.cut = False

    def close(self) -> None:
        """End it."""
        self.break_off()
        self._listener.close()


@dataclass
class Console:
    """A running console: its address, a key that opens it, its home, and the wire to its service."""

    url: str
    api: str
    key: str
    home: Path
    log: Path
    wire: Wire | None = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, *, seconds: float = 180.0) -> None:
    """Until ``url`` answers 200."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail(f"it stopped: {log.read_text()}")
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"{url} did not answer: {log.read_text()}")


@contextmanager
def running(home: Path, *words: str, probes: Callable[[], list[str]], **settings: str) -> Iterator[Path]:
    """``collabrank`` with ``words`` in ``home``, until the block ends; yields its log."""
    log = home / f"{words[0]}-{words[-1]}.log"
    environment = {**os.environ, "COLLABRANK_HOME": str(home), **settings}
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "collabrank", *words], env=environment, cwd=ROOT, stdout=out, stderr=out
        )
    try:
        for probe in probes():
            wait_for(probe, process, log)
        yield log
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="session")
def console(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """``collabrank serve``: the service and the console beside it, in a home of their own."""
    pytest.importorskip("nicegui", reason="the extra `console` is not installed")
    from serving.keys import create_key

    home = tmp_path_factory.mktemp("console")
    shutil.copytree(prepared / "var", home / "var", dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(home))
        _, key = create_key("Marta, Brand A")
    api, own = free_port(), free_port()
    urls = [f"http://127.0.0.1:{api}/readyz", f"http://127.0.0.1:{own}/healthz"]
    words = ("serve", "--port", str(api), "--console-port", str(own))
    with running(home, *words, probes=lambda: urls) as log:
        yield Console(f"http://127.0.0.1:{own}", f"http://127.0.0.1:{api}", key, home, log)


@pytest.fixture(scope="session")
def wired(console: Console) -> Iterator[Console]:
    """Another console for the same service, over a wire that can be cut."""
    wire = Wire(int(console.api.rpartition(":")[2]))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    words = ("console", "--api", f"http://127.0.0.1:{wire.port}", "--port", str(port))
    with running(console.home, *words, probes=lambda: [f"{url}/healthz"]) as log:
        yield Console(url, console.api, console.key, console.home, log, wire)
    wire.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven by Playwright; its event loop would be in the way of the next module's."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on PATH")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """An empty tab of a browser that knows nothing yet; what goes wrong in its scripts fails the test."""
    with opened(browser) as page:
        yield page


@contextmanager
def opened(browser: Any, *, width: int = 1280, height: int = 860, scheme: str = "light") -> Iterator[Any]:
    """A tab of ``width``; errors of its scripts fail whoever opened it."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    try:
        yield page
        assert wrong == []
    finally:
        context.close()


def sign_in(page: Any, console: Console, path: str = "/") -> None:
    """Sign in, and end up at ``path``."""
    page.goto(console.url + path)
    page.fill("#key", console.key)
    page.click("button[type=submit]")
    page.wait_for_selector(".cr-nav")
