"""The version of the code that makes a thing: a SHA-256 of all the source that it can reach.

`code_version` starts from a package (``features.conversion``), takes every ``.py`` file in it, and follows what these
import to the other packages of ours, theirs included: an expression that changes in any of them gives another version.
Packages count whole, so that what a package finds in its own folder at run time counts as well. The versions of Python
and of the libraries that compute are part of it.

Source that was edited after this process began may not be what runs: then there is no version, and nothing is kept.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

__all__ = ["LIBRARIES", "OURS", "code_version", "version_of"]

OURS = ("marketplace", "features", "models", "training")
"""Packages whose imports are followed."""

LIBRARIES = ("duckdb", "ibis-framework", "lightgbm", "numpy", "pandas", "pyarrow", "scipy")
"""Libraries that the numbers come from."""

_STARTED = time.time()
_NAME = rf"(?:{'|'.join(OURS)})(?:\.\w+)*"
_FROM = re.compile(rf"^\s*from\s+({_NAME})\s+import\s+(\([^)]*\)|[^\n]*)", re.MULTILINE)
_PLAIN = re.compile(rf"^\s*import\s+([^\n]*\b{_NAME}[^\n]*)", re.MULTILINE)
_QUOTED = re.compile(rf"import_module\(\s*[\"']({_NAME})[\"']")


@dataclass(frozen=True)
class _Source:
    """One file: the SHA-256 of its bytes, when it was last changed, and the names of ours that it imports."""

    sha256: str
    changed: float
    imports: tuple[str, ...]


@cache
def code_version(package: str) -> str | None:
    """SHA-256 (hex) of the source that ``package`` (``features.conversion``) reaches; None where it cannot be told."""
    roots = {}
    for name in OURS:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            roots[name] = Path(spec.submodule_search_locations[0])
    return version_of(package, roots, started=_STARTED)


def version_of(package: str, roots: Mapping[str, Path], *, started: float) -> str | None:
    """`code_version` with the folder of each top-level package, and the time (from 1970-01-01) when source was read."""
    taken: dict[str, str] = {}
    seen: set[Path] = set()
    waiting = [package]
    while waiting:
        dotted = waiting.pop()
        place = _place(dotted, roots)
        if place is None or place in seen:
            continue
        seen.add(place)
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            source = _read(path)
            if source.changed > started:
                return None
            root = roots[dotted.split(".")[0]]
            taken[f"{dotted.split('.')[0]}/{path.relative_to(root).as_posix()}"] = source.sha256
            waiting += source.imports
    if not taken:
        return None
    made_by = (sys.version_info[:3], platform.machine(), sys.byteorder, _libraries(), sorted(taken.items()))
    return hashlib.sha256(repr(made_by).encode()).hexdigest()


def _read(path: Path) -> _Source:
    changed = path.stat().st_mtime
    content = path.read_bytes()
    return _Source(hashlib.sha256(content).hexdigest(), changed, _imported(content.decode()))


def _imported(text: str) -> tuple[str, ...]:
    """Dotted names of ours that a module imports, wherever in it.

    ``from a import b`` may mean the module ``a.b``.
    """
    found = list(_QUOTED.findall(text))
    for module, names in _FROM.findall(text):
        found.append(module)
        if "." not in module:
            found += [f"{module}.{name}" for name in re.findall(r"\w+", names)]
    for names in _PLAIN.findall(text):
        found += [name.split()[0] for name in names.split(",") if name.strip()]
    return tuple(dict.fromkeys(found))


def _place(dotted: str, roots: Mapping[str, Path]) -> Path | None:
    """The folder or file right below the top-level package that ``dotted`` lies in; its ``__init__.py`` for itself."""
    top, *rest = dotted.split(".")
    if top not in roots:
        return None
    if not rest:
        return roots[top] / "__init__.py"
    folder, file = roots[top] / rest[0], roots[top] / f"{rest[0]}.py"
    return folder if folder.is_dir() else file if file.is_file() else None


@cache
def _libraries() -> tuple[tuple[str, str], ...]:
    return tuple((name, metadata.version(name)) for name in LIBRARIES)
