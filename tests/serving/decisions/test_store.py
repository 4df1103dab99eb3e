"""The store, SQLite and PostgreSQL alike: exact lines, nothing twice, purged and erased to the last trace."""

from __future__ import annotations

import copy
import secrets
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from marketplace.errors import LogError
from serving.decisions.lines import micros
from serving.decisions.store import DecisionStore, open_store
from serving.decisions.tables import METADATA

Make = Callable[..., dict[str, Any]]


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two lines are equal, vectors to the bit; what a line does not say counts as None."""
    one, other = copy.deepcopy(one), copy.deepcopy(other)
    for left, right in zip(one["creators"], other["creators"], strict=True):
        if left.pop("vector").tobytes() != right.pop("vector").tobytes():
            return False
    return one == other


def test_a_line_comes_back_to_the_bit(store: DecisionStore, line: Make) -> None:
    odd = line(1, text="ä\n\u2028\0", high=None)
    odd["creators"][0]["vector"] = np.array([np.nan, -0.0, 5e-324, np.inf, 0.1 + 0.2])
    store.take([odd, line(0)])
    first, second = store.requests()
    assert same(first, line(0))
    assert same(second, odd)
    assert same(store.request(odd["request_id"]) or {}, odd)
    assert store.request("f" * 32) is None
    without = list(store.requests(vectors=False))
    assert [one["vector"] for line in without for one in line["creators"]] == [None] * 6
    assert [one["score"] for one in without[0]["creators"]] == [one["score"] for one in line(0)["creators"]]


def test_what_comes_twice_is_there_once_and_the_first_one_stands(store: DecisionStore, line: Make, event: Make) -> None:
    lines = [line(0), line(1), event(0, "cr_1", "INVITED")]
    store.take(lines)
    store.take([*lines, line(2), {**event(0, "cr_1", "INVITED"), "key_id": "another"}])
    assert [one["request_id"] for one in store.requests()] == [line(n)["request_id"] for n in range(3)]
    assert [one["key_id"] for one in store.events()] == ["k1"]
    assert store.counts() | {"first": None, "last": None} == {
        "requests": 3, "unseen": 0, "shown": 9, "events": 1, "first": None, "last": None,
    }  # fmt: skip


def test_who_was_shown_is_known_and_what_was_ranked_unseen_was_not(
    store: DecisionStore, line: Make, event: Make
) -> None:
    unseen = line(0, arm="challenger", shadow=True, creators=5)
    store.take([unseen, line(0, shadow=False), event(0, "cr_1", "INVITED")])
    assert store.creators_shown(line(0)["request_id"]) == {"cr_1", "cr_2", "cr_3"}
    assert store.creators_shown("f" * 32) is None
    assert [store.has_event(line(0)["request_id"], *one) for one in (("cr_1", "INVITED"), ("cr_1", "ACCEPTED"))] == [
        True, False,
    ]  # fmt: skip
    assert [len(one["creators"]) for one in store.requests()] == [3, 5]
    assert store.counts()["unseen"] == 1


def test_many_requests_come_in_order_however_many(store: DecisionStore, line: Make) -> None:
    numbers = np.random.default_rng(5).permutation(450).tolist()
    store.take([line(n, creators=1) for n in numbers])
    assert [int(one["request_id"], 16) for one in store.requests()] == list(range(450))
    begins, ends = (line(0)["logged_at"], line(17)["logged_at"])
    found = store.requests(until=_at(ends))
    assert [int(one["request_id"], 16) for one in found] == list(range(17))
    assert [int(one["request_id"], 16) for one in store.requests(_at(begins) + timedelta(minutes=440))] == list(
        range(440, 450)
    )


def _at(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "wrong",
    [{"creators": [{"creator_id": None}]}, {"logged_at": "yesterday"}, {"request_id": "x" * 10_000, "brief": 5}],
)
def test_a_line_that_no_store_can_take_says_so_and_takes_no_other_with_it(
    store: DecisionStore, line: Make, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError):
        store.take([line(0), {**line(1), **wrong}])
    assert list(store.requests()) == []


def test_purge_removes_the_old_with_all_that_belongs_to_it(store: DecisionStore, line: Make, event: Make) -> None:
    store.take([line(n) for n in range(10)])
    store.take([event(1, "cr_1", "INVITED", minutes=500), event(7, "cr_1", "INVITED"), event(99, "cr_1", "INVITED")])
    assert store.purge(_at(line(5)["logged_at"])) == (5, 1)
    assert [int(one["request_id"], 16) for one in store.requests()] == [5, 6, 7, 8, 9]
    assert [int(one["request_id"], 16) for one in store.events()] == [7, 99]
    assert store.counts()["shown"] == 15


def test_a_creator_is_erased_everywhere_and_stays_so(
    store: DecisionStore, line: Make, event: Make, tmp_path: Path
) -> None:
    gone = "cr_erased_%_'"
    asked = line(0, filters={"include_only_creator_ids": [gone, "cr_2"]}, unknown_applicants=[gone])
    asked["creators"][0]["creator_id"] = gone
    store.take([asked, line(1), event(0, gone, "INVITED"), event(0, "cr_2", "INVITED")])
    assert store.erase(gone) == (1, 1)
    left = store.request(asked["request_id"]) or {}
    assert [one["creator_id"] for one in left["creators"]] == ["cr_2", "cr_3"]
    assert (left["filters"], left["unknown_applicants"]) == ({"include_only_creator_ids": ["cr_2"]}, [])
    assert same(store.request(line(1)["request_id"]) or {}, line(1))
    # A line that was on its way when the creator was erased does not bring the creator back.
    late = line(2)
    late["creators"][0]["creator_id"] = gone
    store.take([late, event(2, gone, "INVITED")])
    assert [one["creator_id"] for one in (store.request(late["request_id"]) or {})["creators"]] == ["cr_2", "cr_3"]
    assert not store.has_event(late["request_id"], gone, "INVITED")
    for file in tmp_path.rglob("decisions.db*"):
        assert gone.encode() not in file.read_bytes()


def test_the_migrations_make_what_the_code_reads(store: DecisionStore) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "decisions_version"})
        assert compare_metadata(context, METADATA) == []


def test_workers_that_open_a_new_store_at_once_make_it_once(address: str, line: Make) -> None:
    def work(number: int) -> int:
        store = open_store(address)
        try:
            store.take([line(number), line(100)])
            return len(list(store.requests()))
        finally:
            store.close()

    with ThreadPoolExecutor(6) as pool:
        assert max(pool.map(work, range(6))) == 7


def test_a_store_of_a_newer_version_is_refused(store: DecisionStore) -> None:
    with store._engine.begin() as connection:
        connection.execute(sa.text("UPDATE decisions_version SET version_num = '9999'"))
    with pytest.raises(LogError, match="this version of collabrank"):
        open_store(store.address)


def test_the_file_is_its_owners_and_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'decisions.db'}")
    assert stat.S_IMODE((tmp_path / "decisions.db").stat().st_mode) == 0o600
    store.close()
    with pytest.raises(LogError, match="SQLite or PostgreSQL") as caught:
        open_store("mysql://user:s3cret@host/log")
    assert "s3cret" not in str(caught.value)


def test_the_size_falls_when_rows_are_purged(store: DecisionStore, line: Make) -> None:
    empty = store.size()
    store.take([line(n, text=secrets.token_hex(1000)) for n in range(300)])
    assert store.size() > empty + 300 * 1000
    store.purge(_at(line(300)["logged_at"]))
    if store.address.startswith("sqlite:"):
        assert store.size() < empty + 100_000
    assert micros(line(0)["logged_at"]) == 1_772_368_215_123_456


def test_a_file_that_was_exchanged_is_not_written_to_any_more(tmp_path: Path, line: Make) -> None:
    folder, address = tmp_path / "store", f"sqlite:///{tmp_path / 'store' / 'decisions.db'}"
    store = open_store(address)
    store.take([line(0)])
    folder.rename(tmp_path / "away")
    other = open_store(address)
    other.take([line(1)])
    other.close()
    store.take([line(2)])
    assert [one["request_id"] for one in store.requests()] == [line(n)["request_id"] for n in (1, 2)]
    store.close()
    moved = open_store(f"sqlite:///{tmp_path / 'away' / 'decisions.db'}")
    assert [one["request_id"] for one in moved.requests()] == [line(0)["request_id"]]
    moved.close()


def test_a_connection_is_kept_and_none_is_left_behind(tmp_path: Path, line: Make) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'decisions.db'}")
    for number in range(3):
        store.take([line(number)])
    ahead = tmp_path / "decisions.db-wal"
    assert ahead.exists(), "the last connection that closes writes it all over"
    store.close()
    assert not ahead.exists()
