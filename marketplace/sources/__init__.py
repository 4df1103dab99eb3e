"""Where marketplaces come from: one module a source, each turning foreign files into the contract's tables."""

from __future__ import annotations

from marketplace.sources.complete_journey import ingest

__all__ = ["ingest"]
