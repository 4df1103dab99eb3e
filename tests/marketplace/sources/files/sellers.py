"""A marketplace as sellers' exports: other names, other words, other marks, other clocks, in other encodings.

What a dialect writes can be read back without loss: `seller_files` is the inverse of an ingest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from marketplace.contract import TABLES

__all__ = ["DIALECTS", "Dialect", "seller_files"]


@dataclass(frozen=True)
class Dialect:
    """How one country's exports are written.

    ``files`` are the file's name by table (without ending), ``headers`` the header by contract column (or
    ``table.column``), ``words`` the cell's word by the contract's.
    """

    zone: str
    decimal: str
    thousands: str
    instant: str
    day: str
    encoding: str
    delimiter: str
    yes: str
    no: str
    files: Mapping[str, str]
    headers: Mapping[str, str]
    words: Mapping[str, str] = field(default_factory=dict)
    money: str = "{}"
    market: str = ""


GERMAN = Dialect(
    zone="Europe/Berlin", decimal=",", thousands=".", instant="%d.%m.%Y %H:%M:%S.%f", day="%d.%m.%Y", encoding="cp1252",
    delimiter=";", yes="Ja", no="Nein",
    files={
        "brands": "Marken", "products": "Artikel", "product_days": "Tagesumsätze", "creators": "Kreatoren",
        "creator_snapshots": "Kreatorprofile", "contents": "Inhalte", "content_days": "Inhaltstage",
        "orders": "Bestellungen", "fx_rates": "Wechselkurse", "campaigns": "Kampagnen", "impressions": "Impressions",
        "invitations": "Einladungen", "samples": "Muster", "deliveries": "Lieferungen", "reviews": "Bewertungen",
        "costs": "Kosten",
    },
    headers={
        "brand_id": "Marke", "product_id": "Artikelnummer", "category_id": "Warengruppe",
        "subcategory_id": "Unterkategorie",
        "price": "Einzelpreis", "products.price": "Listenpreis", "currency": "Währung",
        "gross_margin_rate": "Bruttomarge",
        "launched_at": "Markteinführung", "day": "Tag", "units_sold": "Verkaufte Stück", "gmv": "Nettoumsatz",
        "ad_spend": "Werbeausgaben", "discount_rate": "Rabattsatz", "creator_id": "Kreator-ID",
        "username": "Benutzername",
        "market": "Land", "language": "Sprache", "agency_status": "Agentur", "joined_at": "Beigetreten am",
        "snapshot_at": "Abgerufen am", "follower_count": "Follower", "creator_health_rating": "Gesundheitswert",
        "top_follower_age": "Altersgruppe", "top_follower_gender": "Geschlecht", "gmv_30d": "Umsatz 30 Tage",
        "gmv_30d_min": "GMV min", "gmv_30d_max": "GMV max", "precision": "Genauigkeit", "content_id": "Inhalts-ID",
        "format": "Format", "published_at": "Veröffentlicht am", "live_end_at": "Live-Ende", "product_ids": "Artikel",
        "is_shoppable": "Kaufbar", "is_ad_authorized": "Werbefreigabe", "is_disclosed": "Als Werbung gekennzeichnet",
        "deleted_at": "Gelöscht am", "view_count": "Aufrufe", "like_count": "Gefällt mir",
        "comment_count": "Kommentare",
        "share_count": "Geteilt", "product_clicks": "Produktklicks", "paid_view_count": "Bezahlte Aufrufe",
        "order_id": "Bestellnummer", "sku_id": "Bestellposition", "content_type": "Verkaufskanal",
        "campaign_id": "Kampagnen-Nr.", "ordered_at": "Bestelldatum", "status": "Status", "quantity": "Menge",
        "refunded_quantity": "Erstattete Menge", "commission": "Provision", "is_paid_traffic": "Über Anzeige",
        "usd_rate": "Kurs in USD", "objective": "Kampagnenziel", "collaboration": "Kooperationsart", "budget": "Budget",
        "commission_rate": "Provisionssatz", "flat_fee": "Pauschale", "has_free_sample": "Gratismuster",
        "briefed_at": "Briefing vom", "starts_at": "Beginn", "ends_at": "Ende", "request_id": "Request ID",
        "shown_at": "Gezeigt am", "position": "Platz", "policy": "Policy", "propensity": "Propensity",
        "model_version": "Version", "invitation_id": "Einladungsnummer", "sent_at": "Gesendet am",
        "replied_at": "Geantwortet am", "decision": "Antwort", "decided_at": "Entschieden am",
        "sample_id": "Musternummer",
        "fulfillment_status": "Inhaltsstatus", "requested_at": "Angefragt am", "shipped_at": "Versandt am",
        "delivered_at": "Zugestellt am", "content_due_at": "Inhalt fällig am", "delivery_id": "Liefernummer",
        "posted_at": "Gepostet am", "due_at": "Fällig am", "revision_count": "Korrekturen",
        "brief_compliance": "Brieftreue", "review_id": "Bewertungs-ID", "direction": "Richtung", "stars": "Sterne",
        "reviewed_at": "Bewertet am", "sample_cost": "Musterkosten", "shipping_cost": "Versandkosten",
        "paid_at": "Bezahlt am", "known_at": "Aktualisiert am", "name": "Markenname",
    },
    words={
        "COMPLETED": "Abgeschlossen", "CANCELLED": "Storniert", "PROCESSING": "In Bearbeitung", "ACCEPT": "Angenommen",
        "DECLINE": "Abgelehnt", "EXPIRED": "Abgelaufen", "WITHDRAWN_BY_SELLER": "Zurückgezogen",
        "SHOWCASE": "Schaufenster",
        "SALES": "Abverkauf", "LAUNCH": "Einführung", "AWARENESS": "Bekanntheit", "TARGET": "Auf Einladung",
        "OPEN": "Offen",
        "AGENCY_MANAGED": "Agentur", "INDEPENDENT": "Unabhängig", "GB": "Großbritannien", "US": "USA",
        "ID": "Indonesien",
    },
)  # fmt: skip

INDONESIAN = Dialect(
    zone="Asia/Jakarta", decimal=",", thousands=".", instant="%d/%m/%Y %H.%M.%S.%f", day="%d/%m/%Y",
    encoding="utf-8-sig",
    delimiter=",", yes="Ya", no="Tidak", money="Rp{}",
    files={
        "brands": "Merek", "products": "Produk", "product_days": "Penjualan Harian", "creators": "Kreator",
        "creator_snapshots": "Profil Kreator", "contents": "Konten", "content_days": "Konten Harian",
        "orders": "Pesanan", "fx_rates": "Kurs", "campaigns": "Kampanye", "impressions": "Impressions",
        "invitations": "Undangan", "samples": "Sampel", "deliveries": "Pengiriman Konten", "reviews": "Ulasan",
        "costs": "Biaya",
    },
    headers={
        "brand_id": "ID Merek", "product_id": "ID Produk", "category_id": "Kategori", "subcategory_id": "Subkategori",
        "price": "Harga Satuan", "currency": "Mata Uang", "gross_margin_rate": "Margin Kotor",
        "launched_at": "Tanggal Rilis", "day": "Tanggal", "units_sold": "Unit Terjual", "gmv": "Penjualan",
        "ad_spend": "Biaya Iklan", "discount_rate": "Diskon", "creator_id": "ID Kreator", "username": "Nama Pengguna",
        "market": "Negara", "language": "Bahasa", "agency_status": "Status Agensi", "joined_at": "Tanggal Bergabung",
        "snapshot_at": "Tanggal Data", "follower_count": "Jumlah Pengikut", "creator_health_rating": "Skor Kesehatan",
        "top_follower_age": "Usia Pengikut", "top_follower_gender": "Jenis Kelamin", "gmv_30d": "GMV 30 Hari",
        "gmv_30d_min": "GMV min", "gmv_30d_max": "GMV max", "precision": "Presisi", "content_id": "ID Konten",
        "format": "Jenis Konten", "published_at": "Tanggal Tayang", "live_end_at": "Live Selesai",
        "product_ids": "Daftar Produk", "is_shoppable": "Bisa Dibeli", "is_ad_authorized": "Izin Iklan",
        "is_disclosed": "Ditandai Iklan", "deleted_at": "Tanggal Dihapus", "view_count": "Jumlah Tayangan",
        "like_count": "Jumlah Suka", "comment_count": "Jumlah Komentar", "share_count": "Jumlah Dibagikan",
        "product_clicks": "Klik Produk", "paid_view_count": "Tayangan Berbayar", "order_id": "Nomor Pesanan",
        "sku_id": "ID SKU", "content_type": "Saluran", "campaign_id": "Kode Kampanye",
        "ordered_at": "Waktu Pesanan Dibuat",
        "status": "Status Pesanan", "samples.status": "Status Sampel", "quantity": "Jumlah",
        "refunded_quantity": "Jumlah Retur",
        "commission": "Jumlah Komisi", "is_paid_traffic": "Dari Iklan", "usd_rate": "Kurs USD", "objective": "Tujuan",
        "collaboration": "Jenis Kolaborasi", "budget": "Anggaran", "commission_rate": "Tingkat Komisi",
        "flat_fee": "Biaya Tetap", "has_free_sample": "Sampel Gratis", "briefed_at": "Tanggal Brief",
        "starts_at": "Tanggal Mulai", "ends_at": "Tanggal Selesai", "request_id": "Request ID",
        "shown_at": "Ditampilkan",
        "position": "Peringkat", "policy": "Policy", "propensity": "Propensity", "model_version": "Version",
        "invitation_id": "Nomor Undangan", "sent_at": "Tanggal Undangan", "replied_at": "Tanggal Balasan",
        "decision": "Keputusan", "decided_at": "Tanggal Keputusan", "sample_id": "Nomor Sampel",
        "fulfillment_status": "Status Konten", "requested_at": "Tanggal Permintaan", "shipped_at": "Tanggal Kirim",
        "delivered_at": "Tanggal Diterima", "content_due_at": "Tenggat Konten", "delivery_id": "ID Pengiriman",
        "posted_at": "Tanggal Posting", "due_at": "Tenggat", "revision_count": "Jumlah Revisi",
        "brief_compliance": "Kepatuhan Brief", "review_id": "ID Ulasan", "direction": "Arah", "stars": "Bintang",
        "reviewed_at": "Tanggal Ulasan", "sample_cost": "Biaya Sampel", "shipping_cost": "Ongkos Kirim",
        "paid_at": "Tanggal Bayar", "known_at": "Diperbarui Pada", "name": "Nama Merek",
    },
    words={
        "COMPLETED": "Selesai", "CANCELLED": "Dibatalkan", "PROCESSING": "Diproses", "ACCEPT": "Diterima",
        "DECLINE": "Ditolak", "EXPIRED": "Kedaluwarsa", "WITHDRAWN_BY_SELLER": "Ditarik", "SHOWCASE": "Etalase",
        "SHOP": "Toko", "SALES": "Penjualan", "LAUNCH": "Peluncuran", "AWARENESS": "Kesadaran Merek",
        "TARGET": "Undangan",
        "OPEN": "Terbuka", "AGENCY_MANAGED": "Agensi", "INDEPENDENT": "Mandiri", "ID": "Indonesia", "GB": "Inggris",
        "LIVE": "Siaran Langsung",
    },
)  # fmt: skip

DIALECTS: Mapping[str, Dialect] = {"german": GERMAN, "indonesian": INDONESIAN}


def seller_files(frames: Mapping[str, pd.DataFrame], folder: Path, dialect: Dialect) -> None:
    """Write one CSV a table into ``folder``, orders in two by half, as ``dialect`` has them."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, frame in frames.items():
        cells = pd.DataFrame(
            {c.name: _texts(frame[c.name], c, dialect) for c in TABLES[table].columns if c.name in frame}
        )
        cells = cells.rename(columns={n: dialect.headers.get(f"{table}.{n}", dialect.headers.get(n, n)) for n in cells})
        halves = {"": cells}
        if table == "orders":
            middle = len(cells) // 2
            halves = {" 2025-1": cells.iloc[:middle], " 2025-2": cells.iloc[middle:]}
        for ending, part in halves.items():
            name = f"{dialect.files[table]}{ending}.csv"
            part.to_csv(
                folder / name, sep=dialect.delimiter, index=False, encoding=dialect.encoding, lineterminator="\r\n"
            )


def _texts(values: pd.Series, column: Any, dialect: Dialect) -> pd.Series:
    """A column as the dialect's text; empty where it is null."""

    def text(value: Any) -> str:  # noqa: PLR0911 - one answer a type
        if column.type == "instant":
            at = value.tz_convert(ZoneInfo(dialect.zone))
            return str(at.strftime(dialect.instant))
        if column.type == "day":
            return str(value.strftime(dialect.day))
        if column.type == "flag":
            return dialect.yes if value else dialect.no
        if column.type == "ids":
            return " | ".join(value)
        if column.type == "count":
            return f"{int(value):,}".replace(",", dialect.thousands)
        if column.type == "measure":
            whole, _, rest = format(Decimal(repr(float(value))), "f").partition(".")
            number = f"{int(whole):,}".replace(",", dialect.thousands) + (
                dialect.decimal + rest if rest not in ("", "0") else ""
            )
            return dialect.money.format(number) if column.unit == "own currency" else number
        return dialect.words.get(value, value) if column.values or column.name == "market" else str(value)

    return pd.Series(
        [
            "" if v is None or (not isinstance(v, list) and not hasattr(v, "__len__") and pd.isna(v)) else text(v)
            for v in values
        ],
        index=values.index,
    )
