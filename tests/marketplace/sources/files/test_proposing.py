"""A proposal finds what files are, and says how sure it is and what is missing; ready-made mappings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from marketplace.contract import TABLES
from marketplace.errors import SourceError
from marketplace.sources.files import from_folder, propose, read, write_proposal, write_template
from marketplace.sources.files.reading import read_sheet
from marketplace.sources.files.ready import ready_mappings
from marketplace.sources.files.recognising import profile_sheet, recognise
from marketplace.sources.files.texts import plain_word

HEADERS = {
    "en": (
        "Order ID,SKU ID,Product ID,Creator Username,Content Type,Order Date,Order Status,Quantity,Unit Price,Currency"
    ),
    "de": (
        "Bestellnummer,Artikelposition,Artikelnummer,Benutzername,Verkaufskanal,Bestelldatum,Bestellstatus,"
        "Menge,Einzelpreis,Währung"
    ),
    "fr": (
        "Numéro de commande,Référence,ID produit,Nom d'utilisateur,Type de contenu,Date de commande,Statut,"
        "Quantité,Prix unitaire,Devise"
    ),
    "es": (
        "Número de pedido,SKU,ID del producto,Nombre de usuario,Tipo de contenido,Fecha del pedido,Estado,"
        "Cantidad,Precio unitario,Moneda"
    ),
    "it": "Numero ordine,SKU,Codice prodotto,Nome utente,Canale,Data ordine,Stato,Quantità,Prezzo unitario,Valuta",
    "pt": (
        "Número do pedido,SKU,ID do produto,Nome de usuário,Tipo de conteúdo,Data do pedido,Status,"
        "Quantidade,Preço unitário,Moeda"
    ),
    "id": (
        "Nomor Pesanan,ID SKU,ID Produk,Nama Pengguna,Jenis Konten,Tanggal Pesanan,Status Pesanan,Jumlah,"
        "Harga Satuan,Mata Uang"
    ),
    "vi": (
        "Mã đơn hàng,Mã SKU,Mã sản phẩm,Tên người dùng,Loại nội dung,Ngày đặt hàng,Trạng thái,Số lượng,Đơn giá,Tiền tệ"
    ),
    "th": "หมายเลขคำสั่งซื้อ,รหัส SKU,รหัสสินค้า,ชื่อผู้ใช้,ประเภทเนื้อหา,วันที่สั่งซื้อ,สถานะ,จำนวน,ราคาต่อหน่วย,สกุลเงิน",
    "ja": "注文番号,明細番号,商品ID,ユーザー名,コンテンツ種別,注文日時,ステータス,数量,単価,通貨",
    "zh": "订单号,SKU编号,商品编号,达人昵称,内容类型,下单时间,订单状态,数量,单价,币种",
    "zh-tw": "訂單編號,SKU,商品編號,使用者名稱,內容類型,下單時間,訂單狀態,數量,單價,幣別",
}
COLUMNS = (
    "order_id",
    "sku_id",
    "product_id",
    "creator_id",
    "content_type",
    "ordered_at",
    "status",
    "quantity",
    "price",
    "currency",
)
ROWS = (
    "7001,L1,P1,@anna,VIDEO,2025-03-01 10:00,COMPLETED,2,10.50,USD\n7002,L2,P2,bob,LIVE,2025-03-02 11:30,"
    "CANCELLED,1,7.25,USD\n"
)


@pytest.mark.parametrize("language", HEADERS)
def test_an_orders_file_is_known_in_every_language(language: str, tmp_path: Path) -> None:
    """By its headers and cells alone: the file's name says nothing."""
    file = tmp_path / "export.csv"
    file.write_text(f"{HEADERS[language]}\n{ROWS}", encoding="utf-8")
    sheet = read_sheet(file)
    found = recognise(sheet, profile_sheet(sheet))
    assert found.table == "orders"
    by_column = {name: match.header for name, match in found.matches.items()}
    assert by_column == dict(zip(COLUMNS, HEADERS[language].split(","), strict=True))
    assert found.matches["creator_id"].spelling == "username"


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


