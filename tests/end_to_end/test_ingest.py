"""What a newcomer does with four exports of an Indonesian shop: propose, edit, ingest, check, train, rank."""

from __future__ import annotations

import json
from difflib import unified_diff
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from collabrank.cli import app
from marketplace.simulator import simulate
from marketplace.tables import Marketplace, open_marketplace

ZONE = "Asia/Jakarta"
RATE = 0.000061
STATUS = {
    "COMPLETED": "Selesai",
    "CANCELLED": "Dibatalkan",
    "PROCESSING": "Diproses",
    "FROZEN": "Dibekukan",
    "DEDUCTED": "Dipotong",
}
WHERE = {"VIDEO": "Video", "LIVE": "Siaran Langsung", "SHOWCASE": "Etalase", "SHOP": "Toko"}
REPLY = {"ACCEPT": "Diterima", "DECLINE": "Ditolak", "EXPIRED": "Kedaluwarsa", "PENDING": "Menunggu"}


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def clock(instants: pd.Series) -> pd.Series:
    return instants.dt.tz_convert(ZONE).dt.strftime("%d/%m/%Y %H:%M:%S.%f").fillna("")


def rupiah(amounts: pd.Series) -> pd.Series:
    return amounts.map(lambda one: f"Rp{one:,.2f}".translate(str.maketrans(",.", ".,")))


def percent(shares: pd.Series) -> pd.Series:
    return shares.map(lambda one: f"{one * 100:.3f}%".replace(".", ",") if pd.notna(one) else "")


def last_states(frame: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    return frame.sort_values("known_at").drop_duplicates(key, keep="last")


def export(market: Marketplace, folder: Path) -> dict[str, pd.DataFrame]:
    """One brand's four files: no ids of creators, no invitation ids, no campaigns' file, last states alone.

    Returns what was taken: creators, products, orders, campaigns, invitations.
    """
    folder.mkdir()
    campaigns = market.frame("campaigns")
    campaigns = campaigns[campaigns.market == campaigns.market.mode()[0]]
    creators = market.frame("creators")
    creators = creators[creators.market == campaigns.market.iloc[0]]
    names = creators.set_index("creator_id").username
    products = market.frame("products")
    products = products[products.currency == campaigns.currency.iloc[0]]
    orders = last_states(market.frame("orders"), ["order_id", "sku_id"])
    orders = orders[
        orders.product_id.isin(products.product_id) & (orders.creator_id.isna() | orders.creator_id.isin(names.index))
    ]
    invitations = last_states(market.frame("invitations"), ["invitation_id"])
    invitations = invitations[invitations.campaign_id.isin(campaigns.campaign_id) & invitations.decision.isin(REPLY)]
    both = invitations.merge(campaigns, on="campaign_id", suffixes=("", "_brief"))
    files = {
        "Produk": {
            "ID Produk": products.product_id, "Nama Produk": "Produk " + products.product_id,
            "Kategori": products.category_id,
            "Harga Satuan": rupiah(products.price), "Margin Kotor": percent(products.gross_margin_rate),
        },
        "Kreator": {"Username": "@" + creators.username, "Bahasa": creators.language,
        "Bergabung": clock(creators.joined_at)},
        "Pesanan": {
            "Nomor Pesanan": orders.order_id, "ID SKU": orders.sku_id, "ID Produk": orders.product_id,
            "Username Kreator": orders.creator_id.map(names), "Jenis Konten": orders.content_type.map(WHERE),
            "Kode Kampanye": orders.campaign_id.where(orders.campaign_id.isin(campaigns.campaign_id)),
            "Waktu Pesanan Dibuat": clock(orders.ordered_at), "Status Pesanan": orders.status.map(STATUS),
            "Jumlah": orders.quantity, "Jumlah Retur": orders.refunded_quantity, "Harga Satuan": rupiah(orders.price),
            "Komisi": rupiah(orders.commission.fillna(0)), "Nama Pembeli": "x",
        },
        "Undangan": {
            "Kode Kampanye": both.campaign_id, "Tanggal Brief": clock(both.briefed_at),
            "Tanggal Mulai": clock(both.starts_at),
            "Tanggal Selesai": clock(both.ends_at), "Daftar Produk": both.product_ids.map("; ".join),
            "Kategori": both.category_id,
            "Username Kreator": both.creator_id.map(names).str.upper(), "Tanggal Undangan": clock(both.sent_at),
            "Tanggal Balasan": clock(both.replied_at), "Keputusan": both.decision.map(REPLY),
            "Tingkat Komisi": percent(both.commission_rate_brief),
        },
    }  # fmt: skip
    for name, columns in files.items():
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False, encoding="utf-8-sig", sep=";")
    taken = {
        "creators": creators,
        "products": products,
        "orders": orders,
        "campaigns": campaigns,
        "invitations": invitations,
    }
    return {name: frame.reset_index(drop=True) for name, frame in taken.items()}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pd.DataFrame]]:
    folder = tmp_path_factory.mktemp("shop")
    simulate(folder / "original", creators=300, campaigns=40, days=150, seed=5)
    return folder, export(open_marketplace(folder / "original"), folder / "exports")


