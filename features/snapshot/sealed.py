"""Memory that nobody can change any more, filled from a file whose hash is known, and shared by all who hold the same.

A mapped file follows whatever becomes of the file: other bytes in it are other numbers, and a file cut short is a
SIGBUS. So no file is mapped. Its bytes are copied into memory that Linux seals (`memfd_create`, `F_SEAL_WRITE`,
`F_SEAL_SHRINK`): from then on neither this process nor any other can write to it or shorten it. The copy is hashed
before it is used. A process that wants the same bytes finds them by the name of the memory, their SHA-256, among the
open files of its user's processes, looks at the seals, and hashes them itself: it believes nobody's word, and the
workers of a service hold one copy together.

What it takes: as much memory as the file has bytes, once for all workers (and once more for what replaces it, while
both are in use), and one pass of SHA-256 for each process.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from marketplace.held import Held

__all__ = ["alone_for", "free_memory", "sealed"]

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_NAME = "collabrank-{}"
_PIECE = 4 * 2**20
_SPARE = 64 * 2**20
"""Bytes of memory that a copy leaves free."""


def sealed(held: Held, size: int, sha256: str) -> mmap.mmap:
    """The bytes of ``held``, which must be ``size`` of the hash ``sha256`` (hex), in memory that cannot change.

    Raises
    ------
    ValueError
        They are not.
    MemoryError
        There is too little of it, by what the system says before any is taken.
    OSError
        The file cannot be read.
    """
    if held.size != size:
        raise ValueError(f"{held.size:,} bytes, not {size:,}")
    return _shared(size, sha256) or _copied(held, size, sha256)


def free_memory() -> int:
    """Bytes that this process may still take: of the machine, or of its control group where that has less."""
    free = 2**63
    with suppress(OSError, ValueError, StopIteration):
        told = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = 1024 * int(next(line.split()[1] for line in told if line.startswith("MemAvailable:")))
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        if limit != "max":
            free = min(free, int(limit) - int((group / "memory.current").read_text(encoding="ascii")))
    return free


@contextmanager
def alone_for(descriptor: int, *, seconds: float = 120.0) -> Iterator[None]:
    """Hold the open file for the block, so that of several workers one copies it and the others find the copy.

    After ``seconds`` the block goes on all the same: it is a matter of memory, not of what is right.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError as reason:
            if not isinstance(reason, BlockingIOError) or time.monotonic() > until:
                break
            time.sleep(0.05)
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def _copied(held: Held, size: int, sha256: str) -> mmap.mmap:
    free = free_memory()
    if size + _SPARE > free:
        raise MemoryError(f"{size / 1e6:,.0f} MB are needed, {max(free - _SPARE, 0) / 1e6:,.0f} MB are free")
    if not size:
        raise ValueError("0 bytes")
    try:
        descriptor = os.memfd_create(_NAME.format(sha256), os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:
        # A system that has none: memory of this process alone, which no file stands behind either.
        own = mmap.mmap(-1, size)
        _fill(held, size, sha256, own.write)
        return own
    with os.fdopen(descriptor, "wb", buffering=0) as memory:
        _fill(held, size, sha256, memory.write)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)


def _fill(held: Held, size: int, sha256: str, write: object) -> None:
    digest, start = hashlib.sha256(), 0
    assert callable(write)
    while start < size and (piece := held.piece(start, min(_PIECE, size - start))):
        digest.update(piece)
        start += len(piece)
        left = memoryview(piece)
        while left:
            left = left[write(left) :]
    if start != size or digest.hexdigest() != sha256:
        raise ValueError("bytes that are not those that were written")


def _shared(size: int, sha256: str) -> mmap.mmap | None:
    """The same bytes as another process (or this one) holds them, None where nobody does."""
    wanted = f"/memfd:{_NAME.format(sha256)} (deleted)"
    for file in _files_of_ours():
        with suppress(OSError):
            if os.readlink(file) != wanted:
                continue
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            try:
                found = _checked(descriptor, size, sha256)
            finally:
                os.close(descriptor)
            if found is not None:
                return found
    return None


def _checked(descriptor: int, size: int, sha256: str) -> mmap.mmap | None:
    if fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _SEALS != _SEALS or os.fstat(descriptor).st_size != size:
        return None
    memory = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
    if hashlib.sha256(memory).hexdigest() == sha256:
        return memory
    return None


def _files_of_ours() -> Iterator[str]:
    """The open files of every process of this user, as paths under ``/proc``."""
    me = os.geteuid()
    with suppress(OSError), os.scandir("/proc") as processes:
        for process in processes:
            if not process.name.isdigit():
                continue
            with suppress(OSError):
                if process.stat().st_uid != me:
                    continue
                for name in os.listdir(f"/proc/{process.name}/fd"):
                    yield f"/proc/{process.name}/fd/{name}"
