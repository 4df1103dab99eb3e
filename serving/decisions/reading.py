"""Reading the log: the store, what is on its way there, and the daily files that older versions wrote."""

from __future__ import annotations

import heapq
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from marketplace.errors import LogError
from marketplace.state import state_folder
from serving.decisions.ahead import read_frames, segments_in
from serving.decisions.lines import Line, unpacked
from serving.decisions.moving import find_ahead, recover
from serving.decisions.store import DecisionStore, default_address, open_store

__all__ = [
    "ahead_bytes",
    "daily_files",
    "files_naming",
    "logged_request",
    "migrate_daily_files",
    "opened_log",
    "read_daily_file",
    "read_decisions",
    "requests_about",
]

_log = logging.getLogger("collabrank.serving")


@contextmanager
def opened_log(folder: Path | None = None) -> Iterator[DecisionStore]:
    """The store for the block, with all that dead workers had promised in it.

    Raises
    ------
    LogError
        It cannot be opened.
    """
    folder = state_folder("decisions") if folder is None else folder
    store = open_store(default_address(folder))
    try:
        recover(folder / "ahead", store)
        yield store
    finally:
        store.close()


def read_decisions(folder: Path | None = None, *, vectors: bool = True) -> Iterator[Line]:
    """Every line of the log, requests and feedback, in the order in which they were logged.

    ``logged_at`` is ISO text in UTC; a creator's ``vector`` float64 (signals,). Without ``vectors``, most of the bytes,
    those of the store are not read, and are None.
    """
    where = state_folder("decisions") if folder is None else folder

    def when(line: Line) -> str:
        return str(line["logged_at"])

    # Read before the store, so that what is moved there meanwhile is in one of the two, or in both.
    under_way = {_key(line): line for line in _ahead(where / "ahead")}
    told = set()
    with opened_log(folder) as store:
        for line in heapq.merge(
            store.requests(vectors=vectors), store.events(), sorted(under_way.values(), key=when), key=when
        ):
            if (key := _key(line)) in under_way:
                if key in told:
                    continue
                told.add(key)
            yield line


def requests_about(campaigns: Sequence[str], folder: Path | None = None) -> Iterator[Line]:
    """The lines of requests about ``campaigns``, those on their way to the store first.

    Raises
    ------
    LogError
        The store cannot be opened.
    """
    where = state_folder("decisions") if folder is None else folder
    wanted = set(campaigns)
    under_way = {
        _key(line): line
        for line in _ahead(where / "ahead")
        if line["kind"] != "feedback" and (line.get("brief") or {}).get("campaign_id") in wanted
    }
    yield from under_way.values()
    with opened_log(folder) as store:
        yield from (line for line in store.requests(campaigns=sorted(wanted)) if _key(line) not in under_way)


def logged_request(request_id: str, folder: Path | None = None) -> Line | None:
    """The line of an answer that went out, in the store or on its way there; None where there is none.

    Raises
    ------
    LogError
        The store cannot be opened.
    """
    where = state_folder("decisions") if folder is None else folder
    line = find_ahead(where / "ahead", request_id, kinds=("rank", "explain"))
    if line is not None:
        return line
    with opened_log(folder) as store:
        return store.request(request_id)


def _key(line: Line) -> tuple[str, ...]:
    if line["kind"] == "feedback":
        return "feedback", line["request_id"], line["creator_id"], line["event"]
    return "request", line["request_id"], str(line.get("arm")) if line.get("shadow") else ""


def _ahead(folder: Path) -> Iterator[Line]:
    """What workers have on disk: it is in the store already, or will be."""
    for path in segments_in(folder):
        with suppress(FileNotFoundError):
            for text in read_frames(path.read_bytes())[0]:
                line = unpacked(text)
                if line["kind"] != "beat":
                    yield line


def ahead_bytes(folder: Path | None = None) -> int:
    """Bytes of all write-ahead files, whether the store has them yet or not."""
    where = state_folder("decisions") if folder is None else folder
    return sum(path.stat().st_size for path in segments_in(where / "ahead") if path.exists())


def daily_files(folder: Path | None = None) -> list[Path]:
    """The files that older versions wrote, one a day and process."""
    return sorted((state_folder("decisions") if folder is None else folder).glob("*.jsonl"))


def files_naming(creator_id: str, folder: Path | None = None) -> list[Path]:
    """Files beside the store that name a creator: older daily ones, taken in or not, and lines that were set aside."""
    where = state_folder("decisions") if folder is None else folder
    files = [*daily_files(where), *sorted((where / "taken").glob("*.jsonl")), where / "ahead" / "aside"]
    written = {json.dumps(creator_id, ensure_ascii=ascii_only).encode() for ascii_only in (True, False)}
    return [path for path in files if path.is_file() and any(one in path.read_bytes() for one in written)]


def read_daily_file(path: Path) -> Iterator[Line]:
    """The whole lines of a file as older versions wrote it, one JSON document a line; one cut short is passed over."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = unpacked(text)
                datetime.fromisoformat(line["logged_at"])
            except (ValueError, KeyError, TypeError):
                _log.warning("decision log: a line of %s is not whole", path)
            else:
                yield line


def migrate_daily_files(store: DecisionStore, folder: Path | None = None) -> tuple[int, int]:
    """Take the daily files of older versions into ``store``; how many files and lines. A file then goes to ``taken/``.

    Raises
    ------
    LogError
        The store does not answer, or a line is none that it can take; the file stays as it is.
    """
    folder = state_folder("decisions") if folder is None else folder
    files = daily_files(folder)
    taken = 0
    for path in files:
        batch: list[Line] = []
        for line in read_daily_file(path):
            batch.append(line)
            if len(batch) == 256:
                _take(store, batch, path)
                taken += len(batch)
                batch = []
        _take(store, batch, path)
        taken += len(batch)
        (folder / "taken").mkdir(mode=0o700, exist_ok=True)
        path.rename(folder / "taken" / path.name)
    return len(files), taken


def _take(store: DecisionStore, lines: list[Line], path: Path) -> None:
    try:
        store.take(lines)
    except ValueError as reason:
        raise LogError("lines of a decision log", received=f"{path}: {reason}", look="the file") from reason
