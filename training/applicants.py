"""Who asked for a sample: the creator_ids of a file, or of a list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from marketplace.errors import ContractError
from marketplace.tables import Marketplace
from training.table_file import is_text, open_table, problem, texts

__all__ = ["read_applicants"]


def read_applicants(applicants: str | Path | Sequence[str], market: Marketplace) -> list[str]:
    """The ids in ``applicants``, each once, in their order.

    Parameters
    ----------
    applicants : path or sequence of str
        A CSV or Parquet file with a column ``creator_id``, or the ids.
    market : Marketplace
        Whose creators are known.

    Raises
    ------
    ContractError
        The file cannot be read or has no such column, there is nobody in it, or somebody whom the marketplace does
        not know; every problem at once.
    """
    if not isinstance(applicants, str | Path):
        found, look, problems = list(dict.fromkeys(map(str, applicants))), "the applicants", list[str]()
    else:
        found, problems = _read(Path(applicants))
        look = str(applicants)
    known = set(market.frame("creators", ["creator_id"])["creator_id"])
    strange = [one for one in found if one not in known]
    problems += problem("unknown creator_id", strange, len(strange))
    if not found and not problems:
        problems = ["nobody"]
    if problems:
        raise _refusal(problems, look)
    return found


def _refusal(problems: list[str], look: str) -> ContractError:
    return ContractError("creator_ids of the marketplace's creators", received="; ".join(problems), look=look)


def _read(file: Path) -> tuple[list[str], list[str]]:
    """The ids of the file, each once, and what is wrong with it; empty cells are nobody."""
    opened = open_table(file, refuse=lambda problems: _refusal(problems, str(file)))
    names = opened.table.column_names
    if names.count("creator_id") != 1:
        said = "missing" if "creator_id" not in names else "there more than once"
        found = ", ".join(map(repr, names)) or "none"
        return [], [*opened.problems, f"column creator_id {said} (columns found: {found})"]
    values = opened.table["creator_id"]
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_integer(values.type):
        values = values.cast(pa.string())
    if not is_text(values.type):
        return [], [*opened.problems, f"column creator_id of type {values.type}, where text is read"]
    return list(dict.fromkeys(texts(values).dropna())), [*opened.problems]
