"""What is learned from: labels, the rows of the heads, and splits by time."""

__all__: list[str] = []
