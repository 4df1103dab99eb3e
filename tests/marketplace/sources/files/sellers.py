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

KOREAN = Dialect(
    zone="Asia/Seoul", decimal=".", thousands=",", instant="%Y년 %m월 %d일 %H:%M:%S.%f", day="%Y. %m. %d.",
    encoding="cp949", delimiter=",", yes="예", no="아니오",
    files={
        "brands": "브랜드", "products": "상품", "product_days": "일별 판매", "creators": "크리에이터",
        "creator_snapshots": "크리에이터 프로필", "contents": "콘텐츠", "content_days": "일별 콘텐츠",
        "orders": "주문 내역", "fx_rates": "환율", "campaigns": "캠페인", "impressions": "추천 목록",
        "invitations": "초대", "samples": "샘플", "deliveries": "납품", "reviews": "리뷰", "costs": "비용",
    },
    headers={
        "brand_id": "브랜드 id", "product_id": "상품번호", "category_id": "카테고리",
        "subcategory_id": "하위 카테고리", "price": "단가", "currency": "통화", "gross_margin_rate": "매출총이익률",
        "launched_at": "출시일", "day": "날짜", "units_sold": "판매 수량", "gmv": "매출액", "ad_spend": "광고비",
        "discount_rate": "할인율", "creator_id": "크리에이터 id", "username": "사용자명", "market": "국가",
        "language": "언어", "agency_status": "소속사", "joined_at": "가입일", "snapshot_at": "수집일",
        "follower_count": "팔로워 수", "creator_health_rating": "건강 점수", "top_follower_age": "연령대",
        "top_follower_gender": "성별", "gmv_30d": "최근 30일 매출", "precision": "정확도",
        "content_id": "콘텐츠 id", "format": "콘텐츠 유형", "published_at": "게시일", "live_end_at": "라이브 종료",
        "product_ids": "상품 목록", "is_shoppable": "구매 가능", "is_ad_authorized": "광고 허용",
        "is_disclosed": "광고 표시", "deleted_at": "삭제일", "view_count": "조회수", "like_count": "좋아요 수",
        "comment_count": "댓글 수", "share_count": "공유 수", "product_clicks": "상품 클릭",
        "paid_view_count": "유료 조회수", "order_id": "주문번호", "sku_id": "sku 번호", "content_type": "판매 채널",
        "campaign_id": "캠페인 번호", "ordered_at": "주문일시", "status": "상태", "quantity": "수량",
        "refunded_quantity": "환불 수량", "commission": "수수료", "is_paid_traffic": "광고 유입",
        "usd_rate": "달러 환율", "objective": "목표", "collaboration": "협업 유형", "budget": "예산",
        "commission_rate": "수수료율", "flat_fee": "고정비", "has_free_sample": "무료 샘플", "briefed_at": "등록일",
        "starts_at": "시작일", "ends_at": "종료일", "position": "순위", "invitation_id": "초대 id",
        "sent_at": "발송일", "replied_at": "회신일", "decision": "응답", "decided_at": "결정일",
        "sample_id": "샘플 id", "fulfillment_status": "콘텐츠 상태", "requested_at": "신청일",
        "shipped_at": "출고일", "delivered_at": "배송 완료일", "content_due_at": "콘텐츠 마감일",
        "delivery_id": "납품 id", "posted_at": "게시일", "due_at": "기한", "revision_count": "수정 횟수",
        "brief_compliance": "브리프 준수율", "review_id": "리뷰 id", "direction": "평가자", "stars": "별점",
        "reviewed_at": "리뷰 작성일", "sample_cost": "샘플 비용", "shipping_cost": "배송비", "paid_at": "지급일",
        "known_at": "최종 수정일", "name": "브랜드명", "gmv_30d_min": "GMV min", "gmv_30d_max": "GMV max",
        "policy": "Policy", "propensity": "Propensity", "model_version": "Version", "request_id": "Request ID",
        "shown_at": "Shown at",
    },
    words={
        "COMPLETED": "구매 확정", "CANCELLED": "취소", "PROCESSING": "처리 중", "ACCEPT": "수락", "DECLINE": "거절",
        "EXPIRED": "만료", "WITHDRAWN_BY_SELLER": "철회", "SHOWCASE": "쇼케이스", "SHOP": "상점", "SALES": "판매",
        "LAUNCH": "출시", "AWARENESS": "인지도", "TARGET": "타겟", "OPEN": "공개", "AGENCY_MANAGED": "소속사",
        "INDEPENDENT": "독립", "LIVE": "라이브", "VIDEO": "동영상", "KR": "한국", "US": "미국", "ID": "인도네시아",
        "GB": "영국", "TH": "태국", "VN": "베트남",
    },
)  # fmt: skip

DIALECTS: Mapping[str, Dialect] = {"german": GERMAN, "indonesian": INDONESIAN, "korean": KOREAN}


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
