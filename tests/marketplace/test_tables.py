"""A marketplace reads the same from a folder, from several files and from frames; what is lacking is null."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketplace.contract import TABLES, arrow_schema
from marketplace.errors import ContractError
from marketplace.tables import Marketplace, open_marketplace, read_truth, to_arrow

Tables = dict[str, pa.Table]
Write = Callable[[Path, Mapping[str, pa.Table]], Path]


def creators(**columns: object) -> pd.DataFrame:
    day = pd.Timestamp("2026-01-01", tz="UTC")
    return pd.DataFrame({"creator_id": ["a", "b"], "market": "US", "joined_at": day, "known_at": day, **columns})


def test_folder_and_frames_read_the_same(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    folder = open_marketplace(write_market(tmp_path / "m", valid))
    memory = Marketplace.from_frames({name: rows.to_pandas() for name, rows in valid.items()})
    for name, rows in valid.items():
        key = [(column, "ascending") for column in TABLES[name].key]
        for market in (folder, memory):
            assert market.arrow(name).equals(rows)
            assert market.arrow(name, ["known_at"]).column_names == ["known_at"]
            by_ibis = market.backend.to_pyarrow(market.table(name)).select(rows.column_names).cast(rows.schema)
            assert by_ibis.sort_by(key).equals(rows.sort_by(key))


def test_what_is_lacking_is_there_and_null() -> None:
    market = Marketplace.from_frames({"creators": creators()})
    assert market.present == {"creators"}
    assert market.frame("creators")["language"].isna().all()
    assert market.frame("orders").empty
    assert list(market.frame("orders").columns) == [c.name for c in TABLES["orders"].columns]
    assert market.query(market.table("orders").count().name("n").as_table())["n"].tolist() == [0]


def test_instants_are_utc_whatever_zone_they_come_in() -> None:
    manila = creators(joined_at=pd.Timestamp("2026-01-01 08:00", tz="Asia/Manila"))
    naive = creators(joined_at=pd.Timestamp("2026-01-01 00:00"))
    wanted = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for frame in (manila, naive):
        assert to_arrow(frame, "creators")["joined_at"].to_pylist() == [wanted, wanted]


def test_the_callers_frame_is_not_changed() -> None:
    frame = creators(mood="good")
    before = frame.copy()
    Marketplace.from_frames({"creators": frame})
    pd.testing.assert_frame_equal(frame, before)


def test_a_column_in_some_files_only_is_null_in_the_others(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    rows = valid.pop("orders")
    folder = write_market(tmp_path / "m", valid)
    (folder / "orders").mkdir()
    pq.write_table(rows.slice(0, 3).drop_columns(["commission"]), folder / "orders" / "a.parquet")
    pq.write_table(rows.slice(3), folder / "orders" / "b.parquet")
    market = open_marketplace(folder)
    wanted = [None] * 3 + rows["commission"].to_pylist()[3:]
    assert market.arrow("orders")["commission"].to_pylist() == wanted
    table = market.table("orders").order_by("order_id")
    assert market.backend.to_pyarrow(table)["commission"].to_pylist() == wanted


def test_what_does_not_cast_without_loss_is_refused_by_name() -> None:
    with pytest.raises(ContractError, match=r"creators\.joined_at"):
        to_arrow(creators(joined_at="yesterday"), "creators")
    with pytest.raises(ContractError, match="no_such_table"):
        Marketplace.from_frames({"no_such_table": creators()})


def test_opening_says_which_indispensable_tables_are_missing(
    tmp_path: Path, valid: Tables, write_market: Write
) -> None:
    for name in ("orders", "campaigns", "reviews"):
        del valid[name]
    with pytest.raises(ContractError, match="without orders, campaigns") as caught:
        open_marketplace(write_market(tmp_path / "m", valid))
    assert "reviews" not in caught.value.received
    with pytest.raises(ContractError, match="no folder"):
        open_marketplace(tmp_path / "nowhere")


def test_opening_a_garbled_file_is_an_error_in_plain_words(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    folder = write_market(tmp_path / "m", valid)
    (folder / "orders" / "part.parquet").write_bytes(b"PAR1 not at all")
    with pytest.raises(ContractError, match="Parquet files in"):
        open_marketplace(folder)


def test_the_fingerprint_follows_the_content(tmp_path: Path, valid: Tables, write_market: Write) -> None:
    one = open_marketplace(write_market(tmp_path / "one", valid)).fingerprint()
    assert open_marketplace(write_market(tmp_path / "two", valid)).fingerprint() == one
    valid["orders"] = valid["orders"].slice(0, 7)
    assert open_marketplace(write_market(tmp_path / "three", valid)).fingerprint() != one
    frames = {name: rows.to_pandas() for name, rows in valid.items()}
    memory = Marketplace.from_frames(frames).fingerprint()
    assert Marketplace.from_frames(frames).fingerprint() == memory
    frames["orders"].loc[0, "price"] += 1.0
    assert Marketplace.from_frames(frames).fingerprint() != memory


def test_truth_is_none_where_the_marketplace_is_real(tmp_path: Path, small_market: Path) -> None:
    assert read_truth(tmp_path, "outcomes") is None
    truth = read_truth(small_market, "outcomes")
    assert truth is not None
    assert {"campaign_id", "creator_id", "incremental_profit"} <= set(truth.columns)


def test_an_empty_table_keeps_its_schema() -> None:
    market = Marketplace.from_frames({"creators": creators().head(0)})
    assert market.arrow("creators").schema.equals(arrow_schema("creators"))
