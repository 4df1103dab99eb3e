"""What speaks for a model: written and read again, refused where it was touched."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from marketplace.errors import BundleError
from models.bundle import Measured, Merits, read_merits, write_merits
from tests.serving.conftest import tiny_bundle

EVIDENCE = "ab" * 32


@pytest.fixture
def bundle():
    return replace(tiny_bundle(), evidence_sha256=EVIDENCE)


def merits(**changes):
    measured = (
        Measured("oracle_gain_share_at_20", "share", False, 0.8, 0.7, 0.9, 60, "category_gmv", 0.3),
        Measured("success_brier", "error", True, None, None, None, 0),
    )
    told = Merits(
        EVIDENCE, 3, "2026-01-02T03:04:05+00:00", "better", "it earns more", False, "", measured, {"deviation": 9.5}
    )
    return replace(told, **changes)


def file_of(home):
    return home / "var" / "merits" / f"{EVIDENCE}.json"


def test_what_was_written_is_read(home, bundle):
    assert read_merits(bundle) is None
    write_merits(merits())
    assert read_merits(bundle) == merits()
    write_merits(merits(verdict="not worse"))
    assert read_merits(bundle) == merits(verdict="not worse")


@pytest.mark.parametrize(
    "touch",
    [
        lambda told: told["said"].update(verdict="worse"),
        lambda told: told["said"]["measured"][0].update(estimate=0.99),
        lambda told: told.update(signature="AAAA"),
        lambda told: told.pop("said"),
    ],
)
def test_what_was_touched_is_refused(home, bundle, touch):
    write_merits(merits())
    told = json.loads(file_of(home).read_text())
    touch(told)
    file_of(home).write_text(json.dumps(told))
    with pytest.raises(BundleError):
        read_merits(bundle)


def test_those_of_another_model_are_refused(home, bundle):
    other = "cd" * 32
    write_merits(merits(evidence_sha256=other))
    file_of(home).with_name(f"{other}.json").rename(file_of(home))
    with pytest.raises(BundleError, match="another model"):
        read_merits(bundle)


@pytest.mark.parametrize("evidence", ["", "../keys/api_keys", "AB" * 32, "ab" * 31])
def test_a_bundle_without_evidence_has_none(home, bundle, evidence):
    write_merits(merits(evidence_sha256=evidence))
    assert not (home / "var" / "merits").exists()
    assert read_merits(replace(bundle, evidence_sha256=evidence)) is None
