"""``collabrank signals``."""

from __future__ import annotations

import json

import typer

from marketplace.options import AsJson

__all__ = ["app", "signals"]

app = typer.Typer()


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
