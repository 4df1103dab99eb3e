"""Promotion and rollback against a real store, with real (small) bundles."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marketplace.errors import BundleError, CollabrankError, GateError, LayoutError
from marketplace.signature import read_public_key, read_signer
from models.bundle import disk, read_merits
from models.bundle.disk import bundle_folder, load_bundle, save_bundle
from models.bundle.model import Bundle
from models.calibration.scale import fit_money, fit_probability
from models.funnel import APART
from training.heads.booster import fit_booster
from training.heads.estimators import CampaignRanker
from training.tracking import promotion
from training.tracking.gate import GateEvidence
from training.tracking.ledger import REGISTERED, Event, Ledger
from training.tracking.promotion import promote, promotion_text, rollback
from training.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    HELD_OUT,
    Version,
    aliased,
    find_version,
    point_alias,
    register,
    tag_version,
)
from training.tracking.store import Store

CAMPAIGNS = tuple(f"c{i:02d}" for i in range(20))
RNG = np.random.default_rng(5)
X = RNG.normal(size=(200, 3))
CAMPAIGN = np.repeat(np.arange(20), 10)
BASE = RNG.uniform(0.3, 0.5, 20)


def small_bundle(seed: int) -> Bundle:
    y = (X[:, 0] + RNG.normal(size=200) > 0).astype(float)
    money = np.exp(X[:, 1])
    ranker = CampaignRanker(n_estimators=3, min_data_in_leaf=5, random_state=seed).fit(X, y, groups=CAMPAIGN)
    success = ranker.booster_
    lift = fit_booster(X, money, params={"objective": "regression", "min_data_in_leaf": 5}, rounds=3, seed=seed)
    s, r = success.predict(X, raw_score=True), lift.predict(X, raw_score=True)
    return Bundle(
        ranker="lambdarank",
        funnel=APART,
        signals=("one", "two", "three"),
        heads={"success": success, "lift": lift},
        calibration={
            "success": fit_probability("success", s, label=y),
            "accept": fit_probability("success", s, label=y),
            "lift": fit_money("lift", r, label=money),
            "attributed": fit_money("lift", r, label=money),
        },
        as_of="2026-05-01",
    )


def candidate(
    store: Store, gain: float, *, seed: int = 0, champion: int | None = None, as_of: str = "2026-05-01"
) -> Version:
    """A registered version whose values lie ``gain`` above the best simple sort's."""
    rankers = {"candidate": list(BASE + gain), "gmv": list(BASE), "champion": list(BASE + 0.05)}
    evidence = GateEvidence(
        "f", CAMPAIGNS, {"oracle_gain_share_at_20": rankers}, champion_version=champion, noise={"deviation": 1_200.0}
    )
    with store.run(f"seed {seed}") as run:
        folder = bundle_folder().parent / f"made-{run.id}"
        made = replace(small_bundle(seed), run_id=run.id, as_of=as_of, evidence_sha256=evidence.digest())
        fingerprint = save_bundle(made, folder, read_signer())
        run.folder(folder, "bundle")
        run.text(evidence.content().decode(), "evidence.json")
        tags = {"ranker": "lambdarank", "as_of": as_of, HELD_OUT: evidence.held_out}
        version = register(run, description="made by hand", tags=tags)
        Ledger().append(
            Event(
                kind=REGISTERED,
                version=version.number,
                run_id=run.id,
                bundle_sha256=fingerprint,
                evidence_sha256=made.evidence_sha256,
                held_out=evidence.held_out,
            )
        )
    point_alias(store, CHALLENGER, version)
    return version


def artifacts(store: Store, version: Version) -> Path:
    return store.fetch(version.run_id, "evidence.json").parent


def served() -> Bundle:
    return load_bundle(bundle_folder(), read_public_key())


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_first_promotion_writes_a_verified_bundle_and_moves_the_alias(store):
    version = candidate(store, 0.1)
    done = promote(store=store)
    assert (done.version, done.previous, done.forced) == (1, None, False)
    assert all(check.passed for check in done.checks)
    assert aliased(store, CHAMPION).number == 1
    assert aliased(store, CHALLENGER) is None
    assert served().model_version == "1"
    tags = find_version(store, version.number).tags
    assert tags["gate"] == "passed"
    assert tags["previous_champion"] == ""


def test_the_gate_refuses_and_nothing_moves(store):
    candidate(store, 0.1)
    promote(store=store)
    before = bytes_of(bundle_folder())
    candidate(store, 0.0, seed=1)
    with pytest.raises(GateError, match="oracle_gain_share_at_20") as refusal:
        promote(store=store)
    assert "difference -0.100" in refusal.value.received
    assert bytes_of(bundle_folder()) == before
    assert aliased(store, CHAMPION).number == 1
    assert aliased(store, CHALLENGER).number == 2


