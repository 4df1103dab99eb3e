"""What is installed: pinned, held against hashes, complete, and free of addresses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = ("requirements.lock", "bootstrap.lock")


def pinned(name: str) -> dict[str, tuple[Requirement, list[str]]]:
    """By name, each requirement of a lock with its hashes."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        told, *hashes = re.split(r"\s+--hash=", line.strip())
        requirement = Requirement(told)
        found[canonical(requirement.name)] = (requirement, hashes)
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_no_address(name: str) -> None:
    assert not re.search(r"https?://|file://|--index|--find-links| @ ", (ROOT / name).read_text())


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_is_one_version_with_hashes(name: str) -> None:
    for requirement, hashes in pinned(name).values():
        (only,) = requirement.specifier
        assert only.operator == "==", requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), requirement


def test_the_lock_holds_what_the_project_names() -> None:
    held = pinned("requirements.lock")
    extras = PROJECT["optional-dependencies"]
    named = [*PROJECT["dependencies"], *(one for extra in extras if extra != "spark" for one in extras[extra])]
    for told in named:
        wanted = Requirement(told)
        if wanted.name == "collabrank":
            continue
        assert canonical(wanted.name) in held, f"{wanted} is not in requirements.lock: make lock"
        (pin,) = held[canonical(wanted.name)][0].specifier
        assert wanted.specifier.contains(pin.version, prereleases=True), f"{wanted}, locked {pin}: make lock"


def test_what_installs_the_lock_is_pinned_too() -> None:
    assert set(pinned("bootstrap.lock")) == {"uv", "setuptools"}
    make = (ROOT / "Makefile").read_text()
    for line in re.findall(r"^\t.*pip install.*$", make, re.M):
        assert "--require-hashes" in line or ("--no-deps" in line and "--no-build-isolation" in line), line
