"""The older ranker: its propensities are the chances it really invites with, and its holdback is uniform."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.simulator import BASELINE
from marketplace.simulator.mechanisms.lists import propensities, show
from marketplace.tables import Marketplace, open_marketplace


def _weights(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.lognormal(6, 1.5, count), (rng.random(count) < 0.1).astype(float)


def test_the_stated_chance_is_the_share_of_draws_that_invite() -> None:
    gmv, again = _weights(60, 1)
    rng = np.random.default_rng(2)
    repeats = 1_200
    chosen, stated, free = np.zeros(60), np.zeros(60), np.zeros(60)
    for _ in range(repeats):
        lists = show(rng, BASELINE, gmv_usd=gmv, again=again, target=20)
        chosen[lists.invited] += 1
        open_to = np.setdiff1d(np.arange(60), lists.held)
        free[open_to] += 1
        # The chance is stated for those listed; the rest of the field is not shown.
        stated[lists.listed] += lists.listed_propensity
    share, expected = chosen / free, stated / free
    error = np.sqrt(share * (1 - share) / free) + 1e-3
    assert (np.abs(share - expected) < 4.5 * error).all()


@settings(deadline=None, max_examples=40)
@given(count=st.integers(5, 300), seed=st.integers(0, 10_000), part=st.floats(0.05, 0.6))
def test_chances_add_up_to_the_target(count: int, seed: int, part: float) -> None:
    gmv, _ = _weights(count, seed)
    target = max(1.0, part * count)
    chance = propensities(BASELINE, gmv + 60.0, target)
    assert ((chance >= 0) & (chance <= 1)).all()
    assert chance.sum() == pytest.approx(target, rel=0.05)


@settings(deadline=None, max_examples=40)
@given(count=st.integers(3, 200), seed=st.integers(0, 10_000), target=st.integers(1, 80))
def test_lists_are_whole(count: int, seed: int, target: int) -> None:
    gmv, again = _weights(count, seed)
    lists = show(np.random.default_rng(seed), BASELINE, gmv_usd=gmv, again=again, target=min(target, count))
    assert set(lists.invited) <= set(lists.listed)
    assert not set(lists.held) & set(lists.listed)
    assert len(set(lists.listed)) == len(lists.listed) == len(lists.listed_propensity)
    assert lists.held_propensity == len(lists.held) / count


def test_more_gmv_is_listed_earlier_and_invited_more_often() -> None:
    gmv, _ = _weights(200, 3)
    chance = propensities(BASELINE, gmv, 40)
    assert pd.Series(chance).corr(pd.Series(gmv), method="spearman") > 0.99
    lists = show(np.random.default_rng(0), BASELINE, gmv_usd=gmv, again=np.zeros(200), target=40)
    assert gmv[lists.listed[:20]].mean() > 2 * gmv[lists.listed[-20:]].mean()


@pytest.fixture(scope="module")
def market(small_market: Path) -> Marketplace:
    return open_marketplace(small_market)


def test_every_invitation_was_shown_and_the_holdback_all_invited(market: Marketplace) -> None:
    shown = market.frame("impressions")
    invited = market.frame("invitations")[["campaign_id", "creator_id", "sent_at"]].drop_duplicates()
    both = invited.merge(shown, on=["campaign_id", "creator_id"])
    assert len(both) == len(invited)
    assert (both.sent_at > both.shown_at).all()
    held = shown[shown.policy == "random_holdback"]
    # Those of the very last day may not have been sent before the end.
    early = held[held.shown_at < held.shown_at.max() - pd.Timedelta(days=3)]
    assert len(early.merge(invited, on=["campaign_id", "creator_id"])) == len(early)
    assert 0.05 < len(held) / len(invited) < 0.30


def test_positions_count_from_one_without_a_gap(market: Marketplace) -> None:
    shown = market.frame("impressions").sort_values(["request_id", "position"])
    place = shown.groupby("request_id").cumcount() + 1
    assert (shown.position == place).all()
    assert shown.propensity.between(0, 1, inclusive="right").all()


def test_earlier_places_are_invited_more_often(market: Marketplace) -> None:
    shown = market.frame("impressions")
    shown = shown[shown.policy == "gmv_sort"]
    pairs = set(
        market.frame("invitations", ["campaign_id", "creator_id"]).drop_duplicates().itertuples(index=False, name=None)
    )
    was = np.array([pair in pairs for pair in zip(shown.campaign_id, shown.creator_id, strict=True)])
    assert was[shown.position <= 10].mean() > was[shown.position > 25].mean() + 0.2
