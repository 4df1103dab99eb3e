"""What ``/metrics`` tells after known requests."""

from __future__ import annotations

import time
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from serving.app.meters import CAUSES, STAGES, Meters
from tests.serving.test_service import shared  # noqa: F401

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_stage_of_a_ranking_is_timed_and_they_add_up(shared: Any, campaign: dict[str, Any]) -> None:  # noqa: F811
    def now() -> Samples:
        return samples(shared.get("/metrics").text)

    before = now()
    for _ in range(3):
        assert shared.post("/rank", json={"campaign_id": campaign["campaign_id"]}).status_code == 200
    after = now()

    def grew(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return after[key] - before.get(key, 0.0)

    assert {stage: grew("collabrank_stage_seconds_count", stage=stage) for stage in STAGES} == dict.fromkeys(STAGES, 3)
    stages = sum(grew("collabrank_stage_seconds_sum", stage=stage) for stage in STAGES)
    whole = grew("collabrank_request_seconds_sum", route="/rank")
    assert 0.9 * whole <= stages <= whole


def test_what_is_served_and_how_old_it_is(shared: Any) -> None:  # noqa: F811
    from tests.serving.test_service import service

    told = samples(shared.get("/metrics").text)
    served = service().store.served
    (labels,) = [dict(labels) for (name, labels), value in told.items() if name == "collabrank_model_info" and value]
    assert labels == {
        "version": served.bundle.model_version, "ranker": served.bundle.ranker, "as_of": served.bundle.as_of
    }  # fmt: skip
    age = told["collabrank_snapshot_age_seconds", ()]
    assert abs(age - (time.time() - served.as_of.timestamp())) < 60
    assert told["collabrank_snapshot_creators", ()] == len(served.snapshot)


def test_refusals_have_a_cause(shared: Any) -> None:  # noqa: F811
    shared.get("/nowhere")
    shared.post("/rank", json={"top": -1})
    shared.post("/rank", content=b"{}", headers={"Content-Type": "text/plain"})
    told = samples(shared.get("/metrics").text)
    found = {dict(labels)["cause"] for (name, labels) in told if name == "collabrank_refusals_total"}
    assert {"unknown", "request", "type"} <= found <= {*CAUSES.values(), "fault"}


def test_another_model_takes_the_place_of_the_one_before() -> None:
    from datetime import UTC, datetime

    meters = Meters()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for version in ("1", "2"):
        meters.tells.taken(version=version, ranker="r", trained_as_of="2025-12-01", as_of=at, creators=7)
    told = samples(meters.text().decode())
    shown = {
        dict(labels)["version"]: value for (name, labels), value in told.items() if name == "collabrank_model_info"
    }
    assert shown == {"1": 0.0, "2": 1.0}
