"""What came of campaigns against what was foretold: the arithmetic by hand, the words, the files, on real parts."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import collabrank as cr
from collabrank.cli import app
from features.lift import RIPE_DAYS
from marketplace.contract import GRACE_DAYS
from marketplace.errors import BriefError, TrainingError
from marketplace.signature import read_signer
from marketplace.state import state_folder
from marketplace.tables import Marketplace, open_marketplace
from models.bundle.disk import save_bundle
from models.foretold import FORETOLD
from training.lift.report import Z, lift_report
from training.priors.stated import stated_prior
from training.results.came import booked_costs, came_of, told_from
from training.results.foretold import foretold_of
from training.results.gather import report_campaigns
from training.results.shelf import file_stem, shelve

DAY = pd.Timestamp("2025-09-01", tz="UTC")
BRIEF = "2025-06-01"


@pytest.fixture(scope="module")
def market(small_market):
    return open_marketplace(small_market)


@pytest.fixture(scope="module")
def every(market, tmp_path_factory):
    """Every campaign's report by a prior that no campaign taught."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(tmp_path_factory.mktemp("home")))
        save_bundle(stated_prior("2025-01-01"), state_folder("bundle"), read_signer())
        return report_campaigns(market, every=True, sample=20)


def brief_of(market, **terms):
    from features.briefs import read_briefs

    name, brief = next(iter(read_briefs(market).items()))
    at = pd.Timestamp(BRIEF, tz="UTC")
    return replace(
        brief, campaign_id=name, briefed_at=at, starts_at=at, ends_at=at + pd.Timedelta(days=20), margin_rate=0.4,
        commission_rate=0.1, flat_fee_usd=50.0, has_free_sample=True, price_usd=20.0, shipping_usd=3.0, **terms,
    )  # fmt: skip


def outcome(number: int, what: str, *, answer: str, posted: str | None = None, applied: bool = False) -> dict:
    return {
        "invitation_id": f"i{number}", "campaign_id": "ca", "creator_id": f"k{number}", "applied": applied,
        "sent_at": pd.Timestamp("2025-06-02", tz="UTC"), "answer": answer, "outcome": what, "reason": what,
        "posted_at": pd.NaT if posted is None else pd.Timestamp(posted, tz="UTC"),
    }  # fmt: skip


def rows_of(*rows: dict) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows))
    return frame.assign(posted_at=pd.to_datetime(frame["posted_at"], utc=True))


COSTS = pd.DataFrame({"campaign_id": ["ca"], "creator_id": ["k1"], "fee_usd": [70.0], "sample_usd": [9.0]})


def partnerships(**lifts: tuple[float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"invitation_id": name, "attributed_usd": a, "lift_usd": b, "lift_se_usd": c}
            for name, (a, b, c) in lifts.items()
        ],
        columns=["invitation_id", "attributed_usd", "lift_usd", "lift_se_usd"],
    ).astype({"invitation_id": "str"})


