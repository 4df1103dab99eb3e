"""Where marketplaces come from: one module a source, each turning foreign files into the contract's tables.

A module that declares ``SOURCE`` (a `Source`) is found by `collabrank ingest NAME OUT`; nothing lists it.
"""

from __future__ import annotations

from marketplace.sources.base import Ingested, IngestReport, Source
from marketplace.sources.registry import find_source, ingest, sources

__all__ = ["IngestReport", "Ingested", "Source", "find_source", "ingest", "sources"]
