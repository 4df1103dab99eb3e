"""The locks against a stored list of advisories in OSV's form, without a network: JSON or YAML files in a folder.

A clone of the Python Packaging Advisory Database is such a folder. How new the
answer is, is how new the list is: the newest change in it is told.

Source: Open Source Vulnerability format 1.6, ossf.github.io/osv-schema, evaluation of ``affected``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

from tests.supply.packages import canonical

__all__ = ["Finding", "audit", "is_affected"]


@dataclass(frozen=True)
class Finding:
    """One advisory that speaks of one locked version."""

    package: str
    version: str
    advisory: str
    summary: str


def audit(locked: Mapping[str, str], folder: Path) -> tuple[list[Finding], int, str]:
    """What is known of ``locked`` (name to version), how many advisories were read, and when the newest was changed.

    Raises
    ------
    ValueError
        The folder holds no advisory at all, or one that cannot be read.
    """
    found: list[Finding] = []
    read, newest = 0, ""
    for path, advisory in _advisories(folder):
        read += 1
        newest = max(newest, str(advisory.get("modified", "")))
        if advisory.get("withdrawn"):
            continue
        for affected in advisory.get("affected") or ():
            package = affected.get("package") or {}
            name = canonical(str(package.get("name", "")))
            if str(package.get("ecosystem", "")) != "PyPI" or name not in locked:
                continue
            if is_affected(locked[name], affected):
                words = str(advisory.get("summary") or advisory.get("details") or "").strip().split("\n")[0]
                found.append(Finding(name, locked[name], str(advisory.get("id", path.stem)), words[:160]))
    if not read:
        raise ValueError(f"no advisory in OSV's form below {folder}")
    return sorted(set(found), key=lambda one: (one.package, one.advisory)), read, newest


def is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    """Whether ``version`` is listed, or lies in a range of versions, by OSV's rule."""
    mine = Version(version)
    if any(_version(one) == mine for one in affected.get("versions") or ()):
        return True
    for ranged in affected.get("ranges") or ():
        if ranged.get("type") != "ECOSYSTEM":
            continue
        events = [(_order(value), kind, value) for event in ranged["events"] for kind, value in event.items()]
        inside = False
        for _, kind, value in sorted(events, key=lambda one: (one[0], one[1] != "introduced")):
            at = None if str(value) == "0" else _version(value)
            if kind == "introduced" and (at is None or mine >= at):
                inside = True
            elif at is not None and ((kind == "fixed" and mine >= at) or (kind == "last_affected" and mine > at)):
                inside = False
        if inside:
            return True
    return False


def _order(value: object) -> Version:
    return Version("0.dev0") if str(value) == "0" else _version(value) or Version("0.dev0")


def _version(value: object) -> Version | None:
    try:
        return Version(str(value))
    except InvalidVersion:
        return None


def _advisories(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".json", ".yaml", ".yml") or not path.is_file() or path.is_symlink():
            continue
        try:
            text = path.read_text(encoding="utf-8")
            content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        except (OSError, ValueError, yaml.YAMLError) as reason:
            raise ValueError(f"{path} cannot be read: {reason}") from reason
        if isinstance(content, dict) and "affected" in content:
            yield path, content
