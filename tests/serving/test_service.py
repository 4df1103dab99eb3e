"""The whole service on the small marketplace: what is asked, what comes back, what is logged, what is reloaded."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from marketplace.tables import open_marketplace
from models.ranking import rank
from serving.app.routes import ROUTES
from serving.keys import create_key


def service() -> Any:
    import bentoml

    return bentoml.get_current_service()


@pytest.fixture(scope="module")
def shared(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One service for the tests that change nothing on disk but the decision log."""
    from serving.app.service import application

    home = tmp_path_factory.mktemp("shared")
    shutil.copytree(prepared / "var", home / "var")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(home))
        _, key = create_key("test")
        with TestClient(application(), headers={"X-API-Key": key}, raise_server_exceptions=False) as client:
            yield client


def inline(campaign: dict[str, Any]) -> dict[str, Any]:
    return {
        "brand_id": campaign["brand_id"],
        "market": campaign["market"],
        "category_id": campaign["category_id"],
        "product_ids": list(campaign["product_ids"]),
        "objective": campaign["objective"],
        "collaboration": campaign["collaboration"],
        "budget": campaign["budget"],
        "currency": campaign["currency"],
        "commission_rate": campaign["commission_rate"],
        "flat_fee": campaign["flat_fee"],
        "has_free_sample": bool(campaign["has_free_sample"]),
        "briefed_at": campaign["briefed_at"].isoformat(),
        "starts_at": campaign["starts_at"].isoformat(),
        "ends_at": campaign["ends_at"].isoformat(),
    }


def test_a_brief_written_out_is_completed_from_the_snapshot(
    shared: TestClient, prepared: Path, campaign: dict[str, Any]
) -> None:
    answer = shared.post("/rank", json={"brief": inline(campaign), "top": 5, "explain": False})
    assert answer.status_code == 200, answer.text
    served = service().store.served
    brief = served.snapshot.complete(inline(campaign))
    assert brief.category_id == campaign["category_id"]
    part = served.snapshot.of_market(brief.market)
    rows, _ = part.candidates(brief, {})
    direct = rank(
        served.bundle,
        part.matrix(brief, rows),
        part.indices(brief, rows),
        np.asarray(part.creator_ids)[rows],
        brief,
        top=5,
        explain=False,
    )
    assert [(c["creator_id"], c["score"]) for c in answer.json()["creators"]] == [
        (one.creator_id, one.score) for one in direct
    ]


def test_a_brief_of_the_fewest_words(shared: TestClient) -> None:
    answer = shared.post("/rank", json={"brief": {"market": "US", "category_id": "beauty", "commission_rate": 0.1}})
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert "beauty" in answer.json()["received"]


def test_everyone_of_the_market_is_considered_or_accounted_for(
    shared: TestClient, campaign: dict[str, Any], small_market: Path
) -> None:
    creators = open_marketplace(small_market).frame("creators", ["creator_id", "market"])
    reply = shared.post("/rank", json={"campaign_id": campaign["campaign_id"], "top": 1000, "explain": False}).json()
    there = set(creators.creator_id[creators.market == campaign["market"]])
    assert {creator["creator_id"] for creator in reply["creators"]} <= there
    assert reply["considered"] + sum(reply["filtered_out"].values()) == len(creators)
    assert [creator["position"] for creator in reply["creators"]] == list(range(1, reply["considered"] + 1))
    assert all(creator["reasons"] == [] for creator in reply["creators"])


def test_filters_leave_out_and_count(shared: TestClient, campaign: dict[str, Any]) -> None:
    body = {"campaign_id": campaign["campaign_id"], "top": 1000, "explain": False}
    everyone = shared.post("/rank", json=body).json()
    ids = [creator["creator_id"] for creator in everyone["creators"]]
    without = shared.post("/rank", json={**body, "filters": {"exclude_creator_ids": ids[:3]}}).json()
    assert [creator["creator_id"] for creator in without["creators"]][:1] == ids[3:4]
    assert without["considered"] == everyone["considered"] - 3
    assert sum(without["filtered_out"].values()) == sum(everyone["filtered_out"].values()) + 3
    only = shared.post("/rank", json={**body, "filters": {"include_only_creator_ids": ids[5:7]}}).json()
    assert {creator["creator_id"] for creator in only["creators"]} == set(ids[5:7])
    nobody = shared.post("/rank", json={**body, "filters": {"min_followers": 10**12}})
    assert nobody.status_code == 200
    assert (nobody.json()["considered"], nobody.json()["creators"]) == (0, [])


