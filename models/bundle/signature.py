"""Who made a bundle: Ed25519 signatures, with keys that are made on first need.

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

from marketplace.errors import BundleError
from marketplace.state import state_folder, write_whole

__all__ = ["PUBLIC_KEY", "SIGNING_KEY", "PublicKey", "Signer", "read_public_key", "read_signer"]

SIGNING_KEY = "signing_key.pem"
PUBLIC_KEY = "public_key.pem"

_CONTEXT = b"collabrank bundle manifest, version 1\n"
# A signature made for anything else with the same key can never pass for a bundle's.


class PublicKey:
    """Verifies what the signing key signed."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def verify(self, signature: bytes, content: bytes) -> None:
        """Return if ``signature`` (base64) is this key's over ``content``.

        Raises
        ------
        BundleError
            It is not.
        """
        try:
            self._key.verify(base64.b64decode(signature.strip(), validate=True), _CONTEXT + content)
        except (InvalidSignature, binascii.Error, ValueError) as reason:
            raise BundleError(
                "a bundle signed by the key that is trusted here",
                received="a signature that does not fit: the bundle was altered, or signed by another key",
                look=f"{PUBLIC_KEY} in the state folder's keys; promote again to sign anew",
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

    def sign(self, content: bytes) -> bytes:
        """The signature over ``content``, base64 with a line end. The same content gives the same bytes."""
        return base64.b64encode(self._key.sign(_CONTEXT + content)) + b"\n"

    def _pem(self) -> bytes:
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_signer(folder: Path | None = None) -> Signer:
    """The signing key in ``folder`` (default: the state folder's keys), made with its public key on first need.

    Raises
    ------
    BundleError
        The key file is no Ed25519 key, or others than its owner may read it.
    """
    place = state_folder("keys") if folder is None else folder
    path = place / SIGNING_KEY
    if not path.exists():
        _create(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise BundleError("a signing key that its owner alone may read", received=f"mode {mode:04o}", look=str(path))
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as reason:
        raise BundleError("an Ed25519 signing key in PEM", received="something else", look=str(path)) from reason
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError("an Ed25519 signing key in PEM", received=type(key).__name__, look=str(path))
    signer = Signer(key)
    public = place / PUBLIC_KEY
    if not public.exists():
        write_whole(public, signer.public_key.pem())
    elif public.read_bytes() != signer.public_key.pem():
        raise BundleError("the signing key's own public key beside it", received="another key", look=str(public))
    return signer


def read_public_key(path: Path | None = None) -> PublicKey:
    """The public key at ``path`` (default: the state folder's).

    Raises
    ------
    BundleError
        There is none, or it is no Ed25519 public key.
    """
    place = state_folder("keys", PUBLIC_KEY) if path is None else path
    try:
        key = load_pem_public_key(place.read_bytes())
    except FileNotFoundError as reason:
        raise BundleError(
            "the public key that verifies bundles",
            received="no such file",
            look=f"{place}; the first `collabrank promote` writes it",
        ) from reason
    except (ValueError, UnsupportedAlgorithm) as reason:
        raise BundleError("an Ed25519 public key in PEM", received="something else", look=str(place)) from reason
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError("an Ed25519 public key in PEM", received=type(key).__name__, look=str(place))
    return PublicKey(key)


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
