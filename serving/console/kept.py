"""What users keep: briefs and shortlists, in ``var/console``, one folder a key, written whole."""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketplace.errors import HomeError
from marketplace.state import state_folder, write_whole

__all__ = ["Kept", "KeptThing"]

MOST = 500
"""Things of one kind that one key may keep; the oldest makes way."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True)
class KeptThing:
    """One thing that is kept: ``id``, the name its user gave it, when it was last changed (seconds since 1970)."""

    id: str
    name: str
    changed: float
    what: dict[str, Any]


class Kept:
    """What one owner keeps, by kind (``briefs``, ``shortlists``).

    Parameters
    ----------
    owner : str
        As `serving.console.sessions.Session` names it.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner

    def all(self, kind: str) -> list[KeptThing]:
        """Everything of a kind, the latest first."""
        return sorted(self._read(kind), key=lambda thing: (-thing.changed, thing.id))

    def one(self, kind: str, identity: str) -> KeptThing | None:
        """The thing of that id; None where there is none."""
        return next((thing for thing in self._read(kind) if thing.id == identity), None)

    def put(self, kind: str, name: str, what: dict[str, Any], *, identity: str | None = None) -> KeptThing:
        """Keep a thing, in the place of ``identity`` where that is given.

        Raises
        ------
        HomeError
            What is kept already cannot be read: it is left as it is.
        """
        identity = identity or secrets.token_hex(6)
        thing = KeptThing(identity, name.strip()[:120] or "Untitled", time.time(), what)
        others = [other for other in self.all(kind) if other.id != identity]
        self._write(kind, [thing, *others][:MOST])
        return thing

    def drop(self, kind: str, identity: str) -> None:
        """Keep it no longer."""
        self._write(kind, [other for other in self._read(kind) if other.id != identity])

    def _read(self, kind: str) -> list[KeptThing]:
        path = self._path(kind)
        try:
            rows = json.loads(path.read_bytes())["kept"]
            return [KeptThing(str(r["id"]), str(r["name"]), float(r["changed"]), dict(r["what"])) for r in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as reason:
            raise HomeError(
                f"the {kind} that were kept", received="a file that is something else", look=str(path)
            ) from reason

    def _write(self, kind: str, things: list[KeptThing]) -> None:
        rows = [vars(thing) for thing in things]
        path = self._path(kind)
        os.chmod(path.parent, 0o700)
        write_whole(path, json.dumps({"kept": rows}, ensure_ascii=False).encode(), mode=0o600)

    def _path(self, kind: str) -> Path:
        if not (_NAME.fullmatch(kind) and _NAME.fullmatch(self._owner)):
            raise HomeError("a kind and an owner by name", received=repr(kind[:40]), look="serving/console/kept.py")
        return state_folder("console", self._owner, f"{kind}.json")
