"""The store of the decision log: a SQLite file, or a PostgreSQL database by its URL.

`open_store` brings its tables to the shape that this code reads (Alembic, `serving.decisions.migrations`). Every worker
writes to the same store; a request that comes twice, after a crash or from an older file, is there once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from marketplace.databases import database_address, file_of, require_answer, sqlite_address, told
from marketplace.errors import LogError
from marketplace.state import state_folder
from marketplace.warehouse import without_secrets
from serving.decisions.ahead import sync_folder
from serving.decisions.lines import Line, event_row, instant_of, line_of, micros, request_rows
from serving.decisions.tables import DECISIONS, ERASURES, EVENTS, SHOWN

__all__ = ["ADDRESS_VARIABLE", "DecisionStore", "default_address", "open_store", "require_kind"]

ADDRESS_VARIABLE = "COLLABRANK_DECISIONS"

_BATCH = 200
_NAMED = 500  # campaigns in one statement
"""Requests read or removed at a time."""

_LOCK_NUMBER = 0x636F6C6C61
"""Of PostgreSQL's advisory lock, under which one process at a time migrates."""


def default_address(folder: Path | None = None) -> str:
    """What COLLABRANK_DECISIONS says, else the file ``decisions.db`` in ``folder``, by default ``var/decisions``."""
    asked = os.environ.get(ADDRESS_VARIABLE, "").strip()
    if asked:
        return database_address(asked)
    return sqlite_address((state_folder("decisions") if folder is None else folder) / "decisions.db")


def require_kind(address: str) -> None:
    """Refuse an address that is neither SQLite's nor PostgreSQL's.

    Raises
    ------
    LogError
        It is another one's.
    """
    if not address.startswith(("sqlite:", "postgresql")):
        raise LogError(
            "SQLite or PostgreSQL, such as postgres://USER@HOST/DATABASE",
            received=told(address),
            look=f"{ADDRESS_VARIABLE}; docs/decisions.md",
        )


def open_store(address: str | None = None) -> DecisionStore:
    """Open the store at ``address`` (`default_address`), made or brought up to date where it must be.

    Raises
    ------
    LogError
        It is neither SQLite nor PostgreSQL, cannot be opened, or was made by a newer version of collabrank.
    """
    address = default_address() if address is None else database_address(address)
    require_kind(address)
    file = file_of(address)
    if file is not None:
        _make_file(file)
    require_answer(address, what="a store of decisions that answers", look=ADDRESS_VARIABLE, error=LogError)
    store = DecisionStore(address)
    try:
        store.migrate()
    except BaseException:
        store.close()
        raise
    return store


