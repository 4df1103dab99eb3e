"""``collabrank log``: status, purge, erase and what older versions wrote."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from collabrank.cli import app
from marketplace.errors import LogError
from serving.decisions import opened_log


def run(*words: str) -> Any:
    done = CliRunner().invoke(app, ["log", *words, "--json"])
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout)


def line(number: int, *, creators: int = 2) -> dict[str, Any]:
    at = datetime.fromisoformat("2026-03-01T00:00:00+00:00") + timedelta(days=number)
    shown = [{"creator_id": f"cr_{n}", "position": n, "vector": np.ones(200)} for n in range(creators)]
    return {"kind": "rank", "request_id": f"{number:032x}", "logged_at": at.isoformat(), "creators": shown}


@pytest.fixture
def logged(home: Path) -> Path:
    with opened_log() as store:
        store.take([line(number) for number in range(60)])
    return home


def test_status_tells_what_there_is(logged: Path) -> None:
    told = run("status")
    assert (told["requests"], told["shown"], told["events"], told["older_files"]) == (60, 120, 0, 0)
    assert told["first"] == "2026-03-01T00:00:00+00:00"
    assert 0 < told["bytes"] < told["limit"]
    assert "60 requests" in CliRunner().invoke(app, ["log", "status"]).stdout


def test_purge_by_day_and_by_size(logged: Path) -> None:
    assert run("purge", "--before", "2026-03-11")["requests"] == 10
    assert run("status")["first"] == "2026-03-11T00:00:00+00:00"
    size = run("status")["bytes"]
    told = run("purge", "--to", f"{size * 2 // 3 / 1000}KB")
    assert 0 < told["requests"] < 50
    assert told["bytes"] <= size * 2 // 3
    assert run("status")["last"] == "2026-04-29T00:00:00+00:00", "the oldest go first"
    for words in ((), ("--before", "2026-01-01", "--to", "1GB")):
        with pytest.raises(LogError, match="exactly one"):
            run("purge", *words)
    with pytest.raises(LogError, match="a size such as"):
        run("purge", "--to", "much")


def test_erase_removes_a_creator(logged: Path) -> None:
    older = logged / "var" / "decisions" / "2026-01-31-4711.jsonl"
    older.write_text('{"creator_id": "cr_1"}\n')
    assert run("erase", "cr_1") == {"shown": 60, "events": 0, "files": [str(older)]}
    assert run("erase", "cr_12") == {"shown": 0, "events": 0, "files": []}
    assert run("status")["shown"] == 60


def test_what_an_older_version_wrote_is_taken_in_once(home: Path) -> None:
    folder = home / "var" / "decisions"
    folder.mkdir(parents=True)
    vector = [0.1 + 0.2, None, -0.0]
    shown = [{"creator_id": "cr_1", "position": 1, "score": 3.5, "utility": 1.0, "vector": vector}]
    lines = [
        {"logged_at": "2026-01-31T10:00:00Z", "kind": "rank", "request_id": "1" * 32, "brief": {}, "creators": shown},
        {
            "logged_at": "2026-01-31T11:00:00Z", "kind": "feedback", "request_id": "1" * 32, "creator_id": "cr_1",
            "event": "INVITED", "at": "2026-01-31T12:00:00+07:00", "key_id": "k",
        },
    ]  # fmt: skip
    text = "".join(json.dumps(one) + "\n" for one in lines)
    (folder / "2026-01-31-4711.jsonl").write_text(text + '{"kind": "rank", "requ')
    assert run("status")["older_files"] == 1
    assert run("migrate") == {"files": 1, "lines": 2}
    assert run("migrate") == {"files": 0, "lines": 0}
    assert (folder / "taken" / "2026-01-31-4711.jsonl").exists()
    with opened_log() as store:
        (read,) = store.requests()
        assert read["creators"][0]["vector"].tobytes() == np.array([0.1 + 0.2, np.nan, -0.0]).tobytes()
        assert store.has_event("1" * 32, "cr_1", "INVITED")
