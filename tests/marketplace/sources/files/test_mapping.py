"""The mapping file: every slip is told at once, with what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.contract import TABLES
from marketplace.errors import SourceError
from marketplace.sources.files.mapping import ORIGIN_WORDS, PART_WORDS, SETTINGS, load_mapping, parse_mapping


def test_no_word_of_a_mapping_is_a_column_of_the_contract() -> None:
    """A part's words stand beside its columns, so none may be called like one."""
    columns = {column.name for table in TABLES.values() for column in table.columns}
    assert not columns & {*PART_WORDS, *SETTINGS, *ORIGIN_WORDS}
    assert not set(TABLES) & {"all", "files"}


def test_every_slip_is_told_at_once() -> None:
    text = """
    [all]
    time_zone = "Jakarta"
    markt = "ID"
    [files."a.csv"]
    decimal = ";"
    [[order]]
    file = "a.csv"
    [[orders]]
    file = "a.csv"
    quantitty = "Menge"
    price = 12
    status = { value = "?" }
    quantity = { column = "A", value = 1 }
    content_type = { column = "T", words = { "X" = "?" } }
    sku_id = "?"
    commission = { column = "C", unit = "promille" }
    """
    with pytest.raises(SourceError) as raised:
        parse_mapping(text, name="m.toml")
    told = raised.value.received
    for words in (
        "no zone 'Jakarta'", "no 'markt'; did you mean 'market'?", "decimal: ';' is none of ., ,",
        "no 'order'; did you mean 'orders'?",
        "no 'quantitty'; did you mean 'quantity'?", "price: write { value = 12 }",
        "[[orders]] status value is not decided yet",
        "quantity: say one of", "the word 'X' is not decided yet", "[[orders]] sku_id is not decided yet",
        "'promille' is none of percent",
    ):  # fmt: skip
        assert words in told
    assert "m.toml with 11 faults" in told


def test_what_is_no_toml_says_the_line(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text("[[orders]]\nfile = a.csv\n")
    with pytest.raises(SourceError, match="line 2"):
        load_mapping(file)
    with pytest.raises(SourceError, match="mapping file in UTF-8"):
        load_mapping(tmp_path / "none.toml")
