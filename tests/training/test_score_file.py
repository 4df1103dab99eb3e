"""A stranger's file of scores: read by its rules, or refused with all that is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketplace.errors import ContractError
from marketplace.tables import Marketplace
from training.score_file import read_known_scores, read_scores

DAY = pd.Timestamp("2025-05-01", tz="UTC")
PAIRS = pd.DataFrame(
    {"campaign_id": ["a", "a", "a", "b", "b"], "creator_id": ["x", "y", "z", "x", "y"]},
)


@pytest.fixture
def market() -> Marketplace:
    """Campaigns old, a and b (the last two held out); creators x, y, z and one in another market."""
    return Marketplace.from_frames(
        {
            "campaigns": pd.DataFrame({"campaign_id": ["old", "a", "b"], "briefed_at": DAY, "known_at": DAY}),
            "creators": pd.DataFrame({"creator_id": ["x", "y", "z", "far"], "joined_at": DAY, "known_at": DAY}),
        }
    )


def good() -> pd.DataFrame:
    return PAIRS.assign(score=[5.0, 4.0, 3.0, 2.0, 1.0])


def written(folder: Path, frame: pd.DataFrame, kind: str = "parquet") -> Path:
    file = folder / f"scores.{kind}"
    if kind == "csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file, index=False)
    return file


def refusal(*args, **kwargs) -> str:
    with pytest.raises(ContractError) as caught:
        read_scores(*args, **kwargs)
    return caught.value.received


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_scores_come_back_in_the_order_of_the_pairs(tmp_path, market, kind):
    mixed = good().sample(frac=1.0, random_state=3).assign(note="not read")
    found = read_scores(written(tmp_path, mixed, kind), market, PAIRS)
    assert found.scores.tolist() == [5.0, 4.0, 3.0, 2.0, 1.0]
    assert found.as_dict() == {"rows": 5, "not_held_out": 0, "not_eligible": 0, "ranked_last": 0}


def test_rows_beyond_the_question_are_left_out_and_counted(tmp_path, market):
    more = pd.DataFrame({"campaign_id": ["old", "old", "a"], "creator_id": ["x", "y", "far"], "score": [9.0, 8.0, 7.0]})
    found = read_scores(written(tmp_path, pd.concat([good(), more])), market, PAIRS)
    assert found.scores.tolist() == [5.0, 4.0, 3.0, 2.0, 1.0]
    assert (found.not_held_out, found.not_eligible) == (2, 1)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_every_problem_is_named_with_count_and_example(tmp_path, market, kind):
    bad = pd.concat(
        [
            good().iloc[[0, 0, 1]].assign(score=[5.0, 5.0, np.nan]),
            pd.DataFrame(
                {
                    "campaign_id": ["nowhere", "b", "b", None],
                    "creator_id": ["x", "nobody", "x", "y"],
                    "score": [1.0, 2.0, -np.inf, 3.0],
                }
            ),
        ]
    )
    said = refusal(written(tmp_path, bad, kind), market, PAIRS)
    for words in (
        "unknown campaign_id: 1, such as 'nowhere'",
        "unknown creator_id: 1, such as 'nobody'",
        "rows that repeat a pair: 1, such as 'a/x'",
        "scores that are empty or NaN: 1, such as 'row 3'",
        "infinite scores: 1, such as 'row 6'",
        "empty campaign_id: 1",
        "eligible creators of held-out campaigns without a row (--missing last ranks them last): 2, such as 'a/z'",
    ):
        assert words in said
    assert said.startswith("7 problems: ")


def test_missing_creators_rank_last_when_asked(tmp_path, market):
    file = written(tmp_path, good().drop(index=[1]))
    assert "without a row" in refusal(file, market, PAIRS)
    found = read_scores(file, market, PAIRS, missing="last")
    assert np.isnan(found.scores).tolist() == [False, True, False, False, False]
    assert found.ranked_last == 1


def test_a_campaign_left_out_whole_is_refused_either_way(tmp_path, market):
    file = written(tmp_path, good().iloc[:3])
    for missing in ("refuse", "last"):
        assert "held-out campaigns without any row: 1, such as 'b'" in refusal(file, market, PAIRS, missing=missing)


def test_text_that_is_no_number_is_named(tmp_path, market):
    file = written(tmp_path, good().assign(score=["5", "high", "3.5e0", "2", ""]), "csv")
    said = refusal(file, market, PAIRS)
    assert "scores that are no number: 1, such as 'high'" in said
    assert "scores that are empty or NaN: 1, such as 'row 5'" in said


def test_ids_of_digits_keep_their_zeros(tmp_path):
    market = Marketplace.from_frames(
        {
            "campaigns": pd.DataFrame({"campaign_id": ["001"], "briefed_at": DAY, "known_at": DAY}),
            "creators": pd.DataFrame({"creator_id": ["007", "010"], "joined_at": DAY, "known_at": DAY}),
        }
    )
    pairs = pd.DataFrame({"campaign_id": ["001", "001"], "creator_id": ["007", "010"]})
    file = written(tmp_path, pairs.assign(score=[1, 2]), "csv")
    assert read_scores(file, market, pairs).scores.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (
            good().drop(columns=["score", "creator_id"]),
            "column creator_id missing; column score missing (columns found: 'campaign_id')",
        ),
        (good().assign(creator_id=[1, 2, 3, 4, 5]), "column creator_id of type int64, where text is read"),
        (good().assign(score=[True] * 5), "column score of type bool, where a number is read"),
        (good().iloc[:0].astype({"score": float}), "no row"),
    ],
)
def test_wrong_columns_and_types_are_refused(tmp_path, market, frame, words):
    assert words in refusal(written(tmp_path, frame), market, PAIRS)


def test_a_column_there_twice_is_refused(tmp_path, market):
    file = tmp_path / "scores.csv"
    file.write_text("campaign_id,creator_id,score,score\na,x,1,2\n")
    assert "column score there more than once" in refusal(file, market, PAIRS)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("scores.parquet", b"not parquet at all", "cannot be read as parquet"),
        ("scores.csv", b"campaign_id,creator_id,score\na,x\n", "lines with more or fewer values than the first: 1"),
        ("scores.csv", "campaign_id,creator_id,score\na,x,1\n".encode("utf-16"), "not text in UTF-8"),
        ("scores.csv", b"campaign_id;creator_id;score\na;x;5,5\n", "values separated by ';', where a comma is read"),
        ("scores.csv", b"campaign_id\tcreator_id\tscore\na\tx\t5\n", "values separated by '\\t', where a comma"),
        ("scores.csv", b"a,x,5\na,y,4\n", "3 problems: column campaign_id missing"),
        (
            "scores.csv",
            b"campaign_id, creator_id,score\na,x,5\n",
            "columns found: 'campaign_id', ' creator_id', 'score'",
        ),
        ("scores.csv", b"\xef\xbb\xbfcampaign_id,creator_id,score\n", "no row"),
        ("scores.csv", b"campaign_id,creator_id,score\na,\xff\xfe,1\n", "cannot be read as csv"),
        ("scores.csv", b"", "cannot be read as csv"),
        ("scores.json", b"{}", "of kind '.json'"),
        ("scores", b"", "of kind 'none'"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path, market, name, content, words):
    file = tmp_path / name
    file.write_bytes(content)
    assert re.search(re.escape(words), refusal(file, market, PAIRS))


def test_no_file_and_a_folder_are_refused(tmp_path, market):
    assert "no such file" in refusal(tmp_path / "none.csv", market, PAIRS)
    (tmp_path / "folder.csv").mkdir()
    assert "a folder" in refusal(tmp_path / "folder.csv", market, PAIRS)


def test_a_byte_order_mark_quotes_and_windows_lines_are_read(tmp_path, market):
    lines = ['"campaign_id","creator_id","score"', *(f'"{a}","{b}",{s}' for a, b, s in good().itertuples(index=False))]
    file = tmp_path / "scores.csv"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert read_scores(file, market, PAIRS).scores.tolist() == [5.0, 4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_ids_in_any_of_arrow_s_texts_are_read(tmp_path, market, kind):
    rows = pa.Table.from_pandas(good(), preserve_index=False)
    for place, name in enumerate(("campaign_id", "creator_id")):
        told = pa.array(good()[name].tolist(), pa.string())
        told = told.dictionary_encode() if pa.types.is_dictionary(kind) else told.cast(kind)
        rows = rows.set_column(place, name, told)
    pq.write_table(rows, tmp_path / "scores.parquet")
    assert read_scores(tmp_path / "scores.parquet", market, PAIRS).scores.tolist() == [5.0, 4.0, 3.0, 2.0, 1.0]


def test_a_column_that_cannot_be_used_hides_nothing_of_the_others(tmp_path, market):
    bad = pd.DataFrame({"campaign_id": [1, 2, 2], "creator_id": ["x", "nobody", ""], "score": ["high", "inf", ""]})
    said = refusal(written(tmp_path, bad), market, PAIRS)
    assert said.startswith("6 problems: ")
    for words in (
        "column campaign_id of type int64, where text is read",
        "empty creator_id: 1",
        "scores that are no number: 1, such as 'high'",
        "scores that are empty or NaN: 1, such as 'row 3'",
        "infinite scores: 1, such as 'row 2'",
        "unknown creator_id: 1, such as 'nobody'",
    ):
        assert words in said


def test_uneven_lines_are_named_beside_what_is_wrong_with_the_others(tmp_path, market):
    lines = ["campaign_id,creator_id,score", "a,x,5", "a,y", "a,z,3", "b,x,2,9", "b,y,nan"]
    (tmp_path / "scores.csv").write_text("\n".join(lines) + "\n")
    said = refusal(tmp_path / "scores.csv", market, PAIRS)
    assert "lines with more or fewer values than the first: 2, such as 'a,y', 'b,x,2,9'" in said
    assert "scores that are empty or NaN: 1, such as 'row 3'" in said
    assert "without a row" in said


@pytest.mark.parametrize("rows", [0, 2])
def test_columns_without_any_value_are_empty_ones(tmp_path, market, rows):
    nothing = pa.table({name: pa.nulls(rows) for name in ("campaign_id", "creator_id", "score")})
    pq.write_table(nothing, tmp_path / "scores.parquet")
    said = refusal(tmp_path / "scores.parquet", market, PAIRS)
    for words in ("empty campaign_id: 2", "empty creator_id: 2", "empty or NaN: 2") if rows else ("1 problem: no row",):
        assert words in said


def test_a_whole_file_is_read_by_the_same_rules(tmp_path, market):
    more = pd.concat([good(), pd.DataFrame({"campaign_id": ["old"], "creator_id": ["far"], "score": [9.0]})])
    found = read_known_scores(written(tmp_path, more), market)
    assert found.to_dict("list") == more.to_dict("list")
    with pytest.raises(ContractError, match="rows that repeat a pair: 1, such as 'a/x'"):
        read_known_scores(written(tmp_path, pd.concat([more, more.head(1)])), market)
