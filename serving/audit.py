"""The audit log: who asked for what, when, and with which result; who made and revoked keys.

Append-only JSON lines under ``var/audit``, one file a day (``2026-01-31.jsonl``,
mode 0600, the folder 0700), written by all workers and by the commands. Each line
is one write to a file opened for appending, so that lines of several processes do
not mix. Everything outside ASCII and every control character is escaped; keys are
told by their id alone. Nothing here is deleted by itself, unless
``COLLABRANK_AUDIT_DAYS`` says how many days are kept: then whoever writes the first
line of a day removes the older ones. ``collabrank audit purge`` does so by hand, and
leaves a line that it did.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from marketplace.errors import FileError, HomeError
from marketplace.jsonable import jsonable
from marketplace.state import state_folder

__all__ = ["AuditLog", "audit_files", "days_kept", "purge_audit", "read_audit", "told_of"]

_log = logging.getLogger("collabrank.serving")

STRANGERS_A_MINUTE = 60
"""Refusals of askers without a key that get a line each in a minute; further ones are counted in the next line."""

_WORD_LONGEST = 300

_DAYS = "COLLABRANK_AUDIT_DAYS"

_ABOUT = ("campaign_id", "brand_id", "creator_id", "event", "top")


class AuditLog:
    """One process's hand on the audit log.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where the files go; ``var/audit`` unless told otherwise.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = state_folder("audit") if folder is None else folder
        self._lock = threading.Lock()
        self._file: int | None = None
        self._open_as: Path | None = None
        self._cut = False
        self._failing = False
        self._minute = 0
        self._strangers = 0
        self._untold = 0

    def command(self, what: str, about: Mapping[str, Any]) -> None:
        """Write what a command did, with the name of the system's user who gave it.

        Raises
        ------
        FileError
            It cannot be written.
        """
        try:
            self._append({"kind": what, "by": _user(), **about})
        except OSError as reason:
            raise FileError(
                "an audit log that can be written",
                received=f"{self._folder}: {reason.strerror or reason}",
                look="docs/access.md",
            ) from reason
        finally:
            self.close()

    def request(self, line: Mapping[str, Any]) -> None:
        """Write what came of a request; where that fails the service's own log says so, once until it works again.

        Parameters
        ----------
        line : mapping
            ``key_id`` empty for an asker without a key: of such at most
            `STRANGERS_A_MINUTE` get a line in a minute.
        """
        entry: dict[str, Any] = {"kind": "request", **line}
        if not entry.get("key_id"):
            if not self._told_of_stranger():
                return
            if self._untold:
                entry["untold_before"], self._untold = self._untold, 0
        try:
            self._append(entry)
            self._failing = False
        except OSError as reason:
            if not self._failing:
                _log.error("the audit log in %s cannot be written: %s", self._folder, reason.strerror or reason)
            self._failing = True

    def _told_of_stranger(self) -> bool:
        minute = int(datetime.now(UTC).timestamp() // 60)
        if minute != self._minute:
            self._minute, self._strangers = minute, 0
        self._strangers += 1
        if self._strangers > STRANGERS_A_MINUTE:
            self._untold += 1
            return False
        return True

    def _append(self, entry: Mapping[str, Any]) -> None:
        now = datetime.now(UTC)
        said = {"at": now.isoformat(timespec="milliseconds"), **entry}
        text = json.dumps(jsonable({name: _short(value) for name, value in said.items()}), allow_nan=False) + "\n"
        with self._lock:
            file = self._opened(self._folder / f"{now:%Y-%m-%d}.jsonl")
            data = (b"\n" if self._cut else b"") + text.encode()
            self._cut = True
            self._cut = os.write(file, data) != len(data)
            if self._cut:
                raise OSError("the line was cut short")

    def _opened(self, path: Path) -> int:
        # A file that someone has moved away by now is left to them.
        if self._file is not None and (path != self._open_as or os.fstat(self._file).st_nlink == 0):
            self._close()
        if self._file is None or not path.exists():
            self._close()
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                self._begin_day(date.fromisoformat(path.stem))
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            self._open_as = path
        return self._file

    def _begin_day(self, today: date) -> None:
        try:
            kept = days_kept()
            if kept is not None:
                _remove_before(self._folder, today - timedelta(days=kept - 1))
        except (OSError, HomeError) as reason:
            _log.error("old days of the audit log in %s are not removed: %s", self._folder, reason)

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = self._open_as = None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._close()


def _short(value: Any) -> Any:
    return f"{value[:_WORD_LONGEST]}…" if isinstance(value, str) and len(value) > _WORD_LONGEST else value


def told_of(body: BaseModel | None) -> dict[str, Any]:
    """What a request's body says that belongs into the log: whose campaign, which creator; never the whole body."""
    if body is None:
        return {}
    told = {name: value for name in _ABOUT if (value := getattr(body, name, None)) is not None}
    if isinstance(brief := getattr(body, "brief", None), BaseModel):
        told |= told_of(brief)
    asked_about = getattr(body, "request_id", None)
    return told | ({} if asked_about is None else {"about": asked_about})


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user in a container
        return f"uid {os.getuid()}"


def days_kept() -> int | None:
    """How many days the log keeps, today among them: ``COLLABRANK_AUDIT_DAYS``; None where all are kept.

    Raises
    ------
    HomeError
        It is no whole number above 0.
    """
    text = os.environ.get(_DAYS, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 100_000):
        raise HomeError(
            f"{_DAYS} as a whole number of days, 1 or more", received=repr(text[:50]), look="docs/access.md"
        )
    return int(text)


def audit_files(folder: Path | None = None) -> dict[date, Path]:
    """The log's files by their days, the first one first; a file of another name is none of them."""
    folder = state_folder("audit") if folder is None else folder
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        try:
            found[date.fromisoformat(path.stem)] = path
        except ValueError:
            continue
    return found


def _remove_before(folder: Path, first: date) -> list[Path]:
    """Remove the days before ``first``; the files that this process removed."""
    gone = []
    for day, path in audit_files(folder).items():
        if day < first:
            try:
                path.unlink()
            except FileNotFoundError:  # another worker was quicker
                continue
            gone.append(path)
    return gone


def purge_audit(first: date, folder: Path | None = None) -> list[str]:
    """Remove the days before ``first`` (UTC), and leave a line that says so; the names of the files.

    Raises
    ------
    FileError
        A file cannot be removed, or the line cannot be written.
    """
    folder = state_folder("audit") if folder is None else folder
    try:
        gone = [path.name for path in _remove_before(folder, first)]
    except OSError as reason:
        raise FileError(
            "an audit log whose files can be removed",
            received=f"{folder}: {reason.strerror or reason}",
            look="the owner of the folder",
        ) from reason
    AuditLog(folder).command("audit.purge", {"before": first.isoformat(), "files": len(gone)})
    return gone


def read_audit(folder: Path | None = None) -> Iterator[dict[str, Any]]:
    """Every whole line of the log, day by day; one cut short by a crash or a full disk is passed over."""
    folder = state_folder("audit") if folder is None else folder
    for path in sorted(folder.glob("*.jsonl")):
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue
