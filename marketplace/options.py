"""The options that many commands share, and how a command prints what it found."""

from __future__ import annotations

import json
from typing import Annotated, Any, Protocol

import typer

from marketplace.instants import read_instant
from marketplace.text import printable

__all__ = ["AsJson", "Folder", "Printed", "as_of_option", "print_result"]

Folder = Annotated[
    str,
    typer.Argument(
        help="The marketplace: a folder with one sub-folder a table, a DuckDB file, or a URL such as "
        "postgres://USER@HOST/DATABASE/SCHEMA.",
        metavar="DIR",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


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
