"""The version of the code: whatever could change the answer changes it, and nothing else does."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from marketplace.cache import code
from marketplace.cache.code import version_of

SOURCES = {
    "marketplace/__init__.py": '"""M."""',
    "marketplace/tables.py": "x = 1",
    "marketplace/other.py": "y = 1",
    "features/__init__.py": '"""F."""',
    "features/facts/__init__.py": "from features.facts.store import f",
    "features/facts/store.py": "import marketplace.tables as t\n\ndef f():\n    from features.time import day",
    "features/facts/found_at_run_time.py": "z = 1",
    "features/time/__init__.py": "from features.time.clocks import (\n    day,\n    FOREVER,\n)",
    "features/time/clocks.py": "day = 1\nFOREVER = 2",
    "features/signals/__init__.py": "from features.facts import f",
    "features/late.py": "late = 1",
}  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, text in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def version(source: Path, package: str = "features.facts", started: float | None = None) -> str | None:
    roots = {name: source / name for name in ("marketplace", "features")}
    return version_of(package, roots, started=time.time() + 60.0 if started is None else started)


REACHED = ["features/facts/store.py", "features/facts/found_at_run_time.py", "features/time/clocks.py",
           "marketplace/tables.py"]  # fmt: skip


@pytest.mark.parametrize("changed", REACHED)
def test_any_source_that_is_reached_counts(source: Path, changed: str) -> None:
    before = version(source)
    (source / changed).write_text(SOURCES[changed] + "  # another expression")
    assert version(source) != before


@pytest.mark.parametrize("changed", ["features/signals/__init__.py", "marketplace/other.py", "features/late.py"])
def test_source_that_is_not_reached_does_not(source: Path, changed: str) -> None:
    before = version(source)
    (source / changed).write_text("changed = 1")
    assert version(source) == before


@pytest.mark.parametrize(
    "text",
    ["import features.late", "from features.late import late", "from features import late", "import os, features.late",
     "from features import (\n    signals,\n    late,\n)", "def f():\n    import features.late as l",
     "importlib.import_module('features.late')"],
)  # fmt: skip
def test_every_way_to_import_is_followed(source: Path, text: str) -> None:
    (source / "features/facts/store.py").write_text(text)
    before = version(source)
    (source / "features/late.py").write_text("late = 2")
    assert version(source) != before


def test_a_new_file_in_a_package_counts(source: Path) -> None:
    before = version(source)
    (source / "features/facts/added.py").write_text("")
    assert version(source) != before


def test_source_edited_after_the_process_began_has_no_version(source: Path) -> None:
    assert version(source, started=time.time() - 60.0) is None


def test_libraries_count(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = version(source)
    monkeypatch.setattr(code, "_libraries", lambda: (("duckdb", "0"),))
    assert version(source) != before


def test_the_real_packages_reach_what_they_are_made_of() -> None:
    versions = {name: code.code_version(f"features.{name}") for name in ("time", "facts", "conversion", "snapshot")}
    assert None not in versions.values()
    assert len(set(versions.values())) == len(versions)
    assert code.code_version("features.nothing_there") is None
