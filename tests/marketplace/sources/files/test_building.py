"""Rows become tables: values by hand, states, repeated rows, accounts, and faults told by file, row and column."""

from __future__ import annotations

import pandas as pd
import pytest

from marketplace.errors import SourceError
from tests.marketplace.sources.files.conftest import ORDERS, Build

ZONE = '[all]\ntime_zone = "Europe/Berlin"\n'
HEAD = "Order,Item,Creator,Date,Qty,Price\n"


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def faults(build: Build, rows: str, mapping: str = ZONE + ORDERS) -> str:
    with pytest.raises(SourceError) as raised:
        build({"orders.csv": HEAD + rows}, mapping)
    assert raised.value.expected == "files that read as the mapping says"
    assert "mapping.toml" in raised.value.look
    return raised.value.received


def test_values_by_hand(build: Build) -> None:
    read = build(
        {"orders.csv": HEAD + '1,p1,@Anna ,31.01.2025 14:30,2,"1.234,50"\n2,p2,,30.06.2025,1.000,"7,25"\n'},
        ZONE + ORDERS,
    )
    orders = read.tables["orders"]
    assert orders["order_id"].tolist() == ["1", "2"]
    assert orders["creator_id"].tolist()[0] == "anna"
    assert pd.isna(orders["creator_id"][1])
    assert orders["price"].tolist() == [1234.5, 7.25]
    assert orders["quantity"].tolist() == [2, 1000]
    assert orders["ordered_at"].tolist() == [at("2025-01-31 13:30"), at("2025-06-29 22:00")], "winter and summer time"
    assert orders["known_at"].tolist() == [at("2025-01-31 13:30"), at("2025-06-30 21:59:59.999999")], (
        "a day is known when over"
    )


def test_a_fault_tells_file_row_column_value_form_and_mend(build: Build) -> None:
    told = faults(build, "1,p1,a,31.01.2025,2,5\n\n2,p2,b,32.01.2025,x,9\n3,p3,c,01.02.2025,1,cheap\n")
    assert "orders.csv row 4, column \"Date\": '32.01.2025'; expected a date with the day first" in told
    assert "orders.csv row 4, column \"Qty\": 'x'; expected a number" in told
    assert (
        "orders.csv row 5, column \"Price\": 'cheap'; expected a number such as 1,234.56. Mend: correct it, "
        "or under [[orders]] price"
    ) in told
    assert told.count("row 4") == 2, "a date that cannot be read is told once, not as missing too"


def test_many_faults_of_one_kind_are_counted(build: Build) -> None:
    told = faults(build, "".join(f"{i},p,a,31.01.2025,1,?{i}\n" for i in range(100)))
    assert "orders.csv row 2, 3, 4 and 97 more" in told
    assert told.startswith("1 troubles")


def test_an_empty_cell_where_null_may_not_be(build: Build) -> None:
    told = faults(build, "1,p1,a,31.01.2025,2,\n2,,b,31.01.2025,2,3\n")
    assert (
        'orders.csv row 2, column "Price"; expected price paid for one unit in every row: orders.price is never null'
        in told
    )
    assert 'orders.csv row 3, column "Item"' in told
    assert "default = " in told


def test_a_column_that_the_file_has_not(build: Build) -> None:
    told = faults(build, "1,p1,a,31.01.2025,2,1\n", ZONE + ORDERS.replace('"Qty"', '"Menge"'))
    assert (
        'column "Menge"; expected a column of that name. Mend: [[orders]] quantity names it; the file has Order, Item'
        in told
    )


def test_a_column_that_nothing_maps(build: Build) -> None:
    told = faults(build, "1,p1,a,31.01.2025,2,1\n", ZONE + ORDERS.replace('quantity = "Qty"\n', ""))
    assert 'column "quantity"; expected units ordered (count): never null' in told


def test_a_clock_without_a_zone_is_not_guessed(build: Build) -> None:
    told = faults(build, "1,p1,a,31.01.2025 10:00,2,1\n", ORDERS)
    assert "expected clocks whose time zone is known" in told
    assert 'time_zone = "Asia/Jakarta"' in told