SHOP = {
    "Bestellungen Januar.csv": "Bestellnummer;Artikelnummer;Influencer;Bestelldatum;Status;Menge;Gesamtbetrag;Kunde\n"
    "1;A1;@Anna;03.01.2025 10:00;Abgeschlossen;2;1.019,80 €;x\n2;A2;;04.01.2025 11:00;Storniert;1;5,00 €;y\n",
    "Bestellungen Februar.csv": "Bestellnummer;Artikelnummer;Influencer;Bestelldatum;Status;Menge;Gesamtbetrag;Kunde\n"
    "3;A1;bob;03.02.2025 10:00;Retoure angefragt;1;509,90 €;x\n",
    "Artikel.csv": "Artikelnummer;Warengruppe;Listenpreis\nA1;Pflege;509,90\n",
    "Urlaub.csv": "Wer;Wie lange\nich;14\n",
}


def test_what_is_sure_what_to_decide_and_what_is_missing(tmp_path: Path) -> None:
    proposal = propose(write(tmp_path, SHOP))
    raw = tomllib.loads(proposal.text)
    (orders,) = raw["orders"]
    assert orders["file"] == "Bestellungen *.csv"
    assert (
        orders["creator_id"] == {"column": "Influencer", "spelling": "username"} or orders["creator_id"] == "Influencer"
    )
    assert orders["price"] == {"column": "Gesamtbetrag", "divided_by": "Menge"}
    assert orders["status"]["words"] == {
        "Abgeschlossen": "COMPLETED",
        "Storniert": "CANCELLED",
        "Retoure angefragt": "?",
    }
    assert orders["known_at"] == {"column": "Bestelldatum", "plus_days": 21}
    assert orders["opening"] == {"status": "PROCESSING"}
    assert "refunded_quantity" not in orders, "what may be null and no file tells is not made up"
    assert proposal.missing["orders.refunded_quantity"] == "not known: units refunded so far"
    assert raw["files"]["Bestellungen *.csv"] == {"decimal": ",", "order": "dmy"}
    assert raw["all"]["currency"] == "EUR"
    assert raw["all"]["time_zone"] == "Europe/Berlin"
    (rates,) = raw["fx_rates"]
    assert rates["each_day"] is True
    assert rates["currency"] == {"value": "EUR"}
    assert [one["file"] for one in raw["products"]] == ["Artikel.csv", "Bestellungen *.csv"], (
        "A2 is named by orders alone"
    )
    assert raw["creators"][0]["distinct"] is True
    assert "Urlaub.csv" in proposal.unread
    assert "nobody's answers are known" in proposal.missing["invitations"]
    assert "Not used: Kunde" in proposal.text
    stop = [one for one in proposal.decisions if one.startswith("?")]
    assert len(stop) == 2
    assert "Retoure angefragt" in stop[0] + stop[1]
    frame = proposal.to_frame().set_index(["table", "column"])
    assert frame.loc[("orders", "order_id"), "sureness"] == "sure"
    assert frame.loc[("orders", "content_type"), "sureness"] == "guess"


def test_what_is_not_decided_stops_the_ingest(tmp_path: Path) -> None:
    write(tmp_path, SHOP)
    with pytest.raises(SourceError, match="ingest propose"):
        read(tmp_path)
    write_proposal(propose(tmp_path), tmp_path / "mapping.toml")
    with pytest.raises(SourceError, match="'Retoure angefragt' is not decided yet"):
        read(tmp_path)
    with pytest.raises(SourceError, match="may have been edited"):
        write_proposal(propose(tmp_path), tmp_path / "mapping.toml")


def test_a_proposal_is_the_same_each_time(tmp_path: Path) -> None:
    write(tmp_path, SHOP)
    assert propose(tmp_path).text == propose(tmp_path).text


def test_a_workbook_with_a_sheet_a_table(tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "shop.xlsx", engine="openpyxl") as book:
        pd.DataFrame(
            {"Order ID": ["1", "2"], "Product ID": ["p", "q"], "Creator": ["a", "b"],
            "Created Time": pd.to_datetime(["2025-03-01 09:30", "2025-03-02 00:00"]),
             "Order Status": ["Completed", "Cancelled"], "Quantity": [1, 2], "Unit Price": [1.5, 2.25]}
        ).to_excel(book, sheet_name="Orders", index=False)  # fmt: skip
        pd.DataFrame({"Product ID": ["p", "q"], "Category": ["x", "y"], "Price": [2, 3]}).to_excel(
            book, sheet_name="Products", index=False
        )
    proposal = propose(tmp_path)
    text = proposal.text.replace('"America/New_York"', '"UTC"')
    (tmp_path / "m.toml").write_text(text, encoding="utf-8")
    tables = from_folder(tmp_path / "m.toml").read(tmp_path).tables
    final = tables["orders"].drop_duplicates("order_id", keep="last")
    assert final["ordered_at"].tolist() == [
        pd.Timestamp("2025-03-01 09:30", tz="UTC"),
        pd.Timestamp("2025-03-02", tz="UTC"),
    ]
    assert final["price"].tolist() == [1.5, 2.25]
    assert tables["products"]["price"].tolist() == [2.0, 3.0]


