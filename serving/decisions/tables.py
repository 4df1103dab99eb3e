"""The store's tables, as `serving.decisions.migrations` makes them; instants are microseconds since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, String, Table, Text

__all__ = ["DECISIONS", "ERASURES", "EVENTS", "METADATA", "SHOWN"]

METADATA = MetaData()

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("request_id", String(64), primary_key=True),
    Column("unseen", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("logged_at", BigInteger, nullable=False),
    Column("model_version", Text),
    Column("bundle_sha256", Text),
    Column("snapshot_sha256", Text),
    Column("key_id", Text),
    Column("brand_id", Text),
    Column("campaign_id", Text),
    Column("arm", Text),
    Column("body", Text, nullable=False),
    Index("decisions_logged_at", "logged_at"),
    Index("decisions_brand_id", "brand_id"),
)
"""A request that was answered; ``unseen`` is empty, or the arm that ranked it for the log alone; ``body`` is the rest
of its line as JSON."""

SHOWN = Table(
    "shown",
    METADATA,
    Column("request_id", String(64), primary_key=True),
    Column("unseen", String(64), primary_key=True),
    Column("creator_id", String(256), primary_key=True),
    Column("position", Integer),
    Column("slot", Text),
    Column("policy", Text),
    Column("propensity", Double),
    Column("score", Double),
    Column("body", Text, nullable=False),
    Column("vector", LargeBinary),
    Index("shown_creator_id", "creator_id"),
)
"""A creator in an answer, or in a list ranked unseen; ``vector`` is what was scored, float64, low byte first."""

EVENTS = Table(
    "events",
    METADATA,
    Column("request_id", String(64), primary_key=True),
    Column("creator_id", String(256), primary_key=True),
    Column("event", String(32), primary_key=True),
    Column("at", BigInteger),
    Column("logged_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("events_creator_id", "creator_id"),
    Index("events_logged_at", "logged_at"),
)
"""What came of a creator in an answer: one row an event, however often it is told."""

ERASURES = Table(
    "erasures",
    METADATA,
    Column("creator_sha256", String(64), primary_key=True),
    Column("erased_at", BigInteger, nullable=False),
)
"""Creators whose rows were erased, by the hash of their ids: what was logged before and comes later is left out."""
