"""Stored advisories by OSV's rule, against every version one by one."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.supply.advisories import audit, is_affected
from tests.supply.packages import ROOT, read_lock

VERSIONS = ["0.9", "1.0", "1.5", "2.0rc1", "2.0", "2.1", "3.0"]


def ranged(*events):
    return {"ranges": [{"type": "ECOSYSTEM", "events": [dict([event]) for event in events]}]}


@pytest.mark.parametrize(
    ("affected", "expected"),
    [
        (ranged(("introduced", "0")), VERSIONS),
        (ranged(("introduced", "0"), ("fixed", "2.0")), ["0.9", "1.0", "1.5", "2.0rc1"]),
        (ranged(("introduced", "1.5"), ("last_affected", "2.0")), ["1.5", "2.0rc1", "2.0"]),
        (ranged(("fixed", "1.0"), ("introduced", "0"), ("introduced", "2.0"), ("fixed", "2.1")), ["0.9", "2.0"]),
        ({"versions": ["1.0.0", "3"]}, ["1.0", "3.0"]),
        ({"versions": ["no version"], **ranged(("introduced", "3.0"))}, ["3.0"]),
        ({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, []),
        ({}, []),
    ],
)
def test_ranges(affected, expected):
    assert [one for one in VERSIONS if is_affected(one, affected)] == expected


def write(folder, name, **told):
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(json.dumps(told))


def test_a_stored_list_is_read_and_withdrawn_or_foreign_advisories_are_not(tmp_path):
    hit = {"package": {"ecosystem": "PyPI", "name": "My_Package"}, **ranged(("introduced", "0"), ("fixed", "9"))}
    write(tmp_path / "a", "one.json", id="A-1", modified="2024-02-01T00:00:00Z", summary="bad", affected=[hit])
    write(tmp_path / "a", "two.json", id="A-2", modified="2024-03-01T00:00:00Z", withdrawn="x", affected=[hit])
    npm = {**hit, "package": {"ecosystem": "npm", "name": "my-package"}}
    write(tmp_path / "a", "three.json", id="A-3", modified="2024-01-01T00:00:00Z", affected=[npm])
    (tmp_path / "a" / "four.yaml").write_text(
        "id: A-4\nmodified: '2023-01-01T00:00:00Z'\naffected:\n- package: {name: my-package, ecosystem: PyPI}\n"
        "  versions: ['1.0']\n"
    )
    found, read, newest = audit({"my-package": "1.0"}, tmp_path)
    assert [(one.package, one.advisory, one.summary) for one in found] == [
        ("my-package", "A-1", "bad"),
        ("my-package", "A-4", ""),
    ]
    assert (read, newest) == (4, "2024-03-01T00:00:00Z")
    assert audit({"my-package": "9"}, tmp_path)[0] == []


def test_an_empty_or_broken_list_is_no_clean_bill(tmp_path):
    with pytest.raises(ValueError, match="no advisory"):
        audit({}, tmp_path)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ValueError, match=r"bad\.json"):
        audit({}, tmp_path)


def test_the_command_fails_on_a_finding(tmp_path):
    name, one = next(iter(read_lock("requirements.lock").items()))
    hit = {"package": {"ecosystem": "PyPI", "name": name}, "versions": [one.version]}
    write(tmp_path / "a", "one.json", id="A-1", modified="2026-01-01T00:00:00Z", affected=[hit])
    command = [sys.executable, "-m", "tests.supply", "audit", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{name} {one.version}  A-1" in done.stdout
    assert "the newest of 2026-01-01T00:00:00Z: 1 findings" in done.stdout
