"""The bundles that answered, by their hash: small, so they are kept beside the log; snapshots are large, and not."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path

from marketplace.errors import HomeError
from marketplace.state import state_folder
from models.bundle import bundle_folder

__all__ = ["drop_bundles", "keep_bundle", "kept_bundle", "kept_bundles"]

_log = logging.getLogger("collabrank.serving")

_MANIFEST = "bundle.json"


def kept_bundles() -> Path:
    """Where they lie: ``var/decisions/bundles``, each in a folder that is called by its hash."""
    return state_folder("decisions", "bundles")


def kept_bundle(fingerprint: str) -> Path | None:
    """The folder of the bundle whose manifest has this SHA-256; None where it was not kept."""
    folder = kept_bundles() / fingerprint
    return folder if fingerprint.isalnum() and (folder / _MANIFEST).is_file() else None


def keep_bundle(source: Path, fingerprint: str) -> bool:
    """Copy the bundle in ``source``, if it is still the one with this hash; whether it is kept.

    What cannot be copied is said in the service's log: a ranking is none the worse for it.
    """
    try:
        if kept_bundle(fingerprint) is not None:
            return True
        kept_bundles().mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = Path(tempfile.mkdtemp(dir=kept_bundles(), prefix=".fresh."))
        try:
            copy = fresh / "bundle"
            shutil.copytree(source, copy)
            if hashlib.sha256((copy / _MANIFEST).read_bytes()).hexdigest() != fingerprint:
                return False
            os.rename(copy, kept_bundles() / fingerprint)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except (OSError, HomeError) as reason:
        # Another worker may have been faster.
        if isinstance(reason, HomeError) or kept_bundle(fingerprint) is None:
            _log.warning("decision log: the bundle %s could not be kept: %s", fingerprint[:12], reason)
            return False
    return True


def drop_bundles(wanted: set[str]) -> int:
    """Remove the kept bundles that are not ``wanted``, and not those that are in use now; how many."""
    in_use = (bundle_folder() / _MANIFEST, state_folder("challenger") / _MANIFEST)
    keep = wanted | {hashlib.sha256(path.read_bytes()).hexdigest() for path in in_use if path.is_file()}
    folders = [one for one in kept_bundles().glob("*") if one.name not in keep]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return len(folders)
