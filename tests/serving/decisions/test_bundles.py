"""Bundles kept beside the log: the one that was served, whole, once; and nothing that stops a service."""

from __future__ import annotations

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from serving.decisions import drop_bundles, keep_bundle, kept_bundle, kept_bundles


def bundle(folder: Path, manifest: bytes) -> str:
    """A folder that looks like a bundle; its hash."""
    (folder / "heads").mkdir(parents=True)
    (folder / "bundle.json").write_bytes(manifest)
    (folder / "heads" / "lift.txt").write_bytes(b"tree")
    return hashlib.sha256(manifest).hexdigest()


def test_a_bundle_is_kept_once_by_whatever_worker(home: Path) -> None:
    digest = bundle(home / "served", b"{}")
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: keep_bundle(home / "served", digest), range(16)))
    kept = kept_bundle(digest)
    assert kept is not None
    assert (kept / "heads" / "lift.txt").read_bytes() == b"tree"
    assert [one.name for one in kept_bundles().iterdir()] == [digest]


def test_one_that_was_replaced_meanwhile_is_not_kept_under_the_old_name(home: Path) -> None:
    bundle(home / "served", b'{"newer": true}')
    older = hashlib.sha256(b"{}").hexdigest()
    assert not keep_bundle(home / "served", older)
    assert kept_bundle(older) is None
    assert not keep_bundle(home / "nothing", older)


def test_what_cannot_be_kept_stops_nothing(home: Path) -> None:
    digest = bundle(home / "served", b"{}")
    (home / "var").mkdir()
    (home / "var" / "decisions").write_text("in the way")
    assert not keep_bundle(home / "served", digest)


def test_those_that_no_answer_is_left_of_are_dropped_and_those_in_use_are_not(home: Path) -> None:
    digests = [bundle(home / f"served{n}", b"%d" % n) for n in range(4)]
    for number, digest in enumerate(digests):
        assert keep_bundle(home / f"served{number}", digest)
    shutil.copytree(home / "served3", home / "var" / "bundle")
    shutil.copytree(home / "served2", home / "var" / "challenger")
    assert drop_bundles({digests[1]}) == 1
    assert {one.name for one in kept_bundles().iterdir()} == set(digests[1:])
