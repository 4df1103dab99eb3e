"""The snapshot in parts by market: bit for bit the snapshot of all markets, read part by part, whole or refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.briefs import read_briefs
from features.snapshot.behind import build_behind
from features.snapshot.build import Day, build_part, build_snapshot
from features.snapshot.disk import MANIFEST, parts_of, save_parts, save_snapshot, shared_of
from features.snapshot.packed import read_arrays, write_arrays
from features.snapshot.parts import load_snapshot
from features.snapshot.sparse import Sparse
from features.snapshot.take import take_snapshot
from features.snapshot.weeks import build_weeks
from features.time import day_number
from marketplace.errors import SnapshotError
from marketplace.signature import SIGNATURE, SNAPSHOT, Signer
from marketplace.state import state_folder

SIGNER = Signer.new()


@pytest.fixture(scope="module")
def at(wee_frames):
    """A late brief's day."""
    return wee_frames["campaigns"].sort_values("briefed_at").iloc[-3]["briefed_at"]


@pytest.fixture(scope="module")
def whole(wee, at):
    return build_snapshot(wee, at)


@pytest.fixture(scope="module")
def folder(whole, tmp_path_factory):
    path = tmp_path_factory.mktemp("parts") / "snapshot"
    save_snapshot(whole, path, SIGNER)
    return path


def digests(folder):
    files = (file for file in folder.iterdir() if file.name != SIGNATURE)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def resign(path, told):
    """Say something else in the manifest, and sign it."""
    content = json.dumps(json.loads((path / MANIFEST).read_text()) | told).encode()
    (path / MANIFEST).write_bytes(content)
    (path / SIGNATURE).write_bytes(SIGNER.sign(content, SNAPSHOT))


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("together", [0, 10**9])
@pytest.mark.parametrize("weeks", [0, 3])
def test_markets_built_one_by_one_are_the_parts_of_the_whole_byte_for_byte(
    wee, at, *, whole, tmp_path, monkeypatch, together, weeks
):
    monkeypatch.setattr("features.snapshot.take.TOGETHER", together)
    taken = take_snapshot(wee, at, weeks=weeks, behind=weeks > 0)
    assert len(taken.markets) > 2
    history = build_weeks(wee, whole.creator_ids, day_number(at), weeks=weeks) if weeks else None
    behind = build_behind(wee, whole.creator_ids, day_number(at)) if weeks else None
    save_snapshot(replace(whole, weeks=history, behind=behind), tmp_path / "whole", SIGNER)
    assert digests(state_folder("snapshot")) == digests(tmp_path / "whole")
    load_snapshot(state_folder("snapshot"))  # signed by the home's own key


def test_a_part_built_alone_is_cut_from_the_whole_bit_for_bit(wee, at, whole):
    home = str(whole.arrays.markets[0])
    built, cut = parts_of(build_part(Day.of(wee, at), home)), parts_of(whole.only(home))
    assert built[0] == cut[0]
    assert built[0]["elsewhere"] == (whole.arrays.markets != home).sum() > 0
    assert built[1].keys() == cut[1].keys()
    for name, values in built[1].items():
        np.testing.assert_array_equal(values, cut[1][name], err_msg=name)


def test_every_brief_is_answered_from_its_part_as_from_the_whole(wee, wee_frames, whole, folder):
    parts = load_snapshot(folder, SIGNER.public_key)
    briefs = read_briefs(wee, wee_frames["campaigns"]["campaign_id"])
    asked = [replace(brief, market=name) for brief in briefs.values() for name in (brief.market, *parts.markets)]
    assert len({brief.market for brief in asked}) > 2
    stranger = replace(asked[-1], brand_id="nobody", category_id="none", product_ids=())
    for brief in [*asked, stranger]:
        part = parts.of_market(brief.market)
        for filters in ({}, {"min_followers": 5_000, "min_confidence": 20, "agency_status": "INDEPENDENT"}):
            rows, left_out = whole.candidates(brief, filters)
            own, own_left_out = part.candidates(brief, filters)
            assert own_left_out == left_out
            assert part.creator_ids[own].tolist() == whole.creator_ids[rows].tolist()
            assert part.usernames[own].tolist() == whole.usernames[rows].tolist()
            np.testing.assert_array_equal(part.matrix(brief, own), whole.matrix(brief, rows))
            np.testing.assert_array_equal(part.indices(brief, own), whole.indices(brief, rows))


