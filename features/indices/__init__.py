"""The eight handcrafted indices, 0..100: declarations, evidence, shrinkage, peers, values and cards."""

__all__: list[str] = []
