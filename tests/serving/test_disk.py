"""The service and its disk: the ranking is the models' own, the log holds what was scored, bundles come and go."""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.snapshot.parts import load_snapshot
from models.bundle.disk import load_bundle, save_bundle

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from marketplace.errors import BundleError, SnapshotError
from marketplace.signature import read_public_key
from models.ranking import rank
from models.score import INDEX_NAMES
from serving.decisions import read_decisions
from serving.keys import create_key
from serving.store import Served, Store, check_fit, load_served


def service() -> Any:
    import bentoml

    return bentoml.get_current_service()


@pytest.fixture
def client(served_home: Path) -> Iterator[TestClient]:
    from serving.app.service import application

    _, key = create_key("test")
    with TestClient(application(), headers={"X-API-Key": key}, raise_server_exceptions=False) as client:
        yield client


def log_lines() -> list[dict[str, Any]]:
    return list(read_decisions())


def test_the_ranking_is_the_models_own(client: TestClient, served_home: Path, campaign: dict[str, Any]) -> None:
    answer = client.post("/rank", json={"campaign_id": campaign["campaign_id"], "top": 7})
    assert answer.status_code == 200, answer.text
    bundle = load_bundle(served_home / "var" / "bundle", read_public_key())
    snapshot = load_snapshot(served_home / "var" / "snapshot")
    brief = snapshot.campaigns[campaign["campaign_id"]]
    part = snapshot.of_market(brief.market)
    rows, _ = part.candidates(brief, {})
    direct = rank(
        bundle,
        part.matrix(brief, rows),
        part.indices(brief, rows),
        np.asarray(part.creator_ids)[rows],
        brief,
        top=7,
    )
    reply = answer.json()
    assert reply["considered"] == len(rows) > 7
    assert reply["model_version"] == "1"
    for got, want in zip(reply["creators"], direct, strict=True):
        assert got["creator_id"] == want.creator_id
        assert (got["position"], got["score"]) == (want.position, want.score)
        assert got["utility"] == {
            "expected": want.utility.expected, "low": want.utility.low, "high": want.utility.high, "currency": "USD",
        }  # fmt: skip
        assert got["success_probability"] == want.success_probability
        assert got["lift"]["expected"] == want.lift.expected
        assert {name: index["value"] for name, index in got["indices"].items()} == dict(want.indices)
        assert tuple(got["indices"]) == INDEX_NAMES
        assert [reason["text"] for reason in got["reasons"]] == [reason.text for reason in want.reasons]
        assert 3 <= len(got["reasons"]) <= 5


def test_the_card_is_the_snapshots(client: TestClient, served_home: Path) -> None:
    creator = str(load_snapshot(served_home / "var" / "snapshot").creator_ids[0])
    card = client.get(f"/creators/{creator}/card")
    assert card.status_code == 200, card.text
    assert card.json()["creator_id"] == creator
    assert len(card.json()["indices"]) >= 7
    missing = client.get("/creators/cr_none/card")
    assert missing.status_code == 404
    assert "cr_none" in missing.json()["received"]
    assert client.post(f"/creators/{creator}/card", json={}).status_code == 405


def test_a_fault_inside_says_nothing_of_itself(client: TestClient, campaign: dict[str, Any]) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    store = service().store
    whole = store.served
    try:
        store._served = Served(whole.bundle, type("Broken", (), {"campaigns": property(broken)})())
        answer = client.post("/rank", json={"campaign_id": campaign["campaign_id"]})
    finally:
        store._served = whole
    assert answer.status_code == 500
    assert answer.json() == {"error": "InternalError", "request_id": answer.headers["x-request-id"]}


