"""Connections: how many there may be, and how long one may take over a header, an answer, or nothing at all.

uvicorn's HTTP/1.1 protocol (h11) bounds a header's size and closes a connection that
is idle between requests. Left alone it waits for ever for the first header of a new
connection, for the rest of one half sent, and for a reader that does not read; and it
takes connections until descriptors run out. `Guarded` adds the missing bounds. One
look a second over the connections does it, so that a request pays nothing for it.

Where all places are taken, the connection that has been silent longest gives way to a
new one; only where every connection has a request under way is a new one turned away.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from weakref import WeakKeyDictionary

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from marketplace.errors import HomeError
from serving.settings import positive

__all__ = ["LARGEST_HEADER", "Guarded", "Patient", "places_now"]

LARGEST_HEADER = 16 * 1024
"""Bytes of one request's line and headers."""

_SPARE_DESCRIPTORS = 96
"""Those that the process needs for its own files."""

_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Patient:
    """Seconds that a connection may take, and how many there may be in one worker.

    Parameters
    ----------
    header : float
        From its first byte (or from connecting) to a header's end.
    answer : float
        Without reading any of an answer.
    closing : float
        To take the rest of the last answer.
    connections : int
        In one worker.
    """

    header: float = 10.0
    answer: float = 30.0
    closing: float = 10.0
    connections: int = 1000

    @classmethod
    def from_environment(cls) -> Patient:
        """As ``COLLABRANK_HEADER_SECONDS``, ``COLLABRANK_ANSWER_SECONDS`` and ``COLLABRANK_CONNECTIONS`` say.

        Fewer connections where the process may not have as many descriptors.

        Raises
        ------
        HomeError
            One is no number above 0.
        """
        asked = int(positive("COLLABRANK_CONNECTIONS", cls.connections))
        return cls(
            header=positive("COLLABRANK_HEADER_SECONDS", cls.header),
            answer=positive("COLLABRANK_ANSWER_SECONDS", cls.answer),
            connections=places_now(asked),
        )


def places_now(asked: int) -> int:
    """How many of the connections asked for the process's descriptors allow; raises its soft limit as far as needed.

    Raises
    ------
    HomeError
        The limit leaves room for none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = asked + _SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        more = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
        soft = more
    places = asked if soft == resource.RLIM_INFINITY else min(asked, soft - _SPARE_DESCRIPTORS)
    if places < 1:
        raise HomeError(
            f"more than {_SPARE_DESCRIPTORS} open files allowed", received=f"a limit of {soft}", look="`ulimit -n`"
        )
    return places


class _Watch:
    """One event loop's connections."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.patient = Patient.from_environment()
        self.open: dict[Guarded, None] = {}
        self._loop = loop
        self._next: asyncio.TimerHandle | None = None

    def add(self, one: Guarded) -> None:
        self.open[one] = None
        if self._next is None:
            self._next = self._loop.call_later(_LOOK_SECONDS, self._look)

    def room_for_one(self) -> bool:
        """Whether there is a place, once the one silent longest has been sent away where all were taken."""
        if len(self.open) < self.patient.connections:
            return True
        silent = min((one for one in self.open if one.silent), key=lambda one: one.since, default=None)
        if silent is None:
            return False
        silent.cut()
        self.open.pop(silent, None)
        return True

    def _look(self) -> None:
        now = time.monotonic()
        for one in list(self.open):
            one.look(now, self.patient)
        self._next = self._loop.call_later(_LOOK_SECONDS, self._look) if self.open else None


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch] = WeakKeyDictionary()


class Guarded(H11Protocol):
    """uvicorn's HTTP/1.1 protocol with bounds on time and number.

    Attributes
    ----------
    since : float
        When it last began to wait for a header (monotonic seconds).
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or turn it away."""
        watch = _watches.get(self.loop)
        if watch is None:
            watch = _watches[self.loop] = _Watch(self.loop)
        self._watch = watch
        self.since = time.monotonic()
        self._closing_since: float | None = None
        self._stuck_since: float | None = None
        self._begun = True  # the first header's time runs from connecting
        super().connection_made(transport)
        if not watch.room_for_one():
            self._refuse(503, "a service with a connection left", "one more", "Retry-After: 1\r\n")
            return
        watch.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._watch.open.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; a header's time runs from its first byte."""
        if self.transport.is_closing():
            return
        if not self._begun and self.silent:
            self._begun, self.since = True, time.monotonic()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """After an answer the connection is idle, which uvicorn itself bounds, until a next header begins."""
        self.since = time.monotonic()
        self._begun = self.conn.trailing_data[0] != b""
        super().on_response_complete()

    @property
    def silent(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def pause_writing(self) -> None:
        """The asker does not read: its time runs."""
        self._stuck_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        self._stuck_since = None
        super().resume_writing()

    def look(self, now: float, patient: Patient) -> None:
        """Cut the connection off where it has taken longer than it may."""
        if self.transport.is_closing():
            self._closing_since = self._closing_since or now
            if now - self._closing_since > patient.closing:
                self.cut()
        elif self._stuck_since is not None and now - self._stuck_since > patient.answer:
            self.cut()
        elif self.silent and self._begun and now - self.since > patient.header:
            self._refuse(408, f"a request's head within {patient.header:g} s", "a part of it, or none")

    def cut(self) -> None:
        """Close at once, whatever is still to be sent."""
        self.transport.abort()

    def _should_upgrade(self) -> bool:
        # An upgrade is not taken, and asking for one is no reason for a line in the log: it is a request like others.
        return False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what is no HTTP/1.1 in the words of all refusals."""
        reason = sys.exception()
        too_large = isinstance(reason, h11.RemoteProtocolError) and reason.error_status_hint == 431
        if too_large:
            self._refuse(431, f"a head of at most {LARGEST_HEADER} bytes", "more")
        else:
            self._refuse(400, "a request in HTTP/1.1", "something else")

    def _refuse(self, status: int, expected: str, received: str, more: str = "") -> None:
        """Answer without the application, then close; a request under way is not answered twice."""
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.cut()
            return
        request_id = uuid.uuid4().hex
        said: dict[str, Any] = {
            "error": "BriefError",
            "expected": expected,
            "received": received,
            "look": "docs/access.md",
            "request_id": request_id,
        }
        body = json.dumps(said).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Request-ID: {request_id}\r\nCache-Control: no-store\r\n{more}"
            "Connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
