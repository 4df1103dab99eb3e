"""Time: two clocks on whole days, when a thing happened and when it could be known (bitemporal)."""

__all__: list[str] = []
