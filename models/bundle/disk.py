"""The bundle as a folder: written whole and signed, read in an order that trusts nothing early.

    bundle.json     the manifest: what the model is, and the SHA-256 and size of every other file
    signature       Ed25519 over the manifest's bytes, base64
    heads/NAME.txt  LightGBM's model text of each head, up to ``end of trees``
    golden.json     rows with their predictions
    reference.json  how signals and predictions were distributed (`models.drift`); null where nothing is kept

No pickle, and no path that comes out of a file: names are of the letters that
`models.bundle.model.head_name` allows. Files are regular ones (`marketplace.held`), and each is read once: what was
hashed is what is parsed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketplace.errors import BriefError, BundleError, LayoutError
from marketplace.held import HeldFolder
from marketplace.signature import SIGNATURE, PublicKey, Signer
from marketplace.state import replace_folder, state_folder
from models.bundle.basis import Basis
from models.bundle.golden import check_golden, golden_answers, made_up_rows
from models.bundle.model import Bundle, head_name
from models.bundle.monotone import check_monotone
from models.bundle.validate import MAX_BYTES, canonical_text, check_model_text
from models.bundle.words import SignalWords
from models.calibration import Calibration
from models.drift import Reference
from models.economics import CURRENCY, FORMULA
from models.quiet import route_log
from models.stage import Stage

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = [
    "GOLDEN",
    "MANIFEST",
    "REFERENCE",
    "SIGNATURE",
    "bundle_folder",
    "bundle_sha256",
    "challenger_folder",
    "load_bundle",
    "save_bundle",
    "stands_on",
]

MANIFEST = "bundle.json"
GOLDEN = "golden.json"
REFERENCE = "reference.json"
VERSION = 9
"""Of the layout; a reader refuses another. 5: sums of heads, scales of several signals, a last stage; 6: scaled odds, a
basis; 7: shares of outcomes that are nothing; 8: the hash of the evidence, reference distributions; 9:
ends of intervals."""

_MAX_MANIFEST = 16 * 2**20
_MAX_FILES = 1_000
_ECONOMICS = {"currency": CURRENCY, "utility": FORMULA}
_KEYS = {
    "version", "ranker", "model_version", "run_id", "as_of", "signals", "contract_sha256", "words", "heads", "files",
    "calibration", "funnel", "stage", "basis", "head_words", "economics", "weights", "index_names", "metrics",
    "evidence_sha256",
}  # fmt: skip


def save_bundle(bundle: Bundle, folder: str | Path, signer: Signer) -> str:
    """Write ``bundle`` to ``folder`` (replaced whole) and sign it; returns the manifest's SHA-256.

    The same bundle gives the same bytes.

    Raises
    ------
    BundleError
        A head that `models.bundle.validate` refuses, or that breaks a direction it declares (`models.bundle.monotone`).
    """
    folder = Path(folder)
    # Scored from the text that is stored, not from the Booster at hand: the golden answers are the reader's.
    texts = {name: canonical_text(booster.model_to_string()).encode() for name, booster in bundle.heads.items()}
    shapes = [check_model_text(text, signals=bundle.signals, name=name) for name, text in texts.items()]
    stored = replace(bundle, heads={name: _booster(text) for name, text in texts.items()})
    for name, booster in stored.heads.items():
        check_monotone(booster, name=f"head {name}")
    rows = bundle.golden if bundle.golden is not None and len(bundle.golden) else made_up_rows(shapes)
    files = {_head_file(name): text for name, text in texts.items()}
    files[GOLDEN] = _json(golden_answers(stored, rows))
    reference = {"reference": None if bundle.reference is None else bundle.reference.as_dict()}
    files[REFERENCE] = _json(reference, indent=None)
    manifest = _json(
        {
            "version": VERSION,
            "ranker": bundle.ranker,
            "model_version": bundle.model_version,
            "run_id": bundle.run_id,
            "as_of": bundle.as_of,
            "signals": list(bundle.signals),
            "contract_sha256": bundle.contract_sha256,
            "words": {name: asdict(words) for name, words in bundle.words.items()},
            "heads": sorted(texts),
            "files": {
                name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                for name, content in files.items()
            },
            "calibration": {name: calibration.as_dict() for name, calibration in bundle.calibration.items()},
            "funnel": dict(bundle.funnel),
            "stage": None if bundle.stage is None else bundle.stage.as_dict(),
            "basis": None if bundle.basis is None else bundle.basis.as_dict(),
            "head_words": dict(bundle.head_words),
            "economics": _ECONOMICS,
            "weights": dict(bundle.weights),
            "index_names": list(bundle.index_names),
            "metrics": dict(bundle.metrics),
            "evidence_sha256": bundle.evidence_sha256,
        }
    )
    with replace_folder(folder) as fresh:
        (fresh / "heads").mkdir()
        for name, content in {**files, MANIFEST: manifest, SIGNATURE: signer.sign(manifest)}.items():
            (fresh / name).write_bytes(content)
    return hashlib.sha256(manifest).hexdigest()


def load_bundle(folder: str | Path, public_key: PublicKey) -> Bundle:
    """Read a bundle: signature, then hashes, then our validator, then LightGBM, then the golden rows.

    Raises
    ------
    BundleError
        At the first of these that does not hold; nothing after it has been read.
    """
    from lightgbm.basic import LightGBMError

    folder = Path(folder)
    manifest, content, names, files = _verified(folder, public_key)
    signals = tuple(content["signals"])
    for name in names:
        check_model_text(files[_head_file(name)], signals=signals, name=name)
    try:
        bundle = Bundle(
            ranker=content["ranker"],
            signals=signals,
            heads={name: _booster(files[_head_file(name)]) for name in names},
            calibration={name: Calibration.from_dict(one) for name, one in content["calibration"].items()},
            funnel=content["funnel"],
            stage=None if content["stage"] is None else Stage.from_dict(content["stage"]),
            basis=None if content["basis"] is None else Basis.from_dict(content["basis"]),
            head_words=content["head_words"],
            as_of=content["as_of"],
            run_id=content["run_id"],
            model_version=content["model_version"],
            contract_sha256=content["contract_sha256"],
            words={name: SignalWords(**words) for name, words in content["words"].items()},
            weights=content["weights"],
            metrics=content["metrics"],
            index_names=tuple(content["index_names"]),
            reference=_reference(_parsed(files[REFERENCE], REFERENCE), signals),
            evidence_sha256=content["evidence_sha256"],
            fingerprint=hashlib.sha256(manifest).hexdigest(),
        )
    except (TypeError, AttributeError, ValueError, BriefError, LightGBMError) as reason:
        raise _wrong(folder, "a manifest whose parts fit", f"{type(reason).__name__}: {reason}") from reason
    return replace(bundle, golden=check_golden(bundle, _parsed(files[GOLDEN], GOLDEN)))


def stands_on(folder: str | Path, public_key: PublicKey) -> tuple[Basis | None, str]:
    """What the bundle in ``folder`` stands on, and the hash of the contract of its signals.

    Its signature and its files' hashes are verified; no head is opened, so that nothing of LightGBM's is needed.

    Raises
    ------
    BundleError
        They do not hold.
    """
    _, content, _, _ = _verified(Path(folder), public_key)
    try:
        basis = None if content["basis"] is None else Basis.from_dict(content["basis"])
        return basis, str(content["contract_sha256"])
    except (TypeError, AttributeError, ValueError, KeyError) as reason:
        raise _wrong(Path(folder), "a manifest whose parts fit", f"{type(reason).__name__}: {reason}") from reason


def _verified(folder: Path, public_key: PublicKey) -> tuple[bytes, dict[str, Any], list[str], dict[str, bytes]]:
    """The manifest's bytes and content, the heads' names, and the files: of the signature and the hashes that hold."""
    try:
        held = HeldFolder(folder)
    except OSError as reason:
        raise _wrong(folder, "a bundle's folder", _said(reason)) from reason
    with held:
        manifest = _read(held, folder, MANIFEST, _MAX_MANIFEST)
        public_key.verify(_read(held, folder, SIGNATURE, 1_024), manifest)
        content = _parsed(manifest, MANIFEST)
        names = _heads_of(content, folder)
        return manifest, content, names, _hashed(held, folder, content["files"], names)


def bundle_sha256(folder: str | Path) -> str:
    """SHA-256 (hex) of the manifest in ``folder``, unverified: the `fingerprint` of what `load_bundle` would read.

    Raises
    ------
    BundleError
        There is no manifest that can be read.
    """
    folder = Path(folder)
    try:
        with HeldFolder(folder) as held:
            return hashlib.sha256(held.read(MANIFEST, _MAX_MANIFEST)).hexdigest()
    except OSError as reason:
        raise _wrong(folder, f"the file {MANIFEST}", _said(reason)) from reason


def _heads_of(content: Mapping[str, Any], folder: Path) -> list[str]:
    """The heads that a manifest names, once its layout is the one that is read here."""
    version = content.get("version")
    if isinstance(version, int) and version != VERSION:
        look = f"{folder}; train again, or serve it with the version of collabrank that made it"
        raise LayoutError(f"a manifest of version {VERSION}", received=f"version {version!r}", look=look)
    if set(content) != _KEYS or version != VERSION:
        raise _wrong(folder, f"a manifest of version {VERSION}", f"version {version!r}")
    if content["economics"] != _ECONOMICS:
        raise _wrong(folder, f"utility by the formula {FORMULA}", f"{content['economics']!r}")
    names = content["heads"]
    if not isinstance(names, list) or not names or not all(map(head_name, names)) or names != sorted(set(names)):
        raise _wrong(folder, "names of heads in small letters, digits and underscores, sorted", f"{names!r:.200}")
    return names


def _hashed(held: HeldFolder, folder: Path, stated: Mapping[str, Any], heads: list[str]) -> dict[str, bytes]:
    """The bundle's files, each of the size and hash that the signed manifest states, and no others."""
    wanted = {GOLDEN, REFERENCE, *map(_head_file, heads)}
    try:
        found = held.names(_MAX_FILES)
    except OSError as reason:
        raise _wrong(folder, "the files of a bundle", _said(reason)) from reason
    if set(stated) != wanted or found != wanted | {MANIFEST, SIGNATURE}:
        odd = sorted((found | set(stated)) ^ (wanted | {MANIFEST, SIGNATURE}))
        raise _wrong(folder, "the files that the manifest names and no others", f"besides: {', '.join(odd)}")
    files = {}
    for name in sorted(wanted):
        content = _read(held, folder, name, MAX_BYTES)
        if stated[name] != {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}:
            raise _wrong(folder, f"{name} as it was signed", f"{len(content)} bytes of another SHA-256")
        files[name] = content
    return files


