"""Read anybody's scores of the held-out campaigns' creators: all that is wrong with a file is said at once.

A Parquet or CSV file (commas, UTF-8, with or without a byte order mark) with
the columns ``campaign_id``, ``creator_id`` and ``score`` (more is better);
other columns are not read. The rules:

- *Refused*: a file that cannot be read; a line with more or fewer values than
  the first; a missing or repeated column; ids that are no text; a score that is
  no number, not finite or empty; a campaign or creator that the marketplace
  does not know; a pair that is there twice (even with the same score); an
  eligible creator of a held-out campaign without a row. A column that cannot be
  used does not keep the others from being looked at.
- *Left out, and counted*: rows of campaigns that are not held out, and of
  creators who are not eligible for the campaign.
- With ``missing="last"`` eligible creators without a row rank last, equal among
  themselves (by creator_id). A held-out campaign without any row is refused all
  the same: it holds no ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from marketplace.arrays import Flags, Floats
from marketplace.errors import ContractError
from marketplace.tables import Marketplace
from training.table_file import EXAMPLES, OpenedTable, is_text, open_table, problem, texts

__all__ = ["Missing", "ScoreFile", "read_known_scores", "read_scores"]

Missing = Literal["refuse", "last"]
KEY = ["campaign_id", "creator_id"]
COLUMNS = (*KEY, "score")
LOOK = "`collabrank evaluate --help`; the rules stand at the top of training/score_file.py"


@dataclass(frozen=True)
class ScoreFile:
    """Scores in the order of the pairs they were read for.

    Attributes
    ----------
    scores : float64 (n,)
        NaN where the creator has no row (only with ``missing="last"``).
    rows : int
        Rows of the file.
    not_held_out, not_eligible : int
        Rows left out: of campaigns that are not held out, of creators not eligible for the campaign.
    ranked_last : int
        Eligible creators without a row.
    """

    scores: Floats
    rows: int
    not_held_out: int
    not_eligible: int
    ranked_last: int

    def as_dict(self) -> dict[str, int]:
        """What became of the file's rows, for JSON."""
        return {
            "rows": self.rows,
            "not_held_out": self.not_held_out,
            "not_eligible": self.not_eligible,
            "ranked_last": self.ranked_last,
        }


def read_scores(
    path: str | Path, market: Marketplace, pairs: pd.DataFrame, *, missing: Missing = "refuse"
) -> ScoreFile:
    """Read the scores of ``pairs`` from the file ``path``.

    Parameters
    ----------
    path : path
        ``.parquet``, ``.pq`` or ``.csv``.
    market : Marketplace
        Whose campaigns and creators are known.
    pairs : DataFrame[campaign_id, creator_id], n rows
        The eligible creators of the held-out campaigns.
    missing : {"refuse", "last"}
        What becomes of pairs without a row.

    Raises
    ------
    ContractError
        The file breaks the rules above; every problem with its count and the first examples.
    """
    file = Path(path)
    rows, problems, strange = _read(file, market)
    if rows is None or not set(KEY) <= set(rows):
        raise _refusal(file, problems)
    named = rows[~strange]
    asked = pairs[KEY].astype("str").reset_index(drop=True)
    held_out = named["campaign_id"].isin(set(asked["campaign_id"]))
    joined = asked.merge(named.drop_duplicates(KEY), on=KEY, how="left", indicator=True)
    absent = (joined["_merge"] == "left_only").to_numpy()
    seen = set(named["campaign_id"])
    empty = asked.loc[~asked["campaign_id"].isin(seen), "campaign_id"].drop_duplicates()
    problems += problem("held-out campaigns without any row", empty, len(empty))
    partly = absent & asked["campaign_id"].isin(seen).to_numpy()
    if missing == "refuse":
        hint = "eligible creators of held-out campaigns without a row (--missing last ranks them last)"
        problems += problem(hint, _names(asked[partly]), partly.sum())
    if problems:
        raise _refusal(file, problems)
    eligible = int(held_out.sum() - named[held_out].merge(asked, on=KEY)["score"].size)
    return ScoreFile(
        joined["score"].to_numpy(dtype=np.float64), len(rows), int((~held_out).sum()), eligible, int(partly.sum())
    )


