"""Who is signed in: sessions in this process's memory, found by a token that only the browser's cookie has.

A session holds the client that carries its user's API key. The key itself never goes back to a browser, to disk or to
a log; after a restart everybody signs in anew.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from serving.client import AsyncClient, Me

__all__ = ["COOKIE", "Session", "Sessions"]

COOKIE = "collabrank_console"

LONGEST = 12 * 3600.0
"""Seconds after which a session ends however busy it is."""

MOST = 500
"""Sessions at one time; beyond it the one that was longest idle ends."""


@dataclass(eq=False)
class Session:
    """One signed-in browser.

    ``owner`` names what is kept for the key (a digest that does not tell it); ``views`` are the ids of the pages it has
    open; ``memory`` is what pages want to remember between one another until the session ends; ``why`` is what ended
    it: ``idle``, or ``out`` where its user signed out.
    """

    client: AsyncClient
    me: Me
    owner: str
    begun: float
    seen: float
    views: set[str] = field(default_factory=set)
    memory: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    why: str = "idle"

    @property
    def scope(self) -> str:
        """What the key is for."""
        return self.me.key.scope


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Sessions:
    """All sessions of this console.

    Parameters
    ----------
    idle : float
        Seconds without a click after which a session ends.
    on_end : callable
        Told of each session that has ended, once.
    """

    def __init__(
        self, idle: float, on_end: Callable[[Session], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._idle = idle
        self._on_end = on_end
        self._clock = clock
        self._held: dict[str, Session] = {}

    def begin(self, client: AsyncClient, me: Me, key: str) -> str:
        """A new session; returns the token for the cookie (256 random bits)."""
        while len(self._held) >= MOST:
            self._drop(min(self._held, key=lambda digest: self._held[digest].seen))
        token, now = secrets.token_urlsafe(32), self._clock()
        self._held[_digest(token)] = Session(client, me, _digest(f"collabrank console {key}")[:24], now, now)
        return token

    def of(self, token: str | None) -> Session | None:
        """The session of a token; None where there is none, or it has ended."""
        if not token:
            return None
        digest = _digest(token)
        session = self._held.get(digest)
        if session is not None and self._over(session):
            self._drop(digest)
            return None
        return session

    def touch(self, session: Session) -> None:
        """Note that its user did something."""
        session.seen = self._clock()

    def end(self, session: Session) -> None:
        """End a session now, because its user wants to."""
        session.why = "out"
        for digest in [digest for digest, held in self._held.items() if held is session]:
            self._drop(digest)

    def sweep(self) -> None:
        """End what has been idle or there for too long."""
        for digest in [digest for digest, held in self._held.items() if self._over(held)]:
            self._drop(digest)

    def _over(self, session: Session) -> bool:
        now = self._clock()
        return now - session.seen > self._idle or now - session.begun > LONGEST

    def _drop(self, digest: str) -> None:
        session = self._held.pop(digest)
        session.ended = True
        self._on_end(session)
