"""Files that are not trusted yet: regular ones alone, no larger than they may be, all of one and the same folder.

    with HeldFolder(path) as folder:
        manifest = folder.read("snapshot.json", LARGEST)
        part = folder.open("part_0000.bin")

A pipe or a device in a file's place is refused at once instead of waited for, and a link is not followed. The folder
is opened once: what is read is of that folder, whatever is put in its place meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import TracebackType

__all__ = ["Held", "HeldFolder", "read_file"]

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PIECE = 4 * 2**20


class Held:
    """A regular file that is open to be read, closed with the last reference to it.

    Attributes
    ----------
    descriptor : int
    size : int
        Bytes, when it was opened.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def piece(self, start: int, size: int = _PIECE) -> bytes:
        """At most ``size`` bytes from ``start`` on; none where the file ends."""
        return os.pread(self.descriptor, min(size, _PIECE), start)

    def __del__(self) -> None:
        os.close(self.descriptor)


class HeldFolder:
    """A folder held open while files in it are read; ``path`` itself may be a link, what is in it may not.

    Raises
    ------
    OSError
        There is no such folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.descriptor = os.open(path, _FOLDER)

    def __enter__(self) -> HeldFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    def open(self, name: str) -> Held:
        """The regular file ``name``; of a folder within, ``folder/name``.

        Raises
        ------
        OSError
            There is none, it is no regular file, or a link.
        """
        *within, last = name.split("/")
        at = os.dup(self.descriptor)
        try:
            for folder in within:
                deeper = os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
                os.close(at)
                at = deeper
            return Held(_regular(last, at, links=False))
        finally:
            os.close(at)

    def read(self, name: str, limit: int) -> bytes:
        """All of the file ``name``.

        Raises
        ------
        OSError
            As `open`; or it has more than ``limit`` bytes, of which none is read then.
        """
        return _whole(self.open(name), limit)

    def names(self, limit: int) -> set[str]:
        """Every entry that is no folder, as ``folder/name`` where it lies in one.

        Raises
        ------
        OSError
            There are more than ``limit`` entries.
        """
        found: set[str] = set()
        left = [limit]
        for name, folder in _entries(self.descriptor, left):
            if not folder:
                found.add(name)
                continue
            within = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self.descriptor)
            try:
                found |= {f"{name}/{inner}" for inner, _ in _entries(within, left)}
            finally:
                os.close(within)
        return found


def _entries(descriptor: int, left: list[int]) -> list[tuple[str, bool]]:
    """Names in a folder with whether each is a folder itself; ``left`` counts down how many there may be."""
    found = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.E2BIG, "more files than there should be")
            found.append((entry.name, entry.is_dir(follow_symlinks=False)))
    return found


def read_file(path: str | Path, limit: int, *, links: bool = False) -> bytes:
    """All of the regular file at ``path``, a link only with ``links``.

    Raises
    ------
    OSError
        There is none, it is no regular file, or it has more than ``limit`` bytes, of which none is read then.
    """
    return _whole(Held(_regular(str(path), None, links=links)), limit)


def _regular(name: str, at: int | None, *, links: bool) -> int:
    flags = _OPEN | (0 if links else os.O_NOFOLLOW)
    try:
        descriptor = os.open(name, flags, dir_fd=at)
    except OSError as reason:
        if reason.errno == errno.ELOOP and not links:
            raise OSError(errno.ELOOP, "a link, which is not followed", name) from reason
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", name)
    return descriptor


def _whole(held: Held, limit: int) -> bytes:
    if held.size > limit:
        raise OSError(errno.EFBIG, f"{held.size:,} bytes, more than {limit:,}")
    found = bytearray()
    # One byte more is asked for: a file that grows meanwhile is no longer the one whose size was looked at.
    while len(found) <= limit and (piece := held.piece(len(found), limit + 1 - len(found))):
        found += piece
    if len(found) > limit:
        raise OSError(errno.EFBIG, f"more than {limit:,} bytes")
    return bytes(found)
