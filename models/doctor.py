"""What can be wrong with the champion's bundle."""

from __future__ import annotations

from marketplace.doctor import Finding, look
from marketplace.state import state_folder
from models.bundle import load_bundle

__all__ = ["findings"]


def _bundle() -> str:
    folder = state_folder("bundle")
    if not folder.exists():
        return "nothing promoted yet"
    from models.bundle import read_public_key

    bundle = load_bundle(folder, read_public_key())
    known = f"trained as of {bundle.as_of}, {len(bundle.signals)} signals"
    return f"version {bundle.model_version}, ranker {bundle.ranker}, {known}"


def findings() -> list[Finding]:
    """The bundle: signature, hashes, model text, golden rows."""
    return [look("bundle", _bundle)]
