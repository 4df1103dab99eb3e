"""The service beside a notebook: a process of its own on a free port of this machine, with a key and a client.

    with serve_beside() as service:
        service.client.rank(campaign_id="ca_0179", top=5)

It is the very process that ``collabrank serve`` is, on this home's bundle and snapshot. It ends with the block, with
`Beside.stop`, or with the Python that started it; its key is revoked then.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from marketplace.errors import HomeError
from marketplace.state import state_folder
from serving.client import Client
from serving.keys import create_key, revoke_key
from serving.process import bind

__all__ = ["PATIENCE", "Beside", "serve_beside"]

PATIENCE = 180.0
"""Seconds within which the service must be ready."""

_LAST_WORDS = 5


class Beside:
    """A running service.

    Attributes
    ----------
    url : str
        Where it answers, on this machine alone.
    client : Client
        With a key of its own, for all brands, that lasts a day.
    log : Path
        What the service writes.
    """

    def __init__(self, url: str, client: Client, process: subprocess.Popen[bytes], key: str, log: Path) -> None:
        self.url, self.client, self.log = url, client, log
        self._process, self._key = process, key
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the process and revoke the key; a second time nothing happens."""
        atexit.unregister(self.stop)
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.client.close()
        key, self._key = self._key, ""
        if key:
            revoke_key(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "running" if self._process.poll() is None else "stopped"
        return f"<{type(self).__name__}: {self.url}, {state}>"


def serve_beside(*, patience: float = PATIENCE) -> Beside:
    """Start the service on this home's bundle and snapshot, and wait until it is ready.

    Raises
    ------
    HomeError
        It ended, or was not ready within ``patience`` seconds; with the last words of its log.
    """
    with bind("127.0.0.1", 0) as holder:
        port = int(holder.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    log = state_folder("beside.log")
    end = datetime.now(UTC) + timedelta(days=1)
    key, secret = create_key("a notebook", scope="brand", expires=end.isoformat(timespec="seconds"))
    with open(log, "wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "collabrank", "serve", "--no-console", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)},
        )
    service = Beside(url, Client(url, secret), process, key.id, log)
    until = time.monotonic() + patience
    while not service.client.ready():
        ended = process.poll()
        if ended is not None or time.monotonic() > until:
            service.stop()
            how = f"one that was not ready after {patience:.0f} s" if ended is None else f"one that ended with {ended}"
            raise HomeError("a service that becomes ready", received=f"{how}: {_last_words(log)}", look=str(log))
        time.sleep(0.2)
    return service


def _last_words(log: Path) -> str:
    lines = deque(log.read_text(encoding="utf-8", errors="replace").splitlines(), maxlen=_LAST_WORDS)
    return " / ".join(line.strip() for line in lines if line.strip()) or "it said nothing"
