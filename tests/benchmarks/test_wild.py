"""The table over laws drawn at random: hand-worked means, errors and ratios, a folder measured, seeds kept apart."""

from __future__ import annotations

import json
import math
import tomllib
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from benchmarks.wild import LAWS, learned_from, main, split_told, summarise
from marketplace.errors import ContractError


def row(seed, *, said=(90.0, 40.0), true=(60.0, 50.0), coverage=0.9, luck=1.2, **shares):
    return {
        "world": "wild", "seed": seed, "creators": 2_500, "campaigns": 240, "days": 300, "lifts": 500,
        "laws": ["levels", "hits"], "shares": {"without_stage": 0.45, **shares}, "staged": True,
        "labels": 1.1, "luck": luck,
        "first": {
            "profit_said": said[0], "profit_true": true[0], "lift_said": said[1], "lift_true": true[1],
            "lifts_came": 300, "coverage_80": coverage - 0.1, "coverage_90": coverage,
        },
    }  # fmt: skip


def test_leads_are_over_the_best_on_average_and_over_each_laws_own():
    found = summarise(
        [
            row(1, champion=0.6, category_gmv=0.4, followers=0.1, random=0.5, informed_ceiling=0.8),
            row(2, champion=0.5, category_gmv=0.2, followers=0.4, random=0.5, informed_ceiling=0.7, coverage=0.8),
        ]
    )
    # category_gmv .3 against followers .25 on average; of their own, .4 and .4. Random is no sort.
    assert found["best_sort"] == "category_gmv"
    assert found["lead"] == pytest.approx((0.2 + 0.3) / 2)
    assert found["lead_se"] == pytest.approx(0.05)
    assert found["lead_own"] == pytest.approx((0.2 + 0.1) / 2)
    assert found["champion_se"] == pytest.approx(0.05)
    assert found["of_ceiling"] == pytest.approx(0.55 / 0.75)
    assert found["coverage_90"] == pytest.approx(0.85)
    assert found["coverage_80"] == pytest.approx(0.75)
    # .9 lies within .86 to .94, .8 does not.
    assert found["coverage_90_within"] == pytest.approx(0.5)
    assert found["labels"] == pytest.approx(1.1)


def test_what_is_said_over_what_is_true_is_a_median_over_laws_with_a_gain():
    rows = [
        row(1, said=(90.0, 40.0), true=(60.0, 50.0), champion=0.5, gmv=0.1),
        row(2, said=(30.0, 60.0), true=(30.0, 50.0), champion=0.5, gmv=0.1),
        row(3, said=(20.0, 50.0), true=(-5.0, 50.0), champion=0.5, gmv=0.1),
    ]
    found = summarise(rows)
    assert found["profit"] == pytest.approx((1.5 + 1.0) / 2)
    assert found["lift"] == pytest.approx(1.0)
    # 1.5 and 1 lie within .67 to 1.5; where nothing is gained nothing that is said does.
    assert found["profit_within"] == pytest.approx(2 / 3)
    assert found["losing"] == 1


class Truth:
    """What is known of three partnerships and one more that nothing was learned from."""

    truth = pd.DataFrame(
        {
            "campaign_id": ["ca_1", "ca_1", "ca_2", "ca_2"], "creator_id": ["cr_1", "cr_2", "cr_1", "cr_3"],
            "incremental_gmv": [10.0, 30.0, 60.0, 500.0], "incremental_gmv_realised": [0.0, 50.0, 100.0, 900.0],
        }
    )  # fmt: skip


def test_luck_is_what_came_over_what_was_expected_of_those_learned_from(monkeypatch):
    rows = pd.DataFrame({"campaign_id": ["ca_2", "ca_1", "ca_1"], "creator_id": ["cr_1", "cr_1", "cr_2"]})
    drawn = SimpleNamespace(held_out=Truth, data=SimpleNamespace(rows=rows))
    monkeypatch.setattr("benchmarks.wild.lift_labels", lambda _data: (np.array([80.0, np.nan, 40.0]), None, None))
    # cr_1 of ca_1 has no label: 80 and 40 were learned, 100 and 50 came, 60 and 30 were expected.
    assert learned_from(drawn) == pytest.approx({"labels": 120 / 150, "luck": 150 / 90})
    monkeypatch.setattr(Truth, "truth", Truth.truth.drop(columns="incremental_gmv_realised"))
    assert all(np.isnan(one) for one in learned_from(drawn).values())


def test_luck_is_told_from_the_least_to_the_most():
    found = summarise(
        [row(seed, luck=luck, champion=0.5, gmv=0.1) for seed, luck in ((1, 0.8), (2, math.nan), (3, 1.5))]
    )
    assert found["luck"] == (0.8, 1.5)
    assert summarise([row(1, luck=math.nan, champion=0.5, gmv=0.1)])["luck"] is None


def test_what_stands_in_the_file_is_not_measured_again(tmp_path, capsys):
    file = tmp_path / "rows.jsonl"
    rows = [row(seed, champion=0.5, gmv=0.1) for seed in (101, 102)]
    del rows[0]["luck"]  # as it was before this was told
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    assert main(["--seeds", "101-102", "--out", str(file)]) == 0
    told = capsys.readouterr()
    assert "lead over gmv, the best on average: +0.400 (standard error 0.000)" in told.out
    assert "nothing may be chosen on them" in told.err
    assert "+0.050" in told.out  # .5 with the last stage, .45 without
    assert "of the same partnerships: 1.20 to 1.20 by law" in told.out
    assert len(file.read_text().splitlines()) == 2


def test_no_seed_both_chooses_and_reports():
    declared = tomllib.loads(LAWS.read_text())
    choose, report = set(declared["choose"]), set(declared["report"])
    assert choose == set(range(1, 17))
    assert report == set(range(101, 125))
    assert all({"seeds", "what", "then"} <= set(look) for look in declared["looks"])


class Market:
    def frame(self, _table, _columns):
        ids = ["ca_1", "ca_2", "ca_3", "ca_4"]
        return pd.DataFrame({"campaign_id": ids, "briefed_at": pd.date_range("2025-03-01", periods=4, tz="UTC")})


def test_held_out_campaigns_are_those_the_file_tells(tmp_path):
    (tmp_path / "held_out.json").write_text(
        json.dumps({"cutoff": "2025-03-03", "held_out_campaigns": ["ca_2", "ca_4"]})
    )
    split = split_told(tmp_path, Market())
    # ca_3 is neither held out nor before the cut-off.
    assert (split.train, split.held_out) == (("ca_1",), ("ca_2", "ca_4"))
    assert split.cutoff == pd.Timestamp("2025-03-03", tz="UTC")
    (tmp_path / "held_out.json").write_text(json.dumps({"cutoff": "2025-03-03", "held_out_campaigns": ["ca_9"]}))
    with pytest.raises(ContractError, match="0 of 1 there"):
        split_told(tmp_path, Market())


@pytest.mark.parametrize("wrong", [["--seeds", "one"], ["--market", "nowhere"]])
def test_bad_input_ends_in_two_and_one_line(wrong, capsys):
    assert main(wrong) == 2
    assert "Traceback" not in capsys.readouterr().err