def test_json_lines_with_epochs_and_lists(tmp_path: Path) -> None:
    rows = (
        '{"campaign_id": "c1", "brand_id": "b", "market": "US", "category_id": "x", "product_ids": ["p", "q"],'
        ' "objective": "sales", "collaboration": "open", "currency": "USD", "commission_rate": 0.1,'
        ' "has_free_sample": true, "briefed_at": 1740819600, "starts_at": 1740906000, "ends_at": 1743498000,'
        ' "known_at": 1740819600}'
    )
    (tmp_path / "campaigns.jsonl").write_text(rows + "\n")
    proposal = propose(tmp_path)
    assert proposal.decisions == [], "every line is told: seconds since 1970 need no zone"
    campaigns = read(tmp_path).tables["campaigns"]
    assert campaigns["briefed_at"].tolist() == [pd.Timestamp("2025-03-01 09:00", tz="UTC")]
    assert campaigns["product_ids"].tolist() == [["p", "q"]]
    assert campaigns["collaboration"].tolist() == ["OPEN"]


# TikTok Shop's exports, both generations of headers

OLD = (
    "Creator username,Affiliate GMV,Affiliate LIVE GMV,Affiliate products sold,Items sold,Est. commission,"
    "Samples shipped,Affiliate orders,CTR,Video views,Affiliate LIVE streams,Affiliate shoppable videos,"
    "Affiliate followers"
)
NEW = (
    "Creator name,Creator-attributed GMV,Creator LIVE-attributed GMV,Products sold,Creator-attributed "
    "items sold,Est. commission,Samples shipped,Attributed orders,CTR,Video views,LIVE streams,Videos,"
    "Refunds"
)
VIDEOS = (
    "Video name,Video link,Video post date,Creator username,GMV,Affiliate items sold,Shoppable video "
    "impressions,Shoppable video likes"
)
LIVES = (
    "LIVE ID,LIVE title,LIVE start time,LIVE end time,Creator name,Product ID,Product name,Refunds,AOV,Est. commission"
)
PRODUCT = (
    "Creator Name,Creator Nickname,GMV,Items sold,Videos,LIVE streams,Est. commission,Samples,Refunded "
    "GMV,Refunded items sold,Est. flat fee"
)
AFFILIATE = (
    "Order ID,Product ID,Product Name,SKU ID,Payment Amount,Currency,Quantity,Order Status,Creator "
    "Username,Content Type,Content ID,Standard commission rate,Est. standard commission payment,Time "
    "Created"
)


@pytest.mark.parametrize(
    ("headers", "name"),
    [(OLD, "tiktok_creator_list"), (NEW, "tiktok_creator_list"), (VIDEOS, "tiktok_video_list"),
     (LIVES, "tiktok_live_list"),
     (PRODUCT, "tiktok_product_creators"), (AFFILIATE, "tiktok_affiliate_orders"), (HEADERS["en"], None)],
)  # fmt: skip
def test_an_export_of_tiktok_shop_is_known_by_its_headers(headers: str, name: str | None) -> None:
    fitting = [one.name for one in ready_mappings() if one.fits(headers.split(","))]
    assert fitting == ([] if name is None else [name])


def test_every_ready_mapping_is_of_the_contract() -> None:
    for one in ready_mappings():
        for table, parts in one.parts.items():
            for part in parts:
                assert set(part) <= {*TABLES[table].by_name, "distinct", "opening"}
        for name in one.decide:
            table, column = name.split(".")
            assert column in TABLES[table].by_name


