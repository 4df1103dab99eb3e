"""How building signals compares with a query written by hand: ``python -m benchmarks.features``.

500,000 as-of rows (a creator, a day) against 9 million creator-days, 15
aggregates: five measures over 7, 28 and 90 days, each as known on the as-of
day. The project's builder (`features.facts.windows`, from a frame of rows to arrays
in their order) and one DuckDB query over the same daily table take turns; the
first round is thrown away, and the numbers must be equal. Wall-clock seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from features.facts import Windows, fact_table
from marketplace.tables import Marketplace

__all__ = ["main"]

MEASURES = ("views", "organic_views", "engagements", "shares", "clicks")
DAYS = (7, 28, 90)
FIRST_DAY = 19_723  # 2024-01-01
SPAN = 240


def write_days(folder: Path, creators: int) -> None:
    """Write `SPAN` content days for each creator, known up to two days late, as a table of the contract."""
    (folder / "content_days").mkdir(parents=True)
    duckdb.sql(
        f"""
        COPY (
            SELECT 'co_' || lpad(c::VARCHAR, 6, '0') AS content_id,
                   DATE '2024-01-01' + d::INTEGER AS day,
                   'cr_' || lpad(c::VARCHAR, 6, '0') AS creator_id,
                   hash(c * 1000 + d) % 5000 AS view_count, hash(c * 1001 + d) % 300 AS like_count,
                   hash(c * 1003 + d) % 40 AS comment_count, hash(c * 1007 + d) % 30 AS share_count,
                   hash(c * 1009 + d) % 90 AS product_clicks, hash(c * 1013 + d) % 100 AS paid_view_count,
                   (TIMESTAMP '2024-01-01' + INTERVAL (d * 24 + hash(c * 1019 + d) % 48) HOUR)::TIMESTAMPTZ AS known_at
            FROM range({creators}) a(c), range({SPAN}) b(d)
        ) TO '{folder}/content_days/part-0.parquet' (ROW_GROUP_SIZE 500000)
        """
    )


def by_hand(table: str) -> str:
    """The query that a person would write."""
    sums = ", ".join(f"sum({m}) FILTER (WHERE event_day >= day - {d}) AS {m}_{d}" for m in MEASURES for d in DAYS)
    return f"""
        SELECT row_, {sums}
        FROM asked JOIN {table} f
          ON asked.creator_id = f.creator_id AND f.known_day < day AND f.event_day >= day - {max(DAYS)}
        GROUP BY row_
        """


def query_by_hand(market: Marketplace, rows: pd.DataFrame, sql: str) -> dict[str, Any]:
    """Run it, and put the answer in the order of the rows."""
    asked = pa.table(
        {
            "row_": np.arange(len(rows), dtype=np.int64),
            "creator_id": pa.array(rows["creator_id"], type=pa.string()),
            "day": rows["day"].to_numpy(),
        }
    )
    market.backend.con.register("asked", asked)
    answer = market.backend.con.sql(sql).to_arrow_table()
    market.backend.con.unregister("asked")
    place = answer["row_"].to_numpy()
    out = {}
    for name in answer.column_names[1:]:
        values = np.zeros(len(rows))
        values[place] = np.nan_to_num(answer[name].cast("float64").to_numpy())
        out[name] = values
    return out


def main(arguments: list[str] | None = None) -> int:
    """Take turns, compare, print medians."""
    parser = argparse.ArgumentParser(description="Time the building of signals against a query written by hand.")
    parser.add_argument("--rows", type=int, default=500_000, help="as-of rows (default 500000)")
    parser.add_argument("--creators", type=int, default=37_500, help=f"creators of {SPAN} days each (default 37500)")
    parser.add_argument("--runs", type=int, default=5, help="timed rounds (default 5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = compare(Path(folder), chosen.rows, chosen.creators, chosen.runs)
    if chosen.json:
        print(json.dumps(figures))
    else:
        print(
            "{rows:,} as-of rows x {creator_days:,} creator-days, {aggregates} aggregates, {cores} cores: builder "
            "{builder_seconds} s, by hand {by_hand_seconds} s, ratio {ratio} (medians of {runs} runs; facts made once "
            "in {facts_seconds} s)".format(**figures, runs=chosen.runs)
        )
    return 0


def compare(folder: Path, rows: int, creators: int, runs: int) -> dict[str, Any]:
    """The figures."""
    write_days(folder, creators)
    market = Marketplace({"content_days": ds.dataset(str(folder / "content_days"), format="parquet")}, path=folder)
    started = time.perf_counter()
    table = fact_table(market, "views", ("creator_id",))
    facts_seconds = time.perf_counter() - started
    rng = np.random.default_rng(7)
    ids = np.array([f"cr_{c:06d}" for c in range(creators)], dtype=object)
    asked = pd.DataFrame(
        {
            "creator_id": pd.Series(ids[rng.integers(0, creators, rows)], dtype="str"),
            "day": FIRST_DAY + rng.integers(30, SPAN + 1, rows),
        }
    )
    windows = Windows(("creator_id",))
    signals = {f"{m}_{d}": windows.sum("views", m, d) for m in MEASURES for d in DAYS}
    sql = by_hand(table.get_name())
    seconds: dict[str, list[float]] = {"builder": [], "by_hand": []}
    for _ in range(runs + 1):
        started = time.perf_counter()
        built = windows.compute(market, asked, signals)
        seconds["builder"].append(time.perf_counter() - started)
        started = time.perf_counter()
        expected = query_by_hand(market, asked, sql)
        seconds["by_hand"].append(time.perf_counter() - started)
        for name, values in built.items():
            if not np.array_equal(values, expected[name]):
                raise SystemExit(f"{name}: the builder and the query differ")
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    return {
        "rows": rows,
        "creator_days": creators * SPAN,
        "aggregates": len(signals),
        "cores": os.cpu_count(),
        "builder_seconds": round(medians["builder"], 2),
        "by_hand_seconds": round(medians["by_hand"], 2),
        "ratio": round(medians["builder"] / medians["by_hand"], 2),
        "facts_seconds": round(facts_seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
