"""The write-ahead files: what a worker has promised to keep, on disk before the answer goes out.

A worker writes to files of its own, ``NAME-000001.wal`` and on, and holds ``NAME.lock`` for as long as it lives; the
operating system lets go of it however the process ends, and whoever gets it then takes the files over. A line is

    3f0a9c1e {"kind": "rank", ...}

with the CRC-32 of the JSON before it, so that one cut short or torn is known for what it is.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["AheadFiles", "Segment", "abandoned", "framed", "read_frames", "segments_in", "sync_folder"]

LARGEST = 8 * 2**20
"""Bytes after which a new file is begun."""

_ENDING = ".wal"
_LOCK = ".lock"


def framed(line: bytes) -> bytes:
    """``line``, JSON without a line's end, as it stands in a file."""
    return b"%08x %s\n" % (zlib.crc32(line), line)


def read_frames(content: bytes) -> tuple[list[bytes], int, int]:
    """The whole lines of ``content``, the bytes up to the last line's end, and how many lines before it are torn.

    What comes after the last line's end is neither: it may still be being written.
    """
    found: list[bytes] = []
    torn = start = 0
    while (end := content.find(b"\n", start)) >= 0:
        checksum, line = content[start : start + 8], content[start + 9 : end]
        if checksum == b"%08x" % zlib.crc32(line) and content[start + 8 : start + 9] == b" ":
            found.append(line)
        else:
            torn += 1
        start = end + 1
    return found, start, torn


@dataclass
class Segment:
    """One file, and how many bytes of it are on disk for certain."""

    path: Path
    size: int = 0
    closed: bool = False


def segments_in(folder: Path, name: str = "*") -> list[Path]:
    """The write-ahead files in ``folder``, of one worker or of all, in the order in which they were begun."""
    return sorted(folder.glob(f"{name}-[0-9]*{_ENDING}"))


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names of what is in ``folder``."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class AheadFiles:
    """One worker's write-ahead files.

    Parameters
    ----------
    folder : pathlib.Path
        Where they lie; made when the first line comes.
    largest : int
        Bytes after which a new file is begun.
    """

    def __init__(self, folder: Path, *, largest: int = LARGEST) -> None:
        self.folder = folder
        self._largest = largest
        self._name = ""
        self._lock_handle = -1
        self._handle = -1
        self._number = 0
        self._segments: list[Segment] = []
        self._guard = threading.Lock()

    @property
    def name(self) -> str:
        """What this worker's files are called; empty before the first."""
        return self._name

    def segments(self) -> list[Segment]:
        """The files there are now, oldest first."""
        with self._guard:
            return [Segment(one.path, one.size, one.closed) for one in self._segments]

    def write(self, lines: Sequence[bytes]) -> None:
        """Write ``lines`` at once and wait until the disk has them.

        Raises
        ------
        OSError
            It does not; none of them is promised, and what was written of them is taken back where that is possible.
        """
        if self._handle < 0 or self._segments[-1].size >= self._largest or _removed(self._handle):
            self._begin()
        current = self._segments[-1]
        content = memoryview(b"".join(map(framed, lines)))
        try:
            written = 0
            while written < len(content):
                written += os.write(self._handle, content[written:])
            os.fsync(self._handle)
        except OSError:
            self._forsake(current)
            raise
        with self._guard:
            current.size += len(content)

    def drop(self, path: Path) -> None:
        """Remove a closed file, whose lines lie elsewhere by now."""
        path.unlink(missing_ok=True)
        with self._guard:
            self._segments = [one for one in self._segments if one.path != path]

    def end_file(self) -> None:
        """Begin a new file with the next line."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
            with self._guard:
                self._segments[-1].closed = True

    def close(self) -> None:
        """End the file, and let go of the lock; its file goes where no lines are left."""
        self.end_file()
        if self._lock_handle >= 0:
            if not self._segments:
                (self.folder / f"{self._name}{_LOCK}").unlink(missing_ok=True)
            os.close(self._lock_handle)
            self._lock_handle = -1

    def _begin(self) -> None:
        self.end_file()
        if self._lock_handle < 0 or _removed(self._lock_handle):
            self._take_name()
        self._number += 1
        path = self.folder / f"{self._name}-{self._number:06}{_ENDING}"
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        with self._guard:
            self._segments.append(Segment(path))
        try:
            sync_folder(self.folder)
        except OSError:
            self._forsake(self._segments[-1])
            raise

    def _forsake(self, current: Segment) -> None:
        # After a failed fsync nobody knows what the disk has: the file is not written to again.
        if current.size:
            with suppress(OSError):
                os.ftruncate(self._handle, current.size)
            self.end_file()
        else:
            self.end_file()
            self.drop(current.path)

    def _take_name(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.folder.parent, self.folder.parent.parent):
            sync_folder(folder)
        while True:
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(3)}"
            path = self.folder / f"{name}{_LOCK}"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            if _locked(handle, path):
                if self._lock_handle >= 0:
                    os.close(self._lock_handle)
                self._name, self._lock_handle = name, handle
                return
            os.close(handle)


def _removed(handle: int) -> bool:
    """Whether the file has no name any more: what is written to it then is lost when it is closed."""
    return os.fstat(handle).st_nlink == 0


def _locked(handle: int, path: Path) -> bool:
    """Whether ``handle`` holds the lock of the file that is at ``path`` now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there = os.stat(path)
    except OSError:
        return False
    here = os.fstat(handle)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


@contextmanager
def abandoned(folder: Path) -> Iterator[list[Path]]:
    """The files of workers that live no more, held for the block; locks without files are removed at its end."""
    held: list[tuple[int, Path]] = []
    found: list[Path] = []
    try:
        for lock in sorted(folder.glob(f"*{_LOCK}")):
            try:
                handle = os.open(lock, os.O_RDWR)
            except OSError:
                continue
            if not _locked(handle, lock):
                os.close(handle)
                continue
            held.append((handle, lock))
            found += segments_in(folder, lock.name.removesuffix(_LOCK))
        yield found
    finally:
        for handle, lock in held:
            if not segments_in(folder, lock.name.removesuffix(_LOCK)):
                lock.unlink(missing_ok=True)
            os.close(handle)
