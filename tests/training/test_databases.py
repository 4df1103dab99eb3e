"""MLflow's store and Optuna's studies in a real PostgreSQL; and what does not answer is told at once, in words."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from marketplace.databases import database_address, file_of, require_answer, sqlite_address
from marketplace.errors import TrainingError
from tests.postgres import database
from training.tracking.store import open_store
from training.tuning.study import open_study, require_studies, tuning_lock


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize("name", ["plain", "a b", "100%", "a#b", "a?b=c", "ü'\"", "50%41", "a&b"])
def test_a_sqlite_file_is_where_its_address_says(name: str, tmp_path: Path) -> None:
    import sqlalchemy

    file = tmp_path / name / "one.db"
    file.parent.mkdir()
    address = sqlite_address(file)
    with sqlalchemy.create_engine(address).begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE held (one INTEGER)"))
    assert file_of(address) == file
    assert [path.name for path in file.parent.iterdir()] == ["one.db"]
    with sqlite3.connect(file) as again:
        assert again.execute("SELECT name FROM sqlite_master").fetchall() == [("held",)]


def test_addresses_that_name_no_driver_get_the_one_that_is_brought() -> None:
    assert database_address("postgres://me@host/one") == "postgresql+psycopg://me@host/one"
    assert database_address("postgresql://me@host/one") == "postgresql+psycopg://me@host/one"
    for as_it_is in ("postgresql+psycopg2://me@host/one", "sqlite:///one.db", "https://mlflow.example.com"):
        assert database_address(as_it_is) == as_it_is


@pytest.mark.parametrize(
    "address", ["postgresql+psycopg://me:hush%40hush@127.0.0.1:{port}/one", "http://me:hush%40hush@127.0.0.1:{port}"]
)
def test_nothing_that_answers_is_told_within_seconds_and_without_the_password(address: str) -> None:
    began = time.monotonic()
    with pytest.raises(TrainingError, match="refused") as caught:
        require_answer(address.format(port=closed_port()), what="a store", look="here", error=TrainingError)
    assert time.monotonic() - began < 5
    assert "127.0.0.1" in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "command"),
    [
        ("MLFLOW_TRACKING_URI", ["train"]),
        ("MLFLOW_TRACKING_URI", ["tune", "--minutes", "1"]),
        ("COLLABRANK_STUDIES", ["tune", "--minutes", "1"]),
    ],
)
def test_commands_end_before_anything_is_fitted_where_the_store_does_not_answer(
    variable: str, command: list[str], small_market: Path, home: Path
) -> None:
    address = f"postgresql://me:hushhush@127.0.0.1:{closed_port()}/one"
    word, *options = command
    ended = subprocess.run(
        [sys.executable, "-m", "collabrank", word, str(small_market), *options],
        capture_output=True, text=True, env={**os.environ, variable: address}, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert not ended.stdout
    assert "Traceback" not in ended.stderr
    assert "refused" in ended.stderr
    assert variable in ended.stderr
    assert "hushhush" not in ended.stderr
    assert "invitations" not in ended.stderr


def test_what_postgres_refuses_is_told_in_its_words(postgres: str) -> None:
    with pytest.raises(TrainingError, match='database "nowhere" does not exist'):
        open_store(database_address(f"{postgres}/nowhere"))
    with pytest.raises(TrainingError, match="password authentication failed") as caught:
        open_store(database_address(postgres.replace("s3cr", "hushhush") + "/postgres"))
    assert "hushhush" not in str(caught.value)


def test_a_study_needs_a_database_that_can_hold_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLABRANK_STUDIES", "redis://me:hush@127.0.0.1/0")
    with pytest.raises(TrainingError, match="COLLABRANK_STUDIES as postgresql") as caught:
        require_studies()
    assert "hush" not in str(caught.value)


def test_a_study_in_postgres_is_gone_on_with_from_another_home(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLABRANK_STUDIES", database(postgres, "studies"))
    for home in ("one", "other"):
        monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path / home))
        with open_study("shared", seed=None if home == "other" else 11) as study:
            assert study.user_attrs["seed"] == 11
            study.tell(study.ask(), 0.5)
            assert len(study.trials) == {"one": 1, "other": 2}[home]
    with pytest.raises(TrainingError, match="seed"), open_study("shared", seed=4):
        pass
    assert not list(tmp_path.rglob("tune.db"))


def test_one_process_at_a_time_has_the_lock_in_postgres(
    postgres: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLABRANK_STUDIES", f"{postgres}/postgres")
    got = threading.Event()

    def other() -> None:
        with tuning_lock():
            got.set()

    waiting = threading.Thread(target=other)
    with tuning_lock():
        waiting.start()
        assert not got.wait(0.5)
    assert got.wait(10)
    waiting.join()
