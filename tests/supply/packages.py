"""The packages of a lock, with the hashes that it states and the licences that they declare."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata, requires
from pathlib import Path

from packaging.requirements import Requirement

__all__ = ["ROOT", "Locked", "canonical", "read_lock"]

ROOT = Path(__file__).resolve().parents[2]

_CLASSIFIED = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
}
_WRITTEN = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "mit license": "MIT",
}


@dataclass(frozen=True)
class Locked:
    """One package of a lock.

    Attributes
    ----------
    requirement : Requirement
        Its name, its one version, and where it is installed at all.
    hashes : tuple of str
        ``sha256:…`` of each file that may be installed.
    """

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        """In the form that compares."""
        return canonical(self.requirement.name)

    @property
    def version(self) -> str:
        """The one that is locked."""
        (only,) = self.requirement.specifier
        return str(only.version)

    @property
    def here(self) -> bool:
        """Whether it is for this machine: markers rule some out."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()

    @cached_property
    def told(self) -> PackageMetadata | None:
        """What the installed package says of itself; None where it is not installed."""
        try:
            return metadata(self.name)
        except PackageNotFoundError:
            return None

    @property
    def licence(self) -> str:
        """An SPDX expression, as declared or as its classifier says; empty where nothing is declared."""
        if self.told is None:
            return ""
        if expression := self.told.get("License-Expression"):
            return str(expression)
        said = [one.split(" :: ")[-1] for one in self.told.get_all("Classifier") or () if one.startswith("License ::")]
        named = sorted({_CLASSIFIED[one] for one in said if one in _CLASSIFIED})
        written = (self.told.get("License") or "").strip()
        if named:
            return " OR ".join(named)
        first = written.splitlines()[0].strip() if written else ""
        return _WRITTEN.get(first.lower(), first)

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the packages that the installed one requires on this machine, ascending."""
        if self.told is None:
            return ()
        found = (Requirement(one) for one in requires(self.name) or ())
        return tuple(
            sorted({canonical(one.name) for one in found if one.marker is None or one.marker.evaluate({"extra": ""})})
        )


def canonical(name: str) -> str:
    """``name`` as names of packages are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(name: str) -> dict[str, Locked]:
    """The packages of the lock ``name`` in the project's folder, by name."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        told, *hashes = re.split(r"\s+--hash=", line.strip())
        one = Locked(Requirement(told), tuple(hashes))
        found[one.name] = one
    return found
