"""The challenger is any registered version but the champion, verified and signed; clearing takes it away whole."""

from __future__ import annotations

import pytest

from marketplace.errors import CollabrankError, GateError
from marketplace.signature import read_public_key
from models.bundle.disk import challenger_folder, load_bundle
from tests.training.tracking.test_promote import artifacts, bytes_of, candidate
from training.tracking.challenger import clear_challenger, set_challenger
from training.tracking.promotion import promote


def test_a_version_becomes_the_challenger_through_no_gate_and_is_taken_away(store):
    first = candidate(store, 0.1)
    promote(store=store)
    second = candidate(store, -0.3, seed=1)
    done = set_challenger(store=store)
    assert (done.version, done.bundle) == (second.number, challenger_folder())
    assert load_bundle(challenger_folder(), read_public_key()).model_version == str(second.number)
    with pytest.raises(GateError, match="which is the champion"):
        set_challenger(first.number, store=store)
    assert load_bundle(challenger_folder(), read_public_key()).model_version == str(second.number)
    assert clear_challenger().version is None
    assert not challenger_folder().exists()
    assert clear_challenger().headline == "there is no challenger"


def test_a_bundle_that_was_changed_is_refused_and_the_older_challenger_stays(store):
    candidate(store, 0.1)
    promote(store=store)
    candidate(store, 0.1, seed=1)
    set_challenger(store=store)
    before = bytes_of(challenger_folder())
    third = candidate(store, 0.1, seed=2)
    manifest = artifacts(store, third) / "bundle" / "bundle.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"lambdarank", b"lambdarink"))
    with pytest.raises(CollabrankError):
        set_challenger(third.number, store=store)
    assert bytes_of(challenger_folder()) == before
