"""``collabrank snapshot``, ``card``, ``serve`` and ``keys``: what is served, shown and opened."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from marketplace.options import AsJson, EngineOption, Folder, as_of_option, print_result
from serving.logbook import app as logbook

__all__ = ["app", "card", "create", "keys", "list_keys", "revoke", "serve", "snapshot"]

app = typer.Typer()
keys = typer.Typer(help="Make, list and revoke the API keys that open the service.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(logbook)


AsOf = Annotated[
    str | None,
    as_of_option(
        "Read only what happened and was known before this day (UTC); left out: the day after the last order, "
        "invitation or brief."
    ),
]


@app.command()
def snapshot(directory: Folder, as_of: AsOf = None, _engine: EngineOption = None, as_json: AsJson = False) -> None:
    """Take the snapshot of all creators that the service ranks from, and keep it in var/snapshot."""
    from features.snapshot import take_snapshot
    from marketplace.state import state_folder
    from marketplace.tables import open_marketplace
    from models.bundle import champion_basis

    taken = take_snapshot(open_marketplace(directory), as_of)
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
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; the default is reached from this machine only.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 3000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
    wait: Annotated[
        bool, typer.Option("--wait", help="Start although there is nothing to serve yet; /readyz says when there is.")
    ] = False,
) -> None:
    """Start the service on the promoted bundle and the snapshot of this home."""
    from serving.process import run

    run(host=host, port=port, workers=workers, wait=wait)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Who the key is for.")],
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, once: only its hash is kept."""
    from serving.keys import create_key

    key, secret = create_key(name)
    if as_json:
        print(json.dumps({**key.as_dict(), "key": secret}))
        return
    print(secret)
    print(f"key {key.id} for {key.name}: keep it now, it is not shown again", file=sys.stderr)


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys, valid and revoked; never the secrets."""
    from serving.keys import read_keys

    held = [key.as_dict() for key in read_keys()]
    if as_json:
        print(json.dumps(held, indent=2))
        return
    for key in held:
        state = f"revoked {key['revoked_at']}" if key["revoked_at"] else "valid"
        print(f"{key['id']}  {key['name']:<24} made {key['created_at']}  {state}")
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
