"""Alembic's migrations of the decision log's store; `serving.decisions.store` runs them when it opens one."""

__all__: list[str] = []
