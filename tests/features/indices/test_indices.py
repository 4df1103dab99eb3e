"""The indices on a simulated marketplace: clocks, order, one by one, peers, and the traits they should find."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.indices.build import (
    CATEGORY_INDEX,
    CREATOR_INDEX_NAMES,
    INDEX_NAMES,
    INDICES,
    build_category_influence,
    build_indices,
    cards,
    gather_everyone,
    index_scores,
)
from features.indices.cards import IndexFrame
from features.indices.declare import HEALTH_CAP, HEALTH_FLOOR
from features.indices.evidence import Evidence
from features.indices.gather import category_ids, gather
from features.indices.reference import (
    CREATOR_COMPONENTS,
    creator_parts,
    follower_tier,
    grid_day,
    index_values,
    peer_keys,
    reference,
    start_of,
)
from features.time import known_creators
from marketplace.contract import TABLES
from marketplace.errors import SignalError
from marketplace.tables import Marketplace, open_marketplace, read_truth

ARRAYS = (
    "value", "low", "high", "confidence", "peer_average", "peer_rank", "peer_count", "change_28d",
    "component_value", "component_percentile", "component_n",
)  # fmt: skip


@pytest.fixture(scope="module")
def market(small_market: Path) -> Marketplace:
    return open_marketplace(small_market)


@pytest.fixture(scope="module")
def now(market: Marketplace) -> pd.Timestamp:
    """The day of the brief two thirds through: much lies before it, and much after."""
    return market.frame("campaigns")["briefed_at"].sort_values().iloc[40].floor("D")


@pytest.fixture(scope="module")
def everyone(market: Marketplace, now: pd.Timestamp) -> IndexFrame:
    return build_indices(market, _rows(market, now))


@pytest.fixture(scope="module")
def influence(market: Marketplace, now: pd.Timestamp) -> IndexFrame:
    return build_category_influence(market, _by_category(_rows(market, now), market))


def _day(now: pd.Timestamp) -> int:
    return int(now.timestamp() // 86_400)


def _rows(market: Marketplace, now: pd.Timestamp) -> pd.DataFrame:
    return pd.DataFrame({"creator_id": known_creators(market, _day(now)), "as_of": now})


def _by_category(rows: pd.DataFrame, market: Marketplace) -> pd.DataFrame:
    return rows.merge(pd.DataFrame({"category_id": category_ids(market)}), how="cross")


def _same(left: IndexFrame, right: IndexFrame, rows: slice | np.ndarray = slice(None)) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(left, name)[rows], getattr(right, name), err_msg=name)


def test_weights_of_every_index_add_up_to_one():
    for index in INDICES.values():
        assert sum(component.weight for component in index.components) == pytest.approx(1.0)
    names = [component.name for index in INDICES.values() for component in index.components]
    assert len(names) == len(set(names))


def test_what_is_known_later_changes_nothing(
    market: Marketplace, now: pd.Timestamp, everyone: IndexFrame, influence: IndexFrame
):
    past = {}
    for name in market.present:
        frame = market.frame(name)
        before = frame["known_at"] < now
        event = TABLES[name].event
        if event:
            before &= pd.to_datetime(frame[event], utc=True) < now
        past[name] = frame[before]
    assert sum(len(frame) for frame in past.values()) < sum(len(market.frame(name)) for name in market.present)
    then = Marketplace.from_frames(past)
    rows = _rows(market, now)
    _same(everyone, build_indices(then, rows))
    some = np.arange(0, len(influence), 7)
    _same(influence, build_category_influence(then, _by_category(rows, market).iloc[some]), some)


def test_order_of_rows_and_creators_changes_nothing(market: Marketplace, now: pd.Timestamp, everyone: IndexFrame):
    shuffled = Marketplace.from_frames(
        {name: market.frame(name).sample(frac=1, random_state=5) for name in market.present}
    )
    rows = _rows(market, now)
    order = np.random.default_rng(5).permutation(len(rows))
    _same(everyone, build_indices(shuffled, rows.iloc[order]), order)


def test_one_by_one_equals_all_at_once(
    market: Marketplace, now: pd.Timestamp, everyone: IndexFrame, influence: IndexFrame
):
    rows = _rows(market, now)
    within = _by_category(rows, market)
    for at in (0, 250, len(rows) - 1):
        _same(everyone, build_indices(market, rows.iloc[[at]]), np.array([at]))
        _same(influence, build_category_influence(market, within.iloc[[at]]), np.array([at]))


def test_an_instant_counts_as_its_day(market: Marketplace, now: pd.Timestamp, everyone: IndexFrame):
    noon = pd.DataFrame({"creator_id": everyone.creator_ids[:5], "as_of": now + pd.Timedelta(hours=12)})
    _same(everyone, build_indices(market, noon), slice(0, 5))


def test_values_lie_within_their_bounds(everyone: IndexFrame, influence: IndexFrame):
    for frame in (everyone, influence):
        assert (frame.low >= 0).all()
        assert (frame.low <= frame.value).all()
        assert (frame.value <= frame.high).all()
        assert (frame.high <= 100).all()
        assert ((frame.confidence >= 0) & (frame.confidence <= 100)).all()
        assert (frame.peer_rank >= 1).all()
        assert (frame.peer_rank <= frame.peer_count).all()


def test_more_of_a_good_thing_never_lowers_its_index(market: Marketplace, now: pd.Timestamp):
    day = _day(now)
    frozen = reference(market, int(grid_day(np.array([day]))[0]))
    creators = known_creators(market, day)
    before = gather(market, creators, np.full(creators.size, day))
    keys = peer_keys(before)
    parts = creator_parts(frozen, before, keys, ends=False)
    for column, component in enumerate(CREATOR_COMPONENTS):
        own = before.evidence[component.name]
        sign = -1.0 if component.less_is_better else 1.0
        if component.kind == "rate":  # one more success at the weight of a day
            more = Evidence(own.total + 1.0, own.evidence + 1.0)
        else:
            more = replace(own, total=own.total + sign * 0.2 * own.evidence)
        after = replace(before, evidence=before.evidence | {component.name: more})
        raised = creator_parts(frozen, after, keys, ends=False)
        assert (raised.percentile[:, column] >= parts.percentile[:, column] - 1e-9).all(), component.name
        for name in CREATOR_INDEX_NAMES:
            first = index_values(parts, name, start_of(name), before)
            second = index_values(raised, name, start_of(name), after)
            assert (second >= first - 1e-9).all(), (name, component.name)


def test_more_sales_in_a_category_never_lower_influence_there(market: Marketplace, now: pd.Timestamp):
    day = _day(now)
    frozen = reference(market, int(grid_day(np.array([day]))[0]))
    creators = known_creators(market, day)
    sums = gather(market, creators, np.full(creators.size, day)).category
    more_gmv = sums.gmv.copy()
    more_gmv[:, 2] += 25.0
    more = replace(sums, gmv=more_gmv, gmv_all=sums.gmv_all + 25.0)
    for first, second in zip(frozen.shrunk_category((), 2, sums), frozen.shrunk_category((), 2, more), strict=True):
        assert (second.percentile >= first.percentile - 1e-9).all()


def test_a_creator_without_history_gets_the_peers_values(market: Marketplace, now: pd.Timestamp, everyone: IndexFrame):
    frame = build_indices(market, pd.DataFrame({"creator_id": ["never seen"], "as_of": [now]}))
    assert np.isfinite(frame.value).all()
    assert ((frame.value > 30) & (frame.value < 70)).all()
    assert (frame.confidence == 0).all()
    assert ((frame.low < frame.value) & (frame.value < frame.high)).all()
    silent = (everyone.component_n == 0).all(axis=1)
    assert (everyone.confidence[silent] == 0).all()


def test_before_the_marketplace_began_everybody_stands_at_50(market: Marketplace):
    frame = build_indices(
        market, pd.DataFrame({"creator_id": ["cr_000001"], "as_of": [pd.Timestamp("2001-01-01", tz="UTC")]})
    )
    assert (frame.value == 50).all()
    assert (frame.confidence == 0).all()


def test_no_rows_no_scores(market: Marketplace):
    assert len(build_indices(market, pd.DataFrame({"creator_id": [], "as_of": []}))) == 0
    assert index_scores(market, pd.DataFrame({"campaign_id": [], "creator_id": []})).shape == (0, 8)


def test_a_bad_health_rating_caps_cooperation(market: Marketplace, now: pd.Timestamp):
    day = _day(now)
    creators = known_creators(market, day)
    found = gather(market, creators, np.full(creators.size, day))
    frozen = reference(market, int(grid_day(np.array([day]))[0]))
    parts = creator_parts(frozen, found, peer_keys(found), ends=False)
    ill = replace(found, health_rating=np.full(creators.size, HEALTH_FLOOR))
    well = replace(found, health_rating=np.full(creators.size, HEALTH_FLOOR + 1))
    free = index_values(parts, "cooperation", 0, well)
    assert index_values(parts, "cooperation", 0, ill).tolist() == np.minimum(free, HEALTH_CAP).tolist()
    assert free.max() > HEALTH_CAP


def test_follower_tiers():
    tiers = follower_tier(np.array([np.nan, 0, 9_999, 10_000, 100_000, 500_000, 2e6]))
    assert tiers.tolist() == ["", "nano", "nano", "micro", "mid", "macro", "mega"]


def test_few_peers_fall_back_to_wider_groups(market: Marketplace, now: pd.Timestamp, everyone: IndexFrame):
    frozen = reference(market, int(grid_day(np.array([_day(now)]))[0]))
    for group in {tuple(words.split(" x ")) if words != "all creators" else () for words in everyone.peers}:
        assert group == () or frozen.groups[group].size >= 50


def test_scores_for_briefs_are_the_indices_as_of_each_brief(market: Marketplace):
    briefs = market.frame("campaigns").sort_values("briefed_at").iloc[[30, 45]]
    creators = known_creators(market, int(briefs["briefed_at"].min().timestamp() // 86_400))[:40]
    pairs = pd.DataFrame({"campaign_id": np.repeat(briefs["campaign_id"], 40), "creator_id": np.tile(creators, 2)})
    scores = index_scores(market, pairs)
    assert scores.shape == (80, 8)
    rows = pairs.merge(briefs, on="campaign_id").rename(columns={"briefed_at": "as_of"})
    rows = rows[["creator_id", "category_id", "as_of"]]
    general = build_indices(market, rows, change=False)
    for name in CREATOR_INDEX_NAMES:
        expected = general.value[:, general.names.index(name)]
        np.testing.assert_array_equal(scores[:, INDEX_NAMES.index(name)], expected)
    within = build_category_influence(market, rows, change=False)
    np.testing.assert_array_equal(scores[:, INDEX_NAMES.index(CATEGORY_INDEX)], within.value[:, 0])


def test_an_unknown_campaign_or_column_is_named(market: Marketplace):
    with pytest.raises(SignalError, match="no such brief"):
        index_scores(market, pd.DataFrame({"campaign_id": ["no such brief"], "creator_id": ["cr_000001"]}))
    with pytest.raises(SignalError, match="as_of"):
        build_indices(market, pd.DataFrame({"creator_id": ["cr_000001"]}))
    with pytest.raises(SignalError, match="nobody"):
        cards(market, "2025-06-01", ["nobody"])


def test_a_card_is_plain_json_and_adds_up(market: Marketplace, now: pd.Timestamp, everyone: IndexFrame):
    creator = str(everyone.creator_ids[7])
    card = cards(market, now, [creator])[creator]
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    assert tuple(card) == INDEX_NAMES
    assert set(card[CATEGORY_INDEX]) == set(category_ids(market))
    part = card["diligence"]
    total = sum(component["weight"] * component["percentile"] for component in part["components"])
    assert part["value"] == pytest.approx(total, abs=0.01)
    assert set(part) >= {
        "value", "low", "high", "confidence", "peer_average", "peer_rank", "peer_count", "change_28d", "components"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("index", "trait", "least"),
    [
        ("cooperation", "cooperation", 0.25),
        ("diligence", "diligence", 0.45),
        ("collaborative", "cooperation", 0.10),
        ("consistent", "consistency", 0.25),
        ("content_volume", "diligence", 0.35),
        ("sales_drive", "persuasion", 0.05),
    ],
)
def test_an_index_finds_its_trait(small_market: Path, everyone: IndexFrame, index: str, trait: str, least: float):
    traits = read_truth(small_market, "traits")
    assert traits is not None
    truth = traits.set_index("creator_id").loc[everyone.creator_ids, trait].to_numpy()
    found = everyone.value[:, everyone.names.index(index)]
    assert pd.Series(found).corr(pd.Series(truth), method="spearman") > least


def test_blocks_of_rows_and_days_one_by_one_change_no_bit(small_market, now, everyone, influence, monkeypatch):
    """What bounds the memory: rows laid out a few at a time, whole days gathered one by one."""
    monkeypatch.setattr("features.indices.build._ROWS_AT_ONCE", 101)
    monkeypatch.setattr("features.indices.gather._ROWS_AT_ONCE", 1)
    market = open_marketplace(small_market)
    gather_everyone(market, _day(now))
    for whole, cut in (
        (everyone, build_indices(market, _rows(market, now))),
        (influence, build_category_influence(market, _by_category(_rows(market, now), market))),
    ):
        assert len(cut) == len(whole) > 3 * 101
        for name in (*ARRAYS, "peers", "creator_ids", "capped", "saturated"):
            np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name), err_msg=name)