def test_an_order_of_day_and_month_that_nothing_proves_is_not_guessed(build: Build) -> None:
    told = faults(build, "1,p1,a,01/02/2025,2,1\n2,p1,a,03/04/2025,2,1\n")
    assert "'01/02/2025' may be read both ways" in told
    read = build(
        {"orders.csv": HEAD + "1,p1,a,01/02/2025,2,1\n"}, ZONE.replace("[all]", '[all]\norder = "mdy"') + ORDERS
    )
    assert read.tables["orders"]["ordered_at"][0] == at("2025-01-01 23:00") + pd.Timedelta(hours=0)


def test_a_price_that_may_be_read_both_ways_is_not_guessed(build: Build) -> None:
    told = faults(build, "1,p1,a,31.01.2025,2,1.234\n2,p1,a,31.01.2025,2,5.678\n")
    assert "'1.234' may be read both ways" in told
    read = build(
        {"orders.csv": HEAD + "1,p1,a,31.01.2025,2,1.234\n"},
        ZONE + ORDERS.replace('"Price"', '{ column = "Price", decimal = "," }'),
    )
    assert read.tables["orders"]["price"].tolist() == [1234]


def test_ids_that_a_spreadsheet_rounded_are_refused(build: Build) -> None:
    told = faults(build, "5.77E+17,p1,a,31.01.2025,2,1\n")
    assert "'5.77E+17'; expected an id with all its digits" in told


def test_quotes_that_keep_spreadsheets_away_are_taken_off(build: Build) -> None:
    rows = '"=""577123456789012345""",\'p1,a,31.01.2025,2,1\n577123456789012346\t,p1,a,31.01.2025,2,1\n'
    orders = build({"orders.csv": HEAD + rows}, ZONE + ORDERS).tables["orders"]
    assert orders["order_id"].tolist() == ["577123456789012345", "577123456789012346"]
    assert orders["product_id"].tolist() == ["p1", "p1"]


def test_words_and_units(build: Build) -> None:
    mapping = (
        ZONE
        + """
    [[invitations]]
    file = "i.csv"
    invitation_id = "Id"
    campaign_id = { value = "c1" }
    creator_id = "Who"
    sent_at = "Sent"
    decision = { column = "Reply", words = { "Zugesagt" = "ACCEPT" }, default = "PENDING" }
    commission_rate = { column = "Rate", unit = "percent" }
    known_at = "Sent"
    """
    )
    rows = "Id,Who,Sent,Reply,Rate\n1,a,31.01.2025,zugesagt,12.5\n2,b,31.01.2025,declined?,15%\n3,c,31.01.2025,,1500\n"
    with pytest.raises(SourceError) as raised:
        build({"i.csv": rows}, mapping)
    assert "i.csv row 3, column \"Reply\": 'declined?'; expected one of PENDING, ACCEPT" in raised.value.received
    assert "words = { 'declined?' = " in raised.value.received
    assert "i.csv row 4, column \"Rate\": '1500'; expected a number from 0 to 1 (fraction)" in raised.value.received
    rows = rows.replace("declined?", "Decline").replace("1500", "0")
    invitations = build({"i.csv": rows}, mapping).tables["invitations"]
    assert invitations["decision"].tolist() == ["ACCEPT", "DECLINE", "PENDING"]
    assert invitations["commission_rate"].tolist() == [0.125, 0.15, 0.0]


