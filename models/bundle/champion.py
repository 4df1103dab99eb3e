"""The champion: the bundle that is served, and the one way to open it."""

from __future__ import annotations

from pathlib import Path

from features.signals import SIGNALS
from marketplace.errors import BundleError
from marketplace.signature import read_public_key
from models.bundle.disk import bundle_folder, load_bundle, stands_on
from models.bundle.model import Bundle
from models.bundle.words import signals_sha256

__all__ = ["champion_basis", "load_champion"]


def load_champion(folder: Path | None = None) -> Bundle:
    """The served bundle: verified, and made for the signals of this code.

    Whatever scores with the champion opens it here: a bundle whose signals meant something else when it was trained
    gives numbers, and wrong ones.

    Parameters
    ----------
    folder : path, optional
        `bundle_folder` by default.

    Raises
    ------
    BundleError
        There is none, it does not verify, or it was trained on other signals.
    """
    folder = bundle_folder() if folder is None else folder
    if not folder.is_dir():
        raise BundleError("a promoted bundle", received=f"nothing at {folder}", look="`collabrank promote`")
    bundle = load_bundle(folder, read_public_key())
    bundle.check_contract(signals_sha256(SIGNALS.values()))
    return bundle


def champion_basis(folder: Path | None = None) -> str | None:
    """What the served bundle stands on, in words (`models.bundle.Basis`), for what is shown beside its rankings.

    None where it has heads of its own, and where there is none that can be opened: nothing is ranked with it then, and
    ``collabrank doctor`` says why.
    """
    folder = bundle_folder() if folder is None else folder
    try:
        basis, contract = stands_on(folder, read_public_key())
    except BundleError:
        return None
    if contract != signals_sha256(SIGNALS.values()):
        return None
    return None if basis is None else basis.text
