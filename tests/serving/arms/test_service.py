"""The running service: lists that explore, a challenger that answers its brands, and shadows in the log alone."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from marketplace.signature import read_signer
from models.bundle.disk import challenger_folder, save_bundle
from serving.arms.plan import Plan
from serving.arms.settings import settings_path
from serving.decisions import read_decisions
from serving.keys import create_key
from serving.rank import rank_creators
from serving.replay import replay
from serving.schema import RankRequest


@pytest.fixture
def asking(served_home: Path, bundles: Callable[..., Any]) -> Iterator[Callable[[str], TestClient]]:
    """Starts the service with the settings given, and a challenger in place."""
    from serving.app.service import application

    save_bundle(bundles("2", seed=9), challenger_folder(), read_signer())
    _, key = create_key("test")
    opened: list[TestClient] = []

    def start(settings: str) -> TestClient:
        settings_path().write_text(settings)
        client = TestClient(application(), headers={"X-API-Key": key}, raise_server_exceptions=False)
        opened.append(client.__enter__())
        return opened[-1]

    yield start
    for client in opened:
        client.__exit__(None, None, None)


def service() -> Any:
    import bentoml

    return bentoml.get_current_service()


def logged(kind: Callable[[dict[str, Any]], bool], count: int) -> list[dict[str, Any]]:
    """The log's lines of a kind, once there are so many; the service writes them when it can."""
    found: list[dict[str, Any]] = []
    for _ in range(200):
        found = [line for line in read_decisions() if kind(line)]
        if len(found) >= count:
            break
        time.sleep(0.05)
    return found


def test_a_list_explores_says_so_and_can_be_made_again(
    asking: Callable[[str], TestClient], campaign: dict[str, Any]
) -> None:
    client = asking("")
    body = {"campaign_id": campaign["campaign_id"], "top": 20, "explain": False}
    plain = client.post("/rank", json={**body, "exploration": False}).json()
    answer = client.post("/rank", json=body).json()
    creators = answer["creators"]
    assert [one["position"] for one in creators if one["slot"] == "explored"] == [8, 16]
    assert len({one["creator_id"] for one in creators}) == 20
    ranked = [one["creator_id"] for one in creators if one["slot"] == "ranked"]
    assert ranked == [one["creator_id"] for one in plain["creators"]][:18]
    assert all(one["propensity"] == 1 for one in creators if one["slot"] == "ranked")
    assert all(0 < one["propensity"] < 1 for one in creators if one["slot"] == "explored")
    assert {one["slot"] for one in plain["creators"]} == {"ranked"}
    (line,) = [one for one in logged(lambda one: one["kind"] == "rank", 2) if one["request_id"] == answer["request_id"]]
    assert [(one["creator_id"], one["slot"], one["propensity"]) for one in line["creators"]] == [
        (one["creator_id"], one["slot"], one["propensity"]) for one in creators
    ]
    assert [one["policy"] for one in line["creators"] if one["slot"] == "explored"] == ["explore"] * 2
    assert (line["arm"], line["experiment"], line["shadow"]) == ("champion", None, False)
    assert line["exploration"] == {"share": 0.1, "floor": 0.2}
    # The line is enough to make the list again.
    again, _ = rank_creators(
        service().store.served, RankRequest.model_validate(body), request_id=line["request_id"], plan=Plan.of(line)
    )
    assert json.loads(again.model_dump_json())["creators"] == creators
    assert replay(line["request_id"]).identical


def test_whoever_names_the_creators_or_shows_all_gets_no_slots(
    asking: Callable[[str], TestClient], campaign: dict[str, Any]
) -> None:
    client = asking("[exploration]\nshare = 0.5\n")
    body = {"campaign_id": campaign["campaign_id"], "explain": False}
    everyone = client.post("/rank", json={**body, "top": 1000}).json()["creators"]
    names = [one["creator_id"] for one in everyone]
    for more in (
        {"top": 4},
        {"top": 1000},
        {"top": 10, "candidates": "applicants", "applicants": names[:30]},
        {"top": 10, "filters": {"include_only_creator_ids": names[:30]}},
        {"top": 10, "exploration": False},
    ):
        answer = client.post("/rank", json={**body, **more})
        assert answer.status_code == 200, answer.text
        assert {one["slot"] for one in answer.json()["creators"]} == {"ranked"}, more
    slots = [one["slot"] for one in client.post("/rank", json={**body, "top": 10}).json()["creators"]]
    assert slots.count("explored") == 5


def test_the_challenger_answers_its_brands_and_the_baselines_theirs(
    asking: Callable[[str], TestClient], campaign: dict[str, Any]
) -> None:
    client = asking('[split]\nname = "all"\nchallenger = 1\n')
    body = {"campaign_id": campaign["campaign_id"], "top": 10}
    first, second = (client.post("/rank", json=body).json() for _ in range(2))
    assert first["model_version"] == second["model_version"] == "2"
    explained = client.post("/explain", json={"campaign_id": campaign["campaign_id"], "creator_ids": ["x"]}).json()
    assert explained["model_version"] == "2"
    unbranded = {"market": campaign["market"], "category_id": campaign["category_id"], "commission_rate": 0.1}
    assert client.post("/rank", json={"brief": unbranded, "top": 3}).json()["model_version"] == "1"
    lines = logged(lambda one: one["kind"] == "rank", 3)
    assert [(one["arm"], one["experiment"]) for one in lines] == [("challenger", "all")] * 2 + [("champion", None)]
    assert {one["policy"] for one in lines[0]["creators"]} == {"challenger", "explore"}
    assert replay(lines[0]["request_id"]).identical
    # Taken away, its brands are the champion's again; another setting holds within a second or so.
    challenger_folder().rename(challenger_folder().with_name("elsewhere"))
    service().arms.challenger.look()
    assert client.post("/rank", json=body).json()["model_version"] == "1"
    settings_path().write_text("[split]\nnoop = 1\n")
    time.sleep(1.1)
    creators = client.post("/rank", json=body).json()["creators"]
    assert [one["creator_id"] for one in creators] == sorted(one["creator_id"] for one in creators)
    text = client.get("/metrics").text
    assert 'collabrank_arms_total{arm="challenger"} 2.0' in text
    assert 'collabrank_challenger_loads_total{outcome="gone"} 1.0' in text


def test_shadows_are_in_the_log_and_nowhere_else(asking: Callable[[str], TestClient], campaign: dict[str, Any]) -> None:
    client = asking("[shadow]\nchallenger = 1\nshuffle = 1\n")
    body = {"campaign_id": campaign["campaign_id"], "top": 10}
    answer = client.post("/rank", json=body).json()
    assert answer["model_version"] == "1"
    shadows = logged(lambda one: bool(one.get("shadow")), 2)
    assert {one["arm"]: one["model_version"] for one in shadows} == {"challenger": "2", "shuffle": "1"}
    for one in shadows:
        assert one["request_id"] == answer["request_id"]
        assert len(one["creators"]) == 10
        assert not any(creator.get("vector") for creator in one["creators"])
        assert {creator["policy"] for creator in one["creators"]} == {one["arm"]}
    (shown,) = [one for one in read_decisions() if one["kind"] == "rank" and not one["shadow"]]
    assert [one["creator_id"] for one in shown["creators"]] == [one["creator_id"] for one in answer["creators"]]
    assert 'collabrank_shadows_total{outcome="ranked"} 2.0' in client.get("/metrics").text
