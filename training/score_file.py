"""Read anybody's scores of the held-out campaigns' creators: all that is wrong with a file is said at once.

A Parquet or CSV file with the columns ``campaign_id``, ``creator_id`` and
``score`` (more is better); other columns are not read. The rules:

- *Refused*: a file that cannot be read; a missing or repeated column; ids that
  are no text; a score that is no number, not finite or empty; a campaign or
  creator that the marketplace does not know; a pair that is there twice (even
  with the same score); an eligible creator of a held-out campaign without a
  row.
- *Left out, and counted*: rows of campaigns that are not held out, and of
  creators who are not eligible for the campaign.
- With ``missing="last"`` eligible creators without a row rank last, equal among
  themselves (by creator_id). A held-out campaign without any row is refused all
  the same: it holds no ranking.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from marketplace.errors import ContractError
from marketplace.tables import Marketplace

__all__ = ["Missing", "ScoreFile", "read_scores"]

Missing = Literal["refuse", "last"]
KEY = ["campaign_id", "creator_id"]
COLUMNS = (*KEY, "score")
EXAMPLES = 3
"""How many examples of each problem are named."""

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

    scores: npt.NDArray[np.float64]
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
    rows, problems = _parse(_open(file))
    if rows is None:
        raise _refusal(file, problems)
    campaigns = {str(one) for one in market.frame("campaigns", ["campaign_id"])["campaign_id"]}
    creators = {str(one) for one in market.frame("creators", ["creator_id"])["creator_id"]}
    known = {"campaign_id": campaigns, "creator_id": creators}
    strange = np.zeros(len(rows), dtype=bool)
    for column, ids in known.items():
        there = rows[column].notna()
        unknown = (there & ~rows[column].isin(ids)).to_numpy()
        problems += _problem(f"unknown {column}", rows.loc[unknown, column].drop_duplicates(), unknown.sum())
        strange |= unknown | ~there.to_numpy()
    twice = rows.duplicated(KEY, keep="first").to_numpy() & ~strange
    problems += _problem("rows that repeat a pair", _names(rows[twice]), twice.sum())
    named = rows[~strange]
    asked = pairs[KEY].astype("str").reset_index(drop=True)
    held_out = named["campaign_id"].isin(set(asked["campaign_id"]))
    joined = asked.merge(named.drop_duplicates(KEY), on=KEY, how="left", indicator=True)
    absent = (joined["_merge"] == "left_only").to_numpy()
    eligible = int(held_out.sum() - named[held_out].merge(asked, on=KEY)["score"].size)
    seen = set(named["campaign_id"])
    empty = asked.loc[~asked["campaign_id"].isin(seen), "campaign_id"].drop_duplicates()
    problems += _problem("held-out campaigns without any row", empty, len(empty))
    partly = absent & asked["campaign_id"].isin(seen).to_numpy()
    if missing == "refuse":
        hint = "eligible creators of held-out campaigns without a row (--missing last ranks them last)"
        problems += _problem(hint, _names(asked[partly]), partly.sum())
    if problems:
        raise _refusal(file, problems)
    return ScoreFile(
        joined["score"].to_numpy(dtype=np.float64), len(rows), int((~held_out).sum()), eligible, int(partly.sum())
    )


def _refusal(file: Path, problems: list[str]) -> ContractError:
    return ContractError(
        f"a file of scores with campaign_id, creator_id, score: {file}",
        received=f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'}: {'; '.join(problems)}",
        look=LOOK,
    )


def _problem(what: str, examples: Iterable[Any], count: Any) -> list[str]:
    """One sentence where ``count`` is above zero, else nothing."""
    if not count:
        return []
    shown = [repr(one) if isinstance(one, str) else str(one) for _, one in zip(range(EXAMPLES), examples, strict=False)]
    return [f"{what}: {int(count)}" + (f", such as {', '.join(shown)}" if shown else "")]


def _names(rows: pd.DataFrame) -> list[str]:
    first = rows.head(EXAMPLES)
    return [f"{a}/{b}" for a, b in zip(first["campaign_id"], first["creator_id"], strict=True)]


def _open(file: Path) -> pa.Table:
    """The file's table; text columns alone for CSV, so that ids keep their zeros.

    Raises
    ------
    ContractError
        There is no such file, it is of another kind, or it cannot be read.
    """
    kind = file.suffix.lower()
    if not file.is_file():
        raise _refusal(file, ["a folder, not a file" if file.is_dir() else "no such file"])
    try:
        if kind in (".parquet", ".pq"):
            return pq.ParquetFile(file).read()
        if kind == ".csv":
            with open(file, "rb") as raw:
                head = raw.readline().decode("utf-8-sig").strip()
            names = {name.strip().strip('"') for name in head.split(",")}
            return pc.read_csv(file, convert_options=pc.ConvertOptions(column_types=dict.fromkeys(names, pa.string())))
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValueError) as reason:
        words = " ".join(str(reason).split())[:200]
        raise _refusal(file, [f"cannot be read as {kind[1:]} ({words})"]) from reason
    raise _refusal(file, [f"of kind {kind or 'none'!r}, where .parquet or .csv is read"])


def _parse(table: pa.Table) -> tuple[pd.DataFrame | None, list[str]]:
    """campaign_id and creator_id as text (None where empty), score as float64 (NaN where bad); and the problems."""
    problems: list[str] = []
    names = table.column_names
    for column in COLUMNS:
        if names.count(column) != 1:
            problems.append(f"column {column} {'missing' if column not in names else 'there more than once'}")
    if problems:
        return None, [*problems, f"columns found: {', '.join(names) or 'none'}"]
    columns: dict[str, Any] = {}
    for column in COLUMNS:
        values = table[column]
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
        number = (
            pa.types.is_floating(values.type) or pa.types.is_integer(values.type) or pa.types.is_decimal(values.type)
        )
        if not text and not (number and column == "score"):
            wanted = "a number" if column == "score" else "text"
            problems.append(f"column {column} of type {values.type}, where {wanted} is read")
        columns[column] = values
    if problems:
        return None, problems
    if not table.num_rows:
        return None, ["no row"]
    rows = pd.DataFrame({column: columns[column].to_pandas().astype("object") for column in KEY})
    for column in KEY:
        rows[column] = rows[column].where(rows[column].notna() & (rows[column] != ""), None)
        problems += _problem(f"empty {column}", [], rows[column].isna().sum())
    raw = columns["score"].to_pandas()
    score = pd.to_numeric(raw, errors="coerce").astype(np.float64)
    places = pd.Series(_places(len(rows)))
    if raw.dtype.kind not in "fiu":
        said = raw.astype("object").where(raw.notna(), "").astype(str).str.strip()
        empty = said.str.lower().isin(("", "nan", "null", "none", "na"))
        wrong = score.isna() & ~empty
        problems += _problem("scores that are no number", raw[wrong].drop_duplicates(), wrong.sum())
    else:
        empty = score.isna()
    problems += _problem("scores that are empty or NaN", places[empty.to_numpy()], empty.sum())
    infinite = np.isinf(score.to_numpy())
    problems += _problem("infinite scores", places[infinite], infinite.sum())
    rows["score"] = score.to_numpy()
    return rows, problems


def _places(count: int) -> list[str]:
    return [f"row {number}" for number in range(1, count + 1)]
