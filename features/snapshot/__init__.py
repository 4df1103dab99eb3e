"""The snapshot: every creator's signals and indices as of one day, to rank from."""

__all__: list[str] = []