def test_a_last_state_gets_the_first_one_before_it(build: Build) -> None:
    mapping = ZONE + ORDERS.replace(
        'known_at = "Date"',
        (
            'known_at = { column = "Date", plus_days = 21 }\n    opening = { status = "PROCESSING", '
            "refunded_quantity = 0 }"
        ),
    ).replace("refunded_quantity = { value = 0 }", 'refunded_quantity = "Qty"')
    orders = build({"orders.csv": HEAD + "1,p,a,01.03.2025 12:00,2,1\n2,p,a,31.05.2025 12:00,1,1\n"}, mapping).tables[
        "orders"
    ]
    assert orders[["order_id", "status", "refunded_quantity"]].to_numpy().tolist() == [
        ["1", "PROCESSING", 0], ["1", "COMPLETED", 2], ["2", "COMPLETED", 1]
    ]  # fmt: skip
    assert orders["known_at"].tolist() == [at("2025-03-01 11:00"), at("2025-03-22 11:00"), at("2025-05-31 10:00")], (
        "nothing is known later than the export was made"
    )


def test_files_of_one_kind_are_one_and_rows_in_two_of_them_count_once(build: Build) -> None:
    files = {
        "orders_1.csv": HEAD + "1,p,a,01.03.2025,2,1\n2,p,a,02.03.2025,2,1\n",
        "orders_2.csv": HEAD + "2,p,a,02.03.2025,2,1\n3,p,a,31.03.2025,2,1\n",
    }
    read = build(files, ZONE + ORDERS.replace("orders.csv", "orders_*.csv"))
    assert read.tables["orders"]["order_id"].tolist() == ["1", "2", "3"]
    assert "orders: 1 rows stand in the files more than once and count once" in read.notes


def test_a_key_with_two_different_rows_is_a_fault(build: Build) -> None:
    told = faults(build, "1,p,a,31.03.2025,2,1\n1,p,a,31.03.2025,3,1\n")
    assert "orders.csv row 2, 3" in told
    assert "expected one row for each order_id and sku_id and known_at" in told


ACCOUNTS = """
    [[creators]]
    file = "creators.csv"
    creator_id = "Id"
    username = "Name"
    market = { value = "US" }
    joined_at = { from_start = true }
    known_at = { from_start = true }
    [[creators]]
    file = "orders.csv"
    distinct = true
    creator_id = { column = "Creator", spelling = "username" }
    market = { value = "US" }
    joined_at = { from_start = true }
    known_at = { from_start = true }
"""


def test_orders_that_name_accounts_find_the_creators_ids(build: Build) -> None:
    files = {
        "creators.csv": "Id,Name\n77,Ａnna.M\n78,bob\n",
        "orders.csv": HEAD
        + "1,p,@anna.m,31.03.2025,2,1\n2,p,https://www.tiktok.com/@Bob?lang=en,31.03.2025,2,1\n3,p,Cleo,31.03.2025,2,1\n",
    }
    read = build(files, ZONE + ACCOUNTS + ORDERS)
    assert read.tables["orders"]["creator_id"].tolist() == ["77", "78", "cleo"]
    assert read.tables["creators"]["creator_id"].tolist() == ["77", "78", "cleo"]
    assert (read.tables["creators"]["known_at"] == at("2025-03-29")).all(), (
        "the day before the first order, of 30 March in UTC"
    )


def test_one_account_in_two_spellings_is_told_with_both(build: Build) -> None:
    read = build(
        {"orders.csv": HEAD + "1,p,@Anna,31.03.2025,2,1\n2,p,anna,31.03.2025,2,1\n3,p,ｂｏｂ,31.03.2025,2,1\n"},
        ZONE + ORDERS,
    )
    assert [note for note in read.notes if note.startswith("warning")] == [
        "warning: orders.csv, column \"Creator\": '@Anna' and 'anna' count as one, 'anna'"
    ]


def test_one_account_under_two_ids_is_told(build: Build) -> None:
    files = {"creators.csv": "Id,Name\n77,Anna\n78,@anna \n", "orders.csv": HEAD + "1,p,anna,31.03.2025,2,1\n"}
    read = build(files, ZONE + ACCOUNTS + ORDERS)
    assert "warning: creators.csv: 'Anna' and '@anna' look like one account, but have the ids 77 and 78" in read.notes


