"""The options that many commands share, and how a command prints what it found."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any, Protocol

import typer

from marketplace.instants import read_instant
from marketplace.text import printable

__all__ = ["AsJson", "EngineOption", "Folder", "Printed", "as_of_option", "print_result"]

Folder = Annotated[
    str,
    typer.Argument(
        help="The marketplace: a folder with one sub-folder a table, a DuckDB file, or a URL such as "
        "postgres://USER@HOST/DATABASE/SCHEMA.",
        metavar="DIR",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


def _use_engine(engine: str | None) -> str | None:
    """Make ``engine`` this process's and its children's, before anything is opened."""
    from marketplace.engine import ENGINE_VARIABLE, asked_engine

    if engine is not None:
        os.environ[ENGINE_VARIABLE] = asked_engine(engine)
    return engine


EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="Where signals, indices, labels and what lift and conversion are fitted on are worked out: duckdb, in "
        "this process; spark, on this machine; or a Spark URL (local[2], spark://HOST:7077, sc://HOST:15002). The "
        "files' check, and tables that do not grow with orders, are read by this process whatever the engine. Default: "
        "COLLABRANK_ENGINE, else duckdb.",
        metavar="ENGINE",
        show_default=False,
        callback=_use_engine,
    ),
]
"""Takes effect by its callback; a command's parameter of this type is called ``_engine`` and not read."""


class Printed(Protocol):
    """A result that a command prints: as text, or as JSON."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        ...


def as_of_option(says: str) -> Any:
    """``--as-of DATE`` with its own words: a date in ISO form, looked at before anything else is done."""
    return typer.Option("--as-of", help=says, metavar="YYYY-MM-DD", callback=_in_iso_form)


def _in_iso_form(value: str | None) -> str | None:
    if value is not None:
        read_instant(value, "--as-of")
    return value


def print_result(result: Printed, as_json: bool) -> None:
    """``result`` on standard output: its whole text, or one JSON document."""
    print(json.dumps(result.as_dict(), indent=2) if as_json else printable(str(result), lines=True))
