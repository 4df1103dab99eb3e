"""Optional means optional: without any dispensable table or column every command works, or refuses by name first."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.snapshot import score_card_of
from marketplace.checks import check
from marketplace.contract import TABLES
from marketplace.errors import BriefError, TrainingError
from marketplace.simulator import BASELINE, simulate
from marketplace.tables import open_marketplace
from training.lift import measure_lift
from training.pipeline import train
from training.scoring import rank_brief
from training.tracking import promote

DISPENSABLE = [name for name, table in TABLES.items() if not table.required]
NULLABLE = [(name, column.name) for name, table in TABLES.items() for column in table.columns if column.nullable]
NEEDED_FOR_LIFT = {"deliveries", "product_days"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("optional") / "small"
    # Few creators in each of many markets, so that some campaigns are in dollars and others need a rate.
    simulate(folder, creators=120, campaigns=12, days=120, seed=5, world=replace(BASELINE, market_floor=15))
    return folder


def without(
    small: Path, into: Path, *, tables: Collection[str] = (), columns: Collection[tuple[str, str]] = ()
) -> Path:
    for name in TABLES:
        if name in tables:
            continue
        shutil.copytree(small / name, into / name)
        for file in (into / name).glob("*.parquet"):
            rows = pq.read_table(file)
            gone = [column for column in rows.column_names if (name, column) in columns]
            if gone:
                pq.write_table(rows.drop_columns(gone), file)
    return into


def last_dollars(small: Path) -> str:
    """The last campaign whose money is in USD and that sends no sample: it needs no rate and no price."""
    campaigns = open_marketplace(small).frame("campaigns").sort_values("briefed_at")
    plain = (campaigns["currency"] == "USD") & ~campaigns["has_free_sample"]
    return str(campaigns.loc[plain, "campaign_id"].iloc[-1])


def every_command(folder: Path, campaign: str) -> str:
    """What the trained candidate stands on: empty where it has heads of its own."""
    market = open_marketplace(folder)
    assert score_card_of(market, market.frame("creators")["creator_id"].iloc[0], None)["indices"]
    basis = train(market).basis
    promote(None, force=True, reason="a test")
    assert rank_brief(market, campaign=campaign, top=3).creators
    return basis


@pytest.mark.slow
@pytest.mark.parametrize("table", DISPENSABLE)
def test_without_a_table(table: str, small: Path, tmp_path: Path, home: Path) -> None:
    folder = without(small, tmp_path / "m", tables={table})
    report = check(folder)
    assert report.ok
    assert (table, "missing_table") in {(note.table, note.kind) for note in report.notes}
    if table in NEEDED_FOR_LIFT:
        with pytest.raises(TrainingError, match=f"has no {table}"):
            measure_lift(folder)
    else:
        assert measure_lift(folder).report.campaigns
    every_command(folder, last_dollars(small))


@pytest.mark.slow
def test_lift_without_rates_is_of_what_is_in_dollars_and_refused_by_name_where_nothing_is(
    small: Path, tmp_path: Path, home: Path
) -> None:
    campaigns = open_marketplace(small).frame("campaigns").set_index("campaign_id")["currency"]
    measured = measure_lift(without(small, tmp_path / "m", tables={"fx_rates"})).report.campaigns
    assert {campaigns[one.name] for one in measured} == {"USD"}
    foreign = tmp_path / "foreign"
    simulate(foreign, creators=120, campaigns=12, days=120, seed=5)
    assert "USD" not in set(open_marketplace(foreign).frame("campaigns")["currency"])
    with pytest.raises(TrainingError, match="has no fx_rates"):
        measure_lift(without(foreign, tmp_path / "n", tables={"fx_rates"}))


@pytest.mark.slow
def test_with_the_indispensable_tables_alone_and_without_any_column_that_may_be_null(
    small: Path, tmp_path: Path, home: Path
) -> None:
    folder = without(small, tmp_path / "m", tables=set(DISPENSABLE), columns=set(NULLABLE))
    assert check(folder).ok
    every_command(folder, last_dollars(small))


@pytest.mark.slow
def test_without_any_column_that_may_be_null(small: Path, tmp_path: Path, home: Path) -> None:
    folder = without(small, tmp_path / "m", columns=set(NULLABLE))
    assert check(folder).ok
    every_command(folder, last_dollars(small))


@pytest.mark.slow
@pytest.mark.parametrize("tables", [set(), {"creator_snapshots", "impressions", "reviews", "costs", "brands"}])
def test_heads_without_any_column_that_may_be_null(
    tables: set[str], small_market: Path, tmp_path: Path, home: Path
) -> None:
    # Without prices campaigns that send samples cannot be told in money, and too few are left for heads.
    folder = without(small_market, tmp_path / "m", tables=tables, columns={*NULLABLE} - {("products", "price")})
    assert every_command(folder, last_dollars(small_market)) == ""


def test_a_campaign_that_cannot_be_told_in_money_is_refused_by_name(small: Path, tmp_path: Path, home: Path) -> None:
    from features.briefs import told_campaigns

    market = open_marketplace(without(small, tmp_path / "m", tables={"fx_rates"}))
    campaigns = market.frame("campaigns")
    offers = campaigns["has_free_sample"] | (campaigns["flat_fee"] > 0)  # no money at all needs no rate
    foreign = campaigns.loc[(campaigns["currency"] != "USD") & offers, "campaign_id"].to_list()
    with pytest.raises(BriefError, match="no fx_rates for money in"):
        told_campaigns(market, foreign)
    every = campaigns["campaign_id"].to_list()
    assert not set(told_campaigns(market, every)) & set(foreign)


def test_a_sample_without_a_price_is_refused_as_such_and_not_for_a_rate(
    small: Path, tmp_path: Path, home: Path
) -> None:
    from features.briefs import told_campaigns

    folder = without(small, tmp_path / "m", tables={"fx_rates"}, columns={("products", "price")})
    market = open_marketplace(folder)
    campaigns = market.frame("campaigns")
    dollars = campaigns.loc[(campaigns["currency"] == "USD") & campaigns["has_free_sample"], "campaign_id"].to_list()
    foreign = campaigns.loc[(campaigns["currency"] != "USD") & campaigns["has_free_sample"], "campaign_id"].to_list()
    with pytest.raises(BriefError, match="no prices in products for samples in USD") as caught:
        told_campaigns(market, dollars)
    assert "no fx_rates" not in str(caught.value)
    with pytest.raises(BriefError, match=r"no fx_rates for money in .*; no prices in products for samples in USD"):
        told_campaigns(market, [*dollars, *foreign])
