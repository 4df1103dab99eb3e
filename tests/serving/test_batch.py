"""Many briefs at once: each is answered or refused as it would be alone."""

from __future__ import annotations

from itertools import count
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from marketplace.errors import BriefError
from serving.app.examples import BODIES
from serving.batch import MOST_CREATORS, SECONDS, BatchRequest, rank_each
from serving.problems import refusal
from serving.schema import RankAnswer, RankRequest


@pytest.fixture(scope="module")
def client(process: Any) -> Any:
    with httpx.Client(base_url=process.url, headers={"X-API-Key": process.key}, timeout=60) as client:
        yield client


def without_id(answer: dict[str, Any]) -> dict[str, Any]:
    """What does not hang on the request's own id."""
    return {name: value for name, value in answer.items() if name not in ("request_id", "next_cursor")}


def test_each_is_answered_or_refused_as_it_would_be_alone(client: httpx.Client) -> None:
    good = [*BODIES["rank"].values()]
    bad = [
        {"campaign_id": "ca_none"},
        {"campaign_id": "ca_0002", "top": 0, "colour": 1},
        {"brief": {"market": "ZZ", "commission_rate": 0.1, "category_id": "beauty"}},
        {},
        5,
    ]
    asked = [good[0], bad[0], good[1], bad[1], good[2], *bad[2:], *good[3:]]
    answer = client.post("/rank/batch", json={"requests": asked})
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert len(items) == len(asked)
    ids = {answer.json()["request_id"]}
    for one, item in zip(asked, items, strict=True):
        alone = client.post("/rank", json=one)
        assert item["status"] == alone.status_code
        told, other = (item["answer"], item["error"]) if item["status"] == 200 else (item["error"], item["answer"])
        assert other is None
        assert without_id(told) == without_id(alone.json())
        ids.add(told["request_id"])
    assert len(ids) == len(asked) + 1


def test_a_page_begun_in_a_batch_goes_on_outside_of_it(client: httpx.Client) -> None:
    body = BODIES["rank"]["a_campaign"]
    [item] = client.post("/rank/batch", json={"requests": [body]}).json()["items"]
    next_page = client.post("/rank", json={**body, "cursor": item["answer"]["next_cursor"]}).json()
    assert next_page["creators"][0]["position"] == body["top"] + 1


@pytest.mark.parametrize(
    "body", [{}, {"requests": []}, {"requests": [{}] * 101}, {"requests": {}}, {"requests": [{}], "top": 1}]
)
def test_a_batch_that_is_none_is_refused_whole(client: httpx.Client, body: dict[str, Any]) -> None:
    answer = client.post("/rank/batch", json=body)
    assert answer.status_code == 400
    assert answer.json()["problems"]


def test_together_they_may_not_ask_for_too_many() -> None:
    one = {"campaign_id": "ca_0002", "top": 1000}
    few = MOST_CREATORS // 1000
    BatchRequest.model_validate({"requests": [one] * few})
    with pytest.raises(ValidationError, match="in all"):
        BatchRequest.model_validate({"requests": [one] * (few + 1)})


def test_what_has_not_begun_in_time_is_told_to_come_back() -> None:
    batch = BatchRequest.model_validate({"requests": [{"campaign_id": "ca_0002"}] * 4})
    seconds = count(0.0, SECONDS / 2.5)  # asked once at the start, and before each
    done: list[str] = []

    def rank(request: RankRequest, request_id: str) -> RankAnswer:
        done.append(request_id)
        raise (
            refusal(404, "a campaign", received="another")
            if request.campaign_id
            else BriefError("", received="", look="")
        )

    items = rank_each(batch, rank, request_id="r", clock=lambda: next(seconds)).items
    assert [one.status for one in items] == [404, 404, 503, 503]
    assert len(done) == 2
