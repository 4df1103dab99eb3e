"""What the log foretold, made again from its vectors: the numbers that the answer told, and no home is given a log."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from models.foretold import FORETOLD
from serving.decisions import kept_bundles
from serving.foretold import logged_predictions
from serving.keys import create_key


@pytest.fixture
def client(served_home: Path) -> Iterator[TestClient]:
    from serving.app.service import application

    _, key = create_key("test")
    with TestClient(application(), headers={"X-API-Key": key}, raise_server_exceptions=False) as client:
        yield client


def test_the_numbers_are_those_of_the_answer(client: TestClient, campaign: dict[str, Any]) -> None:
    name = campaign["campaign_id"]
    answer = client.post("/rank", json={"campaign_id": name, "top": 6}).json()
    other = {"market": campaign["market"], "category_id": campaign["category_id"], "commission_rate": 0.1, "price": 20}
    assert client.post("/rank", json={"brief": other, "top": 3}).status_code == 200
    found = logged_predictions([name, "ca_nowhere"])
    assert tuple(found.columns) == FORETOLD
    assert found["campaign_id"].unique().tolist() == [name]
    told = {one["creator_id"]: one for one in answer["creators"]}
    assert set(found["creator_id"]) == set(told)
    for row in found.to_dict("records"):
        one = told[row["creator_id"]]
        assert row["position"] == one["position"]
        assert row["success"] == pytest.approx(one["success_probability"], abs=1e-6)
        assert row["lift"] == pytest.approx(one["lift"]["expected"], abs=0.01)
        worth = row["margin_rate"] * row["lift"] - row["flat_fee_usd"] - row["commission_rate"] * row["attributed"]
        profit = row["success"] * worth - row["accept"] * row["sample_cost_usd"]
        assert profit == pytest.approx(one["utility"]["expected"], abs=0.02)
    assert found["as_of"].str.startswith(answer["as_of"][:10]).all()
    assert (found["request_id"] == answer["request_id"]).all()


def test_answers_of_a_bundle_that_is_gone_are_left_out_and_said(
    client: TestClient,
    campaign: dict[str, Any],
    promoted: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert client.post("/rank", json={"campaign_id": campaign["campaign_id"], "top": 6}).status_code == 200
    promoted("2")
    assert len(logged_predictions([campaign["campaign_id"]])) == 6
    shutil.rmtree(kept_bundles())
    assert logged_predictions([campaign["campaign_id"]]).empty
    assert "1 logged answers are left out" in capsys.readouterr().err


def test_a_home_without_a_log_is_given_none(home: Path) -> None:
    found = logged_predictions(["ca_0001"])
    assert found.empty
    assert tuple(found.columns) == FORETOLD
    assert not (home / "var" / "decisions").exists()
