"""Both clients against a service process: the same methods, the same answers, the same refusals."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

import collabrank as cr
from marketplace.errors import AccessError, BriefError, SnapshotError
from serving.client import AsyncRanking, Page, Ranking, Similar, SimilarCreator

BRIEF = {"market": "ID", "category_id": "beauty", "commission_rate": 0.12, "price": 18, "has_free_sample": True}


@pytest.fixture(scope="module")
def client(process: Any) -> Any:
    with cr.Client(process.url, process.key) as client:
        yield client


def later(process: Any, work: Callable[[Any], Any]) -> Any:
    async def run() -> Any:
        async with cr.AsyncClient(process.url, process.key) as client:
            return await work(client)

    return asyncio.run(run())


def methods(kind: type) -> dict[str, Any]:
    return {name: one for name, one in vars(kind).items() if inspect.isfunction(one) and not name.startswith("_")}


def test_both_have_the_same_methods_with_words_and_signatures() -> None:
    now, awaited = methods(cr.Client), methods(cr.AsyncClient)
    assert set(now) == set(awaited)
    for name, one in now.items():
        assert one.__doc__, name
        assert list(inspect.signature(one).parameters) == list(inspect.signature(awaited[name]).parameters)
        assert inspect.iscoroutinefunction(awaited[name]), name
    assert inspect.signature(cr.Client.rank).return_annotation == "Ranking"
    assert inspect.signature(cr.AsyncClient.rank).return_annotation == "AsyncRanking"


ASKS: dict[str, Callable[[Any], Any]] = {
    "me": lambda c: c.me(),
    "catalogue": lambda c: c.catalogue(),
    "products": lambda c: c.products(top=3),
    "campaigns": lambda c: c.campaigns(top=3),
    "creators": lambda c: c.creators(prefix="k", top=3),
    "card": lambda c: c.card("cr_000003"),
    "history": lambda c: c.history("cr_000003"),
    "behind": lambda c: c.behind("cr_000003"),
    "leaders": lambda c: c.leaders(category_id="beauty", market="ID", top=5),
    "indices": lambda c: c.indices(x="followers", y="diligence", market="ID", highlight=["cr_000003"]),
    "similar": lambda c: c.similar("cr_000003", by="audience"),
    "models": lambda c: c.models(),
    "reports": lambda c: c.reports(),
    "outcomes": lambda c: c.outcomes("ca_0002"),
}


@pytest.mark.parametrize("name", sorted(ASKS))
def test_what_is_looked_up_is_the_services_answer_in_both(client: Any, process: Any, name: str) -> None:
    now, awaited = ASKS[name](client), later(process, ASKS[name])
    if hasattr(now, "items"):
        assert now.items == awaited.items
        assert isinstance(now.to_frame(), pd.DataFrame)
    elif name != "models":  # drift is looked at meanwhile
        assert now == awaited
    if name == "card":
        plain = httpx.get(f"{process.url}/creators/cr_000003/card", headers={"X-API-Key": process.key}).json()
        assert now.data == plain
        assert now.indices["diligence"].value == plain["indices"]["diligence"]["value"]
        assert set(now.category_influence) == set(plain["indices"]["category_influence"])
        assert len(now.to_frame()) == 7 + len(now.category_influence)


def test_a_ranking_is_its_creators_a_table_and_pages(client: Any, process: Any) -> None:
    found = client.rank(brief=BRIEF, top=4, exploration=False)
    assert isinstance(found, Ranking)
    assert [one.position for one in found] == [1, 2, 3, 4]
    assert (len(found), found[0], found.logged, found.preview) == (4, found.creators[0], True, False)
    frame = found.to_frame()
    assert frame["score"].is_monotonic_decreasing
    assert {"profit_low", "cooperation", "reasons"} <= set(frame.columns)
    second = found.next()
    assert [one.position for one in second] == [5, 6, 7, 8]
    ids = [one.creator_id for page in found.pages() for one in page]
    assert len(ids) == len(set(ids)) == found.considered

    async def walk(c: Any) -> list[str]:
        page = await c.rank(brief=BRIEF, top=50, explain=False, exploration=False)
        assert isinstance(page, AsyncRanking)
        return [one.creator_id async for some in page.pages() for one in some]

    assert later(process, walk) == ids


def test_a_preview_takes_no_feedback_and_feedback_may_be_told_twice(client: Any) -> None:
    shown, looked_at = (client.rank(brief=BRIEF, top=2, preview=one) for one in (False, True))
    first = shown[0].creator_id
    told = client.feedback(shown, first, "INVITED", at=datetime(2026, 1, 2, tzinfo=UTC))
    again = client.feedback(shown.request_id, first, "INVITED")
    assert (told.repeated, again.repeated) == (False, True)
    assert (looked_at.logged, looked_at.preview) == (False, True)
    with pytest.raises(BriefError) as refused:
        client.feedback(looked_at, first, "INVITED")
    assert refused.value.status == 404


def test_weights_filters_applicants_and_instants_go_as_they_are(client: Any) -> None:
    some = client.rank(brief=BRIEF, top=6, explain=False)
    ids = [one.creator_id for one in some]
    only = client.rank(brief=BRIEF, filters={"include_only_creator_ids": ids[:3]}, explain=False)
    assert {one.creator_id for one in only} == set(ids[:3])
    asked = client.rank(brief=BRIEF, applicants=ids[:2], explain=False)
    assert asked.considered == 2
    assert asked[0].nothing_posted_probability is not None
    weighed = client.rank(brief=BRIEF, weights={"model": np.float64(0.0), "diligence": 1}, top=3, explain=False)
    assert [one.indices["diligence"] for one in weighed] == sorted(
        (one.indices["diligence"] for one in weighed), reverse=True
    )
    dated = client.rank(brief={**BRIEF, "ends_at": pd.Timestamp("2025-08-20", tz="UTC")}, top=1, explain=False)
    assert len(dated) == 1
    with pytest.raises(BriefError) as refused:
        client.rank(brief={**BRIEF, "price": float("nan")})
    assert "JSON" in refused.value.expected


def test_many_briefs_and_why(client: Any, process: Any) -> None:
    ranked, refused = client.rank_all([{"brief": BRIEF, "top": 2}, {"campaign_id": "ca_none"}])
    assert [one.position for one in ranked] == [1, 2]
    assert isinstance(refused, BriefError)
    assert (refused.status, refused.problems[0].field) == (404, "campaign_id")
    why = client.explain([ranked[1].creator_id, "nobody"], brief=BRIEF)
    assert (why[0].position, why.not_eligible) == (2, ("nobody",))
    assert why[0].reasons


def test_a_plan_keeps_to_its_budget(client: Any) -> None:
    found = client.plan(brief=BRIEF, budget=120, invitations=10, terms=[(0, 0.12), (30, 0.1)])
    assert len(found) <= 10
    assert found.outlook.spend.expected <= 120 + 1e-6
    assert found.to_frame()["profit"].is_monotonic_decreasing
    assert len(found.what_if_frame()) == 2
    assert found.curve_frame()["profit"].is_monotonic_increasing
    assert found.notes


def test_refusals_are_the_trees_own(client: Any, process: Any) -> None:
    with pytest.raises(BriefError) as refused:
        client.rank(brief={**BRIEF, "market": "id", "commission_rate": 12})
    assert [one.field for one in refused.value.problems] == ["brief.market", "brief.commission_rate"]
    assert refused.value.status == 400
    with pytest.raises(SnapshotError) as refused:
        client.card("nobody at all / or so")
    assert refused.value.status == 404
    assert refused.value.request_id
    with cr.Client(process.url, "crk_0_nothing") as stranger, pytest.raises(AccessError) as refused:
        stranger.me()
    assert refused.value.status == 401
    for missing in (client.report, client.report_page):
        with pytest.raises(BriefError) as refused:
            missing("ca_0002")
        assert refused.value.status == 404
    assert client.ready()


def test_an_answer_shows_itself_in_one_line_and_as_a_table() -> None:
    page = Page(("a", "b"), more=True)
    assert repr(page) == "<Page: 2 found, and more>"
    similar = Similar("cr_1", "taste", None, (SimilarCreator("cr_2", "mia", "US", None, 0.5, ("both in en",)),))
    assert repr(similar) == "<Similar: 1 creators like cr_1 by taste>"
    assert "mia" in similar._repr_html_()
