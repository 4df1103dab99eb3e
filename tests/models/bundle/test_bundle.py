from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import lightgbm as lgb
import numpy as np
import pytest

import models.bundle.disk as on_disk
from marketplace.errors import BriefError, BundleError
from marketplace.signature import Signer
from models.bundle.disk import load_bundle, save_bundle
from models.bundle.words import SignalWords, signals_sha256, words_of
from models.calibration.scale import fit_money
from models.drift import Reference, Sample
from models.funnel import APART
from models.predict import predict
from models.ranking import rank

BRIEF = SimpleNamespace(margin_rate=0.45, commission_rate=0.1, flat_fee_usd=4.0, sample_cost_usd=6.0)
RANKERS = ["ranking_bundle", "value_bundle"]
SIGNER = Signer.new()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def resign(folder: Path, change) -> None:
    """Alter the manifest with ``change`` and sign it again: a bundle from someone who has the key."""
    manifest = json.loads((folder / "bundle.json").read_bytes())
    change(manifest)
    for name, stated in manifest["files"].items():
        if (folder / name).exists():
            content = (folder / name).read_bytes()
            stated.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    written = json.dumps(manifest).encode()
    (folder / "bundle.json").write_bytes(written)
    (folder / "signature").write_bytes(SIGNER.sign(written))


@pytest.fixture
def folder(ranking_bundle, tmp_path):
    save_bundle(ranking_bundle, tmp_path / "bundle", SIGNER)
    return tmp_path / "bundle"


@pytest.fixture
def parsed(monkeypatch):
    """What reached LightGBM and our own validator."""
    seen: list[str] = []
    booster, check = lgb.Booster, on_disk.check_model_text
    monkeypatch.setattr(on_disk, "check_model_text", lambda *a, **k: seen.append("validator") or check(*a, **k))
    monkeypatch.setattr(on_disk, "_booster", lambda text: seen.append("lightgbm") or booster(model_str=text.decode()))
    return seen


@pytest.mark.parametrize("ranker", RANKERS)
def test_a_loaded_bundle_predicts_the_same_bits_and_saves_the_same_bytes(ranker, world, request, tmp_path):
    bundle = request.getfixturevalue(ranker)
    fingerprint = save_bundle(bundle, tmp_path / "a", SIGNER)
    loaded = load_bundle(tmp_path / "a", SIGNER.public_key)
    before, after = predict(bundle, world.X, BRIEF), predict(loaded, world.X, BRIEF)
    for name in vars(before):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    indices, ids = np.full((len(world.X), 8), 50.0), np.arange(len(world.X)).astype(str)
    assert rank(loaded, world.X, indices, ids, BRIEF, top=5) == rank(bundle, world.X, indices, ids, BRIEF, top=5)
    save_bundle(loaded, tmp_path / "b", SIGNER)
    save_bundle(bundle, tmp_path / "c", SIGNER)
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == contents(tmp_path / "c")
    assert loaded.fingerprint == fingerprint == hashlib.sha256((tmp_path / "a/bundle.json").read_bytes()).hexdigest()


def test_the_manifest_says_what_the_model_is(ranking_bundle, folder):
    loaded = load_bundle(folder, SIGNER.public_key)
    for name in ("ranker", "signals", "as_of", "run_id", "words", "weights", "metrics", "index_names", "calibration"):
        assert getattr(loaded, name) == getattr(ranking_bundle, name), name
    assert sorted(contents(folder)) == [
        "bundle.json",
        "golden.json",
        "heads/lift.txt",
        "heads/success.txt",
        "reference.json",
        "signature",
    ]
    assert b"parameters" not in contents(folder)["heads/lift.txt"]


def test_a_new_version_is_a_new_signed_manifest(ranking_bundle, tmp_path):
    one, two = (
        save_bundle(replace(ranking_bundle, model_version=version), tmp_path / version, SIGNER) for version in "12"
    )
    assert one != two
    assert load_bundle(tmp_path / "2", SIGNER.public_key).model_version == "2"


