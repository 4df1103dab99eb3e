"""Who made a bundle, a snapshot or a line of the ledger: Ed25519 signatures, with keys that are made on first need.

``var/keys/signing_key.pem`` (readable by its owner alone) signs, and
``var/keys/public_key.pem`` beside it verifies. A machine that only serves
needs the public key alone.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from marketplace.errors import BundleError, CollabrankError, GateError, SnapshotError
from marketplace.held import read_file
from marketplace.state import state_folder, write_whole

__all__ = [
    "BUNDLE",
    "LEDGER",
    "MERITS",
    "PUBLIC_KEY",
    "SIGNATURE",
    "SIGNING_KEY",
    "SNAPSHOT",
    "PublicKey",
    "Signed",
    "Signer",
    "read_public_key",
    "read_signer",
]

SIGNING_KEY = "signing_key.pem"
PUBLIC_KEY = "public_key.pem"

SIGNATURE = "signature"
"""The file beside a manifest that holds its signature."""

_LARGEST_KEY = 16 * 1024


@dataclass(frozen=True)
class Signed:
    """A kind of content that is signed: a signature made for one kind never passes for another's.

    Attributes
    ----------
    name : str
        What people call it.
    context : bytes
        Stands before the content wherever it is signed or verified.
    error : type of CollabrankError
        Raised where a signature does not fit.
    anew : str
        What makes a new one.
    """

    name: str
    context: bytes
    error: type[CollabrankError]
    anew: str


BUNDLE = Signed(
    "a bundle", b"collabrank bundle manifest, version 1\n", BundleError, "`collabrank promote` signs anew"
)  # fmt: skip
SNAPSHOT = Signed(
    "a snapshot",
    b"collabrank snapshot manifest, version 1\n",
    SnapshotError,
    "`collabrank snapshot DIR` makes a new one",
)  # fmt: skip
LEDGER = Signed(
    "a ledger line", b"collabrank ledger line, version 1\n", GateError, "docs/safety.md, The ledger"
)  # fmt: skip

MERITS = Signed(
    "a model's merits", b"collabrank model merits, version 1\n", BundleError, "`collabrank promote` writes them anew"
)  # fmt: skip


class PublicKey:
    """Verifies what the signing key signed."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def verify(self, signature: bytes, content: bytes, kind: Signed = BUNDLE) -> None:
        """Return if ``signature`` (base64) is this key's over ``content`` as one of ``kind``.

        Raises
        ------
        CollabrankError
            It is not; of the kind's own class.
        """
        try:
            self._key.verify(base64.b64decode(signature.strip(), validate=True), kind.context + content)
        except (InvalidSignature, binascii.Error, ValueError) as reason:
            raise kind.error(
                f"{kind.name} signed by the key that is trusted here",
                received="a signature that does not fit: it was altered, or signed by another key",
                look=f"{PUBLIC_KEY} in the state folder's keys; {kind.anew}",
            ) from reason

    def pem(self) -> bytes:
        """The key as PEM text."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class Signer:
    """Signs with a private key that it never shows."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def new(cls) -> Signer:
        """A fresh key, kept nowhere."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies this one's signatures."""
        return PublicKey(self._key.public_key())

    def sign(self, content: bytes, kind: Signed = BUNDLE) -> bytes:
        """The signature over ``content`` as one of ``kind``, base64 with a line end.

        The same content gives the same bytes.
        """
        return base64.b64encode(self._key.sign(kind.context + content)) + b"\n"

    def _pem(self) -> bytes:
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_signer(folder: Path | None = None) -> Signer:
    """The signing key in ``folder`` (default: the state folder's keys), made with its public key on first need.

    Raises
    ------
    BundleError
        The key file is no Ed25519 key, others than its owner may read it, or a public key lies there without it.
    """
    place = state_folder("keys") if folder is None else folder
    path = place / SIGNING_KEY
    if not path.exists():
        if (place / PUBLIC_KEY).exists():
            raise BundleError(
                "a signing key",
                received=f"a {PUBLIC_KEY} alone, as on a machine that verifies and does not sign",
                look=f"{path}; bundles and snapshots are made where it lies",
            )
        _create(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise BundleError("a signing key that its owner alone may read", received=f"mode {mode:04o}", look=str(path))
    try:
        key = load_pem_private_key(_key_file(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as reason:
        raise BundleError("an Ed25519 signing key in PEM", received="something else", look=str(path)) from reason
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError("an Ed25519 signing key in PEM", received=type(key).__name__, look=str(path))
    signer = Signer(key)
    public = place / PUBLIC_KEY
    if not public.exists():
        write_whole(public, signer.public_key.pem())
    elif _key_file(public) != signer.public_key.pem():
        raise BundleError("the signing key's own public key beside it", received="another key", look=str(public))
    return signer


def read_public_key(path: Path | None = None) -> PublicKey:
    """The public key at ``path`` (default: the state folder's), which verifies all that the signing key signed.

    Raises
    ------
    BundleError
        There is none, it is no Ed25519 public key in a plain file, or others than its owner may write to it.
    """
    place = state_folder("keys", PUBLIC_KEY) if path is None else path
    try:
        mode = stat.S_IMODE(place.stat().st_mode)
    except OSError as reason:
        raise BundleError(
            "the public key that verifies bundles and snapshots",
            received=reason.strerror or "no such file",
            look=f"{place}; the first `collabrank train`, `promote` or `snapshot` writes it",
        ) from reason
    if mode & 0o022:
        raise BundleError(
            "a public key that its owner alone may write to", received=f"mode {mode:04o}", look=f"chmod 644 {place}"
        )
    try:
        key = load_pem_public_key(_key_file(place))
    except (ValueError, UnsupportedAlgorithm) as reason:
        raise BundleError("an Ed25519 public key in PEM", received="something else", look=str(place)) from reason
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError("an Ed25519 public key in PEM", received=type(key).__name__, look=str(place))
    return PublicKey(key)


def _key_file(path: Path) -> bytes:
    # Secrets are commonly mounted as links: a key may be one, where nothing else may.
    try:
        return read_file(path, _LARGEST_KEY, links=True)
    except OSError as reason:
        raise BundleError("a key in a plain file", received=reason.strerror or str(reason), look=str(path)) from reason


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkstemp makes the file 0600; the link fails where another process was first, whose key then stands.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".signing_key.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(Signer.new()._pem())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        Path(name).unlink(missing_ok=True)
