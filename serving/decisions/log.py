"""One worker's log: a line is on disk before its answer goes out, and in the store soon after.

Two threads. One writes ahead: it takes all the lines that wait, writes them at once and waits for the disk once for
them all (`serving.decisions.ahead`). The other moves what is on disk into the store, and takes over the files of
workers that have died (`serving.decisions.moving`). A request hands its line over and waits no longer than it is told
to.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from marketplace.errors import LogError
from marketplace.state import state_folder
from serving.decisions.ahead import AheadFiles
from serving.decisions.lines import Line, packed
from serving.decisions.moving import Mover, find_ahead, limit_bytes
from serving.decisions.store import DecisionStore, default_address, open_store, require_kind

__all__ = ["REQUIRED_VARIABLE", "DecisionLog", "log_required", "require_log", "require_settings"]

_log = logging.getLogger("collabrank.serving")

REQUIRED_VARIABLE = "COLLABRANK_LOG_REQUIRED"

BACKLOG = 2**30
"""Bytes that may wait for the store; with more, nothing is promised until it has caught up."""

RECENT = 4096
"""Requests and events that a worker remembers, so that the store is not asked for what was just written."""

_Entry = tuple[Line, "Future[None]"]


def log_required() -> bool:
    """Whether an answer that cannot be logged is refused (507): COLLABRANK_LOG_REQUIRED.

    Raises
    ------
    LogError
        It is neither yes nor no.
    """
    asked = os.environ.get(REQUIRED_VARIABLE, "").strip().lower()
    if asked not in ("", "0", "1", "true", "false", "yes", "no", "on", "off"):
        raise LogError(f"{REQUIRED_VARIABLE} as true or false", received=asked, look="docs/decisions.md")
    return asked in ("1", "true", "yes", "on")


def require_settings() -> None:
    """Refuse settings of the log that cannot be meant, before anything is served.

    Raises
    ------
    LogError
        COLLABRANK_DECISIONS names another database than SQLite or PostgreSQL, COLLABRANK_DECISIONS_LIMIT no size,
        COLLABRANK_LOG_REQUIRED neither yes nor no.
    """
    log_required()
    limit_bytes()
    require_kind(default_address())


def require_log(kept: bool) -> None:
    """Refuse to answer what is not kept.

    Raises
    ------
    LogError
        ``kept`` is false; its status is 507.
    """
    if not kept:
        raise LogError(
            "a decision log that can be kept",
            received="one that cannot: its disk is full, or does not answer",
            look="/readyz and /metrics",
        )


class DecisionLog:
    """The log of one process.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where the write-ahead files go; ``var/decisions`` unless told otherwise.
    address : str, optional
        The store; `serving.decisions.store.default_address` unless told otherwise.
    longest : int
        Lines that may wait for the disk; one more is refused and counted.
    count : callable
        Called with ``"written"``, ``"failed"``, ``"refused"``, ``"stored"`` or ``"set aside"`` for each line.
    tell : callable
        Called now and then with whether lines can be kept, and with `behind`.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        address: str | None = None,
        longest: int = 1024,
        count: Callable[[str], None] = lambda _: None,
        tell: Callable[[bool, int], None] = lambda _kept, _behind: None,
    ) -> None:
        self.folder = state_folder("decisions") if folder is None else folder
        self.address = default_address(self.folder) if address is None else address
        self._count = count
        self._tell = tell
        self._waiting: queue.Queue[_Entry | None] = queue.Queue(maxsize=longest)
        self._ahead = AheadFiles(self.folder / "ahead")
        self._trouble: str | None = None
        self._stalled = False
        self._shown: OrderedDict[str, tuple[str | None, frozenset[str]]] = OrderedDict()
        self._events: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._store: DecisionStore | None = None
        self._opening = threading.Lock()
        self._mover = Mover(self._ahead, self.store, forget=self._forget_store, count=count)
        self._writer = threading.Thread(target=self._write_all, name="decision-log", daemon=True)
        self._writer.start()
        self._mover.start()

    @property
    def trouble(self) -> str | None:
        """Why lines cannot be kept now, in a few words; None while they can."""
        return self._trouble or self._mover.full

    @property
    def behind(self) -> int:
        """Bytes on disk that the store does not have yet."""
        return self._mover.behind

    @property
    def store_trouble(self) -> str | None:
        """Why the store does not take what waits for it, in a few words; None while it does."""
        return self._mover.trouble

    def store(self) -> DecisionStore:
        """The store, opened when it is first asked for.

        Raises
        ------
        LogError
            It cannot be opened.
        """
        with self._opening:
            if self._store is None:
                self._store = open_store(self.address)
            return self._store

    def _answering_store(self) -> DecisionStore:
        """The store, unless it is known not to answer: a request does not wait to find that out again.

        Raises
        ------
        LogError
            It does not answer; its status is 503.
        """
        if self.store_trouble is not None:
            away = LogError("a store of decisions that answers", received=self.store_trouble, look="/readyz")
            away.status = 503
            raise away
        return self.store()

    def _forget_store(self) -> None:
        with self._opening:
            if self._store is not None:
                self._store.close()
            self._store = None

    def keep(self, line: Line, *, seconds: float = 2.0) -> bool:
        """Hand ``line`` over and wait until the disk has it; False where it did not get there in time, or cannot.

        While the disk does not answer, only the first that meet it wait.
        """
        return self.keep_all([line], seconds=seconds)[0]

    def keep_all(self, lines: Sequence[Line], *, seconds: float = 2.0) -> list[bool]:
        """`keep` for several lines at once, which wait for the disk together and no longer than ``seconds`` in all."""
        handed = [self._hand_over(line) for line in lines]
        until = time.monotonic() + (0.0 if self._stalled else seconds)
        return [done is not None and self._arrived(done, until) for done in handed]

    def _arrived(self, done: Future[None], until: float) -> bool:
        try:
            done.result(timeout=max(until - time.monotonic(), 0.0))
        except TimeoutError:
            self._stalled = True
            self._trouble = self._trouble or "the disk does not answer"
            return False
        except OSError:
            return False
        return True

    def append(self, line: Line) -> bool:
        """Hand ``line`` over without waiting: for what nobody is promised. False where it cannot be taken."""
        return self._hand_over(line) is not None

    def _hand_over(self, line: Line) -> Future[None] | None:
        if self._mover.full is not None or self.behind > BACKLOG:
            self._refuse(line, "no more bytes may be kept")
            return None
        done: Future[None] = Future()
        try:
            self._waiting.put_nowait(({"logged_at": datetime.now(UTC), **line}, done))
        except queue.Full:
            self._refuse(line, "the queue is full")
            return None
        return done

    def _refuse(self, line: Line, reason: str) -> None:
        self._count("refused")
        _log.error("decision log: a line of request %s refused, %s", line.get("request_id"), reason)

    def creators_shown(
        self, request_id: str, *, sees: Callable[[str | None], bool] = lambda _: True
    ) -> frozenset[str] | None:
        """Who was in the answer of ``request_id``, by whatever worker and however long ago; None for no such request.

        Parameters
        ----------
        sees : callable
            Whether the asker may know of an answer for this brand (None: for none); of others there is no such request.

        Raises
        ------
        LogError
            The store has to be asked and does not answer.
        """
        recent = self._shown.get(request_id)
        if recent is not None:
            return recent[1] if sees(recent[0]) else None
        # A line goes from the files into the store: who looks in this order, and again in the store, finds it.
        away: LogError | None = None
        for ahead in (False, True, False):
            if ahead:
                line = find_ahead(self._ahead.folder, request_id, kinds=("rank", "explain"))
                if line is not None:
                    return _creators(line) if sees(_brand(line)) else None
                continue
            try:
                found = self._answering_store().creators_shown(request_id, sees=sees)
            except LogError as error:
                away = error
            else:
                if found is not None:
                    return found
        if away is not None:
            raise away
        return None

    def shown_for(self, campaign_id: str, brand_id: str, *, most: int) -> tuple[list[Line], list[Line]]:
        """`serving.decisions.store.DecisionStore.shown_for`; what is on its way to the store is not there yet.

        Raises
        ------
        LogError
            The store does not answer.
        """
        return self._answering_store().shown_for(campaign_id, brand_id, most=most)

    def has_event(self, request_id: str, creator_id: str, event: str) -> bool:
        """Whether this event is known to have been told before; where the store does not answer, it may have been.

        It is one row all the same: the store has none twice.
        """
        key = (request_id, creator_id, event)
        if key in self._events:
            return True
        asked = {"creator_id": creator_id, "event": event}
        if find_ahead(self._ahead.folder, request_id, kinds=("feedback",), also=asked) is not None:
            return True
        try:
            return self._answering_store().has_event(*key)
        except LogError:
            return False

    def _remember(self, line: Line) -> None:
        request_id = str(line.get("request_id"))
        if line.get("kind") == "feedback":
            self._events[(request_id, str(line.get("creator_id")), str(line.get("event")))] = None
        elif not line.get("shadow"):
            self._shown[request_id] = (_brand(line), _creators(line))
        for held in (self._shown, self._events):
            while len(held) > RECENT:
                held.popitem(last=False)

    def _write_all(self) -> None:
        ended = False
        while not ended:
            try:
                # While the disk refuses, it is tried again without anybody asking: /readyz must see it recover.
                taken = [self._waiting.get(timeout=1.0)]
            except queue.Empty:
                if self._trouble is not None:
                    self._write([])
                self._tell(self.trouble is None, self.behind)
                continue
            while True:
                try:
                    taken.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            ended = None in taken
            self._write([entry for entry in taken if entry is not None])
            self._tell(self.trouble is None, self.behind)

    def _write(self, entries: list[_Entry]) -> None:
        ready: list[tuple[Line, Future[None], bytes]] = []
        for line, done in entries:
            try:
                ready.append((line, done, packed(line)))
            except Exception as reason:  # the writing thread must outlive any one line
                self._fail(line, done, reason)
        beat = [] if ready else [packed({"kind": "beat", "request_id": ""})]
        if not ready and entries:
            return
        try:
            self._ahead.write([content for _, _, content in ready] or beat)
        except Exception as reason:
            self._trouble = getattr(reason, "strerror", None) or type(reason).__name__
            for line, done, _ in ready:
                self._fail(line, done, reason)
            return
        if self._trouble is not None:
            _log.warning("decision log: it can be written again")
        self._trouble, self._stalled = None, False
        for line, done, _ in ready:
            self._remember(line)
            self._count("written")
            done.set_result(None)
        self._mover.wake()

    def _fail(self, line: Line, done: Future[None], reason: Exception) -> None:
        self._count("failed")
        _log.error("decision log: a line of request %s was not written: %s", line.get("request_id"), reason)
        done.set_exception(reason if isinstance(reason, OSError) else OSError(str(reason)))

    def settle(self, seconds: float = 10.0) -> bool:
        """Wait until the store has all that is on disk; False where it has not in time."""
        until = time.monotonic() + seconds
        while self.behind and time.monotonic() < until:
            self._mover.wake()
            time.sleep(0.01)
        return not self.behind

    def close(self) -> None:
        """Write what waits, move it to the store, then stop; what the store does not take stays on disk."""
        if self._writer.is_alive():
            self._waiting.put(None)
            self._writer.join(timeout=10.0)
        self._ahead.end_file()
        self._mover.close()
        self._ahead.close()
        self._forget_store()

    def said(self) -> dict[str, Any]:
        """What ``/readyz`` tells of it: ``kept`` yes or no, ``behind`` in bytes, ``store`` answering yes or no."""
        return {"kept": self.trouble is None, "behind": self.behind, "store": self.store_trouble is None}


def _brand(line: Line) -> str | None:
    return (line.get("brief") or {}).get("brand_id") or None


def _creators(line: Line) -> frozenset[str]:
    return frozenset(str(one["creator_id"]) for one in line.get("creators", ()))
