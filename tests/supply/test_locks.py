"""What is installed: pinned, held against hashes, complete, and free of addresses."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.supply.packages import ROOT, canonical, read_lock

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = ("requirements.lock", "runtime.lock", "bootstrap.lock", "audit.lock")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_no_address(name: str) -> None:
    assert not re.search(r"https?://|file://|--index|--find-links| @ ", (ROOT / name).read_text())


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_is_one_version_with_hashes(name: str) -> None:
    for one in read_lock(name).values():
        (only,) = one.requirement.specifier
        assert only.operator == "==", one
        assert one.hashes, one
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in one.hashes), one


def test_the_lock_holds_what_the_project_names() -> None:
    held = read_lock("requirements.lock")
    extras = PROJECT["optional-dependencies"]
    named = [*PROJECT["dependencies"], *(one for extra in extras if extra != "spark" for one in extras[extra])]
    for told in named:
        wanted = Requirement(told)
        if wanted.name == "collabrank":
            continue
        assert canonical(wanted.name) in held, f"{wanted} is not in requirements.lock: make lock"
        version = held[canonical(wanted.name)].version
        assert wanted.specifier.contains(version, prereleases=True), f"{wanted}, locked {version}: make lock"


def test_an_image_is_installed_with_a_part_of_what_is_tested() -> None:
    tested, served = read_lock("requirements.lock"), read_lock("runtime.lock")
    assert set(served) < set(tested)
    assert {name: one.version for name, one in served.items()} == {name: tested[name].version for name in served}
    named = {canonical(Requirement(one).name) for one in PROJECT["dependencies"]}
    assert named <= set(served)
    assert not {"pytest", "ruff", "mypy", "hypothesis", "ipykernel"} & set(served)


def test_what_installs_the_lock_is_pinned_too() -> None:
    assert set(read_lock("bootstrap.lock")) == {"uv", "setuptools"}
    make = (ROOT / "Makefile").read_text()
    for line in re.findall(r"^\t.*pip install.*$", make, re.M):
        assert "--require-hashes" in line or ("--no-deps" in line and "--no-build-isolation" in line), line
