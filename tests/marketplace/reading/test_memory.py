"""The database inside the process is held to what it is allowed, and spills beside the state."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from marketplace.errors import HomeError
from marketplace.reading.memory import DEFAULT_MEMORY, bound_memory, memory
from marketplace.tables import open_marketplace


def setting(connection, name: str) -> str:
    found = connection.execute(f"SELECT current_setting('{name}')").fetchone()
    assert found is not None
    return str(found[0])


def test_what_does_not_fit_is_spilled_and_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLABRANK_MEMORY", "150MB")
    with duckdb.connect() as connection:
        bound_memory(connection)
        assert setting(connection, "memory_limit") == "143.0 MiB"  # 150 * 10^6 / 2^20
        connection.execute("CREATE TEMP TABLE much AS SELECT range AS i, hash(range) AS h FROM range(15_000_000)")
        spilled = [file for file in (home / "var" / "spill").rglob("*") if file.is_file()]
        assert sum(file.stat().st_size for file in spilled) > 0
        counted = connection.execute("SELECT count(*), count(DISTINCT i % 1000), sum(i) FROM much").fetchone()
        assert counted == (15_000_000, 1_000, 15_000_000 * 14_999_999 // 2)
    assert not [file for file in (home / "var" / "spill").rglob("*") if file.is_file()]


@pytest.mark.parametrize("asked", ["lots", "6", "-1GB", "6GB; DROP TABLE x", "200 MB"])
def test_a_bound_that_cannot_be_read_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("COLLABRANK_MEMORY", asked)
    with pytest.raises(HomeError, match="COLLABRANK_MEMORY"):
        memory()


def test_by_default_it_is_a_share_of_the_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLLABRANK_MEMORY", raising=False)
    assert memory() == DEFAULT_MEMORY
    with duckdb.connect() as connection:
        bound_memory(connection)
        half = setting(connection, "memory_limit")
        connection.execute("SET memory_limit='100%'")
        value, unit = setting(connection, "memory_limit").split()
        assert half.endswith(unit)
        assert float(half.split()[0]) == pytest.approx(float(value) / 2, abs=0.2)


def test_a_home_that_takes_no_files_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "var").write_text("in the way")
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path))
    with duckdb.connect() as connection:
        before = setting(connection, "temp_directory")
        bound_memory(connection)
        assert setting(connection, "temp_directory") == before


def test_a_marketplace_on_disk_is_bound_and_answers_the_same(
    small_market: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = open_marketplace(small_market, unchecked=True)
    monkeypatch.setenv("COLLABRANK_MEMORY", "400MB")
    bound = open_marketplace(small_market, unchecked=True)
    assert setting(bound.backend.con, "memory_limit") == "381.4 MiB"
    assert setting(bound.backend.con, "temp_directory") == str(home / "var" / "spill")
    orders = free.frame("orders", ["order_id", "known_at", "creator_id"])
    assert bound.latest("orders", "known_at") == free.latest("orders", "known_at") == orders["known_at"].max()
    some = orders["creator_id"].dropna().unique()[:3]
    asked = bound.frame_of("orders", ["order_id", "known_at", "creator_id"], key="creator_id", values=some)
    by = ["order_id", "known_at", "creator_id"]
    wanted = orders[orders["creator_id"].isin(some)].sort_values(by, ignore_index=True)
    assert asked.sort_values(by, ignore_index=True).equals(wanted)
    assert bound.frame_of("orders", ["order_id"], key="creator_id", values=[]).empty
