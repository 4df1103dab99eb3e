"""What a simulated marketplace writes down: the contract's tables, as a real one would hand them over."""

__all__: list[str] = []