def test_force_needs_a_reason_and_is_recorded(store):
    candidate(store, -0.1)
    with pytest.raises(GateError, match="reason"):
        promote(store=store, force=True)
    done = promote(store=store, force=True, reason="the data of spring were broken")
    assert done.forced
    tags = find_version(store, 1).tags
    assert tags["gate"] == "forced"
    assert tags["forced_reason"] == "the data of spring were broken"
    assert tags["forced_past"] == "oracle_gain_share_at_20, verdict"


def test_a_candidate_that_is_not_worse_needs_newer_outcomes_or_a_reason(store):
    candidate(store, 0.1)
    promote(store=store)
    candidate(store, 0.1, seed=1)
    with pytest.raises(GateError, match="learned from no newer outcomes"):
        promote(store=store)
    done = promote(store=store, reason="its licence is free")
    assert (done.version, done.verdict, done.forced) == (2, "not worse", False)
    assert find_version(store, 2).tags["reason"] == "its licence is free"
    candidate(store, 0.1, seed=2, as_of="2026-06-01")
    done = promote(store=store)
    assert (done.version, done.verdict) == (3, "not worse")
    assert "outcomes until 2026-06-01, the champion until 2026-05-01" in done.words
    assert find_version(store, 3).tags["verdict_words"] == done.words


def test_the_verdict_stands_in_the_text_and_says_how_many_were_tried(store):
    for seed in range(3):
        candidate(store, 0.1, seed=seed)
    done = promote(store=store)
    text = promotion_text(done)
    assert done.verdict == "better"
    assert "Better: it earns more than the best simple sort." in text
    assert "3 candidates were measured on these campaigns" in text
    assert find_version(store, done.version).tags["candidates"] == "3"
    assert list(done.to_frame().columns) == ["verdict", "passed", "figures"]


def test_promoting_the_champion_again_is_refused(store):
    candidate(store, 0.1)
    promote(store=store)
    with pytest.raises(GateError, match="champion already"):
        promote(store=store)


def test_an_older_version_can_be_named(store):
    candidate(store, 0.1)
    candidate(store, 0.2, seed=1)
    assert promote(1, store=store).version == 1
    assert aliased(store, CHALLENGER).number == 2


def test_rollback_goes_back_step_by_step(store):
    for seed in range(3):
        candidate(store, 0.1 * (seed + 1), seed=seed)
        promote(store=store)
    assert rollback(store=store).version == 2
    assert served().model_version == "2"
    assert rollback(store=store).version == 1
    assert aliased(store, CHAMPION).number == 1
    with pytest.raises(GateError, match="the first"):
        rollback(store=store)
    assert served().model_version == "1"


def test_what_speaks_for_the_champion_is_kept_and_comes_back_with_it(store):
    candidate(store, 0.1)
    promote(store=store)
    first = read_merits(served())
    assert first is not None
    (gain,) = first.measured
    assert (first.version, first.verdict, first.forced) == (1, "better", False)
    assert first.noise == {"deviation": 1_200.0}
    assert gain.estimate == pytest.approx((BASE + 0.1).mean())
    assert gain.low < gain.estimate < gain.high
    assert (gain.campaigns, gain.best_sort, gain.best_sort_estimate) == (20, "gmv", pytest.approx(BASE.mean()))
    candidate(store, 0.3, seed=1)
    promote(store=store)
    assert read_merits(served()).version == 2
    rollback(store=store)
    back = read_merits(served())
    assert (back.version, back.verdict, back.words) == (1, first.verdict, first.words)


def test_a_forced_promotion_without_evidence_has_nothing_to_tell_but_that(store):
    version = candidate(store, 0.1)
    (artifacts(store, version) / "evidence.json").write_text("{}")
    promote(store=store, force=True, reason="we must")
    told = read_merits(served())
    assert (told.forced, told.reason, told.verdict, told.measured) == (True, "we must", "", ())


def test_rollback_without_a_champion_is_refused(store):
    with pytest.raises(GateError, match="no champion"):
        rollback(store=store)


def test_rollback_restores_the_same_bytes(store):
    candidate(store, 0.1)
    promote(store=store)
    first = bytes_of(bundle_folder())
    candidate(store, 0.2, seed=1)
    promote(store=store)
    assert bytes_of(bundle_folder()) != first
    rollback(store=store)
    assert bytes_of(bundle_folder()) == first


def test_champion_measured_by_the_candidate_run_is_used(store):
    candidate(store, 0.1)
    promote(store=store)
    candidate(store, 0.06, seed=1, champion=1)
    assert promote(store=store).version == 2


