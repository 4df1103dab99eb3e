"""The bundle: the one thing that passes from training to serving, checked, signed and verified."""

from __future__ import annotations

from marketplace.signature import read_public_key, read_signer
from models.bundle.basis import Basis
from models.bundle.champion import champion_basis, load_champion
from models.bundle.disk import bundle_folder, bundle_sha256, challenger_folder, load_bundle, save_bundle
from models.bundle.merits import Measured, Merits, read_merits, write_merits
from models.bundle.model import Bundle
from models.bundle.words import SignalWords, signals_sha256, words_of

__all__ = [
    "Basis",
    "Bundle",
    "Measured",
    "Merits",
    "SignalWords",
    "bundle_folder",
    "bundle_sha256",
    "challenger_folder",
    "champion_basis",
    "load_bundle",
    "load_champion",
    "read_merits",
    "read_public_key",
    "read_signer",
    "save_bundle",
    "signals_sha256",
    "words_of",
    "write_merits",
]
