"""What a snapshot keeps of what lies behind the cards is what is read off the marketplace for each creator alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.indices import build_card, counted_events, left_out, partnerships, with_history
from features.snapshot import Behind, build_behind, build_snapshot, load_snapshot, save_snapshot
from features.snapshot.behind import COLUMNS
from features.time import day_number, default_as_of, known_creators
from marketplace.signature import read_signer
from marketplace.tables import Marketplace, open_marketplace

READ = {"events": counted_events, "left_out": left_out, "partnerships": partnerships}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Marketplace:
    from marketplace.simulator import simulate

    folder = tmp_path_factory.mktemp("behind") / "market"
    simulate(folder, creators=120, campaigns=20, days=150, seed=3)
    return open_marketplace(folder)


@pytest.fixture(scope="module")
def day(market: Marketplace) -> int:
    return day_number(default_as_of(market))


@pytest.fixture(scope="module")
def ids(market: Marketplace, day: int) -> list[str]:
    return sorted(known_creators(market, day))


@pytest.fixture(scope="module")
def behind(market: Marketplace, day: int, ids: list[str]) -> Behind:
    return build_behind(market, ids, day)


@pytest.mark.parametrize("kind", COLUMNS)
def test_each_creators_lines_are_those_that_are_read_for_that_creator_alone(
    market: Marketplace, day: int, ids: list[str], behind: Behind, kind: str
) -> None:
    lines = getattr(behind, kind)
    counts = np.diff(lines.starts)
    assert counts.sum() > 20, "nothing to compare"
    for row in [*np.argsort(-counts, kind="stable")[:4], int(np.argmin(counts))]:
        alone = READ[kind](market, day, ids[row])
        assert lines.of(int(row)) == alone[list(COLUMNS[kind])].to_dict("records")


def test_a_snapshot_keeps_them_market_by_market(
    market: Marketplace, behind: Behind, home: Path, tmp_path: Path
) -> None:
    whole = replace(build_snapshot(market), behind=behind)
    signer = read_signer(home / "var" / "keys")
    save_snapshot(whole, tmp_path / "with", signer)
    save_snapshot(replace(whole, behind=None), tmp_path / "without", signer)
    taken, bare = load_snapshot(tmp_path / "with"), load_snapshot(tmp_path / "without")
    told = 0
    for name in taken.markets:
        part = taken.of_market(name)
        assert bare.of_market(name).behind is None
        assert part.behind is not None
        assert part.behind.fits(len(part))
        for kind in COLUMNS:
            mine, all_of_them = getattr(part.behind, kind), getattr(behind, kind)
            for creator, row in part.rows_of.items():
                assert mine.of(row) == all_of_them.of(whole.rows_of[creator])
                told += len(mine.of(row))
    assert told > 100


def test_what_does_not_fit_is_refused(behind: Behind, ids: list[str]) -> None:
    n = len(ids)
    assert behind.fits(n)
    assert not behind.fits(n + 1)
    events = behind.events
    for wrong in (
        replace(events, starts=events.starts[::-1]),
        replace(events, starts=events.starts + 1),
        replace(events, starts=events.starts.astype(np.float64)),  # type: ignore[arg-type]
        replace(events, columns={**events.columns, "value": np.zeros(3)}),
        replace(events, columns={**events.columns, "weight": np.zeros(int(events.starts[-1]), dtype=np.int64)}),
        replace(events, columns={name: events.columns[name] for name in list(COLUMNS["events"])[1:]}),
    ):
        assert not replace(behind, events=wrong).fits(n)


def test_partnerships_are_the_accepted_invitations(market: Marketplace, day: int) -> None:
    """Against the table of invitations itself, state by state."""
    found = partnerships(market, day).set_index("invitation_id")
    rows = market.frame("invitations")
    known = rows[rows["known_at"] < pd.Timestamp(day, unit="D", tz="UTC")]
    latest = known.sort_values(["invitation_id", "known_at"]).groupby("invitation_id").last()
    accepted = latest[latest["decision"] == "ACCEPT"]
    assert len(accepted) > 10
    assert set(accepted.index) <= set(found.index)
    assert (found.loc[accepted.index, "creator_id"] == accepted["creator_id"]).all()
    others = found.drop(index=accepted.index)
    assert (others["outcome"] == "void").all()
    came = market.frame("deliveries")
    posted = found[found["outcome"].isin(["on_time", "late"])]
    assert len(posted) > 5
    assert set(posted.index) <= set(came["invitation_id"])
    assert (posted["posted"] >= posted["invited"]).all()
    told = posted[posted["posted"] != posted["due"]]  # on the very day, the hour decides
    assert ((told["outcome"] == "on_time") == (told["posted"] < told["due"])).all()
    assert set(told["outcome"]) == {"on_time", "late"}


def test_the_card_with_its_history_tells_them(market: Marketplace, day: int, ids: list[str], behind: Behind) -> None:
    row = int(np.argmax(np.diff(behind.partnerships.starts)))
    card = with_history(market, build_card(market, ids[row]))
    assert [one["invitation_id"] for one in card["partnerships"]] == [
        one["invitation_id"] for one in behind.partnerships.of(row)
    ]
    page = card.to_html()
    start = page.index("<h2>Past partnerships</h2>")
    told = page[start : page.index("</section>", start)]
    for one in card["partnerships"]:
        assert f"<bdi>{one['campaign_id']}</bdi>" in told
        assert f"<bdi>{one['invited']}</bdi>" in told
