"""The decision log: what was asked, which vectors were scored, what was shown, what came of it (docs/decisions.md).

An answer's line is written ahead and on disk before the answer goes out, then moved to the store: SQLite under
``var/decisions``, or PostgreSQL by COLLABRANK_DECISIONS. ``rank`` and ``explain`` lines hold the brief, the model's
version, the hashes of bundle and snapshot and, for every creator returned, place, policy, propensity, score and the
exact vector; ``feedback`` lines what came of a creator.
"""

from __future__ import annotations

from serving.decisions.bundles import drop_bundles, keep_bundle, kept_bundle, kept_bundles
from serving.decisions.export import Exported, export_log, served_tables
from serving.decisions.log import DecisionLog, log_required, require_log, require_settings
from serving.decisions.moving import limit_bytes
from serving.decisions.reading import (
    ahead_bytes,
    daily_files,
    files_naming,
    logged_request,
    migrate_daily_files,
    opened_log,
    read_decisions,
    requests_about,
)
from serving.decisions.store import DecisionStore, default_address, open_store

__all__ = [
    "DecisionLog",
    "DecisionStore",
    "Exported",
    "ahead_bytes",
    "daily_files",
    "default_address",
    "drop_bundles",
    "export_log",
    "files_naming",
    "keep_bundle",
    "kept_bundle",
    "kept_bundles",
    "limit_bytes",
    "log_required",
    "logged_request",
    "migrate_daily_files",
    "open_store",
    "opened_log",
    "read_decisions",
    "requests_about",
    "require_log",
    "require_settings",
    "served_tables",
]
