"""A page and how far it leads are written together; what has not changed takes no room."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from marketplace.errors import SourceError
from marketplace.sources.tiktok_shop.store import Run, Store


def opened(folder: Path, host: str = "h") -> Store:
    return Store(folder / "fetched.sqlite", host=host)


def test_a_state_is_kept_where_it_differs_from_the_one_before(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        run = store.open_run(0, 100)
        for seen, body in ((10, {"a": 1, "b": 2}), (20, {"b": 2, "a": 1}), (30, {"a": 2}), (40, {"a": 1, "b": 2})):
            store.write(run, [("orders", "o1", body)], [], seen=seen)
        assert [(one.seen, one.body) for one in store.states("orders")] == [
            (10, {"a": 1, "b": 2}), (30, {"a": 2}), (40, {"a": 1, "b": 2}),
        ]  # fmt: skip
        # A clock that went back: the newer state is the later one all the same.
        store.write(run, [("orders", "o1", {"a": 9})], [], seen=5)
        assert store.latest("orders") == {"o1": {"a": 9}}


def test_records_and_steps_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        run = store.open_run(0, 100)
        with pytest.raises(TypeError):
            store.write(run, [("orders", "o1", {}), ("orders", "o2", {1, 2})], [("orders/0", "t", False)], seen=1)
        assert not store.latest("orders")
        assert not store.steps(run)
        store.write(run, [("orders", "o1", {})], [("orders/0", "t", False)], seen=1)
    with opened(tmp_path) as store:
        assert store.open_run(7, 900) == run
        assert store.steps(run) == {"orders/0": ("t", False)}
        assert store.latest("orders") == {"o1": {}}


def test_a_run_begins_where_the_last_ended_or_earlier_where_more_is_asked_for(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert store.reached() == 0
        first = store.open_run(50, 100)
        store.close_run(first)
        assert store.reached() == 100
        second = store.open_run(50, 200)
        assert second == Run(2, 100, 200)
        store.close_run(second)
        assert store.begins() == 50
        assert store.open_run(20, 300) == Run(3, 20, 300)
        assert store.begins() == 20


def test_the_file_is_its_owners_and_one_process_at_a_time_has_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.open_run(0, 1)
        assert stat.S_IMODE((tmp_path / "fetched.sqlite").stat().st_mode) == 0o600
        with pytest.raises(SourceError, match="no other process"):
            opened(tmp_path)


def test_another_hosts_another_layouts_and_no_file_are_refused(tmp_path: Path) -> None:
    opened(tmp_path).__exit__(None, None, None)
    with pytest.raises(SourceError, match="from h"):
        opened(tmp_path, host="other")
    database = sqlite3.connect(tmp_path / "fetched.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(SourceError, match="layout 99"):
        opened(tmp_path)
    (tmp_path / "fetched.sqlite").write_bytes(b"no database at all, but some text that is long enough" * 50)
    with pytest.raises(SourceError, match="fetched"):
        opened(tmp_path)