def test_applicants_alone_are_ranked_and_each_has_the_chance_that_nothing_is_posted(
    shared: TestClient, campaign: dict[str, Any]
) -> None:
    body = {"campaign_id": campaign["campaign_id"], "top": 20}
    everyone = shared.post("/rank", json=body).json()["creators"]
    asking = [one["creator_id"] for one in everyone[:6]]
    found = shared.post("/rank", json={**body, "candidates": "applicants", "applicants": asking}).json()
    assert {one["creator_id"] for one in found["creators"]} == set(asking)
    assert found["considered"] == len(asking)
    invited = {one["creator_id"]: one for one in everyone}
    for one in found["creators"]:
        # Whoever asks has accepted already: what is left is whether anything is posted.
        assert one["nothing_posted_probability"] == pytest.approx(1.0 - one["success_probability"])
        assert one["success_probability"] >= invited[one["creator_id"]]["success_probability"]
    # Whom the snapshot does not know is named, and keeps nobody else from being ranked.
    assert found["unknown_applicants"] == []
    body_of = {"candidates": "applicants", "applicants": ["cr_nobody", *asking, "cr_nobody", "Köln"]}
    some = shared.post("/rank", json={**body, **body_of}).json()
    assert some["unknown_applicants"] == ["cr_nobody", "Köln"]
    assert [one["creator_id"] for one in some["creators"]] == [one["creator_id"] for one in found["creators"]]
    refused = shared.post("/rank", json={**body, "candidates": "applicants"})
    assert refused.status_code == 400
    assert "applicants" in refused.json()["expected"]


def test_each_index_is_told_with_the_doubt_that_the_card_has(shared: TestClient, campaign: dict[str, Any]) -> None:
    body = {"campaign_id": campaign["campaign_id"], "top": 5, "explain": False, "exploration": False}
    creators = shared.post("/rank", json=body).json()["creators"]
    category = campaign["category_id"]
    seen = set()
    for one in creators:
        card = shared.get(f"/creators/{one['creator_id']}/card").json()
        for name, index in one["indices"].items():
            told = card["indices"][name]
            told = told[category] if name == "category_influence" else told
            assert {end: index[end] for end in ("low", "high", "confidence")} == {
                end: told[end] for end in ("low", "high", "confidence")
            }
            assert index["low"] <= index["value"] <= index["high"]
            seen.add(index["confidence"] == 0)
    assert seen == {True, False}, "nobody of whom nothing is known, or nobody of whom something is"


def test_weights_decide(shared: TestClient, campaign: dict[str, Any]) -> None:
    body = {"campaign_id": campaign["campaign_id"], "top": 1000, "explain": False}
    for name in ("cooperation", "content_volume"):
        creators = shared.post("/rank", json={**body, "weights": {name: 3}}).json()["creators"]
        values = [round(50.0 if (v := creator["indices"][name]["value"]) is None else v, 9) for creator in creators]
        assert values == sorted(values, reverse=True)
        assert [creator["score"] for creator in creators] == pytest.approx(values, abs=1e-8)
    by_model = shared.post("/rank", json={**body, "weights": {"model": 1}}).json()["creators"]
    utility = [creator["utility"]["expected"] for creator in by_model]
    assert utility == sorted(utility, reverse=True)