def test_profit_of_each_invitation_by_hand(market) -> None:
    """A sample costs 20 x (1 - .4) + 3 = 15; the fee is owed on content, commission on what is attributed."""
    rows = rows_of(
        *[
            outcome(0, "on_time", answer="accepted", posted="2025-06-10"),
            outcome(1, "late", answer="accepted", posted="2025-06-20"),
            outcome(2, "failed", answer="accepted"),
            outcome(3, "declined", answer="declined"),
            outcome(4, "expired", answer="expired"),
            outcome(5, "void", answer="void"),
            outcome(6, "excused", answer="accepted"),
            outcome(7, "open", answer="accepted"),
            outcome(8, "on_time", answer="accepted", posted="2025-08-30"),
            outcome(9, "on_time", answer="accepted", posted="2025-06-11"),
            outcome(10, "void", answer="void", applied=True),
        ]
    )
    sold = partnerships(i0=(1_000.0, 600.0, 80.0), i1=(200.0, -50.0, 60.0))
    came = came_of(rows, sold, COSTS, brief_of(market), day=DAY).set_index("creator_id")
    assert "k10" not in came.index  # a request that was not approved is no invitation
    # margin 0.4 x 600 - fee 50 - commission 0.1 x 1000 - sample 15
    assert came.loc["k0", "profit_usd"] == pytest.approx(240 - 50 - 100 - 15)
    # what was booked stands in place of the terms: 70 and 9
    assert came.loc["k1", "profit_usd"] == pytest.approx(-20 - 70 - 20 - 9)
    assert came.loc["k2", "profit_usd"] == pytest.approx(-15)
    assert came.loc[["k3", "k4"], "profit_usd"].tolist() == [0.0, 0.0]
    assert came.loc[["k5", "k6", "k7", "k8", "k9"], "profit_usd"].isna().all()
    assert came.loc[["k5", "k6"], "left_out"].all()
    assert came["state"].to_dict() == {
        "k0": "over", "k1": "over", "k2": "over", "k3": "over", "k4": "over", "k5": "over", "k6": "over",
        "k7": "waiting", "k8": "counting", "k9": "untold",
    }  # fmt: skip
    assert came.loc["k8", "told_from"] == pd.Timestamp("2025-08-30", tz="UTC") + pd.Timedelta(days=RIPE_DAYS + 1)


def test_how_long_to_wait_by_hand(market) -> None:
    brief = brief_of(market)
    posted = rows_of(outcome(0, "on_time", answer="accepted", posted="2025-08-30"))
    assert told_from(came_of(posted, partnerships(), COSTS, brief, day=DAY), brief) == pd.Timestamp(
        "2025-08-30", tz="UTC"
    ) + pd.Timedelta(days=RIPE_DAYS + 1)
    waits = rows_of(outcome(0, "open", answer="accepted"))
    whole = GRACE_DAYS + RIPE_DAYS + 1
    assert told_from(came_of(waits, partnerships(), COSTS, brief, day=DAY), brief) == brief.ends_at + pd.Timedelta(
        days=whole
    )
    done = rows_of(outcome(0, "declined", answer="declined"))
    assert told_from(came_of(done, partnerships(), COSTS, brief, day=DAY), brief) is None


def test_costs_are_those_booked_last_and_in_usd() -> None:
    at = pd.Timestamp("2025-06-01", tz="UTC")
    costs = pd.DataFrame(
        {
            "campaign_id": "ca", "creator_id": ["k1", "k1", "k2"], "flat_fee": [10.0, 20.0, 5.0], "sample_cost": 4.0,
            "shipping_cost": [1.0, 2.0, np.nan], "currency": ["USD", "USD", "EUR"],
            "paid_at": at, "known_at": [at, at + pd.Timedelta(days=1), at],
        }
    )  # fmt: skip
    rates = pd.DataFrame({"currency": ["EUR"], "day": [at.date()], "usd_rate": [1.1], "known_at": [at]})
    booked = booked_costs(Marketplace.from_frames({"costs": costs, "fx_rates": rates}), DAY).set_index("creator_id")
    assert booked.loc["k1", ["fee_usd", "sample_usd"]].tolist() == [20.0, 6.0]
    assert booked.loc["k2", ["fee_usd", "sample_usd"]].tolist() == pytest.approx([5.5, 4.4])


def said(creator: str, success: float, *, source: str = "log", as_of: str = "", until: str = "", at: str = "") -> dict:
    numbers = dict.fromkeys(FORETOLD, 1.0)
    return numbers | {
        "campaign_id": "ca", "creator_id": creator, "source": source, "model_version": "1", "success": success,
        "trained_until": until or "2025-05-01", "as_of": as_of or "2025-06-01", "logged_at": at or "2025-06-02",
        "request_id": at or "r",
    }  # fmt: skip


