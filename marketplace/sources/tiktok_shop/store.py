"""What was fetched, in one SQLite file: a page and how far it leads are written together or not at all.

A record that is read again takes room only where it has changed: its states are kept, each with when it was first
seen.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from marketplace.errors import SourceError

__all__ = ["Run", "State", "Store"]

LAYOUT = 1
"""Layout of the file; another one is refused."""

_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS steps (
    run INTEGER NOT NULL, step TEXT NOT NULL, cursor TEXT NOT NULL, done INTEGER NOT NULL, PRIMARY KEY (run, step)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, id TEXT NOT NULL, seen INTEGER NOT NULL, run INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, id, seen)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shop (one INTEGER PRIMARY KEY CHECK (one = 1), host TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Run:
    """One window of time that is fetched: ``since`` <= t < ``until``, in seconds since 1970."""

    run: int
    since: int
    until: int


@dataclass(frozen=True)
class State:
    """A record as it was ``seen`` (seconds since 1970) first, in the run of this number."""

    id: str
    seen: int
    run: int
    body: Any


class Store:
    """The file; to be used in a ``with`` block, by one process at a time.

    Raises
    ------
    SourceError
        Another process has it open, it is no such file, or it was fetched from another host.
    """

    def __init__(self, file: Path, *, host: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        # A shop's sales are nobody else's business: made with mode 600 before anything is in it.
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(file, isolation_level=None, timeout=2.0)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("BEGIN IMMEDIATE")
            layout = self._db.execute("PRAGMA user_version").fetchone()[0]
            if layout not in (0, LAYOUT):
                raise SourceError(
                    f"what was fetched in layout {LAYOUT}", received=f"layout {layout} in {file}", look="another OUT"
                )
            for statement in _TABLES.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {LAYOUT}")
            self._db.execute("INSERT OR IGNORE INTO shop VALUES (1, ?)", (host,))
            before = self._db.execute("SELECT host FROM shop").fetchone()[0]
            if before != host:
                raise SourceError(f"what was fetched from {host}", received=f"{file} from {before}", look="another OUT")
            self._db.execute("COMMIT")
        except sqlite3.Error as reason:
            self._db.close()
            raise SourceError(
                "a file of fetched records that no other process uses",
                received=f"{file}: {reason}",
                look="whether the same command is running already",
            ) from reason
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def open_run(self, since: int, until: int) -> Run:
        """The run that is not finished yet, or else a new one from where the last ended.

        The first begins at ``since``, and so does one that is asked for more than was ever fetched.
        """
        row = self._db.execute("SELECT run, since, until FROM runs WHERE done = 0").fetchone()
        if row is not None:
            return Run(*row)
        last, earliest, reached = self._db.execute("SELECT max(run), min(since), max(until) FROM runs").fetchone()
        begin = since if last is None or since < earliest else reached
        run = Run((last or 0) + 1, begin, max(until, begin))
        self._db.execute("INSERT INTO runs (run, since, until) VALUES (?, ?, ?)", (run.run, run.since, run.until))
        return run

    def close_run(self, run: Run) -> None:
        """``run`` is complete: the next begins where it ended. How far its steps had come is forgotten."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("UPDATE runs SET done = 1 WHERE run = ?", (run.run,))
        self._db.execute("DELETE FROM steps")
        self._db.execute("COMMIT")

    def reached(self) -> int:
        """Until when everything is there, in seconds since 1970; 0 before the first run is complete."""
        row = self._db.execute("SELECT max(until) FROM runs WHERE done = 1").fetchone()
        return int(row[0] or 0)

    def begins(self) -> int:
        """From when on everything is there, in seconds since 1970; 0 before the first run."""
        row = self._db.execute("SELECT min(since) FROM runs").fetchone()
        return int(row[0] or 0)

    def steps(self, run: Run) -> dict[str, tuple[str, bool]]:
        """Every step of ``run`` that was begun, to its cursor and whether it is done."""
        rows = self._db.execute("SELECT step, cursor, done FROM steps WHERE run = ?", (run.run,))
        return {step: (cursor, bool(done)) for step, cursor, done in rows}

    def write(
        self, run: Run, records: Iterable[tuple[str, str, Any]], steps: Iterable[tuple[str, str, bool]], *, seen: int
    ) -> None:
        """Keep ``records`` (kind, id, body) and how far ``steps`` (name, cursor, done) have come, all or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for kind, name, body in records:
                text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
                last = self._db.execute(
                    "SELECT seen, body FROM records WHERE kind = ? AND id = ? ORDER BY seen DESC LIMIT 1", (kind, name)
                ).fetchone()
                if last is None or last[1] != text:
                    # Within a second, or with the clock set back, the newer state still comes after.
                    at = seen if last is None else max(seen, last[0] + 1)
                    self._db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", (kind, name, at, run.run, text))
            for step, cursor, done in steps:
                self._db.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?)", (run.run, step, cursor, int(done)))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def states(self, kind: str) -> Iterator[State]:
        """Every state of every record of ``kind``, by id and then by when it was seen."""
        rows = self._db.execute("SELECT id, seen, run, body FROM records WHERE kind = ? ORDER BY id, seen", (kind,))
        for name, seen, run, body in rows:
            yield State(name, seen, run, json.loads(body))

    def latest(self, kind: str) -> dict[str, Any]:
        """The last state of every record of ``kind``, by id."""
        return {state.id: state.body for state in self.states(kind)}

    def of_run(self, kind: str, run: Run) -> set[str]:
        """Ids of the records of ``kind`` that were new or had changed in ``run``."""
        rows = self._db.execute("SELECT DISTINCT id FROM records WHERE kind = ? AND run = ?", (kind, run.run))
        return {name for (name,) in rows}