@pytest.mark.parametrize(
    "name", ["bundle.json", "signature", "golden.json", "reference.json", "heads/lift.txt", "heads/success.txt"]
)
@pytest.mark.parametrize("where", [0.0, 0.5, 0.97])
def test_one_altered_byte_anywhere_and_nothing_is_parsed(folder, parsed, name, where):
    content = bytearray((folder / name).read_bytes())
    content[int(where * len(content))] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError):
        load_bundle(folder, SIGNER.public_key)
    assert parsed == []


def test_another_key_missing_files_and_files_too_many_are_refused_unparsed(folder, parsed):
    with pytest.raises(BundleError, match="signed"):
        load_bundle(folder, Signer.new().public_key)
    (folder / "heads" / "accept.txt").write_text("tree\n")
    with pytest.raises(BundleError, match=r"accept\.txt"):
        load_bundle(folder, SIGNER.public_key)
    (folder / "heads" / "accept.txt").unlink()
    for name in contents(folder):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises(BundleError):
            load_bundle(folder, SIGNER.public_key)
        (folder / name).write_bytes(content)
    with pytest.raises(BundleError):
        load_bundle(folder / "nowhere", SIGNER.public_key)
    assert parsed == []
    load_bundle(folder, SIGNER.public_key)
    assert parsed == ["validator", "validator", "lightgbm", "lightgbm"]


@pytest.mark.parametrize("name", ["bundle.json", "signature", "golden.json", "heads/lift.txt", "heads"])
@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_what_is_no_regular_file_is_refused_at_once_and_unparsed(folder, parsed, tmp_path, name, kind):
    (folder / name).rename(tmp_path / "aside")
    if kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to(tmp_path / "aside")
    with pytest.raises(BundleError):
        load_bundle(folder, SIGNER.public_key)
    assert parsed == []


def test_an_unsafe_head_does_not_reach_lightgbm_even_when_signed(folder, parsed):
    path = folder / "heads" / "lift.txt"
    text = path.read_text()
    start = text.index("left_child=") + len("left_child=")
    # Same length, so that tree_sizes still fits: only the index is out of range.
    path.write_text(text[:start] + "9" + text[start + 1 :])
    resign(folder, lambda _: None)
    with pytest.raises(BundleError, match="left_child"):
        load_bundle(folder, SIGNER.public_key)
    assert "lightgbm" not in parsed


def test_another_tree_in_place_of_ours_fails_the_golden_rows(folder):
    path = folder / "heads" / "lift.txt"
    text = path.read_text()
    place = text.index("leaf_value=") + len("leaf_value=") + 6
    path.write_text(text[:place] + ("1" if text[place] != "1" else "2") + text[place + 1 :])
    resign(folder, lambda _: None)
    with pytest.raises(BundleError, match="raw scores of head lift"):
        load_bundle(folder, SIGNER.public_key)


def test_altered_calibration_fails_the_golden_rows(folder):
    resign(folder, lambda manifest: manifest["calibration"]["success"]["curve"].update(intercept=0.123))
    with pytest.raises(BundleError, match="as stored"):
        load_bundle(folder, SIGNER.public_key)