@pytest.fixture(scope="module")
def ingested(shop: tuple[Path, dict[str, pd.DataFrame]]) -> Marketplace:
    """The four files as a marketplace, by what was proposed and at most five edited lines."""
    folder, _taken = shop
    run("ingest", "propose", folder / "exports")
    mapping = folder / "exports" / "mapping.toml"
    proposed = mapping.read_text(encoding="utf-8")
    edited = proposed.replace('usd_rate = { value = "?" }', f"usd_rate = {{ value = {RATE} }}")
    edited = edited.replace('brand_id = "my_brand"', 'brand_id = "toko"')
    mapping.write_text(edited, encoding="utf-8")
    changed = [line for line in unified_diff(proposed.splitlines(), edited.splitlines(), n=0) if line.startswith("+")][
        1:
    ]
    assert 1 <= len(changed) <= 5
    assert 'time_zone = "Asia/Jakarta"' in edited, "guessed by the money"
    printed = run("ingest", folder / "exports", folder / "market")
    assert "invitations" in printed
    return open_marketplace(folder / "market")


def test_it_keeps_the_contract(ingested: Marketplace) -> None:
    assert ingested.path is not None
    assert "keeps the contract" in run("check", ingested.path)


def test_what_the_files_told_is_what_was_there(
    ingested: Marketplace, shop: tuple[Path, dict[str, pd.DataFrame]]
) -> None:
    taken = shop[1]
    names = taken["creators"].set_index("creator_id").username.str.lower()
    products = ingested.frame("products").set_index("product_id").sort_index()
    original = taken["products"].set_index("product_id").sort_index()
    assert (products["price"] - original["price"]).abs().max() < 0.01
    assert products["category_id"].equals(original["category_id"])
    orders = (
        last_states(ingested.frame("orders"), ["order_id", "sku_id"]).set_index(["order_id", "sku_id"]).sort_index()
    )
    original = taken["orders"].set_index(["order_id", "sku_id"]).sort_index()
    for column in ("product_id", "content_type", "status", "quantity", "refunded_quantity", "ordered_at"):
        assert orders[column].equals(original[column]), column
    assert orders["creator_id"].dropna().equals(original["creator_id"].map(names).dropna())
    assert (orders["price"] - original["price"]).abs().max() < 0.01
    campaigns = ingested.frame("campaigns").set_index("campaign_id").sort_index()
    original = taken["campaigns"].set_index("campaign_id").sort_index().loc[campaigns.index]
    for column in ("briefed_at", "starts_at", "ends_at", "category_id"):
        assert campaigns[column].equals(original[column]), column
    assert campaigns["product_ids"].map(set).equals(original["product_ids"].map(set))
    assert (campaigns["commission_rate"] - original["commission_rate"]).abs().max() < 1e-4
    invitations = last_states(ingested.frame("invitations"), ["invitation_id"])
    pairs = invitations.set_index(["campaign_id", "creator_id"]).sort_index()
    original = taken["invitations"].assign(creator_id=lambda d: d.creator_id.map(names))
    original = original.set_index(["campaign_id", "creator_id"]).sort_index()
    for column in ("decision", "sent_at", "replied_at"):
        assert pairs[column].equals(original[column]), column


def test_nothing_is_known_before_it_happened(ingested: Marketplace) -> None:
    """An export has last states alone: what came later may not stand at the order's or the invitation's time."""
    orders = ingested.frame("orders")
    early = orders[orders["known_at"] == orders["ordered_at"]]
    assert len(early) > len(orders) * 0.4
    assert (early["status"] == "PROCESSING").mean() > 0.99
    assert early["refunded_quantity"].sum() == 0
    invitations = ingested.frame("invitations")
    assert (invitations.loc[invitations["known_at"] == invitations["sent_at"], "decision"] == "PENDING").all()


def test_bad_input_leaves_what_is_there(
    ingested: Marketplace, shop: tuple[Path, dict[str, pd.DataFrame]], tmp_path: Path
) -> None:
    before = ingested.fingerprint()
    exports = tmp_path / "exports"
    exports.mkdir()
    for file in (shop[0] / "exports").iterdir():
        text = file.read_text(encoding="utf-8-sig")
        (exports / file.name).write_text(
            text.replace("Selesai", "Lenyap") if file.name == "Pesanan.csv" else text, encoding="utf-8"
        )
    result = CliRunner().invoke(app, ["ingest", str(exports), str(ingested.path)])
    assert result.exit_code != 0
    assert "'Lenyap'; expected one of PROCESSING" in str(result.exception)
    assert ingested.path is not None
    assert open_marketplace(ingested.path).fingerprint() == before
    assert [one.name for one in ingested.path.parent.iterdir() if one.name.startswith(".")] == []


@pytest.mark.slow
def test_it_trains_and_ranks(ingested: Marketplace, home: Path) -> None:
    assert ingested.path is not None
    run("train", ingested.path)
    run("promote", "--force", "--reason", "the only one")
    last = ingested.frame("campaigns").sort_values("briefed_at").campaign_id.iloc[-1]
    ranking = json.loads(run("rank", ingested.path, "--campaign", last, "--top", "5", "--json"))
    assert [one["position"] for one in ranking["creators"]] == [1, 2, 3, 4, 5]
    assert {one["creator_id"] for one in ranking["creators"]} <= set(ingested.frame("creators").creator_id)