def test_cards_are_the_same_and_parts_are_read_until_one_has_the_creator(whole, folder):
    parts = load_snapshot(folder, SIGNER.public_key)
    assert parts.opened == ()
    home = parts.markets[1]
    creator = str(whole.only(home).creator_ids[0])
    assert parts.card(creator) == whole.card(creator)
    assert parts.opened == parts.markets[:2]
    held = parts.of_market(home).arrays
    numbers = [values for one in fields(held) if isinstance(values := getattr(held, one.name), np.ndarray)]
    assert len(numbers) > 8
    assert all(values.flags.aligned and not values.flags.writeable for values in numbers)
    for row in range(0, len(whole), 7):
        creator = str(whole.creator_ids[row])
        assert parts.card(creator) == whole.card(creator)
    with pytest.raises(SnapshotError, match="nobody") as refused:
        parts.card("nobody")
    assert refused.value.status == 404
    assert parts.nbytes == sum(file.stat().st_size for file in folder.glob("*.bin"))
    assert f"{parts.nbytes / len(whole):,.0f} bytes a creator" in parts.size_text


def test_a_market_without_creators_has_no_candidates(whole, folder, wee, wee_frames):
    brief = next(iter(read_briefs(wee, wee_frames["campaigns"]["campaign_id"][:1]).values()))
    nowhere = replace(brief, market="ZZ")
    rows, left_out = load_snapshot(folder, SIGNER.public_key).of_market("ZZ").candidates(nowhere)
    assert rows.size == 0
    assert left_out == {"market": len(whole)}


def test_what_has_taken_its_place_changes_nothing_of_a_snapshot_that_was_opened(whole, folder, tmp_path):
    path = tmp_path / "snapshot"
    shutil.copytree(folder, path)
    parts = load_snapshot(path, SIGNER.public_key)
    first, last = parts.markets[0], parts.markets[-1]
    before = np.array(parts.of_market(first).arrays.creator)
    other = replace(whole, arrays=replace(whole.arrays, creator=np.asarray(whole.arrays.creator) + 1.0))
    save_snapshot(other, path, SIGNER)
    np.testing.assert_array_equal(parts.of_market(first).arrays.creator, before)
    np.testing.assert_array_equal(parts.of_market(last).arrays.creator, whole.only(last).arrays.creator)
    np.testing.assert_array_equal(load_snapshot(path, SIGNER.public_key).of_market(first).arrays.creator, before + 1.0)