def test_exports_of_tiktok_shop_become_tables(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "Creator_List_20250301-20250330.csv": NEW + '\nAnna.M,"$1,234.50",0,3,4,12,1,4,1.2%,"12.3K",0,2,0\n',
            "affiliate_orders.csv": AFFILIATE
            + (
                "\n577000000000000001,1729000000000000001,Cream,1729000000000000009,$30.00,USD,2,Settled,"
                "anna.m,Video,7300000000000000001,15%,4.5,13/03/2025 10:00:00"
            )
            + (
                "\n577000000000000002,1729000000000000001,Cream,1729000000000000009,$15.00,USD,1,Ineligible,"
                "bob,Product card,,15%,2.25,29/03/2025 11:00:00\n"
            ),
            "videos.csv": VIDEOS
            + "\nHello,https://www.tiktok.com/@anna.m/video/7300000000000000001,2025-03-01,anna.m,30,2,1000,50\n",
        },
    )
    proposal = propose(tmp_path)
    assert not proposal.unread
    file = tmp_path / "m.toml"
    file.write_text(proposal.text, encoding="utf-8")
    tables = from_folder(file).read(tmp_path).tables
    assert set(tables["creators"]["creator_id"]) == {"anna.m", "bob"}
    (snapshot,) = tables["creator_snapshots"].to_dict("records")
    assert snapshot["gmv_30d"] == 1234.5
    orders = tables["orders"].drop_duplicates("order_id", keep="last").to_dict("records")
    assert [one["price"] for one in orders] == [15.0, 15.0]
    assert [one["status"] for one in orders] == ["COMPLETED", "CANCELLED"]
    assert [one["content_type"] for one in orders] == ["VIDEO", "SHOWCASE"]
    assert [one["commission"] for one in orders] == [4.5, 2.25]
    assert tables["contents"]["creator_id"].tolist() == ["anna.m"]


def test_a_template_is_read_as_it_stands(tmp_path: Path) -> None:
    names = write_template(tmp_path / "t")
    assert names == [f"{table}.csv" for table in TABLES]
    tables = read(tmp_path / "t").tables
    assert {name: len(frame) for name, frame in tables.items()} == dict.fromkeys(TABLES, 1)
    for name, frame in tables.items():
        assert frame.notna().all(axis=None), name


def test_requests_for_samples_are_known_by_their_words(tmp_path: Path) -> None:
    states = {
        "To review": "PENDING", "Ready to ship": "AWAITING_SHIPMENT", "Shipped": "SHIPPED",
        "Content pending": "CONTENT_PENDING", "Completed": "COMPLETED", "Rejected": "REJECT_CANCELLED",
    }  # fmt: skip
    rows = [
        f"57399{at},@a{at},1729382,03/{13 + at}/2025 10:11:12,{state},Not started,,\n"
        for at, state in enumerate(states)
    ]
    head = "Sample request ID,Creator username,Product ID,Request date,Sample status,Content status,Shipped on,"
    head += "Delivered on\n"
    write(tmp_path, {"samples_export.csv": head + "".join(rows)})
    proposal = propose(tmp_path)
    (line,) = [one for one in proposal.lines if (one["table"], one["column"]) == ("samples", "status")]
    assert not line["decide"]
    words = tomllib.loads(f"told = {line['from']}")["told"]["words"]
    assert {word: words.get(word, plain_word(word)) for word in states} == states
    # Which request it was, and of which campaign, no such list tells.
    assert any("[[samples]] invitation_id" in one and one.startswith("?") for one in proposal.decisions)


BRAZIL = {
    "produtos.csv": "ID do produto;Preço;Categoria;Marca\nP1;R$ 10,50;Beleza;Minha Loja\nP2;R$ 7,25;Moda;Minha Loja\n",
    "criadores.csv": "Nome de usuário;Seguidores\n@ana;1,2 mil\n@bia;900\nTotal;\n",
    "campanhas.csv": "Campanha;Produtos;Início;Fim;Comissão\nC1;P2,P1,P2;01/03/2025;31/03/2025;12%\n",
    "convites.csv": (
        "Convite;Campanha;Criador;Enviado em;Respondido em;Resposta\n"
        "I1;C1;ana;01/03/2025;03/03/2025;Aceito\nI2;C1;bia;01/03/2025;02/03/2025;Recusado\n"
    ),
    "videos.csv": (
        "ID do vídeo;Criador;Publicado em;Produto\nV1;ana;02/03/2025;P1\nV2;ana;10/03/2025;P1\nV3;bia;10/03/2025;P1\n"
    ),
    "pedidos.csv": (
        "ID do pedido;Data do pedido;Criador;ID do produto;Qtd.;Preço unitário;Status;Qtd. reembolsada\n"
        "O1;20/03/2025;ana;P1;2;R$ 10,50;Concluído;1\n"
    ),
}


