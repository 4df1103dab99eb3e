"""The command line: mounts each package's commands and prints errors plainly. It holds no logic."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Annotated

import typer

from features.commands import app as features_app
from marketplace.commands import app as marketplace_app
from marketplace.errors import CollabrankError
from serving.commands import app as serving_app
from training.commands import app as training_app

__all__ = ["app", "doctor", "main"]

# The libraries underneath are imported by the commands that need them: their telemetry is off before that.
for _name, _value in {
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}.items():
    os.environ.setdefault(_name, _value)

app = typer.Typer(
    name="collabrank",
    help="Rank creators for a brief: what each would add, how sure that is, and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for _room in (marketplace_app, features_app, training_app, serving_app):
    app.add_typer(_room)

_DOCTORS = ("marketplace", "features", "models", "training", "serving")


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at this machine and home, and say what is well and what is not (exit 1 if anything is not)."""
    findings = [finding for room in _DOCTORS for finding in import_module(f"{room}.doctor").findings()]
    if as_json:
        print(json.dumps([finding.as_dict() for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok ' if finding.ok else 'BAD'}  {finding.name:<10} {finding.seen}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; an error of ours is three plain lines and exit code 2."""
    try:
        app()
    except CollabrankError as error:
        print(f"{type(error).__name__}: expected {error.expected}", file=sys.stderr)
        print(f"  received  {error.received}", file=sys.stderr)
        print(f"  see       {error.look}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