def test_the_log_holds_the_vectors_that_were_scored(client: TestClient, campaign: dict[str, Any]) -> None:
    reply = client.post(
        "/rank", json={"campaign_id": campaign["campaign_id"], "top": 3, "weights": {"model": 2}}
    ).json()
    event = {"request_id": reply["request_id"], "creator_id": reply["creators"][0]["creator_id"], "event": "INVITED"}
    assert client.post("/feedback", json={**event, "at": "2026-01-02T03:04:05+07:00"}).status_code == 200
    line, feedback = log_lines()
    served = service().store.served
    assert line["request_id"] == reply["request_id"]
    assert line["model_version"] == "1"
    assert line["weights"] == {"model": 2}
    assert line["key_id"]
    assert line["brief"]["campaign_id"] == campaign["campaign_id"]
    brief = served.snapshot.campaigns[campaign["campaign_id"]]
    part = served.snapshot.of_market(brief.market)
    for logged, shown in zip(line["creators"], reply["creators"], strict=True):
        assert (logged["creator_id"], logged["position"], logged["score"]) == (
            shown["creator_id"], shown["position"], shown["score"],
        )  # fmt: skip
        row = np.flatnonzero(np.asarray(part.creator_ids) == logged["creator_id"])
        assert logged["vector"].tobytes() == part.matrix(brief, row)[0].tobytes()
        assert (logged["policy"], logged["propensity"]) == ("champion", 1.0)
    assert (feedback["kind"], feedback["request_id"], feedback["event"]) == ("feedback", reply["request_id"], "INVITED")
    assert feedback["at"] == "2026-01-02T03:04:05+07:00"


def in_the_way(home: Path) -> None:
    """Nothing can be written to ``var/decisions`` from now on."""
    folder, stone = home / "var" / "decisions", home / "var" / "stone"
    stone.write_text("in the way")
    while True:  # the log's own threads may make the folder again between the two steps
        shutil.rmtree(folder, ignore_errors=True)
        try:
            stone.rename(folder)
        except OSError:
            continue
        return


def test_what_cannot_be_logged_is_not_acknowledged(
    client: TestClient, served_home: Path, campaign: dict[str, Any]
) -> None:
    ask = {"campaign_id": campaign["campaign_id"], "top": 3}
    kept = client.post("/rank", json=ask)
    assert kept.headers["x-decision-logged"] == "yes"
    event = {
        "request_id": kept.json()["request_id"],
        "creator_id": kept.json()["creators"][0]["creator_id"],
        "event": "INVITED",
    }
    in_the_way(served_home)
    lost = client.post("/rank", json=ask)
    assert (lost.status_code, lost.headers["x-decision-logged"]) == (200, "no")
    assert lost.json()["creators"] == kept.json()["creators"]
    answer = client.post("/feedback", json=event)
    assert (answer.status_code, answer.json()["error"]) == (507, "LogError")
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["ready"], ready.json()["log"]["kept"]) == (200, True, False)
    metrics = client.get("/metrics").text
    assert 'collabrank_decisions_total{outcome="failed"} 2.0' in metrics
    assert "collabrank_log_kept 0.0" in metrics
    (served_home / "var" / "decisions").unlink()
    wait_for(lambda: client.get("/readyz").json()["log"]["kept"])
    assert client.post("/rank", json=ask).headers["x-decision-logged"] == "yes"


