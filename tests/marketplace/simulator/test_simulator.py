"""The simulator's tables: reproducible, whole, on two clocks, and shaped like a marketplace."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marketplace.checks import check
from marketplace.contract import REFUND_DAYS, TABLES
from marketplace.errors import ContractError
from marketplace.simulator import BASELINE, World, simulate
from marketplace.simulator.worlds import parameters as world_module
from marketplace.tables import Marketplace, open_marketplace, read_truth

TINY = {"creators": 150, "campaigns": 6, "days": 75}
SMALL_END = pd.Timestamp(BASELINE.start, tz="UTC") + pd.Timedelta(days=200)


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*.parquet"))
    }


@pytest.fixture(scope="module")
def market(small_market: Path) -> Marketplace:
    return open_marketplace(small_market)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("tiny") / "market"
    simulate(folder, **TINY, seed=3)
    return fingerprints(folder)


def last_state(frame: pd.DataFrame, *key: str) -> pd.DataFrame:
    return frame.sort_values([*key, "known_at"]).groupby(list(key), as_index=False).last()


def test_same_seed_writes_the_same_bytes(tmp_path: Path, tiny: dict[str, str]) -> None:
    simulate(tmp_path / "again", **TINY, seed=3)
    assert fingerprints(tmp_path / "again") == tiny
    # The partnerships' contents, their days and their orders are a part of their own.
    assert len(tiny) == len(TABLES) + 2 + 3


def test_another_seed_differs_in_every_drawn_table(tmp_path: Path, tiny: dict[str, str]) -> None:
    simulate(tmp_path / "other", **TINY, seed=4)
    other = fingerprints(tmp_path / "other")
    assert {name for name in tiny if tiny[name] == other[name]} <= {"brands/part-00000.parquet"}


def test_a_change_in_one_stage_leaves_the_stages_before_it_alone(tmp_path: Path, tiny: dict[str, str]) -> None:
    world = replace(BASELINE, late_level=2.0, deliver_level=-1.0)
    simulate(tmp_path / "late", **TINY, seed=3, world=world)
    late = fingerprints(tmp_path / "late")
    untouched = ("brands", "products", "creators", "campaigns", "fx_rates", "truth/traits")
    for name in untouched:
        assert late[f"{name}/part-00000.parquet"] == tiny[f"{name}/part-00000.parquet"], name
    assert late["deliveries/part-00000.parquet"] != tiny["deliveries/part-00000.parquet"]


def test_more_draws_in_one_stage_do_not_shift_another(tmp_path: Path, tiny: dict[str, str]) -> None:
    simulate(tmp_path / "busy", **TINY, seed=3, world=replace(BASELINE, posts_per_30d=9.0))
    busy = fingerprints(tmp_path / "busy")
    for name in ("brands", "products", "creators", "campaigns", "fx_rates"):
        assert busy[f"{name}/part-00000.parquet"] == tiny[f"{name}/part-00000.parquet"], name


def test_the_contract_holds(small_market: Path) -> None:
    report = check(small_market)
    assert report.problems == ()
    assert all(report.rows[name] > 0 for name in TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_known_after_the_end_nor_before_it_happened(market: Marketplace, table: str) -> None:
    frame = market.frame(table)
    assert frame.known_at.max() < SMALL_END
    event = TABLES[table].event
    if event:
        happened = pd.to_datetime(frame[event], utc=True)
        assert (frame.known_at >= happened).all()


def test_rows_are_sorted_by_key(market: Marketplace) -> None:
    for name in ("orders", "invitations", "samples", "contents"):
        frame = market.frame(name)[list(TABLES[name].key)]
        assert frame.equals(frame.sort_values(list(frame.columns), kind="stable").reset_index(drop=True)), name


def test_content_days_are_told_one_to_two_days_late(market: Marketplace) -> None:
    frame = market.frame("content_days", ["day", "known_at"])
    delay = frame.known_at - (pd.to_datetime(frame.day, utc=True) + pd.Timedelta(days=1))
    assert delay.min() >= pd.Timedelta(days=1)
    assert delay.max() <= pd.Timedelta(days=2)


def test_refunds_arrive_in_later_rows_within_the_window(market: Marketplace) -> None:
    orders = market.frame("orders")
    refunds = orders[orders.refunded_quantity > 0]
    lag = refunds.known_at - refunds.ordered_at
    assert len(refunds) > 300
    assert lag.min() > pd.Timedelta(days=7)
    assert lag.max() < pd.Timedelta(days=REFUND_DAYS)
    firsts = orders.groupby(["order_id", "sku_id"]).known_at.min()
    assert (
        refunds.set_index(["order_id", "sku_id"]).known_at
        > firsts.reindex(refunds.set_index(["order_id", "sku_id"]).index)
    ).all()


def test_stylised_facts_of_the_funnel(market: Marketplace) -> None:
    invitations = last_state(market.frame("invitations"), "invitation_id")
    old = invitations[invitations.sent_at < SMALL_END - pd.Timedelta(days=45)]
    accepted = old[old.decision == "ACCEPT"]
    deliveries = market.frame("deliveries")
    mine = deliveries[deliveries.invitation_id.isin(accepted.invitation_id)]
    assert 0.10 < len(accepted) / len(old) < 0.35
    assert 0.50 < len(mine) / len(accepted) < 0.80
    assert 0.50 < (mine.posted_at <= mine.due_at).mean() < 0.90
    assert set(old.decision) == {"ACCEPT", "DECLINE", "EXPIRED", "WITHDRAWN_BY_SELLER"}


def test_the_last_campaigns_have_not_matured(market: Marketplace) -> None:
    invitations = last_state(market.frame("invitations"), "invitation_id")
    late = invitations[invitations.sent_at > SMALL_END - pd.Timedelta(days=14)]
    assert len(late) > 20
    states = market.frame("invitations")
    then = last_state(states[states.known_at < late.sent_at.max() + pd.Timedelta(days=1)], "invitation_id")
    assert (then.decision[then.invitation_id.isin(late.invitation_id)] == "PENDING").any()
    assert not market.frame("deliveries").invitation_id.isin(late.invitation_id).all()


def test_samples_end_in_every_way_and_not_only_by_the_creators_fault(market: Marketplace) -> None:
    last = last_state(market.frame("samples"), "sample_id")
    assert {"COMPLETED", "UNFULFILL_CANCELLED", "SELLER_NOT_SHIP_CANCELLED"} <= set(last.status)
    never = last[last.status == "SELLER_NOT_SHIP_CANCELLED"]
    assert never.shipped_at.isna().all()
    assert not market.frame("deliveries").invitation_id.isin(never.invitation_id).any()


def test_gmv_is_exact_or_a_range_that_holds_two_ends(market: Marketplace) -> None:
    frame = market.frame("creator_snapshots")
    exact, ranged = frame[frame.precision == "exact"], frame[frame.precision == "range"]
    assert exact.gmv_30d.notna().all()
    assert ranged.gmv_30d.isna().all()
    assert (ranged.gmv_30d_min < ranged.gmv_30d_max).all()
    assert min(len(exact), len(ranged)) > 0.2 * len(frame)


def test_exact_snapshots_equal_what_the_orders_say(market: Marketplace) -> None:
    orders = market.frame("orders").drop_duplicates(["order_id", "sku_id"])
    orders = orders.assign(day=orders.ordered_at.dt.floor("D"), money=orders.price * orders.quantity)
    frame = market.frame("creator_snapshots")
    frame = frame[(frame.precision == "exact") & (frame.gmv_30d > 0)].iloc[::97]
    for row in frame.itertuples():
        upto = row.snapshot_at.floor("D")
        mine = orders[(orders.creator_id == row.creator_id) & (orders.day < upto)]
        window = mine[mine.day >= upto - pd.Timedelta(days=30)]
        assert window.money.sum() == pytest.approx(row.gmv_30d, abs=0.01)


def test_sales_of_creators_are_part_of_the_products_days(market: Marketplace) -> None:
    orders = market.frame("orders").drop_duplicates(["order_id", "sku_id"])
    orders = orders.assign(day=orders.ordered_at.dt.date)
    attributed = orders.groupby(["product_id", "day"]).quantity.sum()
    sold = market.frame("product_days").set_index(["product_id", "day"]).units_sold
    told = attributed[attributed.index.isin(sold.index)]
    assert len(told) > 0.98 * len(attributed)
    assert (sold.reindex(told.index) >= told).all()


def test_views_hang_weakly_on_followers(small_market: Path, market: Marketplace) -> None:
    days = market.frame("content_days")
    contents = last_state(market.frame("contents"), "content_id").set_index("content_id")
    days = days[days.content_id.map(contents.format == "VIDEO")]
    organic = (days.view_count - days.paid_view_count).groupby(days.content_id).sum()
    creator = contents.creator_id.reindex(organic.index)
    mean = organic.groupby(creator.to_numpy()).mean()
    traits = read_truth(small_market, "traits")
    assert traits is not None
    traits = traits.set_index("creator_id").reindex(mean.index)
    columns = np.column_stack([np.ones(len(mean)), np.log(traits.followers), traits.appeal])
    slope = np.linalg.lstsq(columns, np.log(mean), rcond=None)[0]
    assert slope[1] == pytest.approx(BASELINE.views_followers, abs=0.07)
    assert slope[2] == pytest.approx(BASELINE.views_appeal, abs=0.12)


def test_copies_are_uploaded_and_hardly_watched(market: Marketplace) -> None:
    contents = market.frame("contents").drop_duplicates("content_id").dropna(subset=["product_ids"])
    contents = contents.sort_values(["creator_id", "published_at"])
    product = contents.product_ids.map(lambda ids: ids[0])
    same = (
        (contents.creator_id == contents.creator_id.shift())
        & (product == product.shift())
        & (contents.published_at - contents.published_at.shift() < pd.Timedelta(minutes=91))
    )
    views = market.frame("content_days").groupby("content_id").view_count.sum()
    copies = views.reindex(contents.content_id[same.to_numpy()]).fillna(0)
    assert same.sum() > 0.015 * len(contents)
    assert copies.median() < 0.25 * views.median()
    assert market.frame("contents").deleted_at.notna().any()


def test_creators_work_again_for_the_same_brand(market: Marketplace) -> None:
    invitations = last_state(market.frame("invitations"), "invitation_id")
    accepted = invitations[invitations.decision == "ACCEPT"].merge(
        market.frame("campaigns")[["campaign_id", "brand_id"]]
    )
    assert (accepted.groupby(["brand_id", "creator_id"]).size() > 1).mean() > 0.05


@pytest.mark.parametrize(
    "wrong", [{"creators": 49}, {"campaigns": 2}, {"days": 59}, {"seed": -1}], ids=lambda w: next(iter(w))
)
def test_arguments_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    arguments = {**TINY, "seed": 1, **wrong}
    with pytest.raises(ContractError, match=str(next(iter(wrong.values())))):
        simulate(tmp_path / "never", **arguments)
    assert not (tmp_path / "never").exists()


def test_the_smallest_marketplace_keeps_the_contract(tmp_path: Path) -> None:
    simulate(tmp_path / "least", creators=50, campaigns=3, days=60, seed=0)
    assert check(tmp_path / "least").problems == ()


def test_every_parameter_states_its_unit_and_source() -> None:
    source = Path(world_module.__file__).read_text().splitlines()
    for field in fields(World):
        line = next(text for text in source if text.startswith(f"    {field.name}: "))
        assert "  # " in line, f"{field.name} has no unit or source"