def test_a_write_that_fails_leaves_the_old_snapshot(whole, folder, tmp_path, monkeypatch):
    path = tmp_path / "snapshot"
    shutil.copytree(folder, path)
    before = digests(path)
    written = []

    def full(*asked):
        written.append(asked)
        if len(written) == 2:
            raise OSError("no space left")
        return write_arrays(*asked)

    monkeypatch.setattr("features.snapshot.disk.write_arrays", full)
    with pytest.raises(OSError, match="no space"):
        save_snapshot(whole, path, SIGNER)
    assert digests(path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["snapshot"]


@pytest.mark.parametrize("names", [[["a"]], [None], [7], ["a", "a"], {"a": 1}])
def test_names_that_are_none_are_refused_though_signed(folder, tmp_path, names):
    path = tmp_path / "snapshot"
    shutil.copytree(folder, path)
    resign(path, {"brand_ids": names})
    with pytest.raises(SnapshotError, match="brand"):
        load_snapshot(path, SIGNER.public_key).read_all()


def test_a_damaged_part_is_refused_and_the_others_are_not(folder, tmp_path, whole):
    path = tmp_path / "snapshot"
    shutil.copytree(folder, path)
    meta = json.loads((path / MANIFEST).read_text())
    name, other = sorted(meta["parts"])[:2]
    file = path / meta["parts"][name]["file"]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    parts = load_snapshot(path, SIGNER.public_key)
    assert parts.of_market(other).creator_ids.tolist() == whole.only(other).creator_ids.tolist()
    with pytest.raises(SnapshotError, match="bytes that are not those"):
        parts.of_market(name)
    with pytest.raises(SnapshotError, match=file.name):
        parts.to_frame()


@pytest.mark.parametrize(
    ("told", "part", "says"),
    [
        ({"format": 2}, None, "format 2, not 5"),
        ({"signals": ["one"]}, None, "another version"),
        ({"parts": {"ID": {}}}, None, "KeyError"),
        ({"parts": {}}, None, "no creators"),
        ({"catalogue": None}, None, "TypeError"),
        ({}, "gone", "part_0001"),
        ({}, b"x", "1 bytes, not"),
        ({}, b"", "0 bytes, not"),
    ],
)
def test_a_foreign_or_partial_folder_is_refused(folder, tmp_path, told, part, says):
    path = tmp_path / "snapshot"
    shutil.copytree(folder, path)
    resign(path, told)
    if part == "gone":
        (path / "part_0001.bin").unlink()
    elif part is not None:
        (path / "part_0001.bin").write_bytes(part)
    with pytest.raises(SnapshotError, match=says):
        load_snapshot(path, SIGNER.public_key)
    with pytest.raises(SnapshotError, match="snapshot DIR"):
        load_snapshot(tmp_path / "none", SIGNER.public_key)


def test_what_is_not_signed_by_the_key_is_refused_before_it_is_parsed(folder, tmp_path, monkeypatch):
    path = tmp_path / "snapshot"
    shutil.copytree(folder, path)
    monkeypatch.setattr("features.snapshot.parts.json.loads", lambda *_: pytest.fail("parsed"))
    with pytest.raises(SnapshotError, match="signed by another key"):
        load_snapshot(path, Signer.new().public_key)
    manifest = (path / MANIFEST).read_bytes()
    (path / SIGNATURE).write_bytes(SIGNER.sign(manifest))  # as a bundle's: no snapshot's
    with pytest.raises(SnapshotError, match="signature that does not fit"):
        load_snapshot(path, SIGNER.public_key)
    (path / SIGNATURE).write_bytes(SIGNER.sign(manifest, SNAPSHOT))
    (path / MANIFEST).write_bytes(manifest.replace(b'"usd_rates"', b'"usd_rates" '))
    with pytest.raises(SnapshotError, match="signature that does not fit"):
        load_snapshot(path, SIGNER.public_key)
    (path / SIGNATURE).unlink()
    with pytest.raises(SnapshotError, match="No such file"):
        load_snapshot(path, SIGNER.public_key)


@pytest.mark.parametrize("name", [MANIFEST, SIGNATURE, "part_0001.bin"])
@pytest.mark.parametrize("kind", ["pipe", "device", "link", "folder"])
def test_what_is_no_regular_file_is_refused_at_once(folder, tmp_path, name, kind):
    path = tmp_path / "snapshot"
    shutil.copytree(folder, path)
    (path / name).rename(tmp_path / "aside")
    if kind == "pipe":
        os.mkfifo(path / name)
    elif kind == "device":
        (path / name).symlink_to("/dev/zero")
    elif kind == "link":
        (path / name).symlink_to(tmp_path / "aside")
    else:
        (path / name).mkdir()
    with pytest.raises(SnapshotError, match=r"regular|link"):
        load_snapshot(path, SIGNER.public_key)


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "snapshot").symlink_to(folder)
    assert len(load_snapshot(tmp_path / "snapshot", SIGNER.public_key).read_all()) > 0


def test_sizes_that_do_not_agree_are_refused(whole, tmp_path):
    home = str(whole.arrays.markets[0])
    cut = whole.only(home)
    cut = replace(cut, arrays=replace(cut.arrays, creator=cut.arrays.creator[:-1]))
    save_snapshot(_as_it_is(cut), tmp_path / "snapshot", SIGNER)
    with pytest.raises(SnapshotError, match="sizes that do not agree: creator"):
        load_snapshot(tmp_path / "snapshot", SIGNER.public_key).of_market(home)


def _as_it_is(snapshot):
    """A snapshot that is written without being cut, whatever its sizes."""

    class Uncut(type(snapshot)):
        def only(self, _):
            return self

    return Uncut(**{one.name: getattr(snapshot, one.name) for one in fields(snapshot)})


