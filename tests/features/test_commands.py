"""The command: signals."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from features.commands import app
from features.signals.registry import SIGNALS


def run(*arguments):
    # One command alone needs no name.
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_signals_lists_every_signal():
    shown = run()
    assert all(f"  {name} " in shown for name in SIGNALS)
    listed = json.loads(run("--json"))
    assert [one["name"] for one in listed] == list(SIGNALS)
    assert set(listed[0]) == {"name", "entity", "unit", "window", "doc", "monotone"}