def _reference(content: Mapping[str, Any], signals: tuple[str, ...]) -> Reference | None:
    if set(content) != {"reference"}:
        raise BundleError("a reference", received=", ".join(sorted(content)), look=REFERENCE)
    return None if content["reference"] is None else Reference.from_dict(content["reference"], signals=signals)


def _booster(text: bytes) -> lgb.Booster:
    import lightgbm as lgb

    route_log()
    return lgb.Booster(model_str=text.decode("ascii"))


def _head_file(name: str) -> str:
    return f"heads/{name}.txt"


def _json(content: Mapping[str, Any], *, indent: int | None = 1) -> bytes:
    # NaN is no JSON: allow_nan=False makes a metric that is not finite an error here and not in the reader.
    try:
        return (json.dumps(content, indent=indent, sort_keys=True, allow_nan=False) + "\n").encode()
    except (ValueError, TypeError) as reason:
        raise BundleError(
            "finite plain numbers and text", received=str(reason), look="the bundle's metrics"
        ) from reason


def _parsed(content: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as reason:
        raise BundleError("JSON", received=str(reason), look=name) from reason
    if not isinstance(found, dict):
        raise BundleError("a JSON object", received=type(found).__name__, look=name)
    return found


def _read(held: HeldFolder, folder: Path, name: str, limit: int) -> bytes:
    try:
        return held.read(name, limit)
    except OSError as reason:
        raise _wrong(folder, f"the file {name}, a regular one of at most {limit:,} bytes", _said(reason)) from reason


def _said(reason: OSError) -> str:
    return reason.strerror or str(reason)


def _wrong(folder: Path, expected: str, received: str) -> BundleError:
    return BundleError(expected, received=received, look=str(folder))


def bundle_folder() -> Path:
    """Where the served bundle lies: ``var/bundle``."""
    return state_folder("bundle")


def challenger_folder() -> Path:
    """Where the bundle lies that is held against it: ``var/challenger``."""
    return state_folder("challenger")