def test_a_logged_prediction_counts_only_if_it_was_made_before_the_invitation(market) -> None:
    rows = rows_of(*(outcome(n, "declined", answer="declined") for n in range(5)))
    rows = came_of(rows, partnerships(), COSTS, brief_of(market), day=DAY)
    log = pd.DataFrame(
        [
            said("k0", 0.1, at="2025-06-01T10"),
            said("k0", 0.2, at="2025-06-01T11"),  # the newer answer
            said("k1", 0.3, as_of="2025-06-03T00:00:00+00:00"),  # of a snapshot that may know the answer
            said("k2", 0.4, until="2025-06-03"),  # of a model that may have learned from it
            said("k3", 0.5, as_of="2025-06-02T00:00:00+00:00"),
        ]
    )
    scored = pd.DataFrame([said(f"k{n}", 0.9, source="champion") for n in range(4)])
    found = foretold_of(rows, log, scored)
    assert found["success"].iloc[:4].tolist() == [0.2, 0.9, 0.9, 0.5]
    assert found["source"].iloc[:4].tolist() == ["log", "champion", "champion", "log"]
    assert found.iloc[4].isna().all()


def test_sums_of_a_report_are_those_of_its_creators_and_of_the_lift_report(market, every) -> None:
    lift = lift_report(market, every.as_of, sample=20)
    by_name = {one.name: one for one in lift.campaigns}
    seen = set()
    for one in every:
        rows = one.creators[~one.creators["left_out"]]
        assert one.lift == by_name.get(one.campaign_id)
        assert one.counts["invited"] == len(rows)
        over = rows[rows["state"] == "over"]
        assert one.costs["commission"] == pytest.approx(one.brief.commission_rate * over["attributed_usd"].sum())
        seen.add(one.verdict)
        if one.lift is None or one.profit is None:
            continue
        spent = sum(one.costs.values())
        assert one.profit.estimate == pytest.approx(one.brief.margin_rate * one.lift.estimate - spent)
        assert one.profit.high - one.profit.estimate == pytest.approx(one.brief.margin_rate * Z * one.lift.se)
        assert over["lift_usd"].sum() == pytest.approx(one.lift.estimate, rel=0.02, abs=2.0)
        assert over["profit_usd"].sum() == pytest.approx(one.profit.estimate, rel=0.05, abs=5.0)
        expected = {"added": one.lift.low > 0, "took away": one.lift.high < 0}
        assert expected.get(one.verdict, True)
    assert {"added", "too early"} <= seen


def test_what_was_foretold_is_the_sum_of_the_same_invitations(every) -> None:
    one = next(report for report in every if report.over and report.lift is not None)
    rows = one.creators[(one.creators["state"] == "over") & ~one.creators["left_out"]]
    assert one.foretold.invitations == len(rows)
    assert one.foretold.accepted.expected == pytest.approx(rows["foretold_accept"].astype(float).sum())
    sales = (rows["foretold_success"] * rows["foretold_lift"]).astype(float).sum()
    assert one.foretold.sales.expected == pytest.approx(sales)
    assert one.foretold.profit.expected == pytest.approx(rows["foretold_profit"].astype(float).sum())
    assert one.source.from_champion == one.counts["invited"]
    assert not one.source.learned_from
    assert "earlier campaigns only" in one.source.text


def test_how_often_a_forecast_held_is_counted(every) -> None:
    over = [one for one in every if one.over and one.lift is not None]
    held = [one for one in over if one.foretold.sales.low <= one.lift.estimate <= one.foretold.sales.high]
    said = f"holds what came of {len(held)} of {len(over)} campaigns that no model had learned from."
    assert str(every).endswith(said)


def test_a_model_that_may_have_seen_the_campaign_is_said_to_be_no_test(market, home) -> None:
    save_bundle(stated_prior("2025-12-31"), state_folder("bundle"), read_signer())
    (one,) = report_campaigns(market, sample=20)
    assert one.over
    assert one.lift is not None
    assert one.source.learned_from
    assert "no test of it" in one.source.text


def test_without_a_champion_what_came_is_told_all_the_same(market, home) -> None:
    (one,) = report_campaigns(market, sample=20)
    assert one.foretold is None
    assert one.lift is not None
    assert "nothing was foretold" in one.source.text
    assert "nan" not in one.to_html().lower().replace("nano", "")
    json.dumps(one.as_dict(), allow_nan=False)


