"""What the operator tells the console: where the service is, where it is itself reached, where it may push to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from marketplace.errors import HomeError
from serving.settings import positive

__all__ = ["ConsoleSettings"]

_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")

_PUBLIC = "COLLABRANK_CONSOLE_URL"
_IDLE = "COLLABRANK_CONSOLE_IDLE_MINUTES"
_HOOKS = "COLLABRANK_CONSOLE_WEBHOOKS"


@dataclass(frozen=True)
class ConsoleSettings:
    """What the console needs to know.

    ``api`` is the service's address; ``public`` the address under which browsers reach the console where a proxy
    stands in front, empty where none does; ``idle_minutes`` after how long without a click a session ends;
    ``webhooks`` the addresses that shortlists may be pushed to, by the name that users see.
    """

    api: str
    public: str = ""
    idle_minutes: float = 60.0
    webhooks: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_environment(cls, api: str) -> ConsoleSettings:
        """As ``COLLABRANK_CONSOLE_URL``, ``_IDLE_MINUTES`` and ``_WEBHOOKS`` (``NAME=URL``, commas between) say.

        Raises
        ------
        HomeError
            One of them says nothing that can be used.
        """
        public = os.environ.get(_PUBLIC, "").rstrip("/")
        if public and not _ADDRESS.fullmatch(public):
            raise HomeError(
                f"{_PUBLIC} as an address such as https://console.example",
                received=repr(public[:100]),
                look="docs/console.md",
            )
        return cls(api.rstrip("/"), public, positive(_IDLE, cls.idle_minutes), tuple(_webhooks()))


def _webhooks() -> Iterator[tuple[str, str]]:
    for word in os.environ.get(_HOOKS, "").split(","):
        if not word.strip():
            continue
        name, _, url = word.strip().partition("=")
        if not name.strip() or not re.match(r"https?://[^/\s]+", url.strip()):
            # The address may hold a secret: only its name is said.
            raise HomeError(
                f"{_HOOKS} as NAME=URL, commas between, each URL with http or https",
                received="an address without a name" if "://" in name else repr(name[:50]),
                look="docs/console.md",
            )
        yield name.strip(), url.strip()
