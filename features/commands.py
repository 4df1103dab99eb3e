"""The commands of this package: signals, snapshot, card."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from marketplace.options import AsJson, Folder, as_of_option, print_result

__all__ = ["app", "card", "signals", "snapshot"]

app = typer.Typer()

AsOf = Annotated[
    str | None,
    as_of_option(
        "Read only what happened and was known before this day (UTC); left out: the day after the last order, "
        "invitation or brief."
    ),
]


@app.command()
def signals(as_json: AsJson = False) -> None:
    """List every signal: what it says, its unit, and of what it is a signal."""
    from features.signals import ENTITIES, SIGNALS, names_of

    if as_json:
        fields = ("name", "entity", "unit", "window", "doc", "monotone")
        print(json.dumps([{field: getattr(one, field) for field in fields} for one in SIGNALS.values()], indent=2))
        return
    width = max(map(len, SIGNALS))
    for entity in ENTITIES:
        names = names_of(entity)
        print(f"{entity.replace('_', ' x ')}: {len(names)} signals\n")
        for name in names:
            print(f"  {name:<{width}}  {SIGNALS[name].doc} [{SIGNALS[name].unit}]")
        print()


@app.command()
def snapshot(directory: Folder, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Take the snapshot of all creators that the service ranks from, and keep it in var/snapshot."""
    from features.snapshot import take_snapshot
    from marketplace.state import state_folder
    from marketplace.tables import open_marketplace

    taken = take_snapshot(open_marketplace(directory), as_of)
    folder = state_folder("snapshot")
    if as_json:
        print(json.dumps({"folder": str(folder), "creators": len(taken), "as_of": taken.as_of.isoformat()}))
        return
    print(f"{taken} in {folder}")


@app.command()
def card(
    directory: Folder,
    creator: Annotated[str, typer.Argument(help="The creator's id.", metavar="CREATOR")],
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show a creator's score card: the eight indices with intervals, peers and components."""
    from features.snapshot import score_card_of
    from marketplace.tables import open_marketplace

    print_result(score_card_of(open_marketplace(directory), creator, as_of), as_json)
