"""The bill of materials: the same bytes each time, everything that is served and nothing else."""

from __future__ import annotations

import json
import re

import pytest

from tests.supply.bill import bill_of_materials, write_bill
from tests.supply.packages import read_lock


def test_it_is_the_lock_with_hashes_and_licences(tmp_path):
    write_bill(tmp_path / "build" / "one.json")
    write_bill(tmp_path / "build" / "other.json")
    text = (tmp_path / "build" / "one.json").read_bytes()
    assert text == (tmp_path / "build" / "other.json").read_bytes()
    bill = json.loads(text)
    locked = {name: one for name, one in read_lock("runtime.lock").items() if one.here}
    assert {one["name"]: one["version"] for one in bill["components"]} == {
        name: one.version for name, one in locked.items()
    }
    for one in bill["components"]:
        assert one["licenses"], one["name"]
        told = {f"sha256:{each['value']}" for each in one["properties"]}
        assert told == set(locked[one["name"]].hashes)
    assert not re.search(r"\d{4}-\d\d-\d\dT|uuid", text.decode())


def test_what_needs_what_is_told_and_reaches_everything():
    bill = bill_of_materials()
    needs = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    known = {one["bom-ref"] for one in bill["components"]}
    assert {ref for refs in needs.values() for ref in refs} <= known
    reached, ahead = set(), [bill["metadata"]["component"]["bom-ref"]]
    while ahead:
        for ref in needs[ahead.pop()]:
            if ref not in reached:
                reached.add(ref)
                ahead.append(ref)
    # Extras pull in what no plain requirement names; the rest hangs together.
    assert len(reached) > 0.9 * len(known)


def test_cyclonedx_takes_it():
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    check = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert check.validate_str(json.dumps(bill_of_materials())) is None
