"""A snapshot's weeks are the indices as they are built for one creator and day, to half a point."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.indices import CREATOR_INDEX_NAMES
from features.indices.history import weekly_indices
from features.snapshot.build import build_snapshot
from features.snapshot.disk import save_snapshot
from features.snapshot.parts import load_snapshot
from features.snapshot.weeks import UNKNOWN, Weeks, build_weeks
from features.time import day_number, known_creators
from marketplace.signature import read_signer
from marketplace.tables import Marketplace, open_marketplace


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Marketplace:
    from marketplace.simulator import simulate

    folder = tmp_path_factory.mktemp("weeks") / "market"
    simulate(folder, creators=80, campaigns=6, days=120, seed=3)
    return open_marketplace(folder)


@pytest.fixture(scope="module")
def day(market: Marketplace) -> int:
    from features.time import default_as_of

    return day_number(default_as_of(market))


@pytest.fixture(scope="module")
def weeks(market: Marketplace, day: int) -> Weeks:
    return build_weeks(market, sorted(known_creators(market, day)), day, weeks=9)


def test_each_week_is_what_is_built_for_that_creator_and_day_alone(market: Marketplace, day: int, weeks: Weeks) -> None:
    ids = sorted(known_creators(market, day))
    assert weeks.fits(len(ids))
    assert weeks.days.tolist() == [day - 7 * week for week in range(8, -1, -1)]
    for row in (0, 17, len(ids) - 1):
        alone = weekly_indices(market, ids[row], day, weeks=9)
        value, confidence = weeks.of(row)
        known = [str(np.datetime64(int(one), "D")) in alone.index for one in weeks.days]
        assert np.isfinite(value).all(axis=1).tolist() == known
        np.testing.assert_allclose(value[known], alone[list(CREATOR_INDEX_NAMES)].to_numpy(), atol=0.2501)
        assert ((confidence[known] >= 0) & (confidence[known] <= 100)).all()


def test_who_was_not_known_yet_has_no_numbers(market: Marketplace, day: int, weeks: Weeks) -> None:
    ids = sorted(known_creators(market, day))
    for week, asked in enumerate(weeks.days.tolist()):
        known = set(known_creators(market, asked))
        lacking = np.array([one not in known for one in ids])
        assert ((weeks.value[:, week] == UNKNOWN).all(axis=1) == lacking).all()


def test_a_snapshot_keeps_them_market_by_market(
    market: Marketplace, day: int, weeks: Weeks, home: Path, tmp_path: Path
) -> None:
    whole = replace(build_snapshot(market), weeks=weeks)
    signer = read_signer(home / "var" / "keys")
    save_snapshot(whole, tmp_path / "with", signer)
    save_snapshot(replace(whole, weeks=None), tmp_path / "without", signer)
    taken, bare = load_snapshot(tmp_path / "with"), load_snapshot(tmp_path / "without")
    for name in taken.markets:
        part = taken.of_market(name)
        rows = np.array([whole.rows_of[str(one)] for one in part.creator_ids])
        assert part.weeks is not None
        assert (part.weeks.value == weeks.value[rows]).all()
        assert (part.weeks.days == weeks.days).all()
        assert bare.of_market(name).weeks is None
    assert taken.nbytes - bare.nbytes <= 2 * weeks.value.nbytes + 64 * 10 * len(taken.markets)


def test_weeks_that_do_not_fit_are_no_weeks(weeks: Weeks) -> None:
    n = len(weeks.value)
    assert not weeks.fits(n + 1)
    assert not replace(weeks, days=weeks.days[:-1]).fits(n)
    assert not replace(weeks, days=weeks.days[::-1]).fits(n)
    assert not replace(weeks, value=weeks.value.astype(np.int64)).fits(n)  # type: ignore[arg-type]