@pytest.mark.parametrize("step", ["point_alias", "tag_version", "replace_folder"])
def test_whatever_fails_alias_and_bundle_stay(store, monkeypatch, step):
    candidate(store, 0.1)
    promote(store=store)
    before = bytes_of(bundle_folder())
    candidate(store, 0.2, seed=1)
    real = getattr(promotion, step)

    def broken(*args, **kwargs):
        if step == "replace_folder":
            return late_failure(real, *args, **kwargs)
        if args[-1] is not None and getattr(args[-1], "number", 2) == 2:
            raise OSError("disk full")
        return real(*args, **kwargs)

    monkeypatch.setattr(promotion, step, broken)
    with pytest.raises(OSError, match="disk full"):
        promote(store=store)
    assert bytes_of(bundle_folder()) == before
    assert aliased(store, CHAMPION).number == 1
    assert [p.name for p in bundle_folder().parent.glob(".bundle*")] == []


def late_failure(real, *args, **kwargs):
    """`replace_folder` whose last rename fails, after the alias has moved."""
    from contextlib import contextmanager

    @contextmanager
    def failing():
        with real(*args, **kwargs) as fresh:
            yield fresh
            raise OSError("disk full")

    return failing()


def test_an_altered_artifact_is_refused(store):
    version = candidate(store, 0.1)
    (artifacts(store, version) / "bundle" / "heads" / "lift.txt").write_text("tree\nversion=v4\n")
    with pytest.raises(BundleError):
        promote(store=store)
    assert aliased(store, CHAMPION) is None
    assert not bundle_folder().exists()


def rewrite(store, version, evidence):
    """Put other evidence in the artifacts, as whoever reaches the MLflow store can."""
    (artifacts(store, version) / "evidence.json").write_bytes(evidence.content())
    tag_version(store, version, {"evidence_sha256": evidence.digest(), HELD_OUT: evidence.held_out})


def glowing(gain=0.5):
    rankers = {"candidate": list(BASE + gain), "gmv": list(BASE), "champion": list(BASE)}
    return GateEvidence("f", CAMPAIGNS, {"oracle_gain_share_at_20": rankers})


def test_a_refused_model_is_not_promoted_by_whoever_can_change_the_store(store):
    version = candidate(store, -0.1)
    with pytest.raises(GateError, match="oracle_gain_share_at_20"):
        promote(store=store)
    rewrite(store, version, glowing())
    with pytest.raises(GateError, match="changed since, or is another model's"):
        promote(store=store)
    evidence = artifacts(store, version) / "evidence.json"
    evidence.unlink()
    evidence.symlink_to("/dev/zero")
    with pytest.raises(CollabrankError):
        promote(store=store)
    assert aliased(store, CHAMPION) is None
    assert not bundle_folder().exists()


def test_evidence_and_bundles_of_another_model_are_refused(store):
    good, bad = candidate(store, 0.2), candidate(store, -0.1, seed=1)
    shutil.copy(artifacts(store, good) / "evidence.json", artifacts(store, bad) / "evidence.json")
    with pytest.raises(GateError, match="is another model's"):
        promote(bad.number, store=store)
    # The evidence and the bundle together: a bundle that passes, but none of this version.
    shutil.rmtree(artifacts(store, bad) / "bundle")
    shutil.copytree(artifacts(store, good) / "bundle", artifacts(store, bad) / "bundle")
    with pytest.raises(GateError, match="artifacts were exchanged"):
        promote(bad.number, store=store)
    # The other way about: the weak bundle where the good one was registered.
    assert promote(good.number, store=store).version == good.number


def test_a_bundle_signed_here_for_something_else_does_not_take_the_place_of_the_one_registered(store):
    version = candidate(store, 0.2)
    evidence = glowing()
    other = replace(small_bundle(4), run_id=version.run_id, evidence_sha256=evidence.digest())
    save_bundle(other, artifacts(store, version) / "bundle", read_signer())
    rewrite(store, version, evidence)
    with pytest.raises(GateError, match="registered here"):
        promote(store=store)


