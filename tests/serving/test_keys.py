"""Keys: shown once, kept as hashes, revoked for good, seen by a running service."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from marketplace.errors import AccessError, HomeError
from serving.commands import app
from serving.keys import Keyring, create_key, keys_file, read_keys, revoke_key


def test_a_key_opens_until_it_is_revoked(home: Path) -> None:
    ring = Keyring()
    key, secret = create_key("brand tool")
    assert ring.check(secret) == key
    revoke_key(key.id)
    with pytest.raises(AccessError, match="unknown or revoked"):
        ring.check(secret)


def test_the_file_holds_no_secret_and_only_its_owner_may_read_it(home: Path) -> None:
    _, secret = create_key("brand tool")
    path = keys_file()
    assert secret.split("_", 2)[2] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "hash" not in json.dumps([key.as_dict() for key in read_keys()])


def test_two_keys_of_one_name_differ_in_everything(home: Path) -> None:
    (one, first), (two, second) = create_key("same"), create_key("same")
    assert one.id != two.id
    assert one.salt != two.salt
    assert first != second


def test_revoking_twice_keeps_the_first_instant(home: Path) -> None:
    key, _ = create_key("brand tool")
    assert revoke_key(key.id) == revoke_key(key.id)


def test_an_unknown_id_is_named(home: Path) -> None:
    with pytest.raises(AccessError, match="deadbeef"):
        revoke_key("deadbeef")


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\nb", "a\x00b"])
def test_names_that_cannot_be_shown_are_refused(home: Path, name: str) -> None:
    with pytest.raises(AccessError):
        create_key(name)
    assert not keys_file().exists()


@given(st.text(max_size=300))
def test_nothing_made_up_opens(tmp_path_factory: pytest.TempPathFactory, presented: str) -> None:
    with pytest.raises(AccessError):
        Keyring(tmp_path_factory.getbasetemp() / "none.json").check(presented)


def test_every_single_character_counts(home: Path) -> None:
    _, secret = create_key("brand tool")
    ring = Keyring()
    for place in range(len(secret)):
        other = "A" if secret[place] != "A" else "B"
        with pytest.raises(AccessError):
            ring.check(secret[:place] + other + secret[place + 1 :])


def test_a_broken_file_opens_nothing_and_is_named(home: Path) -> None:
    _, secret = create_key("brand tool")
    ring = Keyring()
    ring.check(secret)
    keys_file().write_text('{"keys": [{"id": 1')
    with pytest.raises(AccessError):
        ring.check(secret)
    with pytest.raises(HomeError, match="api_keys"):
        read_keys()


def test_a_removed_file_opens_nothing(home: Path) -> None:
    _, secret = create_key("brand tool")
    ring = Keyring()
    ring.check(secret)
    os.remove(keys_file())
    with pytest.raises(AccessError):
        ring.check(secret)


def test_keys_made_at_once_are_all_kept(home: Path) -> None:
    threads = [threading.Thread(target=create_key, args=(f"tool {n}",)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in read_keys()} == {f"tool {n}" for n in range(12)}


def test_the_commands_make_list_and_revoke(home: Path) -> None:
    runner = CliRunner()
    made = json.loads(runner.invoke(app, ["keys", "create", "shop", "--json"]).stdout)
    assert Keyring().check(made["key"]).id == made["id"]
    listed = json.loads(runner.invoke(app, ["keys", "list", "--json"]).stdout)
    assert [(key["id"], key["name"], key["revoked_at"]) for key in listed] == [(made["id"], "shop", None)]
    assert made["key"] not in runner.invoke(app, ["keys", "list"]).stdout
    assert runner.invoke(app, ["keys", "revoke", made["id"]]).exit_code == 0
    assert json.loads(runner.invoke(app, ["keys", "list", "--json"]).stdout)[0]["revoked_at"]


@pytest.mark.parametrize(
    "asked",
    [
        {"scope": "root"},
        {"scope": "metrics", "brands": ["br_1"]},
        {"scope": "creator"},
        {"creator": "cr_1"},
        {"scope": "creator", "creator": "cr_1", "brands": ["br_1"]},
        {"brands": [""]},
        {"brands": ["br\n1"]},
        {"expires": "2001-01-01"},
    ],
)
def test_what_does_not_agree_makes_no_key(home: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(AccessError):
        create_key("tool", **asked)
    assert not keys_file().exists()


def test_a_key_opens_until_its_end(home: Path) -> None:
    now = [0.0]
    key, secret = create_key("short", expires="2100-01-01", brands=["br_2", "br_1", "br_2"])
    ring = Keyring(clock=lambda: now[0])
    assert ring.check(secret).brands == ("br_2", "br_1")
    now[0] = 4102444800.0 - 1
    assert ring.check(secret) == key
    now[0] += 1
    with pytest.raises(AccessError, match="ended at 2100-01-01"):
        ring.check(secret)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_mangled_file_opens_more_than_it_did(data: st.DataObject) -> None:
    """Whatever is done to a bound key's row: it opens what it opened, or nothing."""
    row = {
        "id": "00000001", "name": "n", "salt": "s", "created_at": "2026-01-01T00:00:00+00:00", "revoked_at": None,
        "scope": "brand", "brands": ["br_1"], "creator_id": None, "expires_at": "2100-01-01T00:00:00+00:00",
        "hash": hashlib.sha256(b"s:secret").hexdigest(),
    }  # fmt: skip
    words = (
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3)) | st.just({})
    )
    name = data.draw(st.sampled_from(["name", "created_at", "expires_at", "scope", "brands", "creator_id", "more"]))
    value = data.draw(words)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys.json"
        path.write_text(json.dumps({"keys": [{**row, name: value}]}))
        try:
            key = Keyring(path).check("crk_00000001_secret")
        except AccessError:
            return
    assert isinstance(key.name, str)
    assert key.scope == "brand"
    assert key.creator_id is None
    # To take the bounds away takes null, which a file says of a key without them.
    assert key.brands is None if name == "brands" and value is None else key.brands
    assert key.brands is None or all(isinstance(one, str) and one for one in key.brands)
