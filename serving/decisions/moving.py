"""From the write-ahead files into the store: a worker's own as they grow, and those of workers that live no more."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from marketplace.errors import LogError
from serving.decisions.ahead import AheadFiles, abandoned, framed, read_frames, segments_in
from serving.decisions.lines import Line, unpacked
from serving.decisions.store import DecisionStore

__all__ = ["LIMIT_VARIABLE", "Mover", "find_ahead", "limit_bytes", "recover"]

_log = logging.getLogger("collabrank.serving")

LIMIT_VARIABLE = "COLLABRANK_DECISIONS_LIMIT"
DEFAULT_LIMIT = 20 * 10**9

BATCH = 4 * 2**20
"""Bytes that are put into the store at a time."""

LOOK_SECONDS = 30.0
"""Between two looks at the store's size and at the files that others left behind."""

GATHER_SECONDS = 0.1
"""That lines are gathered before they go into the store together: a commit waits for the disk as well."""

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def limit_bytes() -> int:
    """Bytes that the store may take: COLLABRANK_DECISIONS_LIMIT such as ``500MB`` or ``2TB``, by default 20 GB.

    Raises
    ------
    LogError
        It is no size.
    """
    asked = os.environ.get(LIMIT_VARIABLE, "").strip().upper().replace(" ", "")
    if not asked:
        return DEFAULT_LIMIT
    number, unit = asked[:-2], asked[-2:]
    try:
        size = int(float(number) * _UNITS[unit])
    except (ValueError, KeyError, OverflowError):
        size = 0
    if size <= 0:
        raise LogError(f"{LIMIT_VARIABLE} as a size such as 500MB or 2TB", received=asked, look="docs/decisions.md")
    return size


