"""What serving gives back: lists of the service's own, of which the log alone tells, with an error over seeds."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest

from benchmarks.feedback import MODELS, WEEKS, main, measure, summarise


def rows(*shares: tuple[float, float, float]) -> list[dict[str, object]]:
    return [{"shares": dict(zip(MODELS, one, strict=True))} for one in shares]


def test_the_difference_is_taken_seed_by_seed_and_its_error_is_the_seeds() -> None:
    told = summarise(rows((0.5, 0.6, 0.5), (0.7, 0.9, 0.7), (0.6, 0.6, 0.6)))
    assert told["before"] == {"share": pytest.approx(0.6), "more": 0.0, "error": 0.0}
    after = told["after"]
    # Differences .1, .2 and 0: mean .1, sd .1, error .1 / sqrt(3).
    assert after["share"] == pytest.approx(0.7)
    assert after["more"] == pytest.approx(0.1)
    assert after["error"] == pytest.approx(0.1 / math.sqrt(3))
    assert math.isnan(summarise(rows((0.5, 0.6, 0.5)))["after"]["error"]), "one seed has no error"


def test_the_seeds_that_are_reported_are_none_that_anything_was_chosen_on() -> None:
    seeds = tomllib.loads((Path(__file__).parents[2] / "benchmarks" / "seeds.toml").read_text())["feedback"]
    chosen, reported = seeds["choose"]["baseline"], seeds["report"]["baseline"]
    assert len(reported) >= 4
    assert not set(chosen) & set(reported)


def test_a_world_that_there_is_none_of_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--worlds", "nowhere", "--seeds", "1"]) == 2
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.slow
def test_four_weeks_are_served_logged_and_learned_from() -> None:
    row = measure("baseline", 3, creators=300, campaigns=140, days=300)
    # Briefs lie evenly in .26 to .96 of the days: 140 in 210 days, two in three days.
    assert row["lists"] == pytest.approx(WEEKS * 7 * 140 / 210, abs=3)
    assert 0.03 * row["shown"] < row["explored"] <= 0.1 * row["shown"]
    assert row["events"] > row["lists"]
    assert row["held_out"] > 20
    assert set(row["shares"]) == set(MODELS)
    assert all(0.0 < share < 1.0 for share in row["shares"].values())
    assert len(set(row["shares"].values())) == len(MODELS), "each was trained on something else"
