"""What speaks for a served model, beside its numbers: how it was measured, and what the gate said of it.

Promotion writes it to ``var/merits``, one signed file for each model, found by the hash of the evidence that the
model's own bundle was signed with. It decides nothing: it is shown to people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from marketplace.errors import BundleError
from marketplace.held import read_file
from marketplace.jsonable import json_text, jsonable
from marketplace.signature import MERITS, read_public_key, read_signer
from marketplace.state import state_folder, write_whole
from models.bundle.model import Bundle

__all__ = ["Measured", "Merits", "read_merits", "write_merits"]

_LARGEST = 2**20
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Measured:
    """One metric on the held-out campaigns.

    Attributes
    ----------
    name, says : str
        As training calls it, and in words.
    less_is_better : bool
    estimate, low, high : float or None
        Its mean over campaigns, and the ends of its 95 % interval; None where there are too few campaigns for one.
    campaigns : int
        In which it is defined.
    best_sort : str or None
        The best simple sort on the same campaigns; None where there is none to compare with.
    best_sort_estimate : float or None
    """

    name: str
    says: str
    less_is_better: bool
    estimate: float | None
    low: float | None
    high: float | None
    campaigns: int
    best_sort: str | None = None
    best_sort_estimate: float | None = None


@dataclass(frozen=True)
class Merits:
    """How a model was measured, and what the gate said.

    Attributes
    ----------
    evidence_sha256 : str
        Of the evidence that it is told from: the bundle's own.
    version : int
    at : str
        When it was promoted, or made the challenger; ISO 8601.
    verdict, words : str
        The gate's, in words; empty where it said nothing.
    forced : bool
        Whether a refusal of the gate was overridden.
    reason : str
    measured : tuple of Measured
        The headline first.
    noise : mapping of str to float
        How one partnership's estimated lift scatters (`models.planning.Noise`); empty where it is not known.
    """

    evidence_sha256: str
    version: int
    at: str
    verdict: str
    words: str
    forced: bool
    reason: str
    measured: tuple[Measured, ...]
    noise: Mapping[str, float] = field(default_factory=dict)


def _path(evidence_sha256: str) -> Path | None:
    return state_folder("merits") / f"{evidence_sha256}.json" if _SHA256.fullmatch(evidence_sha256) else None


def write_merits(merits: Merits) -> None:
    """Sign and keep what speaks for a model; an earlier word on the same model is replaced.

    Raises
    ------
    BundleError
        There is no key to sign with that can be used.
    """
    path = _path(merits.evidence_sha256)
    if path is None:  # a bundle that was signed with no evidence has nothing to tell
        return
    said = jsonable(asdict(merits))
    signature = read_signer().sign(json_text(said).encode(), MERITS).decode().strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json_text({"said": said, "signature": signature}) + "\n").encode())


def read_merits(bundle: Bundle) -> Merits | None:
    """What speaks for the model of ``bundle``; None where nothing is kept.

    Raises
    ------
    BundleError
        What is kept was altered, or is another model's.
    """
    path = _path(bundle.evidence_sha256)
    if path is None:
        return None
    try:
        read: Mapping[str, Any] = json.loads(read_file(path, _LARGEST))
        said, signature = dict(read["said"]), str(read["signature"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as reason:
        raise _broken(path, str(reason)) from reason
    read_public_key().verify(signature.encode(), json_text(said).encode(), MERITS)
    if said.get("evidence_sha256") != bundle.evidence_sha256:
        raise _broken(path, "those of another model")
    try:
        measured = tuple(Measured(**one) for one in said.pop("measured"))
        return Merits(**said, measured=measured)
    except (KeyError, TypeError) as reason:
        raise _broken(path, "those of another version of collabrank") from reason


def _broken(path: Path, what: str) -> BundleError:
    return BundleError(
        "a model's merits as promotion wrote them", received=f"{path}: {what}"[:300], look="`collabrank promote`"
    )
