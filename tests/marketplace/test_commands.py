"""The package's commands: what they print, what a program reads, how they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from marketplace.commands import app
from marketplace.errors import ContractError
from marketplace.sources import IngestReport

Tables = dict[str, pa.Table]
Write = Callable[[Path, Mapping[str, pa.Table]], Path]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_check_of_a_sound_marketplace(small_market: Path) -> None:
    assert "keeps the contract" in run("check", str(small_market))
    answer = json.loads(run("check", str(small_market), "--json"))
    assert answer["ok"] is True
    assert answer["rows"]["campaigns"] == 60


def test_check_prints_every_problem_and_fails(
    tmp_path: Path, valid: Tables, write_market: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    valid["orders"] = valid["orders"].drop_columns(["price"])
    valid["creators"] = pa.concat_tables([valid["creators"], valid["creators"].slice(2, 2)])
    folder = write_market(tmp_path / "m", valid)
    command = typer.main.get_command(app)
    with pytest.raises(ContractError, match="2 problems: 1 of duplicate key, 1 of missing column"):
        command.main(["check", str(folder)], standalone_mode=False)
    printed = capsys.readouterr().out
    assert "PROBLEM  orders.price: the column is missing" in printed
    assert "creators.creator_id: 2 rows are copies of another row" in printed
    with pytest.raises(ContractError):
        command.main(["check", str(folder), "--json"], standalone_mode=False)
    assert [p["kind"] for p in json.loads(capsys.readouterr().out)["problems"]] == ["duplicate_key", "missing_column"]


def test_simulate_writes_a_marketplace_and_replaces_only_a_marketplace(tmp_path: Path) -> None:
    out = tmp_path / "m"
    arguments = ["simulate", str(out), "--creators", "60", "--campaigns", "3", "--days", "60", "--seed", "1"]
    run(*arguments)
    run(*arguments)
    assert "keeps the contract" in run("check", str(out))
    (out / "thesis.tex").write_text("irreplaceable")
    with pytest.raises(ContractError, match=r"thesis\.tex"):
        run(*arguments)
    assert (out / "thesis.tex").read_text() == "irreplaceable"


def test_ingest_prints_what_is_missing(
    complete_journey: tuple[Path, IngestReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.sources.ingest", lambda *_, **_folder: complete_journey[1])
    printed = run("ingest", "complete-journey", str(tmp_path / "out"))
    assert "samples" in printed
    assert "invitations           13,178 rows" in printed
    answer = json.loads(run("ingest", "complete-journey", str(tmp_path / "out"), "--json"))
    assert answer["missing"]["reviews"]


def test_worlds_and_sources_are_listed() -> None:
    assert "confounded    brands invite on a hunch" in run("simulate", "--worlds")
    assert run("ingest", "--sources").startswith("complete-journey  a grocer's")


def test_every_option_has_help() -> None:
    command = typer.main.get_command(app)
    for name, sub in command.commands.items():  # type: ignore[attr-defined]
        assert sub.help, name
        for parameter in getattr(sub, "params", []):
            assert parameter.name == "help" or parameter.help, f"{name} {parameter.name}"
