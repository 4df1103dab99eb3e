"""Worlds: the parameters of a simulated marketplace, and the families that depart from the baseline."""

__all__: list[str] = []
