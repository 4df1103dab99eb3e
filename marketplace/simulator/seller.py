"""What one seller can see of a marketplace: its own shop, its own campaigns, nobody's lists."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from marketplace.simulator.write import PARQUET

__all__ = ["keep_seller"]


def keep_seller(folder: Path, *, brand_id: str) -> None:
    """Cut the marketplace in ``folder`` down to what ``brand_id`` sees of it, in place.

    Its own products, campaigns and whatever hangs on them; contents and orders of its own products alone; the
    creators of its market with their profiles; no impressions. The truth is cut to the same campaigns and creators.
    """

    def read(name: str) -> pa.Table:
        return pq.read_table(folder / name / "part-0.parquet")

    def keep(name: str, column: str, values: Any) -> pa.Table:
        table = read(name)
        kept = table.filter(pc.is_in(table[column].cast(pa.string()), value_set=pc.unique(values.cast(pa.string()))))
        pq.write_table(kept, folder / name / "part-0.parquet", row_group_size=262_144, **PARQUET)
        return kept

    brand = keep("brands", "brand_id", pa.array([brand_id]))
    products = keep("products", "brand_id", pa.array([brand_id]))["product_id"]
    campaigns = keep("campaigns", "brand_id", pa.array([brand_id]))["campaign_id"]
    creators = keep("creators", "market", brand["market"])["creator_id"]
    invitations = keep("invitations", "campaign_id", campaigns)["invitation_id"]
    for name in ("product_days", "orders"):
        keep(name, "product_id", products)
    for name in ("samples", "deliveries", "reviews"):
        keep(name, "invitation_id", invitations)
    for name in ("costs", "truth/outcomes"):
        keep(name, "campaign_id", campaigns)
    for name in ("creator_snapshots", "truth/traits"):
        keep(name, "creator_id", creators)

    contents = read("contents")
    own = pc.is_in(pc.list_element(contents["product_ids"].filter(contents["is_shoppable"]), 0), value_set=products)
    contents = contents.filter(contents["is_shoppable"]).filter(own)
    pq.write_table(contents, folder / "contents" / "part-0.parquet", row_group_size=262_144, **PARQUET)
    keep("content_days", "content_id", contents["content_id"])
    shutil.rmtree(folder / "impressions")
