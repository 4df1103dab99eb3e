"""``collabrank snapshot``, ``card``, ``serve``, ``keys`` and ``experiment``: what is served, shown and opened."""

from __future__ import annotations

import json
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from marketplace.options import AsJson, EngineOption, Folder, as_of_option, print_result
from serving.logbook import app as logbook

__all__ = [
    "app",
    "card",
    "console",
    "create",
    "drift",
    "experiment",
    "keys",
    "list_keys",
    "report",
    "revoke",
    "serve",
    "snapshot",
]

app = typer.Typer()
keys = typer.Typer(help="Make, list and revoke the API keys that open the service.", no_args_is_help=True)
app.add_typer(keys, name="keys")
experiment = typer.Typer(
    help="Compare the arms of an experiment, slots that explore, and rankings made unseen.", no_args_is_help=True
)
app.add_typer(experiment, name="experiment")
app.add_typer(logbook)


CONSOLE_PORT = 3100

AsOf = Annotated[
    str | None,
    as_of_option(
        "Read only what happened and was known before this day (UTC); left out: the day after the last order, "
        "invitation or brief."
    ),
]


@app.command()
def snapshot(
    directory: Folder,
    as_of: AsOf = None,
    weeks: Annotated[
        int | None,
        typer.Option(
            help="Weeks of the indices' history that it keeps; left out: 26 of up to 20,000 creators, none of more.",
            min=0,
            max=520,
        ),
    ] = None,
    behind: Annotated[
        bool | None,
        typer.Option(
            "--behind/--no-behind",
            help="Whether it keeps the events behind the indices, and past partnerships; left out: of up to 20,000 "
            "creators.",
        ),
    ] = None,
    _engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Take the snapshot of all creators that the service ranks from, and keep it in var/snapshot."""
    from features.snapshot import take_snapshot
    from marketplace.state import state_folder
    from marketplace.tables import open_marketplace
    from models.bundle import champion_basis

    taken = take_snapshot(open_marketplace(directory), as_of, weeks=weeks, behind=behind)
    folder = state_folder("snapshot")
    basis = champion_basis()
    if as_json:
        said = {
            "folder": str(folder),
            "creators": len(taken),
            "as_of": taken.as_of.isoformat(),
            "bytes": taken.nbytes,
            "bytes_per_creator": round(taken.nbytes / len(taken), 1),
            "basis": basis,
        }
        print(json.dumps(said))
        return
    print(f"{taken} in {folder}: {taken.size_text}")
    if basis:
        print(f"the champion that ranks from it is {basis}")


@app.command()
def card(
    directory: Folder,
    creator: Annotated[str, typer.Argument(help="The creator's id or username.", metavar="CREATOR")],
    *,
    as_of: AsOf = None,
    history: Annotated[
        bool,
        typer.Option(
            "--history", help="Also the events that count, those left out and why, and 26 weeks of the indices."
        ),
    ] = False,
    page: Annotated[
        Path | None,
        typer.Option("--html", help="Write the card, with its history, as a page that prints.", metavar="FILE"),
    ] = None,
    _engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Show a creator's score card: the eight indices with intervals, peers and components."""
    from features.indices import with_history
    from features.snapshot import score_card_of
    from marketplace.progress import say
    from marketplace.state import write_whole
    from marketplace.tables import open_marketplace
    from models.bundle import champion_basis

    market = open_marketplace(directory)
    found = score_card_of(market, creator, as_of).beside(champion_basis())
    if history or page is not None:
        found = with_history(market, found)
    if page is not None:
        write_whole(page, found.to_html().encode())
        say(f"the card of {found.headline}: {page}")
    if page is None or as_json:
        print_result(found, as_json)


@app.command()
def drift(as_json: AsJson = False) -> None:
    """Say how far signals and predictions have moved from training, and what may be expected of those shown.

    By the population stability index, for the snapshot's latest briefs and for what the decision log says was scored
    lately; expected success, before outcomes are known, from the calibrated probabilities.
    """
    from serving.drift import drift_at_home

    print_result(drift_at_home(), as_json)


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on; the default is reached from this machine only.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 3000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
    wait: Annotated[
        bool, typer.Option("--wait", help="Start although there is nothing to serve yet; /readyz says when there is.")
    ] = False,
    with_console: Annotated[
        bool, typer.Option("--console/--no-console", help="Whether to start the web console beside it.")
    ] = True,
    console_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the console; 0 takes a free one.")
    ] = CONSOLE_PORT,
) -> None:
    """Start the service on the promoted bundle and the snapshot of this home, and the web console beside it."""
    from serving.decisions import require_settings
    from serving.process import run

    require_settings()
    beside = None
    if with_console:
        from serving.console import ConsoleSettings, console_beside

        ConsoleSettings.from_environment("")  # what is wrong there is said before anything starts

        def beside(api: str) -> AbstractContextManager[str]:
            return console_beside(ConsoleSettings.from_environment(api), host=host, port=console_port)

    run(host=host, port=port, workers=workers, wait=wait, beside=beside)


