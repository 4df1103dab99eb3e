"""What the environment sets for the service: read when it starts, refused there where it is no sensible value."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass

from marketplace.errors import HomeError

__all__ = ["METRICS_KEY", "Patience", "metrics_need_key", "origins_now", "positive"]

METRICS_KEY = "COLLABRANK_METRICS_KEY"
"""Environment variable: 1 where ``/metrics`` needs a key of scope metrics or admin; 0 or not set, it is open."""

ORIGINS = "COLLABRANK_CORS_ORIGINS"

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


def positive(name: str, usual: float) -> float:
    """The number that the environment variable ``name`` sets; ``usual`` where it is not set.

    Raises
    ------
    HomeError
        It is no number above 0.
    """
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else usual
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise HomeError(f"{name} as a number above 0", received=repr(text[:50]), look="docs/access.md")
    return value


def metrics_need_key() -> bool:
    """Whether ``/metrics`` needs a key.

    Raises
    ------
    HomeError
        The variable is neither 0 nor 1.
    """
    text = os.environ.get(METRICS_KEY, "") or "0"
    if text not in ("0", "1"):
        raise HomeError(f"{METRICS_KEY} as 0 or 1", received=repr(text[:50]), look="docs/access.md")
    return text == "1"


def origins_now() -> tuple[str, ...]:
    """The origins that the environment names.

    Raises
    ------
    HomeError
        One is no origin; ``*`` is none.
    """
    origins = tuple(word.strip() for word in os.environ.get(ORIGINS, "").split(",") if word.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise HomeError(
                f"{ORIGINS} as origins such as https://tool.example", received=repr(origin[:100]), look="docs/access.md"
            )
    return origins


@dataclass(frozen=True)
class Patience:
    """How long a request may take in all, and wait for its turn at most, in seconds; from what work on it is large."""

    seconds: float = 30.0
    wait: float = 10.0
    large: float = 40_000.0

    @classmethod
    def from_environment(cls) -> Patience:
        """As ``COLLABRANK_REQUEST_SECONDS``, ``COLLABRANK_WAIT_SECONDS`` and ``COLLABRANK_LARGE_WORK`` say.

        Raises
        ------
        HomeError
            One is no number above 0.
        """
        return cls(
            positive("COLLABRANK_REQUEST_SECONDS", cls.seconds),
            positive("COLLABRANK_WAIT_SECONDS", cls.wait),
            positive("COLLABRANK_LARGE_WORK", cls.large),
        )
