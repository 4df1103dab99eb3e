"""The challenger of the service: any registered version, beside the champion, through no gate.

It answers nobody by itself: ``var/exploration.toml`` says which share of brands it answers, and of which requests it
is asked unseen. So the gate has nothing to say yet, but signature, ledger and golden rows do, as for the champion.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from marketplace.display import Shown
from marketplace.errors import GateError
from marketplace.signature import read_public_key, read_signer
from marketplace.state import replace_folder
from models.bundle import challenger_folder, load_bundle, save_bundle
from training.tracking.ledger import Ledger
from training.tracking.merits import keep_merits
from training.tracking.registry import CHALLENGER, aliased, find_version, newest
from training.tracking.standing import champion_of, open_version
from training.tracking.store import Store, open_store

__all__ = ["ChosenChallenger", "clear_challenger", "set_challenger"]


@dataclass(frozen=True, repr=False)
class ChosenChallenger(Shown):
    """What `set_challenger` or `clear_challenger` did: the version (None for none), its ranker, and the folder."""

    version: int | None
    ranker: str
    bundle: Path

    @property
    def headline(self) -> str:
        """Who the challenger is now."""
        if self.version is None:
            return "there is no challenger"
        return f"challenger is version {self.version}, ranker {self.ranker}; bundle in {self.bundle}"

    def to_frame(self) -> pd.DataFrame:
        """One row."""
        return pd.DataFrame([self.as_dict()])

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"version": self.version, "ranker": self.ranker, "bundle": str(self.bundle)}


def set_challenger(version: int | None = None, *, store: Store | None = None) -> ChosenChallenger:
    """Write a version's bundle, signed, where the service finds its challenger.

    Parameters
    ----------
    version : int, optional
        Which version; by default the registry's ``challenger``, else the newest.
    store : Store, optional
        The default store otherwise.

    Raises
    ------
    GateError
        There is no such version, it is the champion, or its bundle is not the one it was registered with.
    BundleError
        The bundle does not verify.
    """
    store, ledger = store or open_store(), Ledger()
    candidate = (aliased(store, CHALLENGER) or newest(store)) if version is None else find_version(store, version)
    champion = champion_of(store, ledger)
    if champion is not None and candidate.run_id == champion.run_id:
        raise GateError(
            "a challenger other than the champion",
            received=f"version {candidate.number}, which is the champion",
            look="`collabrank challenger set --version N`",
        )
    opened = open_version(store, candidate, ledger)
    folder = challenger_folder()
    with replace_folder(folder) as fresh:
        save_bundle(dataclasses.replace(opened.bundle, model_version=str(candidate.number)), fresh, read_signer())
        load_bundle(fresh, read_public_key())
    keep_merits(store, opened)
    return ChosenChallenger(candidate.number, opened.bundle.ranker, folder)


def clear_challenger() -> ChosenChallenger:
    """Take the challenger away; a running service goes on without it."""
    folder = challenger_folder()
    if folder.exists():
        # Renamed first, so that a service never sees half of it.
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".challenger.old."))
        folder.rename(aside / folder.name)
        shutil.rmtree(aside, ignore_errors=True)
    return ChosenChallenger(None, "", folder)