def test_without_product_days_lift_is_said_to_be_unknown(market, home) -> None:
    tables = {name: market.frame(name) for name in market.present if name != "product_days"}
    bare = Marketplace.from_frames(tables)
    told = report_campaigns(bare, every=True)
    one = next(report for report in told if report.over and report.counts["posted"])
    assert one.verdict == "cannot be told"
    assert one.lift is None
    assert one.profit is None
    assert "product_days" in one.why
    assert {check.found for check in one.checks} == {"not possible"}
    assert "What the campaign added cannot be told" in one.to_html()


def test_as_of_an_earlier_day_nothing_later_is_read(market, home) -> None:
    name = str(market.frame("campaigns").sort_values("briefed_at")["campaign_id"].iloc[10])
    later = report_campaigns(market, campaign=name, sample=20)[name]
    soon = later.brief.briefed_at + pd.Timedelta(days=12)
    early = report_campaigns(market, campaign=name, as_of=soon, sample=20)[name]
    assert early.verdict in ("too early", "nothing posted")
    assert early.profit is None
    assert early.told_from > early.as_of
    assert any("again from" in step for step in early.next_steps)
    with pytest.raises(TrainingError, match="by 2020-01-01"):
        report_campaigns(market, campaign=name, as_of="2020-01-01")


def test_only_campaigns_that_exist(market, home) -> None:
    with pytest.raises(BriefError, match="nowhere"):
        report_campaigns(market, campaign="nowhere")
    with pytest.raises(BriefError, match="both"):
        report_campaigns(market, campaign="ca_0001", every=True)


def test_files_lie_whole_and_the_list_is_made_of_them(every, tmp_path) -> None:
    some = list(every)[:3]
    pages = shelve(some[:2], tmp_path)
    shelve(some[1:], tmp_path)
    listed = json.loads((tmp_path / "index.json").read_text())["reports"]
    assert [row["campaign_id"] for row in listed] == [one.campaign_id for one in some]
    assert {"brand_id", "written_at", "market", "briefed_at", "lift", "expected", "verdict", "file"} <= set(listed[0])
    assert pages[0].read_text(encoding="utf-8") == some[0].to_html()
    told = json.loads((tmp_path / f"{some[0].campaign_id}.json").read_text())
    assert told["verdict"] == some[0].verdict
    # The same report gives the same bytes.
    before = (tmp_path / f"{some[0].campaign_id}.json").read_bytes()
    shelve(some[:1], tmp_path)
    assert (tmp_path / f"{some[0].campaign_id}.json").read_bytes() == before
    # What is no report is passed over, and lost to nobody.
    (tmp_path / "mine.json").write_text("{")
    shelve(some[:1], tmp_path)
    assert len(json.loads((tmp_path / "index.json").read_text())["reports"]) == 3
    assert (tmp_path / "mine.json").read_text() == "{"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".") and path.name != ".lock"]


@pytest.mark.parametrize("strange", ["../../etc/passwd", "..", ".hidden", "a/b", "index", "ca_1", "ñ \u202e", "100%"])
def test_no_id_leaves_the_folder_or_takes_the_lists_place(strange) -> None:
    stem = file_stem(strange)
    assert "/" not in stem
    assert not stem.startswith(".")
    assert stem != "index"
    assert (stem == strange) == (strange == "ca_1")


def test_command_and_face_keep_the_report_and_print_it(small_market, home) -> None:
    answer = CliRunner().invoke(app, ["report", str(small_market), "--json"])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)["reports"][0]
    assert (home / "var" / "reports" / f"{told['campaign_id']}.html").is_file()
    found = cr.report(small_market, campaign=told["campaign_id"])
    assert found[told["campaign_id"]].as_dict() == told
    assert list(found.to_frame().index) == [told["campaign_id"]]
    assert told["verdict_text"] in str(found)
    assert math.isfinite(told["lift"]["estimate"])
    assert "both" in str(CliRunner().invoke(app, ["report", str(small_market), "--all", "--campaign", "x"]).exception)
