"""Where a page ended, as text that a client hands back: opaque to it, and good for what it was made for alone.

A cursor holds how many were shown and a digest of all that decides the order: the model, the snapshot and what was
asked. The next page is then of the same order, so that pages neither overlap nor skip; where any of it has changed, the
cursor says so and is refused. It is not signed: whoever makes one up gets a page that they could have asked for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketplace.errors import BriefError, Problem
from marketplace.jsonable import jsonable
from serving.problems import refusal

__all__ = ["LONGEST", "Cursor", "digest_of"]

LONGEST = 512
"""Characters of a cursor."""

_MOST = 10**9


@dataclass(frozen=True)
class Cursor:
    """The end of a page.

    Parameters
    ----------
    shown : int
        Creators on this page and those before it.
    world : str
        Digest of the model and the snapshot.
    request : str
        Digest of what was asked.
    first : str
        The id of the request that the first page answered.
    size : int
        Creators that the first page was asked for.
    """

    shown: int
    world: str
    request: str
    first: str = ""
    size: int = 0

    def text(self) -> str:
        """As it is handed out."""
        said = json.dumps([self.shown, self.world, self.request, self.first, self.size], separators=(",", ":"))
        return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, *, world: str, request: str) -> Cursor:
        """The cursor in ``text``, for the same model, snapshot and request.

        Raises
        ------
        BriefError
            It is none, or of another request (400); the model or the snapshot has changed since (410).
        """
        try:
            said = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
            shown, was_world, was_request, first, size = said
        except (ValueError, TypeError, binascii.Error, RecursionError):
            raise _wrong("one that an answer gave as `next_cursor`", "something else") from None
        words = all(isinstance(one, str) for one in (was_world, was_request, first))
        counts = all(type(one) is int and 0 <= one <= _MOST for one in (shown, size))
        if not (words and counts):
            raise _wrong("one that an answer gave as `next_cursor`", "something else")
        if was_request != request:
            raise _wrong("the one of the same request: only `top` and `explain` may change from page to page",
                         "one of another request")  # fmt: skip
        if was_world != world:
            expected, received = "a cursor of the model and the snapshot that are served now", "one of older ones"
            raise refusal(
                410,
                expected,
                received=received,
                look="the first page, asked anew without a cursor",
                problems=[Problem("cursor", expected, received)],
            )
        return cls(shown, was_world, was_request, first, size)


def digest_of(parts: Mapping[str, Any]) -> str:
    """22 characters that stand for ``parts``, whatever order their names come in."""
    text = json.dumps(jsonable(dict(parts)), sort_keys=True, ensure_ascii=False)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]).decode()[:22]


def _wrong(expected: str, received: str) -> BriefError:
    return BriefError.of([Problem("cursor", f"'cursor' to be {expected}", received)], look="docs/endpoint.md")
