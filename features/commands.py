"""The commands of this package: signals, snapshot, card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app", "card", "signals", "snapshot"]

app = typer.Typer()

Folder = Annotated[Path, typer.Argument(help="The marketplace's folder.", metavar="DIR")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        help="Read only what happened and was known before this day (UTC); left out: the day after the last order, "
        "invitation or brief.",
        metavar="DATE",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


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
    from features.snapshot import build_snapshot, save_snapshot
    from marketplace.progress import say
    from marketplace.state import state_folder
    from marketplace.tables import open_marketplace

    folder = state_folder("snapshot")
    market = open_marketplace(directory)
    say("Building signals and indices of every creator …")
    taken = build_snapshot(market, as_of)
    save_snapshot(taken, folder)
    if as_json:
        print(json.dumps({"folder": str(folder), "creators": len(taken), "as_of": taken.as_of.isoformat()}))
        return
    print(f"{len(taken):,} creators as of {taken.as_of:%Y-%m-%d} in {folder}")


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

    shown = score_card_of(open_marketplace(directory), creator, as_of)
    if as_json:
        print(json.dumps(shown, indent=2))
        return
    followers = "unknown" if shown["follower_count"] is None else f"{shown['follower_count']:,}"
    print(
        f"{shown['username'] or creator} ({creator}), {shown['market']}, {followers} followers, "
        f"as of {shown['as_of'][:10]}"
    )
    for name, index in shown["indices"].items():
        if "value" in index:
            _print_index(name, index)
        else:
            for category, of_category in sorted(index.items(), key=lambda item: -item[1]["value"]):
                _print_index(f"{name}[{category}]", of_category, components=False)


def _print_index(name: str, index: dict[str, object], *, components: bool = True) -> None:
    """One index on a line, its components below."""
    print(
        f"\n{name:<32} {index['value']:5.1f}  ({index['low']:.1f} to {index['high']:.1f}, "
        f"confidence {index['confidence']:.0f}; rank {index['peer_rank']} of {index['peer_count']}, {index['peers']})"
    )
    parts = index["components"]
    if components and isinstance(parts, list):
        for part in parts:
            value = "unknown" if part["value"] is None else f"{part['value']:.3g} {part['unit']}"
            print(f"    {part['weight']:.2f} x {part['percentile']:5.1f}  {part['text']}: {value}")
    if "note" in index:
        print(f"    {index['note']}")
