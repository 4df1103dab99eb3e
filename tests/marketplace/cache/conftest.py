"""A home with the cache on, and a marketplace of small files to be changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketplace.cache import files

LONG_AGO = time.time() - 3_600.0


@pytest.fixture
def cached_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home in which results are kept; returns ``var/cache``."""
    monkeypatch.setenv("COLLABRANK_CACHE", "on")
    monkeypatch.setattr(files, "_known", {})
    return home / "var" / "cache"


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder with the indispensable tables, which keeps the contract; written an hour ago by its ``mtime``."""
    at = pd.Timestamp("2025-01-01", tz="UTC")
    rows = {
        "creators": {"creator_id": ["c1", "c2"], "market": ["US", "US"], "joined_at": [at] * 2, "known_at": [at] * 2},
        "products": {"product_id": ["p1"], "brand_id": ["b1"], "category_id": ["home"], "price": [1.0],
                     "currency": ["USD"], "known_at": [at]},
        "campaigns": {"campaign_id": ["k1"], "brand_id": ["b1"], "market": ["US"], "category_id": ["home"],
                      "product_ids": [["p1"]], "objective": ["SALES"], "collaboration": ["TARGET"], "currency": ["USD"],
                      "commission_rate": [0.1], "has_free_sample": [False], "briefed_at": [at], "starts_at": [at],
                      "ends_at": [at + pd.Timedelta(days=1)], "known_at": [at]},
        "invitations": {"invitation_id": ["i1"], "campaign_id": ["k1"], "creator_id": ["c1"], "sent_at": [at],
                        "decision": ["PENDING"], "known_at": [at]},
        "orders": {"order_id": ["o1"], "sku_id": ["s"], "product_id": ["p1"], "content_type": ["SHOP"],
                   "ordered_at": [at], "status": ["COMPLETED"], "quantity": [1], "price": [1.0], "currency": ["USD"],
                   "known_at": [at]},
    }  # fmt: skip
    folder = tmp_path / "tables"
    for name, columns in rows.items():
        (folder / name).mkdir(parents=True)
        file = folder / name / "part-0.parquet"
        pq.write_table(pa.table(columns), file, compression="none")
        os.utime(file, (LONG_AGO, LONG_AGO))
    return folder