def test_on_another_machine_calibration_may_differ_by_a_hair_and_raw_scores_by_nothing(folder):
    golden = json.loads((folder / "golden.json").read_bytes())
    golden["predictions"]["accept"][3] *= 1 + 1e-14

    def rewrite(**changes):
        (folder / "golden.json").write_text(json.dumps(golden | changes))
        resign(folder, lambda _: None)

    rewrite()
    with pytest.raises(BundleError, match="accept as stored"):
        load_bundle(folder, SIGNER.public_key)
    rewrite(arithmetic="another processor")
    load_bundle(folder, SIGNER.public_key)
    golden["raw"]["lift"][3] *= 1 + 1e-14
    rewrite(arithmetic="another processor")
    with pytest.raises(BundleError, match="raw scores"):
        load_bundle(folder, SIGNER.public_key)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(version=1),
        lambda m: m.update(more=1),
        lambda m: m.pop("metrics"),
        lambda m: m.update(ranker="../voting"),
        lambda m: m.update(funnel={}),
        lambda m: m["funnel"].pop("deliver"),
        lambda m: m["funnel"].update(accept=["vote", "accept", "success"]),
        lambda m: m["funnel"].update(accept=["product", "accept"]),
        lambda m: m["funnel"].update(accept="unheard_of"),
        lambda m: m["funnel"].update(accept="lift"),
        lambda m: m["funnel"].update(accept=7),
        lambda m: m.update(head_words={"unheard_of": "words"}),
        lambda m: m.update(head_words={"lift": 7}),
        lambda m: m.update(heads=["../../etc/passwd"]),
        lambda m: m.update(heads=[]),
        lambda m: m.update(heads="lift"),
        lambda m: m.update(economics={"currency": "EUR", "utility": "lift"}),
        lambda m: m.update(signals=m["signals"][::-1]),
        lambda m: m.update(signals=[*m["signals"], "one_more"]),
        lambda m: m.update(calibration={}),
        lambda m: m["calibration"]["lift"].update(head="success"),
        lambda m: m["calibration"]["lift"].pop("scale"),
        lambda m: m["calibration"].update(lift=None),
        lambda m: m.update(weights={"charm": 1}),
        lambda m: m.update(words={"net_gmv_sum_28d": {"unit": "USD"}}),
    ],
)
def test_a_signed_manifest_whose_parts_do_not_fit_is_refused(folder, change):
    resign(folder, change)
    with pytest.raises(BundleError):
        load_bundle(folder, SIGNER.public_key)


@pytest.mark.parametrize("written", [b"[]", b"{", b"[" * 100_000, b"\xff", b"{}"])
def test_a_signed_manifest_that_is_no_manifest_is_refused(folder, written):
    (folder / "bundle.json").write_bytes(written)
    (folder / "signature").write_bytes(SIGNER.sign(written))
    with pytest.raises(BundleError):
        load_bundle(folder, SIGNER.public_key)


def test_parts_that_do_not_fit_are_refused_in_memory(ranking_bundle, value_bundle, world):
    other = fit_money("lift", [0.0, 1], label=[0.0, 1])
    wrong = [
        {"ranker": "Voting!"},
        {"funnel": {"accept": "accept", "success": "success"}},
        {"funnel": {**APART, "success": ("majority", "accept", "success")}},
        {"funnel": {**APART, "success": "deliver"}},
        {"calibration": {**ranking_bundle.calibration, "utility": ranking_bundle.calibration["lift"]}},
        {"signals": ("a", "a", "b", "c", "d")},
        {"signals": ("a b", "b", "c", "d", "e")},
        {"signals": ranking_bundle.signals[:4]},
        {"heads": {"lift": ranking_bundle.heads["lift"]}},
        {"heads": {**ranking_bundle.heads, "accept": value_bundle.heads["accept"]}},
        {"calibration": {**ranking_bundle.calibration, "success": other}},
        {"calibration": {**ranking_bundle.calibration, "lift": ranking_bundle.calibration["success"]}},
        {"golden": world.X[:3, :2]},
        {"golden": np.full((1, 5), np.inf)},
        {"words": {"unheard_of": SignalWords("", "")}},
    ]
    for change in wrong:
        with pytest.raises(BundleError):
            replace(ranking_bundle, **change)
    with pytest.raises(BriefError):
        replace(ranking_bundle, weights={"charm": 1})


def test_linear_trees_and_metrics_that_are_no_numbers_are_not_saved(world, ranking_bundle, tmp_path):
    data = lgb.Dataset(np.nan_to_num(world.X), world.lift, feature_name=list(ranking_bundle.signals))
    linear = lgb.train({"objective": "regression", "linear_tree": True, "verbose": -1}, data, 2)
    with pytest.raises(BundleError):
        save_bundle(replace(ranking_bundle, heads={**ranking_bundle.heads, "lift": linear}), tmp_path / "x", SIGNER)
    with pytest.raises(BundleError):
        save_bundle(replace(ranking_bundle, metrics={"auc": np.nan}), tmp_path / "x", SIGNER)
    assert not (tmp_path / "x").exists()


