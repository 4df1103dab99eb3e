"""Marketplaces that lie in a warehouse: a DuckDB file, a PostgreSQL schema, or whatever else Ibis opens by URL.

    collabrank check postgres://reader@db.example.com/shop/tiktok      # database shop, schema tiktok
    collabrank train shop.duckdb

The contract's tables are copied as they are into Parquet under ``var/warehouses``, in one transaction where the
warehouse has them, and from there on everything is as with a folder: the same casts, the same check, the same
fingerprint for the same rows. Nothing is written to the warehouse. A password in a URL is never printed or logged.
"""

from __future__ import annotations

from marketplace.warehouse.address import is_address, name_of, redacted, without_secrets
from marketplace.warehouse.copy import fetched

__all__ = ["fetched", "is_address", "name_of", "redacted", "without_secrets"]
