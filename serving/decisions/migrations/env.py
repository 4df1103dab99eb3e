"""What Alembic runs: the migrations, over the connection that the store hands it."""

from __future__ import annotations

from alembic import context

__all__: list[str] = []

context.configure(connection=context.config.attributes["connection"], version_table="decisions_version")
context.run_migrations()
