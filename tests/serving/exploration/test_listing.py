"""Lists: nobody twice, the ranked in their order, the same list from the same request, chances that come true."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ranking import positions
from serving.exploration.listing import explored_listing, noop_listing, ranked_listing, shuffle_listing
from serving.exploration.slots import ALWAYS_RANKED, LEAST_TOP, slot_positions


def ids_of(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).permutation([f"cr_{place:05}" for place in range(count)])


SCORES = st.lists(st.integers(0, 30), max_size=120).map(lambda them: np.array(them, dtype=float))
SHARES = st.floats(0.0, 0.5)


@given(st.integers(1, 1000), SHARES)
def test_slots_are_few_and_spread_after_the_first_few(top: int, share: float) -> None:
    slots = slot_positions(top, share)
    assert len(slots) <= share * top + 1e-6
    assert len(set(slots)) == len(slots)
    assert list(slots) == sorted(slots)
    assert all(ALWAYS_RANKED < slot <= top for slot in slots)
    assert top >= LEAST_TOP or slots == ()
    if len(slots) > 1:
        assert max(np.diff(slots)) - min(np.diff(slots)) <= 1


def test_slots_by_hand() -> None:
    # 17 places after the third in two runs of 8.5: their middles are 3 + 4.25 and 3 + 12.75.
    assert slot_positions(20, 0.1) == (8, 16)
    assert slot_positions(10, 0.1) == (7,)
    assert slot_positions(9, 0.1) == ()
    assert slot_positions(5, 0.2) == (4,)
    assert slot_positions(4, 0.5) == ()
    assert len(slot_positions(100, 0.07)) == 7


@settings(max_examples=200)
@given(SCORES, st.integers(1, 60), SHARES, st.uuids())
def test_a_list_explores_without_touching_what_is_ranked(
    score: np.ndarray, top: int, share: float, request: uuid.UUID
) -> None:
    ids = ids_of(score.size)
    listing = explored_listing(score, ids, top=top, share=share, request_id=request.hex)
    assert len(listing) == min(top, score.size)
    assert len(set(listing.rows.tolist())) == len(listing)
    assert ((listing.propensity > 0) & (listing.propensity <= 1)).all()
    assert (listing.propensity[~listing.explored] == 1).all()
    # Places are those of the whole order, and the ranked stand in it one after the other.
    order = positions(score, ids)
    assert (order[listing.rows] == listing.place).all()
    assert (listing.place[~listing.explored] == np.arange(1, (~listing.explored).sum() + 1)).all()
    wanted = slot_positions(top, share) if score.size > top else ()
    assert tuple(np.flatnonzero(listing.explored) + 1) == wanted
    # The same request again, its candidates in another order: the same list.
    mixed = np.random.default_rng(1).permutation(score.size)
    again = explored_listing(score[mixed], ids[mixed], top=top, share=share, request_id=request.hex)
    assert ids[mixed][again.rows].tolist() == ids[listing.rows].tolist()
    assert again.propensity.tolist() == listing.propensity.tolist()


def test_chances_come_true() -> None:
    """Everybody is shown as often as the propensity says, and in each slot as often as in another."""
    draws, count, top = 20_000, 40, 20
    rng = np.random.default_rng(3)
    score, ids = rng.integers(0, 15, count).astype(float), ids_of(count)
    seen = np.zeros(count)
    told = np.full(count, np.nan)
    in_slot = {slot: np.zeros(count) for slot in slot_positions(top, 0.2)}
    for draw in range(draws):
        listing = explored_listing(score, ids, top=top, share=0.2, request_id=f"{draw:032x}")
        seen[listing.rows] += 1
        told[listing.rows] = listing.propensity
        for slot, counts in in_slot.items():
            counts[listing.rows[slot - 1]] += 1
    share = seen / draws
    error = np.sqrt(told * (1 - told) / draws)
    assert not np.isnan(told).any()
    assert (np.abs(share - told) <= 4.5 * error + 1e-12).all()
    assert told.sum() == pytest.approx(top)
    for counts in in_slot.values():
        expected = np.where(told < 1, told / len(in_slot), 0)
        assert (np.abs(counts / draws - expected) <= 4.5 * np.sqrt(expected / draws) + 1e-12).all()


def test_weighing_by_the_chances_gives_the_mean_of_those_never_ranked() -> None:
    rng = np.random.default_rng(5)
    count, top, draws = 300, 20, 6_000
    score, ids, worth = np.arange(count, 0, -1).astype(float), ids_of(count), rng.gamma(1.0, 5.0, count)
    totals = []
    for draw in range(draws):
        listing = explored_listing(score, ids, top=top, share=0.1, request_id=f"{draw:032x}")
        found = listing.explored
        totals.append((worth[listing.rows[found]] / listing.propensity[found]).sum())
    unshown = worth[top - 2 :].sum()
    assert abs(np.mean(totals) - unshown) < 4 * np.std(totals) / np.sqrt(draws)


def test_where_all_are_shown_or_none_explore_the_list_is_as_ranked() -> None:
    score, ids = np.arange(20.0), ids_of(20)
    plain = ranked_listing(score, ids, top=20)
    for share in (0.0, 0.3):
        listing = explored_listing(score, ids, top=20, share=share, request_id="0" * 32)
        assert listing.rows.tolist() == plain.rows.tolist()
        assert not listing.explored.any()


@given(st.integers(0, 80), st.integers(1, 30), st.uuids())
def test_the_baselines_know_nothing_and_say_so(count: int, top: int, request: uuid.UUID) -> None:
    ids = ids_of(count)
    assert ids[noop_listing(ids, top=top).rows].tolist() == sorted(ids.tolist())[:top]
    shuffled = shuffle_listing(count, top=top, request_id=request.hex)
    assert len(set(shuffled.rows.tolist())) == len(shuffled) == min(top, count)
    assert shuffled.propensity.tolist() == [min(top, count) / count if count else 1.0] * len(shuffled)
    again = shuffle_listing(count, top=top, request_id=request.hex)
    assert again.rows.tolist() == shuffled.rows.tolist()


def test_a_shuffle_shows_everybody_as_often() -> None:
    seen = np.zeros(30)
    for draw in range(6_000):
        seen[shuffle_listing(30, top=10, request_id=f"{draw:032x}").rows] += 1
    assert (np.abs(seen / 6_000 - 1 / 3) < 4.5 * np.sqrt(2 / 9 / 6_000)).all()


def test_marks_name_the_policy_of_each_position() -> None:
    listing = explored_listing(np.arange(50.0), ids_of(50), top=20, share=0.1, request_id="1" * 32)
    for arm in ("champion", "challenger"):
        marks = listing.marks(arm)
        assert [mark["policy"] for mark in marks] == ["explore" if one else arm for one in listing.explored]
        assert [mark["slot"] for mark in marks] == ["explored" if one else "ranked" for one in listing.explored]
    assert {mark["policy"] for mark in shuffle_listing(9, top=5, request_id="2" * 32).marks("shuffle")} == {"shuffle"}
