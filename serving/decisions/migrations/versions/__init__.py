"""The steps from an empty store to the one that this code reads, oldest first by their revisions."""

__all__: list[str] = []
