"""The console's process: it answers beside its parent, and ends with it, however that ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[3]

# Begun in the background of a shell it would ignore SIGINT.
PARENT = """
import signal
import time
from serving.console import ConsoleSettings, console_beside

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with console_beside(ConsoleSettings("http://127.0.0.1:9"), host="127.0.0.1", port=0) as url:
        print(url, flush=True)
        time.sleep(600)
"""


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_console_ends_with_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    pytest.importorskip("nicegui", reason="the extra `console` is not installed")
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = {**os.environ, "COLLABRANK_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        port = int(parent.stdout.readline().strip().rpartition(":")[2])
        until = time.monotonic() + 120
        while not listens(port) and time.monotonic() < until:
            time.sleep(0.1)
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=180) as answer:
            assert answer.status == 200
        parent.send_signal(how)
        parent.wait(timeout=180)
    finally:
        parent.kill()
        parent.wait()
    until = time.monotonic() + 30
    while listens(port) and time.monotonic() < until:
        time.sleep(0.1)
    assert not listens(port)
    assert not (tmp_path / ".nicegui").exists()


def test_an_address_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "collabrank", "console", "--port", str(port)],
            env={**os.environ, "COLLABRANK_HOME": str(tmp_path)}, cwd=ROOT, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "nobody else listens on" in done.stderr
    assert "Traceback" not in done.stderr
