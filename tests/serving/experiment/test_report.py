"""The report reads the log's lines: windows, arms, what slots and unseen lists tell, and nothing that is not there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from collabrank.cli import app
from marketplace.errors import FileError
from serving.arms.plan import deal, listing_of
from serving.arms.settings import Settings
from serving.experiment.history import read_history, read_money
from serving.experiment.report import experiment_report

START = datetime(2026, 3, 1, tzinfo=UTC)
LATER = START + timedelta(days=90)
CREATORS = np.array([f"cr_{place:03}" for place in range(150)])


def marketplace_lines(
    *, brands: int, requests: int, seed: int, settings: Settings, challenger: np.ndarray, worth: np.ndarray
) -> list[dict[str, Any]]:
    """Lines as the service writes them: the champion ranks by place, the challenger by its own scores.

    A creator who is shown accepts with the chance ``worth``, whoever shows them.
    """
    rng = np.random.default_rng(seed)
    scores = {"champion": np.arange(len(CREATORS), 0, -1).astype(float), "challenger": challenger}
    lines = []
    for number in range(requests):
        request_id, brand = f"{seed:08x}{number:024x}", f"br_{rng.integers(brands):03}"
        at = START + timedelta(minutes=20 * number)
        plan = deal(settings, request_id=request_id, brand_id=brand, challenger=True)
        score = scores.get(plan.arm, scores["champion"])
        listing = listing_of(plan, score, CREATORS, top=20, request_id=request_id)
        names = CREATORS[listing.rows]
        common = {"kind": "rank", "request_id": request_id, "logged_at": at.isoformat(), "considered": len(CREATORS)}
        common |= {"brief": {"brand_id": brand}, "model_version": "1" if plan.arm == "champion" else "2"}
        creators = [
            {"creator_id": str(name), "position": place, **mark}
            for place, (name, mark) in enumerate(zip(names, listing.marks(plan.arm), strict=True), start=1)
        ]
        lines.append({**common, **plan.as_dict(), "shadow": False, "creators": creators})
        for arm in plan.shadow:
            order = np.argsort(-scores[arm], kind="stable")[:20]
            unseen = [{"creator_id": str(CREATORS[row]), "position": n} for n, row in enumerate(order, start=1)]
            lines.append({**common, "arm": arm, "shadow": True, "creators": unseen})
        accepts = rng.random(20) < worth[listing.rows]
        for name in names[accepts]:
            lines.append(feedback(request_id, str(name), at + timedelta(days=2)))
    return lines


def feedback(request_id: str, creator: str, at: datetime, event: str = "ACCEPTED") -> dict[str, Any]:
    told = {"kind": "feedback", "request_id": request_id, "creator_id": creator, "event": event}
    return {**told, "at": at.isoformat(), "logged_at": at.isoformat()}


WORTH = np.linspace(0.30, 0.02, len(CREATORS))


def test_a_worse_challenger_is_found_out_shown_and_unseen() -> None:
    backwards = np.arange(len(CREATORS)).astype(float)
    shown = Settings(split={"challenger": 0.4}, name="x", share=0.1)
    lines = marketplace_lines(brands=60, requests=600, seed=1, settings=shown, challenger=backwards, worth=WORTH)
    found = experiment_report(lines, as_of=LATER)
    (champion, challenger) = [one for one in found.arms if one.outcome == "accepted"]
    assert (champion.arm, champion.verdict, challenger.arm, challenger.verdict) == (
        "champion", "", "challenger", "worse",
    )  # fmt: skip
    assert challenger.p is not None
    assert challenger.p < 0.05
    assert challenger.high is not None
    assert challenger.high < 0
    assert found.models == {"challenger": ["2"], "champion": ["1"]}
    # Never shown, it is found out all the same, by those whom the slots had shown.
    unseen = Settings(shadow={"challenger": 1.0}, share=0.3)
    lines = marketplace_lines(brands=60, requests=600, seed=2, settings=unseen, challenger=backwards, worth=WORTH)
    found = experiment_report(lines, as_of=LATER)
    assert found.arms == ()
    (shadow,) = [one for one in found.shadows if one.outcome == "accepted"]
    truth = WORTH[-20:].sum() - WORTH[:20].sum()
    assert shadow.requests == 600
    assert shadow.low is not None
    assert shadow.high is not None
    assert shadow.low <= truth <= shadow.high < 0
    assert shadow.agreement == 0


def test_slots_tell_the_mean_of_those_who_are_not_ranked() -> None:
    settings = Settings(share=0.2)
    lines = marketplace_lines(brands=80, requests=900, seed=3, settings=settings, challenger=np.zeros(150), worth=WORTH)
    (slots,) = [one for one in experiment_report(lines, as_of=LATER).slots if one.outcome == "accepted"]
    assert (slots.requests, slots.slots) == (900, 3_600)
    truth = WORTH[16:].mean()
    for estimate, low, high in (
        (slots.ips, slots.ips_low, slots.ips_high),
        (slots.snips, slots.snips_low, slots.snips_high),
    ):
        assert estimate is not None
        assert low is not None
        assert high is not None
        assert low <= truth <= high
        assert high - low < 0.1
    # Drawn near the list's end more often than evenly; those beside them are the best there are.
    assert slots.drawn is not None
    assert slots.neighbours is not None
    assert truth < slots.drawn < slots.neighbours


def test_estimates_by_hand() -> None:
    """Two requests, 10 eligible, 4 ranked and one slot: 6 were left, and who was drawn had .5 and .25."""
    lines = []
    for number, (propensity, accepts) in enumerate([(0.5, True), (0.25, True)]):
        creators = [
            {"creator_id": f"c{place}", "position": place, "slot": "ranked", "propensity": 1.0, "place": place}
            for place in (1, 2, 3, 5)
        ]
        creators.append(
            {
                "creator_id": "drawn",
                "position": 4,
                "slot": "explored",
                "propensity": propensity,
                "place": 9 - 5 * number,
            }
        )
        lines.append(
            {
                "kind": "rank", "request_id": f"r{number}", "logged_at": START.isoformat(), "considered": 10,
                "brief": {"brand_id": f"b{number}"}, "arm": "champion", "exploration": {"share": 0.2, "floor": 0.2},
                "shadow": False, "creators": creators,
            }
        )  # fmt: skip
        lines.append(
            {**lines[-1], "arm": "challenger", "shadow": True,
             "creators": [{"creator_id": name, "position": 1} for name in ("c1", "drawn", "x", "y", "z")]}
        )  # fmt: skip
        if accepts:
            lines.append(feedback(f"r{number}", "drawn", START))
        lines.append(feedback(f"r{number}", "c2", START))
    found = experiment_report(lines, as_of=LATER)
    slots, shadow = found.slots[0], found.shadows[0]
    assert slots.ips == pytest.approx((1 / 0.5 + 1 / 0.25) / 6 / 2)
    assert slots.snips == pytest.approx(1.0)
    assert slots.drawn == 1.0
    assert slots.neighbours == 0.0
    # c2 is among the own best and not the other's; drawn is the other's in both, and the own best's in the second.
    assert shadow.difference == pytest.approx(((1 / 0.5 - 1) + (1 / 0.25 - 1 / 0.25 - 1)) / 2)
    assert shadow.low is None
    # Of the own best c1, c2, c3, c5 (and drawn in the second) the other's list has c1 (and drawn).
    assert shadow.agreement == pytest.approx((1 / 4 + 2 / 5) / 2)


def test_only_requests_of_age_count_and_only_what_came_in_time() -> None:
    lines = marketplace_lines(
        brands=5, requests=4, seed=4, settings=Settings(), challenger=np.zeros(150), worth=np.zeros(150)
    )
    old, young = lines[0], {**lines[1], "logged_at": (LATER - timedelta(days=3)).isoformat()}
    shown = old["creators"][0]["creator_id"]
    told = [
        feedback(old["request_id"], shown, START + timedelta(days=1)),
        feedback(old["request_id"], shown, START + timedelta(days=1)),
        feedback(old["request_id"], old["creators"][1]["creator_id"], START + timedelta(days=29)),
        feedback(old["request_id"], "never shown", START),
        feedback("never asked", shown, START),
        feedback(old["request_id"], shown, START + timedelta(days=1), "OPENED"),
    ]
    asked, younger = read_history([*told, young, old], days=28, as_of=LATER)
    assert (len(asked), younger) == (1, 1)
    assert asked[0].total("accepted") == 1.0
    assert read_history([*told, young, old], days=28, as_of=START)[0] == []


def test_each_experiment_is_read_by_its_own_name_and_the_latest_by_default() -> None:
    old = marketplace_lines(
        brands=40, requests=100, seed=5, settings=Settings(split={"noop": 0.5}, name="old"), challenger=np.zeros(150),
        worth=WORTH,
    )  # fmt: skip
    new = marketplace_lines(
        brands=40, requests=100, seed=6, settings=Settings(split={"shuffle": 0.5}, name="new"),
        challenger=np.zeros(150), worth=WORTH,
    )  # fmt: skip
    new = [{**one, "logged_at": (START + timedelta(days=9)).isoformat()} for one in new]
    assert {one.arm for one in experiment_report([*new, *old], as_of=LATER).arms} == {"champion", "shuffle"}
    report = experiment_report([*new, *old], as_of=LATER, experiment="old")
    assert {one.arm for one in report.arms} == {"champion", "noop"}
    assert "old" in report.headline
    assert len(report.to_frame()) == 4


def test_money_comes_from_a_file_that_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "money.csv"
    path.write_text("request_id,creator_id,usd\nr,c,1.5\nr,c,2\n")
    assert read_money(path) == {("r", "c"): 3.5}
    head = "request_id,creator_id,usd\n"
    for text in ("request_id,usd\nr,1\n", f"{head}r,c,much\n", f"{head}r,c,nan\n", f"{head}r,c\n"):
        path.write_text(text)
        with pytest.raises(FileError):
            read_money(path)
    with pytest.raises(FileError):
        read_money(tmp_path / "none.csv")


def test_the_command_prints_and_gives_json(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = marketplace_lines(
        brands=30, requests=60, seed=7, settings=Settings(split={"noop": 0.4}), challenger=np.zeros(150), worth=WORTH
    )
    monkeypatch.setattr("serving.decisions.read_decisions", lambda **_: iter(lines))
    money = tmp_path / "money.csv"
    first = lines[0]
    money.write_text(f"request_id,creator_id,usd\n{first['request_id']},{first['creators'][0]['creator_id']},60\n")
    result = CliRunner().invoke(app, ["experiment", "report", "--days", "28", "--money", str(money), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["requests"] == 60
    assert {one["arm"] for one in told["arms"]} == {"champion", "noop"}
    assert sum(one["mean"] * one["requests"] for one in told["arms"] if one["outcome"] == "money") == pytest.approx(60)
    text = CliRunner().invoke(app, ["experiment", "report"]).stdout
    assert "slots that explore" in text
    assert "noop" in text
    nothing = CliRunner().invoke(app, ["experiment", "report", "--as-of", "2020-01-01"]).stdout
    assert "no request was dealt to arms" in nothing