def test_packed_arrays_come_back_and_objects_do_not_go(tmp_path):
    arrays = {
        "numbers": np.array([[1.5, np.nan], [-0.0, np.inf]]),
        "flags": np.array([True, False, True]),
        "none": np.empty((0, 3)),
        "one": np.array(7),
        "across": np.arange(6).reshape(2, 3).T,
    }
    size, digest = write_arrays(tmp_path / "a", arrays, {"said": [1, "x"]})
    content = (tmp_path / "a").read_bytes()
    assert (size, digest) == (len(content), hashlib.sha256(content).hexdigest())
    read, said = read_arrays(content)
    assert said == {"said": [1, "x"]}
    for name, values in arrays.items():
        np.testing.assert_array_equal(read[name], values)
        assert not read[name].flags.writeable
    for other in (np.array([{}], dtype=object), np.array(["word"])):
        with pytest.raises(TypeError, match="other"):
            write_arrays(tmp_path / "b", {"other": other}, {})
    for old, new in ((b'"|b1"', b'"|O8"'), (b'"|b1"', b'"|S1"'), (b"[4, 3]", b"[-1,3]"), (b"[2, 2]", b"[9, 9]")):
        crafted = content.replace(old, new)
        if crafted != content:
            with pytest.raises((ValueError, TypeError)):
                read_arrays(crafted)


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), unique=True),
    kept=st.sets(st.integers(0, 9)),
)
def test_some_rows_of_a_sparse_table_are_those_rows(entries, kept):
    groups, rows = (np.array([entry[i] for entry in entries], dtype=np.int64) for i in (0, 1))
    sparse = Sparse.of(groups, rows, np.arange(len(entries), dtype=np.float64)[:, None] + 1.0, count=4)
    some = np.array(sorted(kept), dtype=np.int64)
    cut = sparse.only(some, 10)
    for group in range(4):
        one = np.array([group])
        np.testing.assert_array_equal(cut.sum(one, np.arange(len(some)), len(some)), sparse.sum(one, some, 10))


def test_to_frame_is_of_all_markets_by_id(whole, folder):
    pd.testing.assert_frame_equal(load_snapshot(folder, SIGNER.public_key).to_frame(), whole.to_frame())


def test_one_long_name_costs_its_own_length(whole, tmp_path):
    names = whole.usernames.tolist()
    row = 7
    names[row] = "ň" * 10_000
    save_snapshot(whole, tmp_path / "usual", SIGNER)
    save_snapshot(replace(whole, arrays=replace(whole.arrays, usernames=names)), tmp_path / "long", SIGNER)
    usual, long = (load_snapshot(tmp_path / one, SIGNER.public_key).read_all() for one in ("usual", "long"))
    assert 0 < long.nbytes - usual.nbytes < 25_000
    assert long.card(str(whole.creator_ids[row]))["username"] == names[row]
    assert long.to_frame()["username"].tolist() == names


@pytest.mark.parametrize(
    "change",
    [
        {"creator_ids": lambda one: one.creator_ids.tolist()[::-1]},
        {"markets": lambda one: ["ZZ"] * len(one.creator_ids)},
        {"creator": lambda one: one.creator.astype(np.float32)},
        {"category": lambda one: one.category[:, :, :-1]},
        {"joined_day": lambda one: one.joined_day.astype(np.float64)},
        {"brand_rows": lambda one: one.brand_rows - 1},
        {"brand_rows": lambda one: one.brand_rows + 10**6},
        {"brand_rows": lambda one: one.brand_rows[::-1]},
        {"brand_starts": lambda one: one.brand_starts[::-1]},
        {"product_starts": lambda one: one.product_starts + 1},
        {"product_values": lambda one: one.product_values[:, :-1]},
        {"brand_default": lambda one: one.brand_default[:-1]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_places_that_point_nowhere_are_refused_though_signed(whole, tmp_path, change):
    home = max(whole.arrays.markets.distinct()[0], key=lambda name: (whole.arrays.markets == name).sum())
    cut = whole.only(home)
    ((name, make),) = change.items()
    cut = replace(cut, arrays=replace(cut.arrays, **{name: make(cut.arrays)}))
    save_parts(tmp_path / "snapshot", shared_of(whole), [(home, cut)], SIGNER)
    with pytest.raises(SnapshotError, match="do not agree"):
        load_snapshot(tmp_path / "snapshot", SIGNER.public_key).of_market(home)
