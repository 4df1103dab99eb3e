"""Files as cells: encodings, delimiters, headers that stand low, workbooks, JSON lines, and files that are broken."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marketplace.errors import SourceError
from marketplace.sources.files.reading import Told, data_files, find_encoding, read_sheet, read_sheets

TEXTS = {
    "cp1252": ["Währung;Menge\n10;2\n", "Numéro de commande,Créé le\nété,déjà\n", "€ 12;Größe\n", "preço;não;São\n"],
    "cp932": ["注文番号,数量,価格\n1,2,3\n", "クリエイター,フォロワー数\n東京太郎,12\n", "日付,売上\n"],
    "gb18030": ["订单号,数量,价格\n", "达人昵称,粉丝数\n小红书,12\n", "GMV金额,状态\n1,已完成\n"],
    "cp874": ["หมายเลขคำสั่งซื้อ,จำนวน,ราคา\n", "วันที่,ยอดขาย\n", "ชื่อ,บาท\n"],
    "big5": ["訂單編號,數量,價格\n", "達人名稱,粉絲數,國家\n"],
    "cp949": [
        "주문번호,수량,가격\n",
        "크리에이터,팔로워 수\n김민수,12\n",
        "날짜;매출;상태\n;;배송 완료\n",
        "상품명,옵션\n수분 크림 50ml,없음\n선크림,대용량\n톤업 쿠션,리필 포함\n",
    ],
    "cp1250": ["Zamówienie;Ilość;Łódź;złoty\n"],
    "cp1251": ["Заказ;Количество;Цена\n"],
    "utf-8": ["Währung,数量,จำนวน\n"],
    "utf-16-le": ["Währung,Menge\nzwei,3\n"],
}


@pytest.mark.parametrize(("encoding", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts])
def test_the_encoding_is_found_by_few_letters(encoding: str, text: str) -> None:
    assert find_encoding(text.encode(encoding)) == encoding
    assert find_encoding((text + "1;2;3\n" * 5000).encode(encoding)) == encoding


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_mark_tells_the_encoding(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Name,Größe\nx,1\n", encoding=encoding)
    assert list(read_sheet(file).cells.columns) == ["Name", "Größe"]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(mark: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f'Name{mark}Price\n"a{mark}b"{mark}"1,5"\n"c\nd"{mark}"2,5"\n', encoding="utf-8")
    sheet = read_sheet(file)
    assert sheet.cells.to_numpy().tolist() == [[f"a{mark}b", "1,5"], ["c\nd", "2,5"]]


def test_titles_above_and_blank_lines_keep_the_rows_numbers(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Report of March\n\nName,Price,Note\na,1,x\n\nb,2,\n", encoding="utf-8")
    sheet = read_sheet(file)
    assert list(sheet.cells.columns) == ["Name", "Price", "Note"]
    assert sheet.rows.tolist() == [4, 6]
    assert sheet.cells["Note"].tolist() == ["x", ""]
    assert read_sheet(file, Told(header_row=4)).cells.columns.tolist() == ["a", "1", "x"]


def test_no_text_is_taken_for_a_number_or_for_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Id,Market\n0012,NA\n1e5,true\n", encoding="utf-8")
    assert read_sheet(file).cells.to_numpy().tolist() == [["0012", "NA"], ["1e5", "true"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [("a,b,c\n1,2,3\n1,2\n1,2,3\n", "row 3 with fewer than 3 cells"),
     ("a,b,c\n1,2,3\n1,2,3,4\n1,2,3\n", "row 3 with more than 3"),
     ("", "empty file"), ('a,b\n"1,2\n3,4\n', "EOF inside string")],
)  # fmt: skip
def test_a_broken_file_says_where(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=words) as raised:
        read_sheet(file)
    assert "orders.csv" in str(raised.value)


def test_headers_twice_and_headers_missing_get_names(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("GMV,GMV,,Name,\n1,2,3,4,\n", encoding="utf-8")
    assert list(read_sheet(file).cells.columns) == ["GMV", "GMV #2", "column 3", "Name"]


def test_a_workbook_keeps_types_and_sheets(tmp_path: Path) -> None:
    file = tmp_path / "book.xlsx"
    with pd.ExcelWriter(file, engine="openpyxl") as book:
        pd.DataFrame(
            {"Id": ["001", "002"], "At": [dt.datetime(2025, 3, 1, 9), dt.datetime(2025, 3, 2)], "Price": [1.5, 2]}
        ).to_excel(book, sheet_name="Orders", index=False)
        pd.DataFrame({"Name": ["x"], "Followers": [12]}).to_excel(book, sheet_name="People", index=False, startrow=2)
        pd.DataFrame().to_excel(book, sheet_name="Empty", index=False)
    orders, people = read_sheets(file)
    assert orders.name == "book.xlsx [Orders]"
    assert orders.cells["Id"].tolist() == ["001", "002"]
    assert orders.cells["At"].tolist()[0] == dt.datetime(2025, 3, 1, 9)
    assert people.cells.columns.tolist() == ["Name", "Followers"]
    assert people.rows.tolist() == [4]
    with pytest.raises(SourceError, match="no sheet 'Nope' among Orders, People, Empty"):
        read_sheet(file, Told(sheet="Nope"))
    (tmp_path / "bad.xlsx").write_text("no workbook")
    with pytest.raises(SourceError, match=r"bad\.xlsx"):
        read_sheets(tmp_path / "bad.xlsx")


def test_json_lines_keep_long_ids(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    rows = [{"id": 7312345678901234567, "tags": ["a", "b"], "n": None}, {"id": 7312345678901234568, "tags": [], "n": 2}]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    sheet = read_sheet(file)
    assert [int(one) for one in sheet.cells["id"]] == [7312345678901234567, 7312345678901234568]
    assert np.asarray(sheet.cells["tags"][0]).tolist() == ["a", "b"]
    (tmp_path / "b.jsonl").write_text('{"a": 1}\n{"a": ')
    with pytest.raises(SourceError, match=r"b\.jsonl"):
        read_sheet(tmp_path / "b.jsonl")


def test_a_folder_without_files_says_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").write_text("")
    with pytest.raises(SourceError, match=r"notes\.docx"):
        data_files(tmp_path)
    with pytest.raises(SourceError, match="no folder"):
        data_files(tmp_path / "nowhere")
