"""The decision log: what was asked, which vectors were scored, what was shown, what came of it.

Append-only JSON lines under ``var/decisions``, one file a day and process
(``2026-01-31-4711.jsonl``, mode 0600). A request hands its line over and goes on;
one thread writes. A line that cannot be taken or written is counted in the
metrics and said in the service's own log, never dropped in silence.

Each line has ``kind``: ``rank`` and ``explain`` lines hold the brief, the model's
version, the snapshot's as-of day and, for every creator returned, position,
score and the exact vector (float64 as JSON writes it, which reads back to the
same bits; null is NaN). ``feedback`` lines hold the event and the ``request_id`` that
it belongs to.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from marketplace.jsonable import jsonable
from marketplace.state import state_folder

__all__ = ["DecisionLog", "read_decisions"]

_log = logging.getLogger("collabrank.serving")

_Entry = tuple[dict[str, Any], "Future[None] | None"]


def _cut_short(path: Path) -> bool:
    """Whether the last line of ``path`` was not written to its end (a full disk, a crash)."""
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


class DecisionLog:
    """One process's log.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where the files go; ``var/decisions`` unless told otherwise.
    longest : int
        Lines that may wait for the writing thread; one more is refused and counted.
    count : callable
        Called with ``"written"``, ``"failed"`` or ``"refused"`` for each line.
    """

    def __init__(
        self, folder: Path | None = None, *, longest: int = 1024, count: Callable[[str], None] = lambda _: None
    ) -> None:
        self._folder = state_folder("decisions") if folder is None else folder
        self._count = count
        self._waiting: queue.Queue[_Entry | None] = queue.Queue(maxsize=longest)
        self._file: IO[str] | None = None
        self._open_as: Path | None = None
        self._thread = threading.Thread(target=self._write_all, name="decision-log", daemon=True)
        self._thread.start()

    def append(self, line: dict[str, Any]) -> bool:
        """Hand ``line`` over without waiting; False (and a count) where too many wait already."""
        return self._hand_over(line, None)

    def append_and_wait(self, line: dict[str, Any], *, seconds: float = 5.0) -> bool:
        """Hand ``line`` over and wait until it is in the file; False where it did not get there in time."""
        done: Future[None] = Future()
        if not self._hand_over(line, done):
            return False
        try:
            done.result(timeout=seconds)
        except (OSError, TimeoutError):
            return False
        return True

    def _hand_over(self, line: dict[str, Any], done: Future[None] | None) -> bool:
        try:
            self._waiting.put_nowait((line, done))
        except queue.Full:
            self._count("refused")
            _log.error("decision log: a line of request %s refused, the queue is full", line.get("request_id"))
            return False
        return True

    def _write_all(self) -> None:
        while (entry := self._waiting.get()) is not None:
            line, done = entry
            try:
                self._write(line)
            except Exception as reason:  # the writing thread must outlive any one line
                self._count("failed")
                _log.exception("decision log: a line of request %s was not written", line.get("request_id"))
                self._close_file()
                if done is not None:
                    done.set_exception(reason if isinstance(reason, OSError) else OSError(str(reason)))
            else:
                self._count("written")
                if done is not None:
                    done.set_result(None)

    def _write(self, line: dict[str, Any]) -> None:
        now = datetime.now(UTC)
        path = self._folder / f"{now:%Y-%m-%d}-{os.getpid()}.jsonl"
        if path != self._open_as:
            self._close_file()
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w", encoding="utf-8")
            self._open_as = path
            if _cut_short(path):
                self._file.write("\n")
        if self._file is not None:
            text = json.dumps(jsonable({"logged_at": now, **line}), ensure_ascii=False, allow_nan=False)
            self._file.write(text + "\n")
            self._file.flush()

    def _close_file(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                _log.exception("decision log: %s did not close", self._open_as)
        self._file = self._open_as = None

    def close(self) -> None:
        """Write what waits, then stop."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(timeout=10.0)
        self._close_file()


def read_decisions(folder: Path | None = None) -> Iterable[dict[str, Any]]:
    """Every whole line of the log, file by file in the order of names; a line cut short by a crash is passed over."""
    folder = state_folder("decisions") if folder is None else folder
    for path in sorted(folder.glob("*.jsonl")):
        with open(path, encoding="utf-8") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    _log.warning("decision log: a line of %s is not whole", path)
