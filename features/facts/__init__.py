"""Facts: a marketplace's tables as day-grained integer sums that can be read as of any day."""

__all__: list[str] = []
