"""The mechanisms of a simulated marketplace: who is there, what they do, what sells, and the truth of it."""

__all__: list[str] = []
