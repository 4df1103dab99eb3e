"""TikTok Shop's Open API as a source: a signed client, a harvest that survives being killed, and the mapping.

What is read of each answer stands in ``endpoints.py``; docs/tiktok_shop.md says field by field what it is for.
"""

from __future__ import annotations

from marketplace.sources.tiktok_shop.client import AUTH_HOST, HOST, Client, Patience
from marketplace.sources.tiktok_shop.credentials import Credentials, read_credentials
from marketplace.sources.tiktok_shop.run import ingest_shop, store_file
from marketplace.sources.tiktok_shop.signature import sign

__all__ = [
    "AUTH_HOST",
    "HOST",
    "Client",
    "Credentials",
    "Patience",
    "ingest_shop",
    "read_credentials",
    "sign",
    "store_file",
]