def test_where_the_log_is_required_an_answer_that_is_not_kept_is_refused(
    served_home: Path, campaign: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving.app.service import application

    monkeypatch.setenv("COLLABRANK_LOG_REQUIRED", "true")
    _, key = create_key("test")
    ask = {"campaign_id": campaign["campaign_id"], "top": 3}
    with TestClient(application(), headers={"X-API-Key": key}, raise_server_exceptions=False) as client:
        assert client.post("/rank", json=ask).status_code == 200
        in_the_way(served_home)
        refused = client.post("/rank", json=ask)
        assert (refused.status_code, refused.headers["x-decision-logged"]) == (507, "no")
        assert set(refused.json()) == {"error", "expected", "received", "look", "request_id"}
        assert client.get("/readyz").status_code == 503


def test_feedback_knows_what_was_shown_and_counts_an_event_once(client: TestClient, campaign: dict[str, Any]) -> None:
    reply = client.post("/rank", json={"campaign_id": campaign["campaign_id"], "top": 3}).json()
    event = {"request_id": reply["request_id"], "creator_id": reply["creators"][0]["creator_id"], "event": "INVITED"}
    told = [client.post("/feedback", json=event) for _ in range(3)]
    assert [answer.status_code for answer in told] == [200] * 3
    assert [answer.json()["repeated"] for answer in told] == [False, True, True]
    assert client.post("/feedback", json={**event, "event": "ACCEPTED"}).json()["repeated"] is False
    unknown = client.post("/feedback", json={**event, "request_id": "0" * 32})
    assert (unknown.status_code, unknown.json()["received"]) == (404, repr("0" * 32))
    stranger = client.post("/feedback", json={**event, "creator_id": "cr_none"})
    assert (stranger.status_code, stranger.json()["received"]) == (404, "'cr_none'")
    assert [line["event"] for line in log_lines() if line["kind"] == "feedback"] == ["INVITED", "ACCEPTED"]


def wait_for(ready: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.05)


def test_a_new_bundle_is_taken_and_a_tampered_one_refused(
    client: TestClient, served_home: Path, promoted: Callable[[str], None], campaign: dict[str, Any]
) -> None:
    ask = {"campaign_id": campaign["campaign_id"], "top": 3, "explain": False}
    before = client.post("/rank", json=ask).json()
    promoted("2")
    assert service().store.look()
    after = client.post("/rank", json=ask).json()
    assert (before["model_version"], after["model_version"]) == ("1", "2")
    assert before["creators"] != after["creators"]

    promoted("3")
    head = next((served_home / "var" / "bundle").rglob("*.txt"))
    head.write_text(head.read_text().replace("leaf_value=", "leaf_value=9", 1))
    assert not service().store.look()
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert (ready.json()["model_version"], ready.json()["refused"]) == ("2", "BundleError")
    assert client.post("/rank", json=ask).json()["creators"] == after["creators"]
    metrics = client.get("/metrics").text
    assert "collabrank_refused_on_disk 1.0" in metrics
    assert 'collabrank_reloads_total{outcome="refused"} 1.0' in metrics

    promoted("4")
    assert service().store.look()
    assert client.get("/readyz").json() | {"as_of": "", "log": {}} == {
        "ready": True, "model_version": "4", "as_of": "", "refused": None, "log": {},
    }  # fmt: skip
    assert "collabrank_refused_on_disk 0.0" in client.get("/metrics").text


def test_nothing_to_serve_is_said_and_then_served(home: Path, prepared: Path, campaign: dict[str, Any]) -> None:
    from serving.app.service import application

    _, key = create_key("test")
    with TestClient(application(), headers={"X-API-Key": key}, raise_server_exceptions=False) as client:
        ready = client.get("/readyz")
        told = ready.json()
        assert (ready.status_code, told.pop("refused_since")[:4].isdecimal()) == (503, True)
        assert told == {"ready": False, "refused": "BundleError", "refused_part": "bundle"}
        answer = client.post("/rank", json={"campaign_id": campaign["campaign_id"]})
        assert answer.status_code == 503
        assert "promote" in answer.json()["look"]
        assert client.get("/healthz").status_code == 200
        shutil.copytree(prepared / "var", home / "var", dirs_exist_ok=True)
        assert service().store.look()
        assert client.get("/readyz").status_code == 200


def test_a_snapshot_of_other_signals_does_not_fit(served_home: Path) -> None:
    served = load_served(served_home / "var" / "bundle", served_home / "var" / "snapshot")
    other = type("Other", (), {"signal_names": tuple(reversed(served.bundle.signals)), "contract_sha256": ""})()
    with pytest.raises(SnapshotError, match="signals"):
        check_fit(served.bundle, other)


def test_a_bundle_signed_by_another_key_is_refused(served_home: Path, bundles: Callable[..., Any]) -> None:
    from marketplace.signature import Signer

    save_bundle(bundles("6"), served_home / "var" / "bundle", Signer.new())
    with pytest.raises(BundleError, match="signed"):
        load_served(served_home / "var" / "bundle", served_home / "var" / "snapshot")


def test_a_store_looks_at_the_disk_only_when_it_has_changed(served_home: Path) -> None:
    outcomes: list[str] = []
    store = Store(on_load=outcomes.append)
    try:
        assert store.look()
        assert not store.look()
        shutil.rmtree(served_home / "var" / "snapshot")
        assert not store.look()
        assert not store.look()
        assert outcomes == ["taken", "refused"]
        assert store.ready
    finally:
        store.close()
