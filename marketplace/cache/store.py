"""Entries on disk: written whole, checked as they are read, bounded in size.

An entry is one file, ``var/cache/WHAT/KEY``: a line that names the format, the SHA-256 of key and content, the content.
It is written under a temporary name and renamed, so a reader sees all of it or none; several processes may write the
same entry, and the last one's identical bytes stay. What does not hold its checksum (cut short, half written, a byte
flipped, another entry's content under this name) is removed and reported as missing. The checksum is against damage
and careless hands: whoever can write here and takes the trouble to compute it anew could as well write the bundle.

A disk that is full or cannot be written to costs the entry, never the work.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketplace.errors import HomeError
from marketplace.progress import say
from marketplace.state import state_folder

__all__ = [
    "DEFAULT_LIMIT_BYTES",
    "Entry",
    "Sink",
    "cache_folder",
    "clear",
    "drop",
    "entries",
    "limit_bytes",
    "read",
    "write",
]

DEFAULT_LIMIT_BYTES = 4 * 10**9
"""What all entries together may take; the least recently used go first."""

LARGEST_SHARE = 0.5
"""An entry that would take more than this share of the limit is not kept."""

ABANDONED_S = 3_600.0
"""A temporary file that nobody has written to for so long belongs to a process that is gone."""

_MAGIC = b"collabrank cache 1\n"
_HEAD = len(_MAGIC) + hashlib.sha256().digest_size
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

_told: set[str] = set()


@dataclass(frozen=True)
class Entry:
    """One entry: what it is, its size in bytes, and when it was last used (seconds from 1970-01-01)."""

    what: str
    path: Path
    bytes: int
    used: float


class Sink:
    """A file that is hashed and counted while it is written; refuses more than ``largest`` bytes.

    Only `write` and what writers of Arrow ask beside it.
    """

    closed = False

    def __init__(self, file: Any, digest: Any, largest: int) -> None:
        self._file, self._digest, self._left = file, digest, largest

    def write(self, content: Any) -> int:
        """Write and hash ``content``; `OSError` where it is too much."""
        size = memoryview(content).nbytes
        self._left -= size
        if self._left < 0:
            raise OSError("larger than the cache keeps")
        self._digest.update(content)
        self._file.write(content)
        return size

    def flush(self) -> None:
        """Nothing: the file is flushed when it is whole."""

    def writable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """No."""
        return False

    def seekable(self) -> bool:
        """No."""
        return False

    def close(self) -> None:
        """Nothing: who opened the file closes it."""


def limit_bytes() -> int | None:
    """The limit that ``COLLABRANK_CACHE`` sets: ``off`` (None), a size such as ``500MB``, by default 4 GB.

    Raises
    ------
    HomeError
        It is neither.
    """
    asked = os.environ.get("COLLABRANK_CACHE", "").strip()
    if not asked or asked.lower() == "on":
        return DEFAULT_LIMIT_BYTES
    if asked.lower() in ("off", "0", "no", "false"):
        return None
    size = _SIZE.fullmatch(asked)
    if size is None:
        raise HomeError(
            "COLLABRANK_CACHE as off or a size such as 500MB or 4GB", received=asked, look="`collabrank cache --help`"
        )
    return int(float(size[1]) * _UNITS[size[2].upper()])


def cache_folder() -> Path:
    """``var/cache`` of the home; it need not exist."""
    return state_folder("cache")


def read(what: str, key: str) -> memoryview | None:
    """The content of an entry, or None where there is none that holds its checksum."""
    path = cache_folder() / what / key
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    content = memoryview(whole)[_HEAD:]
    digest = hashlib.sha256(f"{what}/{key}\n".encode())
    digest.update(content)
    if len(whole) < _HEAD or whole[:_HEAD] != _MAGIC + digest.digest():
        _remove(path)
        return None
    with suppress(OSError):  # another process may have let it go; what was read is whole all the same
        os.utime(path)
    return content


def write(what: str, key: str, fill: Callable[[Sink], None]) -> None:
    """Keep what ``fill`` writes as the entry ``what/key``, whole or not at all; then hold the limit."""
    limit = limit_bytes()
    if limit is None:
        return
    path = cache_folder() / what / key
    name = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
        with os.fdopen(handle, "wb") as file:
            file.write(b"\0" * _HEAD)
            digest = hashlib.sha256(f"{what}/{key}\n".encode())
            fill(Sink(file, digest, int(limit * LARGEST_SHARE)))
            file.seek(0)
            file.write(_MAGIC + digest.digest())
        os.replace(name, path)
        name = None
        _hold(limit, path)
    except OSError as reason:
        text = f"not kept in {cache_folder()}: {reason.strerror or reason}"
        if text not in _told:
            _told.add(text)
            say(text)
    finally:
        if name is not None:
            _remove(Path(name))


def entries() -> list[Entry]:
    """Every entry, the least recently used first."""
    return sorted((one for one in _files() if not one.path.name.startswith(".")), key=lambda one: (one.used, one.path))


def clear() -> list[Entry]:
    """Remove every entry, and what processes that are gone have left; the entries that went."""
    gone = _files()
    for one in gone:
        _remove(one.path)
    folder = cache_folder()
    for path in (*folder.glob("*"), folder):
        with suppress(OSError):  # never there, or another process is writing into it
            path.rmdir()
    return [one for one in gone if not one.path.name.startswith(".")]


def drop(what: str, key: str) -> None:
    """Remove one entry."""
    _remove(cache_folder() / what / key)


def _files() -> list[Entry]:
    """Entries and temporary files, in no order."""
    found = []
    for path in cache_folder().glob("*/*"):
        try:
            state = path.stat()
        except OSError:
            continue  # let go by another process
        found.append(Entry(path.parent.name, path, state.st_size, state.st_mtime))
    return found


def _hold(limit: int, newest: Path) -> None:
    """Remove the least recently used until all fit in ``limit``; ``newest`` and what is being written stay."""
    files = sorted(_files(), key=lambda one: (one.used, one.path))
    total = sum(one.bytes for one in files)
    now = time.time()
    for one in files:
        abandoned = one.path.name.startswith(".") and now - one.used > ABANDONED_S
        old = not one.path.name.startswith(".") and total > limit and one.path != newest
        if abandoned or old:
            _remove(one.path)
            total -= one.bytes


def _remove(path: Path) -> None:
    with suppress(OSError):  # what cannot be removed is not read either: its checksum is looked at every time
        path.unlink(missing_ok=True)