def read_known_scores(path: str | Path, market: Marketplace) -> pd.DataFrame:
    """All rows of the file ``path``, whichever campaigns and creators they speak of.

    Returns
    -------
    DataFrame[campaign_id str, creator_id str, score float64], in the file's order.

    Raises
    ------
    ContractError
        The file breaks the rules above, but for those on creators without a row.
    """
    file = Path(path)
    rows, problems, _ = _read(file, market)
    if rows is None or problems:
        raise _refusal(file, problems)
    return rows.astype(dict.fromkeys(KEY, "str"))


def _read(file: Path, market: Marketplace) -> tuple[pd.DataFrame | None, list[str], Flags]:
    """The columns that can be used, what is wrong with the file, and the rows whose ids are empty or unknown."""
    rows, problems = _parse(open_table(file, refuse=lambda wrong: _refusal(file, wrong)))
    if rows is None:
        return None, problems, np.zeros(0, dtype=np.bool_)
    strange = np.zeros(len(rows), dtype=np.bool_)
    for column, table in (("campaign_id", "campaigns"), ("creator_id", "creators")):
        if column not in rows:
            continue
        there = rows[column].notna()
        known = {str(one) for one in market.frame(table, [column])[column]}
        unknown = (there & ~rows[column].isin(known)).to_numpy()
        problems += problem(f"unknown {column}", rows.loc[unknown, column].drop_duplicates(), unknown.sum())
        strange |= unknown | ~there.to_numpy()
    if set(KEY) <= set(rows):
        twice = rows.duplicated(KEY, keep="first").to_numpy() & ~strange
        problems += problem("rows that repeat a pair", _names(rows[twice]), twice.sum())
    return rows, problems, strange


def _refusal(file: Path, problems: list[str]) -> ContractError:
    return ContractError(
        f"a file of scores with campaign_id, creator_id, score: {file}",
        received=f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'}: {'; '.join(problems)}",
        look=LOOK,
    )


def _names(rows: pd.DataFrame) -> list[str]:
    first = rows.head(EXAMPLES)
    return [f"{a}/{b}" for a, b in zip(first["campaign_id"], first["creator_id"], strict=True)]


def _parse(opened: OpenedTable) -> tuple[pd.DataFrame | None, list[str]]:
    """The columns that can be used, and the problems; None where no row or no column is left.

    campaign_id and creator_id as text (None where empty), score as float64 (NaN where bad).
    """
    table, problems = opened.table, [*opened.problems]
    names = table.column_names
    absent = [f"column {c} {'missing' if c not in names else 'there more than once'}" for c in COLUMNS
              if names.count(c) != 1]  # fmt: skip
    if absent:
        absent[-1] += f" (columns found: {', '.join(map(repr, names)) or 'none'})"
    problems += absent
    if not table.num_rows:
        return None, [*problems, "no row"]
    rows = pd.DataFrame(index=range(table.num_rows))
    for column in (c for c in COLUMNS if names.count(c) == 1):
        values = table[column]
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if column == "score" and (is_text(values.type) or _is_number(values.type)):
            rows[column], wrong = _numbers(values.to_pandas())
        elif column != "score" and is_text(values.type):
            rows[column] = texts(values)
            wrong = problem(f"empty {column}", [], rows[column].isna().sum())
        else:
            wrong = [
                f"column {column} of type {values.type}, where {'a number' if column == 'score' else 'text'} is read"
            ]
        problems += wrong
    return (rows if len(rows.columns) else None), problems


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _numbers(raw: pd.Series) -> tuple[Floats, list[str]]:
    """The scores, NaN where they are none, and what is wrong with them."""
    problems: list[str] = []
    score = pd.to_numeric(raw, errors="coerce").astype(np.float64)
    places = pd.Series(_places(len(raw)))
    if raw.dtype.kind not in "fiu":
        said = raw.astype("object").where(raw.notna(), "").astype(str).str.strip()
        empty = said.str.lower().isin(("", "nan", "null", "none", "na"))
        wrong = score.isna() & ~empty
        problems += problem("scores that are no number", raw[wrong].drop_duplicates(), wrong.sum())
    else:
        empty = score.isna()
    problems += problem("scores that are empty or NaN", places[empty.to_numpy()], empty.sum())
    infinite = np.isinf(score.to_numpy())
    problems += problem("infinite scores", places[infinite], infinite.sum())
    return np.asarray(score, dtype=np.float64), problems


def _places(count: int) -> list[str]:
    return [f"row {number}" for number in range(1, count + 1)]