@app.command()
def console(
    api: Annotated[str, typer.Option(help="Address of the service that it asks.", metavar="URL")] = (
        "http://127.0.0.1:3000"
    ),
    host: Annotated[str, typer.Option(help="Address to listen on; the default is reached from this machine only.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = CONSOLE_PORT,
) -> None:
    """Start the web console alone, for a service that runs elsewhere; `collabrank serve` starts both."""
    from marketplace.progress import say
    from serving.console import ConsoleSettings, run_console
    from serving.process import address_of, bind

    with bind(host, port) as holder:
        say(f"console at {address_of(holder)}, for the service at {api}; Ctrl-C stops it")
        run_console(ConsoleSettings.from_environment(api), holder)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Who the key is for.")],
    *,
    scope: Annotated[str, typer.Option(help="What it is for: brand, creator, reviewer, admin or metrics.")] = "brand",
    brand: Annotated[
        list[str] | None,
        typer.Option(help="A brand that the key is for; may be given several times. Left out: all brands."),
    ] = None,
    creator: Annotated[str | None, typer.Option(help="With scope creator: whose card the key opens.")] = None,
    expires: Annotated[str | None, typer.Option(help="A day or instant (UTC) from which on it opens nothing.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, once: only its hash is kept."""
    from serving.keys import create_key

    key, secret = create_key(name, scope=scope, brands=brand or (), creator=creator, expires=expires)
    if as_json:
        print(json.dumps({**key.as_dict(), "key": secret}))
        return
    print(secret)
    bound = f" ({key.bound_to})" if key.bound_to else ""
    print(f"key {key.id} for {key.name}, scope {key.scope}{bound}: keep it now, it is not shown again", file=sys.stderr)


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys, valid, expired and revoked, with what each opens; never the secrets."""
    from serving.keys import read_keys

    held = read_keys()
    if as_json:
        print(json.dumps([key.as_dict() for key in held], indent=2))
        return
    now = time.time()
    for key in held:
        print(
            f"{key.id}  {key.name:<24} {key.scope:<8} {key.bound_to or '-':<24} made {key.created_at}  {key.state(now)}"
        )
    if not held:
        print("no keys yet; `collabrank keys create NAME` makes one", file=sys.stderr)


@keys.command()
def revoke(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a key; a running service refuses it from the next request on."""
    from serving.keys import revoke_key

    key = revoke_key(identity)
    print(json.dumps(key.as_dict()) if as_json else f"key {key.id} for {key.name} is revoked")


@experiment.callback()
def _group() -> None:
    """A single command would else take the group's place."""


@experiment.command()
def report(
    *,
    name: Annotated[
        str | None, typer.Option(help="The split's name. Default: that of the latest request that was dealt.")
    ] = None,
    days: Annotated[
        int, typer.Option(help="Outcomes count for so many days, and requests from that age on.", min=0, max=3650)
    ] = 28,
    alpha: Annotated[
        float,
        typer.Option(
            help="The chance of a verdict where there is no difference, however often it is read.", min=1e-6, max=0.5
        ),
    ] = 0.05,
    as_of: Annotated[
        str | None, as_of_option("Read only what was logged before this day. Default: everything.")
    ] = None,
    money: Annotated[
        Path | None,
        typer.Option(
            help="A CSV file with request_id, creator_id and usd: what came of each, to be compared too.",
            metavar="FILE",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What came of the arms' lists by the feedback in the decision log; it may be read at any time."""
    from marketplace.instants import read_instant
    from serving.decisions import read_decisions
    from serving.experiment import experiment_report, read_money

    found = experiment_report(
        read_decisions(vectors=False),
        experiment=name,
        days=days,
        alpha=alpha,
        as_of=None if as_of is None else read_instant(as_of, "--as-of"),
        money=None if money is None else read_money(money),
    )
    print_result(found, as_json)