def test_totals_dates_in_two_columns_and_rows_left_out(build: Build) -> None:
    mapping = ZONE + ORDERS.replace('price = "Price"', 'price = { column = "Price", divided_by = "Qty" }').replace(
        'ordered_at = "Date"', 'ordered_at = { column = "Date", clock = "Creator" }'
    ).replace('known_at = "Date"', 'known_at = { column = "Date" }\n    skip = { Order = "Total" }').replace(
        'creator_id = { column = "Creator", spelling = "username" }\n', ""
    )
    orders = build({"orders.csv": HEAD + "1,p,14:30,31.03.2025,4,10\nTotal,,,,4,10\n"}, mapping).tables["orders"]
    assert orders["price"].tolist() == [2.5]
    assert orders["ordered_at"].tolist() == [at("2025-03-31 12:30")]


CONTENTS = (
    ZONE
    + """
    [[contents]]
    file = "c.csv"
    content_id = "Id"
    creator_id = "Who"
    format = { value = "VIDEO" }
    published_at = "At"
    product_ids = "Products"
    is_shoppable = { value = true }
    known_at = "At"
"""
)


def test_ids_of_a_cell_are_parted(build: Build) -> None:
    text = (
        "Id,Who,At,Products,Ad\n1,a,31.03.2025,\"p1; p2;p1\",ja\n2,a,31.03.2025,\"['p3', 'p4']\",Nein\n3,"
        "a,31.03.2025,,\n"
    )
    contents = build({"c.csv": text}, CONTENTS + '    is_disclosed = "Ad"\n').tables["contents"]
    assert contents["product_ids"].tolist() == [["p1", "p2"], ["p3", "p4"], None]
    assert contents["is_disclosed"].tolist()[:2] == [True, False]
    assert pd.isna(contents["is_disclosed"][2])


@pytest.mark.parametrize(
    "cell",
    ["p1;p2", "p1, p2", "p1 | p2", "[p1, p2]", "['p1', 'p2']", "['p1' 'p2']", "['p1'\n 'p2']", '["p1", "p2"]',
     "('p1', 'p2',)", "{'p1','p2'}", " [ 'p1' 'p2' ] "],
)  # fmt: skip
def test_lists_are_read_as_people_and_programs_print_them(cell: str, build: Build) -> None:
    quoted = cell.replace('"', '""')
    text = f'Id,Who,At,Products\n1,a,31.03.2025,"{quoted}"\n2,a,31.03.2025,p1\n'
    assert build({"c.csv": text}, CONTENTS).tables["contents"]["product_ids"].tolist() == [["p1", "p2"], ["p1"]]


def test_a_rate_for_every_day(build: Build) -> None:
    mapping = (
        ZONE
        + ORDERS
        + '\n    [[fx_rates]]\n    each_day = true\n    currency = { value = "EUR" }\n    usd_rate = { value = 1.1 }\n'
    )
    rates = build({"orders.csv": HEAD + "1,p,a,30.03.2025 12:00,2,1\n2,p,a,31.03.2025 12:00,2,1\n"}, mapping).tables[
        "fx_rates"
    ]
    assert [str(day) for day in rates["day"]] == ["2025-03-30", "2025-03-31", "2025-04-01"]
    assert (rates["usd_rate"] == 1.1).all()
    assert rates["known_at"].tolist() == [at("2025-03-30"), at("2025-03-31"), at("2025-04-01")]


def test_an_instant_after_its_row_was_known_is_a_fault(build: Build) -> None:
    told = faults(
        build,
        "1,p,a,31.03.2025 12:00,2,1\n",
        ZONE + ORDERS.replace('known_at = "Date"', 'known_at = { value = "2025-01-01" }'),
    )
    assert 'orders.csv row 2, column "orders.ordered_at"' in told
    assert "latest_of" in told


def test_a_constant_that_does_not_read_points_at_its_line(build: Build) -> None:
    told = faults(build, "1,p,a,31.03.2025,2,1\n", ZONE + ORDERS.replace('{ value = "EUR" }', '{ value = "Taler" }'))
    assert "[[orders]] currency" in told or "mapping.toml" in told
    assert "'Taler'; expected one of" in told
