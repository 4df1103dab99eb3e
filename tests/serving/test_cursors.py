"""Pages never overlap and never skip, whatever their sizes; a cursor is good for its own order alone."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.errors import BriefError
from serving.arms import Plan
from serving.creators import CreatorsQuery, creator_named, find_creators
from serving.cursors import Cursor, digest_of
from serving.rank import rank_creators
from serving.schema import RankAnswer, RankRequest
from serving.store import Served, load_served

FAST = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def served(prepared: Path) -> Served:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(prepared))
        return load_served(prepared / "var" / "bundle", prepared / "var" / "snapshot")


def ask(served: Served, **words: Any) -> RankAnswer:
    request = RankRequest.model_validate({"explain": False, **words})
    return rank_creators(served, request, request_id="0" * 32)[0]


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4), number=st.integers(0, 10**6))
@FAST
def test_pages_together_are_the_whole_order(served: Served, sizes: list[int], number: int) -> None:
    campaigns = sorted(served.snapshot.campaigns)
    campaign = campaigns[number % len(campaigns)]
    whole = ask(served, campaign_id=campaign, top=1000).creators
    pages, cursor, turn = [], None, 0
    while True:
        answer = ask(served, campaign_id=campaign, top=sizes[turn % len(sizes)], cursor=cursor)
        assert answer.considered == len(whole)
        pages += answer.creators
        cursor, turn = answer.next_cursor, turn + 1
        if cursor is None:
            break
        assert len(answer.creators) == sizes[(turn - 1) % len(sizes)]
    assert pages == whole


@given(
    first=st.integers(1, 60), size=st.integers(1, 60), number=st.integers(0, 10**6), share=st.sampled_from([0.1, 0.5])
)
@FAST
def test_pages_of_a_list_that_explores_show_everybody_once(
    served: Served, first: int, size: int, number: int, share: float
) -> None:
    campaigns = sorted(served.snapshot.campaigns)
    campaign, plan = campaigns[number % len(campaigns)], Plan(share=share, floor=0.5)
    whole = [one.creator_id for one in ask(served, campaign_id=campaign, top=1000).creators]
    found: list[str] = []
    cursor, top, page = None, first, 0
    while True:
        request = RankRequest.model_validate({"campaign_id": campaign, "explain": False, "top": top, "cursor": cursor})
        # Each page is a request of its own; what was drawn hangs on the first one.
        answer, line = rank_creators(served, request, request_id=f"{number + page:032}", plan=plan)
        again, _ = rank_creators(served, request, request_id=f"{number + page:032}", plan=Plan.of(line))
        assert again == answer
        assert [one.position for one in answer.creators] == list(
            range(len(found) + 1, len(found) + 1 + len(answer.creators))
        )
        assert page == 0 or all(one.slot == "ranked" for one in answer.creators)
        found += [one.creator_id for one in answer.creators]
        cursor, top, page = answer.next_cursor, size, page + 1
        if cursor is None:
            break
    assert sorted(found) == sorted(whole)
    later = found[first:]
    assert later == [one for one in whole if one in set(later)]


@pytest.mark.parametrize("arm", ["noop", "shuffle"])
def test_pages_of_the_baselines_show_everybody_once(served: Served, arm: str) -> None:
    campaign, found, cursor = sorted(served.snapshot.campaigns)[0], [], None
    while True:
        request = RankRequest.model_validate({"campaign_id": campaign, "explain": False, "top": 23, "cursor": cursor})
        answer, _ = rank_creators(served, request, request_id=f"{len(found):032}", plan=Plan(arm=arm))
        found += [one.creator_id for one in answer.creators]
        cursor = answer.next_cursor
        if cursor is None:
            break
    assert len(set(found)) == len(found) == answer.considered


def test_a_cursor_of_a_list_that_explored_otherwise_says_so(served: Served) -> None:
    campaign = sorted(served.snapshot.campaigns)[0]
    cursor = ask(served, campaign_id=campaign, top=2).next_cursor
    request = RankRequest.model_validate({"campaign_id": campaign, "cursor": cursor})
    with pytest.raises(BriefError) as error:
        rank_creators(served, request, request_id="0" * 32, plan=Plan(share=0.1))
    assert error.value.status == 410


def test_reasons_are_the_same_on_a_later_page(served: Served) -> None:
    campaign = sorted(served.snapshot.campaigns)[0]
    whole = ask(served, campaign_id=campaign, top=10, explain=True).creators
    first = ask(served, campaign_id=campaign, top=7)
    assert ask(served, campaign_id=campaign, top=3, explain=True, cursor=first.next_cursor).creators == whole[7:]


def test_the_last_page_has_no_cursor_and_an_empty_one_neither(served: Served) -> None:
    campaign = sorted(served.snapshot.campaigns)[0]
    everyone = ask(served, campaign_id=campaign, top=1000)
    assert everyone.next_cursor is None
    last = ask(served, campaign_id=campaign, top=everyone.considered - 1)
    assert [c.position for c in ask(served, campaign_id=campaign, cursor=last.next_cursor).creators] == [
        everyone.considered
    ]
    assert ask(served, campaign_id=campaign, filters={"min_followers": 10**12}).next_cursor is None


def refused(served: Served, **words: Any) -> BriefError:
    with pytest.raises(BriefError) as error:
        ask(served, **words)
    assert [one.field for one in error.value.problems] == ["cursor"]
    return error.value


def test_a_cursor_is_good_for_its_own_request_alone(served: Served) -> None:
    one, other = sorted(served.snapshot.campaigns)[:2]
    cursor = ask(served, campaign_id=one, top=2).next_cursor
    for words in (
        {"campaign_id": other},
        {"campaign_id": one, "weights": {"model": 1.0}},
        {"campaign_id": one, "filters": {"min_followers": 1}},
    ):
        assert refused(served, cursor=cursor, **words).status == 400
    assert ask(served, campaign_id=one, top=3, explain=True, cursor=cursor).creators[0].position == 3


def test_a_cursor_of_another_model_or_snapshot_says_so(served: Served) -> None:
    campaign = sorted(served.snapshot.campaigns)[0]
    cursor = ask(served, campaign_id=campaign, top=2).next_cursor
    newer = replace(served, bundle=replace(served.bundle, fingerprint="another"))
    error = refused(newer, campaign_id=campaign, cursor=cursor)
    assert error.status == 410
    assert "older" in error.received


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
@FAST
def test_what_is_no_cursor_is_refused_plainly(served: Served, text: str) -> None:
    campaign = sorted(served.snapshot.campaigns)[0]
    assert refused(served, campaign_id=campaign, cursor=text).status == 400


@pytest.mark.parametrize("said", [[1], [-1, "w", "r", "", 0], [True, "w", "r", "", 0], [1.5, "w", "r", "", 0], {}, 5,
                         [10**30, "w", "r", "", 0], [1, "w", 5, "", 0], None])  # fmt: skip
def test_what_a_cursor_cannot_hold_is_refused(said: Any) -> None:
    text = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    with pytest.raises(BriefError):
        Cursor.read(text, world="w", request="r")


@given(st.integers(0, 10**6), st.text(max_size=20), st.text(max_size=20), st.integers(0, 1000))
def test_a_cursor_reads_back(shown: int, world: str, first: str, size: int) -> None:
    cursor = Cursor(shown, world, "r", first, size)
    assert Cursor.read(cursor.text(), world=world, request="r") == cursor


def test_a_digest_hangs_on_what_is_said_not_on_its_order() -> None:
    assert digest_of({"a": 1, "b": [2, 3]}) == digest_of({"b": [2, 3], "a": 1})
    assert len({digest_of({"a": value}) for value in (1, 2, "1", [1], None, {"a": 1})}) == 6


def everyone(served: Served) -> list[tuple[str, str, str]]:
    """Market, username and id of every creator, one by one."""
    found = []
    for market in served.snapshot.markets:
        part = served.snapshot.of_market(market)
        found += list(zip([market] * len(part), part.usernames.tolist(), part.creator_ids.tolist(), strict=True))
    return found


@given(prefix=st.sampled_from(["k", "ka", "KA", "@m", "l", "zz", "a"]), size=st.integers(1, 40), one=st.booleans())
@FAST
def test_creators_by_prefix_page_through_all_of_them(served: Served, prefix: str, size: int, one: bool) -> None:
    market = served.snapshot.markets[0] if one else None
    start = prefix.removeprefix("@").lower()
    wanted = sorted(
        (there, name.lower(), creator)
        for there, name, creator in everyone(served)
        if name.lower().startswith(start) and market in (None, there)
    )
    found, cursor = [], None
    while True:
        query = CreatorsQuery(prefix=prefix, market=market, top=size, cursor=cursor)
        answer = find_creators(served, query, request_id="r")
        found += [(one.market, one.username.lower(), one.creator_id) for one in answer.creators]
        cursor = answer.next_cursor
        if cursor is None:
            break
    assert found == wanted


def test_creators_by_username_exactly_or_in_another_case(served: Served) -> None:
    market, name, creator = everyone(served)[3]
    for asked in (name, f"@{name}", name.upper()):
        [found] = find_creators(served, CreatorsQuery(username=asked), request_id="r").creators
        assert (found.creator_id, found.username, found.market) == (creator, name, market)
        assert creator_named(served, asked) == creator
    assert find_creators(served, CreatorsQuery(username="nobody"), request_id="r").creators == []
    assert creator_named(served, "nobody") == "nobody"
    assert creator_named(served, creator) == creator
    elsewhere = next(other for other in served.snapshot.markets if other != market)
    assert find_creators(served, CreatorsQuery(username=name, market=elsewhere), request_id="r").creators == []