class Mover:
    """The thread that moves lines from the files of one worker to the store.

    Parameters
    ----------
    ahead : AheadFiles
    store : callable
        Gives the open store.
    forget : callable
        Has it opened anew when it is asked for next.
    count : callable
        Called with ``"stored"`` or ``"set aside"`` for each line.
    """

    def __init__(
        self,
        ahead: AheadFiles,
        store: Callable[[], DecisionStore],
        *,
        forget: Callable[[], None],
        count: Callable[[str], None],
    ) -> None:
        self._ahead = ahead
        self._store = store
        self._forget = forget
        self._count = count
        self._limit = limit_bytes()
        self._done: dict[Path, int] = {}
        self._work = threading.Event()
        self._ending = threading.Event()
        self._looked = 0.0
        self.trouble: str | None = None
        self.full: str | None = None
        self._thread = threading.Thread(target=self._run, name="decision-store", daemon=True)

    @property
    def behind(self) -> int:
        """Bytes of this worker's files that the store does not have yet."""
        return sum(one.size - self._done.get(one.path, 0) for one in self._ahead.segments())

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to move."""
        self._work.set()

    def close(self, seconds: float = 10.0) -> None:
        """Move what is there, then stop; where the store does not take it in ``seconds`` it stays where it is."""
        self._ending.set()
        self._work.set()
        if self._thread.is_alive():
            self._thread.join(timeout=seconds)

    def _run(self) -> None:
        pause = 0.1
        while True:
            ending = self._ending.is_set()
            try:
                if time.monotonic() - self._looked > LOOK_SECONDS or not self._looked:
                    self._look()
                self._move()
            except Exception as reason:  # the store is away: what waits for it is on disk, and is tried again
                if self.trouble is None:
                    _log.error("decision log: the store does not take what waits for it: %s", reason)
                self.trouble = type(reason).__name__
                self._forget()
                if ending:
                    return
                self._ending.wait(pause)
                pause = min(2 * pause, 10.0)
                continue
            if self.trouble is not None:
                _log.warning("decision log: the store takes again what waited for it")
            self.trouble, pause = None, 0.1
            if ending:
                return
            self._work.wait(LOOK_SECONDS)
            self._ending.wait(GATHER_SECONDS)
            self._work.clear()

    def _look(self) -> None:
        """Take over what dead workers left, and see whether the store is too large."""
        store = self._store()
        recover(self._ahead.folder, store, count=self._count)
        size = store.size()
        full = f"the store takes {size:,} of {self._limit:,} bytes" if size >= self._limit else None
        if full is not None and self.full is None:
            _log.error("decision log: nothing more is kept: %s; `collabrank log purge` makes room", full)
        self.full = full
        self._looked = time.monotonic()

    def _move(self) -> None:
        for one in self._ahead.segments():
            done = self._done.get(one.path, 0)
            while done < one.size:
                try:
                    content = _read(one.path, done, one.size)
                except FileNotFoundError:
                    _log.error("decision log: %s was removed under way, with what it promised", one.path)
                    content = b""
                lines, taken, torn = read_frames(content)
                if torn or not taken:
                    _log.error("decision log: %s was changed under way", one.path)
                # Until it is dropped, the file has them.
                _put(self._store(), lines, aside=self._ahead.folder, count=self._count, secured=False)
                done = done + taken if taken else one.size
                self._done[one.path] = done
            if one.closed:
                self._store().secure()
                self._ahead.drop(one.path)
                self._done.pop(one.path, None)


def _read(path: Path, start: int, end: int) -> bytes:
    """About `BATCH` bytes from ``start`` on, at least to the end of a line, and not beyond ``end``."""
    with open(path, "rb") as file:
        file.seek(start)
        content = file.read(min(BATCH, end - start))
        while b"\n" not in content and start + len(content) < end:
            content += file.read(min(BATCH, end - start - len(content)))
    return content


def _put(
    store: DecisionStore, lines: Sequence[bytes], *, aside: Path, count: Callable[[str], None], secured: bool = True
) -> None:
    """Put written lines into the store; one that no store can take is set aside in a file, and keeps nothing else."""
    ready: list[Line] = []
    kept: list[bytes] = []
    for content in lines:
        try:
            line = unpacked(content)
        except ValueError as reason:
            _set_aside(content, aside, reason, count)
            continue
        if line["kind"] != "beat":
            ready.append(line)
            kept.append(content)
    try:
        if ready:
            store.take(ready, secured=secured)
    except ValueError:
        for line, content in zip(ready, kept, strict=True):
            try:
                store.take([line], secured=secured)
            except ValueError as reason:
                _set_aside(content, aside, reason, count)
            else:
                count("stored")
    else:
        for _ in ready:
            count("stored")


def _set_aside(content: bytes, folder: Path, reason: Exception, count: Callable[[str], None]) -> None:
    count("set aside")
    _log.error("decision log: a line is set aside in %s: %s", folder / "aside", reason)
    handle = os.open(folder / "aside", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, framed(content))
        os.fsync(handle)
    finally:
        os.close(handle)


def recover(folder: Path, store: DecisionStore, *, count: Callable[[str], None] = lambda _: None) -> int:
    """Move the files of workers that live no more into ``store``, and remove them; how many lines they had.

    A last line that was cut short was never promised, and is left out.

    Raises
    ------
    LogError
        The store does not answer; the files stay.
    """
    moved = 0
    with abandoned(folder) as files:
        for path in files:
            content = path.read_bytes()
            lines, taken, torn = read_frames(content)
            if torn or taken < len(content):
                _log.warning("decision log: %s ends in what was never whole", path)
            for start in range(0, len(lines), 256):
                _put(store, lines[start : start + 256], aside=folder, count=count)
            path.unlink()
            moved += len(lines)
    if moved:
        _log.info("decision log: %d lines of workers that ended early were taken over", moved)
    return moved


def find_ahead(
    folder: Path, request_id: str, *, kinds: Sequence[str], also: Mapping[str, Any] | None = None
) -> Line | None:
    """The line of an answer or event in any worker's files; or None: it may be in the store by then."""
    wanted = f'"request_id":"{request_id}"'.encode()
    for path in segments_in(folder):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # its lines are in the store
            continue
        at = -1
        while (at := content.find(wanted, at + 1)) >= 0:
            start, end = content.rfind(b"\n", 0, at) + 1, content.find(b"\n", at)
            lines, _, _ = read_frames(content[start : end + 1] if end >= 0 else b"")
            for text in lines:
                line = unpacked(text)
                told = all(line.get(name) == value for name, value in (also or {}).items())
                if line["kind"] in kinds and line["request_id"] == request_id and told and not line.get("shadow"):
                    return line
    return None
