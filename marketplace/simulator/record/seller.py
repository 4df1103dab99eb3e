"""What one seller can see of a marketplace: its own shop, its own campaigns, nobody's lists."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from marketplace.simulator.record.write import PARQUET

__all__ = ["keep_seller"]


def keep_seller(folder: Path, out: Path, *, brand_id: str) -> None:
    """Write to ``out`` what ``brand_id`` sees of the marketplace in ``folder``, part by part.

    Its own products, campaigns and whatever hangs on them; contents and orders of its own products alone; the
    creators of its market with their profiles; no impressions. The truth is cut to the same campaigns and creators.
    """

    def files(name: str) -> list[Path]:
        return sorted((folder / name).glob("*.parquet"))

    def write(name: str, file: Path, rows: pa.Table) -> None:
        target = out / name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows.combine_chunks(), target, row_group_size=262_144, **PARQUET)

    def keep(name: str, column: str, values: pa.Array, *, give: str | None = None) -> pa.Array:
        """Keep the rows whose ``column`` is one of ``values``; the values of ``give`` (default: ``column``) in them."""
        given = []
        for file in files(name):
            table = pq.read_table(file)
            kept = table.filter(pc.is_in(table[column], value_set=values))
            write(name, file, kept)
            given.append(kept[give or column].cast(pa.string()))
        return pc.unique(pa.chunked_array([chunk for column in given for chunk in column.chunks], pa.string()))

    markets = keep("brands", "brand_id", pa.array([brand_id]), give="market")
    products = keep("products", "brand_id", pa.array([brand_id]), give="product_id")
    campaigns = keep("campaigns", "brand_id", pa.array([brand_id]), give="campaign_id")
    creators = keep("creators", "market", markets, give="creator_id")
    invitations = keep("invitations", "campaign_id", campaigns, give="invitation_id")
    for name in ("product_days", "orders"):
        keep(name, "product_id", products)
    for name in ("samples", "deliveries", "reviews"):
        keep(name, "invitation_id", invitations)
    for name in ("costs", "truth/outcomes"):
        keep(name, "campaign_id", campaigns)
    for name in ("creator_snapshots", "truth/traits"):
        keep(name, "creator_id", creators)
    for file in files("fx_rates"):
        write("fx_rates", file, pq.read_table(file))
    for file in files("contents"):
        table = pq.read_table(file)
        table = table.filter(table["is_shoppable"])
        table = table.filter(pc.is_in(pc.list_element(table["product_ids"], 0), value_set=products))
        write("contents", file, table)
        # A content and its days stand in parts of the same number.
        days = pq.read_table(folder / "content_days" / file.name)
        kept = pc.is_in(days["content_id"], value_set=pc.unique(table["content_id"].combine_chunks()))
        write("content_days", file, days.filter(kept))