def test_explain_agrees_with_rank(shared: TestClient, campaign: dict[str, Any]) -> None:
    body = {"campaign_id": campaign["campaign_id"]}
    ranked = shared.post("/rank", json={**body, "top": 10, "exploration": False}).json()["creators"]
    asked = [ranked[8]["creator_id"], ranked[2]["creator_id"], "cr_none"]
    answer = shared.post("/explain", json={**body, "creator_ids": asked})
    assert answer.status_code == 200, answer.text
    assert answer.json()["creators"] == [ranked[8], ranked[2]]
    assert answer.json()["not_eligible"] == ["cr_none"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "exactly one of"),
        ({"campaign_id": "CAMPAIGN", "brief": {"market": "US", "commission_rate": 0.1}}, 400, "exactly one of"),
        ({"campaign_id": "ca_none"}, 404, "a campaign that the snapshot knows"),
        ({"campaign_id": "CAMPAIGN", "top": 0}, 400, "'top'"),
        ({"campaign_id": "CAMPAIGN", "top": 1001}, 400, "'top'"),
        ({"campaign_id": "CAMPAIGN", "top": "5"}, 400, "'top'"),
        ({"campaign_id": "CAMPAIGN", "tops": 5}, 400, "known: applicants, brief, campaign_id"),
        ({"campaign_id": "CAMPAIGN", "filters": {"min_follower": 5}}, 400, "min_followers"),
        ({"campaign_id": "CAMPAIGN", "filters": {"agency_status": "NONE"}}, 400, "AGENCY_MANAGED"),
        ({"campaign_id": "CAMPAIGN", "weights": {"luck": 1}}, 400, "cooperation"),
        ({"campaign_id": "CAMPAIGN", "weights": {"model": -1}}, 400, "'weights.model'"),
        ({"campaign_id": "CAMPAIGN", "weights": {}}, 400, "weights"),
        ({"campaign_id": "CAMPAIGN", "weights": {"model": 0}}, 400, "weights"),
        ({"brief": {"market": "US", "commission_rate": 1.5}}, 400, "'brief.commission_rate'"),
        ({"brief": {"market": "US"}}, 400, "'brief.commission_rate'"),
        ({"brief": {"market": "us", "commission_rate": 0.1}}, 400, "'brief.market'"),
        ({"brief": {"market": "XX", "commission_rate": 0.1, "category_id": "beauty"}}, 400, "market"),
        ({"brief": {"market": "US", "commission_rate": 0.1, "briefed_at": "2026-01-01"}}, 400, "'brief.briefed_at'"),
        (
            {"brief": {"market": "US", "commission_rate": 0.1, "briefed_at": "01/02/2026"}},
            400,
            "'brief.briefed_at'",
        ),
        ({"brief": {"market": "US", "commission_rate": 0.1, "briefed_at": "1767225600"}}, 400, "'brief.briefed_at'"),
    ],
)
def test_a_bad_question_is_answered_plainly(
    shared: TestClient, campaign: dict[str, Any], body: dict[str, Any], status: int, says: str
) -> None:
    text = json.dumps(body).replace("CAMPAIGN", campaign["campaign_id"])
    answer = shared.post("/rank", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error", "expected", "received", "look", "request_id", "problems"}
    assert says in answer.json()["expected"] + answer.json()["received"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("route", ["/rank", "/explain", "/feedback"])
def test_the_body_must_be_json_and_small(shared: TestClient, route: str) -> None:
    assert shared.post(route, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    big = b'{"campaign_id": "' + b"x" * 300_000 + b'"}'
    assert shared.post(route, content=big, headers={"Content-Type": "application/json"}).status_code == 413
    assert shared.post(route, content=b"{nan", headers={"Content-Type": "application/json"}).status_code == 400


def all_routes(app: Any) -> list[str]:
    found = []
    for route in app.routes:
        path = getattr(route, "path", "")
        found += (
            [path.rstrip("/") + inner for inner in all_routes(route.app)]
            if hasattr(route, "app") and hasattr(route.app, "routes")
            else [path]
        )
    return found


def test_every_route_there_is_refuses_without_a_key_but_for_the_probes(shared: TestClient) -> None:
    routes = {path or "/" for path in all_routes(shared.app)}
    assert {"/rank", "/explain", "/feedback", "/docs.json", "/schema.json"} <= routes
    routes |= {route.pattern for route in ROUTES}
    nobody = TestClient(shared.app, raise_server_exceptions=False)
    for path in sorted(routes | {"/static_content/index.css", "/creators/x/card", "/creators/x/y/card"}):
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            answer = nobody.request(method, path)
            if path in {"/healthz", "/readyz", "/metrics", "/docs", "/docs.json"}:
                assert answer.status_code in (200, 405)
            elif path.startswith("/docs/"):
                assert answer.status_code in (404, 405)
            else:
                assert answer.status_code == 401, (method, path)


def test_many_at_once_get_their_own_answers(shared: TestClient, small_market: Path) -> None:
    campaigns = open_marketplace(small_market).frame("campaigns", ["campaign_id"])["campaign_id"].tolist()[:12]

    def ask(name: str) -> Any:
        return shared.post("/rank", json={"campaign_id": name, "top": 3}).json()

    alone = {name: ask(name)["creators"] for name in campaigns}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, campaigns * 3))
    for name, reply in zip(campaigns * 3, together, strict=True):
        assert reply["creators"] == alone[name]
    assert len({reply["request_id"] for reply in together}) == len(together)
