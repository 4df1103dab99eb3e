"""Lists from outside: without one the bytes are the same; with them, whom they name is shown and may be invited."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.errors import ContractError
from marketplace.simulator import BASELINE, simulate
from marketplace.simulator.mechanisms.lists import Offered, show_offered
from marketplace.tables import open_marketplace

SIZE = {"creators": 240, "campaigns": 9, "days": 90, "seed": 3}


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("older") / "market"
    simulate(out, **SIZE)
    return out


def test_whoever_offers_nothing_changes_no_byte(older: Path, tmp_path: Path) -> None:
    asked: list[tuple[str, int]] = []

    def lists(campaign_id: str, wanted: int) -> None:
        asked.append((campaign_id, wanted))

    simulate(tmp_path / "market", **SIZE, lists=lists)
    assert fingerprints(tmp_path / "market") == fingerprints(older)
    assert [campaign for campaign, _ in asked] == [f"ca_{n:04d}" for n in range(9)]
    assert all(wanted > 0 for _, wanted in asked)


@pytest.fixture(scope="module")
def offered(older: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[tuple[str, float]]]]:
    """The fifth and the last campaign's lists are from outside: creators of the market who joined long ago."""
    market = open_marketplace(older)
    campaigns = market.frame("campaigns").drop_duplicates("campaign_id").set_index("campaign_id")
    creators = market.frame("creators").drop_duplicates("creator_id")
    lists = {}
    for campaign in ("ca_0004", "ca_0008"):
        row = campaigns.loc[campaign]
        home = creators[(creators["market"] == row["market"]) & (creators["known_at"] < row["briefed_at"].floor("D"))]
        lists[campaign] = [(one, 0.25 + 0.5 * (n % 2)) for n, one in enumerate(sorted(home["creator_id"])[-30:])]
    out = tmp_path_factory.mktemp("offered") / "market"
    simulate(out, **SIZE, lists=lambda campaign, _: lists.get(campaign))
    return out, lists


def test_an_offered_list_is_what_is_shown_and_whom_the_brand_picks_from(older: Path, offered: object) -> None:
    folder, lists = offered  # type: ignore[misc]
    market = open_marketplace(folder)
    assert market.check().ok
    impressions = market.frame("impressions").sort_values(["campaign_id", "position"])
    invitations = market.frame("invitations")
    for campaign, wanted in lists.items():
        shown = impressions[impressions["campaign_id"] == campaign]
        assert shown["creator_id"].tolist() == [creator for creator, _ in wanted]
        assert set(shown["policy"]) == {"offered"}
        chances = np.array([chance for _, chance in wanted])
        assert (shown["propensity"].to_numpy() < chances).all(), "being shown is not being invited yet"
        invited = set(invitations.loc[invitations["campaign_id"] == campaign, "creator_id"])
        assert 0 < len(invited) < len(wanted)
        assert invited <= {creator for creator, _ in wanted}
    assert Counter(impressions["policy"])["random_holdback"] > 0, "the others' lists are the older ranker's"


def test_the_past_is_as_it_was(older: Path, offered: object) -> None:
    folder, _ = offered  # type: ignore[misc]
    before, after = open_marketplace(older), open_marketplace(folder)
    for table in ("impressions", "invitations", "deliveries"):
        key = ["campaign_id", "creator_id"]
        rows = []
        for market in (before, after):
            frame = market.frame(table)
            keep = [name for name in frame if name in (*key, "sent_at", "decision", "posted_at", "position", "policy")]
            mine = frame.loc[frame["campaign_id"] < "ca_0004", keep]
            rows.append(mine.astype(str).sort_values(keep).reset_index(drop=True))
        pd.testing.assert_frame_equal(*rows)
        assert len(rows[0]) or table == "deliveries"


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ([("cr_999999", 1.0)], "cr_999999"),
        ([("cr_000001", 0.0)], "cr_000001"),
        ([("cr_000001", 1.5)], "cr_000001"),
    ],
)
def test_a_list_that_cannot_be_shown_is_refused(listed: list[tuple[str, float]], said: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=said):
        simulate(tmp_path / "market", **SIZE, lists=lambda _campaign, _wanted: listed)
    assert not (tmp_path / "market").exists()


def test_nobody_stands_twice_in_a_list(offered: object, tmp_path: Path) -> None:
    _, lists = offered  # type: ignore[misc]
    twice = {campaign: [*wanted, wanted[0]] for campaign, wanted in lists.items()}
    with pytest.raises(ContractError, match="twice"):
        simulate(tmp_path / "market", **SIZE, lists=lambda campaign, _: twice.get(campaign))


@settings(deadline=None, max_examples=25)
@given(count=st.integers(1, 120), target=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
def test_as_many_are_picked_as_are_wanted_and_the_chance_is_stated(count: int, target: int, seed: int) -> None:
    rows = np.random.default_rng(seed).permutation(200)[:count]
    listed = Offered(rows, np.ones(count))
    shown = show_offered(np.random.default_rng(seed), BASELINE, listed, target=target)
    assert shown.listed_propensity.sum() == pytest.approx(min(target, 0.8 * count), rel=1e-6)
    assert (np.diff(shown.listed_propensity) <= 0).all(), "earlier places are likelier"
    assert set(shown.invited.tolist()) <= set(rows.tolist())
    picked = np.zeros(count)
    rng = np.random.default_rng(seed + 1)
    for _ in range(400):
        picked += np.isin(rows, show_offered(rng, BASELINE, listed, target=target).invited)
    spread = np.sqrt(400 * (shown.listed_propensity * (1 - shown.listed_propensity)).sum())
    assert abs(picked.sum() - 400 * shown.listed_propensity.sum()) <= 5 * spread + 1e-6


def test_an_empty_list_invites_nobody() -> None:
    empty = Offered(np.zeros(0, dtype=np.int64), np.zeros(0))
    shown = show_offered(np.random.default_rng(1), BASELINE, empty, target=20)
    assert len(shown.listed) == len(shown.invited) == len(shown.held) == 0
