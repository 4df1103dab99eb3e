"""The first tables: decisions, who was shown, events, erasures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "decisions",
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("unseen", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("logged_at", sa.BigInteger, nullable=False),
        sa.Column("model_version", sa.Text),
        sa.Column("bundle_sha256", sa.Text),
        sa.Column("snapshot_sha256", sa.Text),
        sa.Column("key_id", sa.Text),
        sa.Column("brand_id", sa.Text),
        sa.Column("campaign_id", sa.Text),
        sa.Column("arm", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("decisions_logged_at", "decisions", ["logged_at"])
    op.create_index("decisions_brand_id", "decisions", ["brand_id"])
    op.create_table(
        "shown",
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("unseen", sa.String(64), primary_key=True),
        sa.Column("creator_id", sa.String(256), primary_key=True),
        sa.Column("position", sa.Integer),
        sa.Column("slot", sa.Text),
        sa.Column("policy", sa.Text),
        sa.Column("propensity", sa.Double),
        sa.Column("score", sa.Double),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("vector", sa.LargeBinary),
    )
    op.create_index("shown_creator_id", "shown", ["creator_id"])
    op.create_table(
        "events",
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("creator_id", sa.String(256), primary_key=True),
        sa.Column("event", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger),
        sa.Column("logged_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("events_creator_id", "events", ["creator_id"])
    op.create_index("events_logged_at", "events", ["logged_at"])
    op.create_table(
        "erasures",
        sa.Column("creator_sha256", sa.String(64), primary_key=True),
        sa.Column("erased_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Take them away."""
    for table in ("erasures", "events", "shown", "decisions"):
        op.drop_table(table)