def test_a_champion_of_an_earlier_layout_stands_in_nobodys_way(store, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(disk, "VERSION", disk.VERSION - 1)
        candidate(store, 0.3)
        assert promote(store=store).version == 1
    with pytest.raises(
        LayoutError, match=rf"version {disk.VERSION}; received version {disk.VERSION - 1}; .* train again"
    ):
        served()
    # It would not have been the better one; against the simple sorts it is.
    candidate(store, 0.1, seed=1)
    done = promote(store=store)
    assert (done.version, done.previous) == (2, 1)
    assert done.checks[0].rule == "champion of another layout"
    assert f"version 1 cannot be opened (version {disk.VERSION - 1})" in done.checks[0].figures
    assert served().model_version == "2"
    # Worse than the sorts is worse all the same.
    with monkeypatch.context() as earlier:
        earlier.setattr(disk, "VERSION", disk.VERSION - 1)
        candidate(store, 0.3, seed=2)
        promote(store=store, force=True, reason="to have another of that layout")
    candidate(store, -0.1, seed=3)
    with pytest.raises(GateError, match="earns less than the best simple sort"):
        promote(store=store)
    # Back to what this version reads, and no further.
    with pytest.raises(LayoutError):
        promote(1, store=store, force=True, reason="back")


def test_an_old_bundle_in_the_champions_place_does_not_make_it_one_of_an_earlier_layout(store, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(disk, "VERSION", disk.VERSION - 1)
        old = candidate(store, 0.0)
    good = candidate(store, 0.3, seed=1)
    promote(good.number, store=store)
    weaker = candidate(store, 0.1, seed=2)
    shutil.rmtree(artifacts(store, good) / "bundle")
    shutil.copytree(artifacts(store, old) / "bundle", artifacts(store, good) / "bundle")
    with pytest.raises(GateError, match="registered here"):
        promote(weaker.number, store=store)
    assert served().model_version == str(good.number)


def test_the_alias_does_not_say_who_is_champion(store):
    candidate(store, 0.1)
    candidate(store, 0.2, seed=1)
    promote(2, store=store)
    point_alias(store, CHAMPION, find_version(store, 1))
    candidate(store, 0.15, seed=2)  # better than version 1, worse than version 2, which is served
    with pytest.raises(GateError, match=r"champion \(version 2\)|version 2"):
        promote(store=store)
    point_alias(store, CHAMPION, None)
    with pytest.raises(GateError, match="version 2"):
        promote(store=store)
    shutil.rmtree(bundle_folder())  # the ledger knows it still
    with pytest.raises(GateError, match="version 2"):
        promote(store=store)


def test_a_rollback_goes_where_the_ledger_says_and_not_where_a_tag_does(store):
    candidate(store, -0.3)
    candidate(store, 0.1, seed=1)
    promote(2, store=store)
    candidate(store, 0.2, seed=2)
    promote(3, store=store)
    tag_version(store, find_version(store, 3), {"previous_champion": 1})
    assert rollback(store=store).version == 2
    tag_version(store, find_version(store, 2), {"previous_champion": 1})
    with pytest.raises(GateError, match="the first"):
        rollback(store=store)
    assert served().model_version == "2"


def test_tags_cannot_make_the_candidates_fewer_nor_a_candidate_newer(store):
    for seed in range(3):
        version = candidate(store, 0.1, seed=seed)
    tag_version(store, find_version(store, 1), {HELD_OUT: "other"})
    store.client.delete_model_version("collabrank", "2")
    assert "3 candidates were measured" in promotion_text(promote(store=store))
    version = candidate(store, 0.1, seed=4)
    tag_version(store, version, {"as_of": "2030-01-01", "basis": "nothing"})
    with pytest.raises(GateError, match="learned from no newer outcomes"):
        promote(store=store)


def test_evidence_that_is_missing_is_an_error_unless_forced(store):
    version = candidate(store, 0.1)
    (artifacts(store, version) / "evidence.json").write_text(json.dumps({"old": "layout"}))
    with pytest.raises(GateError, match="train again"):
        promote(store=store)
    assert promote(store=store, force=True, reason="written by an older collabrank").forced
    assert Ledger().champion().forced


def test_nothing_forces_a_bundle_of_another_run(store):
    good, bad = candidate(store, 0.2), candidate(store, -0.1, seed=1)
    shutil.rmtree(artifacts(store, bad) / "bundle")
    shutil.copytree(artifacts(store, good) / "bundle", artifacts(store, bad) / "bundle")
    with pytest.raises(GateError, match="exchanged"):
        promote(bad.number, store=store, force=True, reason="whatever")


def test_evidence_signed_but_of_no_use_is_refused(store):
    version = candidate(store, 0.1)
    made = load_bundle(artifacts(store, version) / "bundle", read_public_key())
    for content in (b"[]", b"{", b"null", b'{"fingerprint": "f", "campaigns": 7}', b"[" * 100_000):
        digest = hashlib.sha256(content).hexdigest()
        save_bundle(replace(made, evidence_sha256=digest), artifacts(store, version) / "bundle", read_signer())
        (artifacts(store, version) / "evidence.json").write_bytes(content)
        Ledger().path.unlink(missing_ok=True)
        with pytest.raises(GateError, match="train again"):
            promote(store=store)
