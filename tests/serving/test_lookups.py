"""Look-ups through the whole service: brand bounds, what is kept, previews that leave no trace, outcomes."""

from __future__ import annotations

import json
import shutil
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from marketplace.tables import open_marketplace
from serving.decisions import read_decisions
from serving.keys import create_key


@pytest.fixture(scope="module")
def asker(prepared: Path, brand: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The service, asked with a key for all brands; ``asker.bound`` is one of ``brand``'s, ``asker.home`` its home."""
    from serving.app.service import application

    home = tmp_path_factory.mktemp("lookups")
    shutil.copytree(prepared / "var", home / "var")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(home))
        _, key = create_key("all brands")
        _, bound = create_key("one brand", brands=[brand])
        with TestClient(application(), headers={"X-API-Key": key}, raise_server_exceptions=False) as client:
            client.bound, client.home = {"X-API-Key": bound}, home
            yield client


def test_who_asks_is_told_and_never_the_key(asker: TestClient, brand: str) -> None:
    mine = asker.get("/me", headers=asker.bound)
    assert mine.json()["key"] == {
        "name": "one brand", "scope": "brand", "brands": [brand], "creator_id": None, "expires": None
    }  # fmt: skip
    assert mine.json()["service"]["creators"] == 600
    assert asker.bound["X-API-Key"] not in mine.text
    assert asker.get("/me").json()["key"]["brands"] is None


def test_a_bound_key_learns_of_no_other_brand(
    asker: TestClient, campaigns: list[dict[str, Any]], brand: str, small_market: Path
) -> None:
    market = open_marketplace(small_market)
    products = market.frame("products").drop_duplicates("product_id", keep="last")
    others = {one for one in set(products["brand_id"]) | {one["brand_id"] for one in campaigns} if one != brand}
    told = {path: asker.get(path, headers=asker.bound) for path in (
        "/catalogue", "/products?top=1000", "/campaigns?top=1000", "/leaders?category_id=beauty&top=1000",
        "/indices?x=followers&y=diligence", "/models", "/reports",
    )}  # fmt: skip
    foreign = others | set(products.loc[products["brand_id"] != brand, "product_id"])
    foreign |= {one["campaign_id"] for one in campaigns if one["brand_id"] != brand}
    names = market.frame("brands")
    foreign |= set(names.loc[(names["brand_id"] != brand) & names["name"].notna(), "name"])
    for path, answer in told.items():
        assert answer.status_code == 200, (path, answer.text)
        said = set(_words(answer.json()))
        assert not said & foreign, path
    assert {one["brand_id"] for one in told["/catalogue"].json()["brands"]} == {brand}
    assert {one["brand_id"] for one in told["/campaigns?top=1000"].json()["campaigns"]} == {brand}
    assert len(told["/campaigns?top=1000"].json()["campaigns"]) == sum(one["brand_id"] == brand for one in campaigns)
    # Asked for by name, another brand is one that does not exist.
    other = sorted(others)[0]
    for path in ("/products?brand_id={}", "/campaigns?brand_id={}"):
        theirs, nowhere = (asker.get(path.format(one), headers=asker.bound) for one in (other, "br_nowhere"))
        assert theirs.status_code == nowhere.status_code == 200
        assert theirs.json() == nowhere.json()
        assert asker.get(path.format(other)).json() != nowhere.json()
    theirs = next(one["campaign_id"] for one in campaigns if one["brand_id"] != brand)
    for path in ("/outcomes?campaign_id={}", "/reports/{}", "/reports/{}/page"):
        refused, unknown = (asker.get(path.format(one), headers=asker.bound) for one in (theirs, "ca_nowhere"))
        assert refused.status_code == unknown.status_code == 404
        plain = [{**one.json(), "request_id": "", "received": ""} for one in (refused, unknown)]
        assert plain[0] == plain[1]
    for body in ({"campaign_id": theirs}, {"campaign_id": "ca_nowhere"}):
        assert asker.post("/plan", json=body, headers=asker.bound).status_code == 404
    brief = {"market": "ID", "category_id": "beauty", "commission_rate": 0.1, "price": 20.0, "brand_id": other}
    assert asker.post("/plan", json={"brief": brief}, headers=asker.bound).status_code == 403


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str):
        yield value


def test_what_one_key_may_see_is_not_kept_for_another(asker: TestClient, brand: str) -> None:
    for headers in ({}, asker.bound, {}, asker.bound):
        brands = {one["brand_id"] for one in asker.get("/catalogue", headers=headers).json()["brands"]}
        assert (brands == {brand}) == bool(headers)


@pytest.mark.parametrize(
    "path",
    ["/me?x=1", "/catalogue?x=1", "/products?top=0", "/campaigns?top=2&top=3", "/leaders?index=charm", "/leaders",
     "/indices?x=followers", "/creators/cr_000001/similar?by=charm", "/creators/cr_000001/card?x=1", "/outcomes",
     "/models?x=1", "/reports?x=1"],
)  # fmt: skip
def test_a_query_that_is_not_understood_is_refused_with_its_fields(asker: TestClient, path: str) -> None:
    answer = asker.get(path)
    assert answer.status_code == 400, answer.text
    assert answer.json()["problems"]
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_a_preview_is_the_ranking_and_leaves_no_trace(
    asker: TestClient, campaigns: list[dict[str, Any]], brand: str
) -> None:
    body = {"campaign_id": campaigns[0]["campaign_id"], "top": 8, "weights": {"model": 0.3, "diligence": 0.7}}
    body["exploration"] = False
    shown = asker.post("/rank", json=body)
    looked_at = asker.post("/rank", json={**body, "preview": True})
    assert (shown.headers["x-decision-logged"], looked_at.headers["x-decision-logged"]) == ("yes", "no")
    assert (shown.json()["preview"], looked_at.json()["preview"]) == (False, True)
    assert looked_at.json()["creators"] == shown.json()["creators"]
    event = {"creator_id": shown.json()["creators"][0]["creator_id"], "event": "INVITED"}
    assert asker.post("/feedback", json={**event, "request_id": shown.json()["request_id"]}).status_code == 200
    assert asker.post("/feedback", json={**event, "request_id": looked_at.json()["request_id"]}).status_code == 404
    # A preview's pages are a preview's.
    cursor = looked_at.json()["next_cursor"]
    assert asker.post("/rank", json={**body, "cursor": cursor}).status_code == 400
    assert asker.post("/rank", json={**body, "cursor": cursor, "preview": True}).status_code == 200
    logged = {line["request_id"] for line in read_decisions(asker.home / "var" / "decisions")}
    assert shown.json()["request_id"] in logged
    assert looked_at.json()["request_id"] not in logged


