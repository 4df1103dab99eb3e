"""Who asked for a sample: the creator_ids of a file, or of a list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from marketplace.errors import ContractError
from marketplace.tables import Marketplace

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
        not know.
    """
    file = Path(applicants) if isinstance(applicants, str | Path) else None
    ids = list(applicants) if file is None else _read(file)  # type: ignore[arg-type]
    where = "the applicants" if file is None else str(file)
    found = list(dict.fromkeys(ids))
    strange = sorted(set(found) - set(market.frame("creators", ["creator_id"])["creator_id"]))
    if strange or not found:
        raise ContractError(
            "creator_ids of the marketplace's creators",
            received=f"{len(strange)} others, such as {', '.join(strange[:3])}" if found else "nobody",
            look=where,
        )
    return found


def _read(file: Path) -> list[str]:
    try:
        if file.suffix.lower() == ".csv":
            options = pc.ConvertOptions(column_types={"creator_id": pa.string()}, include_columns=["creator_id"])
            table = pc.read_csv(file, convert_options=options)
        else:
            table = pq.read_table(file, columns=["creator_id"])
        ids = table["creator_id"].cast(pa.string()).drop_null().to_pylist()
    except (OSError, KeyError, pa.ArrowException) as reason:
        raise ContractError(
            "a CSV or Parquet file with a column creator_id", received=str(reason).splitlines()[0], look=str(file)
        ) from reason
    return [str(one) for one in ids]