def _make_file(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        # A new file must be there after a loss of power, before anything that it holds is removed elsewhere.
        sync_folder(file.parent)
    except OSError as reason:
        raise LogError(
            "a file for the decision log that can be written", received=f"{file}: {reason.strerror}", look=str(file)
        ) from reason


class DecisionStore:
    """An open store. Made by `open_store`; may be used by several threads.

    Parameters
    ----------
    address : str
        As SQLAlchemy takes it: SQLite or PostgreSQL.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._sqlite = address.startswith("sqlite:")
        self._insert: Any = insert_sqlite if self._sqlite else insert_postgresql
        arguments: dict[str, Any] = {"timeout": 30} if self._sqlite else {"connect_timeout": 5}
        pool: dict[str, Any] = {} if self._sqlite else {"pool_pre_ping": True}
        self._engine = sa.create_engine(address, connect_args=arguments, **pool)
        if self._sqlite:
            # A connection is kept: whoever closes a file's last one waits for all of it to be written over.
            same = _SameFile(file_of(address))
            sa.event.listen(self._engine, "do_connect", same.before)
            sa.event.listen(self._engine, "connect", same.after)
            sa.event.listen(self._engine, "connect", _settle)
            sa.event.listen(self._engine, "checkout", same.require)

    @property
    def told(self) -> str:
        """Where it is, for people: without a password."""
        return told(self.address)

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    def migrate(self) -> None:
        """Make the tables, or bring them to the shape that this code reads; one process at a time does.

        Raises
        ------
        LogError
            They were made by a newer version of collabrank.
        """
        logging.getLogger("alembic").setLevel(logging.WARNING)
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        with self._alone(), self._answering(), self._engine.begin() as connection:
            if not self._sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_NUMBER)))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as reason:
                raise LogError(
                    "a store that this version of collabrank knows",
                    received=f"{self.told}: {reason}",
                    look="the version that wrote it",
                ) from reason

    @contextmanager
    def _alone(self) -> Iterator[None]:
        file = file_of(self.address)
        if file is None:
            yield
            return
        with open(file.with_name(f"{file.name}.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as reason:
            words = str(reason.orig or reason).splitlines()
            away = LogError(
                "a store of decisions that answers",
                received=f"{self.told}: {without_secrets(words[0] if words else '', self.address)}",
                look="docs/decisions.md",
            )
            away.status = 503
            raise away from reason

    def take(self, lines: Sequence[Line], *, secured: bool = True) -> None:
        """Put ``lines`` into the store, all or none; those that it has already change nothing.

        Not ``secured`` they may be lost with the machine's power until `secure` has returned, and SQLite waits for no
        disk: for lines that lie on it elsewhere.

        Raises
        ------
        LogError
            It does not answer or has no room.
        ValueError
            A line among them that no store can take.
        """
        requests: list[Line] = []
        shown: list[Line] = []
        events: list[Line] = []
        erased = self._erasures()
        for line in lines:
            try:
                if line["kind"] == "feedback":
                    events.append(event_row(line))
                else:
                    row, creators = request_rows(line)
                    requests.append(row)
                    shown += [one | {"logged_at": row["logged_at"]} for one in creators]
            except (KeyError, TypeError, AttributeError) as reason:
                raise ValueError(f"{type(reason).__name__}: {reason}") from reason
        shown = [one for one in shown if not _erased(one, erased)]
        events = [one for one in events if not _erased(one, erased)]
        for one in shown:
            del one["logged_at"]
        with self._answering():
            try:
                with self._begun(secured) as connection:
                    for table, rows in ((DECISIONS, requests), (SHOWN, shown), (EVENTS, events)):
                        if rows:
                            connection.execute(self._insert(table).on_conflict_do_nothing(), rows)
            except (DataError, IntegrityError, UnicodeError, OverflowError) as reason:
                raise ValueError(f"{type(reason).__name__}: {str(reason).splitlines()[0]}") from reason
            except StatementError as reason:
                if isinstance(reason, DBAPIError):
                    raise
                raise ValueError(f"{type(reason).__name__}: {str(reason).splitlines()[0]}") from reason

    @contextmanager
    def _begun(self, secured: bool) -> Iterator[sa.Connection]:
        if secured or not self._sqlite:
            with self._engine.begin() as connection:
                yield connection
            return
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
            connection.commit()
            try:
                with connection.begin():
                    yield connection
            finally:
                connection.exec_driver_sql("PRAGMA synchronous=FULL")

    def secure(self) -> None:
        """Wait until the disk has all that was taken.

        Raises
        ------
        LogError
            It does not answer.
        """
        if not self._sqlite:
            return
        with self._answering(), self._engine.connect() as connection:
            # Any commit waits for the file of all commits before it; this one changes a number that nobody reads.
            number = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version={1 - min(int(number), 1)}")

    def _erasures(self) -> dict[str, int]:
        with self._answering(), self._engine.connect() as connection:
            return {row.creator_sha256: row.erased_at for row in connection.execute(sa.select(ERASURES))}

    def creators_shown(
        self, request_id: str, *, sees: Callable[[str | None], bool] = lambda _: True
    ) -> frozenset[str] | None:
        """Who was in the answer of ``request_id``; None where there is no such request, or ``sees`` not its brand."""
        with self._answering(), self._engine.connect() as connection:
            known = connection.execute(
                sa.select(DECISIONS.c.brand_id).where(DECISIONS.c.request_id == request_id, DECISIONS.c.unseen == "")
            ).first()
            if known is None or not sees(known[0]):
                return None
            here = (SHOWN.c.request_id == request_id, SHOWN.c.unseen == "")
            found = connection.execute(sa.select(SHOWN.c.creator_id).where(*here))
            return frozenset(found.scalars())

    def has_event(self, request_id: str, creator_id: str, event: str) -> bool:
        """Whether this event is there."""
        asked = (EVENTS.c.request_id == request_id) & (EVENTS.c.creator_id == creator_id) & (EVENTS.c.event == event)
        with self._answering(), self._engine.connect() as connection:
            return connection.execute(sa.select(EVENTS.c.event).where(asked)).first() is not None

    def request(self, request_id: str) -> Line | None:
        """The line of an answer that went out, None where there is none."""
        return next(self._requests((DECISIONS.c.request_id == request_id) & (DECISIONS.c.unseen == "")), None)

    def requests(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        vectors: bool = True,
        campaigns: Sequence[str] | None = None,
    ) -> Iterator[Line]:
        """The lines of requests logged from ``since`` on and before ``until``, in the order of logging.

        Without ``vectors``, most of the bytes, each creator's is None. With ``campaigns``, those about them alone.
        """
        wanted = _between(DECISIONS, since, until)
        if campaigns is None:
            return self._requests(wanted, vectors=vectors)
        # A statement takes so many values and no more; campaigns keep the order of logging within a part.
        parts = [list(campaigns[first : first + _NAMED]) for first in range(0, len(campaigns), _NAMED)]
        return chain.from_iterable(
            self._requests(sa.and_(wanted, DECISIONS.c.campaign_id.in_(part)), vectors=vectors) for part in parts
        )

    def _requests(self, wanted: Any, *, vectors: bool = True) -> Iterator[Line]:
        creator = [column for column in SHOWN.c if vectors or column.name != "vector"]
        order = (DECISIONS.c.logged_at, DECISIONS.c.request_id, DECISIONS.c.unseen)
        after: Any = sa.true()
        while True:
            with self._answering(), self._engine.connect() as connection:
                rows = (
                    connection.execute(sa.select(DECISIONS).where(wanted, after).order_by(*order).limit(_BATCH))
                    .mappings()
                    .all()
                )
                ids = sorted({row["request_id"] for row in rows})
                shown: dict[tuple[str, str], list[Mapping[Any, Any]]] = defaultdict(list)
                for one in connection.execute(sa.select(*creator).where(SHOWN.c.request_id.in_(ids))).mappings():
                    shown[one["request_id"], one["unseen"]].append(one)
            for row in rows:
                yield line_of(row, shown[row["request_id"], row["unseen"]])
            if len(rows) < _BATCH:
                return
            last = rows[-1]
            after = sa.tuple_(*order) > tuple(last[column.name] for column in order)

    def events(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[Line]:
        """The lines of feedback logged from ``since`` on and before ``until``, in the order of logging."""
        order = (EVENTS.c.logged_at, EVENTS.c.request_id, EVENTS.c.creator_id, EVENTS.c.event)
        after: Any = sa.true()
        while True:
            asked = sa.select(EVENTS).where(_between(EVENTS, since, until), after).order_by(*order).limit(_BATCH)
            with self._answering(), self._engine.connect() as connection:
                rows = connection.execute(asked).mappings().all()
            for row in rows:
                own = {name: row[name] for name in ("request_id", "creator_id", "event")}
                yield {"kind": "feedback", **own, **json.loads(row["body"]), "logged_at": _iso(row["logged_at"])}
            if len(rows) < _BATCH:
                return
            last = rows[-1]
            after = sa.tuple_(*order) > tuple(last[column.name] for column in order)

    def shown_for(self, campaign_id: str, brand_id: str, *, most: int) -> tuple[list[Line], list[Line]]:
        """Whom the latest rankings for a campaign showed, newest first, and what came of them.

        Returns
        -------
        shown : list of dict
            ``request_id``, ``logged_at``, ``model_version``, ``creator_id``, ``position``, ``score``, ``utility`` (None
            where it is not told); at most ``most``.
        events : list of dict
            ``request_id``, ``creator_id``, ``event``, ``at`` of those requests.
        """
        mine = (
            DECISIONS.c.request_id == SHOWN.c.request_id, DECISIONS.c.unseen == "", SHOWN.c.unseen == "",
            DECISIONS.c.kind == "rank", DECISIONS.c.brand_id == brand_id, DECISIONS.c.campaign_id == campaign_id,
        )  # fmt: skip
        told = (DECISIONS.c.request_id, DECISIONS.c.logged_at, DECISIONS.c.model_version)
        of_creator = (SHOWN.c.creator_id, SHOWN.c.position, SHOWN.c.score, SHOWN.c.body)
        newest = (DECISIONS.c.logged_at.desc(), DECISIONS.c.request_id, SHOWN.c.position)
        with self._answering(), self._engine.connect() as connection:
            asked = sa.select(*told, *of_creator).where(*mine).order_by(*newest).limit(most)
            rows = connection.execute(asked).mappings().all()
            requests = sorted({row["request_id"] for row in rows})
            events: list[Line] = []
            for start in range(0, len(requests), _BATCH):
                some = EVENTS.c.request_id.in_(requests[start : start + _BATCH])
                columns = (EVENTS.c.request_id, EVENTS.c.creator_id, EVENTS.c.event, EVENTS.c.at, EVENTS.c.logged_at)
                events += [
                    {**row, "at": _iso(row["logged_at"] if row["at"] is None else row["at"])}
                    for row in connection.execute(sa.select(*columns).where(some)).mappings()
                ]
        shown = [
            {
                **{name: value for name, value in row.items() if name != "body"},
                "logged_at": _iso(row["logged_at"]),
                "utility": json.loads(row["body"]).get("utility"),
            }
            for row in rows
        ]
        return shown, events

    def counts(self) -> dict[str, Any]:
        """``requests``, ``unseen``, ``shown``, ``events``; ``first`` and ``last``, instants in UTC, or None."""
        with self._answering(), self._engine.connect() as connection:
            found: dict[str, Any] = {
                name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for name, table in (("requests", DECISIONS), ("shown", SHOWN), ("events", EVENTS))
            }
            unseen = sa.select(sa.func.count()).select_from(DECISIONS).where(DECISIONS.c.unseen != "")
            found["unseen"] = connection.execute(unseen).scalar_one()
            found["requests"] -= found["unseen"]
            ends = sa.select(sa.func.min(DECISIONS.c.logged_at), sa.func.max(DECISIONS.c.logged_at))
            first, last = connection.execute(ends).one()
        return found | {"first": first and _iso(first), "last": last and _iso(last)}

    def size(self) -> int:
        """Bytes that it takes, without what a purge has freed."""
        with self._answering(), self._engine.connect() as connection:
            if self._sqlite:
                pages, free, size = (
                    connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                    for name in ("page_count", "freelist_count", "page_size")
                )
                return int((pages - free) * size)
            tables = (table.name for table in (DECISIONS, SHOWN, EVENTS, ERASURES))
            return sum(
                int(connection.execute(sa.select(sa.func.pg_total_relation_size(name))).scalar_one()) for name in tables
            )

    def purge(self, before: datetime) -> tuple[int, int]:
        """Remove requests logged before ``before``, with who was shown and what came of them; how many, and events.

        Events of a request go with it, however late they came.
        """
        gone = events = 0
        while True:
            with self._answering(), self._engine.begin() as connection:
                old = DECISIONS.c.logged_at < micros(before)
                asked = sa.select(DECISIONS.c.request_id).distinct().where(old).limit(_BATCH)
                ids = connection.execute(asked).scalars().all()
                for table in (SHOWN, EVENTS, DECISIONS):
                    done = connection.execute(sa.delete(table).where(table.c.request_id.in_(ids)))
                    events += done.rowcount if table is EVENTS else 0
            gone += len(ids)
            if len(ids) < _BATCH:
                break
        with self._answering(), self._engine.begin() as connection:
            # Of requests that are not there, whichever way they went.
            orphaned = EVENTS.c.request_id.not_in(sa.select(DECISIONS.c.request_id))
            done = connection.execute(sa.delete(EVENTS).where(EVENTS.c.logged_at < micros(before), orphaned))
            events += done.rowcount
        self._give_back()
        return gone, events

    def shrink(self, size: int) -> tuple[int, int]:
        """`purge` the oldest tenth of what is there until it takes ``size`` bytes or is empty; how many in all."""
        gone = events = 0
        while self.size() > size:
            with self._answering(), self._engine.connect() as connection:
                count = connection.execute(sa.select(sa.func.count()).select_from(DECISIONS)).scalar_one()
                asked = sa.select(DECISIONS.c.logged_at).order_by(DECISIONS.c.logged_at).offset(count // 10).limit(1)
                found = connection.execute(asked).scalar()
            if found is None:
                break
            # The one that stands there goes, too: each round removes something.
            requests, told = self.purge(instant_of(found + 1))
            gone, events = gone + requests, events + told
        return gone, events

    def bundles(self) -> set[str]:
        """The hashes of the bundles that gave the answers."""
        with self._answering(), self._engine.connect() as connection:
            found = connection.execute(sa.select(DECISIONS.c.bundle_sha256).distinct()).scalars()
            return {one for one in found if one}

    def erase(self, creator_id: str) -> tuple[int, int]:
        """Remove every row of a creator, and the id from every request; how many places in answers, and events.

        What was logged before and reaches the store later is left out, too: the id's hash is kept for that.
        """
        now = micros(datetime.now(UTC))
        digest = hashlib.sha256(creator_id.encode()).hexdigest()
        with self._answering(), self._engine.begin() as connection:
            row = {"creator_sha256": digest, "erased_at": now}
            written = self._insert(ERASURES).values(row)
            connection.execute(
                written.on_conflict_do_update(index_elements=["creator_sha256"], set_={"erased_at": now})
            )
            places = connection.execute(sa.delete(SHOWN).where(SHOWN.c.creator_id == creator_id)).rowcount
            events = connection.execute(sa.delete(EVENTS).where(EVENTS.c.creator_id == creator_id)).rowcount
            said = json.dumps(creator_id)
            named = DECISIONS.c.body.contains(said, autoescape=True)
            for request_id, unseen, body in connection.execute(
                sa.select(DECISIONS.c.request_id, DECISIONS.c.unseen, DECISIONS.c.body).where(named)
            ).all():
                cleared = json.dumps(_without(json.loads(body), creator_id), separators=(",", ":"))
                this = (DECISIONS.c.request_id == request_id, DECISIONS.c.unseen == unseen)
                connection.execute(sa.update(DECISIONS).where(*this).values(body=cleared))
        self._give_back()
        return places, events

    def _give_back(self) -> None:
        """Give back what has become free: SQLite's file shrinks (zeros are written over it before)."""
        if not self._sqlite:
            with self._answering(), self._engine.connect() as connection:
                plain = connection.execution_options(isolation_level="AUTOCOMMIT")
                # FULL locks the tables for as long as it takes; what waits for them waits on disk.
                plain.exec_driver_sql("VACUUM (FULL, ANALYZE) decisions, shown, events")
        if self._sqlite:
            with self._answering(), self._engine.connect() as connection:
                cursor: Any = connection.connection.cursor()
                # Each step frees a page: it is done when there is nothing more to fetch.
                for pragma in ("incremental_vacuum", "wal_checkpoint(TRUNCATE)"):
                    cursor.execute(f"PRAGMA {pragma}").fetchall()


class _SameFile:
    """Sees that a connection that was kept is to the file that is there now: one that was removed is not written to."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def _now(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def before(self, _dialect: Any, record: Any, _arguments: Any, _options: Any) -> None:
        """Note what is there before it is opened."""
        record.info["file"] = self._now()

    def after(self, _connection: Any, record: Any) -> None:
        """What was not there before has been made, or is another one: then nobody knows which was opened."""
        then, now = record.info["file"], self._now()
        record.info["file"] = now if then is None else then

    def require(self, _connection: Any, record: Any, _proxy: Any) -> None:
        """Have it opened anew where another file is there now, or none."""
        if record.info["file"] != self._now():
            raise sa.exc.DisconnectionError("the file is another one")


def _settle(connection: Any, _record: Any) -> None:
    """What SQLite is told on every connection: one commit, one fsync, and nothing erased can be read from the file."""
    cursor = connection.cursor()
    for pragma in ("auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _iso(at: int) -> str:
    return instant_of(at).isoformat()


def _between(table: sa.Table, since: datetime | None, until: datetime | None) -> Any:
    asked: list[Any] = [sa.true()]
    if since is not None:
        asked.append(table.c.logged_at >= micros(since))
    if until is not None:
        asked.append(table.c.logged_at < micros(until))
    return sa.and_(*asked)


def _erased(row: Line, erased: Mapping[str, int]) -> bool:
    if not erased:
        return False
    at = erased.get(hashlib.sha256(str(row["creator_id"]).encode()).hexdigest())
    return at is not None and row["logged_at"] <= at


def _without(value: Any, text: str) -> Any:
    """``value`` without the string ``text`` in any of its lists."""
    if isinstance(value, list):
        return [_without(one, text) for one in value if one != text]
    if isinstance(value, dict):
        return {name: _without(one, text) for name, one in value.items()}
    return value
