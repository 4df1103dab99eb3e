"""One brand never sees another's: not its campaigns, not its products, not what its creators did for it."""

from __future__ import annotations

import json
import shutil
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from features.signals import SIGNALS, names_of
from features.snapshot.parts import load_snapshot
from marketplace.tables import open_marketplace
from serving.brands import seen_by
from serving.decisions import read_decisions
from serving.keys import ApiKey, create_key
from serving.pair import Served


@pytest.fixture(scope="module")
def asker(prepared: Path, brand: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The service, asked with a key that is bound to ``brand``."""
    from serving.app.service import application

    home = tmp_path_factory.mktemp("brands")
    shutil.copytree(prepared / "var", home / "var")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(home))
        _, key = create_key("one brand", brands=[brand])
        _, reviewer = create_key("its reviewer", scope="reviewer", brands=[brand])
        _, all_brands = create_key("all brands")
        with TestClient(application(), headers={"X-API-Key": key}, raise_server_exceptions=False) as client:
            client.all_brands = {"X-API-Key": all_brands}
            client.reviewer = {"X-API-Key": reviewer}
            yield client


def plain(answer: Any) -> str:
    return json.dumps({**answer.json(), "request_id": ""})


def brief(campaign: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {"market": campaign["market"], "category_id": campaign["category_id"], "commission_rate": 0.1, "price": 20.0}
    return said | more


def test_every_campaign_of_another_brand_is_one_that_does_not_exist(
    asker: TestClient, campaigns: list[dict[str, Any]], brand: str
) -> None:
    some_creator = {"creator_ids": ["cr_none"]}
    for campaign in campaigns:
        name, mine = campaign["campaign_id"], campaign["brand_id"] == brand
        for path, body, headers in (
            ("/rank", {"top": 1, "explain": False}, {}),
            ("/explain", some_creator, {}),
            ("/explain", some_creator, asker.reviewer),
        ):
            answer = asker.post(path, json={"campaign_id": name, **body}, headers=headers)
            assert answer.status_code == (200 if mine else 404), (campaign["brand_id"], answer.text)
            if not mine:
                nowhere = asker.post(path, json={"campaign_id": "ca_nowhere", **body}, headers=headers)
                assert plain(answer).replace(name, "NAME") == plain(nowhere).replace("ca_nowhere", "NAME")
    other = next(one for one in campaigns if one["brand_id"] != brand)
    body = {"campaign_id": other["campaign_id"], "top": 1, "explain": False}
    assert asker.post("/rank", json=body, headers=asker.all_brands).status_code == 200


def test_a_brief_in_another_brands_name_is_refused_known_or_not(
    asker: TestClient, campaigns: list[dict[str, Any]], brand: str
) -> None:
    other = next(one for one in campaigns if one["brand_id"] != brand)
    said = []
    for name in (other["brand_id"], "br_nowhere"):
        for path, more in (("/rank", {}), ("/explain", {"creator_ids": ["x"]})):
            answer = asker.post(path, json={"brief": brief(other, brand_id=name), **more})
            assert answer.status_code == 403, answer.text
            said.append(plain(answer).replace(name, "NAME"))
    assert len(set(said)) == 1
    mine = asker.post("/rank", json={"brief": brief(other, brand_id=brand), "top": 1})
    assert mine.status_code == 200, mine.text


def test_another_brands_product_is_an_unknown_product(
    asker: TestClient, campaigns: list[dict[str, Any]], brand: str, small_market: Path
) -> None:
    other = next(one for one in campaigns if one["brand_id"] != brand and len(one["product_ids"]))
    product = str(other["product_ids"][0])
    theirs, nowhere = (
        asker.post("/rank", json={"brief": brief(other, product_ids=[one]), "exploration": False, "top": 1000})
        for one in (product, "pr_nowhere")
    )
    assert theirs.status_code == nowhere.status_code
    said = [{**answer.json(), "request_id": ""} for answer in (theirs, nowhere)]
    products = open_marketplace(small_market).frame("products")
    own_products = set(products.loc[products["brand_id"] == brand, "product_id"])
    for answer in said:
        (doubt,) = answer["warnings"]
        # What is near a name is sought among the key's own.
        assert set(doubt.pop("closest")) <= own_products
        doubt["message"] = doubt["message"].replace(product, "NAME").replace("pr_nowhere", "NAME")
    assert said[0] == said[1]
    mine = next(one for one in campaigns if one["brand_id"] == brand and len(one["product_ids"]))
    own = asker.post("/rank", json={"brief": brief(mine, product_ids=[str(mine["product_ids"][0])]), "top": 1})
    assert own.status_code == 200, own.text


def test_no_signal_of_another_brand_reaches_a_vector_or_a_reason(
    asker: TestClient, campaigns: list[dict[str, Any]], brand: str
) -> None:
    """A brief without a brand has the creator x brand signals of no history, whoever sold for whom."""
    market = next(one for one in campaigns if one["brand_id"] != brand)
    answer = asker.post("/rank", json={"brief": brief(market), "top": 1000, "explain": False})
    assert answer.status_code == 200, answer.text
    places = [list(SIGNALS).index(name) for name in names_of("creator_brand")]
    request = answer.json()["request_id"]
    lines = lambda: [line for line in read_decisions() if line["request_id"] == request]  # noqa: E731
    for _ in range(100):
        if lines():
            break
        time.sleep(0.05)
    (line,) = lines()
    vectors = np.array([[one["vector"][place] for place in places] for one in line["creators"]], dtype=float)
    assert len(vectors) > 20
    assert (np.isnan(vectors) | (vectors == vectors[0])).all()


def test_a_batch_sees_no_more_than_its_key(asker: TestClient, campaigns: list[dict[str, Any]], brand: str) -> None:
    mine = next(one for one in campaigns if one["brand_id"] == brand)
    other = next(one for one in campaigns if one["brand_id"] != brand)
    asks = [{"campaign_id": name, "top": 1} for name in (mine["campaign_id"], other["campaign_id"], "ca_nowhere")]
    answer = asker.post("/rank/batch", json={"requests": asks})
    assert [one["status"] for one in answer.json()["items"]] == [200, 404, 404]
    asks.append({"brief": brief(other, brand_id=other["brand_id"]), "top": 1})
    assert asker.post("/rank/batch", json={"requests": asks}).status_code == 403


def test_who_sold_another_brands_product_is_not_told(
    asker: TestClient, campaigns: list[dict[str, Any]], brand: str
) -> None:
    other = next(one for one in campaigns if one["brand_id"] != brand and len(one["product_ids"]))
    asked = brief(other, category_id=other["category_id"], margin_rate=0.4, price=20.0, currency="USD")
    said = []
    for products in ([str(one) for one in other["product_ids"]], ["pr_nowhere"]):
        answer = asker.post("/rank", json={"brief": {**asked, "product_ids": products}, "exploration": False})
        assert answer.status_code == 200, answer.text
        said.append([(one["creator_id"], one["lift"], one["reasons"]) for one in answer.json()["creators"]])
    assert said[0] == said[1]


def test_feedback_on_another_brands_answer_is_on_one_that_does_not_exist(
    asker: TestClient, campaigns: list[dict[str, Any]], brand: str
) -> None:
    def feedback(campaign: dict[str, Any]) -> Any:
        body = {"campaign_id": campaign["campaign_id"], "top": 1, "explain": False}
        answer = asker.post("/rank", json=body, headers=asker.all_brands).json()
        event = {
            "request_id": answer["request_id"],
            "creator_id": answer["creators"][0]["creator_id"],
            "event": "SHOWN",
        }
        return asker.post("/feedback", json=event), event

    theirs, event = feedback(next(one for one in campaigns if one["brand_id"] != brand))
    nowhere = asker.post("/feedback", json={**event, "request_id": "0" * 32})
    assert theirs.status_code == nowhere.status_code == 404
    assert plain(theirs).replace(event["request_id"], "ID") == plain(nowhere).replace("0" * 32, "ID")
    mine, _ = feedback(next(one for one in campaigns if one["brand_id"] == brand))
    assert mine.status_code == 200, mine.text


@pytest.fixture(scope="module")
def whole(prepared: Path) -> Served:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(prepared))
        return Served(None, load_snapshot(prepared / "var" / "snapshot"))  # type: ignore[arg-type]


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_view_holds_the_own_and_nothing_else(data: st.DataObject, whole: Served) -> None:
    brands = sorted({one.brand_id for one in whole.snapshot.campaigns.values()})
    chosen = tuple(data.draw(st.lists(st.sampled_from([*brands, "br_nowhere"]), min_size=1, max_size=4, unique=True)))
    key = ApiKey("1", "n", "s", "0" * 64, "2026-01-01T00:00:00+00:00", brands=chosen)
    view = seen_by(whole, key).snapshot
    for seen, everything in (
        (view.campaigns, whole.snapshot.campaigns),
        (view.catalogue.products, whole.snapshot.catalogue.products),
    ):
        mine = {name for name, one in everything.items() if one.brand_id in chosen}
        assert set(seen) == mine
        assert len(seen) == len(mine)
        for name in everything:
            assert (name in seen) == (name in mine)
            assert seen.get(name) is (everything[name] if name in mine else None)
    assert view.campaigns is not whole.snapshot.campaigns
    assert len(whole.snapshot.campaigns) >= len(view.campaigns)


def test_what_lies_behind_a_card_is_of_the_keys_own_brands(asker: TestClient, brand: str, prepared: Path) -> None:
    """Asked one key after the other, so that nothing that was kept for one is given to the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(prepared))
        taken = load_snapshot(prepared / "var" / "snapshot")
    asked = []
    for part in (taken.of_market(name) for name in taken.markets):
        assert part.behind is not None
        lines = part.behind.partnerships
        own = np.flatnonzero(np.asarray(lines.columns["brand_id"]) == brand)
        mine = np.unique(np.searchsorted(lines.starts, own, side="right") - 1)
        asked += [str(part.creator_ids[row]) for row in mine[:6].tolist()]
    seen = hidden = 0
    for creator in asked:
        path = f"/creators/{creator}/behind"
        answers = {
            name: asker.get(path, headers=headers)
            for name, headers in (("all", asker.all_brands), ("one", {}), ("reviewer", asker.reviewer))
        }
        assert {answer.status_code for answer in answers.values()} == {200}
        whole, mine = answers["all"].json(), answers["one"].json()
        assert answers["reviewer"].json() == mine
        for kind in ("events", "left_out", "partnerships"):
            assert mine[kind] == [line for line in whole[kind] if line["brand_id"] == brand]
            seen += len(mine[kind])
            hidden += len(whole[kind]) - len(mine[kind])
    assert seen > 0
    assert hidden > 0
