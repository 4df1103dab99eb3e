"""Drift of what is served: told by the command from the log, and by the service from its memory."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from marketplace.errors import BundleError
from marketplace.state import state_folder
from models.drift import Reference, Sample
from serving.app.told import ServedMeters
from serving.app.watch import DriftWatch
from serving.drift import drift_at_home, drift_of_snapshot
from serving.lately import RANKINGS, ROWS, Lately
from serving.rank import rank_creators
from serving.schema import RankRequest
from serving.store import Served, load_served
from tests.serving.conftest import promote, tiny_bundle
from tests.serving.test_meters import samples


def own_reference(served: Served, change: str = "") -> Reference:
    """What the snapshot's own candidates would leave, but for one signal that was a thousand times smaller."""
    signals, briefs = [], []
    for number, brief in enumerate(list(served.snapshot.campaigns.values())[-60:]):
        part = served.snapshot.of_market(brief.market)
        rows, _ = part.candidates(brief, {})
        signals.append(part.matrix(brief, rows[:: max(1, len(rows) // 50)]))
        briefs += [number] * len(signals[-1])
    X = np.concatenate(signals)
    if change:
        X[:, served.bundle.signals.index(change)] /= 1000.0
    return Reference.of(served.bundle.signals, Sample(X, {}, np.array(briefs)))


@pytest.fixture
def remembering(served_home: Path) -> Served:
    served = load_served(state_folder("bundle"), state_folder("snapshot"))
    promote(served_home, replace(tiny_bundle(), reference=own_reference(served, "follower_count_last")))
    return load_served(state_folder("bundle"), state_folder("snapshot"))


def test_the_snapshot_is_steady_but_for_what_has_moved(remembering: Served) -> None:
    found = drift_of_snapshot(remembering)
    assert found.rows > 1000
    assert found.columns[0].name == "follower_count_last"
    assert found.columns[0].verdict == "drifted"
    assert found.columns[0].direction.startswith("higher")
    assert {one.verdict for one in found.columns[1:]} <= {"steady", "chance"}


def test_a_bundle_that_remembers_nothing_says_so(served_home: Path) -> None:
    with pytest.raises(BundleError, match="remembers"):
        drift_at_home()


def ask(served: Served, **told: Any) -> tuple[Any, Any]:
    campaign = list(served.snapshot.campaigns)[-1]
    request = RankRequest.model_validate({"campaign_id": campaign, "top": 10, "explain": False, **told})
    return rank_creators(served, request, request_id="0" * 32)


def test_what_was_scored_is_kept_a_few_rows_of_each_and_bounded(remembering: Served) -> None:
    first, _ = ask(remembering)
    kept = remembering.lately.rows()
    assert kept is not None
    assert kept[0].shape == (ROWS, len(remembering.bundle.signals))
    chances = [one.success_probability for one in first.creators]
    np.testing.assert_array_equal(remembering.lately.shown(), chances)
    for _ in range(RANKINGS + 5):
        ask(remembering)
    X, ranking = remembering.lately.rows() or (np.empty(0), np.empty(0))
    assert len(X) == ROWS * RANKINGS
    assert len(set(ranking.tolist())) == RANKINGS
    # Over many rankings everybody is looked at, not the same few.
    assert len(np.unique(X[:, remembering.bundle.signals.index("follower_count_last")])) > 5 * ROWS


def test_nobody_to_rank_leaves_nothing() -> None:
    lately = Lately()
    lately.offer(0, lambda _: np.empty((0, 3)), [])
    assert lately.rows() is None
    lately.offer(3, lambda places: np.arange(9.0).reshape(3, 3)[places], [0.5])
    X, _ = lately.rows() or (np.empty(0), None)
    assert sorted(X[:, 0].tolist()) == [0.0, 3.0, 6.0]


def test_the_metrics_tell_both_populations(remembering: Served) -> None:
    registry = CollectorRegistry()
    watch = DriftWatch(lambda: remembering, ServedMeters(registry))
    watch.look()
    told = samples(generate_latest(registry).decode())
    psi = {key[1]: value for key, value in told.items() if key[0] == "collabrank_drift_psi"}
    assert len(psi) == len(remembering.bundle.signals)
    assert psi[("column", "follower_count_last"), ("population", "snapshot")] > 1
    for _ in range(40):
        ask(remembering)
    watch.look()
    told = samples(generate_latest(registry).decode())
    assert told["collabrank_drift_psi", (("column", "follower_count_last"), ("population", "scored"))] > 1
    verdicts = {
        dict(key[1])["verdict"]: value
        for key, value in told.items()
        if key[0] == "collabrank_drift_columns" and dict(key[1])["population"] == "scored"
    }
    assert sum(verdicts.values()) == len(remembering.bundle.signals)
    assert told["collabrank_expected", (("figure", "rows"),)] == 400
    shown = remembering.lately.shown()
    assert told["collabrank_expected", (("figure", "success"),)] == pytest.approx(shown.mean())
    assert told["collabrank_expected", (("figure", "brier"),)] == pytest.approx((shown * (1 - shown)).mean())


def test_the_command_reads_the_log(remembering: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from marketplace.jsonable import jsonable

    lines = []
    for campaign in list(remembering.snapshot.campaigns)[-30:]:
        _, line = ask(remembering, campaign_id=campaign)
        lines.append(json.loads(json.dumps(jsonable(line))))
    older = {**lines[0], "bundle_sha256": "0" * 64}
    monkeypatch.setattr("serving.drift.read_decisions", lambda: iter([older, *lines, {"kind": "feedback"}]))
    found = drift_at_home()
    assert found.scored.briefs == sum(bool(line["creators"]) for line in lines)
    assert found.scored.columns[0].name == "follower_count_last"
    assert found.expected.rows == sum(len(line["creators"]) for line in lines)
    assert 0 < found.expected.success < 1
    text = str(found)
    assert "follower_count_last" in text
    assert "if the probabilities are still calibrated" in text
    assert len(found.to_frame()) == 2 * len(remembering.bundle.signals)
    assert math.isfinite(json.loads(json.dumps(found.as_dict()))["expected"]["brier"])


def test_without_a_log_the_snapshot_alone_is_told(remembering: Served) -> None:
    found = drift_at_home()
    assert found.scored.columns == ()
    assert "nothing is in the decision log yet" in str(found)
