"""What can be wrong with the champion's bundle."""

from __future__ import annotations

from marketplace.doctor import Finding, look
from marketplace.state import state_folder
from models.bundle import load_champion

__all__ = ["findings"]


def _bundle() -> str:
    folder = state_folder("bundle")
    if not folder.exists():
        return "nothing promoted yet"
    bundle = load_champion(folder)
    known = f"trained as of {bundle.as_of}, {len(bundle.signals)} signals"
    return f"version {bundle.model_version}, ranker {bundle.ranker}, {known}"


def findings() -> list[Finding]:
    """The bundle: signature, hashes, model text, golden rows, and whether it was made for these signals."""
    return [look("bundle", _bundle)]
