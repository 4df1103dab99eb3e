"""The command line: mounts each package's commands and prints errors plainly. It holds no logic."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from features.commands import app as features_app
from marketplace.commands import app as marketplace_app
from marketplace.errors import CollabrankError, Problem, SourceError
from marketplace.options import AsJson, EngineOption, Folder, as_of_option, print_result
from marketplace.text import printable
from serving.commands import app as serving_app
from training.commands import app as training_app

__all__ = ["app", "doctor", "main", "report"]

app = typer.Typer(
    name="collabrank",
    help="Rank creators for a brief: what each would add, how sure that is, and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _package in (marketplace_app, features_app, training_app, serving_app):
    app.add_typer(_package)


def _version(asked: bool) -> None:
    if asked:
        from collabrank import __version__

        print(f"collabrank {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    pass


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at this machine and home, and say what is well and what is not (exit 1 if anything is not)."""
    from collabrank.doctor import findings

    found = findings()
    if as_json:
        print(json.dumps([finding.as_dict() for finding in found], indent=2))
    else:
        print(*found, sep="\n")
    if not all(finding.ok for finding in found):
        raise typer.Exit(1)


@app.command()
def report(
    directory: Folder,
    *,
    campaign: Annotated[str | None, typer.Option(help="One campaign.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All campaigns that had invited by then.")] = False,
    as_of: Annotated[str | None, as_of_option("Read only what was known before this day. Default: everything.")] = None,
    _engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Say what came of past campaigns, held against what was foretold; two pages each to print, in var/reports.

    Without --campaign and --all: the newest campaign that is over and of which lift is told. Added sales with their
    interval beside attributed ones, profit, by creator, what the checks say, and what to do next.
    """
    from collabrank.face import report as run
    from marketplace.progress import say
    from training.results import page_of

    found = run(directory, campaign=campaign, every=every, as_of=as_of)
    print_result(found, as_json)
    pages = [page_of(one.campaign_id) for one in found]
    say(f"to print: {pages[0]}" if len(pages) == 1 else f"to print: {len(pages)} pages in {pages[0].parent}")


def main() -> None:
    """Run the command line; an error of ours is three plain lines and exit code 2, and so is a file's."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What the terminal's encoding cannot show is spelt out, and ends no command.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SourceError as error:
        _say(type(error).__name__, error.expected, error.told, error.look, each=error.each)
    except CollabrankError as error:
        _say(type(error).__name__, error.expected, error.received, error.look, also=getattr(error, "problems", ())[1:])
    except OSError as error:
        # A file or folder of the user's that cannot be opened; what has no name is a fault of ours, and shows as one.
        if not error.filename:
            raise
        _say(type(error).__name__, "a file or folder that can be used", error.strerror or "", str(error.filename))


def _say(
    kind: str, expected: str, received: str, look: str, *, each: Sequence[str] = (), also: Sequence[Problem] = ()
) -> None:
    print(f"{kind}: expected {printable(expected)}", file=sys.stderr)
    print(f"  received  {printable(received)}", file=sys.stderr)
    for line in each:
        print(f"    {printable(line)}", file=sys.stderr)
    for one in also:
        print(f"  and       {printable(one.field)}: expected {printable(one.expected)}", file=sys.stderr)
        print(f"  received  {printable(one.received)}", file=sys.stderr)
    print(f"  see       {printable(look)}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
