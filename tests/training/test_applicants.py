"""Who asked for a sample: files as people make them, and everything that is wrong with one at once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketplace.errors import ContractError
from marketplace.tables import Marketplace, open_marketplace
from training.applicants import read_applicants


@pytest.fixture(scope="module")
def market(small_market: Path) -> Marketplace:
    return open_marketplace(small_market)


@pytest.fixture(scope="module")
def ids(market: Marketplace) -> list[str]:
    return [str(one) for one in market.frame("creators", ["creator_id"])["creator_id"].head(4)]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_csv_a_parquet_and_a_list_say_the_same(
    mark: str, market: Marketplace, ids: list[str], tmp_path: Path
) -> None:
    rows = [ids[2], ids[0], "", ids[2]]
    csv, parquet = tmp_path / "asked.csv", tmp_path / "asked.parquet"
    csv.write_text(mark + "note,creator_id\n" + "".join(f"hello,{one}\n" for one in rows), encoding="utf-8")
    coded = pa.array([one or None for one in rows]).dictionary_encode()
    pq.write_table(pa.table({"creator_id": coded, "note": [1, 2, 3, 4]}), parquet)
    expected = [ids[2], ids[0]]
    assert read_applicants(csv, market) == expected
    assert read_applicants(str(parquet), market) == expected
    assert read_applicants([ids[2], ids[0], ids[2]], market) == expected


def test_all_that_is_wrong_is_told_at_once(market: Marketplace, ids: list[str], tmp_path: Path) -> None:
    file = tmp_path / "asked.csv"
    file.write_text(f"creator_id,note\n{ids[0]},a,b\nnobody,a\nnobody,b\n00017,c\n")
    with pytest.raises(ContractError) as caught:
        read_applicants(file, market)
    for words in ("lines with more or fewer values than the first: 1", "unknown creator_id: 2", "'nobody', '00017'"):
        assert words in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("asked.csv", "creator\nx\n", "column creator_id missing (columns found: 'creator')"),
        ("asked.csv", "creator_id;note\nx;y\n", "separated by ';'"),
        ("asked.csv", "creator_id\n", "nobody"),
        ("asked.csv", "creator_id,creator_id\na,b\n", "there more than once"),
        ("asked.txt", "creator_id\nx\n", "of kind '.txt'"),
        ("asked.parquet", "no parquet", "cannot be read as parquet"),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(
    name: str, content: str, words: str, market: Marketplace, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(ContractError) as caught:
        read_applicants(file, market)
    assert words in str(caught.value)
    with pytest.raises(ContractError, match="no such file"):
        read_applicants(tmp_path / "other.csv", market)
