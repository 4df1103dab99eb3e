"""The command line as a whole: help, version, completion, dates, endings, and plain words for what goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import collabrank as cr
from collabrank.cli import app
from marketplace.errors import BriefError, Problem

ENVIRONMENT = {"COLUMNS": "200", "TERM": "dumb"}


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, (*path, name))


COMMANDS = dict(walk(typer.main.get_command(app)))
DATED = [path for path, command in COMMANDS.items() if any("--as-of" in p.opts for p in command.params)]


def run(*words: str, home: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [sys.executable, "-m", "collabrank", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **ENVIRONMENT, "COLLABRANK_HOME": str(home)},
        check=False,
    )
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    return result


def test_version() -> None:
    answer = CliRunner().invoke(app, ["--version"])
    assert answer.exit_code == 0
    assert answer.stdout == f"collabrank {cr.__version__}\n"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_short_and_long_help_are_the_same_everywhere(path: tuple[str, ...]) -> None:
    short, long = (CliRunner().invoke(app, [*path, flag], env=ENVIRONMENT) for flag in ("-h", "--help"))
    assert short.exit_code == long.exit_code == 0
    assert "Usage" in short.stdout
    assert short.stdout == long.stdout


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_is(path: tuple[str, ...]) -> None:
    assert path == () or COMMANDS[path].help
    for parameter in COMMANDS[path].params:
        assert parameter.name == "help" or parameter.help, parameter.name


def test_completion_can_be_had(tmp_path: Path) -> None:
    # Asked for from within bash: the shell is told by whose child the command is, and `make` may run in another.
    ask = f'"{sys.executable}" -m collabrank --show-completion; true'
    environment = {**os.environ, "COLLABRANK_HOME": str(tmp_path)}
    script = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True, env=environment).stdout
    assert "_COLLABRANK_COMPLETE=complete_bash" in script or "complete -" in script


def test_dates_are_read_at_these_commands() -> None:
    read = {"snapshot", "card", "train", "tune", "lift", "report", "experiment report"}
    assert {" ".join(path) for path in DATED} == read


@pytest.mark.parametrize("path", DATED, ids=" ".join)
@pytest.mark.parametrize("text", ["01/02/2025", "20250102", "2025-1-2", "yesterday", "2025-02-30"])
def test_a_date_that_must_be_guessed_is_refused_before_anything_is_done(path: tuple[str, ...], text: str) -> None:
    more = {"card": ["somebody"], "tune": ["--minutes", "1"]}.get(path[-1], [])
    answer = CliRunner().invoke(app, [*path, "no_such_folder", *more, "--as-of", text])
    assert isinstance(answer.exception, cr.CollabrankError)
    assert type(answer.exception).__name__ == "DateError"
    assert text in answer.exception.received
    assert "--as-of" in answer.exception.expected


def test_three_lines_and_exit_code_2(tmp_path: Path) -> None:
    answer = run("train", "nowhere", "--as-of", "01/02/2025", home=tmp_path, code=2)
    assert [line.split()[0] for line in answer.stderr.splitlines()] == ["DateError:", "received", "see"]
    assert answer.stdout == ""


def test_endings_are_looked_at_before_the_work_begins(tmp_path: Path) -> None:
    for words in (("score", "nowhere", "scores.xlsx"), ("facts", "nowhere", "--figure", "facts.pdf")):
        answer = run(*words, home=tmp_path, code=2)
        assert answer.stderr.startswith("FileError: expected a file name that ends in ")
        assert words[-1] in answer.stderr
    assert not (tmp_path / "scores.xlsx").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense",), "No such command"),
        (("train",), "Missing argument"),
        (("train", "x", "--nonsense"), "No such option"),
        (("evaluate", "x", "--missing", "ignore"), "--missing"),
        (("simulate", "x", "--creators", "many"), "--creators"),
    ],
)
def test_usage_that_cannot_be_understood_is_said_plainly(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    answer = run(*words, home=tmp_path, code=2)
    assert said in answer.stderr
    assert answer.stdout == ""


def test_a_file_that_cannot_be_used_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from collabrank import cli

    def refuses() -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "locked"))

    monkeypatch.setattr(cli, "app", refuses)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2


def test_all_that_is_wrong_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from collabrank import cli

    def wrong() -> None:
        raise BriefError.of([Problem("market", "a market", "ZZ"), Problem("price", "a price", "0")], look="the brief")

    monkeypatch.setattr(cli, "app", wrong)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "BriefError: expected a market",
        "  received  ZZ (and 1 more to put right)",
        "  and       price: expected a price",
        "  received  0",
        "  see       the brief",
    ]


def test_a_fault_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    from collabrank import cli

    def fails() -> None:
        raise OSError("no file of anybody's")

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(OSError, match="anybody"):
        cli.main()


def test_the_command_line_imports_nothing_heavy() -> None:
    code = (
        "import sys, collabrank.cli; print(sorted({'mlflow', 'bentoml', 'lightgbm', 'ibis', 'optuna', 'sklearn', "
        "'pandas', 'numpy', 'pyarrow', 'duckdb'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_each_trouble_of_files_has_a_line_of_its_own(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "orders.csv").write_text("Order ID,Date\n7\u200b,x\x1b[31m\n", encoding="utf-8")
    (files / "mapping.toml").write_text('[[orders]]\nfile = "orders.csv"\norder_id = "Order ID"\nordered_at = "Date"\n')
    result = run("ingest", str(files), str(tmp_path / "market"), home=tmp_path, code=2)
    lines = result.stderr.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("  received  "))
    end = next(at for at, line in enumerate(lines) if line.startswith("  see  "))
    assert len(lines[start + 1 : end]) == int(lines[start].split()[1]) > 3
    assert all(line.startswith("    ") for line in lines[start + 1 : end])
    assert "\x1b" not in result.stderr