def brazil(folder: Path, **other: str) -> Path:
    """The files of a small Brazilian shop, each in its place taken by one of ``other``."""
    folder.mkdir(exist_ok=True)
    for name, text in (BRAZIL | {f"{stem}.csv": text for stem, text in other.items()}).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def ingested(folder: Path) -> Mapping[str, pd.DataFrame]:
    """The tables of the proposed mapping, the money's rate put in."""
    file = folder / "mapping.toml"
    file.write_text(propose(folder).text.replace('usd_rate = { value = "?" }', "usd_rate = { value = 0.2 }"), "utf-8")
    return read(folder, file).tables


def test_a_campaign_has_the_brand_and_the_category_of_most_of_its_products(tmp_path: Path) -> None:
    (brief,) = ingested(brazil(tmp_path / "shop"))["campaigns"].to_dict("records")
    # P2 is named twice, and counts once as an id: of equals the first named.
    assert (brief["brand_id"], brief["category_id"]) == ("Minha Loja", "Moda")
    assert brief["commission_rate"] == pytest.approx(0.12)


def test_sums_below_a_table_and_abbreviations_are_understood(tmp_path: Path) -> None:
    tables = ingested(brazil(tmp_path / "shop"))
    assert sorted(tables["creators"]["creator_id"]) == ["ana", "bia"]
    last = tables["orders"].sort_values("known_at").iloc[-1]
    assert (last["quantity"], last["refunded_quantity"]) == (2, 1)
    # A creator may be called so: where half of the rows would be sums, none is.
    tables = ingested(brazil(tmp_path / "shop", criadores="Nome de usuário;Seguidores\n@total;5\n"))
    assert "total" in set(tables["creators"]["creator_id"])


def test_what_was_posted_after_accepting_is_delivered_where_no_file_tells_it(tmp_path: Path) -> None:
    tables = ingested(brazil(tmp_path / "shop"))
    # V1 came before the answer, V3 from who declined.
    (one,) = tables["deliveries"].to_dict("records")
    assert (one["invitation_id"], one["content_id"], one["campaign_id"]) == ("I1", "V2", "C1")
    assert one["posted_at"] == pd.Timestamp("2025-03-10", tz="UTC") + pd.Timedelta(hours=3)
    late = BRAZIL["videos.csv"].replace("10/03/2025", "10/05/2025")
    assert not len(ingested(brazil(tmp_path / "shop", videos=late)).get("deliveries", ()))


def test_a_list_of_whom_one_wrote_to_is_invitations_posts_and_campaigns(tmp_path: Path) -> None:
    (tmp_path / "outreach.csv").write_text(
        "Creator handle,Campaign name,Contacted,Status,Agreed rate,Posted on\n"
        'mia,Spring,"Mar 20, 2025",Posted,15%,"Apr 02, 2025"\n'
        'tom,Spring,"Mar 05, 2025",Ghosted,15%,\n'
        'tom,Spring,"Mar 25, 2025",Declined,15%,\n',
        encoding="utf-8",
    )
    (tmp_path / "orders.csv").write_text(
        "Name,Financial Status,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Currency\n"
        "#1,refunded,2025-03-01 10:00:00 -0500,2,Oil,9.50,S1,USD\n#1,,2025-03-01 10:00:00 -0500,1,Set,5,,USD\n",
        encoding="utf-8",
    )
    text = propose(tmp_path).text.replace('product_ids = "?"', 'product_ids = { value = ["S1"] }')
    file = tmp_path / "mapping.toml"
    file.write_text(text.replace('time_zone = "America/New_York"', 'time_zone = "UTC"'), "utf-8")
    tables = read(tmp_path, file).tables
    sent = tables["invitations"].sort_values("known_at").drop_duplicates("invitation_id", keep="last")
    assert sorted(sent["decision"]) == ["ACCEPT", "DECLINE", "EXPIRED"]
    (post,) = tables["deliveries"].to_dict("records")
    assert post["invitation_id"] == sent.set_index("decision")["invitation_id"]["ACCEPT"]
    (brief,) = tables["campaigns"].to_dict("records")
    # A day without a clock counts from its beginning where it plans, and the first of all who were written to begins.
    assert f"{brief['briefed_at']:%Y-%m-%d}" == "2025-03-05"
    assert f"{brief['ends_at']:%Y-%m-%d}" == "2025-04-24"
    lines = tables["orders"].sort_values("known_at").drop_duplicates(["order_id", "sku_id"], keep="last")
    assert lines.set_index("sku_id")["status"].to_dict() == {"S1": "CANCELLED", "Set": "COMPLETED"}
    assert lines["ordered_at"].eq(pd.Timestamp("2025-03-01 15:00", tz="UTC")).all()
