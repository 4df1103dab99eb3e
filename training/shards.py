"""Scores of many campaigns, shard by shard, so that work that was killed goes on and memory is bounded.

A shard is some campaigns, in order of brief: as many as `CAMPAIGNS_AT_ONCE`, and as few as it takes to stay below
`PAIRS_AT_ONCE` pairs of campaign and creator. Shards lie in ``.OUT.unfinished`` beside OUT, each written under another
name and renamed; the file itself is put together from them once all are there, so that an interrupted run ends with the
bytes of an uninterrupted one. The plan (the marketplace's files, the bundle, the code, the campaigns) says whose work
they are: another plan starts afresh.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from features.briefs import read_briefs
from marketplace.errors import FileError
from marketplace.progress import say
from marketplace.state import alone, write_whole
from marketplace.tables import Marketplace

__all__ = ["SCORES", "Shards", "open_shards", "shards_of"]

SCORES = pa.schema(
    [
        ("campaign_id", pa.string()),
        ("creator_id", pa.string()),
        ("rank", pa.int64()),
        ("score", pa.float64()),
        ("utility_usd", pa.float64()),
        ("success_probability", pa.float64()),
        ("lift_usd", pa.float64()),
    ]
)
"""Columns of a file of scores."""

CAMPAIGNS_AT_ONCE = 40
PAIRS_AT_ONCE = 500_000
"""What bounds the memory: a pair is some 150 signals of 8 bytes, a few times over while they are made."""


def shards_of(market: Marketplace, campaign_ids: Sequence[str]) -> list[list[str]]:
    """``campaign_ids`` in their order, cut into shards by how many creators each campaign's market has at most."""
    creators = market.frame("creators", ["creator_id", "market"]).drop_duplicates()
    sizes = creators["market"].value_counts()
    briefs = read_briefs(market, campaign_ids)
    shards: list[list[str]] = []
    pairs = 0
    for campaign_id in campaign_ids:
        size = int(sizes.get(briefs[campaign_id].market, 0))
        pairs += size
        if not shards or len(shards[-1]) >= CAMPAIGNS_AT_ONCE or pairs > PAIRS_AT_ONCE:
            shards.append([])
            pairs = size
        shards[-1].append(campaign_id)
    return shards


class Shards:
    """The shards of one file of scores; made by `open_shards`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, number: int) -> int | None:
        """The rows of a shard that is there; None where it is still to do."""
        file = self._file(number)
        return int(pq.read_metadata(file).num_rows) if file.is_file() else None

    def write(self, number: int, frame: pd.DataFrame) -> None:
        """Keep the rows of a shard, all or none of them."""
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(frame, schema=SCORES, preserve_index=False), sink)
        write_whole(self._file(number), sink.getvalue().to_pybytes())

    def publish(self, count: int, out: Path) -> None:
        """Put the ``count`` shards together, in the place of ``out``, and remove them."""
        handle, name = tempfile.mkstemp(dir=self.folder, prefix="whole.")
        os.close(handle)
        writer = pc.CSVWriter(name, SCORES) if out.suffix.lower() == ".csv" else pq.ParquetWriter(name, SCORES)
        with writer:
            for number in range(count):
                writer.write_table(pq.read_table(self._file(number), schema=SCORES))
        Path(name).chmod(0o644)
        Path(name).replace(out)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"shard_{number:06}.parquet"


@contextmanager
def open_shards(out: Path, plan: Mapping[str, Any] | None) -> Iterator[Shards]:
    """The shards of ``out``, with whatever an interrupted run of the same ``plan`` left of them.

    Parameters
    ----------
    plan : mapping, optional
        All that the shards depend on, as JSON takes it; None where that cannot be told: no run goes on from another
        then, and nothing is left behind by one that fails.

    Raises
    ------
    FileError
        Another process is writing the same file.
    """
    folder = out.parent / f".{out.name}.unfinished"
    folder.mkdir(parents=True, exist_ok=True)
    refused = FileError(
        "one scoring of a file at a time",
        received=f"{out}, which another process is writing",
        look="another file, or wait for the other",
    )
    with alone(folder / "lock", refused):
        wanted = json.dumps(plan, sort_keys=True).encode()
        noted = folder / "plan.json"
        if plan is not None and noted.is_file() and noted.read_bytes() == wanted:
            say(f"going on with what an interrupted run left in {folder}")
        else:
            if noted.is_file():
                say(f"what is left in {folder} is of other tables, another model or other code: starting afresh")
            for file in folder.iterdir():
                if file.name != "lock":
                    file.unlink()
            if plan is not None:
                write_whole(noted, wanted)
        shards = Shards(folder)
        try:
            yield shards
        except BaseException:
            if plan is None or shards.rows(0) is None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