def test_a_preview_never_explores(asker: TestClient, campaigns: list[dict[str, Any]]) -> None:
    path = asker.home / "var" / "arms.toml"
    from serving.arms import settings_path

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(asker.home))
        path = settings_path()
    path.write_text("[exploration]\nshare = 0.5\n")
    body = {"campaign_id": campaigns[0]["campaign_id"], "top": 20, "explain": False}
    try:
        for _ in range(100):
            slots = [one["slot"] for one in asker.post("/rank", json=body).json()["creators"]]
            if "explored" in slots:
                break
            time.sleep(0.05)
        assert "explored" in slots
        previewed = asker.post("/rank", json={**body, "preview": True}).json()["creators"]
        assert {one["slot"] for one in previewed} == {"ranked"}
        assert {one["propensity"] for one in previewed} == {1.0}
    finally:
        path.unlink()


def test_outcomes_are_what_was_foretold_and_reported(asker: TestClient, campaigns: list[dict[str, Any]]) -> None:
    name = campaigns[5]["campaign_id"]
    assert asker.get(f"/outcomes?campaign_id={name}").json()["creators"] == []
    answers = [asker.post("/rank", json={"campaign_id": name, "top": top, "explain": False}).json() for top in (3, 6)]
    invited, shortlisted = (answers[1]["creators"][place] for place in (4, 1))
    for creator, event in ((invited, "INVITED"), (invited, "DELIVERED"), (shortlisted, "SHORTLISTED")):
        body = {"request_id": answers[1]["request_id"], "creator_id": creator["creator_id"], "event": event}
        assert asker.post("/feedback", json=body).status_code == 200
    for _ in range(100):  # what is on disk is moved to the store soon after
        told = asker.get(f"/outcomes?campaign_id={name}").json()
        if told["rankings"] == 2 and told["reported"].get("DELIVERED") and told["reported"].get("SHORTLISTED"):
            break
        time.sleep(0.1)
    assert told["reported"] == {"INVITED": 1, "DELIVERED": 1, "SHORTLISTED": 1}
    assert told["expected_profit"] == pytest.approx(invited["utility"]["expected"])
    assert [one["creator_id"] for one in told["creators"][:2]] == [invited["creator_id"], shortlisted["creator_id"]]
    assert set(told["creators"][0]["events"]) == {"INVITED", "DELIVERED"}
    assert len(told["creators"]) == 6
    shown = {one["creator_id"]: one for one in told["creators"]}
    first = answers[0]["creators"][0]["creator_id"]
    assert (shown[first]["rankings"], shown[first]["request_id"]) == (2, answers[1]["request_id"])
    assert shown[first]["score"] == pytest.approx(answers[1]["creators"][0]["score"])


def test_reports_are_served_locked_in(asker: TestClient, campaigns: list[dict[str, Any]], brand: str) -> None:
    folder = asker.home / "var" / "reports"
    folder.mkdir()
    mine = next(one for one in campaigns if one["brand_id"] == brand)
    other = next(one for one in campaigns if one["brand_id"] != brand)
    rows = [{"campaign_id": one["campaign_id"], "brand_id": one["brand_id"], "lift": 5.0} for one in (mine, other)]
    (folder / "index.json").write_text(json.dumps({"reports": rows}))
    for one in (mine, other):
        (folder / f"{one['campaign_id']}.json").write_text(json.dumps({"campaign_id": one["campaign_id"]}))
        (folder / f"{one['campaign_id']}.html").write_text("<script>alert(1)</script>")
    assert [one["campaign_id"] for one in asker.get("/reports", headers=asker.bound).json()["reports"]] == [
        mine["campaign_id"]
    ]
    assert len(asker.get("/reports").json()["reports"]) == 2
    page = asker.get(f"/reports/{mine['campaign_id']}/page", headers=asker.bound)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert asker.get(f"/reports/{other['campaign_id']}/page", headers=asker.bound).status_code == 404
    assert asker.get(f"/reports/{mine['campaign_id']}").json() == {"campaign_id": mine["campaign_id"]}


def test_looking_up_and_planning_cost_work(prepared: Path, asker: TestClient, campaigns: list[dict[str, Any]]) -> None:
    asker.get("/leaders?category_id=beauty&market=ID")
    asker.post("/plan", json={"campaign_id": campaigns[0]["campaign_id"], "terms": []})
    lines = [
        json.loads(text)
        for path in (asker.home / "var" / "audit").glob("*.jsonl")
        for text in path.read_text().splitlines()
    ]
    work = {line["route"]: line["work"] for line in lines if line.get("status") == 200 and "work" in line}
    assert work["/leaders"] > 0
    assert work["/plan"] >= 20 * work["/leaders"]
    assert work["/me"] == 0
