"""How long the audit log is kept: all of it, so many days, or until somebody purges it, which is told."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from collabrank.cli import app
from marketplace.errors import FileError, HomeError
from serving.audit import AuditLog, audit_files, days_kept, purge_audit, read_audit

DAYS = "COLLABRANK_AUDIT_DAYS"
TODAY = datetime.now(UTC).date()


def run(*words: str) -> Any:
    done = CliRunner().invoke(app, ["audit", *words, "--json"])
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout)


@pytest.fixture
def folder(home: Path) -> Path:
    """Ten days of one line each, up to yesterday, and a file of somebody else's."""
    made = home / "var" / "audit"
    made.mkdir(parents=True)
    for back in range(1, 11):
        (made / f"{TODAY - timedelta(days=back)}.jsonl").write_text(f'{{"kind": "request", "back": {back}}}\n')
    (made / "notes.jsonl").write_text("")
    return made


def test_everything_is_kept_unless_told_otherwise(folder: Path) -> None:
    AuditLog().request({"key_id": "k1"})
    assert len(audit_files()) == 11
    assert run("status") == {
        "days": 11, "first": str(TODAY - timedelta(days=10)), "last": str(TODAY),
        "bytes": sum(path.stat().st_size for path in folder.iterdir()), "days_kept": None,
    }  # fmt: skip


def test_the_first_line_of_a_day_removes_those_that_are_too_old(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DAYS, "4")
    log = AuditLog()
    log.request({"key_id": "k1"})
    assert list(audit_files()) == [TODAY - timedelta(days=back) for back in (3, 2, 1, 0)], "today and three before it"
    assert (folder / "notes.jsonl").exists(), "what is no day of the log is nobody's to remove"
    old = folder / f"{TODAY - timedelta(days=9)}.jsonl"
    old.write_text("{}\n")
    log.request({"key_id": "k1"})
    assert old.exists(), "the day has begun: nothing is looked for with each line"
    assert len((folder / f"{TODAY}.jsonl").read_text().splitlines()) == 2


def test_a_setting_that_cannot_be_meant_removes_nothing_and_is_refused_before_serving(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for wrong in ("0", "-3", "1.5", "a year", "²"):
        monkeypatch.setenv(DAYS, wrong)
        with pytest.raises(HomeError, match="whole number of days"):
            days_kept()
    with caplog.at_level(logging.ERROR):
        AuditLog().request({"key_id": "k1"})
    assert len(audit_files()) == 11
    assert "are not removed" in caplog.text


def test_a_purge_is_told_in_the_log_itself(folder: Path) -> None:
    first = TODAY - timedelta(days=5)
    gone = run("purge", "--before", str(first))["files"]
    assert gone == [f"{TODAY - timedelta(days=back)}.jsonl" for back in (10, 9, 8, 7, 6)]
    assert min(audit_files()) == first
    told = list(read_audit())[-1]
    assert (told["kind"], told["before"], told["files"]) == ("audit.purge", str(first), 5)
    assert told["by"]
    assert purge_audit(first) == []
    assert purge_audit(date(1970, 1, 1)) == []


def test_a_folder_that_lets_nothing_go_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(FileError, match="files can be removed"):
        purge_audit(TODAY)
