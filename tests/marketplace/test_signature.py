from __future__ import annotations

import os
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from marketplace.errors import BundleError, GateError, SnapshotError
from marketplace.signature import LEDGER, PUBLIC_KEY, SIGNING_KEY, SNAPSHOT, Signer, read_public_key, read_signer


def test_keys_are_made_once_on_first_need_and_kept_private(tmp_path, monkeypatch):
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path))
    with pytest.raises(BundleError, match="No such file"):
        read_public_key()
    first = read_signer()
    keys = tmp_path / "var" / "keys"
    assert stat.S_IMODE((keys / SIGNING_KEY).stat().st_mode) == 0o600
    assert sorted(path.name for path in keys.iterdir()) == [PUBLIC_KEY, SIGNING_KEY]
    assert read_signer().sign(b"x") == first.sign(b"x")
    read_public_key().verify(first.sign(b"x"), b"x")


def test_other_content_or_another_key_does_not_verify():
    signer = Signer.new()
    signature = signer.sign(b"content")
    signer.public_key.verify(signature, b"content")
    for key, sign, content in [
        (signer, signature, b"contents"),
        (Signer.new(), signature, b"content"),
        (signer, b"", b"content"),
        (signer, b"no base64!", b"content"),
        (signer, signature[:-5], b"content"),
    ]:
        with pytest.raises(BundleError):
            key.public_key.verify(sign, content)


def test_a_key_that_others_may_read_is_refused(tmp_path):
    read_signer(tmp_path)
    (tmp_path / SIGNING_KEY).chmod(0o640)
    with pytest.raises(BundleError, match="0640"):
        read_signer(tmp_path)


def test_keys_that_are_none_are_refused(tmp_path):
    read_signer(tmp_path)
    other = generate_private_key(SECP256R1())
    private = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (b"nonsense", private):
        (tmp_path / SIGNING_KEY).write_bytes(content)
        with pytest.raises(BundleError):
            read_signer(tmp_path)
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for content in (b"nonsense", public):
        (tmp_path / PUBLIC_KEY).write_bytes(content)
        with pytest.raises(BundleError):
            read_public_key(tmp_path / PUBLIC_KEY)


def test_keys_are_plain_small_files_or_links_to_such_and_a_pipe_hangs_nobody(tmp_path):
    signer = read_signer(tmp_path)
    public = tmp_path / PUBLIC_KEY
    kept = tmp_path / "mounted.pem"
    public.rename(kept)
    public.symlink_to(kept)
    read_public_key(public).verify(signer.sign(b"x"), b"x")
    kept.chmod(0o666)
    with pytest.raises(BundleError, match="0666"):
        read_public_key(public)
    public.unlink()
    os.mkfifo(public, 0o600)
    with pytest.raises(BundleError, match="plain file"):
        read_public_key(public)
    public.unlink()
    public.write_bytes(b"x" * 100_000)
    with pytest.raises(BundleError, match="plain file"):
        read_public_key(public)


def test_a_public_key_alone_verifies_and_no_signing_key_is_made_beside_it(tmp_path):
    read_signer(tmp_path)
    (tmp_path / SIGNING_KEY).unlink()
    with pytest.raises(BundleError, match="does not sign"):
        read_signer(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [PUBLIC_KEY]


def test_a_signature_of_one_kind_is_none_of_another():
    signer = Signer.new()
    with pytest.raises(SnapshotError):
        signer.public_key.verify(signer.sign(b"x"), b"x", SNAPSHOT)
    with pytest.raises(GateError):
        signer.public_key.verify(signer.sign(b"x", SNAPSHOT), b"x", LEDGER)
    signer.public_key.verify(signer.sign(b"x", SNAPSHOT), b"x", SNAPSHOT)


def test_a_public_key_of_another_is_noticed_and_a_lost_one_written_again(tmp_path):
    signer = read_signer(tmp_path)
    (tmp_path / PUBLIC_KEY).unlink()
    read_signer(tmp_path)
    read_public_key(tmp_path / PUBLIC_KEY).verify(signer.sign(b"x"), b"x")
    (tmp_path / PUBLIC_KEY).write_bytes(Signer.new().public_key.pem())
    with pytest.raises(BundleError):
        read_signer(tmp_path)
