"""Where collabrank keeps its state, and how a file gets there whole.

Everything lives under ``var/`` in ``COLLABRANK_HOME`` (default: the current
folder): the MLflow store, the bundles, the snapshot, the keys, the decision
log. Nothing is created on import.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from marketplace.errors import CollabrankError, FileError, HomeError

__all__ = ["alone", "ending_of", "replace_folder", "stamp_of", "state_folder", "swap_folder", "write_whole"]

_HERE, _BOTH = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux."""


def ending_of(file: Path, known: Sequence[str]) -> str:
    """The ending of ``file``'s name in small letters, which says the format to write: one of ``known``.

    Asked for before the work whose result goes there.

    Raises
    ------
    FileError
        Another ending, or none.
    """
    ending = file.suffix.lower()
    if ending not in known:
        raise FileError(
            f"a file name that ends in {' or '.join(known)}",
            received=str(file),
            look="the ending says which format is written",
        )
    return ending


def state_folder(*parts: str) -> Path:
    """``var/`` under ``COLLABRANK_HOME``, with ``parts`` joined; its parents are made.

    Raises
    ------
    HomeError
        The folder cannot be created.
    """
    home = Path(os.environ.get("COLLABRANK_HOME", ".")).expanduser().resolve()
    folder = home.joinpath("var", *parts)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise HomeError(
            "a folder that can be written to for collabrank's state",
            received=f"{folder.parent}: {reason.strerror}",
            look="the COLLABRANK_HOME environment variable",
        ) from reason
    return folder


def write_whole(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write ``content`` to a temporary name beside ``path``, then rename it into place.

    A reader sees the old file or the new one, never a part of either.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def alone(lock: Path, refused: CollabrankError) -> Iterator[None]:
    """Hold the file ``lock`` for the block; the operating system lets go of it however the process ends.

    Raises
    ------
    CollabrankError
        ``refused``, where another process holds it.
    """
    with open(lock, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as reason:
            raise refused from reason
        yield


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """A new empty folder that takes ``path``'s place when the block ends without an error.

    On an error the new folder is removed and what stood at ``path`` is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    os.chmod(fresh, 0o755)
    try:
        yield fresh
        swap_folder(fresh, path)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def swap_folder(fresh: Path, path: Path) -> None:
    """Rename ``fresh`` to ``path``; what stood there is put back if that fails, and removed otherwise.

    Where the file system can exchange two names at once, there is no moment without a folder at ``path``.
    """
    if not path.exists():
        os.replace(fresh, path)
        return
    if _exchange(fresh, path):
        if fresh.is_symlink():
            fresh.unlink()
        else:
            shutil.rmtree(fresh, ignore_errors=True)
        return
    aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
    old = aside / path.name
    try:
        os.replace(path, old)
        os.replace(fresh, path)
    except BaseException:
        if old.exists():
            os.replace(old, path)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths exchange what they name; False where the system cannot, and then nothing has changed."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    found: int = rename(_HERE, os.fsencode(one.absolute()), _HERE, os.fsencode(other.absolute()), _BOTH)
    return found == 0


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """What tells that ``path`` was written anew: when it was changed, its inode and its size; None where it is not."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
