"""Bytes of a file in memory: those that were hashed, whatever becomes of the file, and once for all processes."""

from __future__ import annotations

import hashlib
import mmap
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from features.snapshot import sealed as module
from features.snapshot.sealed import alone_for, free_memory, sealed
from marketplace.held import HeldFolder


@pytest.fixture
def content():
    return np.random.default_rng(time.monotonic_ns()).bytes(9 * 2**20 + 17)


def of(folder, content, name="part"):
    """What is sealed of the file with ``content``."""
    (folder / name).write_bytes(content)
    with HeldFolder(folder) as held:
        file = held.open(name)
    return sealed(file, len(content), hashlib.sha256(content).hexdigest())


def holders(digest):
    """How many descriptors of this process hold memory of that name, and the inodes behind them."""
    links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    ours = [one for one in links if os.path.lexists(one) and os.readlink(one).startswith(f"/memfd:collabrank-{digest}")]
    return {os.stat(one).st_ino for one in ours}


@pytest.mark.parametrize("harm", ["cut", "written", "gone", "pipe"])
def test_what_becomes_of_the_file_does_not_matter(tmp_path, content, harm):
    memory = of(tmp_path, content)
    path = tmp_path / "part"
    if harm == "cut":
        os.truncate(path, 0)
    elif harm == "written":
        with open(path, "r+b") as file:
            file.write(b"\0" * len(content))
    else:
        path.unlink()
    if harm == "pipe":
        os.mkfifo(path)
    assert memory[:] == content


def test_nobody_can_write_to_it_or_cut_it(tmp_path, content):
    memory = of(tmp_path, content)
    with pytest.raises((TypeError, ValueError)):
        memory[0] = 1
    digest = hashlib.sha256(content).hexdigest()
    links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    link = next(one for one in links if os.path.lexists(one) and digest in os.readlink(one))
    descriptor = os.open(link, os.O_RDWR)
    try:
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 0)
        with pytest.raises(PermissionError):
            os.write(descriptor, b"x")
        with pytest.raises(PermissionError):
            mmap.mmap(descriptor, 0)
    finally:
        os.close(descriptor)
    assert memory[:] == content


def test_the_same_bytes_are_held_once_by_one_process_and_by_another(tmp_path, content):
    digest = hashlib.sha256(content).hexdigest()
    first, second = of(tmp_path, content, "a"), of(tmp_path, content, "b")
    assert len(holders(digest)) == 1
    other = """
import hashlib, os, sys
from features.snapshot.sealed import sealed
from marketplace.held import HeldFolder

file = HeldFolder(sys.argv[1]).open("a")
memory = sealed(file, file.size, sys.argv[2])
links = ["/proc/self/fd/" + name for name in os.listdir("/proc/self/fd")]
inodes = {os.stat(one).st_ino for one in links if os.path.lexists(one) and sys.argv[2] in os.readlink(one)}
print(hashlib.sha256(memory).hexdigest(), *inodes)
"""
    os.truncate(tmp_path / "b", 0)
    told = subprocess.run(
        [sys.executable, "-c", other, tmp_path, digest], capture_output=True, text=True, check=True, cwd=os.getcwd()
    ).stdout.split()
    assert told == [digest, str(holders(digest).pop())]
    del first, second


def test_memory_of_the_name_that_is_not_sealed_or_not_the_bytes_is_not_believed(tmp_path, content):
    digest = hashlib.sha256(content).hexdigest()
    forged = os.memfd_create(f"collabrank-{digest}", os.MFD_ALLOW_SEALING)
    lying = os.memfd_create(f"collabrank-{digest}", os.MFD_ALLOW_SEALING)
    os.write(forged, content)
    os.write(lying, bytes(len(content)))
    module.fcntl.fcntl(lying, module.fcntl.F_ADD_SEALS, module._SEALS)
    try:
        memory = of(tmp_path, content)
        os.pwrite(forged, b"\0" * 64, 0)
        assert memory[:] == content
    finally:
        os.close(forged)
        os.close(lying)


def test_other_bytes_another_size_or_too_little_memory_are_refused(tmp_path, content, monkeypatch):
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / "part").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with HeldFolder(tmp_path) as held:
        file = held.open("part")
    with pytest.raises(ValueError, match="not those that were written"):
        sealed(file, len(content), digest)
    with pytest.raises(ValueError, match="bytes, not"):
        sealed(file, len(content) - 1, digest)
    assert holders(digest) == set()
    os.truncate(tmp_path / "part", 5)  # after it was opened
    with pytest.raises(ValueError, match="not those that were written"):
        sealed(file, len(content), digest)
    assert free_memory() > 2**26
    monkeypatch.setattr(module, "free_memory", lambda: 2**20)
    with pytest.raises(MemoryError, match="are free"):
        of(tmp_path, content)


def test_a_system_without_such_memory_copies_for_itself(tmp_path, content, monkeypatch):
    def none(*_):
        raise OSError("not there")

    monkeypatch.setattr(os, "memfd_create", none)
    memory = of(tmp_path, content)
    os.truncate(tmp_path / "part", 0)
    assert memory[:] == content


def test_waiting_for_another_ends(tmp_path):
    (tmp_path / "lock").write_bytes(b"")
    one, two = (os.open(tmp_path / "lock", os.O_RDONLY) for _ in range(2))
    try:
        with alone_for(one):
            began = time.monotonic()
            with alone_for(two, seconds=0.2):
                assert time.monotonic() - began >= 0.2
        with alone_for(two, seconds=0.2):
            pass
    finally:
        os.close(one)
        os.close(two)