def test_a_bundle_without_golden_rows_makes_some_up(ranking_bundle, tmp_path):
    save_bundle(replace(ranking_bundle, golden=None), tmp_path / "x", SIGNER)
    rows = load_bundle(tmp_path / "x", SIGNER.public_key).golden
    assert rows.shape == (16, 5)
    assert np.isnan(rows[0]).all()


def test_a_head_is_stored_up_to_its_best_iteration(world, ranking_bundle, tmp_path):
    names = list(ranking_bundle.signals)
    data = lgb.Dataset(world.X[:1200], world.lift[:1200], feature_name=names)
    valid = lgb.Dataset(world.X[1200:], world.lift[1200:], reference=data)
    stop = lgb.early_stopping(3, verbose=False)
    parameters = {"objective": "regression", "verbose": -1, "learning_rate": 0.5}
    lift = lgb.train(parameters, data, 60, [valid], callbacks=[stop], keep_training_booster=True)
    assert 0 < lift.best_iteration < lift.num_trees()
    bundle = replace(ranking_bundle, heads={**ranking_bundle.heads, "lift": lift})
    save_bundle(bundle, tmp_path / "x", SIGNER)
    loaded = load_bundle(tmp_path / "x", SIGNER.public_key)
    assert loaded.heads["lift"].num_trees() == lift.best_iteration
    np.testing.assert_array_equal(predict(loaded, world.X, BRIEF).lift, predict(bundle, world.X, BRIEF).lift)


def signal(name="a", **more):
    parts = {"entity": "creator", "unit": "USD", "window": 28, "doc": "Net sales. More words.\n\nYet more."}
    return SimpleNamespace(name=name, **{**parts, **more})


def test_the_contracts_hash_is_of_name_entity_unit_window_and_order():
    one = signals_sha256([signal(), signal("b")])
    assert one == signals_sha256([signal(doc="Other words."), signal("b")])
    different = (
        [signal("b"), signal()],
        [signal()],
        [signal(unit="EUR"), signal("b")],
        [signal(window=None), signal("b")],
    )
    assert len({one, *map(signals_sha256, different)}) == 5
    assert words_of([signal()]) == {"a": SignalWords("USD", "Net sales")}


def test_signals_of_another_contract_are_refused(ranking_bundle):
    bundle = replace(ranking_bundle, contract_sha256="abc")
    bundle.check_contract("abc")
    with pytest.raises(BundleError):
        bundle.check_contract("abd")


def test_a_bundle_that_weighs_other_indices_is_refused(ranking_bundle):
    """Columns are told apart by their place alone: one more index, or two that changed places, would be misread."""
    names = ranking_bundle.index_names
    for other in (names[:-1], (names[1], names[0], *names[2:])):
        bundle = replace(ranking_bundle, contract_sha256="abc", index_names=other, weights={"model": 1.0})
        with pytest.raises(BundleError, match="the indices that the bundle weighs"):
            bundle.check_contract("abc")


def test_a_bundle_remembers_distributions_and_refuses_what_is_none(ranking_bundle, world, tmp_path):
    sample = Sample(world.X, {}, np.arange(len(world.X)) // 10)
    kept = replace(ranking_bundle, reference=Reference.of(ranking_bundle.signals, sample))
    save_bundle(kept, tmp_path / "bundle", SIGNER)
    assert load_bundle(tmp_path / "bundle", SIGNER.public_key).reference == kept.reference
    for broken in ('{"reference": {"signals": {}}}', '{"reference": 1}', '{"other": null}', "[]"):
        (tmp_path / "bundle" / "reference.json").write_text(broken)
        resign(tmp_path / "bundle", lambda _: None)
        with pytest.raises(BundleError):
            load_bundle(tmp_path / "bundle", SIGNER.public_key)
