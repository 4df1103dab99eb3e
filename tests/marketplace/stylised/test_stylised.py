"""The stylised facts: measured right on data made to show them, and named where they cannot be measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from marketplace.commands import app
from marketplace.errors import ContractError
from marketplace.simulator import simulate
from marketplace.simulator.worlds.families import FAMILIES
from marketplace.sources import IngestReport
from marketplace.stylised.measure import STYLISED_FACTS, measure_facts
from marketplace.stylised.people import engagement_peak, fake_engagement, grew_at_once, reach, views_elasticity
from marketplace.stylised.readings import NotMeasured, Readings, hill
from marketplace.stylised.sales import gini, refund_delay, top_share
from marketplace.tables import Marketplace, open_marketplace

NOW = pd.Timestamp("2026-01-01", tz="UTC")


def people(followers: np.ndarray, views: np.ndarray, likes: np.ndarray) -> Readings:
    """One video a creator, with as many views and likes."""
    n = len(followers)
    who = [f"c{i:04d}" for i in range(n)]
    snapshots = {"creator_id": who, "snapshot_at": NOW, "follower_count": followers.astype(int), "known_at": NOW}
    contents = {"content_id": who, "creator_id": who, "format": "VIDEO", "published_at": NOW, "known_at": NOW}
    days = {
        "content_id": who,
        "day": NOW.date(),
        "creator_id": who,
        "view_count": views.astype(int),
        "like_count": likes.astype(int),
        "comment_count": 0,
        "share_count": 0,
        "known_at": NOW,
    }
    return Readings(
        Marketplace.from_frames(
            {
                "creator_snapshots": pd.DataFrame(snapshots),
                "contents": pd.DataFrame(contents),
                "content_days": pd.DataFrame(days),
            }
        )
    )


def test_hill_finds_the_exponent_and_says_when_it_cannot() -> None:
    rng = np.random.default_rng(0)
    assert hill(rng.pareto(2.0, 50_000) + 1.0) == pytest.approx(2.0, rel=0.05)
    with pytest.raises(NotMeasured, match="only 20 values above zero"):
        hill(np.arange(21.0))


def test_gini_of_known_spreads() -> None:
    assert gini(np.ones(7)) == pytest.approx(0.0)
    assert gini(np.array([0.0, 0.0, 0.0, 5.0])) == pytest.approx(3 / 4)  # all with one of n: (n - 1) / n
    assert gini(np.array([1.0, 3.0])) == pytest.approx(1 / 4)


@pytest.mark.parametrize("elasticity", [0.1, 1.0])
def test_elasticity_is_the_one_put_in(elasticity: float) -> None:
    rng = np.random.default_rng(1)
    followers = 1_000 * (rng.pareto(1.2, 2_000) + 1)
    views = 20_000 * (followers / 1_000) ** elasticity * np.exp(rng.normal(0, 0.3, 2_000))
    assert views_elasticity(people(followers, views, views * 0.05)) == pytest.approx(elasticity, abs=0.03)


@pytest.mark.parametrize(("curve", "inside"), [(-0.05, True), (0.0, False), (0.05, False)])
def test_an_inverted_u_is_told_from_a_line_and_from_a_u(curve: float, inside: bool) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=1_500)
    likes = 5_000 * np.exp(curve * x**2 + rng.normal(0, 0.2, 1_500))
    assert (engagement_peak(people(np.exp(9 + x), np.full(1_500, 100_000.0), likes)) < -2) == inside


def test_bought_engagement_stands_out_and_honest_engagement_does_not() -> None:
    rng = np.random.default_rng(3)
    likes = 5_000 * np.exp(rng.normal(0, 0.3, 2_000))
    flat = np.full(2_000, 100_000.0)
    assert fake_engagement(people(flat, flat, likes)) < 0.02
    bought = np.where(np.arange(2_000) % 5 == 0, 4.0, 1.0)
    assert fake_engagement(people(flat, flat, likes * bought)) == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_followers_that_came_at_once_are_told_from_growth_however_many_bought(share: float) -> None:
    rng = np.random.default_rng(4)
    who, rounds = 1_000, 12
    growth = rng.normal(0.01, 0.01, size=(who, rounds))
    bought = np.arange(who) < share * who
    growth[bought, rng.integers(1, rounds, size=int(bought.sum()))] += np.log(1.25)
    followers = (20_000 * np.exp(growth.cumsum(axis=1))).round().astype(int)
    snapshots = pd.DataFrame(
        {
            "creator_id": np.repeat([f"c{i:04d}" for i in range(who)], rounds),
            "snapshot_at": np.tile(pd.date_range(NOW, periods=rounds, freq="14D"), who),
            "follower_count": followers.ravel(),
            "known_at": NOW,
        }
    ).sample(frac=1.0, random_state=5)
    told = grew_at_once(Readings(Marketplace.from_frames({"creator_snapshots": snapshots})))
    np.testing.assert_array_equal(told.sort_index().to_numpy(), bought)


def test_the_top_of_a_brands_programme_counts_its_own_sales_alone() -> None:
    # Two brands, each with forty creators invited: 40 * 5 / 200 = 1 at the top.
    who = [f"c{i:02d}" for i in range(80)]
    sold = np.where(np.arange(80) % 40 == 0, 61.0, 1.0)  # 61 of 61 + 39 through the first of each
    orders = pd.DataFrame(
        {
            "order_id": [f"o{i}" for i in range(80)],
            "sku_id": "s",
            "creator_id": who,
            "content_id": None,
            "content_type": "VIDEO",
            "campaign_id": np.repeat(["k0", "k1"], 40),
            "ordered_at": NOW,
            "status": "COMPLETED",
            "quantity": 1,
            "refunded_quantity": 0,
            "price": sold,
            "currency": "USD",
            "commission": 0.0,
            "known_at": NOW,
        }
    )
    # What creators sell who were not invited, or outside campaigns, is not its programme's.
    stray = orders.assign(order_id=orders.order_id + "x", campaign_id=np.repeat(["k1", "k0"], 40), price=500.0)
    organic = orders.assign(order_id=orders.order_id + "y", campaign_id=None, price=500.0)
    tables = {
        "orders": pd.concat([orders, stray, organic]),
        "campaigns": pd.DataFrame({"campaign_id": ["k0", "k1"], "brand_id": ["b0", "b1"]}),
        "invitations": pd.DataFrame({"campaign_id": np.repeat(["k0", "k1"], 40), "creator_id": who}),
        "fx_rates": pd.DataFrame({"currency": ["USD"], "usd_rate": [1.0]}),
    }
    assert top_share(Readings(Marketplace.from_frames(tables))) == pytest.approx(61 / 100)


@pytest.mark.slow
def test_the_baseline_shows_every_fact(tmp_path: Path) -> None:
    simulate(tmp_path / "m", creators=3_000, campaigns=180, days=240, seed=11)
    report, _ = measure_facts(tmp_path / "m")
    assert {one.fact.key: one.value for one in report.facts if one.state != "pass"} == {}


def test_too_few_creators_are_no_evidence() -> None:
    with pytest.raises(NotMeasured, match="20 creators; 30 are needed"):
        reach(people(*(np.full(20, 1_000.0),) * 3))


def test_refund_delay_counts_from_the_order_to_the_first_row_that_shows_it() -> None:
    at = NOW - pd.Timedelta(days=100)
    rows = [
        {
            "order_id": f"o{i}",
            "sku_id": "s",
            "creator_id": "c",
            "ordered_at": at,
            "refunded_quantity": back,
            "known_at": at + pd.Timedelta(days=days),
        }
        for i in range(40)
        for back, days in ((0, 1), (1, 11), (1, 30))
    ]
    late = {**rows[0], "order_id": "last", "ordered_at": NOW, "known_at": NOW}
    assert refund_delay(Readings(Marketplace.from_frames({"orders": pd.DataFrame([*rows, late])}))) == 11.0


def test_all_facts_of_a_simulated_marketplace(small_market: Path) -> None:
    report, evidence = measure_facts(small_market)
    value = {one.fact.key: one.value for one in report.facts}
    assert None not in value.values()
    # Counted here another way.
    last = evidence.market.frame("invitations").sort_values("known_at").groupby("invitation_id").decision.last()
    asked = last[~last.isin(["WITHDRAWN_BY_SELLER", "PENDING"])]
    assert value["acceptance"] == pytest.approx((asked == "ACCEPT").mean(), abs=0.02)
    assert 0.0 < top_share(evidence) < value["gmv_gini"] < 1.0  # type: ignore[operator]
    for one in report.facts:
        assert (one.state == "pass") == (one.distance == 0.0)
        assert one.state in ("pass", "fail")
    passed = {one.fact.key for one in report.facts if one.state == "pass"}
    assert passed >= {"follower_tail", "earnings_tail", "sample_posting", "acceptance", "on_time", "refund_delay"}


def test_what_a_world_breaks_on_purpose_is_said_so(small_market: Path) -> None:
    plain, _ = measure_facts(small_market)
    held, _ = measure_facts(small_market, world="gaming")
    before = {one.fact.key: one.state for one in plain.facts}
    for one in held.facts:
        broken = before[one.fact.key] == "fail" and one.fact.key in FAMILIES["gaming"].breaks
        assert one.state == ("broken on purpose" if broken else before[one.fact.key])
    assert {key for family in FAMILIES.values() for key in family.breaks} <= {fact.key for fact in STYLISED_FACTS}
    with pytest.raises(ContractError, match="a world: baseline"):
        measure_facts(small_market, world="mars")


def test_real_data_say_by_name_what_they_lack(complete_journey: tuple[Path, IngestReport]) -> None:
    report, _ = measure_facts(complete_journey[0])
    why = {one.fact.key: one.why for one in report.facts if one.state == "not measured"}
    assert why["sample_posting"] == "the marketplace has no samples"
    assert "creator_snapshots" in why["follower_tail"]
    assert {one.fact.key for one in report.facts if one.value is not None} >= {"gmv_gini", "acceptance"}


def test_the_command_prints_every_fact_and_saves_one_figure(small_market: Path, home: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["facts", str(small_market)], catch_exceptions=False)
    assert result.exit_code == 0
    for fact in STYLISED_FACTS:
        assert fact.key in result.stdout
        assert fact.published in result.stdout
        assert fact.source in result.stdout
    figure = home / "var" / "facts" / "small.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    file = tmp_path / "elsewhere.png"
    answer = CliRunner().invoke(app, ["facts", str(small_market), "--json", "--figure", str(file)])
    told = json.loads(answer.stdout)
    assert told["figure"] == str(file)
    assert [one["key"] for one in told["facts"]] == [fact.key for fact in STYLISED_FACTS]
    assert sum(told["counts"].values()) == len(STYLISED_FACTS)
    assert file.read_bytes() == figure.read_bytes()


def test_a_marketplace_with_next_to_nothing_is_answered_all_the_same(
    tmp_path: Path, valid: dict[str, pa.Table], write_market: Callable[[Path, Mapping[str, pa.Table]], Path], home: Path
) -> None:
    needed = ("creators", "products", "campaigns", "invitations", "orders")
    folder = write_market(tmp_path / "bare", {name: valid[name] for name in needed})
    assert {one.state for one in measure_facts(folder)[0].facts} == {"not measured"}
    assert CliRunner().invoke(app, ["facts", str(folder)], catch_exceptions=False).exit_code == 0
    assert open_marketplace(folder).present == set(needed)
