"""What promotion decides by: bundles, evidence and the champion, each verified, whatever tags and aliases say.

A version's bundle is signed, and its manifest names the run that made it and the hash of the evidence that the run
recorded. So evidence that was changed, or is another model's, is refused before it is parsed; so are a bundle that lies
in another run's place, and one that this home registered otherwise (`training.tracking.ledger`). The champion is the
bundle that is served here.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from marketplace.errors import BundleError, GateError, LayoutError
from marketplace.held import read_file
from models.bundle import Bundle, bundle_folder, bundle_sha256, load_bundle, read_public_key
from training.tracking.gate import GateEvidence
from training.tracking.ledger import Ledger
from training.tracking.registry import CHAMPION, EVIDENCE_ARTIFACT, Version, aliased, fetch_bundle
from training.tracking.store import Store

__all__ = ["Champion", "Opened", "champion_of", "evidence_of_version", "open_version"]

_LARGEST_EVIDENCE = 256 * 2**20


@dataclass(frozen=True)
class Opened:
    """A version with its bundle, verified and in memory: what was looked at is what is promoted.

    Attributes
    ----------
    version : Version
    bundle : Bundle
        As the run stored it, without a version's number.
    """

    version: Version
    bundle: Bundle


@dataclass(frozen=True)
class Champion:
    """Whom a candidate is held against.

    Attributes
    ----------
    number : int
        Its version.
    run_id : str
        The run that made it.
    as_of : str
        It learned from outcomes until then; empty where its bundle cannot be opened.
    basis : str
        What it stands on, in words; empty where it has heads of its own.
    """

    number: int
    run_id: str
    as_of: str = ""
    basis: str = ""


def open_version(store: Store, version: Version, ledger: Ledger) -> Opened:
    """The version's bundle out of the store: signed, of the version's own run, and as this home registered it.

    Raises
    ------
    BundleError
        It does not verify.
    LayoutError
        It is the one that was registered here, of a layout that this version does not read.
    GateError
        It is another run's, or not the one that was registered here.
    TrainingError
        The store has none.
    """
    with tempfile.TemporaryDirectory(prefix="collabrank-") as scratch:
        folder = fetch_bundle(store, version, Path(scratch))
        try:
            bundle = load_bundle(folder, read_public_key())
        except LayoutError:
            # Signed once, and not for that the version's: an older one may have been put in its place.
            _require_registered(version, ledger, bundle_sha256(folder))
            raise
    if bundle.run_id != version.run_id:
        raise GateError(
            f"the bundle of run {version.run_id}, which version {version.number} is made of",
            received=f"the bundle of run {bundle.run_id or '(none)'}: artifacts were exchanged in the MLflow store",
            look="train again: `collabrank train DIR`",
        )
    _require_registered(version, ledger, bundle.fingerprint)
    return Opened(version, bundle)


def _require_registered(version: Version, ledger: Ledger, found: str) -> None:
    """Refuse a bundle, by its manifest's SHA-256 ``found``, other than the one that this home registered, if any."""
    registered = ledger.registration_of(version.run_id)
    if registered is not None and registered.bundle_sha256 != found:
        raise GateError(
            f"the bundle that run {version.run_id} registered here, {registered.bundle_sha256[:12]}",
            received=f"another one, {found[:12]}: artifacts were exchanged in the MLflow store",
            look="train again: `collabrank train DIR`",
        )


def evidence_of_version(store: Store, opened: Opened) -> GateEvidence:
    """The evidence that the version's run recorded, refused unless the bundle was signed with it.

    Raises
    ------
    GateError
        There is none, it was changed since, or it is another model's.
    TrainingError
        The store has none.
    """
    number, signed = opened.version.number, opened.bundle.evidence_sha256
    path = store.fetch(opened.version.run_id, EVIDENCE_ARTIFACT)
    try:
        content = read_file(path, _LARGEST_EVIDENCE)
    except OSError as reason:
        raise GateError(
            f"{EVIDENCE_ARTIFACT} of run {opened.version.run_id}, a regular file",
            received=reason.strerror or str(reason),
            look="train again: `collabrank train DIR`",
        ) from reason
    found = hashlib.sha256(content).hexdigest()
    if found != signed:
        raise GateError(
            f"the evidence that version {number} was signed with, {signed[:12] or '(none)'}",
            received=f"{EVIDENCE_ARTIFACT} that was changed since, or is another model's: {found[:12]}",
            look="train again: `collabrank train DIR`",
        )
    try:
        return GateEvidence.of(json.loads(content))
    except (ValueError, RecursionError) as reason:
        raise GateError(
            "evidence as JSON", received=str(reason), look="train again: `collabrank train DIR`"
        ) from reason


def champion_of(store: Store, ledger: Ledger) -> Champion | None:
    """Who is champion: the bundle served here; where none can be opened, the ledger's last; else who the alias names.

    The alias decides only where this home has promoted nothing yet, such as a new one beside a shared store.
    """
    try:
        served = load_bundle(bundle_folder(), read_public_key())
    except BundleError:
        served = None
    if served is not None and served.model_version.isdecimal():
        basis = "" if served.basis is None else served.basis.text
        return Champion(int(served.model_version), served.run_id, served.as_of, basis)
    moved = ledger.champion()
    if moved is not None:
        return Champion(moved.version, moved.run_id)
    named = aliased(store, CHAMPION)
    if named is None:
        return None
    try:
        bundle = open_version(store, named, ledger).bundle
    except (BundleError, GateError):
        return Champion(named.number, named.run_id)
    return Champion(named.number, named.run_id, bundle.as_of, "" if bundle.basis is None else bundle.basis.text)
