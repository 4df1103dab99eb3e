"""What a marketplace's files hold, told by SHA-256 and computed once a state of a file.

A file's *state* is its path, device, inode, size, and the times of its last change of content (``mtime``) and of
content or description (``ctime``), in nanoseconds. Whoever changes a file and sets its size and ``mtime`` back cannot
set ``ctime`` back: the state is another one, and the file is read again. As clocks tick coarsely, a digest is only
remembered where the file had been left alone for `SETTLED_S` before it was read (as git does with its index). What
this does not see is a disk that is written to beneath the file system, or a clock that was turned back.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

from marketplace.cache import store

__all__ = ["SETTLED_S", "FileStates", "digests"]

SETTLED_S = 2.0
"""Seconds for which a file must have been left alone for its digest to be remembered."""

_WHAT = "files"

_known: dict[tuple[str | int, ...], str] = {}


@dataclass(frozen=True)
class FileStates:
    """The states of some files at one moment."""

    states: tuple[tuple[str | int, ...], ...]

    @classmethod
    def of(cls, paths: Iterable[str]) -> FileStates:
        """As they are now; a file that is gone has a state of its own."""
        return cls(tuple(_state(path) for path in sorted(paths)))

    def unchanged(self) -> bool:
        """Whether every file is still in its state."""
        return all(_state(str(state[0])) == state for state in self.states)


def digests(files: FileStates) -> dict[str, str]:
    """The SHA-256 (hex) of each file's bytes, by path.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    missing = [state for state in files.states if state not in _known]
    if missing and store.limit_bytes() is not None:
        _recall(files)
        missing = [state for state in files.states if state not in _known]
    found, fresh = {}, False
    for state in files.states:
        path = str(state[0])
        if state in _known:
            found[path] = _known[state]
            continue
        read_at = time.time()
        with open(path, "rb") as file:
            found[path] = hashlib.file_digest(file, "sha256").hexdigest()
        if len(state) > 1 and read_at - max(int(state[-1]), int(state[-2])) / 1e9 > SETTLED_S and _state(path) == state:
            _known[state] = found[path]
            fresh = True
    if fresh and store.limit_bytes() is not None:
        kept = [[*state, _known[state]] for state in files.states if state in _known]
        store.write(_WHAT, _name(files), lambda sink: _fill(sink, kept))
    return found


def _state(path: str) -> tuple[str | int, ...]:
    try:
        now = os.stat(path)
    except OSError:
        return (path,)
    return (path, now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


def _name(files: FileStates) -> str:
    """Where the digests of these paths are kept, in whatever state."""
    return hashlib.sha256(json.dumps([os.path.abspath(str(state[0])) for state in files.states]).encode()).hexdigest()


def _fill(sink: store.Sink, kept: list[list[str | int]]) -> None:
    sink.write(json.dumps(kept).encode())


def _recall(files: FileStates) -> None:
    content = store.read(_WHAT, _name(files))
    if content is not None:
        for *state, digest in json.loads(bytes(content)):
            _known[tuple(state)] = digest
