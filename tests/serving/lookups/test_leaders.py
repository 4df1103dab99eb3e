"""Who leads, and where everybody stands: held against the snapshot's own table and the cards."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.indices import CREATOR_INDEX_NAMES
from marketplace.errors import BriefError
from serving.lookups import LeadersQuery, ScatterQuery, leaders, scatter
from serving.pair import Served


@pytest.mark.parametrize("index", CREATOR_INDEX_NAMES)
def test_leaders_are_the_snapshots_own_order(pair: Served, index: str) -> None:
    frame = pair.snapshot.to_frame()
    for market in (None, *pair.snapshot.markets):
        of = frame if market is None else frame[frame["market"] == market]
        expected = of.sort_values(index, ascending=False, kind="stable").head(40)  # the frame is by creator_id
        found = leaders(pair, LeadersQuery(index=index, market=market, top=40))
        assert [one.creator_id for one in found.leaders] == list(expected.index)
        assert [one.value for one in found.leaders] == expected[index].tolist()
        assert [one.position for one in found.leaders] == list(range(1, len(expected) + 1))
        assert found.of == of[index].notna().sum()


def test_leaders_of_a_category_are_what_their_cards_say(pair: Served) -> None:
    category = pair.snapshot.category_ids[1]
    found = leaders(pair, LeadersQuery(category_id=category, top=15))
    best = [pair.card(one.creator_id)["indices"]["category_influence"][category] for one in found.leaders]
    for one, card in zip(found.leaders, best, strict=True):
        assert (one.value, one.confidence) == pytest.approx((card["value"], card["confidence"]), abs=1e-4)
        assert one.interval == pytest.approx((card["low"], card["high"]), abs=1e-4)
    worst = found.leaders[-1].value
    shown = {one.creator_id for one in found.leaders}
    others = [name for name in pair.snapshot.creator_ids if name not in shown][:60]
    values = [pair.card(str(name))["indices"]["category_influence"][category]["value"] for name in others]
    assert max(values) <= worst + 1e-4


def test_what_is_no_index_or_no_category_is_refused_with_its_field(pair: Served) -> None:
    for query, field in (
        (LeadersQuery(index="charm"), "index"),
        (LeadersQuery(index="followers"), "index"),
        (LeadersQuery(), "category_id"),
        (LeadersQuery(category_id="none"), "category_id"),
    ):
        with pytest.raises(BriefError) as refused:
            leaders(pair, query)
        assert [one.field for one in refused.value.problems] == [field]
    with pytest.raises(BriefError) as refused:
        scatter(pair, ScatterQuery(x="diligence", y="net_gmv_sum_90d"))
    assert [one.field for one in refused.value.problems] == ["y"]


def test_a_scatter_is_two_columns_of_the_snapshot(pair: Served) -> None:
    frame = pair.snapshot.to_frame()
    found = scatter(pair, ScatterQuery(x="followers", y="diligence"))
    known = frame[frame["follower_count"].notna() & frame["diligence"].notna()]
    assert found.creators == list(known.index)
    assert found.of == len(known)
    np.testing.assert_allclose(found.x, known["follower_count"])
    np.testing.assert_allclose(found.y, known["diligence"], atol=1e-6)
    assert found.usernames == known["username"].tolist()
    one_market = scatter(pair, ScatterQuery(x="posts", y="diligence", market=pair.snapshot.markets[0]))
    assert set(one_market.creators) <= set(frame.index[frame["market"] == pair.snapshot.markets[0]])
    nowhere = scatter(pair, ScatterQuery(x="posts", y="diligence", market="QQ"))
    assert (nowhere.creators, nowhere.of) == ([], 0)


@settings(max_examples=30, deadline=None)
@given(most=st.integers(1, 800), lit=st.lists(st.integers(0, 599), max_size=8))
def test_a_sample_is_even_and_has_who_was_asked_for(pair: Served, most: int, lit: list[int]) -> None:
    everybody = scatter(pair, ScatterQuery(x="consistent", y="diligence"))
    asked = [everybody.creators[place % len(everybody.creators)] for place in lit]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("serving.lookups.leaders"), "MOST", most)
        found = scatter(pair, ScatterQuery(x="consistent", y="diligence", highlight=",".join(asked) or None))
    assert found.of == everybody.of
    assert set(found.highlighted) == set(asked)
    assert set(asked) <= set(found.creators)
    assert len(found.creators) <= most + len(set(asked))
    assert len(found.creators) >= min(most, everybody.of)
    places = [everybody.creators.index(one) for one in found.creators]
    assert places == sorted(set(places))
    drawn = [place for place in places if everybody.creators[place] not in asked]
    if len(drawn) > 2 and not asked:
        assert max(np.diff(drawn)) <= -(-everybody.of // most)
    assert found.y == [everybody.y[place] for place in places]
