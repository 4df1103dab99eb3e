"""The package's commands as a person meets them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from marketplace.errors import AccessError, GateError, TrainingError
from training import commands
from training.commands import app

TUNING = ("tune", "compare")
NAMES = ("train", "evaluate", "lift", "off_policy", "promote", "rollback", "score", "rank", "ui")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_option_has_help(name):
    answer = CliRunner().invoke(app, [name.replace("_", "-"), "--help"], env={"COLUMNS": "200"})
    assert answer.exit_code == 0
    registered = next(c for c in app.registered_commands if c.callback is getattr(commands, name))
    assert registered.callback.__doc__
    assert "Usage" in answer.output


@pytest.mark.parametrize("name", TUNING)
def test_mounted_commands_have_help(name):
    answer = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert answer.exit_code == 0
    assert getattr(commands, name).__doc__.splitlines()[0][:40] in answer.output


def test_a_shape_is_given_once(home, tmp_path):
    answer = CliRunner().invoke(app, ["train", str(tmp_path), "--tuned", "--hyperparameters", "x.json"])
    assert answer.exit_code == 2
    assert "one of" in answer.output


def test_tuned_without_a_study_says_how_to_make_one(home, small_market):
    answer = CliRunner().invoke(app, ["train", str(small_market), "--tuned"])
    assert isinstance(answer.exception, TrainingError)
    assert "collabrank tune" in str(answer.exception)


def test_importing_the_commands_imports_nothing_heavy():
    code = (
        "import sys, training.commands; "
        "print(sorted({'mlflow', 'lightgbm', 'ibis', 'pandas', 'bentoml', 'optuna'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_promote_without_a_candidate_says_what_to_do(home):
    answer = CliRunner().invoke(app, ["promote"])
    assert isinstance(answer.exception, GateError)
    assert "collabrank train" in str(answer.exception)


def test_rollback_without_a_champion_says_so(home):
    answer = CliRunner().invoke(app, ["rollback"])
    assert isinstance(answer.exception, GateError)


def test_ui_is_not_reached_from_elsewhere_without_a_password(home):
    answer = CliRunner().invoke(app, ["ui", "--host", "0.0.0.0"])
    assert isinstance(answer.exception, AccessError)


def test_ui_of_a_server_points_at_the_server(home, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:9")
    answer = CliRunner().invoke(app, ["ui"])
    assert isinstance(answer.exception, TrainingError)
    assert "127.0.0.1:9" in answer.exception.received
    assert "secret" not in answer.exception.received
